/*
 * store_set.h - the items that are to be in a store, in the order in which they are written there:
 * segments, then flags, each after its prerequisites. A reader that sees half of them sees nothing
 * that refers to what is not there.
 */
#ifndef FFSHM_AGENT_STORE_SET_H
#define FFSHM_AGENT_STORE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/model.h"

struct store_set_item {
    enum image_blob_kind kind;
    bool deleted;
    bool seen; /* for whoever compares */
    int64_t version;
    const char *key;
    size_t key_length;
    const char *json; /* as it was received */
    size_t length;
    struct model_string salt;       /* "": none */
    const struct model_item *model; /* until it is ordered */
    char *newer; /* what is there is, and is to stay; owned. NULL: json is what counts */
    size_t newer_length;
    size_t number; /* of being added */
};

struct store_set {
    struct store_set_item *items; /* by kind and key until they are ordered, see store_set_order */
    size_t count;                 /* to be written: without what was replaced */
    size_t named; /* the first of these, without what store_set_keep added; once they are ordered */
    size_t added, capacity;
    size_t *order; /* indexes of items; count of them */
};

/* Copies key and json. model is what was parsed of it (version, prerequisites), borrowed until
   store_set_order; NULL: nothing is known of it. The same again replaces what was added before.
   false: no memory. */
bool store_set_add(struct store_set *s, enum image_blob_kind kind, const char *key,
                   size_t key_length, const char *json, size_t length,
                   const struct model_item *model);
/* When all are added. Items that need each other in a circle come last. false: no memory. */
bool store_set_order(struct store_set *s);
/* The i-th to be written, of s->count. After store_set_order, as all that follows. */
struct store_set_item *store_set_at(const struct store_set *s, size_t i);
/* NULL: there is none. */
struct store_set_item *store_set_find(const struct store_set *s, enum image_blob_kind kind,
                                      const char *key, size_t key_length);
/* Adds what is there, but was not named, and is to stay: it is written last, and not found. false:
   no memory. */
bool store_set_keep(struct store_set *s, enum image_blob_kind kind, const char *key,
                    size_t key_length, const char *json, size_t length);
/* Takes all of these out. */
void store_set_keep_none(struct store_set *s);
void store_set_free(struct store_set *s);

#endif
