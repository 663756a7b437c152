/*
 * One entry per {kind, key} that any layer has; entries whose item in force may have changed wait
 * in a list until they are handed out.
 *
 * While a change that can be taken back is open, what it replaces goes into a list of its own
 * instead of to the waste, and no entry is dropped; so taking it back needs no memory and cannot
 * fail.
 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#include "content.h"

#define FIRST_BUCKETS 64u

struct entry {
    struct entry *next; /* in its bucket */
    struct entry *next_changed;
    uint64_t hash; /* of kind and key */
    enum image_blob_kind kind;
    size_t length;
    struct model_item *items[CATALOG_LAYERS];
    struct hash128 contents[CATALOG_LAYERS];
    struct override *override;    /* NULL: none; else also where no layer has an item */
    const struct model_item *was; /* in force before; freed already if `tidied` has changed */
    uint64_t was_tidied;
    uint64_t seen;   /* the replacement that had it last */
    uint32_t ending; /* steps of a change that is ending */
    bool changed;
    char key[]; /* NUL-terminated */
};

/* What a layer had, or which override there was, before it was replaced. */
struct undo {
    struct undo *next;
    struct entry *entry;
    bool is_override;
    enum catalog_layer layer;
    struct model_item *item;
    struct hash128 content;
    struct override *override;
};

struct catalog {
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t entry_count;
    struct entry *first_changed;
    struct entry **last_changed; /* where the next one goes */
    uint64_t replacements;
    struct model_item *waste;    /* until catalog_tidy */
    uint64_t tidied;             /* how often */
    bool changing;               /* between catalog_change_begin and its end */
    struct undo *undo;           /* newest first */
    struct undo *spare;          /* so that no step fails half way */
    struct referrers *referrers; /* of the items in layers, and of those in undo */
};

struct catalog *catalog_new(void)
{
    struct catalog *c = calloc(1, sizeof *c);
    struct entry **buckets = calloc(FIRST_BUCKETS, sizeof(struct entry *));
    struct referrers *referrers = referrers_new();
    if (c == NULL || buckets == NULL || referrers == NULL) {
        free(c);
        free(buckets);
        referrers_free(referrers);
        return NULL;
    }
    c->referrers = referrers;
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
    free(entry->override);
    free(entry);
}

static void discard(struct catalog *c, struct model_item *item)
{
    item->next = c->waste;
    c->waste = item;
}

/* The same of an item that was in a layer (NULL: there was none). */
static void retire(struct catalog *c, struct model_item *item)
{
    if (item != NULL) {
        referrers_remove(c->referrers, item);
        discard(c, item);
    }
}

void catalog_tidy(struct catalog *c)
{
    c->tidied++;
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
    catalog_change_keep(c);
    catalog_tidy(c);
    for (size_t i = 0; i < c->bucket_count; i++) {
        for (struct entry *entry = c->buckets[i]; entry != NULL;) {
            struct entry *next = entry->next;
            free_entry(entry);
            entry = next;
        }
    }
    referrers_free(c->referrers);
    free(c->spare);
    free(c->buckets);
    free(c);
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

static struct entry *find_or_add(struct catalog *c, enum image_blob_kind kind, const char *key,
                                 size_t length)
{
    struct entry *entry = find(c, kind, key, length);
    if (entry != NULL) {
        return entry;
    }
    entry = calloc(1, sizeof *entry + length + 1);
    if (entry == NULL) {
        return NULL;
    }
    entry->kind = kind;
    entry->length = length;
    entry->hash = hash_key(kind, key, length);
    memcpy(entry->key, key, length);
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
    return entry->override == NULL;
}

/* Forgets the entry when no layer has it and nobody waits to hear of it. */
static void drop_if_unused(struct catalog *c, struct entry *entry)
{
    if (c->changing || entry->changed || !is_empty(entry)) {
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

static const struct model_item *evaluable(const struct entry *entry)
{
    const struct model_item *item = in_force(entry);
    return item == NULL || item->deleted ? NULL : item;
}

static void mark_changed(struct catalog *c, struct entry *entry)
{
    if (!entry->changed) {
        entry->changed = true;
        entry->next_changed = NULL;
        *c->last_changed = entry;
        c->last_changed = &entry->next_changed;
    }
}

/* Room for what the next step replaces. Before the step, for it may fail. */
static bool can_be_undone(struct catalog *c)
{
    if (c->changing && c->spare == NULL) {
        c->spare = malloc(sizeof *c->spare);
    }
    return !c->changing || c->spare != NULL;
}

static void remember(struct catalog *c, struct undo what)
{
    struct undo *undo = c->spare;
    c->spare = NULL;
    *undo = what;
    undo->next = c->undo;
    c->undo = undo;
}

/* Puts item (taken over, NULL: none) into the layer. */
static void set_item(struct catalog *c, struct entry *entry, enum catalog_layer layer,
                     struct model_item *item)
{
    struct model_item *old = entry->items[layer];
    if (old != NULL && item != NULL && old->json == item->json && content_same_head(old, item)) {
        discard(c, item); /* the same tree: see document_memo.h */
        return;
    }
    const struct hash128 content = item == NULL ? (struct hash128){0, 0} : content_of(item);
    if (old != NULL && item != NULL && content_same(old, entry->contents[layer], item, content)) {
        discard(c, item);
        return;
    }
    const struct model_item *before = in_force(entry);
    if (item != NULL) {
        referrers_add(c->referrers, item);
    }
    if (c->changing) {
        remember(
            c, (struct undo){
                   .entry = entry, .layer = layer, .item = old, .content = entry->contents[layer]});
    } else {
        retire(c, old);
    }
    entry->items[layer] = item;
    entry->contents[layer] = content;
    if (in_force(entry) != before) {
        entry->was = before;
        entry->was_tidied = c->tidied;
        mark_changed(c, entry);
    }
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
    bool good = entries != NULL && !c->changing;
    for (size_t i = 0; i < count && good; i++) {
        entries[i] = find_or_add(c, items[i]->kind, items[i]->key.text, items[i]->key.length);
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
    struct entry *entry = find_or_add(c, item->kind, item->key.text, item->key.length);
    if (entry == NULL || !can_be_undone(c)) {
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
    if (entry == NULL || entry->items[layer] == NULL || !can_be_undone(c)) {
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

const struct model_item *catalog_was(const struct catalog *c, enum image_blob_kind kind,
                                     const char *key, size_t length)
{
    const struct entry *entry = find(c, kind, key, length);
    return entry == NULL || entry->was_tidied != c->tidied ? NULL : entry->was;
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

struct looking {
    referrers_fn *fn;
    void *arg;
};

static void may_refer(void *arg, const struct model_item *item)
{
    const struct looking *l = arg;
    l->fn(l->arg, item->kind, item->key.text);
}

void catalog_referrers(const struct catalog *c, enum image_blob_kind kind, const char *key,
                       referrers_fn *fn, void *arg)
{
    if (!referrers_each(c->referrers, kind, key, fn, arg)) {
        catalog_each(c, may_refer, &(struct looking){fn, arg});
    }
}

/* ---- overrides ----------------------------------------------------------------------------- */

/* Puts the override (taken over, NULL: none) into the entry. */
static void set_override(struct catalog *c, struct entry *entry, struct override *override)
{
    if (c->changing) {
        remember(c,
                 (struct undo){.entry = entry, .is_override = true, .override = entry->override});
    } else {
        free(entry->override);
    }
    entry->override = override;
    if (evaluable(entry) != NULL) {
        mark_changed(c, entry);
    }
}

int catalog_override_set(struct catalog *c, const char *key, size_t length,
                         const struct override *override)
{
    struct entry *entry = find_or_add(c, IMAGE_FLAG, key, length);
    if (entry == NULL) {
        return -1;
    }
    if (entry->override != NULL && override_same(entry->override, override)) {
        return 0;
    }
    struct override *copy = override_copy(override);
    if (copy == NULL || !can_be_undone(c)) {
        free(copy);
        drop_if_unused(c, entry);
        return -1;
    }
    set_override(c, entry, copy);
    return 0;
}

int catalog_override_clear(struct catalog *c, const char *key, size_t length)
{
    struct entry *entry = find(c, IMAGE_FLAG, key, length);
    if (entry == NULL || entry->override == NULL || !can_be_undone(c)) {
        return -1;
    }
    set_override(c, entry, NULL);
    drop_if_unused(c, entry);
    return 0;
}

const struct override *catalog_override(const struct catalog *c, const char *key, size_t length)
{
    const struct entry *entry = find(c, IMAGE_FLAG, key, length);
    return entry == NULL ? NULL : entry->override;
}

void catalog_override_each(const struct catalog *c, catalog_override_fn *fn, void *arg)
{
    for (size_t i = 0; i < c->bucket_count; i++) {
        for (const struct entry *entry = c->buckets[i]; entry != NULL; entry = entry->next) {
            if (entry->override != NULL) {
                fn(arg, entry->key, entry->override, evaluable(entry));
            }
        }
    }
}

/* ---- a change that can be taken back -------------------------------------------------------- */

void catalog_change_begin(struct catalog *c)
{
    catalog_change_keep(c);
    c->changing = true;
}

void catalog_change_each(const struct catalog *c, catalog_change_fn *fn, void *arg)
{
    for (const struct undo *undo = c->undo; undo != NULL; undo = undo->next) {
        const struct entry *entry = undo->entry;
        fn(arg, entry->kind, entry->key, entry->length, evaluable(entry));
    }
}

/* Ends the change: each step is given to `step`, the newest first. An entry is dropped with its
   oldest step, so that none is dropped before another step of it. */
static void end_change(struct catalog *c, void (*step)(struct catalog *c, struct undo *undo))
{
    struct undo *steps = c->undo;
    for (struct undo *undo = steps; undo != NULL; undo = undo->next) {
        step(c, undo);
        undo->entry->ending++;
    }
    c->undo = NULL;
    c->changing = false;
    while (steps != NULL) {
        struct undo *next = steps->next;
        if (--steps->entry->ending == 0) {
            drop_if_unused(c, steps->entry);
        }
        free(steps);
        steps = next;
    }
}

static void keep_step(struct catalog *c, struct undo *undo)
{
    retire(c, undo->item);
    free(undo->override);
}

static void undo_step(struct catalog *c, struct undo *undo)
{
    struct entry *entry = undo->entry;
    if (undo->is_override) {
        free(entry->override);
        entry->override = undo->override;
    } else {
        retire(c, entry->items[undo->layer]);
        entry->items[undo->layer] = undo->item;
        entry->contents[undo->layer] = undo->content;
    }
}

void catalog_change_keep(struct catalog *c)
{
    end_change(c, keep_step);
}

void catalog_change_undo(struct catalog *c)
{
    end_change(c, undo_step);
}
