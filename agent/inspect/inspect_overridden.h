/*
 * inspect_overridden.h - the flags of a snapshot that a kill switch or a pin overrides.
 */
#ifndef FFSHM_AGENT_INSPECT_OVERRIDDEN_H
#define FFSHM_AGENT_INSPECT_OVERRIDDEN_H

#include <stddef.h>

#include "ffshm.h"

#define OVERRIDDEN_NAMED 5

/* Keys are borrowed from the view. */
struct overridden {
    size_t count;
    const char *keys[OVERRIDDEN_NAMED]; /* the first of them in the order of bytes */
};

void overridden_find(const struct ffshm_view *view, struct overridden *out);

/* "override: kill by ann: why", borrowed from the view; NULL: the flag is not overridden, or there
   is none. */
const char *overridden_why(const struct ffshm_view *view, const char *flag);

#endif
