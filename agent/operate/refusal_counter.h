/*
 * refusal_counter.h - which refusals are told one by one, and how often there were those that are
 * not: whoever may do nothing must not be able to fill the disk or the log either.
 *
 * The first refusal of a source with a code is told at once. Those that follow are counted, and
 * told as one when the minute is over. All that is told takes from one bucket: `burst` at once, and
 * one each every_ms in the long run. What is not told for that reason waits in its row; where there
 * is no row left it is counted alone, and that number goes with the next that is told.
 *
 * Only memory: no clock, no storage.
 */
#ifndef FFSHM_AGENT_REFUSAL_COUNTER_H
#define FFSHM_AGENT_REFUSAL_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REFUSAL_ROWS 64u
#define REFUSAL_TEXT 208 /* bytes of each text, with its NUL; what is longer is cut */

struct refusal_limits {
    int64_t window_ms; /* repeats are told as one so often: a minute */
    int64_t every_ms;  /* 10 s */
    unsigned burst;    /* 60 */
};
extern const struct refusal_limits refusal_limits_standard;

/* What is refused, or what is told of it. */
struct refusal {
    char source[64];  /* "uid 1000", "192.0.2.1" */
    const char *code; /* static, as "token_unknown" */
    unsigned status;
    char actor[REFUSAL_TEXT];
    char authenticated[REFUSAL_TEXT];
    char target[REFUSAL_TEXT]; /* "GET /api/v1/status": of several the last one's, as the actor */
    uint64_t times;            /* 1: told at once */
    int64_t since_ms;          /* of the first of them, and of the last one; the caller's clock */
    int64_t until_ms;
};

struct refusal_row {
    struct refusal refusal; /* times: counted since it was told last; 0: none */
    int64_t ends_ms;        /* of the minute; INT64_MIN: the row is free */
};

struct refusal_counter {
    struct refusal_limits limits;
    struct refusal_row rows[REFUSAL_ROWS];
    uint64_t suppressed; /* that have no row; whoever tells the next one tells it, and clears it */
    int64_t budget_ms;   /* every_ms for each that may be told */
    int64_t filled_ms;   /* up to when that was counted */
};

void refusal_counter_init(struct refusal_counter *c, const struct refusal_limits *limits,
                          int64_t now_ms);
/* One more: r->times is 1. true: tell it now. now_ms: of a monotonic clock, as above and below. */
bool refusal_counter_take(struct refusal_counter *c, const struct refusal *r, int64_t now_ms);

/* What is due is told to fn, as far as the limits allow; or, all, whatever was counted. */
typedef void refusal_tell_fn(void *arg, const struct refusal *r);
void refusal_counter_tell(struct refusal_counter *c, int64_t now_ms, bool all, refusal_tell_fn *fn,
                          void *arg);
/* Is anything to be told later? */
bool refusal_counter_pending(const struct refusal_counter *c);

#endif
