#include "pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compile/blob.h"
#include "log.h"
#include "pipeline_parts.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 5000
#define IDLE_MS 1000           /* without a publish before a compaction */
#define COMPACT_AGAIN_MS 30000 /* after one that failed */
#define HEARTBEAT_MS 1000
#define WARNINGS_MOST 20 /* lines per publish; the rest is counted */
#define TIDY_MS 60000    /* between two looks for values that nobody needs any more */

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(timer, &wait);
}

static const char *kind_name(enum image_blob_kind kind)
{
    return kind == IMAGE_SEGMENT ? "segment" : "flag";
}

/* ---- compile ------------------------------------------------------------------------------ */

/* The item that a warning is about. */
struct compiling {
    struct pipeline *p;
    const struct model_item *item;
};

/* For who makes the change. */
static void note_warning(const struct compiling *c, const char *member, const char *text)
{
    struct pipeline_change *change = &c->p->change;
    if (!change->warnings) {
        change->warnings = json_array();
    }
    if (json_array_size(change->warnings) < WARNINGS_MOST) {
        json_array_append_new(change->warnings,
                              json_pack("{s:s, s:s, s:s, s:s}", "kind", kind_name(c->item->kind),
                                        "key", c->item->key.text, "member", member, "text", text));
    }
}

static void on_warning(void *arg, const char *member, const char *text)
{
    const struct compiling *c = arg;
    if (c->p->change.open) {
        note_warning(c, member, text);
    }
    if (c->p->warnings++ < WARNINGS_MOST) {
        LOG_EVENT(LOG_LEVEL_WARNING, "definition-warning",
                  log_text(kind_name(c->item->kind), c->item->key.text),
                  log_text("from", c->item->provenance.text), log_text("member", member),
                  log_text("text", text));
    }
}

static void item_failed(struct pipeline *p, const struct model_item *item,
                        const struct fault *fault)
{
    if (p->change.open) { /* whoever makes it is told, and takes it back */
        p->change.fault = p->change.failed ? p->change.fault : *fault;
        p->change.failed = true;
        return;
    }
    p->uncompiled++;
    LOG_EVENT(LOG_LEVEL_ERROR, "compile-failed", log_text(kind_name(item->kind), item->key.text),
              log_text("from", item->provenance.text), log_text("member", fault->member),
              log_text("cause", fault->cause), log_text("hint", fault->hint),
              log_text("effect", "its last good version stays published"));
}

void pipeline_remember_values(struct pipeline *p, const char *key, size_t length,
                              const struct model_item *item)
{
    const uint64_t now_ms = (uint64_t)(now_us() / 1000);
    if (p->values && item) {
        values_put(p->values, key, length, publisher_version(p->publisher, IMAGE_FLAG, key, length),
                   item->as.flag.variations, now_ms);
    } else if (p->values) {
        values_gone(p->values, key, length, now_ms);
    }
}

/* The item as its override leaves it. */
static const struct model_item *overridden(const struct pipeline *p, const struct model_item *item,
                                           struct override_applied *applied)
{
    const struct override *override =
        item->kind == IMAGE_FLAG ? catalog_override(p->catalog, item->key.text, item->key.length)
                                 : NULL;
    if (!override) {
        return item;
    }
    override_apply(override, item, applied);
    if (applied->unmatched) {
        LOG_EVENT(LOG_LEVEL_WARNING, "override-unmatched", log_text("flag", item->key.text),
                  log_text("from", item->provenance.text), log_text("variant", override->variant),
                  log_text("text", "the flag has no such variant, so the pin kills it"),
                  log_text("hint", "pin it to a variant that it has, or clear the override"));
    }
    return &applied->item;
}

static void put_linked(struct pipeline *p, const struct model_item *item)
{
    struct compiling c = {p, item};
    struct slots *slots = publisher_slots(p->publisher);
    const uint64_t now_ms = (uint64_t)(now_us() / 1000);
    struct blob blob;
    struct fault fault = {0};
    if (blob_compile(item, slots, publisher_seed(p->publisher), now_ms, on_warning, &c, &blob,
                     &fault) != 0) {
        item_failed(p, item, &fault);
        return;
    }
    p->changed += pipeline_journal_put(p, item, &blob);
    if (item->kind == IMAGE_FLAG && !blob.bytes && !p->change.open) {
        pipeline_remember_values(p, item->key.text, item->key.length, item);
    }
    if (blob.bytes) { /* not taken over: no memory, or no slot left */
        for (size_t i = 0; i < blob.reference_count; i++) {
            slots_drop(slots, blob.references[i], now_ms);
        }
        blob_free(&blob);
        fault_set(&fault, "", "give the agent more memory", "out of memory or slots");
        item_failed(p, item, &fault);
    }
}

static void put(struct pipeline *p, const struct model_item *definition)
{
    struct override_applied applied;
    struct linked linked;
    const struct model_item *item = overridden(p, definition, &applied);
    if (links_resolve(p->catalog, &item, &linked) != 0) {
        struct fault fault = {0};
        fault_set(&fault, "", "give the agent more memory", "out of memory");
        item_failed(p, item, &fault);
        return;
    }
    if (linked.unmatched) {
        LOG_EVENT(LOG_LEVEL_WARNING, "prerequisite-unmatched", log_text("flag", item->key.text),
                  log_text("from", item->provenance.text), log_text("needs", linked.unmatched),
                  log_text("text", "it has no such variant, so the prerequisite never holds"));
    }
    put_linked(p, item);
    links_release(&linked);
}

struct renewed {
    struct pipeline *p;
    const char *key;
};

/* The flags that name a variant of one that changed: what the name means may be another one. */
static void put_again_named(void *arg, enum image_blob_kind kind, const char *key)
{
    const struct renewed *r = arg;
    const struct model_item *item = catalog_get(r->p->catalog, kind, key, strlen(key));
    if (item && links_name(item, r->key)) {
        put(r->p, item);
    }
}

static void on_change(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                      const struct model_item *item)
{
    struct pipeline *p = arg;
    if (item && !item->deleted) {
        put(p, item);
    } else {
        p->changed += pipeline_journal_remove(p, kind, key, length);
        if (kind == IMAGE_FLAG && !p->change.open) {
            pipeline_remember_values(p, key, length, NULL);
        }
    }
    if (kind == IMAGE_FLAG) {
        catalog_referrers(p->catalog, kind, key, put_again_named, &(struct renewed){p, key});
    }
}

void pipeline_compile_changes(struct pipeline *p)
{
    const int64_t start = now_us();
    if (catalog_changed(p->catalog)) {
        p->warnings = 0;
        catalog_changes(p->catalog, on_change, p);
        p->compile_us += now_us() - start;
    }
}

/* What is published and no longer defined. Collected first: an item is not removed while the
   publisher goes through them. */
struct orphan {
    struct orphan *next;
    enum image_blob_kind kind;
    size_t length;
    char key[];
};

struct orphans {
    const struct catalog *catalog;
    struct orphan *first;
    bool no_memory;
};

static void collect_orphan(void *arg, enum image_blob_kind kind, const char *key, size_t length)
{
    struct orphans *all = arg;
    const struct model_item *item = catalog_get(all->catalog, kind, key, length);
    if (item && !item->deleted) {
        return;
    }
    struct orphan *o = malloc(sizeof *o + length + 1);
    if (!o) {
        all->no_memory = true;
        return;
    }
    o->next = all->first;
    o->kind = kind;
    o->length = length;
    memcpy(o->key, key, length);
    o->key[length] = '\0';
    all->first = o;
}

/* Once, after the first good load of each source: what an earlier agent published and nobody
 * defines any more. */
static void remove_orphans(struct pipeline *p)
{
    struct orphans all = {p->catalog, NULL, false};
    unsigned removed = 0;
    publisher_each(p->publisher, collect_orphan, &all);
    while (all.first) {
        struct orphan *o = all.first;
        all.first = o->next;
        removed += pipeline_journal_remove(p, o->kind, o->key, o->length);
        free(o);
    }
    p->adopted_checked = !all.no_memory;
    p->changed += removed;
    if (removed) {
        LOG_EVENT(LOG_LEVEL_INFO, "adopted-removed", log_number("count", removed),
                  log_text("text", "published by an earlier agent, no longer defined"));
    }
}

static void put_again(void *arg, const struct model_item *item)
{
    put(arg, item);
}

static void compile(struct pipeline *p)
{
    const bool all = p->uncompiled > 0; /* the catalog does not tell twice */
    const bool check_adopted = !p->adopted_checked && source_states_complete(&p->sources);
    if (!catalog_changed(p->catalog) && !check_adopted && !all) {
        return;
    }
    const int64_t start = now_us();
    p->warnings = 0;
    p->uncompiled = 0;
    catalog_changes(p->catalog, on_change, p);
    if (all) {
        p->uncompiled = 0;
        catalog_each(p->catalog, put_again, p);
    }
    if (check_adopted) {
        remove_orphans(p);
    }
    p->compile_us += now_us() - start;
    if (p->warnings > WARNINGS_MOST) {
        LOG_EVENT(LOG_LEVEL_WARNING, "definition-warnings",
                  log_number("more", p->warnings - WARNINGS_MOST),
                  log_text("text", "`ffctl lint FILE` tells all of them"));
    }
}

/* ---- publish ------------------------------------------------------------------------------ */

static void beat(struct pipeline *p)
{
    struct image_source_report report;
    const enum image_source_state state = source_states_all(&p->sources, &report);
    const bool behind = p->uncompiled > 0 || p->backoff_ms > 0;
    const bool degraded = behind && state == IMAGE_SOURCE_VALID;
    publisher_source_report(p->publisher, &report);
    publisher_heartbeat(p->publisher, degraded ? IMAGE_SOURCE_INTERRUPTED : state);
}

static void log_published(const struct pipeline *p, int64_t publish_us)
{
    struct publisher_stats stats;
    char generation[LOG_GENERATION];
    publisher_stats(p->publisher, &stats);
    LOG_EVENT(LOG_LEVEL_INFO, "published",
              log_text("generation", log_generation(stats.generation, generation)),
              log_number("flags", stats.flags), log_number("segments", stats.segments),
              log_number("changed", p->changed), log_number("bytes", (int64_t)stats.bytes_written),
              log_number("compile_us", p->compile_us), log_number("publish_us", publish_us));
}

static void publish_failed(struct pipeline *p, const struct fault *fault)
{
    log_fault(LOG_LEVEL_ERROR, "publish-failed", fault);
    p->backoff_ms = p->backoff_ms ? p->backoff_ms * 2 : BACKOFF_FIRST_MS;
    if (p->backoff_ms > BACKOFF_MOST_MS) {
        p->backoff_ms = BACKOFF_MOST_MS;
    }
    arm(p->publish, p->backoff_ms);
    beat(p);
}

int pipeline_publish_compiled(struct pipeline *p, bool urgent, struct fault *fault)
{
    struct publisher_stats before;
    struct publisher_stats after;
    publisher_stats(p->publisher, &before);
    const int64_t start = now_us();
    if (publisher_publish(p->publisher, urgent, fault) != 0) {
        publish_failed(p, fault);
        return -1;
    }
    const int64_t publish_us = now_us() - start;
    publisher_stats(p->publisher, &after);
    if (after.generation != before.generation) {
        log_published(p, publish_us);
        pipeline_journal_tell(p, false);
    } else {
        char generation[LOG_GENERATION];
        LOG_EVENT(LOG_LEVEL_INFO, "unchanged",
                  log_text("generation", log_generation(after.generation, generation)),
                  log_number("flags", after.flags), log_number("segments", after.segments));
        journal_back_to(p->journal, &(struct journal_mark){.count = 0}); /* it came to nothing */
    }
    p->changed = 0;
    p->compile_us = 0;
    p->backoff_ms = 0;
    beat(p);
    if (publisher_wants_compaction(p->publisher)) {
        arm(p->compact, IDLE_MS);
    }
    if (p->published) {
        p->published(p->arg);
    }
    catalog_tidy(p->catalog);
    return 0;
}

int pipeline_publish(struct pipeline *p)
{
    struct fault fault = {0};
    event_del(p->publish);
    compile(p);
    return pipeline_publish_compiled(p, false, &fault);
}

int pipeline_publish_agreed(struct pipeline *p)
{
    p->agreed = true;
    const int result = pipeline_publish(p);
    p->agreed = false;
    return result;
}

static void on_publish(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    pipeline_publish(arg);
}

static void on_compact(evutil_socket_t fd, short what, void *arg)
{
    struct pipeline *p = arg;
    struct fault fault = {0};
    (void)fd, (void)what;
    if (!publisher_wants_compaction(p->publisher)) {
        return;
    }
    const int64_t start = now_us();
    if (publisher_compact(p->publisher, &fault) != 0) {
        log_fault(LOG_LEVEL_WARNING, "compact-failed", &fault);
        arm(p->compact, COMPACT_AGAIN_MS);
        return;
    }
    struct publisher_stats stats;
    char generation[LOG_GENERATION];
    publisher_stats(p->publisher, &stats);
    LOG_EVENT(LOG_LEVEL_INFO, "compacted",
              log_text("generation", log_generation(stats.generation, generation)),
              log_number("extents", stats.extents),
              log_number("bytes", (int64_t)stats.extent_bytes),
              log_number("took_us", now_us() - start));
    pipeline_journal_tell(p, true);
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    struct pipeline *p = arg;
    (void)fd, (void)what;
    beat(p);
    const uint64_t now_ms = (uint64_t)(now_us() / 1000);
    if (p->values && now_ms - p->tidied_ms > TIDY_MS) {
        p->tidied_ms = now_ms;
        values_tidy(p->values, now_ms);
    }
    if (p->gone && publisher_is_gone(p->publisher)) {
        p->gone(p->arg);
    }
}

/* ---- what goes in ------------------------------------------------------------------------- */

void pipeline_expect(struct pipeline *p, enum catalog_layer layer)
{
    p->sources.of[layer].expected = true;
}

void pipeline_publish_in(struct pipeline *p, int64_t ms)
{
    if (!event_pending(p->publish, EV_TIMEOUT, NULL)) {
        arm(p->publish, ms);
    }
}

/* While publishing fails the backoff runs on: what is new goes with the next attempt. */
static void publish_soon(struct pipeline *p)
{
    pipeline_publish_in(p, PIPELINE_COALESCE_MS);
}

int pipeline_replace(struct pipeline *p, enum catalog_layer layer, struct model_item **items,
                     size_t count)
{
    if (catalog_replace(p->catalog, layer, items, count) != 0) {
        return -1;
    }
    p->sources.of[layer].loaded = true;
    publish_soon(p);
    return 0;
}

int pipeline_put(struct pipeline *p, enum catalog_layer layer, struct model_item *item)
{
    if (catalog_put(p->catalog, layer, item) != 0) {
        return -1;
    }
    publish_soon(p);
    return 0;
}

int pipeline_remove(struct pipeline *p, enum catalog_layer layer, enum image_blob_kind kind,
                    const char *key)
{
    const size_t length = strlen(key);
    if (catalog_layer_get(p->catalog, layer, kind, key, length) &&
        catalog_remove(p->catalog, layer, kind, key, length) != 0) {
        return -1;
    }
    publish_soon(p);
    return 0;
}

const struct model_item *pipeline_item(const struct pipeline *p, enum catalog_layer layer,
                                       enum image_blob_kind kind, const char *key, size_t length)
{
    return catalog_layer_get(p->catalog, layer, kind, key, length);
}

static uint64_t realtime_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void pipeline_source_state(struct pipeline *p, enum catalog_layer layer,
                           const struct source_state *state)
{
    source_states_set(&p->sources, layer, state, realtime_ms());
    if (state->state != IMAGE_SOURCE_VALID || !event_pending(p->publish, EV_TIMEOUT, NULL)) {
        beat(p);
    }
}

void pipeline_data_as_of(struct pipeline *p, enum catalog_layer layer, uint64_t ms)
{
    p->sources.of[layer].data_ms = ms;
}

const struct source_states *pipeline_sources(const struct pipeline *p)
{
    return &p->sources;
}

void pipeline_environment_id(struct pipeline *p, const char *id)
{
    char *known = p->sources.environment_id;
    if (strncmp(known, id, sizeof p->sources.environment_id - 1) != 0) {
        snprintf(known, sizeof p->sources.environment_id, "%s", id);
        beat(p); /* whoever sees the first flags is to see it, too */
    }
}

int pipeline_keep_values(struct pipeline *p)
{
    p->values = values_new();
    return p->values ? 0 : -1;
}

json_t *pipeline_value(const struct pipeline *p, const char *key, int64_t version,
                       int64_t variation)
{
    return p->values ? values_get(p->values, key, version, variation) : NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

struct pipeline *pipeline_new(struct event_base *base, struct publisher *publisher,
                              pipeline_published_fn *published, void *arg)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->publisher = publisher;
    p->published = published;
    p->arg = arg;
    p->catalog = catalog_new();
    p->publish = evtimer_new(base, on_publish, p);
    p->compact = evtimer_new(base, on_compact, p);
    p->heartbeat = event_new(base, -1, EV_PERSIST, on_heartbeat, p);
    if (!p->catalog || !p->publish || !p->compact || !p->heartbeat) {
        pipeline_free(p);
        return NULL;
    }
    arm(p->heartbeat, HEARTBEAT_MS);
    return p;
}

void pipeline_on_gone(struct pipeline *p, pipeline_published_fn *gone)
{
    p->gone = gone;
}

static void free_event(struct event *event)
{
    if (event) {
        event_free(event);
    }
}

void pipeline_free(struct pipeline *p)
{
    if (!p) {
        return;
    }
    free_event(p->publish);
    free_event(p->compact);
    free_event(p->heartbeat);
    catalog_free(p->catalog);
    json_decref(p->change.warnings);
    values_free(p->values);
    journal_drop(p->journal);
    free(p);
}
