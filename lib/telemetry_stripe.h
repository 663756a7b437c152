/*
 * telemetry_stripe.h - which counters a thread adds to.
 */
#ifndef FFSHM_TELEMETRY_STRIPE_H
#define FFSHM_TELEMETRY_STRIPE_H

#include <stdint.h>

/* The calling thread's stripe, never 0: one of its own, or the shared one while all have a living
   owner; that is tried again once a window. Makes system calls when it has none of its own. */
uint32_t telemetry_stripe_claim(uint64_t window);

#endif
