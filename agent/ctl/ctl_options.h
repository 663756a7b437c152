/*
 * ctl_options.h - options and words of a command, in the order in which they were given; and what
 * could come next (completion). Both read the same table.
 */
#ifndef FFSHM_CTL_OPTIONS_H
#define FFSHM_CTL_OPTIONS_H

#include <getopt.h>
#include <stddef.h>

#include "ctl.h"

enum {
    OPTIONS_END = -1,
    OPTIONS_WORD = 1,  /* not an option: optarg */
    OPTIONS_USAGE = 2, /* wrong, already reported; or nothing is to be run, but completed */
    OPTIONS_HELP = 3,
    OPTIONS_DIR = 4,
    OPTIONS_JSON = 5,
    OPTIONS_TEXT = 6,
    OPTIONS_OWN = 32, /* the first of a command's own options */
};

/* One option. */
struct ctl_option {
    const char *name;  /* without dashes */
    int has_arg;       /* no_argument, required_argument */
    const char *takes; /* what its value is, see below; of one without a value: what the words are
                          where it is given */
    int value;         /* what options_next returns */
};

/*
 * What a value, or the words of a command, are. Alternatives are separated by |, the words of one
 * by spaces:
 *
 *     "FLAG"                                           "bool|int|double"
 *     "list|verify GENERATION|dump GENERATION"         "ld FILE...|native FILE..."
 *
 * FLAG, SEGMENT, VARIANT, VERSION and SCHEDULED (of the flag that is the command's first word),
 * GENERATION, TOKEN, FILE and DIR are completed (ctl_candidates.c has them all), other words in
 * capitals (TEXT, KEY) are not; everything else stands for itself. "..." after the last one: any
 * number; after the value of an option: the words after it are its, too. NULL: nothing.
 */

/* A command's words, in its option table. */
#define OPTIONS_WORDS(takes)                                                                       \
    {                                                                                              \
        "", no_argument, takes, 0                                                                  \
    }

/* Ends every command's option table. */
/* clang-format off */
#define OPTIONS_COMMON                                                                             \
    {"dir", required_argument, "DIR", OPTIONS_DIR},                                                \
    {"json", no_argument, NULL, OPTIONS_JSON},                                                     \
    {"text", no_argument, NULL, OPTIONS_TEXT},                                                     \
    {"help", no_argument, NULL, OPTIONS_HELP},                                                     \
    {NULL, 0, NULL, 0}
/* clang-format on */

/* Options in a table, with those in common; more are a mistake of whoever wrote it. */
#define OPTIONS_MOST 40

/* The same for getopt_long. */
void options_plain(const struct ctl_option *table, struct option plain[OPTIONS_MOST + 1]);

/* Forgets the command line read so far: the next options_next begins a new one. */
void options_restart(void);

/* The next option (its value in optarg) or word. The common ones are put into ctl and do not come
   out, except --help. Words after "--" come out as words. */
int options_next(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table);

/* As options_next, ending at the first word, which stays at argv[optind]. */
int options_next_global(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table);

#endif
