#include "trail_changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- gathering ------------------------------------------------------------------------------ */

bool trail_changes_in(const struct journal *j)
{
    bool found = j->more_sources.flags + j->more_sources.segments > 0;
    for (size_t i = 0; i < j->count && !found; i++) {
        found = !j->items[i]->by_operator;
    }
    return found;
}

static void count(struct trail_changes *c, enum image_blob_kind kind)
{
    c->all.flags += kind == IMAGE_FLAG;
    c->all.segments += kind == IMAGE_SEGMENT;
}

/* The one that is listed takes up what came after it. */
static void merge(struct trail_changes *c, size_t at, const struct journal_item *item)
{
    const struct journal_item *first = c->items[at];
    struct journal_item both = *item;
    both.before = first->before;
    if (first->change == JOURNAL_ADDED && item->change != JOURNAL_REMOVED) {
        both.change = JOURNAL_ADDED;
    } else if (first->change != JOURNAL_ADDED && item->change == JOURNAL_ADDED) {
        both.change = JOURNAL_CHANGED;
    }
    struct journal_item *copy = journal_item_copy(&both);
    if (copy) { /* else it is told as it was */
        c->bytes += strlen(copy->source);
        c->bytes -= strlen(first->source);
        journal_item_free(c->items[at]);
        c->items[at] = copy;
    }
}

static void add(struct trail_changes *c, const struct journal_item *item)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i]->kind == item->kind && strcmp(c->items[i]->key, item->key) == 0) {
            merge(c, i, item);
            return;
        }
    }
    const size_t bytes = strlen(item->key) + strlen(item->source);
    struct journal_item *copy =
        c->count < TRAIL_LISTED && c->bytes + bytes <= TRAIL_TEXTS ? journal_item_copy(item) : NULL;
    if (copy) {
        c->items[c->count++] = copy;
        c->bytes += bytes;
    }
    count(c, item->kind);
}

void trail_changes_add(struct trail_changes *c, const struct journal *j)
{
    for (size_t i = 0; i < j->count; i++) {
        if (!j->items[i]->by_operator) {
            add(c, j->items[i]);
        }
    }
    c->all.flags += j->more_sources.flags;
    c->all.segments += j->more_sources.segments;
}

void trail_changes_clear(struct trail_changes *c)
{
    for (size_t i = 0; i < c->count; i++) {
        journal_item_free(c->items[i]);
    }
    *c = (struct trail_changes){.count = 0};
}

/* ---- telling -------------------------------------------------------------------------------- */

/* "file:/etc/ffshm/flags.yaml" is one of the files; others are called what they are. */
static void name_source(const char *source, char actor[TRAIL_SOURCES])
{
    const bool is_file = strncmp(source, "file:", 5) == 0;
    const char *name = is_file ? "files" : source;
    const size_t length = strlen(actor);
    const size_t room = TRAIL_SOURCES - length;
    if (*name && !strstr(actor, name) && strlen(name) + sizeof ", " <= room) {
        snprintf(actor + length, room, "%s%s", length ? ", " : "", name);
    }
}

static void name_actor(const struct trail_changes *c, char actor[TRAIL_SOURCES])
{
    actor[0] = '\0';
    for (size_t i = 0; i < c->count; i++) {
        name_source(c->items[i]->source, actor);
    }
    if (!actor[0]) {
        snprintf(actor, TRAIL_SOURCES, "ffagent");
    }
}

static void name_target(const struct trail_changes *c, char target[TRAIL_TARGET])
{
    const size_t flags = c->all.flags;
    const size_t segments = c->all.segments;
    char counted[64] = "";
    if (flags + segments == 1 && c->count == 1 && strlen(c->items[0]->key) < TRAIL_TARGET) {
        snprintf(target, TRAIL_TARGET, "%s", c->items[0]->key);
        return;
    }
    if (segments) {
        snprintf(counted, sizeof counted, "%s%zu segment%s", flags ? ", " : "", segments,
                 segments == 1 ? "" : "s");
    }
    if (flags || !segments) {
        snprintf(target, TRAIL_TARGET, "%zu flag%s%s", flags, flags == 1 ? "" : "s", counted);
    } else {
        snprintf(target, TRAIL_TARGET, "%s", counted);
    }
}

int trail_changes_describe(const struct trail_changes *c, struct trail_texts *texts)
{
    json_t *changed = json_array();
    int failed = 0;
    for (size_t i = 0; i < c->count; i++) {
        failed |= json_array_append_new(changed, journal_item_describe(c->items[i]));
    }
    json_t *after = json_pack("{s:o, s:I}", "changed", changed, "more",
                              (json_int_t)(c->all.flags + c->all.segments - c->count));
    texts->after = after && !failed ? json_dumps(after, JSON_COMPACT) : NULL;
    json_decref(after);
    name_actor(c, texts->actor);
    name_target(c, texts->target);
    return texts->after ? 0 : -1;
}
