#include "admin_delay.h"

#include <string.h>

#include "hash.h"

static size_t first_of_set(const struct admin_delays *d, const uint8_t source[ADMIN_SOURCE])
{
    const uint64_t hash = XXH3_64bits_withSeed(source, ADMIN_SOURCE, d->seed);
    return (size_t)(hash % ADMIN_DELAY_SETS) * ADMIN_DELAY_WAYS;
}

static bool is_of(const struct admin_delay_entry *e, const uint8_t source[ADMIN_SOURCE],
                  int64_t now_ms)
{
    return e->failures > 0 && now_ms - e->last_ms < ADMIN_DELAY_FORGET_MS &&
           memcmp(e->source, source, ADMIN_SOURCE) == 0;
}

/* The source's entry, else the one of its set that failed longest ago. */
static struct admin_delay_entry *entry_of(struct admin_delays *d,
                                          const uint8_t source[ADMIN_SOURCE], int64_t now_ms)
{
    struct admin_delay_entry *set = &d->entries[first_of_set(d, source)];
    struct admin_delay_entry *oldest = set;
    for (unsigned i = 0; i < ADMIN_DELAY_WAYS; i++) {
        if (is_of(&set[i], source, now_ms)) {
            return &set[i];
        }
        if (set[i].failures == 0 || (oldest->failures > 0 && set[i].last_ms < oldest->last_ms)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct admin_delay_entry){0};
    memcpy(oldest->source, source, ADMIN_SOURCE);
    return oldest;
}

int64_t admin_delay_failed(struct admin_delays *d, const uint8_t source[ADMIN_SOURCE],
                           int64_t now_ms)
{
    struct admin_delay_entry *e = entry_of(d, source, now_ms);
    int64_t wait = ADMIN_DELAY_FIRST_MS;
    for (uint32_t i = 0; i < e->failures && wait < ADMIN_DELAY_MOST_MS; i++) {
        wait *= 2;
    }
    d->failures++;
    e->failures += e->failures < UINT32_MAX;
    e->last_ms = now_ms;
    return wait < ADMIN_DELAY_MOST_MS ? wait : ADMIN_DELAY_MOST_MS;
}

uint32_t admin_delay_failures(const struct admin_delays *d, const uint8_t source[ADMIN_SOURCE],
                              int64_t now_ms)
{
    const struct admin_delay_entry *set = &d->entries[first_of_set(d, source)];
    for (unsigned i = 0; i < ADMIN_DELAY_WAYS; i++) {
        if (is_of(&set[i], source, now_ms)) {
            return set[i].failures;
        }
    }
    return 0;
}
