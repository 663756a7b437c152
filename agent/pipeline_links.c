#include "pipeline_links.h"

#include <stdlib.h>
#include <string.h>

struct links {
    json_t *to; /* key -> {the key of who names a variant of it: true} */
};

struct links *links_new(void)
{
    struct links *l = malloc(sizeof *l);
    if (l) {
        l->to = json_object();
        if (!l->to) {
            free(l);
            l = NULL;
        }
    }
    return l;
}

void links_free(struct links *l)
{
    if (l) {
        json_decref(l->to);
        free(l);
    }
}

static int note(struct links *l, const char *from, const char *to)
{
    json_t *all = json_object_get(l->to, to);
    if (!all) {
        all = json_object();
        if (json_object_set_new_nocheck(l->to, to, all) != 0) {
            return -1;
        }
    }
    return json_object_get(all, from) ? 0 : json_object_set_new_nocheck(all, from, json_true());
}

int64_t links_variation(const struct model_flag *flag, struct model_string variant)
{
    for (size_t i = 0; i < json_array_size(flag->variants); i++) {
        const json_t *name = json_array_get(flag->variants, i);
        if (json_string_length(name) == variant.length && json_is_string(name) &&
            memcmp(json_string_value(name), variant.text, variant.length) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

static int64_t look_up(const struct catalog *catalog, const struct model_prerequisite *p,
                       struct linked *out)
{
    const struct model_item *other = catalog_get(catalog, IMAGE_FLAG, p->key.text, p->key.length);
    if (!other || other->deleted) {
        return -1;
    }
    const int64_t variation = links_variation(&other->as.flag, p->variant);
    if (variation < 0 && !out->unmatched) {
        out->unmatched = p->key.text;
    }
    return variation;
}

static bool names_variants(const struct model_item *item)
{
    if (item->kind != IMAGE_FLAG || item->deleted) {
        return false;
    }
    for (size_t i = 0; i < item->as.flag.prerequisite_count; i++) {
        if (item->as.flag.prerequisites[i].variant.text) {
            return true;
        }
    }
    return false;
}

int links_resolve(struct links *l, const struct catalog *catalog, const struct model_item **item,
                  struct linked *out)
{
    out->prerequisites = NULL;
    out->unmatched = NULL;
    if (!names_variants(*item)) {
        return 0;
    }
    const size_t count = (*item)->as.flag.prerequisite_count;
    out->prerequisites = malloc(count * sizeof *out->prerequisites);
    if (!out->prerequisites) {
        return -1;
    }
    out->item = **item;
    memcpy(out->prerequisites, out->item.as.flag.prerequisites, count * sizeof *out->prerequisites);
    out->item.as.flag.prerequisites = out->prerequisites;
    for (size_t i = 0; i < count; i++) {
        struct model_prerequisite *p = &out->prerequisites[i];
        if (p->variant.text) {
            p->variation = look_up(catalog, p, out);
            if (note(l, (*item)->key.text, p->key.text) != 0) {
                links_release(out);
                return -1;
            }
        }
    }
    *item = &out->item;
    return 0;
}

void links_release(struct linked *linked)
{
    free(linked->prerequisites);
    linked->prerequisites = NULL;
}

size_t links_count(const struct links *l, const char *key)
{
    return json_object_size(json_object_get(l->to, key));
}

void links_each(const struct links *l, const char *key, void (*fn)(void *arg, const char *from),
                void *arg)
{
    const char *from;
    json_t *value;
    json_object_foreach(json_object_get(l->to, key), from, value)
    {
        fn(arg, from);
    }
}
