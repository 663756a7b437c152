#include "bench_ticks.h"

#include <stdlib.h>

#include "bench_clock.h"

#define LOOK_NS 1e8
#define EMPTY 100001u

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of sorted times. */
static uint64_t least_difference(const uint64_t *times, unsigned count)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 1; i < count; i++) {
        const uint64_t difference = times[i] - times[i - 1];
        least = difference > 0 && difference < least ? difference : least;
    }
    return least < UINT64_MAX ? least : 0;
}

struct bench_ticks bench_ticks_open(void)
{
    static uint64_t empty[EMPTY];
    const double start_ns = bench_now_ns();
    const uint64_t start = bench_ticks_begin();
    for (unsigned i = 0; i < EMPTY; i++) {
        const uint64_t begin = bench_ticks_begin();
        empty[i] = bench_ticks_end() - begin;
    }
    qsort(empty, EMPTY, sizeof empty[0], ascending);
    while (bench_now_ns() - start_ns < LOOK_NS) {
    }
    const double took_ns = bench_now_ns() - start_ns;
    const uint64_t took = bench_ticks_end() - start;
    return (struct bench_ticks){(double)took / took_ns, empty[EMPTY / 2],
                                least_difference(empty, EMPTY)};
}
