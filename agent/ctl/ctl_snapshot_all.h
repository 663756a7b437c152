/*
 * ctl_snapshot_all.h - ffctl snapshot list --all: every generation that the agent's audit trail
 * knows, which is what `ffctl diff` and `ffctl rollback` take.
 */
#ifndef FFSHM_CTL_SNAPSHOT_ALL_H
#define FFSHM_CTL_SNAPSHOT_ALL_H

#include "ctl.h"

/* Asks the agent and prints them. CTL_OK, or reported. */
int snapshot_list_all(const struct ctl *ctl);

#endif
