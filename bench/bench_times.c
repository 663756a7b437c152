#include "bench_times.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double bench_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_report(const char *bench, const char *what, unsigned flags, double *us, unsigned n)
{
    qsort(us, n, sizeof(us[0]), ascending);
    printf("{\"bench\":\"%s\",\"case\":\"%s\",\"flags\":%u,\"min_us\":%.1f,\"median_us\":%.1f,"
           "\"p99_us\":%.1f,\"max_us\":%.1f,\"rounds\":%u}\n",
           bench, what, flags, us[0], us[n / 2], us[n * 99 / 100], us[n - 1], n);
    fflush(stdout);
}
