#include "chase.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE 64u

struct line {
    struct line *next;
    uint8_t rest[LINE - sizeof(struct line *)];
};

/* ---- the caches ---------------------------------------------------------------------------- */

static bool read_word(unsigned index, const char *name, char word[32])
{
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%u/%s", index, name);
    FILE *f = fopen(path, "re");
    const bool read = f && fscanf(f, "%31s", word) == 1;
    if (f) {
        fclose(f);
    }
    return read;
}

/* What the kernel says goes first: of a cache that several groups of processors have one each of,
   sysconf may tell the sum. */
size_t chase_cache_bytes(int level)
{
    static const int names[] = {0, _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE,
                                _SC_LEVEL3_CACHE_SIZE};
    char word[32];
    for (unsigned i = 0; read_word(i, "level", word); i++) {
        size_t kib;
        if (word[0] == '0' + level && word[1] == '\0' && read_word(i, "type", word) &&
            strcmp(word, "Instruction") != 0 && read_word(i, "size", word) &&
            sscanf(word, "%zuK", &kib) == 1) {
            return kib * 1024;
        }
    }
    const long bytes = sysconf(names[level]);
    return bytes > 0 ? (size_t)bytes : 0;
}

/* ---- the cycle ----------------------------------------------------------------------------- */

/* Sattolo's shuffle: of all permutations only those that are one cycle. */
static void link_lines(struct line *lines, size_t count)
{
    uint64_t random = 1;
    for (size_t i = 0; i < count; i++) {
        lines[i].next = &lines[i];
    }
    for (size_t i = count - 1; i > 0; i--) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const size_t j = (size_t)((random >> 32) * i >> 32);
        struct line *const next = lines[i].next;
        lines[i].next = lines[j].next;
        lines[j].next = next;
    }
}

bool chase_open(struct chase *c, size_t bytes, bool huge)
{
    *c = (struct chase){.lines = bytes / LINE};
    if (!bench_area_open(&c->area, bytes, huge)) {
        return false;
    }
    link_lines(c->area.memory, c->lines);
    c->at = c->area.memory;
    return true;
}

void chase_run(struct chase *c, unsigned n)
{
    const struct line *at = c->at;
    for (unsigned i = 0; i < n; i++) {
        at = at->next;
        __asm__ volatile("" : "+r"(at)); /* or the loop is nothing */
    }
    c->at = (void *)(uintptr_t)at;
}

void chase_close(struct chase *c)
{
    bench_area_close(&c->area);
}
