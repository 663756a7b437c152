#include "redis_store_take.h"

#include <stdlib.h>
#include <string.h>

#include "../catalog/document.h"
#include "../catalog/document_events.h"
#include "../log.h"
#include "launchdarkly.h"
#include "launchdarkly_items.h"

#define REMOVED_MOST 1000u /* tombstones that nobody else has made, before a whole state */

/* Items of a whole state, or changes, on their way to the owner. */
struct taking {
    struct redis_store_take *take;
    const struct redis_store_owner *owner;
    bool failed;

    struct model_item **items; /* of a whole state */
    size_t count, capacity;
    struct launchdarkly_state_text text;
    bool incomplete; /* an item of it stays as it is, and only its version is known */
};

static const char *kind_name(enum image_blob_kind kind)
{
    return kind == IMAGE_SEGMENT ? "segment" : "flag";
}

/* ---- one item ------------------------------------------------------------------------------ */

enum verdict { TAKE, SAME, STAYS };

static void tell_invalid(struct taking *t, enum image_blob_kind kind, const char *key,
                         const struct fault *fault)
{
    t->take->stats->invalid++;
    LOG_EVENT(LOG_LEVEL_ERROR, "store-item-invalid", log_text(kind_name(kind), key),
              log_text("member", fault->member),
              log_text("cause", fault->cause[0] ? fault->cause : "not a key that a flag can have"),
              log_text("effect", "what was in force of it stays"));
}

static void tell_older(struct taking *t, const struct model_item *item, int64_t served)
{
    t->take->stats->older++;
    LOG_EVENT(LOG_LEVEL_WARNING, "store-item-older",
              log_text(kind_name(item->kind), item->key.text), log_number("version", item->version),
              log_number("served", served),
              log_text("effect", "what is served is newer, and stays"));
}

static const struct model_string *salt_of(const struct model_item *item)
{
    return item->kind == IMAGE_FLAG ? &item->as.flag.salt : &item->as.segment.salt;
}

/* LaunchDarkly gives each flag of each environment a salt: with another one it is another flag,
   whose versions have nothing to do with those of this one. */
static bool is_another(const struct model_item *a, const struct model_item *b)
{
    if (!b || a->deleted || b->deleted) {
        return false;
    }
    const struct model_string *x = salt_of(a);
    const struct model_string *y = salt_of(b);
    return x->length != y->length || (x->length > 0 && memcmp(x->text, y->text, x->length) != 0);
}

/* Which one counts: the greater version, and of equal ones the store's; who follows has another
   source, which is right then. */
static bool counts(struct taking *t, const struct model_item *item,
                   const struct redis_store_served *served)
{
    if (!t->take->follows && is_another(item, served->item)) {
        return true;
    }
    if (item->version < served->version) {
        tell_older(t, item, served->version);
    }
    return item->version > served->version ||
           (item->version == served->version && !t->take->follows);
}

/* An item of the store's, and what it meets. */
struct found {
    char *path;              /* NULL: it has a key that no flag can have */
    struct model_item *item; /* NULL: it is not to be taken */
    bool is_served;
    struct redis_store_served served;
};

static void find(struct taking *t, enum image_blob_kind kind, const char *key, size_t key_length,
                 const char *json, size_t length, struct found *f)
{
    struct fault fault = {0};
    *f = (struct found){0};
    if (!document_check_utf8(key, key_length, &fault)) {
        tell_invalid(t, kind, "(not UTF-8)", &fault);
        return;
    }
    f->path = launchdarkly_item_path(kind, key, key_length);
    f->item = f->path ? launchdarkly_parse_item(f->path, json, length, &fault) : NULL;
    f->is_served = t->owner->served(t->owner->arg, kind, key, key_length, &f->served);
    if (!f->item) {
        tell_invalid(t, kind, key, &fault);
    } else if (f->is_served && !counts(t, f->item, &f->served)) {
        model_free(f->item);
        f->item = NULL;
    }
}

/* ---- a whole state ------------------------------------------------------------------------- */

static bool has_room(struct taking *t)
{
    if (t->count < t->capacity) {
        return true;
    }
    const size_t capacity = t->capacity ? t->capacity * 2 : 256;
    struct model_item **items = realloc(t->items, capacity * sizeof(struct model_item *));
    if (items) {
        t->items = items;
        t->capacity = capacity;
    }
    return items != NULL;
}

static bool add(struct taking *t, struct model_item *item, const char *json, size_t length)
{
    if (!item || !has_room(t) ||
        !launchdarkly_state_add(&t->text, item->kind, item->key.text, item->key.length, json,
                                length)) {
        model_free(item);
        return false;
    }
    t->items[t->count++] = item;
    return true;
}

/* What is served, in a state that is about to replace it. */
static bool add_served(struct taking *t, const struct model_item *served)
{
    size_t length;
    struct fault fault = {0};
    char *json = document_dump(served->json, &length);
    const bool added = json && add(t,
                                   model_parse(served->kind, served->key.text, served->json,
                                               LAUNCHDARKLY_PROVENANCE, &fault),
                                   json, length);
    free(json);
    return added;
}

static bool add_changed(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                        const char *json, size_t length)
{
    struct taking *t = arg;
    struct found f;
    bool added = true;
    find(t, kind, key, key_length, json, length, &f);
    if (f.item) {
        added = add(t, f.item, json, length);
    } else if (f.is_served && f.served.item) {
        added = add_served(t, f.served.item);
    } else if (f.is_served) {
        t->incomplete = true;
    }
    free(f.path);
    t->failed = t->failed || !added;
    return added;
}

static void ignore_gone(void *arg, enum image_blob_kind kind, const char *key, size_t key_length)
{
    (void)arg, (void)kind, (void)key, (void)key_length; /* it is not in the whole state */
}

/* The items one by one, so that nothing else is taken away. */
static bool give_each(struct taking *t)
{
    bool given = true;
    t->owner->patches(t->owner->arg, true);
    for (size_t i = 0; i < t->count; i++) {
        struct model_item *item = t->items[i];
        size_t length;
        char *json = document_dump(item->json, &length);
        char *path = launchdarkly_item_path(item->kind, item->key.text, item->key.length);
        if (json && path) {
            given = t->owner->patch(t->owner->arg, item, path, json, length) == 0 && given;
        } else {
            model_free(item);
            given = false;
        }
        free(json);
        free(path);
    }
    t->owner->patches(t->owner->arg, false);
    t->count = 0;
    return given;
}

static bool give_whole(struct taking *t)
{
    struct gathered text;
    if (!launchdarkly_state_end(&t->text, &text)) {
        return false;
    }
    const size_t count = t->count;
    t->count = 0;
    const int result = t->owner->put(t->owner->arg, t->items, count, text.bytes, text.length);
    gathered_free(&text);
    return result == 0;
}

static bool take_whole(struct taking *t)
{
    const struct store_items_teller teller = {add_changed, ignore_gone, t};
    store_items_end(t->take->items, &teller);
    t->take->stats->changes += t->count;
    bool given = !t->failed;
    if (given) {
        given = t->incomplete ? give_each(t) : give_whole(t);
    }
    t->take->whole = given && !t->incomplete;
    t->take->removed = 0;
    for (size_t i = 0; i < t->count; i++) {
        model_free(t->items[i]);
    }
    free(t->items);
    launchdarkly_state_free(&t->text);
    return given;
}

/* ---- changes ------------------------------------------------------------------------------- */

static bool give_changed(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                         const char *json, size_t length)
{
    struct taking *t = arg;
    struct found f;
    bool given = true;
    find(t, kind, key, key_length, json, length, &f);
    if (f.item) {
        given = t->owner->patch(t->owner->arg, f.item, f.path, json, length) == 0;
        t->take->stats->changes += given;
        t->failed = t->failed || !given;
    }
    free(f.path);
    return given;
}

/* As a tombstone of the version that it had: written again, it may have that one, too. */
static void give_gone(void *arg, enum image_blob_kind kind, const char *key, size_t key_length)
{
    struct taking *t = arg;
    struct redis_store_served served;
    struct fault fault = {0};
    if (t->take->follows || !t->owner->served(t->owner->arg, kind, key, key_length, &served) ||
        (served.item && served.item->deleted)) {
        return;
    }
    char *path = launchdarkly_item_path(kind, key, key_length);
    json_t *tombstone = json_pack("{s:s%, s:I, s:b}", "key", key, key_length, "version",
                                  (json_int_t)served.version, "deleted", 1);
    size_t length = 0;
    char *json = tombstone ? document_dump(tombstone, &length) : NULL;
    struct model_item *item =
        path && json ? launchdarkly_parse_item(path, json, length, &fault) : NULL;
    const bool given = item && t->owner->patch(t->owner->arg, item, path, json, length) == 0;
    t->take->stats->changes += given;
    t->take->removed += given;
    t->failed = t->failed || !given;
    json_decref(tombstone);
    free(json);
    free(path);
}

static bool take_changes(struct taking *t)
{
    const struct store_items_teller teller = {give_changed, give_gone, t};
    t->owner->patches(t->owner->arg, true);
    store_items_end(t->take->items, &teller);
    t->owner->patches(t->owner->arg, false);
    if (t->failed || t->take->removed > REMOVED_MOST) {
        t->take->whole = false; /* what is gone is not told again */
    }
    return !t->failed;
}

bool redis_store_take(struct redis_store_take *t, const struct redis_store_owner *owner)
{
    struct taking taking = {.take = t, .owner = owner};
    return t->follows || t->whole ? take_changes(&taking) : take_whole(&taking);
}
