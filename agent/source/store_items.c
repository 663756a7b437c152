#include "store_items.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define FIRST_BUCKETS 256u /* a power of two */

struct entry {
    struct entry *next;
    uint64_t key_hash;
    uint64_t hash; /* of the bytes that were told; nothing was where `told` is false */
    uint64_t look; /* in which it was last seen */
    char *json;    /* to be told; NULL: nothing new */
    size_t length;
    enum image_blob_kind kind;
    bool told;
    bool again; /* what changed last could not be taken */
    size_t key_length;
    char key[];
};

struct store_items {
    struct entry **buckets;
    size_t bucket_count;
    size_t count;
    size_t changes;
    size_t bytes;
    uint64_t look;
};

struct store_items *store_items_new(void)
{
    struct store_items *s = calloc(1, sizeof *s);
    if (s) {
        s->bucket_count = FIRST_BUCKETS;
        s->buckets = calloc(s->bucket_count, sizeof(struct entry *));
        if (!s->buckets) {
            free(s);
            s = NULL;
        }
    }
    return s;
}

void store_items_forget(struct store_items *s)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        while (s->buckets[i]) {
            struct entry *e = s->buckets[i];
            s->buckets[i] = e->next;
            free(e->json);
            free(e);
        }
    }
    s->count = s->changes = s->bytes = 0;
}

void store_items_free(struct store_items *s)
{
    if (s) {
        store_items_forget(s);
        free(s->buckets);
        free(s);
    }
}

size_t store_items_count(const struct store_items *s)
{
    return s->count;
}

size_t store_items_changes(const struct store_items *s)
{
    return s->changes;
}

size_t store_items_bytes(const struct store_items *s)
{
    return s->bytes;
}

/* ---- finding ------------------------------------------------------------------------------- */

static struct entry **bucket_of(const struct store_items *s, uint64_t hash)
{
    return &s->buckets[hash & (s->bucket_count - 1)];
}

/* More buckets make it faster; without memory for them it stays as it is. */
static void grow(struct store_items *s)
{
    const size_t count = s->bucket_count * 2;
    struct entry **buckets = calloc(count, sizeof(struct entry *));
    if (!buckets) {
        return;
    }
    for (size_t i = 0; i < s->bucket_count; i++) {
        while (s->buckets[i]) {
            struct entry *e = s->buckets[i];
            s->buckets[i] = e->next;
            e->next = buckets[e->key_hash & (count - 1)];
            buckets[e->key_hash & (count - 1)] = e;
        }
    }
    free(s->buckets);
    s->buckets = buckets;
    s->bucket_count = count;
}

static struct entry *find_or_add(struct store_items *s, enum image_blob_kind kind, const char *key,
                                 size_t length)
{
    const uint64_t hash = XXH3_64bits_withSeed(key, length, (uint64_t)kind);
    for (struct entry *e = *bucket_of(s, hash); e; e = e->next) {
        if (e->key_hash == hash && e->kind == kind && e->key_length == length &&
            memcmp(e->key, key, length) == 0) {
            return e;
        }
    }
    struct entry *e = calloc(1, sizeof *e + length + 1);
    if (!e) {
        return NULL;
    }
    if (s->count >= s->bucket_count) {
        grow(s);
    }
    e->key_hash = hash;
    e->kind = kind;
    e->key_length = length;
    memcpy(e->key, key, length);
    e->next = *bucket_of(s, hash);
    *bucket_of(s, hash) = e;
    s->count++;
    return e;
}

static void drop_json(struct store_items *s, struct entry *e)
{
    if (e->json) {
        s->changes--;
        s->bytes -= e->length;
        free(e->json);
        e->json = NULL;
    }
}

/* ---- a look -------------------------------------------------------------------------------- */

void store_items_begin(struct store_items *s)
{
    s->look++;
}

bool store_items_see(struct store_items *s, enum image_blob_kind kind, const char *key,
                     size_t key_length, const char *json, size_t length)
{
    struct entry *e = find_or_add(s, kind, key, key_length);
    if (!e) {
        return false;
    }
    e->look = s->look;
    drop_json(s, e); /* seen twice: the later counts */
    if (e->told && !e->again && e->hash == hash_bytes(json, length)) {
        return true;
    }
    e->json = malloc(length + 1);
    if (!e->json) {
        return false;
    }
    memcpy(e->json, json, length);
    e->json[length] = '\0';
    e->length = length;
    s->changes++;
    s->bytes += length;
    return true;
}

/* Calls fn for each; one that it says true of is removed. */
static void each(struct store_items *s,
                 bool (*fn)(struct store_items *s, struct entry *e,
                            const struct store_items_teller *teller),
                 const struct store_items_teller *teller)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct entry **at = &s->buckets[i]; *at;) {
            struct entry *e = *at;
            if (fn(s, e, teller)) {
                *at = e->next;
                drop_json(s, e);
                free(e);
                s->count--;
            } else {
                at = &e->next;
            }
        }
    }
}

static bool tell_changed(struct store_items *s, struct entry *e,
                         const struct store_items_teller *teller)
{
    if (!e->json) {
        return false;
    }
    const bool taken =
        teller->changed(teller->arg, e->kind, e->key, e->key_length, e->json, e->length);
    e->hash = hash_bytes(e->json, e->length);
    e->told = e->told || taken;
    e->again = !taken;
    drop_json(s, e);
    return false;
}

static bool tell_gone(struct store_items *s, struct entry *e,
                      const struct store_items_teller *teller)
{
    if (e->look == s->look) {
        return false;
    }
    if (e->told) {
        teller->gone(teller->arg, e->kind, e->key, e->key_length);
    }
    return true;
}

void store_items_end(struct store_items *s, const struct store_items_teller *teller)
{
    each(s, tell_changed, teller);
    each(s, tell_gone, teller);
}

static bool forget_untold(struct store_items *s, struct entry *e,
                          const struct store_items_teller *teller)
{
    (void)teller;
    drop_json(s, e);
    return !e->told;
}

void store_items_drop(struct store_items *s)
{
    each(s, forget_untold, NULL);
}
