/*
 * fleet_sums.h - a fleet's totals (fleet_totals.h), read and summed up for who looks on.
 *
 * Counting begins with the minute of the first question. Minutes that are over for a while are not
 * read again; who asks no more for FLEET_SUMS_IDLE_S begins anew.
 */
#ifndef FFSHM_AGENT_FLEET_SUMS_H
#define FFSHM_AGENT_FLEET_SUMS_H

#include <event2/event.h>

#include "fleet_cells.h"
#include "fleet_totals.h"

#define FLEET_SUMS_IDLE_S 30

struct fleet_sums;

struct fleet_sums *fleet_sums_new(struct event_base *base, const struct fleet_totals_options *of);
/* Who waits is told: no answer. */
void fleet_sums_free(struct fleet_sums *s);

/* cells NULL: there is no answer, *fault says why. since_ms: when counting began, wall clock. */
typedef void fleet_sums_fn(void *arg, const struct fleet_cells *cells, int64_t since_ms,
                           const struct fault *fault);
/* 0: fn is called once, later, never from within. -1 with *fault: it cannot be asked, or too many
   ask. */
int fleet_sums_ask(struct fleet_sums *s, fleet_sums_fn *fn, void *arg, struct fault *fault);
/* That one does not wait any more. */
void fleet_sums_forget(struct fleet_sums *s, const void *arg);

#endif
