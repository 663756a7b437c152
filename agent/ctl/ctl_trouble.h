/*
 * ctl_trouble.h - why can nothing, or not the newest, be evaluated from a store's directory?
 */
#ifndef FFSHM_CTL_TROUBLE_H
#define FFSHM_CTL_TROUBLE_H

#include "ctl_files.h"
#include "ffshm.h"

struct trouble {
    int error; /* enum ffshm_error; FFSHM_OK: there is none, cause and hint are "" */
    char cause[FILES_WHY];
    const char *hint; /* static */
};

/* status is what libffshm sees there. */
void trouble_find(const char *dir, const struct ffshm_status *status, struct trouble *out);

/* The pid that the agent left in the file which it holds locked; 0: unknown; -1: this user may not
   look at the file, so that libffshm tells by the heartbeat alone whether an agent is alive. */
long trouble_agent_pid(const char *dir);

#endif
