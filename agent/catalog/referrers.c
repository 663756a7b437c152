#include "referrers.h"

#include <stdlib.h>

#include "model_references.h"

enum { OF_FLAGS, OF_SEGMENTS, KINDS };

struct referrers {
    /* [kind of who refers][kind of what is referred to]: key -> {key of who refers: how often} */
    json_t *of[KINDS][KINDS];
    bool incomplete;
};

static int index_of(enum image_blob_kind kind)
{
    return kind == IMAGE_SEGMENT ? OF_SEGMENTS : OF_FLAGS;
}

struct referrers *referrers_new(void)
{
    struct referrers *r = calloc(1, sizeof *r);
    for (int i = 0; r && i < KINDS * KINDS; i++) {
        json_t **all = &r->of[i / KINDS][i % KINDS];
        *all = json_object();
        if (!*all) {
            referrers_free(r);
            r = NULL;
        }
    }
    return r;
}

void referrers_free(struct referrers *r)
{
    for (int i = 0; r && i < KINDS * KINDS; i++) {
        json_decref(r->of[i / KINDS][i % KINDS]);
    }
    free(r);
}

struct change {
    struct referrers *r;
    const struct model_item *item;
};

static json_t *new_member(json_t *object, const char *key, size_t length, json_t *value)
{
    return json_object_setn_new_nocheck(object, key, length, value) == 0 ? value : NULL;
}

static void add_one(void *arg, const struct model_reference *reference)
{
    const struct change *c = arg;
    const struct model_string from = c->item->key;
    json_t *all = c->r->of[index_of(c->item->kind)][index_of(reference->kind)];
    json_t *users = json_object_getn(all, reference->key, reference->length);
    if (!users) {
        users = new_member(all, reference->key, reference->length, json_object());
    }
    json_t *count = json_object_getn(users, from.text, from.length);
    if (count) {
        json_integer_set(count, json_integer_value(count) + 1);
    } else if (!users || !new_member(users, from.text, from.length, json_integer(1))) {
        c->r->incomplete = true;
    }
}

static void remove_one(void *arg, const struct model_reference *reference)
{
    const struct change *c = arg;
    const struct model_string from = c->item->key;
    json_t *all = c->r->of[index_of(c->item->kind)][index_of(reference->kind)];
    json_t *users = json_object_getn(all, reference->key, reference->length);
    json_t *count = json_object_getn(users, from.text, from.length);
    if (json_integer_value(count) > 1) {
        json_integer_set(count, json_integer_value(count) - 1);
    } else if (json_object_size(users) > 1) {
        json_object_deln(users, from.text, from.length);
    } else {
        json_object_deln(all, reference->key, reference->length);
    }
}

void referrers_add(struct referrers *r, const struct model_item *item)
{
    struct change c = {r, item};
    if (!r->incomplete) {
        model_references(item, add_one, &c);
    }
}

void referrers_remove(struct referrers *r, const struct model_item *item)
{
    struct change c = {r, item};
    if (!r->incomplete) {
        model_references(item, remove_one, &c);
    }
}

bool referrers_each(const struct referrers *r, enum image_blob_kind kind, const char *key,
                    referrers_fn *fn, void *arg)
{
    static const enum image_blob_kind kinds[KINDS] = {IMAGE_FLAG, IMAGE_SEGMENT};
    for (int i = 0; i < KINDS && !r->incomplete; i++) {
        const char *from;
        json_t *count;
        json_object_foreach(json_object_get(r->of[i][index_of(kind)], key), from, count)
        {
            fn(arg, kinds[i], from);
        }
    }
    return !r->incomplete;
}
