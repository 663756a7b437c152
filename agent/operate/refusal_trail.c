#include "refusal_trail.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/audit.h"
#include "../log.h"

#define LOOKS 12 /* in each minute, for what is due */

struct refusal_trail {
    struct state_file *state;
    struct event *look; /* pending while something may become due */
    struct refusal_counter counter;
    int64_t complained_ms; /* when the log was told that an entry could not be kept */
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- telling -------------------------------------------------------------------------------- */

/* malloc'ed; NULL: no memory. since_ms 0: it is told at once, and its time is the entry's. */
static char *describe(const struct refusal *r, uint64_t suppressed)
{
    json_t *body = json_pack("{s:s, s:i, s:s}", "source", r->source, "status", (int)r->status,
                             "code", r->code);
    if (r->since_ms != 0) {
        json_object_set_new(body, "times", json_integer((json_int_t)r->times));
        json_object_set_new(body, "sinceMs", json_integer(r->since_ms));
        json_object_set_new(body, "untilMs", json_integer(r->until_ms));
    }
    if (suppressed > 0) {
        json_object_set_new(body, "suppressed", json_integer((json_int_t)suppressed));
    }
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static int append(struct refusal_trail *t, const struct refusal *r, const char *after,
                  struct fault *fault)
{
    struct storage_audit entry = {
        .time_ms = clock_ms(CLOCK_REALTIME),
        .actor = r->actor,
        .authenticated = r->authenticated,
        .action = "request.refused",
        .target = r->target,
        .after = after,
    };
    struct storage *s = state_file_make(t->state, fault);
    if (!s || storage_begin(s, fault) != 0) {
        return -1;
    }
    if (audit_append(s, &entry, fault) == 0 && storage_commit(s, fault) == 0) {
        return 0;
    }
    storage_rollback(s);
    return -1;
}

/* Into the trail; what cannot be kept is counted again, and the log is told, not each time. */
static void keep(struct refusal_trail *t, const struct refusal *r, uint64_t suppressed)
{
    struct fault fault = {0};
    const int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    char *after = describe(r, suppressed);
    if (!after) {
        fault_set(&fault, "", "", "out of memory");
    }
    if (!after || append(t, r, after, &fault) != 0) {
        t->counter.suppressed += suppressed + r->times;
        if (t->complained_ms == 0 || now_ms - t->complained_ms >= t->counter.limits.window_ms) {
            t->complained_ms = now_ms;
            log_fault(LOG_LEVEL_ERROR, "refusal-not-kept", &fault);
        }
    }
    free(after);
}

static void tell(void *arg, const struct refusal *r)
{
    struct refusal_trail *t = arg;
    const uint64_t suppressed = t->counter.suppressed;
    LOG_EVENT(LOG_LEVEL_WARNING, "admin-refused", log_text("source", r->source),
              log_text("actor", r->actor), log_text("authenticated", r->authenticated),
              log_text("request", r->target), log_number("status", r->status),
              log_text("code", r->code), log_number("times", (int64_t)r->times),
              log_number("suppressed", (int64_t)suppressed));
    t->counter.suppressed = 0;
    if (state_file_keeps(t->state)) {
        keep(t, r, suppressed);
    }
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void look_later(struct refusal_trail *t)
{
    const int64_t ms = t->counter.limits.window_ms / LOOKS;
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    if (refusal_counter_pending(&t->counter) && !evtimer_pending(t->look, NULL)) {
        (void)event_add(t->look, &wait); /* if not now, with the next refusal */
    }
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct refusal_trail *t = arg;
    (void)fd, (void)what;
    refusal_counter_tell(&t->counter, clock_ms(CLOCK_MONOTONIC), false, tell, t);
    look_later(t);
}

void refusal_trail_refused(void *arg, const struct admin_refusal *what)
{
    struct refusal_trail *t = arg;
    const int64_t now_ms = clock_ms(CLOCK_REALTIME);
    struct refusal r = {.code = what->error->code,
                        .status = what->error->status,
                        .times = 1,
                        .since_ms = now_ms,
                        .until_ms = now_ms};
    snprintf(r.source, sizeof r.source, "%s", what->source);
    snprintf(r.actor, sizeof r.actor, "%s", what->actor->name);
    snprintf(r.authenticated, sizeof r.authenticated, "%s", what->actor->authenticated);
    if (snprintf(r.target, sizeof r.target, "%s %s", what->method, what->path) >=
        (int)sizeof r.target) {
        memcpy(r.target + sizeof r.target - 4, "...", 4);
    }
    if (refusal_counter_take(&t->counter, &r, clock_ms(CLOCK_MONOTONIC))) {
        r.since_ms = 0;
        tell(t, &r);
    }
    look_later(t);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct refusal_trail *refusal_trail_new(struct event_base *base, struct state_file *state,
                                        const struct refusal_limits *limits)
{
    struct refusal_trail *t = calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    t->state = state;
    refusal_counter_init(&t->counter, limits, clock_ms(CLOCK_MONOTONIC));
    t->look = evtimer_new(base, on_look, t);
    if (!t->look) {
        free(t);
        return NULL;
    }
    return t;
}

void refusal_trail_free(struct refusal_trail *t)
{
    if (t) {
        refusal_counter_tell(&t->counter, clock_ms(CLOCK_MONOTONIC), true, tell, t);
        event_free(t->look);
        free(t);
    }
}
