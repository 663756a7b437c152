/*
 * collect_fixture.h - a collector on a directory of the test's own, with a real storage and a sink
 * that records.
 */
#ifndef FFSHM_TESTS_COLLECT_FIXTURE_H
#define FFSHM_TESTS_COLLECT_FIXTURE_H

#include "collect/collector.h"
#include "recording_sink.h"
#include "telemetry_writer.h"

#define FIXTURE_EPOCH 77

struct collect_fixture {
    char dir[64];
    char database[96];
    struct event_base *base;
    struct storage *storage;
    struct recording_sink sink;
    struct collector_options options; /* may be changed before fixture_start */
    struct collector *collector;
    uint64_t window;  /* the last word that was set */
    unsigned windows; /* how many were */
    bool without_storage;
};

/* All of them exit(1) on failure. */
void fixture_init(struct collect_fixture *f);
/* Opens the storage and starts the collector. */
void fixture_start(struct collect_fixture *f);
/* The same, which fails: false with *fault. */
bool fixture_try_start(struct collect_fixture *f, struct fault *fault);
/* The collector and the storage end; the files stay. */
void fixture_stop(struct collect_fixture *f);
void fixture_free(struct collect_fixture *f);

/* Lets the loop run for so long. */
void fixture_run(struct collect_fixture *f, int ms);
/* Lets it run until the condition holds, at most so long. */
typedef bool fixture_condition(struct collect_fixture *f, void *arg);
bool fixture_run_until(struct collect_fixture *f, fixture_condition *condition, void *arg, int ms);

struct collector_stats fixture_stats(struct collect_fixture *f);
bool fixture_exists(const struct collect_fixture *f, const char *name);
/* The marks that storage has. */
unsigned fixture_marks(struct collect_fixture *f);
/* What acks says of a file: false: it has no entry. */
bool fixture_ack(const struct collect_fixture *f, uint64_t id, uint64_t *position);

#endif
