/* sample.c - see sample.h. */
#include "sample.h"

#include <stdatomic.h>
#include <time.h>

#define GOLDEN_RATIO 0x9e3779b97f4a7c15ull /* 2^64 divided by it, odd: visits every state */

static _Atomic uint64_t state; /* 0: not seeded; processes must not all draw the same */

static uint64_t seed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const uint64_t clock = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    return (clock ^ (uint64_t)(uintptr_t)&t) | 1; /* the stack's address is random, too */
}

/* SplitMix64 (Steele, Lea and Flood, 2014): a counter, and a mixture of its bits. */
static uint64_t draw(void)
{
    if (atomic_load_explicit(&state, memory_order_relaxed) == 0) {
        uint64_t none = 0;
        atomic_compare_exchange_strong_explicit(&state, &none, seed(), memory_order_relaxed,
                                                memory_order_relaxed);
    }
    uint64_t z = atomic_fetch_add_explicit(&state, GOLDEN_RATIO, memory_order_relaxed);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

bool sample_one_in(int32_t ratio)
{
    return ratio == 1 || (ratio > 1 && draw() % (uint32_t)ratio == 0);
}
