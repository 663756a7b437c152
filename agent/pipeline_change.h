/*
 * pipeline_change.h - what an operator changes: compiled before it is stored, taken back as a whole
 * when it cannot be stored, and else published at once.
 *
 *     begin -> put, remove, override, clear ... -> compile -> (store it) -> publish
 *                                                    \-> undo    \-> undo
 *
 * From begin to publish or undo the caller does not return to the event loop, and nothing else is
 * done to the pipeline. What else was pending before is no part of the change: it is compiled when
 * the change begins, so that the digest is that of the very snapshot to come; undo leaves it as it
 * is.
 *
 * Publishing does not wait for others (PIPELINE_COALESCE_MS) and merges nothing on the way: when
 * pipeline_change_publish has returned 0, the next evaluation of every process on the host sees the
 * change.
 */
#ifndef FFSHM_AGENT_PIPELINE_CHANGE_H
#define FFSHM_AGENT_PIPELINE_CHANGE_H

#include "pipeline.h"

/* 0, or -1: another change is open. Before a transaction of the storage is begun: what sources have
   brought so far is entered into the trail first (operate/trail.h). */
int pipeline_change_begin(struct pipeline *p);

/* Steps. 0, or -1 with *fault: this step has changed nothing; the change is still open.
   The item is taken over, also on failure. */
int pipeline_change_put(struct pipeline *p, enum catalog_layer layer, struct model_item *item,
                        struct fault *fault);
/* -1 also: there is none. */
int pipeline_change_remove(struct pipeline *p, enum catalog_layer layer, enum image_blob_kind kind,
                           const char *key, struct fault *fault);
/* Of a flag that need not exist. Copied; it replaces the one there is. */
int pipeline_change_override(struct pipeline *p, const char *key, const struct override *override,
                             struct fault *fault);
/* -1 also: there is none. */
int pipeline_change_clear(struct pipeline *p, const char *key, struct fault *fault);

/* Compiles the change. *digest: of the snapshot to come; when that is the published one's, nothing
   would change for readers. 0, or -1 with *fault: an item of it cannot be compiled, and the change
   is to be undone. */
int pipeline_change_compile(struct pipeline *p, uint64_t digest[2], struct fault *fault);

/* What is doubtful in the items of the last change, ended or not: [{"kind", "key", "member",
   "text"}], members those of LaunchDarkly's model; 20 at most. Borrowed until the next one begins;
   NULL: nothing.
 */
json_t *pipeline_change_warnings(const struct pipeline *p);

/* Ends the change. It cannot fail: everything is as it was before. */
void pipeline_change_undo(struct pipeline *p);

/* Ends the change, which was compiled, and announces it. 0: announced (also when nothing changed
   for readers, or when no source has brought a flag yet). -1 with *fault: readers keep the old
   snapshot; the change stays, and publishing is tried again by itself. */
int pipeline_change_publish(struct pipeline *p, struct fault *fault);

/* ---- overrides ---- */

/* A change of one step, for what is stored already or not at all. 0: announced. -1 with *fault:
   refused, nothing has changed. 1 with *fault: it stays, and is announced later by itself. */
int pipeline_override_set(struct pipeline *p, const char *key, const struct override *override,
                          struct fault *fault);
int pipeline_override_clear(struct pipeline *p, const char *key, struct fault *fault);

/* One that was stored, at start: it is in force with what is published next. Before the sources'
   first load, so that no flag is published without its override. 0, or -1 with *fault. */
int pipeline_override_load(struct pipeline *p, const char *key, const struct override *override,
                           struct fault *fault);
/* The other way: it is none any more with what is published next; also when it was none. */
int pipeline_override_unload(struct pipeline *p, const char *key, struct fault *fault);

/* Borrowed until the flag's override changes. NULL: there is none. */
const struct override *pipeline_override(const struct pipeline *p, const char *key);
void pipeline_override_each(const struct pipeline *p, catalog_override_fn *fn, void *arg);

/* The definition in force, below an override; NULL: none, or a tombstone. */
const struct model_item *pipeline_in_force(const struct pipeline *p, enum image_blob_kind kind,
                                           const char *key);
/* All of them, in no order. */
void pipeline_in_force_each(const struct pipeline *p, catalog_each_fn *fn, void *arg);
/* What may refer to that one: all that do, and perhaps others, once each. */
void pipeline_referrers(const struct pipeline *p, enum image_blob_kind kind, const char *key,
                        referrers_fn *fn, void *arg);

#endif
