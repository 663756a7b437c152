#include "pipeline_change.h"

#include <string.h>

#include "pipeline_parts.h"

/* What could not be compiled is looked at again so long after a change was published, since the
   change may have been the cure; not with it, since that means compiling everything. */
#define UNCOMPILED_MS 1000

static void no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory", "out of memory");
}

int pipeline_change_begin(struct pipeline *p)
{
    if (p->change.open) {
        return -1;
    }
    pipeline_journal_changing(p);
    pipeline_compile_changes(p);
    catalog_change_begin(p->catalog);
    json_decref(p->change.warnings);
    p->change = (struct pipeline_change){.open = true,
                                         .changed = p->changed,
                                         .compile_us = p->compile_us,
                                         .noted = journal_mark(p->journal)};
    return 0;
}

int pipeline_change_put(struct pipeline *p, enum catalog_layer layer, struct model_item *item,
                        struct fault *fault)
{
    if (catalog_put(p->catalog, layer, item) != 0) {
        no_memory(fault);
        return -1;
    }
    return 0;
}

int pipeline_change_remove(struct pipeline *p, enum catalog_layer layer, enum image_blob_kind kind,
                           const char *key, struct fault *fault)
{
    const size_t length = strlen(key);
    if (!catalog_layer_get(p->catalog, layer, kind, key, length)) {
        fault_set(fault, "", "", "there is no %s '%s' to remove",
                  kind == IMAGE_SEGMENT ? "segment" : "flag", key);
        return -1;
    }
    if (catalog_remove(p->catalog, layer, kind, key, length) != 0) {
        no_memory(fault);
        return -1;
    }
    return 0;
}

/* Into the catalog, whether a change is open or not. */
static int put_override(struct pipeline *p, const char *key, const struct override *override,
                        struct fault *fault)
{
    if (key[0] == '\0') {
        fault_set(fault, "flag", "name a flag", "is empty");
        return -1;
    }
    if (override_check(override, fault) != 0) {
        return -1;
    }
    if (catalog_override_set(p->catalog, key, strlen(key), override) != 0) {
        no_memory(fault);
        return -1;
    }
    return 0;
}

int pipeline_change_override(struct pipeline *p, const char *key, const struct override *override,
                             struct fault *fault)
{
    return put_override(p, key, override, fault);
}

int pipeline_change_clear(struct pipeline *p, const char *key, struct fault *fault)
{
    if (!pipeline_override(p, key)) {
        fault_set(fault, "", "", "flag '%s' is not overridden", key);
        return -1;
    }
    if (catalog_override_clear(p->catalog, key, strlen(key)) != 0) {
        no_memory(fault);
        return -1;
    }
    return 0;
}

/* How many items a change can make compile. */
struct extent {
    const struct catalog *catalog;
    size_t items;
};

static void count_referrer(void *arg, enum image_blob_kind kind, const char *key)
{
    struct extent *e = arg;
    (void)kind, (void)key;
    e->items++;
}

static void measure(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                    const struct model_item *item)
{
    struct extent *e = arg;
    (void)length, (void)item;
    e->items++;
    if (kind == IMAGE_FLAG) {
        catalog_referrers(e->catalog, kind, key, count_referrer, e);
    }
}

int pipeline_change_compile(struct pipeline *p, uint64_t digest[2], struct fault *fault)
{
    /* those that were compiled before are counted again */
    struct extent extent = {p->catalog, 0};
    catalog_change_each(p->catalog, measure, &extent);
    if (publisher_change(p->publisher, extent.items) != 0) {
        no_memory(fault);
        return -1;
    }
    pipeline_compile_changes(p);
    if (p->change.failed) {
        *fault = p->change.fault;
        return -1;
    }
    publisher_digest(p->publisher, digest);
    return 0;
}

json_t *pipeline_change_warnings(const struct pipeline *p)
{
    return p->change.warnings;
}

void pipeline_change_undo(struct pipeline *p)
{
    publisher_change_undo(p->publisher);
    catalog_change_undo(p->catalog);
    journal_back_to(p->journal, &p->change.noted);
    p->changed = p->change.changed;
    p->compile_us = p->change.compile_us;
    p->change.open = false;
    pipeline_compile_changes(p); /* what was not compiled yet is handed out as it was before */
    catalog_tidy(p->catalog);    /* no publish follows that would */
}

static void remember_values(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                            const struct model_item *item)
{
    if (kind == IMAGE_FLAG) {
        pipeline_remember_values(arg, key, length, item);
    }
}

/* Has anything ever been published, or is there something to publish? An override of what no source
   has brought yet is no reason to tell readers that they can begin. */
static bool has_something(const struct pipeline *p)
{
    struct publisher_stats stats;
    publisher_stats(p->publisher, &stats);
    return stats.generation != 0 || p->changed > 0;
}

int pipeline_change_publish(struct pipeline *p, struct fault *fault)
{
    catalog_change_each(p->catalog, remember_values, p);
    publisher_change_keep(p->publisher);
    catalog_change_keep(p->catalog);
    p->change.open = false;
    if (!has_something(p)) {
        return 0;
    }
    if (pipeline_publish_compiled(p, true, fault) != 0) {
        return -1;
    }
    if (p->uncompiled > 0) {
        pipeline_publish_in(p, UNCOMPILED_MS);
    }
    return 0;
}

/* ---- overrides ---- */

/* The one step is made. */
static int finish(struct pipeline *p, struct fault *fault)
{
    uint64_t digest[2];
    if (pipeline_change_compile(p, digest, fault) != 0) {
        pipeline_change_undo(p);
        return -1;
    }
    return pipeline_change_publish(p, fault) == 0 ? 0 : 1;
}

static int begin(struct pipeline *p, struct fault *fault)
{
    if (pipeline_change_begin(p) != 0) {
        fault_set(fault, "", "", "another change is under way");
        return -1;
    }
    return 0;
}

int pipeline_override_set(struct pipeline *p, const char *key, const struct override *override,
                          struct fault *fault)
{
    if (begin(p, fault) != 0) {
        return -1;
    }
    if (pipeline_change_override(p, key, override, fault) != 0) {
        pipeline_change_undo(p);
        return -1;
    }
    return finish(p, fault);
}

int pipeline_override_clear(struct pipeline *p, const char *key, struct fault *fault)
{
    if (begin(p, fault) != 0) {
        return -1;
    }
    if (pipeline_change_clear(p, key, fault) != 0) {
        pipeline_change_undo(p);
        return -1;
    }
    return finish(p, fault);
}

int pipeline_override_load(struct pipeline *p, const char *key, const struct override *override,
                           struct fault *fault)
{
    return put_override(p, key, override, fault);
}

int pipeline_override_unload(struct pipeline *p, const char *key, struct fault *fault)
{
    if (pipeline_override(p, key) && catalog_override_clear(p->catalog, key, strlen(key)) != 0) {
        no_memory(fault);
        return -1;
    }
    return 0;
}

const struct override *pipeline_override(const struct pipeline *p, const char *key)
{
    return catalog_override(p->catalog, key, strlen(key));
}

void pipeline_override_each(const struct pipeline *p, catalog_override_fn *fn, void *arg)
{
    catalog_override_each(p->catalog, fn, arg);
}

const struct model_item *pipeline_in_force(const struct pipeline *p, enum image_blob_kind kind,
                                           const char *key)
{
    const struct model_item *const item = catalog_get(p->catalog, kind, key, strlen(key));
    return item && !item->deleted ? item : NULL;
}

void pipeline_in_force_each(const struct pipeline *p, catalog_each_fn *fn, void *arg)
{
    catalog_each(p->catalog, fn, arg);
}

void pipeline_referrers(const struct pipeline *p, enum image_blob_kind kind, const char *key,
                        referrers_fn *fn, void *arg)
{
    catalog_referrers(p->catalog, kind, key, fn, arg);
}
