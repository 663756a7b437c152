/*
 * catalog.h - the one owner of definitions: layers of them, and what changed.
 *
 * Layers, later wins: LaunchDarkly < files < admin definitions. Each layer holds at most one item
 * per {kind, key}. Above them are overrides, which are no items: whoever compiles the item in force
 * applies the flag's override to it (override.h).
 */
#ifndef FFSHM_AGENT_CATALOG_H
#define FFSHM_AGENT_CATALOG_H

#include <stdbool.h>

#include "model.h"
#include "override.h"
#include "referrers.h"

enum catalog_layer { CATALOG_LAUNCHDARKLY, CATALOG_FILE, CATALOG_ADMIN, CATALOG_LAYERS };

struct catalog;

struct catalog *catalog_new(void);
void catalog_free(struct catalog *c);

/* Replaces a layer's whole content: items (taken over, also on failure) are what is in it from now
   on. An item that equals (json_equal, same provenance) the one there is dropped and counts as
   unchanged. 0 or -1: no memory, or a change is open (below); nothing changed. */
int catalog_replace(struct catalog *c, enum catalog_layer layer, struct model_item **items,
                    size_t count);

/* Frees what replacements left over. It takes longer than a publish, so it comes after one; the
 * next replacement does it where nobody did. */
void catalog_tidy(struct catalog *c);

/* Puts one item into a layer (taken over, also on failure), or removes one. 0, or -1: no memory;
   there was none to remove. */
int catalog_put(struct catalog *c, enum catalog_layer layer, struct model_item *item);
int catalog_remove(struct catalog *c, enum catalog_layer layer, enum image_blob_kind kind,
                   const char *key, size_t length);

/* What is in force: the topmost layer's item (a tombstone hides lower layers); NULL when there is
 * none. */
const struct model_item *catalog_get(const struct catalog *c, enum image_blob_kind kind,
                                     const char *key, size_t length);

/* What a layer has, in force or not; NULL: nothing. */
const struct model_item *catalog_layer_get(const struct catalog *c, enum catalog_layer layer,
                                           enum image_blob_kind kind, const char *key,
                                           size_t length);

/* What was in force before, as long as catalog_tidy has not freed it; NULL: nothing, or nobody
   knows any more. Within catalog_changes: of what is gone, where it came from. */
const struct model_item *catalog_was(const struct catalog *c, enum image_blob_kind kind,
                                     const char *key, size_t length);

/* Hands out, once each, every {kind, key} whose item in force, or its override, may have changed
   since it was last handed out. item NULL: gone, or a tombstone. fn must not change the catalog,
   and item lives only until the layer that it is in changes. */
typedef void catalog_change_fn(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                               const struct model_item *item);
void catalog_changes(struct catalog *c, catalog_change_fn *fn, void *arg);
bool catalog_changed(const struct catalog *c);

typedef void catalog_each_fn(void *arg, const struct model_item *item);
/* What is in force, tombstones left out, in no order. */
void catalog_each(const struct catalog *c, catalog_each_fn *fn, void *arg);

/* Every {kind, key} of which an item may refer to that one, once each: in force or below that, or
   replaced in a change that is open. */
void catalog_referrers(const struct catalog *c, enum image_blob_kind kind, const char *key,
                       referrers_fn *fn, void *arg);

/* ---- overrides ---- */

/* Of a flag, which need not exist. Copied; it replaces the one there is. 0, or -1: no memory,
   nothing changed. */
int catalog_override_set(struct catalog *c, const char *key, size_t length,
                         const struct override *override);
/* 0, or -1: there is none; no memory (in a change). */
int catalog_override_clear(struct catalog *c, const char *key, size_t length);
/* Borrowed until it is replaced or cleared. NULL: there is none. */
const struct override *catalog_override(const struct catalog *c, const char *key, size_t length);
/* In no order. item: the definition that it changes; NULL: none, it waits for one. */
typedef void catalog_override_fn(void *arg, const char *key, const struct override *override,
                                 const struct model_item *item);
void catalog_override_each(const struct catalog *c, catalog_override_fn *fn, void *arg);

/* ---- a change that can be taken back ---- */

/* From now on everything that is put, removed, overridden or cleared is one change, until it is
   kept or undone. Undoing cannot fail: each step has taken the memory for it before. Undone, the
   catalog is what it was; what was handed out meanwhile is not handed out again, for its owner has
   a way back of his own. */
void catalog_change_begin(struct catalog *c);
void catalog_change_keep(struct catalog *c);
void catalog_change_undo(struct catalog *c);
/* What the open change has touched, the last first; one that it touched twice comes twice. */
void catalog_change_each(const struct catalog *c, catalog_change_fn *fn, void *arg);

#endif
