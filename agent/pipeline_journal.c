#include "pipeline_journal.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline_parts.h"

#define FIRST_ROOM 16u

/* ---- the journal ---------------------------------------------------------------------------- */

struct journal *journal_new(void)
{
    struct journal *j = calloc(1, sizeof *j);
    if (j) {
        j->references = 1;
    }
    return j;
}

struct journal *journal_hold(struct journal *j)
{
    j->references++;
    return j;
}

void journal_item_free(struct journal_item *item)
{
    if (item) {
        json_decref(item->tags);
        free(item);
    }
}

void journal_drop(struct journal *j)
{
    if (!j || --j->references > 0) {
        return;
    }
    for (size_t i = 0; i < j->count; i++) {
        journal_item_free(j->items[i]);
    }
    free(j->items);
    free(j);
}

/* One block: the item, its key, its source. */
struct journal_item *journal_item_copy(const struct journal_item *item)
{
    const size_t key = strlen(item->key) + 1;
    const size_t source = strlen(item->source) + 1;
    struct journal_item *one = malloc(sizeof *one + key + source);
    if (one) {
        char *text = (char *)(one + 1);
        *one = *item;
        one->key = memcpy(text, item->key, key);
        one->source = memcpy(text + key, item->source, source);
        json_incref(one->tags);
    }
    return one;
}

static bool has_room(struct journal *j)
{
    if (j->count < j->room) {
        return true;
    }
    if (j->count >= JOURNAL_MOST) {
        return false;
    }
    const size_t twice = j->room ? 2 * j->room : FIRST_ROOM;
    const size_t room = twice < JOURNAL_MOST ? twice : JOURNAL_MOST;
    struct journal_item **items = realloc(j->items, room * sizeof(struct journal_item *));
    if (items) {
        j->items = items;
        j->room = room;
    }
    return items != NULL;
}

static void add(struct journal_count *count, enum image_blob_kind kind)
{
    count->flags += kind == IMAGE_FLAG;
    count->segments += kind == IMAGE_SEGMENT;
}

void journal_note(struct journal *j, const struct journal_item *item)
{
    struct journal_item *one = has_room(j) ? journal_item_copy(item) : NULL;
    if (one) {
        j->items[j->count++] = one;
        return;
    }
    add(&j->more, item->kind);
    if (!item->by_operator) {
        add(&j->more_sources, item->kind);
    }
}

struct journal_mark journal_mark(const struct journal *j)
{
    return j ? (struct journal_mark){j->count, j->more, j->more_sources}
             : (struct journal_mark){.count = 0};
}

void journal_back_to(struct journal *j, const struct journal_mark *mark)
{
    if (!j) {
        return;
    }
    while (j->count > mark->count) {
        journal_item_free(j->items[--j->count]);
    }
    j->more = mark->more;
    j->more_sources = mark->more_sources;
}

/* A path need not be UTF-8, JSON must be. NULL: no memory. */
static json_t *source_json(const char *source)
{
    json_t *text = source[0] ? json_string(source) : json_null();
    char *copy = text ? NULL : strdup(source);
    for (char *c = copy; c && *c; c++) {
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    }
    text = copy ? json_string(copy) : text;
    free(copy);
    return text;
}

json_t *journal_item_describe(const struct journal_item *item)
{
    static const char *const changes[] = {"added", "changed", "removed"};
    const bool was = item->change != JOURNAL_ADDED;
    const bool is = item->change != JOURNAL_REMOVED;
    json_t *body = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "kind",
                             item->kind == IMAGE_SEGMENT ? "segment" : "flag", "key", item->key,
                             "change", changes[item->change], "source", source_json(item->source),
                             "before", was ? json_integer(item->before) : json_null(), "after",
                             is ? json_integer(item->after) : json_null());
    if (body && item->overridden) {
        json_object_set_new(body, "overridden", json_true());
    }
    return body;
}

/* ---- the pipeline's ------------------------------------------------------------------------- */

/* NULL: nobody listens, or there is no memory. */
static struct journal *journal_of(struct pipeline *p)
{
    if (!p->journal && p->listeners) {
        p->journal = journal_new();
    }
    return p->journal;
}

static json_t *tags_of(const struct model_item *item)
{
    return json_object_get(json_object_get(item ? item->json : NULL, "ffshm"), "tags");
}

/* The provenance of an overridden item tells of the override. */
static const char *source_now(const struct pipeline *p, const struct model_item *item)
{
    const struct model_item *const definition =
        item->overridden ? catalog_get(p->catalog, item->kind, item->key.text, item->key.length)
                         : item;
    return definition && definition->provenance.text ? definition->provenance.text : "";
}

bool pipeline_journal_put(struct pipeline *p, const struct model_item *item, struct blob *blob)
{
    const char *key = item->key.text;
    const size_t length = item->key.length;
    struct journal *j = journal_of(p);
    struct publisher_item was = {0};
    const bool known = j && publisher_item(p->publisher, item->kind, key, length, &was);
    if (!publisher_put(p->publisher, item->kind, key, length, item->auto_version, blob)) {
        return false;
    }
    if (j) {
        journal_note(j, &(struct journal_item){
                            .key = key,
                            .source = source_now(p, item),
                            .tags = tags_of(item),
                            .before = was.version,
                            .after = publisher_version(p->publisher, item->kind, key, length),
                            .kind = item->kind,
                            .change = known ? JOURNAL_CHANGED : JOURNAL_ADDED,
                            .overridden = item->overridden,
                            .by_operator = p->change.open || p->agreed,
                        });
    }
    return true;
}

/* Where an item came from that is about to be removed: its definition tells, and what it was
   compiled to (of an overridden one: who did that). */
static const char *source_before(const struct model_item *definition,
                                 const struct publisher_item *was)
{
    if (definition && definition->provenance.text) {
        return definition->provenance.text;
    }
    return was->overridden ? "" : was->provenance;
}

/* Noted first: what it was goes with it. */
bool pipeline_journal_remove(struct pipeline *p, enum image_blob_kind kind, const char *key,
                             size_t length)
{
    struct journal *j = journal_of(p);
    const struct journal_mark mark = journal_mark(j);
    struct publisher_item was;
    if (j && publisher_item(p->publisher, kind, key, length, &was)) {
        const struct model_item *const definition = catalog_was(p->catalog, kind, key, length);
        journal_note(j, &(struct journal_item){
                            .key = key,
                            .source = source_before(definition, &was),
                            .tags = tags_of(definition),
                            .before = was.version,
                            .kind = kind,
                            .change = JOURNAL_REMOVED,
                            .by_operator = p->change.open || p->agreed,
                        });
    }
    const bool removed = publisher_remove(p->publisher, kind, key, length);
    if (!removed) {
        journal_back_to(j, &mark);
    }
    return removed;
}

/* What is noted belongs to changes that are still to be published: a compaction leaves it. */
void pipeline_journal_tell(struct pipeline *p, bool compaction)
{
    struct publisher_stats stats;
    struct journal *j = compaction && p->listeners ? journal_new() : journal_of(p);
    if (!j) {
        return;
    }
    if (!compaction) {
        p->journal = NULL;
    }
    publisher_stats(p->publisher, &stats);
    j->generation = stats.generation;
    memcpy(j->digest, stats.digest, sizeof j->digest);
    j->published_ms = stats.published_ms;
    j->compaction = compaction;
    for (struct pipeline_listener *l = p->listeners; l; l = l->next) {
        l->published(l->arg, j);
    }
    journal_drop(j);
}

void pipeline_journal_changing(struct pipeline *p)
{
    for (struct pipeline_listener *l = p->listeners; l; l = l->next) {
        if (l->changing) {
            l->changing(l->arg);
        }
    }
}

void pipeline_listen(struct pipeline *p, struct pipeline_listener *listener)
{
    struct pipeline_listener **link = &p->listeners;
    while (*link) {
        link = &(*link)->next;
    }
    listener->next = NULL;
    *link = listener;
}

void pipeline_unlisten(struct pipeline *p, struct pipeline_listener *listener)
{
    for (struct pipeline_listener **link = &p->listeners; *link; link = &(*link)->next) {
        if (*link == listener) {
            *link = listener->next;
            return;
        }
    }
}
