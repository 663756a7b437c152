/*
 * store_items.h - what a store had when it was last looked at, so that a look costs what has
 * changed since: of each item a hash of its bytes, and nothing else.
 *
 * A look begins, sees each item (in any order, some perhaps twice), and ends: then what is new or
 * different is told, and what was not seen any more. A look that came to nothing is dropped, and
 * changes nothing.
 */
#ifndef FFSHM_AGENT_SOURCE_STORE_ITEMS_H
#define FFSHM_AGENT_SOURCE_STORE_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "image.h"

struct store_items;

struct store_items *store_items_new(void);
void store_items_free(struct store_items *s);

void store_items_begin(struct store_items *s);
/* The bytes are copied where they are not those of the last look. false: no memory. */
bool store_items_see(struct store_items *s, enum image_blob_kind kind, const char *key,
                     size_t key_length, const char *json, size_t length);

struct store_items_teller {
    /* New or different. false: it could not be taken, and is told again after the next look. */
    bool (*changed)(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                    const char *json, size_t length);
    void (*gone)(void *arg, enum image_blob_kind kind, const char *key, size_t key_length);
    void *arg;
};
/* Tells what changed, then what is gone. */
void store_items_end(struct store_items *s, const struct store_items_teller *teller);
void store_items_drop(struct store_items *s);

/* Everything is new at the next look. */
void store_items_forget(struct store_items *s);

size_t store_items_count(const struct store_items *s);   /* known, and seen for the first time */
size_t store_items_changes(const struct store_items *s); /* seen in this look that are to be told */
size_t store_items_bytes(const struct store_items *s);   /* of those: copies that are held */

#endif
