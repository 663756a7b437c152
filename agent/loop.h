/*
 * loop.h - the agent's life: start, serve, stop. One process, one thread, one event loop.
 */
#ifndef FFSHM_AGENT_LOOP_H
#define FFSHM_AGENT_LOOP_H

#include "config.h"

/* Runs the agent until it is told to stop (or, with c->once, until it has published once). Returns
   the exit code: 0, or 1 after a failure that was logged. */
int loop_run(const struct config *c);

#endif
