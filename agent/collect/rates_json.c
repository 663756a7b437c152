#include "rates_json.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "snapshot.h"

/* The variant's key; null where it has none, or there is no such flag any more. */
static json_t *variant_of(const struct image_flag *flag, size_t variation)
{
    if (!flag || variation >= flag->variation_count) {
        return json_null();
    }
    const struct image_variation *const list = image_at(flag, flag->variations_offset);
    const struct image_string key = list[variation].key;
    return key.length ? json_stringn(image_text(flag, key), key.length) : json_null();
}

static int add_variation(json_t *list, json_t *variation, json_t *variant, uint64_t count)
{
    return json_array_append_new(list, json_pack("{s:o, s:o, s:I}", "variation", variation,
                                                 "variant", variant, "count", (json_int_t)count));
}

static json_t *describe(const struct rates_flag *f, const struct ffshm_view *view)
{
    const size_t length = strlen(f->key);
    const struct snapshot_blob found =
        snapshot_find(view->snapshot, f->key, length, hash_bytes(f->key, length));
    json_t *const variations = json_array();
    for (size_t i = 0; i < f->variations; i++) {
        if (f->counts[i] > 0) {
            add_variation(variations, json_integer((json_int_t)i),
                          variant_of((const void *)found.blob, i), f->counts[i]);
        }
    }
    if (f->fallback > 0) {
        add_variation(variations, json_null(), json_null(), f->fallback);
    }
    return json_pack("{s:s, s:I, s:o, s:I}", "flag", f->key, "evaluations",
                     (json_int_t)f->evaluations, "variations", variations, "unknown",
                     (json_int_t)f->unknown);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct rates_flag *)a)->key, ((const struct rates_flag *)b)->key);
}

static bool is_wanted(const struct rates_flag *f, const struct ffshm_view *view,
                      const struct rates_filter *filter)
{
    return f->evaluations > 0 &&
           (!filter->prefix || strncmp(f->key, filter->prefix, strlen(filter->prefix)) == 0) &&
           (!filter->shows || filter->shows(filter->arg, view, f->key));
}

/* Those that are wanted, by key; NULL: no memory. */
static struct rates_flag *choose(const struct rates *r, const struct ffshm_view *view,
                                 const struct rates_filter *filter, size_t *count)
{
    struct rates_flag *const flags = calloc(rates_count(r) + 1, sizeof *flags);
    *count = 0;
    for (size_t i = 0; flags && i < rates_count(r); i++) {
        rates_at(r, i, &flags[*count]);
        *count += is_wanted(&flags[*count], view, filter);
    }
    if (flags) {
        qsort(flags, *count, sizeof *flags, by_key);
    }
    return flags;
}

json_t *rates_json(const struct rates *r, const struct ffshm_view *view,
                   const struct rates_filter *filter)
{
    struct rates_stats stats;
    size_t count;
    uint64_t evaluations = 0;
    struct rates_flag *const flags = choose(r, view, filter, &count);
    json_t *const items = json_array();
    rates_stats(r, &stats);
    for (size_t i = 0; flags && i < count; i++) {
        evaluations += flags[i].evaluations;
        json_array_append_new(items, describe(&flags[i], view));
    }
    if (!flags) {
        json_decref(items);
        return NULL;
    }
    free(flags);
    return json_pack("{s:I, s:I, s:I, s:b, s:I, s:o}", "elapsedMs", (json_int_t)stats.elapsed_ms,
                     "processes", (json_int_t)stats.processes, "unreadable",
                     (json_int_t)stats.unreadable, "cut", stats.cut, "evaluations",
                     (json_int_t)evaluations, "items", items);
}
