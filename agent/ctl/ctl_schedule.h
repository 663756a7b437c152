/*
 * ctl_schedule.h - what the commands below `ffctl schedule` share.
 */
#ifndef FFSHM_CTL_SCHEDULE_H
#define FFSHM_CTL_SCHEDULE_H

#include <jansson.h>

#include "ctl.h"

ctl_run_fn schedule_add;
ctl_run_fn schedule_cancel;

/* What a dated change sets, for people: "enabled = false, owner = null"; malloc'ed, NULL: no
   memory. */
char *schedule_set_text(const json_t *set);

#define SCHEDULE_HELP_END                                                                          \
    "  --dir DIR, --json, --text, -h, --help\n"                                                    \
    "\n"                                                                                           \
    "Exit codes\n"                                                                                 \
    "  0  done\n"                                                                                  \
    "  1  refused, not confirmed, or no agent\n"                                                   \
    "  2  wrong usage\n"                                                                           \
    "\n"                                                                                           \
    "Examples\n"

#endif
