#include "store_set.h"

#include <stdlib.h>
#include <string.h>

/* ---- the items ----------------------------------------------------------------------------- */

static void free_item(struct store_set_item *item)
{
    free((char *)(uintptr_t)item->key); /* and json, behind it */
    free((char *)(uintptr_t)item->salt.text);
    free(item->newer);
}

static bool copy_salt(struct store_set_item *item, const struct model_item *model)
{
    const struct model_string *salt =
        model->kind == IMAGE_FLAG ? &model->as.flag.salt : &model->as.segment.salt;
    if (model->deleted || salt->text == NULL) {
        return true;
    }
    char *copy = malloc(salt->length + 1);
    if (copy) {
        memcpy(copy, salt->text, salt->length);
        copy[salt->length] = '\0';
        item->salt = (struct model_string){copy, salt->length};
    }
    return copy != NULL;
}

static bool copy(struct store_set_item *item, const char *key, size_t key_length, const char *json,
                 size_t length, const struct model_item *model)
{
    char *bytes = malloc(key_length + length + 1);
    if (!bytes) {
        return false;
    }
    memcpy(mempcpy(bytes, key, key_length), json, length);
    item->key = bytes;
    item->key_length = key_length;
    item->json = bytes + key_length;
    item->length = length;
    item->model = model;
    item->version = model ? model->version : 0;
    item->deleted = model && model->deleted;
    if (model && !copy_salt(item, model)) {
        free_item(item);
        return false;
    }
    return true;
}

bool store_set_add(struct store_set *s, enum image_blob_kind kind, const char *key,
                   size_t key_length, const char *json, size_t length,
                   const struct model_item *model)
{
    if (s->added == s->capacity) {
        const size_t capacity = s->capacity ? s->capacity * 2 : 256;
        struct store_set_item *items = realloc(s->items, capacity * sizeof *items);
        if (!items) {
            return false;
        }
        s->items = items;
        s->capacity = capacity;
    }
    struct store_set_item item = {.kind = kind, .number = s->added};
    if (!copy(&item, key, key_length, json, length, model)) {
        return false;
    }
    s->items[s->added++] = item;
    s->count = s->added;
    return true;
}

void store_set_free(struct store_set *s)
{
    for (size_t i = 0; i < s->added; i++) {
        free_item(&s->items[i]);
    }
    free(s->items);
    free(s->order);
    *s = (struct store_set){0};
}

/* Segments first. */
static int compare_names(enum image_blob_kind kind_a, const char *a, size_t length_a,
                         enum image_blob_kind kind_b, const char *b, size_t length_b)
{
    if (kind_a != kind_b) {
        return kind_a == IMAGE_SEGMENT ? -1 : 1;
    }
    const int result = memcmp(a, b, length_a < length_b ? length_a : length_b);
    return result != 0 ? result : (length_a > length_b) - (length_a < length_b);
}

static int compare(const void *a, const void *b)
{
    const struct store_set_item *x = a;
    const struct store_set_item *y = b;
    const int result =
        compare_names(x->kind, x->key, x->key_length, y->kind, y->key, y->key_length);
    return result != 0 ? result : (x->number > y->number) - (x->number < y->number);
}

struct store_set_item *store_set_find(const struct store_set *s, enum image_blob_kind kind,
                                      const char *key, size_t key_length)
{
    size_t low = 0;
    size_t high = s->named;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        struct store_set_item *item = &s->items[middle];
        const int result =
            compare_names(item->kind, item->key, item->key_length, kind, key, key_length);
        if (result == 0) {
            return item;
        }
        if (result < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool has_name_of_next(const struct store_set *s, size_t i)
{
    const struct store_set_item *a = &s->items[i];
    const struct store_set_item *b = a + 1;
    return i + 1 < s->count &&
           compare_names(a->kind, a->key, a->key_length, b->kind, b->key, b->key_length) == 0;
}

/* Sorted; of the same name the one that was added last. */
static void keep_last(struct store_set *s)
{
    size_t kept = 0;
    s->count = s->added;
    if (s->count > 0) {
        qsort(s->items, s->count, sizeof *s->items, compare);
    }
    for (size_t i = 0; i < s->count; i++) {
        s->items[i].seen = has_name_of_next(s, i);
    }
    for (size_t i = 0; i < s->count; i++) {
        if (!s->items[i].seen) {
            const struct store_set_item item = s->items[i];
            s->items[i] = s->items[kept];
            s->items[kept++] = item;
        }
    }
    while (s->added > kept) {
        free_item(&s->items[--s->added]);
    }
    s->count = s->named = kept;
}

/* ---- the order ----------------------------------------------------------------------------- */

/* Who waits for whom: of each item how many prerequisites are not in the order yet, and the list of
   those that wait for it. */
struct waiting {
    size_t *missing;
    size_t *first; /* into edges, SIZE_MAX: nobody waits */
    struct edge {
        size_t waiter;
        size_t next;
    } * edges;
    size_t edge_count;
};

static const struct model_flag *flag_of(const struct store_set_item *item)
{
    return item->kind == IMAGE_FLAG && item->model && !item->deleted ? &item->model->as.flag : NULL;
}

static bool waiting_make(struct waiting *w, const struct store_set *s)
{
    size_t most = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct model_flag *flag = flag_of(&s->items[i]);
        most += flag ? flag->prerequisite_count : 0;
    }
    w->missing = calloc(s->count + 1, sizeof *w->missing);
    w->first = malloc((s->count + 1) * sizeof *w->first);
    w->edges = calloc(most + 1, sizeof *w->edges);
    if (!w->missing || !w->first || !w->edges) {
        return false;
    }
    memset(w->first, 0xff, (s->count + 1) * sizeof *w->first);
    return true;
}

static void wait_for(struct waiting *w, const struct store_set *s, size_t waiter)
{
    const struct model_flag *flag = flag_of(&s->items[waiter]);
    for (size_t i = 0; flag && i < flag->prerequisite_count; i++) {
        const struct model_string *key = &flag->prerequisites[i].key;
        const struct store_set_item *other =
            key->text ? store_set_find(s, IMAGE_FLAG, key->text, key->length) : NULL;
        if (!other) {
            continue;
        }
        const size_t at = (size_t)(other - s->items);
        w->missing[waiter]++;
        w->edges[w->edge_count] = (struct edge){waiter, w->first[at]};
        w->first[at] = w->edge_count++;
    }
}

static void put_in_order(struct waiting *w, struct store_set *s)
{
    size_t placed = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (w->missing[i] == 0) {
            s->order[placed++] = i;
        }
    }
    for (size_t done = 0; done < placed; done++) {
        for (size_t e = w->first[s->order[done]]; e != SIZE_MAX; e = w->edges[e].next) {
            if (--w->missing[w->edges[e].waiter] == 0) {
                s->order[placed++] = w->edges[e].waiter;
            }
        }
    }
    for (size_t i = 0; i < s->count; i++) { /* circles */
        if (w->missing[i] > 0) {
            s->order[placed++] = i;
        }
    }
}

bool store_set_order(struct store_set *s)
{
    struct waiting w = {0};
    keep_last(s);
    free(s->order);
    s->order = calloc(s->capacity + 1, sizeof *s->order);
    const bool made = s->order && waiting_make(&w, s);
    if (made) {
        for (size_t i = 0; i < s->count; i++) {
            wait_for(&w, s, i);
        }
        put_in_order(&w, s);
    }
    for (size_t i = 0; i < s->count; i++) {
        s->items[i].model = NULL;
    }
    free(w.missing);
    free(w.first);
    free(w.edges);
    return made;
}

bool store_set_keep(struct store_set *s, enum image_blob_kind kind, const char *key,
                    size_t key_length, const char *json, size_t length)
{
    const size_t at = s->count;
    const size_t capacity = s->capacity;
    if (!store_set_add(s, kind, key, key_length, json, length, NULL)) {
        return false;
    }
    if (s->capacity > capacity) {
        size_t *order = realloc(s->order, (s->capacity + 1) * sizeof *order);
        if (!order) {
            store_set_keep_none(s);
            s->capacity = capacity; /* order's */
            return false;
        }
        s->order = order;
    }
    s->order[at] = at;
    return true;
}

void store_set_keep_none(struct store_set *s)
{
    while (s->added > s->named) {
        free_item(&s->items[--s->added]);
    }
    s->count = s->named;
}

struct store_set_item *store_set_at(const struct store_set *s, size_t i)
{
    return &s->items[s->order[i]];
}
