/*
 * routes_rates.h - /rates: how often each flag is evaluated, for who looks on.
 */
#ifndef FFSHM_AGENT_ROUTES_RATES_H
#define FFSHM_AGENT_ROUTES_RATES_H

#include "../admin/admin_server.h"
#include "../collect/rates.h"
#include "evaluate_store.h"

struct routes_rates {
    struct evaluate_store *store; /* borrowed */
    struct rates *rates;          /* NULL: nobody has asked for a while */
    int64_t since_ms;             /* wall clock: of its first sample */
    int64_t sampled_ms;           /* CLOCK_MONOTONIC: of the last */
    struct event *timer;          /* lets it go */
};

/* Must stay. 0, or -1: no memory. */
int routes_rates_add(struct routes_rates *r, struct admin_server *server);
void routes_rates_close(struct routes_rates *r);

#endif
