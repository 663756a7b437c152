/*
 * bench_times.h - the clock of the benchmark programs, and what they print of many times.
 */
#ifndef FFSHM_BENCH_TIMES_H
#define FFSHM_BENCH_TIMES_H

#include <stdbool.h>

/* CLOCK_MONOTONIC: the same in all processes. */
double bench_now_us(void);

/* One JSON line: min, median, p90, p99, max. Sorts the times. */
void bench_report(const char *bench, const char *what, unsigned flags, double *us, unsigned n);
/* The same, or (json false) as a line for people. */
void bench_tell(const char *bench, const char *what, unsigned flags, double *us, unsigned n,
                bool json);

#endif
