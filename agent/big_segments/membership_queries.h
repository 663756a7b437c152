/*
 * membership_queries.h - asks the store for what readers want to know, and puts it into shared
 * memory; asks it now and then whether it is up to date.
 *
 * However many ask for a context, it is one query; at most QUERIES_SENT are under way, some
 * thousand wait. What cannot be asked now (the connection is down, too many wait) fails at once,
 * and failures are not kept: the next one who asks starts a query.
 */
#ifndef FFSHM_AGENT_MEMBERSHIP_QUERIES_H
#define FFSHM_AGENT_MEMBERSHIP_QUERIES_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "../redis/redis_link.h"
#include "memberships.h"

#define MEMBERSHIP_QUERIES_SENT 256u
#define MEMBERSHIP_QUERIES_WAITING 4096u

struct membership_queries;

struct membership_queries_options {
    struct memberships *memberships; /* borrowed */
    uint64_t set_seed;
    const struct redis_url *url;
    const char *ca_file; /* NULL: the system's */
    const char *name;    /* of the connection */
    const char *prefix;
    int64_t cache_ms;
    int64_t status_poll_ms;
    int64_t stale_after_ms;
};

/* Connects from the loop. NULL and *fault. */
struct membership_queries *membership_queries_new(struct event_base *base,
                                                  const struct membership_queries_options *options,
                                                  struct fault *fault);
void membership_queries_free(struct membership_queries *q);

/* A reader wants to know. */
void membership_queries_ask(struct membership_queries *q, const char *key, size_t length);

struct membership_queries_status {
    enum big_segments_status status;
    uint64_t last_up_to_date_ms; /* CLOCK_REALTIME; 0: not known */
    uint64_t since_ms;           /* CLOCK_REALTIME: when status became what it is */
    const char *trouble;         /* why it is UNAVAILABLE, borrowed; "": it is not */
    struct memberships_counts counts;
    size_t under_way; /* queries that are sent or wait */
};
void membership_queries_status(const struct membership_queries *q,
                               struct membership_queries_status *out);

#endif
