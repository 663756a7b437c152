#include "values.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define FIRST_BUCKETS 256u

struct version {
    json_t *variations; /* NULL: none */
    int64_t version;
    uint64_t replaced_ms; /* 0: in force */
};

struct entry {
    struct entry *next;
    uint64_t hash;
    struct version versions[VALUES_VERSIONS]; /* newest first */
    size_t length;
    char key[]; /* NUL-terminated */
};

struct values {
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t entry_count;
};

struct values *values_new(void)
{
    struct values *v = calloc(1, sizeof *v);
    struct entry **buckets = calloc(FIRST_BUCKETS, sizeof(struct entry *));
    if (!v || !buckets) {
        free(v);
        free(buckets);
        return NULL;
    }
    v->buckets = buckets;
    v->bucket_count = FIRST_BUCKETS;
    return v;
}

static void free_entry(struct entry *e)
{
    for (unsigned i = 0; i < VALUES_VERSIONS; i++) {
        json_decref(e->versions[i].variations);
    }
    free(e);
}

void values_free(struct values *v)
{
    if (!v) {
        return;
    }
    for (size_t i = 0; i < v->bucket_count; i++) {
        for (struct entry *e = v->buckets[i]; e;) {
            struct entry *next = e->next;
            free_entry(e);
            e = next;
        }
    }
    free(v->buckets);
    free(v);
}

static struct entry *find(const struct values *v, const char *key, size_t length)
{
    const uint64_t hash = hash_bytes(key, length);
    struct entry *e = v->buckets[hash & (v->bucket_count - 1)];
    while (e && !(e->hash == hash && e->length == length && memcmp(e->key, key, length) == 0)) {
        e = e->next;
    }
    return e;
}

static void grow(struct values *v)
{
    const size_t count = v->bucket_count * 2;
    struct entry **buckets = calloc(count, sizeof(struct entry *));
    if (!buckets) {
        return; /* longer chains, nothing worse */
    }
    for (size_t i = 0; i < v->bucket_count; i++) {
        for (struct entry *e = v->buckets[i]; e;) {
            struct entry *next = e->next;
            e->next = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
            e = next;
        }
    }
    free(v->buckets);
    v->buckets = buckets;
    v->bucket_count = count;
}

static struct entry *add(struct values *v, const char *key, size_t length)
{
    struct entry *e = calloc(1, sizeof *e + length + 1);
    if (!e) {
        return NULL;
    }
    if (v->entry_count >= v->bucket_count) {
        grow(v);
    }
    e->hash = hash_bytes(key, length);
    e->length = length;
    memcpy(e->key, key, length);
    struct entry **bucket = &v->buckets[e->hash & (v->bucket_count - 1)];
    e->next = *bucket;
    *bucket = e;
    v->entry_count++;
    return e;
}

void values_put(struct values *v, const char *key, size_t length, int64_t version,
                json_t *variations, uint64_t now_ms)
{
    struct entry *e = find(v, key, length);
    e = e ? e : add(v, key, length);
    if (!e) {
        return;
    }
    struct version *newest = &e->versions[0];
    if (newest->variations && newest->version != version) {
        json_decref(e->versions[VALUES_VERSIONS - 1].variations);
        memmove(&e->versions[1], &e->versions[0], sizeof e->versions - sizeof e->versions[0]);
        e->versions[1].replaced_ms = now_ms | 1;
        newest->variations = NULL;
    }
    json_decref(newest->variations);
    *newest = (struct version){json_incref(variations), version, 0};
}

json_t *values_get(const struct values *v, const char *key, int64_t version, int64_t variation)
{
    const struct entry *e = find(v, key, strlen(key));
    for (unsigned i = 0; e && variation >= 0 && i < VALUES_VERSIONS; i++) {
        const struct version *at = &e->versions[i];
        if (at->variations && at->version == version) {
            return json_incref(json_array_get(at->variations, (size_t)variation));
        }
    }
    return NULL;
}

void values_gone(struct values *v, const char *key, size_t length, uint64_t now_ms)
{
    struct entry *e = find(v, key, length);
    if (e && e->versions[0].replaced_ms == 0) {
        e->versions[0].replaced_ms = now_ms | 1;
    }
}

/* true: nothing is left. */
static bool forget_old(struct entry *e, uint64_t now_ms)
{
    bool empty = true;
    for (unsigned i = 0; i < VALUES_VERSIONS; i++) {
        struct version *at = &e->versions[i];
        if (at->replaced_ms != 0 && now_ms - at->replaced_ms > VALUES_KEPT_MS) {
            json_decref(at->variations);
            at->variations = NULL;
        }
        empty = empty && !at->variations;
    }
    return empty;
}

void values_tidy(struct values *v, uint64_t now_ms)
{
    for (size_t i = 0; i < v->bucket_count; i++) {
        for (struct entry **link = &v->buckets[i]; *link;) {
            struct entry *e = *link;
            if (forget_old(e, now_ms)) {
                *link = e->next;
                v->entry_count--;
                free_entry(e);
            } else {
                link = &e->next;
            }
        }
    }
}
