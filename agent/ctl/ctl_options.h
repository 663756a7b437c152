/*
 * ctl_options.h - options and words of a command, in the order in which they were given.
 */
#ifndef FFSHM_CTL_OPTIONS_H
#define FFSHM_CTL_OPTIONS_H

#include <getopt.h>
#include <stddef.h>

#include "ctl.h"

enum {
    OPTIONS_END = -1,
    OPTIONS_WORD = 1,  /* not an option: optarg */
    OPTIONS_USAGE = 2, /* wrong; already reported */
    OPTIONS_HELP = 3,
    OPTIONS_DIR = 4,
    OPTIONS_JSON = 5,
    OPTIONS_TEXT = 6,
    OPTIONS_OWN = 32, /* the first of a command's own options */
};

/* Ends every command's option table. */
/* clang-format off */
#define OPTIONS_COMMON                                                                             \
    {"dir", required_argument, NULL, OPTIONS_DIR},                                                 \
    {"json", no_argument, NULL, OPTIONS_JSON},                                                     \
    {"text", no_argument, NULL, OPTIONS_TEXT},                                                     \
    {"help", no_argument, NULL, OPTIONS_HELP},                                                     \
    {NULL, 0, NULL, 0}
/* clang-format on */

/* Forgets the command line read so far: the next options_next begins a new one. */
void options_restart(void);

/* The next option (its value in optarg) or word. The common ones are put into ctl and do not come
   out, except --help. Words after "--" come out as words. */
int options_next(struct ctl *ctl, int argc, char **argv, const struct option *table);

/* As options_next, ending at the first word, which stays at argv[optind]. */
int options_next_global(struct ctl *ctl, int argc, char **argv, const struct option *table);

#endif
