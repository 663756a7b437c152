/*
 * referrers.h - who refers to whom, kept while items come and go: so that nobody has to go over
 * everything to find out who needs a flag or a segment.
 */
#ifndef FFSHM_AGENT_REFERRERS_H
#define FFSHM_AGENT_REFERRERS_H

#include "model.h"

struct referrers;

struct referrers *referrers_new(void); /* NULL: no memory */
void referrers_free(struct referrers *r);

/* What the item refers to is its from now on; each that was added is to be removed, once. Without
   memory what is known is no longer complete, for good. */
void referrers_add(struct referrers *r, const struct model_item *item);
void referrers_remove(struct referrers *r, const struct model_item *item);

typedef void referrers_fn(void *arg, enum image_blob_kind kind, const char *key);
/* Those that refer to the item of this kind and key, once each. fn must not add or remove. false:
   it is not known of all, and none is told. */
bool referrers_each(const struct referrers *r, enum image_blob_kind kind, const char *key,
                    referrers_fn *fn, void *arg);

#endif
