/*
 * ctl_editor.h - a text in somebody's editor: a file of this user alone, and $VISUAL or $EDITOR on
 * it.
 */
#ifndef FFSHM_CTL_EDITOR_H
#define FFSHM_CTL_EDITOR_H

#include <stddef.h>

#include "ctl.h"

#define EDITOR_PATH 512

/* Makes a file in $TMPDIR (else /tmp) with a name that ends in .yaml; path says where. CTL_OK, or
   reported. */
int editor_make(const struct ctl *ctl, char path[EDITOR_PATH]);

/* Writes all of it: what was in it before is gone. CTL_OK, or reported. */
int editor_write(const struct ctl *ctl, const char *path, const char *text, size_t length);

/* Opens it, and waits until the editor has ended. CTL_OK, or reported: there is none, or it ended
   with an error. */
int editor_open(const struct ctl *ctl, const char *path);

/* Asks "QUESTION [y/n/e] " at a terminal (stdin and stdout), and gives the letter of letters
   ("yne") that was answered; the last one for anything else. Without a terminal '\0', at once. */
char editor_ask(const char *question, const char *letters);

#endif
