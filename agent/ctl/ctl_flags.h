/*
 * ctl_flags.h - what stands below `ffctl flags`, and below `ffctl segments`, which share the most.
 */
#ifndef FFSHM_CTL_FLAGS_H
#define FFSHM_CTL_FLAGS_H

#include "ctl.h"
#include "ctl_kept.h"

ctl_run_fn flags_list;
ctl_run_fn flags_get;
ctl_run_fn flags_create;
ctl_run_fn flags_copy;
ctl_run_fn flags_edit;
ctl_run_fn flags_life; /* enable, disable, archive, restore, delete: argv[0] says which */

ctl_run_fn segments_list;
ctl_run_fn segments_get;
ctl_run_fn segments_create;
ctl_run_fn segments_edit;

/* Ends the help text of each. */
#define FLAGS_HELP_END                                                                             \
    "  --dir DIR, --json, --text, -h, --help\n"                                                    \
    "\n"                                                                                           \
    "Exit codes\n"                                                                                 \
    "  0  done\n"                                                                                  \
    "  1  not there, refused, not confirmed, or no agent\n"                                        \
    "  2  wrong usage\n"                                                                           \
    "\n"                                                                                           \
    "Examples\n"

/* The one word that a command takes: the key. CTL_OK, or reported. */
int flags_take_key(const struct ctl *ctl, const char **key);
int flags_need_key(const struct ctl *ctl, enum kept_kind kind, const char *key);

#endif
