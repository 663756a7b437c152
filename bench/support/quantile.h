/*
 * quantile.h - of several times, the one that a fraction of them do not exceed.
 */
#ifndef FFSHM_BENCH_QUANTILE_H
#define FFSHM_BENCH_QUANTILE_H

#include <stddef.h>

void quantile_sort(double *values, size_t count);
/* Of sorted ones, at least one: 0 is the least, 0.5 the median, 1 the largest. */
double quantile_of(const double *sorted, size_t count, double fraction);

#endif
