/*
 * deliver.h - what collect feeds: counts and events of all processes, on their way to whoever wants
 * them. Behind it is LaunchDarkly's event delivery (launchdarkly_events.c).
 *
 * Exactly once, also through kill -9: the collector opens a storage transaction, hands over what is
 * new, asks to keep it (deliver_keep) or to make it a payload (deliver_flush), stores how far it
 * has read, and commits. Then deliver_committed sends. A payload has an id that stays the same
 * however often it is sent, so that the receiver counts it once. After a transaction that failed,
 * deliver_revert forgets what was handed over since the last commit; the collector will bring it
 * again.
 */
#ifndef FFSHM_AGENT_DELIVER_H
#define FFSHM_AGENT_DELIVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deliver;

enum deliver_type {
    DELIVER_EVALUATION, /* feature and/or debug event */
    DELIVER_INDEX,
    DELIVER_IDENTIFY,
    DELIVER_CUSTOM,
    DELIVER_MIGRATION,
};

/* Everything is borrowed for the call. Contexts are LaunchDarkly's context JSON, with private
   attributes in _meta.privateAttributes (literal names escaped as references). */
struct deliver_event {
    enum deliver_type type;
    bool feature; /* EVALUATION: which events it is to be */
    bool debug;
    bool has_version;
    int64_t time_ms;
    const char *key; /* of the flag, or of the custom event; NUL-terminated */
    int64_t version;
    int64_t variation;      /* -1: none, the fallback was served */
    json_t *value;          /* NULL: too large for a record, or (variation -1) the fallback */
    json_t *fallback;       /* NULL: none */
    const char *prereq_of;  /* NULL */
    json_t *reason;         /* LaunchDarkly's reason object; NULL: not to be sent */
    int64_t sampling_ratio; /* 1: every one */
    int64_t debug_until_ms; /* 0: none */
    json_t *data;           /* CUSTOM; NULL: none */
    const double *metric;   /* CUSTOM; NULL: none */
    const char *operation;  /* MIGRATION: "read", "write" */
    json_t *measurements;   /* MIGRATION: LaunchDarkly's array */
    json_t *context;
};

struct deliver_count {
    const char *key;
    int64_t version;
    int64_t variation; /* -1: the fallback was served */
    bool unknown;      /* no flag has this key; version and variation mean nothing */
    uint64_t count;
};

/* A flag was evaluated: what the summary says of it beside the counts. */
struct deliver_seen {
    const char *key;
    json_t *fallback;         /* as the first evaluation gave it; NULL: none */
    const char *const *kinds; /* of the context */
    size_t kind_count;
};

void deliver_event(struct deliver *d, const struct deliver_event *event);
void deliver_count(struct deliver *d, const struct deliver_count *count);
void deliver_seen(struct deliver *d, const struct deliver_seen *seen);
/* Told by processes, about events that found no room. */
void deliver_dropped(struct deliver *d, uint64_t events);

/* Inside a transaction. keep: events since the last call go to the spool. flush: everything since
   the last flush (counts, too) becomes a payload, if there is anything. 0, or -1: roll back. */
int deliver_keep(struct deliver *d);
int deliver_flush(struct deliver *d);
/* After it. */
void deliver_committed(struct deliver *d);
void deliver_revert(struct deliver *d);

#endif
