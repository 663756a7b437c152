/*
 * sink.h - where the collector hands on what it reads: deliver.h as a table, so that whoever links
 * the collector need not link a delivery.
 */
#ifndef FFSHM_AGENT_SINK_H
#define FFSHM_AGENT_SINK_H

#include "../deliver/deliver.h"
#include "collector.h"

/* Each as the function of deliver.h that has its name. */
struct collector_sink {
    void *arg;
    void (*event)(void *arg, const struct deliver_event *event);
    void (*count)(void *arg, const struct deliver_count *count);
    void (*seen)(void *arg, const struct deliver_seen *seen);
    void (*dropped)(void *arg, uint64_t events);
    int (*keep)(void *arg);
    int (*flush)(void *arg);
    void (*committed)(void *arg);
    void (*revert)(void *arg);
};

/* NULL: a sink that takes everything and keeps nothing. */
struct collector_sink collector_sink_of_deliver(struct deliver *deliver);

/* collector_new with a sink, which is copied; what it points to is borrowed. */
struct collector *collector_new_sink(struct event_base *base, struct storage *storage,
                                     const struct collector_sink *sink,
                                     const struct collector_options *options, struct fault *fault);

#endif
