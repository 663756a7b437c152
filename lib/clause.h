/*
 * clause.h - does a context's value satisfy a clause's operator for any of its values?
 */
#ifndef FFSHM_CLAUSE_H
#define FFSHM_CLAUSE_H

#include "context.h"
#include "image.h"
#include "snapshot.h"
#include "text.h"

static inline bool clause_set_has(const void *blob, const struct image_set *set,
                                  struct hash128 hash)
{
    if (set->count == 0) {
        return false;
    }
    const struct image_set_entry *entries = image_at(blob, set->entries_offset);
    uint64_t mask = set->capacity - 1;
    /* Ends: a set has an empty entry (verified). */
    for (uint64_t i = hash.lo & mask;; i = (i + 1) & mask) {
        if (entries[i].lo == hash.lo && entries[i].hi == hash.hi) {
            return true;
        }
        if ((entries[i].lo | entries[i].hi) == 0) {
            return false;
        }
    }
}

/* One scalar (bool, number, string) against the clause's values, before negation. Operators that
   look at more than one value of one attribute (segment match, exists, bucketBelow) are the
   evaluator's. */
bool clause_scalar(const struct snapshot *snapshot, struct snapshot_blob where,
                   const struct image_clause *clause, const struct context_value *value);

/* The attribute's value or, when it is an array, any of its elements. */
bool clause_any(const struct snapshot *snapshot, struct snapshot_blob where,
                const struct image_clause *clause, const struct context_value *value);

#endif
