/*
 * check_storage.h - ffagent --check-storage: is a state file sound?
 */
#ifndef FFSHM_AGENT_CHECK_STORAGE_H
#define FFSHM_AGENT_CHECK_STORAGE_H

#include <stdio.h>

#include "config.h"

/* Prints what is there, and what is wrong. The exit code: 0 sound, 1 not, or it cannot be looked
   at; 2 the configuration names none. */
int check_storage(const struct config *c, FILE *out, FILE *errors);

#endif
