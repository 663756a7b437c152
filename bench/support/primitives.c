#include "primitives.h"

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "ffshm.h"
#include "sha1_steps.h"

/* A line of its own; two, for processors that fetch pairs. */
static _Alignas(128) struct {
    uint64_t plain;
    uint8_t rest[120];
    _Atomic uint64_t shared;
    uint8_t more[120];
} lines;
static _Atomic uint64_t sink;

static void keep(uint64_t result)
{
    atomic_store_explicit(&sink, result, memory_order_relaxed);
}

static void add(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        lines.plain++;
        __asm__ volatile("" : "+m"(lines.plain)); /* each one in memory */
    }
}

static void add_atomically(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        atomic_fetch_add_explicit(&lines.shared, 1, memory_order_relaxed);
    }
}

/* A key where the hash before says that it is, which is always the same place. */
static void hash(unsigned n)
{
    static const char key[32] = "sixteen-byte-key";
    uint64_t mask = 0;
    uint64_t h = 0;
    __asm__("" : "+r"(mask)); /* for all that the compiler knows */
    for (unsigned i = 0; i < n; i++) {
        h = XXH3_64bits(key + (h & mask), 16);
    }
    keep(h);
}

SHA1_STEPS_TARGET static void one_block(unsigned n)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < n; i++) {
        state = sha1_steps(state, 1);
    }
    keep(state);
}

SHA1_STEPS_TARGET static void two_blocks(unsigned n)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < n; i++) {
        state = sha1_steps(state, 2);
    }
    keep(state);
}

static void read_clock(unsigned n)
{
    struct timespec t = {.tv_nsec = 0};
    for (unsigned i = 0; i < n; i++) {
        clock_gettime(CLOCK_MONOTONIC, &t);
    }
    keep((uint64_t)t.tv_nsec);
}

#if defined(__x86_64__)
static void read_counter(unsigned n)
{
    uint64_t t = 0;
    for (unsigned i = 0; i < n; i++) {
        t += __builtin_ia32_rdtsc();
    }
    keep(t);
}
#elif defined(__aarch64__)
static void read_counter(unsigned n)
{
    uint64_t t = 0;
    for (unsigned i = 0; i < n; i++) {
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
    }
    keep(t);
}
#else
#define read_counter NULL
#endif

/* As a program calls its library, of a function that has nothing to do. */
static void call(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ffshm_unpin(NULL);
    }
}

const struct primitive *primitives(void)
{
    static const char no_sha1[] = "this processor has no instruction for SHA-1";
    static struct primitive list[] = {
        {"sha1-block", one_block, no_sha1},
        {"sha1-two-blocks", two_blocks, no_sha1},
        {"hash", hash, NULL},
        {"plain-add", add, NULL},
        {"atomic-add", add_atomically, NULL},
        {"call", call, NULL},
        {"clock", read_clock, NULL},
        {"cycle-counter", read_counter, NULL},
        {NULL, NULL, NULL},
    };
    if (sha1_steps_supported()) {
        list[0].absent = NULL;
        list[1].absent = NULL;
    }
    if (!list[7].run) {
        list[7].absent = "not known for this architecture";
    }
    return list;
}
