/*
 * One entry per {kind, key} that any layer has; entries whose item in force may have changed wait
 * in a list until they are handed out.
 *
 * A reload brings every definition again, nearly all of them as they were. Comparing trees member
 * by member costs more than parsing them did, so each item carries a 128-bit hash of its content:
 * equal hashes are taken as equal, and only what differs is compared with json_equal (the order of
 * an object's members is in the hash, but is no difference).
 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define FIRST_BUCKETS 64u

struct entry {
    struct entry *next; /* in its bucket */
    struct entry *next_changed;
    uint64_t hash; /* of kind and key */
    enum image_blob_kind kind;
    size_t length;
    struct model_item *items[CATALOG_LAYERS];
    struct hash128 contents[CATALOG_LAYERS];
    uint64_t seen; /* the replacement that had it last */
    bool changed;
    char key[]; /* NUL-terminated */
};

struct catalog {
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t entry_count;
    struct entry *first_changed;
    struct entry **last_changed; /* where the next one goes */
    uint64_t replacements;
    struct model_item *waste; /* until catalog_tidy */
};

struct catalog *catalog_new(void)
{
    struct catalog *c = calloc(1, sizeof *c);
    struct entry **buckets = calloc(FIRST_BUCKETS, sizeof(struct entry *));
    if (c == NULL || buckets == NULL) {
        free(c);
        free(buckets);
        return NULL;
    }
    c->buckets = buckets;
    c->bucket_count = FIRST_BUCKETS;
    c->last_changed = &c->first_changed;
    return c;
}

static void free_entry(struct entry *entry)
{
    for (size_t layer = 0; layer < CATALOG_LAYERS; layer++) {
        model_free(entry->items[layer]);
    }
    free(entry);
}

static void discard(struct catalog *c, struct model_item *item)
{
    if (item != NULL) {
        item->next = c->waste;
        c->waste = item;
    }
}

void catalog_tidy(struct catalog *c)
{
    while (c->waste != NULL) {
        struct model_item *next = c->waste->next;
        model_free(c->waste);
        c->waste = next;
    }
}

void catalog_free(struct catalog *c)
{
    if (c == NULL) {
        return;
    }
    catalog_tidy(c);
    for (size_t i = 0; i < c->bucket_count; i++) {
        for (struct entry *entry = c->buckets[i]; entry != NULL;) {
            struct entry *next = entry->next;
            free_entry(entry);
            entry = next;
        }
    }
    free(c->buckets);
    free(c);
}

/* ---- contents ------------------------------------------------------------------------------ */

static void hash_value(XXH3_state_t *state, const json_t *value);

static void hash_scalar(XXH3_state_t *state, const json_t *value)
{
    if (json_is_string(value)) {
        const size_t length = json_string_length(value);
        (void)XXH3_128bits_update(state, &length, sizeof length);
        (void)XXH3_128bits_update(state, json_string_value(value), length);
    } else if (json_is_integer(value)) {
        const json_int_t number = json_integer_value(value);
        (void)XXH3_128bits_update(state, &number, sizeof number);
    } else if (json_is_real(value)) {
        const double number = json_real_value(value);
        (void)XXH3_128bits_update(state, &number, sizeof number);
    }
}

static void hash_members(XXH3_state_t *state, const json_t *value)
{
    json_t *object = (json_t *)(uintptr_t)value; /* iterating does not change it */
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        (void)XXH3_128bits_update(state, json_object_iter_key(i), json_object_iter_key_len(i) + 1);
        hash_value(state, json_object_iter_value(i));
    }
}

/* Recursion: as deep as the document was, at most 512 (YAML, files) or 2048 (jansson's parser). */
static void hash_value(XXH3_state_t *state, const json_t *value)
{
    const unsigned char type = (unsigned char)json_typeof(value);
    (void)XXH3_128bits_update(state, &type, sizeof type);
    if (json_is_object(value)) {
        const size_t size = json_object_size(value);
        (void)XXH3_128bits_update(state, &size, sizeof size);
        hash_members(state, value);
    } else if (json_is_array(value)) {
        const size_t size = json_array_size(value);
        (void)XXH3_128bits_update(state, &size, sizeof size);
        for (size_t i = 0; i < size; i++) {
            hash_value(state, json_array_get(value, i));
        }
    } else {
        hash_scalar(state, value);
    }
}

static struct hash128 content_of(const struct model_item *item)
{
    XXH3_state_t state;
    (void)XXH3_128bits_reset(&state);
    const int64_t head[] = {item->version, item->auto_version, item->deleted};
    (void)XXH3_128bits_update(&state, head, sizeof head);
    (void)XXH3_128bits_update(&state, &item->provenance.length, sizeof item->provenance.length);
    (void)XXH3_128bits_update(&state, item->provenance.text, item->provenance.length);
    hash_value(&state, item->json);
    const XXH128_hash_t h = XXH3_128bits_digest(&state);
    return (struct hash128){h.low64, h.high64};
}

static bool same_string(struct model_string a, struct model_string b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.text, b.text, a.length) == 0);
}

static bool same_head(const struct model_item *a, const struct model_item *b)
{
    return a->version == b->version && a->auto_version == b->auto_version &&
           a->deleted == b->deleted && same_string(a->provenance, b->provenance);
}

static bool same_item(const struct model_item *a, struct hash128 a_content,
                      const struct model_item *b, struct hash128 b_content)
{
    if (a_content.lo == b_content.lo && a_content.hi == b_content.hi) {
        return true;
    }
    return same_head(a, b) && json_equal(a->json, b->json);
}

/* ---- entries ------------------------------------------------------------------------------- */

static uint64_t hash_key(enum image_blob_kind kind, const char *key, size_t length)
{
    return hash_bytes(key, length) ^ (uint64_t)kind;
}

static struct entry *find(const struct catalog *c, enum image_blob_kind kind, const char *key,
                          size_t length)
{
    const uint64_t hash = hash_key(kind, key, length);
    struct entry *entry = c->buckets[hash & (c->bucket_count - 1)];
    while (entry != NULL && !(entry->hash == hash && entry->kind == kind &&
                              entry->length == length && memcmp(entry->key, key, length) == 0)) {
        entry = entry->next;
    }
    return entry;
}

static void grow(struct catalog *c)
{
    const size_t count = c->bucket_count * 2;
    struct entry **buckets = calloc(count, sizeof(struct entry *));
    if (buckets == NULL) {
        return; /* longer chains, nothing worse */
    }
    for (size_t i = 0; i < c->bucket_count; i++) {
        for (struct entry *entry = c->buckets[i]; entry != NULL;) {
            struct entry *next = entry->next;
            entry->next = buckets[entry->hash & (count - 1)];
            buckets[entry->hash & (count - 1)] = entry;
            entry = next;
        }
    }
    free(c->buckets);
    c->buckets = buckets;
    c->bucket_count = count;
}

static struct entry *find_or_add(struct catalog *c, const struct model_item *item)
{
    const size_t length = item->key.length;
    struct entry *entry = find(c, item->kind, item->key.text, length);
    if (entry != NULL) {
        return entry;
    }
    entry = calloc(1, sizeof *entry + length + 1);
    if (entry == NULL) {
        return NULL;
    }
    entry->kind = item->kind;
    entry->length = length;
    entry->hash = hash_key(item->kind, item->key.text, length);
    memcpy(entry->key, item->key.text, length);
    if (c->entry_count >= c->bucket_count) {
        grow(c);
    }
    struct entry **bucket = &c->buckets[entry->hash & (c->bucket_count - 1)];
    entry->next = *bucket;
    *bucket = entry;
    c->entry_count++;
    return entry;
}

static bool is_empty(const struct entry *entry)
{
    for (size_t layer = 0; layer < CATALOG_LAYERS; layer++) {
        if (entry->items[layer] != NULL) {
            return false;
        }
    }
    return true;
}

/* Forgets the entry when no layer has it and nobody waits to hear of it. */
static void drop_if_unused(struct catalog *c, struct entry *entry)
{
    if (entry->changed || !is_empty(entry)) {
        return;
    }
    struct entry **link = &c->buckets[entry->hash & (c->bucket_count - 1)];
    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    c->entry_count--;
    free(entry);
}

static const struct model_item *in_force(const struct entry *entry)
{
    for (size_t layer = CATALOG_LAYERS; layer-- > 0;) {
        if (entry->items[layer] != NULL) {
            return entry->items[layer];
        }
    }
    return NULL;
}

/* Puts item (taken over, NULL: none) into the layer. */
static void set_item(struct catalog *c, struct entry *entry, enum catalog_layer layer,
                     struct model_item *item)
{
    struct model_item *old = entry->items[layer];
    if (old != NULL && item != NULL && old->json == item->json && same_head(old, item)) {
        discard(c, item); /* the same tree: see document_memo.h */
        return;
    }
    const struct hash128 content = item == NULL ? (struct hash128){0, 0} : content_of(item);
    if (old != NULL && item != NULL && same_item(old, entry->contents[layer], item, content)) {
        discard(c, item);
        return;
    }
    const struct model_item *before = in_force(entry);
    entry->items[layer] = item;
    entry->contents[layer] = content;
    if (in_force(entry) != before && !entry->changed) {
        entry->changed = true;
        entry->next_changed = NULL;
        *c->last_changed = entry;
        c->last_changed = &entry->next_changed;
    }
    discard(c, old);
}

/* ---- what the header offers ---------------------------------------------------------------- */

static void forget_unseen(struct catalog *c, enum catalog_layer layer)
{
    for (size_t i = 0; i < c->bucket_count; i++) {
        for (struct entry *entry = c->buckets[i]; entry != NULL;) {
            struct entry *next = entry->next;
            if (entry->items[layer] != NULL && entry->seen != c->replacements) {
                set_item(c, entry, layer, NULL);
            }
            drop_if_unused(c, entry);
            entry = next;
        }
    }
}

int catalog_replace(struct catalog *c, enum catalog_layer layer, struct model_item **items,
                    size_t count)
{
    catalog_tidy(c);
    struct entry **entries = calloc(count + 1, sizeof(struct entry *));
    bool good = entries != NULL;
    for (size_t i = 0; i < count && good; i++) {
        entries[i] = find_or_add(c, items[i]);
        good = entries[i] != NULL;
    }
    if (!good) { /* entries that were added have no item and are dropped in time */
        for (size_t i = 0; i < count; i++) {
            model_free(items[i]);
        }
        free(entries);
        return -1;
    }
    c->replacements++;
    for (size_t i = 0; i < count; i++) {
        entries[i]->seen = c->replacements;
        set_item(c, entries[i], layer, items[i]);
    }
    free(entries);
    forget_unseen(c, layer);
    return 0;
}

int catalog_put(struct catalog *c, enum catalog_layer layer, struct model_item *item)
{
    struct entry *entry = find_or_add(c, item);
    if (entry == NULL) {
        model_free(item);
        return -1;
    }
    set_item(c, entry, layer, item);
    return 0;
}

int catalog_remove(struct catalog *c, enum catalog_layer layer, enum image_blob_kind kind,
                   const char *key, size_t length)
{
    struct entry *entry = find(c, kind, key, length);
    if (entry == NULL || entry->items[layer] == NULL) {
        return -1;
    }
    set_item(c, entry, layer, NULL);
    drop_if_unused(c, entry);
    return 0;
}

const struct model_item *catalog_get(const struct catalog *c, enum image_blob_kind kind,
                                     const char *key, size_t length)
{
    const struct entry *entry = find(c, kind, key, length);
    return entry == NULL ? NULL : in_force(entry);
}

const struct model_item *catalog_layer_get(const struct catalog *c, enum catalog_layer layer,
                                           enum image_blob_kind kind, const char *key,
                                           size_t length)
{
    const struct entry *entry = find(c, kind, key, length);
    return entry == NULL ? NULL : entry->items[layer];
}

static const struct model_item *evaluable(const struct entry *entry)
{
    const struct model_item *item = in_force(entry);
    return item == NULL || item->deleted ? NULL : item;
}

void catalog_changes(struct catalog *c, catalog_change_fn *fn, void *arg)
{
    struct entry *entry = c->first_changed;
    c->first_changed = NULL;
    c->last_changed = &c->first_changed;
    while (entry != NULL) {
        struct entry *next = entry->next_changed;
        entry->changed = false;
        fn(arg, entry->kind, entry->key, entry->length, evaluable(entry));
        drop_if_unused(c, entry);
        entry = next;
    }
}

bool catalog_changed(const struct catalog *c)
{
    return c->first_changed != NULL;
}

void catalog_each(const struct catalog *c, catalog_each_fn *fn, void *arg)
{
    for (size_t i = 0; i < c->bucket_count; i++) {
        for (const struct entry *entry = c->buckets[i]; entry != NULL; entry = entry->next) {
            const struct model_item *item = evaluable(entry);
            if (item != NULL) {
                fn(arg, item);
            }
        }
    }
}
