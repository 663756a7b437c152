/*
 * content.h - are two items the same? By a hash of what is in them.
 *
 * A reload brings every definition again, nearly all of them as they were. Comparing trees member
 * by member costs more than parsing them did, so each item carries a 128-bit hash of its content:
 * equal hashes are taken as equal, and only what differs is compared with json_equal (the order of
 * an object's members is in the hash, but is no difference).
 */
#ifndef FFSHM_AGENT_CONTENT_H
#define FFSHM_AGENT_CONTENT_H

#include <stdbool.h>

#include "hash.h"
#include "model.h"

struct hash128 content_of(const struct model_item *item);

/* All but the JSON: version, tombstone, provenance. */
bool content_same_head(const struct model_item *a, const struct model_item *b);
bool content_same(const struct model_item *a, struct hash128 a_content, const struct model_item *b,
                  struct hash128 b_content);

#endif
