/*
 * bench_clock.h - the clock of the bench: CLOCK_MONOTONIC, the same in all processes.
 */
#ifndef FFSHM_BENCH_CLOCK_H
#define FFSHM_BENCH_CLOCK_H

#include <time.h>

static inline double bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#endif
