/*
 * compaction.h - which extents to merge into one.
 */
#ifndef FFSHM_AGENT_COMPACTION_H
#define FFSHM_AGENT_COMPACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "live.h"

#define COMPACTION_EXTENTS 16                    /* more are worth a compaction ... */
#define COMPACTION_TARGET 8                      /* ... which leaves at most this many */
#define COMPACTION_GARBAGE ((uint64_t)64 * 1024) /* less is never worth one */

/* Bit n: merge extents[n]. 0: there is nothing to gain. */
uint64_t compaction_choose(const struct live_state *s);

/* Too many extents, or more than half of their bytes are garbage. */
bool compaction_wanted(const struct live_state *s);

#endif
