/*
 * pipeline_links.h - prerequisites that name a variant of another flag.
 *
 * The evaluator compares indexes. Which index a name is depends on the definition of the other flag
 * that is in force, whatever layer that is from; so it is looked up when a flag is compiled, and
 * the flag is compiled again when the other one changes.
 */
#ifndef FFSHM_AGENT_PIPELINE_LINKS_H
#define FFSHM_AGENT_PIPELINE_LINKS_H

#include "catalog/catalog.h"

struct links;

struct links *links_new(void); /* NULL: no memory */
void links_free(struct links *l);

struct linked {
    struct model_item item;                   /* borrows from the item that it was made of */
    struct model_prerequisite *prerequisites; /* its own */
    const char *unmatched;                    /* the first flag that has no such variant; or NULL */
};

/* *item as what is in force makes it: itself, or out->item, until links_release. It is remembered
   who names a variant of whom. A name that means nothing (yet) never holds. 0, or -1: no memory. */
int links_resolve(struct links *l, const struct catalog *catalog, const struct model_item **item,
                  struct linked *out);
void links_release(struct linked *linked);

/* The flags that name a variant of this one, at present or earlier. */
size_t links_count(const struct links *l, const char *key);
void links_each(const struct links *l, const char *key, void (*fn)(void *arg, const char *from),
                void *arg);

/* The index of a variant, -1: the flag has none of this key. */
int64_t links_variation(const struct model_flag *flag, struct model_string variant);

#endif
