/*
 * rates.h - how often each flag is evaluated: what processes count, read a second time beside the
 * collector, for whoever looks on.
 *
 * Nothing is changed by it: files are opened for reading for a moment each, read with pread and
 * believed as little as the collector believes them; no lock is taken, no mark is stored, and
 * nothing is removed. A process that comes and goes between two samples is not seen.
 */
#ifndef FFSHM_AGENT_RATES_H
#define FFSHM_AGENT_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/fault.h"

#define RATES_FILES 8192u         /* processes */
#define RATES_FLAGS 65536u        /* keys */
#define RATES_COUNTERS (2u << 20) /* of all files together, 16 bytes each */

/* Since the first sample. */
struct rates_flag {
    const char *key;
    uint64_t evaluations; /* the sum of what follows */
    uint64_t fallback;    /* that served the caller's */
    uint64_t unknown;     /* when there was no such flag */
    const uint64_t *counts;
    size_t variations; /* of counts */
};

struct rates_stats {
    uint64_t evaluations;
    int64_t elapsed_ms;  /* from the first sample to the last */
    uint32_t processes;  /* in the last sample */
    uint32_t unreadable; /* whose files another user alone may read */
    bool cut;            /* there is more than the limits above allow */
};

struct rates;

/* The first sample counts nothing: it is where counting begins. NULL and *fault: telemetry/ is not
   there (*error is ENOENT), or cannot be read; no memory (ENOMEM). */
struct rates *rates_open(const char *dir, int *error, struct fault *fault);
void rates_free(struct rates *r);

/* One without files, that others count in. NULL: no memory. variation -1: the fallback. */
struct rates *rates_empty(void);
void rates_add(struct rates *r, const char *key, int64_t variation, bool unknown, uint64_t count);

/* Reads what there is now. */
void rates_sample(struct rates *r);
void rates_stats(const struct rates *r, struct rates_stats *out);

/* The number of flags that were evaluated; and one of them, borrowed until the next sample. */
size_t rates_count(const struct rates *r);
void rates_at(const struct rates *r, size_t at, struct rates_flag *out);

#endif
