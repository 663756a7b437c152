/*
 * histogram.h - a histogram of times, as HdrHistogram's: three significant digits, whatever the
 * magnitude.
 *
 * Values below 2048 have a slot each; from there on every power of two has 1024 equal slots. So a
 * slot is never wider than a thousandth of its values, and to record is a shift and an addition.
 * HdrHistogram's C library is no package of Debian 12, and the bench fetches nothing; this is the
 * part of it that is used here.
 */
#ifndef FFSHM_BENCH_HISTOGRAM_H
#define FFSHM_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_HALF 1024u                     /* slots a power of two */
#define HISTOGRAM_SHIFTS 32u                     /* powers of two above the first 2048 values */
#define HISTOGRAM_MOST ((UINT64_C(1) << 42) - 1) /* larger values count as this one */
#define HISTOGRAM_SLOTS ((HISTOGRAM_SHIFTS + 1) * HISTOGRAM_HALF)

/* All zero: empty. */
struct histogram {
    uint64_t total;
    uint64_t max;
    uint64_t counts[HISTOGRAM_SLOTS];
};

static inline unsigned histogram_slot(uint64_t value)
{
    const unsigned bits = 63 - (unsigned)__builtin_clzll(value | (HISTOGRAM_HALF * 2 - 1));
    const unsigned shift = bits - 10;
    return shift * HISTOGRAM_HALF + (unsigned)(value >> shift);
}

static inline void histogram_add(struct histogram *h, uint64_t value)
{
    const uint64_t kept = value < HISTOGRAM_MOST ? value : HISTOGRAM_MOST;
    h->counts[histogram_slot(kept)]++;
    h->total++;
    h->max = kept > h->max ? kept : h->max;
}

/* The value that this fraction of all is at or below, at most as much too high as its slot is wide;
   0 when there is none. */
uint64_t histogram_at(const struct histogram *h, double fraction);
/* How many are above the slot of this value. */
uint64_t histogram_above(const struct histogram *h, uint64_t value);

#endif
