/*
 * pipeline_parts.h - what pipeline.c and pipeline_change.c share, and nobody else needs.
 */
#ifndef FFSHM_AGENT_PIPELINE_PARTS_H
#define FFSHM_AGENT_PIPELINE_PARTS_H

#include "pipeline.h"
#include "pipeline_journal.h"
#include "pipeline_links.h"
#include "values.h"

/* An open change: see pipeline_change.h. */
struct pipeline_change {
    bool open;
    bool failed;        /* an item of it could not be compiled: why */
    struct fault fault; /* of the first that failed */
    unsigned changed;   /* what the pipeline's was when it began */
    int64_t compile_us; /* likewise */
    json_t *warnings;   /* of its items; stays until the next one. NULL: none */
    struct journal_mark noted;
};

struct pipeline {
    bool agreed; /* what is compiled is what operators of a fleet have changed */
    struct publisher *publisher;
    struct catalog *catalog;
    pipeline_published_fn *published;
    pipeline_published_fn *gone; /* NULL: nobody asks */
    void *arg;
    struct event *publish;
    struct event *compact;
    struct event *heartbeat;
    struct source_states sources;
    struct values *values; /* NULL: nobody asks for them */
    uint64_t tidied_ms;
    bool adopted_checked; /* nobody's items of an earlier agent were looked for */
    unsigned changed;     /* items since the last publish */
    unsigned uncompiled;  /* items that failed; then the next round is of all items */
    unsigned warnings;    /* of this round */
    int64_t backoff_ms;   /* 0: the last publish succeeded */
    int64_t compile_us;   /* since the last publish */
    struct pipeline_change change;
    struct journal *journal; /* what is compiled and not published; NULL: nothing yet */
    struct pipeline_listener *listeners;
};

/* Compiles what the catalog has to tell. In an open change the first item that fails makes it fail,
   and values wait for pipeline_remember_values. */
void pipeline_compile_changes(struct pipeline *p);

/* What was compiled, into shared memory. 0, or -1 with *fault: logged, and tried again later by
   itself. */
int pipeline_publish_compiled(struct pipeline *p, bool urgent, struct fault *fault);

/* Publishes in ms, unless it is about to. */
void pipeline_publish_in(struct pipeline *p, int64_t ms);

/* The values of a flag (item NULL: it is gone), for pipeline_value. */
void pipeline_remember_values(struct pipeline *p, const char *key, size_t length,
                              const struct model_item *item);

/* publisher_put and publisher_remove, noted in the journal. */
bool pipeline_journal_put(struct pipeline *p, const struct model_item *item, struct blob *blob);
bool pipeline_journal_remove(struct pipeline *p, enum image_blob_kind kind, const char *key,
                             size_t length);
/* There is a new generation: its listeners are told. */
void pipeline_journal_tell(struct pipeline *p, bool compaction);
/* An operator's change is about to begin. */
void pipeline_journal_changing(struct pipeline *p);

#endif
