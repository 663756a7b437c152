/*
 * pipeline_journal.h - what a publish changes for readers: item by item, for whoever tells of it.
 *
 * While the pipeline compiles, each item that becomes another one is noted; what is undone is noted
 * no longer. A publish that makes a new generation tells its listeners of it, with what was noted;
 * one that fails leaves it to the next. Merged extents are a generation, too: its journal is empty,
 * and its digest that of the generation before.
 *
 * An item is in it more than once when it changed more than once before readers saw any of it.
 */
#ifndef FFSHM_AGENT_PIPELINE_JOURNAL_H
#define FFSHM_AGENT_PIPELINE_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "image.h"

#define JOURNAL_MOST 1000u /* items that are listed; more are counted */

enum journal_change { JOURNAL_ADDED, JOURNAL_CHANGED, JOURNAL_REMOVED };

struct journal_item {
    const char *key;
    const char *source; /* the definition's provenance; of a removed item what it was; "": not
                           known */
    json_t *tags;       /* likewise; NULL: none, or not known */
    int64_t before;     /* versions; 0 where it was not there, or is not there any more */
    int64_t after;
    enum image_blob_kind kind;
    enum journal_change change;
    bool overridden;  /* it is, now */
    bool by_operator; /* what an operator changes has brought it */
};

struct journal_count {
    size_t flags;
    size_t segments;
};

struct journal {
    unsigned references;
    struct journal_item **items; /* in the order in which they were noted */
    size_t count;
    size_t room;
    struct journal_count more;         /* that are not listed */
    struct journal_count more_sources; /* of those, what no operator brought */
    /* Of the publish; filled in when it is told. */
    uint64_t generation;
    uint64_t digest[2];
    uint64_t published_ms;
    bool compaction;
};

/* For who has to do with it later. */
struct journal *journal_hold(struct journal *j);
void journal_drop(struct journal *j); /* NULL is harmless */

/* ---- for the pipeline ---- */

/* Empty, with one reference; NULL: no memory. */
struct journal *journal_new(void);
/* Copies texts, and takes a reference of the tags. Without memory it is only counted. */
void journal_note(struct journal *j, const struct journal_item *item);

/* The same alone; NULL: no memory. */
struct journal_item *journal_item_copy(const struct journal_item *item);
void journal_item_free(struct journal_item *item); /* NULL is harmless */

/* How much is in it; NULL: nothing. */
struct journal_mark {
    size_t count;
    struct journal_count more;
    struct journal_count more_sources;
};
struct journal_mark journal_mark(const struct journal *j);
/* Forgets what was noted since; NULL is harmless. */
void journal_back_to(struct journal *j, const struct journal_mark *mark);

/* ---- for who listens ---- */

/* {"kind", "key", "change": "added", "changed", "removed", "source", "before", "after"}, with null
   where there is none; "overridden": true where it is. NULL: no memory. */
json_t *journal_item_describe(const struct journal_item *item);

struct pipeline;

/* The listener's own, as long as it listens. What it does is on the way of a kill switch: it notes
   down what there is to do, and does it later. */
struct pipeline_listener {
    /* j: to be held by who needs it longer. */
    void (*published)(void *arg, struct journal *j);
    /* An operator's change begins: what it brings is not in any journal yet. May be NULL. */
    void (*changing)(void *arg);
    void *arg;
    struct pipeline_listener *next; /* the pipeline's */
};

/* Told in the order in which they came. */
void pipeline_listen(struct pipeline *p, struct pipeline_listener *listener);
void pipeline_unlisten(struct pipeline *p, struct pipeline_listener *listener);

#endif
