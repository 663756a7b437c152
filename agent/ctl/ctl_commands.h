/*
 * ctl_commands.h - the way to one of several commands: ffctl's own, and those of a command that has
 * some, such as `ffctl tokens create`.
 */
#ifndef FFSHM_CTL_COMMANDS_H
#define FFSHM_CTL_COMMANDS_H

#include <stddef.h>

#include "ctl.h"

struct ctl_command {
    const char *name; /* NULL ends a table */
    ctl_run_fn *run;  /* argv[0] is the name; ctl->command has the names of all levels */
    const char *summary;
};

/* Runs what argv[0] names, or `help` for "help"; one that is unknown is reported, with the one that
   may be meant. Returns an enum ctl_exit. */
int commands_run(struct ctl *ctl, int argc, char **argv, const struct ctl_command *commands,
                 int (*help)(void));

/* A whole ctl_run_fn for a command of commands: the common options, then one of these. */
int commands_below(struct ctl *ctl, int argc, char **argv, const struct ctl_command *commands,
                   int (*help)(void));

/* "rules FLAG list" is "rules list FLAG", where FLAG is not itself a command's name. */
void commands_turn(int argc, char **argv, const struct ctl_command *commands);

/* Names and summaries, a line each, for a help text. */
void commands_print(const struct ctl_command *commands);

#endif
