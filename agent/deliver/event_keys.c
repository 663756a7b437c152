#include "event_keys.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hash.h"

#define NONE UINT32_MAX

struct entry {
    uint64_t lo;
    uint64_t hi;
    uint32_t newer;
    uint32_t older;
    uint32_t next; /* of the same bucket */
};

/* Indexes instead of pointers: a copy of the bytes is a copy of the set. */
struct table {
    uint32_t count;
    uint32_t newest;
    uint32_t oldest;
    uint32_t buckets_at; /* entries, then the buckets */
    struct entry entries[];
};

struct event_keys {
    struct table *now;
    struct table *before; /* at the last commit, if `changed` */
    size_t bytes;
    uint64_t seed;
    uint32_t capacity;
    uint32_t mask; /* of the buckets */
    bool changed;
};

static uint32_t *bucket_of(const struct event_keys *keys, uint64_t lo)
{
    void *const buckets = (unsigned char *)keys->now + keys->now->buckets_at;
    return (uint32_t *)buckets + (lo & keys->mask);
}

static void make_empty(struct event_keys *keys)
{
    keys->now->count = 0;
    keys->now->newest = NONE;
    keys->now->oldest = NONE;
    memset((unsigned char *)keys->now + keys->now->buckets_at, 0xff,
           ((size_t)keys->mask + 1) * sizeof(uint32_t)); /* NONE */
}

struct event_keys *event_keys_new(unsigned capacity)
{
    struct event_keys *const keys = calloc(1, sizeof *keys);
    if (!keys) {
        return NULL;
    }
    if (getrandom(&keys->seed, sizeof keys->seed, GRND_NONBLOCK) < 0) {
        keys->seed = (uint64_t)(uintptr_t)keys;
    }
    keys->capacity = capacity < 1 ? 1 : capacity > 1u << 24 ? 1u << 24 : capacity;
    keys->mask = 1;
    while (keys->mask < keys->capacity) {
        keys->mask = keys->mask * 2 + 1;
    }
    const size_t entries = sizeof(struct table) + keys->capacity * sizeof(struct entry);
    keys->bytes = entries + ((size_t)keys->mask + 1) * sizeof(uint32_t);
    keys->now = calloc(1, keys->bytes);
    keys->before = calloc(1, keys->bytes);
    if (!keys->now || !keys->before) {
        event_keys_free(keys);
        return NULL;
    }
    keys->now->buckets_at = (uint32_t)entries;
    make_empty(keys);
    return keys;
}

void event_keys_free(struct event_keys *keys)
{
    if (!keys) {
        return;
    }
    free(keys->now);
    free(keys->before);
    free(keys);
}

/* ---- order of use ------------------------------------------------------------------------- */

static void take_out(struct table *t, uint32_t index)
{
    const struct entry *const e = &t->entries[index];
    if (e->newer == NONE) {
        t->newest = e->older;
    } else {
        t->entries[e->newer].older = e->older;
    }
    if (e->older == NONE) {
        t->oldest = e->newer;
    } else {
        t->entries[e->older].newer = e->newer;
    }
}

static void put_first(struct table *t, uint32_t index)
{
    struct entry *const e = &t->entries[index];
    e->newer = NONE;
    e->older = t->newest;
    if (t->newest == NONE) {
        t->oldest = index;
    } else {
        t->entries[t->newest].newer = index;
    }
    t->newest = index;
}

static void take_from_bucket(struct event_keys *keys, uint32_t index)
{
    struct table *const t = keys->now;
    uint32_t *link = bucket_of(keys, t->entries[index].lo);
    while (*link != index) {
        link = &t->entries[*link].next;
    }
    *link = t->entries[index].next;
}

/* ---- the set ------------------------------------------------------------------------------ */

static void remember(struct event_keys *keys)
{
    if (!keys->changed) {
        memcpy(keys->before, keys->now, keys->bytes);
        keys->changed = true;
    }
}

static uint32_t room(struct event_keys *keys)
{
    struct table *const t = keys->now;
    if (t->count < keys->capacity) {
        return t->count++;
    }
    const uint32_t index = t->oldest;
    take_out(t, index);
    take_from_bucket(keys, index);
    return index;
}

bool event_keys_see(struct event_keys *keys, const char *key, size_t length)
{
    const struct hash128 hash = hash_member(key, length, keys->seed);
    struct table *const t = keys->now;
    uint32_t at = *bucket_of(keys, hash.lo);
    while (at != NONE && (t->entries[at].lo != hash.lo || t->entries[at].hi != hash.hi)) {
        at = t->entries[at].next;
    }
    const bool there = at != NONE;
    if (there && at == t->newest) {
        return true;
    }
    remember(keys);
    if (there) {
        take_out(t, at);
    } else {
        at = room(keys);
        uint32_t *const bucket = bucket_of(keys, hash.lo);
        t->entries[at].lo = hash.lo;
        t->entries[at].hi = hash.hi;
        t->entries[at].next = *bucket;
        *bucket = at;
    }
    put_first(t, at);
    return there;
}

void event_keys_clear(struct event_keys *keys)
{
    make_empty(keys);
    keys->changed = false;
}

void event_keys_commit(struct event_keys *keys)
{
    keys->changed = false;
}

void event_keys_revert(struct event_keys *keys)
{
    if (keys->changed) {
        struct table *const now = keys->now;
        keys->now = keys->before;
        keys->before = now;
        keys->changed = false;
    }
}
