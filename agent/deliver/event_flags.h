/*
 * event_flags.h - the flags that a summary tells of, by key, and what is known of each; a
 * transaction's changes can be taken back.
 */
#ifndef FFSHM_AGENT_EVENT_FLAGS_H
#define FFSHM_AGENT_EVENT_FLAGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_counter {
    int64_t version;
    int64_t variation; /* -1: none */
    uint64_t count;
    json_t *value; /* NULL: not known (yet), or the default */
    bool unknown;
};

/* What is known of a flag, replaced as a whole when a transaction is taken back. */
struct event_flag_state {
    json_t *fallback; /* NULL: never told */
    json_t *kinds;    /* an array that is never changed, only replaced; NULL: never told */
    struct event_counter *counters;
    uint32_t counter_count;
    uint32_t counter_room;
    bool fallback_fresh; /* told since the last flush */
    bool kinds_fresh;
    bool unkept; /* changed since it was last put into the spool */
};

struct event_flag {
    struct event_flag *next; /* of the same bucket */
    struct event_flag *next_changed;
    uint64_t hash;
    int64_t touched_ms;
    struct event_flag_state now;
    struct event_flag_state before; /* at the last commit, if `changed` */
    bool changed;
    bool created; /* since the last commit */
    char key[];
};

struct event_flags {
    struct event_flag **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    struct event_flag *changed; /* since the last commit */
};

/* 0; -1: no memory. */
int event_flags_init(struct event_flags *flags);
void event_flags_free(struct event_flags *flags);

/* The flag, made if need be and ready to be changed. NULL: no memory, or (*full) there are `most`
   already, or a key that is not UTF-8. */
struct event_flag *event_flags_get(struct event_flags *flags, const char *key, size_t most,
                                   int64_t now_ms, bool *full);
/* Before the first change in a transaction. 0; -1: no memory, nothing may be changed. */
int event_flags_change(struct event_flags *flags, struct event_flag *flag);
/* Flags that nothing is counted of, and that were not got since then. Between transactions. */
void event_flags_forget(struct event_flags *flags, int64_t before_ms);

void event_flags_commit(struct event_flags *flags);
void event_flags_revert(struct event_flags *flags);

void event_flag_state_free(struct event_flag_state *state);
/* NULL: no memory. */
struct event_counter *event_counter_new(struct event_flag_state *state);

#endif
