/*
 * admin_delay.h - who failed to authenticate, how often, and how long the next refusal waits.
 *
 * Only refusals wait: whoever has a good token, also at the same source, is answered at once. The
 * table has a fixed size; a source that is forgotten starts anew.
 */
#ifndef FFSHM_AGENT_ADMIN_DELAY_H
#define FFSHM_AGENT_ADMIN_DELAY_H

#include "admin_peer.h"

#define ADMIN_DELAY_SETS 256u
#define ADMIN_DELAY_WAYS 4u
#define ADMIN_DELAY_FIRST_MS 50
#define ADMIN_DELAY_MOST_MS 2000
#define ADMIN_DELAY_FORGET_MS 600000 /* since the last failure */

struct admin_delay_entry {
    uint8_t source[ADMIN_SOURCE];
    uint32_t failures; /* 0: free */
    int64_t last_ms;
};

/* Begin with all 0 and a secret of the process (who knows it can choose which sources meet). */
struct admin_delays {
    uint64_t seed;
    uint64_t failures; /* of all sources, ever */
    struct admin_delay_entry entries[ADMIN_DELAY_SETS * ADMIN_DELAY_WAYS];
};

/* Counts a failure; returns how long its answer is to wait, in ms. now_ms: a monotonic clock. */
int64_t admin_delay_failed(struct admin_delays *d, const uint8_t source[ADMIN_SOURCE],
                           int64_t now_ms);
/* Failures of a source that are not forgotten. */
uint32_t admin_delay_failures(const struct admin_delays *d, const uint8_t source[ADMIN_SOURCE],
                              int64_t now_ms);

#endif
