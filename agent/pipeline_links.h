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

struct linked {
    struct model_item item;                   /* borrows from the item that it was made of */
    struct model_prerequisite *prerequisites; /* its own */
    const char *unmatched;                    /* the first flag that has no such variant; or NULL */
};

/* *item as what is in force makes it: itself, or out->item, until links_release. A name that means
   nothing (yet) never holds. 0, or -1: no memory. */
int links_resolve(const struct catalog *catalog, const struct model_item **item,
                  struct linked *out);
void links_release(struct linked *linked);

/* Does it name a variant of that flag? key NULL: of any. */
bool links_name(const struct model_item *item, const char *key);

/* The index of a variant, -1: the flag has none of this key. */
int64_t links_variation(const struct model_flag *flag, struct model_string variant);

#endif
