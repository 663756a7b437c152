/*
 * fleet_state.h - what a fleet's parts share. For fleet*.c.
 */
#ifndef FFSHM_AGENT_FLEET_STATE_H
#define FFSHM_AGENT_FLEET_STATE_H

#include <hiredis/hiredis.h>

#include "fleet.h"
#include "fleet_keys.h"
#include "fleet_replica.h"

enum fleet_stage {
    FLEET_AWAY,      /* not connected */
    FLEET_LOOKING,   /* compares positions, or waits to */
    FLEET_READING,   /* the fleet's whole state comes */
    FLEET_BRINGING,  /* ours goes there */
    FLEET_PUSHING,   /* records that Redis has lost go there */
    FLEET_FOLLOWING, /* up to date */
    FLEET_FOREIGN,   /* it has another history */
};

#define FLEET_UNKNOWN INT64_MAX

/* Between propose and the fleet's answer. */
struct fleet_proposal {
    struct fleet_record record; /* bytes NULL: none */
    struct fleet_position base;
    char chain[FLEET_CHAIN]; /* after it */
    bool sent;
    int64_t sent_ms;
    uint64_t number;   /* of its sending: answers to earlier ones may be on their way */
    bool lost;         /* no answer came */
    unsigned losses;   /* of answers */
    bool is_behind;    /* others were first */
    int64_t behind;    /* what is to be caught up with */
    uint64_t replaced; /* f->replaced, when it was sent: a whole state does not tell of records */
};

struct fleet {
    struct event_base *base;
    struct fleet_owner owner;
    struct redis_url url; /* a copy */
    struct fleet_keys keys;
    char *ca_file;
    char *host;           /* HOST/NODE: who makes records */
    char id[FLEET_CHAIN]; /* of this run of this agent */
    struct fleet_replica replica;
    struct storage_agreement agreement;
    struct turns turns;

    struct redis_link *link;   /* commands */
    struct redis_link *reader; /* the log */
    enum fleet_stage stage;
    struct fault trouble;
    bool troubled;

    bool looking;        /* the head is asked for */
    bool rereads;        /* and then everything */
    int64_t looked_from; /* our number, when it was asked for */
    int64_t patience_ms; /* before a state is brought back: others may be quicker */
    bool reading_log;    /* an XREAD is on its way */
    bool was_following;  /* in this run */
    bool alarmed;        /* foreign, or emptied: logged */
    int64_t empty_since; /* when Redis was first seen without a fleet, monotonic; 0: it is not */
    int64_t away_since;  /* monotonic ms; 0: connected */
    int64_t turns_from;  /* no turn before: others bring back first what Redis has lost */
    int64_t known;       /* the highest number that Redis has told; FLEET_UNKNOWN: to be asked */
    int64_t read_known;  /* the same, when the log was asked */
    unsigned failures;   /* in a row */
    int64_t leave_ms;    /* before the links are made anew; 0: at once */
    struct event *tick;  /* each FLEET_TICK_MS */
    struct event *soon;  /* links are made anew */

    struct turn *first; /* who waits */
    struct turn *last;
    struct turn *current;
    struct turn left; /* in the place of one that is not interested any more */
    struct fleet_proposal proposal;
    struct event *grant;
    uint64_t sent; /* proposals, and their answers, which come in the same order */
    uint64_t answered;

    unsigned pushing;  /* records whose answers are due */
    struct turn again; /* fleet_again.c's */
    int64_t again_number;
    bool again_asks;
    struct fleet_read *read;   /* stage READING */
    struct fleet_bring *bring; /* stage BRINGING */
    bool leads;
    bool leasing; /* it is asked for, since leased_ms */
    int64_t leased_ms;
    int64_t lease_ms; /* until when it is ours, monotonic */
    uint64_t applied; /* records, in this run */
    uint64_t overtaken;
    uint64_t restored;
    uint64_t replaced;
};

#define FLEET_RECORD_MOST (64u << 20) /* bytes */
#define FLEET_TICK_MS 1000
#define FLEET_FOUND_MS 2000  /* Redis has no fleet for so long: a host without one begins it */
#define FLEET_CALM_MS 1500   /* after a state was put into Redis: who has more looks each second */
#define FLEET_GRACE_MS 1000  /* after a connection was lost: no turns */
#define FLEET_WAIT_MS 2500   /* for a turn, without the fleet */
#define FLEET_QUEUE_MS 10000 /* the same with it: others are first */
#define FLEET_ANSWER_MS 8000 /* for what was proposed */

int64_t fleet_now_ms(void);
int64_t fleet_wall_ms(void);

/* ---- fleet.c */
/* Compares positions (again), after ms. */
void fleet_look(struct fleet *f);
void fleet_set_trouble(struct fleet *f, const struct fault *fault);
void fleet_clear_trouble(struct fleet *f);
/* The stage ended badly: look again later. */
void fleet_failed(struct fleet *f, const struct fault *fault);
/* What an answer says that is not what was asked for; false: it is an answer. A server that cannot
   write any more is left. */
bool fleet_refused(struct fleet *f, const redisReply *reply, const struct fault *lost,
                   struct fault *fault);
/* A whole state, or records, came in. */
void fleet_came(struct fleet *f);
/* Up to date: follows the log from here. */
void fleet_follow(struct fleet *f);
/* EVAL: script, its keys, its arguments. */
struct fleet_words {
    const char **words;
    size_t *lengths;
    size_t count;
    size_t room;
    bool failed;
};
void fleet_word(struct fleet_words *w, const void *bytes, size_t length);
void fleet_word_text(struct fleet_words *w, const char *text);
/* Sends, and forgets the words (not what they point at). */
int fleet_words_send(struct fleet *f, struct fleet_words *w, redis_reply_fn *fn, void *arg);

/* Is it up to date, and may it change something? */
bool fleet_may_change(const struct fleet *f);

/* ---- fleet_commit.c: a record to the log */
enum fleet_commit { FLEET_CHANGE, FLEET_PUSH };
int fleet_commit_send(struct fleet *f, enum fleet_commit what, const struct fleet_position *base,
                      const char *chain, const void *record, size_t length, redis_reply_fn *fn,
                      void *arg);
/* Pushes the records that Redis has lost, from its position. */
void fleet_push(struct fleet *f, const struct fleet_position *theirs);

/* ---- fleet_turns.c */
int fleet_turns_init(struct fleet *f);
void fleet_turns_free(struct fleet *f);
/* Something has changed that turns depend on. */
void fleet_turns_look(struct fleet *f);
/* A record came in: perhaps the one that was proposed. */
void fleet_turns_came(struct fleet *f, const struct fleet_record_head *head);

/* ---- fleet_read.c, fleet_bring.c: whole states */
void fleet_read_begin(struct fleet *f, const struct fleet_position *theirs);
void fleet_read_stop(struct fleet *f);
/* over: what it may replace; NULL: nothing. at: what it is then. */
void fleet_bring_begin(struct fleet *f, const struct fleet_position *over,
                       const struct fleet_position *at);
void fleet_bring_stop(struct fleet *f);

/* ---- fleet_again.c: records of our own that Redis has lost, and others have gone past */
struct fleet_own;
/* Before our state is replaced: what this host has brought lately. NULL: nothing. */
struct fleet_own *fleet_own_collect(struct fleet *f);
/* Within the transaction that replaces it, at its end: what is not among it is to be brought again.
   0 or -1 with *fault. */
int fleet_own_keep(struct fleet *f, const struct fleet_own *own, struct fault *fault);
void fleet_own_free(struct fleet_own *own);
void fleet_again_init(struct fleet *f);
/* Brings what is to be brought again, one in a turn. */
void fleet_again(struct fleet *f);

/* ---- fleet_log.c: entries of the stream */
/* Of XRANGE's and XREAD's answers. 0, or -1: it is no entry of ours. */
int fleet_log_entry(const redisReply *entry, struct fleet_entry *out);
void fleet_log_follow(struct fleet *f);

/* ---- fleet_lease.c */
void fleet_lease_tick(struct fleet *f);

#endif
