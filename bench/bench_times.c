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

void bench_tell(const char *bench, const char *what, unsigned flags, double *us, unsigned n,
                bool json)
{
    static const char line[] =
        "{\"bench\":\"%s\",\"case\":\"%s\",\"flags\":%u,\"min_us\":%.1f,\"median_us\":%.1f,"
        "\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"rounds\":%u}\n";
    qsort(us, n, sizeof(us[0]), ascending);
    const double p90 = us[n * 90 / 100];
    const double p99 = us[n * 99 / 100];
    if (json) {
        printf(line, bench, what, flags, us[0], us[n / 2], p90, p99, us[n - 1], n);
    } else {
        printf("%-60s median %8.0f us   p90 %8.0f   p99 %8.0f   max %8.0f\n", what, us[n / 2], p90,
               p99, us[n - 1]);
    }
    fflush(stdout);
}

void bench_report(const char *bench, const char *what, unsigned flags, double *us, unsigned n)
{
    bench_tell(bench, what, flags, us, n, true);
}
