/*
 * slots.h - the stable numbers of flags and segments.
 *
 * A name ({kind, key}) has a slot while it exists or some blob refers to it (a prerequisite that is
 * not there yet has a slot, empty in every head, so that it can appear without recompiling what
 * refers to it). A freed slot is not given to another name for SLOT_REUSE_MS, so that handles and
 * counters of other processes stay unambiguous; the name that it had gets it back at any time
 * before that, so that a flag that comes and goes does not use up numbers.
 */
#ifndef FFSHM_AGENT_SLOTS_H
#define FFSHM_AGENT_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "image.h"

#define SLOT_REUSE_MS 600000u /* ten minutes */

struct slots;

struct slots *slots_new(void);
void slots_free(struct slots *s);

/* The slot of a name, with one more reference; allocates when it has none. now_ms: any monotonic
   clock. IMAGE_NO_SLOT: out of memory or IMAGE_MAX_SLOTS reached. */
uint32_t slots_take(struct slots *s, enum image_blob_kind kind, const char *key, size_t length,
                    uint64_t now_ms);
/* Gives one reference back. */
void slots_drop(struct slots *s, uint32_t slot, uint64_t now_ms);
/* At start: fixes a name's slot as an earlier agent had it (no reference taken). -1: the slot or
 * name is taken. */
int slots_adopt(struct slots *s, uint32_t slot, enum image_blob_kind kind, const char *key,
                size_t length);
/* After adopting: frees the adopted names that nobody took (they cool down as usual). */
void slots_release_unused(struct slots *s, uint64_t now_ms);
/* The slot or IMAGE_NO_SLOT. */
uint32_t slots_find(const struct slots *s, enum image_blob_kind kind, const char *key,
                    size_t length);
/* One more than the highest slot ever used: the size of the slot table. */
uint32_t slots_count(const struct slots *s);

#endif
