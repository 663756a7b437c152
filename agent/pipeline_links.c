#include "pipeline_links.h"

#include <stdlib.h>
#include <string.h>

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

bool links_name(const struct model_item *item, const char *key)
{
    if (item->kind != IMAGE_FLAG || item->deleted) {
        return false;
    }
    for (size_t i = 0; i < item->as.flag.prerequisite_count; i++) {
        const struct model_prerequisite *p = &item->as.flag.prerequisites[i];
        if (p->variant.text && (!key || strcmp(p->key.text, key) == 0)) {
            return true;
        }
    }
    return false;
}

int links_resolve(const struct catalog *catalog, const struct model_item **item, struct linked *out)
{
    out->prerequisites = NULL;
    out->unmatched = NULL;
    if (!links_name(*item, NULL)) {
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
