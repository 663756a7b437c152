/*
 * collector_state.h - the collector's inside: collector.c says when, collector_round.c does it,
 * collector_news.c tells of it.
 */
#ifndef FFSHM_AGENT_COLLECTOR_STATE_H
#define FFSHM_AGENT_COLLECTOR_STATE_H

#include "acks.h"
#include "collector.h"
#include "mark.h"
#include "sink.h"
#include "telemetry_files.h"

struct collector {
    struct event_base *base;
    struct storage *storage; /* NULL: nothing is kept */
    struct collector_sink sink;
    struct collector_options options; /* dir is owned */
    int store;
    int dir;
    int inotify; /* -1: there is none */
    uint64_t window;

    struct acks acks;
    struct marks *marks;
    struct telemetry_io io;
    struct telemetry_files files;
    uint64_t (*removed)[2]; /* files that are gone and whose marks are not yet */
    size_t removed_count;
    size_t removed_capacity;

    struct event *ring_timer;
    struct event *flush_timer;
    struct event *look_timer;
    struct event *death_timer;
    struct event *watch;
    int64_t ring_interval_ms;
    int64_t last_flush_ms; /* CLOCK_MONOTONIC, as all of these */
    int64_t next_scan_ms;
    unsigned catching_up; /* rounds before a flush so far */
    size_t next_file;     /* where the next round begins */
    bool backlog;         /* the last round left records that can be read */
    bool failing;         /* the last transaction failed, and that was told */

    struct collector_stats stats;
    struct {
        uint64_t events, counts, errors; /* not told yet */
        int64_t dropped_told_ms, errors_told_ms;
        uint8_t error; /* the last one of errors */
        uint8_t told_error;
        char error_key[29];
        char told_key[29];
    } news;
};

int64_t collector_now_ms(void);

/* ---- collector_round.c -------------------------------------------------------------------- */

/* Rings only, a part of each at most. true: something was read, and stored. */
bool collector_read_rings(struct collector *c);
/* Everything. wait: also for records that are being written just now. 0 or -1. */
int collector_flush_all(struct collector *c, bool wait);
/* The next window, in force from now on. */
void collector_open_window(struct collector *c);
/* Asks for a flush so many milliseconds from now, if none is due before. */
void collector_flush_within(struct collector *c, int64_t ms);

/* Its marks are deleted with the next transaction. false: no memory. */
bool collector_remember_removed(struct collector *c, const uint64_t id[2]);

/* ---- collector_news.c --------------------------------------------------------------------- */

/* A transaction that failed: once, until one succeeds. */
void collector_tell_failed(struct collector *c, const struct fault *fault);
void collector_tell_works(struct collector *c);
void collector_tell_refused(struct collector *c, enum telemetry_refusal why, uid_t uid);
/* What the tally says that people should know; now and then. */
void collector_tell_tally(struct collector *c);

#endif
