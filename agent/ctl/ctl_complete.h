/*
 * ctl_complete.h - what could the word under the cursor be? `ffctl __complete WORD...` says it for
 * the last of the words (which may be ""), and the shells' scripts ask it.
 *
 * It goes the way that a run goes, by the same tables: commands_run offers names; options_next,
 * which every command calls first, offers options and words, and returns OPTIONS_USAGE, so that
 * nothing is run.
 *
 * The answer's first line is "words", "files" or "directories": whether names of files or
 * directories of this host fit, too, which the shell knows best how to complete; after a space what
 * of the word is before the name ("--dir="). Then a candidate a line; after a tab what it is.
 */
#ifndef FFSHM_CTL_COMPLETE_H
#define FFSHM_CTL_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl_commands.h"
#include "ctl_options.h"

#define COMPLETE_COMMAND "__complete"
#define COMPLETE_WORDS 8 /* words before the cursor that are looked at */

struct completion {
    const char *word;                  /* under the cursor; borrowed */
    size_t prefix;                     /* bytes of it before the value: of "--dir=" */
    bool files;                        /* names of files fit */
    bool directories;                  /* names of directories fit */
    char **lines;                      /* candidates, in the order to show */
    size_t count, room;                /* of lines */
    const char *words[COMPLETE_WORDS]; /* of the command, before the cursor */
    size_t word_count;
};

/* One that continues the word under the cursor; about: what it is, or NULL. Others are left out,
   and so is what no shell could take (control characters), and what there is no memory for. */
void complete_offer(struct completion *c, const char *candidate, const char *about);

/* Commands, where the cursor is on the name of one. */
void complete_commands(struct ctl *ctl, const struct ctl_command *commands);

/* Whether the cursor is on an option before the command, or on its value: those are offered then.
   Else the command, or where it is to come, is at optind. */
bool complete_before_command(struct ctl *ctl, int argc, char **argv,
                             const struct ctl_option *table);

/* Options, values and words of a command. */
void complete_words(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table);

/* Prints the answer, and frees it. */
void complete_print(struct completion *c);

#endif
