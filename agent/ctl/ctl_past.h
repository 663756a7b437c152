/*
 * ctl_past.h - --at: the snapshot of then, from the store's files, without the agent.
 */
#ifndef FFSHM_CTL_PAST_H
#define FFSHM_CTL_PAST_H

#include "ctl.h"
#include "ffshm.h"

/* Can it be a generation or a time? CTL_OK, or reported. */
int past_check(const struct ctl *ctl, const char *text);
/* Pins the snapshot that was in force then. CTL_OK, or reported and an exit code, nothing pinned.
   ffshm_unpin lets it go. */
int past_pin(const struct ctl *ctl, const char *text, struct ffshm *store, struct ffshm_view *view);

#endif
