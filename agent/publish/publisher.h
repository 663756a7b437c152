/*
 * publisher.h - the live set of blobs, and its way into shared memory.
 *
 * Holds what is published (slot -> extent, offset) and what has changed since; a publish writes one
 * extent with the changed blobs and a head, and announces the generation. See publisher.c for the
 * crash argument, step by step.
 */
#ifndef FFSHM_AGENT_PUBLISHER_H
#define FFSHM_AGENT_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "../catalog/fault.h"
#include "../compile/blob.h"
#include "image.h"
#include "store_files.h"

#define PUBLISH_RETAINED 16 /* heads kept for inspection and rollback, the current one included */

struct publisher;

struct publisher_options {
    const char *dir;
    bool is_default_dir; /* nobody named it: its parent must be this user's or root's */
    unsigned retained;   /* 0: PUBLISH_RETAINED */
    uint64_t fixed_seed; /* not 0: store_epoch and set_seed of a new store (golden files, tests) */
    uint64_t (*realtime_ms)(void); /* NULL: CLOCK_REALTIME */
};

/* Takes the directory (creating it, 0755), becomes its one writer, validates or creates ctl,
   removes what a killed agent left behind, and adopts the last published snapshot (slots, versions,
   blobs). NULL and *fault: held by another agent (says which pid), another user's, not writable,
   no space; not on a tmpfs is fine. Not NULL and fault->cause not empty: the last snapshot cannot
   be adopted, and why; readers keep it, and the first publish publishes everything anew. */
struct publisher *publisher_open(const struct publisher_options *options, struct fault *fault);
/* Leaves the snapshot in place, marks the agent stopped, releases the directory. */
void publisher_close(struct publisher *p);

uint64_t publisher_seed(const struct publisher *p);
struct slots *publisher_slots(struct publisher *p);

/* Puts a compiled item into the live set (taking the blob over; *blob is empty afterwards) or
   removes one. Nothing is visible before publisher_publish. An item whose digest equals the live
   one changes nothing, unless it states another version; an auto-versioned item that differs and
   states no version gets the live version + 1. true: something changed. false with *blob not empty:
   out of memory or slots, nothing changed, the blob is still the caller's. */
bool publisher_put(struct publisher *p, enum image_blob_kind kind, const char *key, size_t length,
                   bool auto_version, struct blob *blob);
bool publisher_remove(struct publisher *p, enum image_blob_kind kind, const char *key,
                      size_t length);

/* What is put and removed from now on is one change, until it is kept or undone; the next `items`
   of it have room in the way back, so that undoing cannot fail. Again: room for more. Undone, the
   live set is what it was, with the changes that were pending before. Not published while it is
   open. 0, or -1: no memory. */
int publisher_change(struct publisher *p, size_t items);
void publisher_change_keep(struct publisher *p);
void publisher_change_undo(struct publisher *p);

/* The digest that the snapshot will have once the changes are published. Costs what changed. */
void publisher_digest(const struct publisher *p, uint64_t digest[2]);

/* The version of a live item as the changes leave it; -1: there is none. */
int64_t publisher_version(const struct publisher *p, enum image_blob_kind kind, const char *key,
                          size_t length);
/* The same, with what else tells where it came from. false: there is none. */
struct publisher_item {
    int64_t version;
    const char *provenance; /* where the definition came from; of an overridden one, who did that.
                               Borrowed until anything is put, removed or published */
    bool overridden;
};
bool publisher_item(const struct publisher *p, enum image_blob_kind kind, const char *key,
                    size_t length, struct publisher_item *out);

/* Calls fn for every live item as the changes leave it (also those adopted at start): who is no
   longer defined can then be removed. */
typedef void publisher_each_fn(void *arg, enum image_blob_kind kind, const char *key,
                               size_t length);
void publisher_each(struct publisher *p, publisher_each_fn *fn, void *arg);

/* Publishes what changed, if anything did or nothing was ever published. urgent: nothing is merged
   on the way unless IMAGE_MAX_EXTENTS demands it. 0, or -1 with *fault: readers keep the old
   snapshot, the changes stay pending, and the next call tries again. */
int publisher_publish(struct publisher *p, bool urgent, struct fault *fault);

/* true when a call of publisher_compact is worthwhile; the loop calls it when idle. It publishes
   the same content (pending changes stay pending) in fewer extents, as a generation of its own. */
bool publisher_wants_compaction(const struct publisher *p);
int publisher_compact(struct publisher *p, struct fault *fault);

struct publisher_stats {
    uint64_t generation, publishes, failures, compactions;
    uint64_t bytes_written; /* by the last publish */
    uint64_t live_bytes, extent_bytes;
    uint64_t published_ms; /* when `generation` was, of the wall clock; 0: nothing is published */
    uint32_t extents, flags, segments, slots, retained_heads;
    uint64_t digest[2];
};
void publisher_stats(const struct publisher *p, struct publisher_stats *out);

/* Is this generation's head still there? */
bool publisher_retains(const struct publisher *p, uint64_t generation);

/* Once a second: heartbeat, and the state of the sources (enum image_source_state). */
void publisher_heartbeat(struct publisher *p, enum image_source_state state);
/* What is told of the sources beside their state; `sequence` of it is not looked at. */
void publisher_source_report(struct publisher *p, const struct image_source_report *report);
/* The same of what becomes of events. */
void publisher_delivery_report(struct publisher *p, const struct image_delivery_report *report);
/* The same of where LaunchDarkly's definitions came from. */
void publisher_levels_report(struct publisher *p, const struct image_levels_report *report);
/* What readers are to tell (lib/image.h: telemetry_*). A window of 0: nothing. */
void publisher_telemetry(struct publisher *p, uint32_t wants, uint32_t ring_bytes);
void publisher_telemetry_window(struct publisher *p, uint64_t window);
/* The memberships file of big segments that is valid from now on; 0: no store is configured. */
void publisher_big_segments(struct publisher *p, uint64_t id);
/* The store's directory; borrowed. */
struct store_dir publisher_dir(const struct publisher *p);
uint64_t publisher_epoch(const struct publisher *p); /* the control page's store_epoch */
/* Was the directory or its control page removed or replaced? Nothing that is published then reaches
   anybody, and only a new start makes the store anew. Two system calls. */
bool publisher_is_gone(const struct publisher *p);
/* READY is set by the first publish; this sets STARTING or STOPPED. */
void publisher_agent_state(struct publisher *p, enum image_agent_state state);

#endif
