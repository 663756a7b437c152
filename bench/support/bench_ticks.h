/*
 * bench_ticks.h - the processor's own counter, for times of some nanoseconds.
 *
 * What stands between the two reads is executed between them: none of it before the first is done,
 * and the second waits for all of it. Both together have a cost of their own, which is the caller's
 * to subtract: bench_ticks_open tells it.
 */
#ifndef FFSHM_BENCH_TICKS_H
#define FFSHM_BENCH_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#elif !defined(__aarch64__)
#include "bench_clock.h"
#endif

static inline uint64_t bench_ticks_begin(void)
{
#if defined(__x86_64__)
    _mm_lfence();
    const uint64_t now = __rdtsc();
    _mm_lfence();
    return now;
#elif defined(__aarch64__)
    uint64_t now;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(now) : : "memory");
    return now;
#else
    return (uint64_t)bench_now_ns();
#endif
}

static inline uint64_t bench_ticks_end(void)
{
#if defined(__x86_64__)
    unsigned cpu;
    const uint64_t now = __rdtscp(&cpu);
    _mm_lfence();
    return now;
#else
    return bench_ticks_begin();
#endif
}

struct bench_ticks {
    double per_ns;
    uint64_t cost; /* ticks that an empty measurement takes, in the median */
    uint64_t step; /* by which the counter goes on: no two times differ by less */
};

/* Looks at the counter for a tenth of a second. */
struct bench_ticks bench_ticks_open(void);

#endif
