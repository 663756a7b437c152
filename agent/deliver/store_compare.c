#include "store_compare.h"

#include <stdlib.h>
#include <string.h>

#include "../catalog/document.h"

/* What of an item decides. */
struct stored {
    bool readable;
    bool deleted;
    int64_t version;
    json_t *json; /* owned */
};

static void read_stored(const char *json, size_t length, struct stored *s)
{
    struct fault fault = {0};
    *s = (struct stored){0};
    size_t at = 0;
    while (at < length && strchr(" \t\r\n", json[at]) != NULL && json[at] != '\0') {
        at++;
    }
    s->json = at < length && json[at] == '{' ? document_parse(json, length, "", &fault) : NULL;
    if (s->json) {
        const json_t *version = json_object_get(s->json, "version");
        s->readable = true;
        s->version = json_is_integer(version) ? json_integer_value(version)
                     : json_is_real(version)  ? (int64_t)json_real_value(version)
                                              : 0;
        s->deleted = json_is_true(json_object_get(s->json, "deleted"));
    }
}

static bool has_salt(const struct stored *s, const struct model_string *salt)
{
    const json_t *there = json_object_get(s->json, "salt");
    const size_t length = json_is_string(there) ? json_string_length(there) : 0;
    return length == salt->length &&
           (length == 0 || memcmp(json_string_value(there), salt->text, length) == 0);
}

void store_compare_begin(struct store_compare *c, struct store_set *set, bool current)
{
    store_set_keep_none(set);
    for (size_t i = 0; i < set->count; i++) {
        free(set->items[i].newer);
        set->items[i].newer = NULL;
        set->items[i].seen = false;
    }
    *c = (struct store_compare){.set = set, .current = current};
}

static bool keep_newer(struct store_compare *c, struct store_set_item *item, const char *json,
                       size_t length)
{
    item->newer = malloc(length + 1);
    if (item->newer) {
        memcpy(item->newer, json, length);
        item->newer_length = length;
        c->newer++;
    }
    return item->newer != NULL;
}

/* It is there, and is not the same bytes. */
static bool see_other(struct store_compare *c, struct store_set_item *item, const struct stored *s,
                      const char *json, size_t length)
{
    const bool same = s->readable && s->version == item->version && s->deleted == item->deleted;
    const bool newer = s->readable && s->version > item->version &&
                       (s->deleted || item->deleted || has_salt(s, &item->salt));
    if (!same && !newer) {
        c->different++;
        c->unreadable += !s->readable;
        return true;
    }
    item->seen = true;
    c->seen++;
    return same || keep_newer(c, item, json, length);
}

bool store_compare_see(struct store_compare *c, enum image_blob_kind kind, const char *key,
                       size_t key_length, const char *json, size_t length)
{
    struct store_set_item *item = store_set_find(c->set, kind, key, key_length);
    if (item && item->seen) {
        return true; /* told twice */
    }
    if (item && item->length == length && memcmp(item->json, json, length) == 0) {
        item->seen = true;
        c->seen++;
        return true;
    }
    struct stored s;
    bool good = true;
    read_stored(json, length, &s);
    if (item) {
        good = see_other(c, item, &s, json, length);
    } else if (s.readable && !c->current) {
        good = store_set_keep(c->set, kind, key, key_length, json, length);
    } else if (!s.readable || !s.deleted) {
        c->different++;
        c->unreadable += !s.readable;
    }
    json_decref(s.json);
    return good;
}

bool store_compare_equal(const struct store_compare *c)
{
    size_t needed = 0;
    for (size_t i = 0; i < c->set->named; i++) {
        const struct store_set_item *item = &c->set->items[i];
        needed += !item->seen && !item->deleted;
    }
    return needed == 0 && c->different == 0;
}
