#include "launchdarkly_kept.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "source/launchdarkly.h"

static const char definitions_of[] = "definitions-of";

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void failed(const char *event, const struct fault *fault)
{
    log_fault(LOG_LEVEL_ERROR, event, fault);
}

void launchdarkly_kept_open(struct launchdarkly_kept *k)
{
    char *of = NULL;
    struct fault fault = {0};
    if (storage_get(k->storage, definitions_of, &of, &fault) == 0) {
        k->is_of_another = of && strcmp(of, k->name) != 0;
        k->told = of && !k->is_of_another;
    }
    free(of);
}

/* ---- what is served ------------------------------------------------------------------------ */

bool launchdarkly_served(const struct launchdarkly_kept *k, enum image_blob_kind kind,
                         const char *key, size_t length, struct redis_store_served *out)
{
    struct publisher_item published;
    const struct model_item *item =
        pipeline_item(k->pipeline, CATALOG_LAUNCHDARKLY, kind, key, length);
    *out = (struct redis_store_served){item ? item->version : 0, item};
    if (k->is_of_another || !publisher_item(k->publisher, kind, key, length, &published) ||
        published.overridden || !published.provenance ||
        strcmp(published.provenance, LAUNCHDARKLY_PROVENANCE) != 0 ||
        (item && published.version <= item->version)) {
        return item != NULL;
    }
    *out = (struct redis_store_served){published.version, NULL};
    return true;
}

/* ---- restoring ----------------------------------------------------------------------------- */

/* What is kept, while it is read: the items of the whole state in the order of their names, then
   what patches have added. */
struct restoring {
    struct model_item **items;
    size_t whole;
    size_t count, capacity;
    bool has_whole;
    int64_t newest_ms;
};

static int compare_names(const struct model_item *a, const struct model_item *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    const size_t common = a->key.length < b->key.length ? a->key.length : b->key.length;
    const int result = memcmp(a->key.text, b->key.text, common);
    return result != 0 ? result : (a->key.length > b->key.length) - (a->key.length < b->key.length);
}

static int compare(const void *a, const void *b)
{
    return compare_names(*(struct model_item *const *)a, *(struct model_item *const *)b);
}

static int read_whole(struct restoring *r, const void *bytes, size_t length)
{
    struct fault fault = {0};
    if (launchdarkly_parse_state(bytes, length, &r->items, &r->whole, &fault) != 0) {
        failed("state-unreadable", &fault);
        return -1;
    }
    r->count = r->capacity = r->whole;
    r->has_whole = true;
    if (r->whole > 0) {
        qsort(r->items, r->whole, sizeof(struct model_item *), compare);
    }
    return 0;
}

static int add(struct restoring *r, struct model_item *item)
{
    if (r->count == r->capacity) {
        const size_t capacity = r->capacity * 2 + 64;
        struct model_item **items = realloc(r->items, capacity * sizeof(struct model_item *));
        if (!items) {
            model_free(item);
            return -1;
        }
        r->items = items;
        r->capacity = capacity;
    }
    r->items[r->count++] = item;
    return 0;
}

static int read_patch(struct restoring *r, const char *path, const void *bytes, size_t length)
{
    struct fault fault = {0};
    struct model_item *item = launchdarkly_parse_item(path, bytes, length, &fault);
    if (!item) {
        failed("state-unreadable", &fault);
        return -1;
    }
    struct model_item **old =
        r->whole > 0 ? bsearch(&item, r->items, r->whole, sizeof(struct model_item *), compare)
                     : NULL;
    if (!old) {
        return add(r, item);
    }
    model_free(*old);
    *old = item;
    return 0;
}

static int read_kept(void *arg, const char *path, const void *bytes, size_t length,
                     int64_t received_ms)
{
    struct restoring *r = arg;
    r->newest_ms = received_ms > r->newest_ms ? received_ms : r->newest_ms;
    return path ? read_patch(r, path, bytes, length) : read_whole(r, bytes, length);
}

/* Takes those out of which what is published is newer. */
static size_t drop_older(const struct launchdarkly_kept *k, struct restoring *r)
{
    size_t left = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct model_item *item = r->items[i];
        struct redis_store_served served;
        if (launchdarkly_served(k, item->kind, item->key.text, item->key.length, &served) &&
            served.version > item->version) {
            model_free(item);
        } else {
            r->items[left++] = item;
        }
    }
    const size_t older = r->count - left;
    r->count = left;
    return older;
}

/* Where something was taken out, or only items are kept, it is not claimed that this is all there
   is: what is published and not among them stays. */
static void give(const struct launchdarkly_kept *k, struct restoring *r, bool complete)
{
    if (complete) {
        (void)pipeline_replace(k->pipeline, CATALOG_LAUNCHDARKLY, r->items, r->count);
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        (void)pipeline_put(k->pipeline, CATALOG_LAUNCHDARKLY, r->items[i]);
    }
}

void launchdarkly_kept_restore(struct launchdarkly_kept *k, struct launchdarkly_kept_found *found)
{
    struct restoring r = {0};
    struct fault fault = {0};
    *found = (struct launchdarkly_kept_found){0};
    if (storage_state_load(k->storage, k->name, read_kept, &r, &fault) != 0) {
        if (fault.cause[0]) {
            failed("state-unreadable", &fault);
        }
        r.newest_ms = r.count == 0 ? 0 : r.newest_ms;
    }
    if (r.newest_ms > 0) {
        found->items = r.count;
        found->newest_ms = r.newest_ms;
        found->older = drop_older(k, &r);
        give(k, &r, r.has_whole && found->older == 0);
    }
    free(r.items);
}

/* ---- keeping ------------------------------------------------------------------------------- */

/* A state of which something could not be kept takes no more, or it would be a mixture of times:
   until a whole one comes that can be kept. */
static void tell_kept(struct launchdarkly_kept *k, bool kept, const struct fault *fault)
{
    if (!kept && !k->unkept) {
        failed("state-not-kept", fault);
    } else if (kept && k->unkept) {
        LOG_EVENT(LOG_LEVEL_INFO, "state-kept-again", log_text("source", "launchdarkly"));
    }
    k->unkept = !kept;
}

void launchdarkly_keep_whole(struct launchdarkly_kept *k, const char *json, size_t length)
{
    struct fault fault = {0};
    const int result = storage_state_put(k->storage, k->name, json, length, now_ms(), &fault);
    tell_kept(k, result == 0, &fault);
    k->is_of_another = false;
    if (result == 0 && !k->told) {
        k->told = storage_set(k->storage, definitions_of, k->name, &fault) == 0;
    }
}

void launchdarkly_keep_item(struct launchdarkly_kept *k, const char *path, const char *json,
                            size_t length)
{
    struct fault fault = {0};
    if (!k->unkept &&
        storage_state_patch(k->storage, k->name, path, json, length, now_ms(), &fault) != 0) {
        tell_kept(k, false, &fault);
    }
}

void launchdarkly_keep_many(struct launchdarkly_kept *k, bool begin)
{
    struct fault fault = {0};
    if (begin) {
        if (!storage_begun(k->storage)) {
            (void)storage_begin(k->storage, &fault);
        }
    } else if (storage_begun(k->storage) && storage_commit(k->storage, &fault) != 0) {
        storage_rollback(k->storage);
        tell_kept(k, false, &fault);
    }
}
