#include "bench_area.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE ((size_t)2 << 20)

static size_t whole(size_t bytes)
{
    return (bytes + HUGE - 1) / HUGE * HUGE;
}

/* How many bytes of the mapping at `memory` the kernel says to have in huge pages. */
static size_t huge_bytes(const void *memory)
{
    char line[512];
    unsigned long long kib = 0;
    bool here = false;
    FILE *f = fopen("/proc/self/smaps", "re");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long long from;
        unsigned long long to;
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2) {
            here = from <= (uintptr_t)memory && (uintptr_t)memory < to;
        } else if (here && sscanf(line, "AnonHugePages: %llu", &kib) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return (size_t)kib * 1024;
}

bool bench_area_open(struct bench_area *a, size_t bytes, bool huge)
{
    *a = (struct bench_area){.bytes = whole(bytes)};
    uint8_t *all =
        mmap(NULL, a->bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) {
        return false;
    }
    uint8_t *memory = (uint8_t *)whole((uintptr_t)all);
    if (memory > all) {
        munmap(all, (size_t)(memory - all));
    }
    munmap(memory + a->bytes, HUGE - (size_t)(memory - all));
    madvise(memory, a->bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memset(memory, 0, a->bytes);
    a->memory = memory;
    a->huge = huge && huge_bytes(memory) >= a->bytes / 10 * 9;
    return true;
}

void bench_area_close(struct bench_area *a)
{
    if (a->memory) {
        munmap(a->memory, a->bytes);
    }
    *a = (struct bench_area){.memory = NULL};
}
