#include "slots.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum state {
    UNNAMED = 0, /* below a slot that was adopted, and itself not adopted */
    NAMED,       /* referred to, or adopted and not yet released */
    COOLING,     /* freed: keeps its name, if it had one, until another name takes the slot */
};

struct entry {
    char *key; /* NULL: no name */
    size_t length;
    uint64_t hash;
    uint64_t freed_ms;
    uint32_t references;
    uint32_t older; /* neighbours in the queue of cooling slots */
    uint32_t newer;
    uint8_t kind;
    uint8_t state;
};

/* table maps every name, cooling ones included, to its slot: linear probing, at most half full. */
struct slots {
    struct entry *entries;
    uint32_t count;
    uint32_t capacity;
    uint32_t *table;
    uint32_t table_capacity;
    uint32_t names;
    uint32_t oldest;
    uint32_t newest;
};

#define FIRST_CAPACITY 64u

struct slots *slots_new(void)
{
    struct slots *const s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->oldest = IMAGE_NO_SLOT;
    s->newest = IMAGE_NO_SLOT;
    s->table_capacity = 2 * FIRST_CAPACITY;
    s->table = malloc(s->table_capacity * sizeof(*s->table));
    if (!s->table) {
        free(s);
        return NULL;
    }
    memset(s->table, 0xff, s->table_capacity * sizeof(*s->table));
    return s;
}

void slots_free(struct slots *s)
{
    if (!s) {
        return;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        free(s->entries[i].key);
    }
    free(s->entries);
    free(s->table);
    free(s);
}

static uint64_t name_hash(enum image_blob_kind kind, const char *key, size_t length)
{
    return XXH3_64bits_withSeed(key, length, (uint64_t)kind);
}

/* The place of a name in the table, or the empty place where it would go. */
static uint32_t probe(const struct slots *s, enum image_blob_kind kind, const char *key,
                      size_t length, uint64_t hash)
{
    const uint32_t mask = s->table_capacity - 1;
    uint32_t place = (uint32_t)hash & mask;
    for (;; place = (place + 1) & mask) {
        const uint32_t slot = s->table[place];
        if (slot == IMAGE_NO_SLOT) {
            return place;
        }
        const struct entry *const e = &s->entries[slot];
        if (e->hash == hash && e->kind == (uint8_t)kind && e->length == length &&
            memcmp(e->key, key, length) == 0) {
            return place;
        }
    }
}

static bool table_grow(struct slots *s)
{
    if (s->names < s->table_capacity / 2) {
        return true;
    }
    const uint32_t capacity = s->table_capacity * 2;
    uint32_t *const table = malloc(capacity * sizeof(*table));
    if (!table) {
        return false;
    }
    memset(table, 0xff, capacity * sizeof(*table));
    for (uint32_t i = 0; i < s->table_capacity; i++) {
        const uint32_t slot = s->table[i];
        if (slot == IMAGE_NO_SLOT) {
            continue;
        }
        uint32_t place = (uint32_t)s->entries[slot].hash & (capacity - 1);
        while (table[place] != IMAGE_NO_SLOT) {
            place = (place + 1) & (capacity - 1);
        }
        table[place] = slot;
    }
    free(s->table);
    s->table = table;
    s->table_capacity = capacity;
    return true;
}

/* Takes a slot's name out of the table, closing the gap so that probing needs no tombstones. */
static void forget(struct slots *s, uint32_t slot)
{
    struct entry *const e = &s->entries[slot];
    if (!e->key) {
        return;
    }
    const uint32_t mask = s->table_capacity - 1;
    uint32_t hole = probe(s, (enum image_blob_kind)e->kind, e->key, e->length, e->hash);
    for (uint32_t place = (hole + 1) & mask; s->table[place] != IMAGE_NO_SLOT;
         place = (place + 1) & mask) {
        const uint32_t home = (uint32_t)s->entries[s->table[place]].hash & mask;
        if (((place - home) & mask) >= ((place - hole) & mask)) {
            s->table[hole] = s->table[place];
            hole = place;
        }
    }
    s->table[hole] = IMAGE_NO_SLOT;
    s->names--;
    free(e->key);
    e->key = NULL;
}

static bool entries_grow(struct slots *s, uint32_t count)
{
    if (count <= s->capacity) {
        return true;
    }
    uint32_t capacity = s->capacity ? s->capacity : FIRST_CAPACITY;
    while (capacity < count) {
        capacity *= 2;
    }
    struct entry *const entries = realloc(s->entries, capacity * sizeof(*entries));
    if (!entries) {
        return false;
    }
    memset(entries + s->capacity, 0, (capacity - s->capacity) * sizeof(*entries));
    s->entries = entries;
    s->capacity = capacity;
    return true;
}

static void cool(struct slots *s, uint32_t slot, uint64_t now_ms)
{
    struct entry *const e = &s->entries[slot];
    e->state = COOLING;
    e->references = 0;
    e->freed_ms = now_ms;
    e->older = s->newest;
    e->newer = IMAGE_NO_SLOT;
    if (s->newest != IMAGE_NO_SLOT) {
        s->entries[s->newest].newer = slot;
    } else {
        s->oldest = slot;
    }
    s->newest = slot;
}

static void warm(struct slots *s, uint32_t slot)
{
    const struct entry *const e = &s->entries[slot];
    if (e->older != IMAGE_NO_SLOT) {
        s->entries[e->older].newer = e->newer;
    } else {
        s->oldest = e->newer;
    }
    if (e->newer != IMAGE_NO_SLOT) {
        s->entries[e->newer].older = e->older;
    } else {
        s->newest = e->older;
    }
}

/* The place must be in the table as it is now: nothing is forgotten between probe and name. */
static void name(struct slots *s, uint32_t slot, enum image_blob_kind kind, char *key,
                 size_t length, uint64_t hash)
{
    s->table[probe(s, kind, key, length, hash)] = slot;
    s->names++;
    s->entries[slot] = (struct entry){
        .key = key, .length = length, .hash = hash, .kind = (uint8_t)kind, .state = NAMED};
}

static char *copy_of(const char *key, size_t length)
{
    char *const copy = malloc(length + 1);
    if (copy) {
        memcpy(copy, key, length);
        copy[length] = '\0';
    }
    return copy;
}

/* A slot for a new name: the one that has cooled longest, else a new one. */
static uint32_t unnamed_slot(struct slots *s, uint64_t now_ms)
{
    const uint32_t oldest = s->oldest;
    if (oldest != IMAGE_NO_SLOT && now_ms - s->entries[oldest].freed_ms >= SLOT_REUSE_MS &&
        now_ms >= s->entries[oldest].freed_ms) {
        warm(s, oldest);
        forget(s, oldest);
        return oldest;
    }
    if (s->count >= IMAGE_MAX_SLOTS || !entries_grow(s, s->count + 1)) {
        return IMAGE_NO_SLOT;
    }
    return s->count++;
}

uint32_t slots_take(struct slots *s, enum image_blob_kind kind, const char *key, size_t length,
                    uint64_t now_ms)
{
    const uint64_t hash = name_hash(kind, key, length);
    const uint32_t known = s->table[probe(s, kind, key, length, hash)];
    if (known != IMAGE_NO_SLOT) {
        struct entry *const e = &s->entries[known];
        if (e->references == UINT32_MAX) {
            return IMAGE_NO_SLOT;
        }
        if (e->state == COOLING) {
            warm(s, known);
            e->state = NAMED;
        }
        e->references++;
        return known;
    }
    char *const copy = copy_of(key, length);
    const uint32_t slot = copy && table_grow(s) ? unnamed_slot(s, now_ms) : IMAGE_NO_SLOT;
    if (slot == IMAGE_NO_SLOT) {
        free(copy);
        return IMAGE_NO_SLOT;
    }
    name(s, slot, kind, copy, length, hash);
    s->entries[slot].references = 1;
    return slot;
}

void slots_drop(struct slots *s, uint32_t slot, uint64_t now_ms)
{
    if (slot >= s->count || s->entries[slot].state != NAMED || s->entries[slot].references == 0) {
        return;
    }
    if (--s->entries[slot].references == 0) {
        cool(s, slot, now_ms);
    }
}

int slots_adopt(struct slots *s, uint32_t slot, enum image_blob_kind kind, const char *key,
                size_t length)
{
    if (slot >= IMAGE_MAX_SLOTS || (slot < s->count && s->entries[slot].state != UNNAMED)) {
        return -1;
    }
    const uint64_t hash = name_hash(kind, key, length);
    if (s->table[probe(s, kind, key, length, hash)] != IMAGE_NO_SLOT) {
        return -1;
    }
    char *const copy = copy_of(key, length);
    if (!copy || !table_grow(s) || !entries_grow(s, slot + 1)) {
        free(copy);
        return -1;
    }
    if (slot >= s->count) {
        s->count = slot + 1;
    }
    name(s, slot, kind, copy, length, hash);
    return 0;
}

void slots_release_unused(struct slots *s, uint64_t now_ms)
{
    for (uint32_t slot = 0; slot < s->count; slot++) {
        const struct entry *const e = &s->entries[slot];
        /* An unnamed one may have been freed by the agent before, a moment before its end. */
        if (e->state == UNNAMED || (e->state == NAMED && e->references == 0)) {
            cool(s, slot, now_ms);
        }
    }
}

uint32_t slots_find(const struct slots *s, enum image_blob_kind kind, const char *key,
                    size_t length)
{
    const uint32_t slot = s->table[probe(s, kind, key, length, name_hash(kind, key, length))];
    return slot != IMAGE_NO_SLOT && s->entries[slot].state == NAMED ? slot : IMAGE_NO_SLOT;
}

uint32_t slots_count(const struct slots *s)
{
    return s->count;
}
