/*
 * backoff.h - how long to wait before trying again, after how many failures of which kind.
 *
 * LaunchDarkly's rule: the delay doubles from a base up to a ceiling, and up to half of it is taken
 * off at random, so that a fleet does not come back at once. A failure that trying again will
 * hardly mend (a key that is not accepted) moves to a second, much longer regime, which only
 * backoff_reset leaves.
 */
#ifndef FFSHM_AGENT_SOURCE_BACKOFF_H
#define FFSHM_AGENT_SOURCE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff_regime {
    int64_t base_ms; /* the first delay */
    int64_t ceiling_ms;
};

struct backoff {
    struct backoff_regime normal;
    struct backoff_regime extended;
    bool is_extended;
    unsigned failures; /* in a row */
    uint64_t random;   /* state; any number */
};

/* Seeds the jitter from the kernel. A ceiling below its base is raised to it. */
void backoff_init(struct backoff *b, struct backoff_regime normal, struct backoff_regime extended);
/* Counts a failure; returns the delay before the next attempt, in ms. */
int64_t backoff_failed(struct backoff *b, bool unexpected);
/* All is well again. */
void backoff_reset(struct backoff *b);
/* The peer says what the normal base is. */
void backoff_rebase(struct backoff *b, int64_t base_ms);

#endif
