/*
 * collector.h - reads what processes tell (lib/telemetry_file.h), and hands it on.
 *
 * Finds the files below telemetry/ (inotify, and a look now and then), reads them with pread as if
 * they came from a network, remembers how far (in storage, in the same transaction as what came of
 * it), tells each process by `acks` what room its ring has, and drains and removes the files of
 * processes that are gone.
 */
#ifndef FFSHM_AGENT_COLLECTOR_H
#define FFSHM_AGENT_COLLECTOR_H

#include <event2/event.h>

#include "../deliver/deliver.h"
#include "../storage/storage.h"

struct collector;

struct collector_options {
    const char *dir;        /* the store's */
    uint64_t store_epoch;   /* of its control page */
    int64_t flush_ms;       /* 0: 5 s */
    unsigned files_per_uid; /* 0: 1024; others are not read, and told */
    unsigned files_most;    /* 0: 8192 */
    bool has_events;        /* rings are read; without it only counters */
    /* Not NULL: programs may ask for memberships of big segments, in rings that are read then, and
       soon. Called from within a reading. */
    void (*asked)(void *arg, const char *key);
    void *asked_arg;
    uint32_t ring_bytes; /* of the rings that processes make; 0: TELEMETRY_RING_DEFAULT */
    bool passes_over;    /* what is there at the start: it was told for somebody else */
    /* Stores the word into the control page (telemetry_window), with release. */
    void (*set_window)(void *arg, uint64_t window);
    void *arg;
};

/* Makes telemetry/ and acks where they are missing, loads what storage knows, opens the first
   window. deliver is borrowed. NULL and *fault. */
struct collector *collector_new(struct event_base *base, struct storage *storage,
                                struct deliver *deliver, const struct collector_options *options,
                                struct fault *fault);
/* Leaves the window open: programs go on counting, and the next agent finds what they counted.
   Reads nothing more. */
void collector_free(struct collector *c);

/* Collects and flushes now: what every process had stored before the call is in a payload (or
   already sent) when it returns 0; -1: storage failed, logged, nothing lost. */
int collector_flush(struct collector *c);

/* Contexts are to be told anew: the epoch in the window word grows. */
void collector_forget_contexts(struct collector *c);

struct collector_stats {
    uint64_t rounds, flushes, records, malformed, evaluations;
    uint64_t dropped_events, dropped_counts; /* told by processes */
    uint32_t files, refused_files;           /* now */
};
void collector_stats(const struct collector *c, struct collector_stats *out);

#endif
