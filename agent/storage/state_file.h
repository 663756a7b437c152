/*
 * state_file.h - the agent's one state file, for all who keep something in it: opened once, and not
 * made before there is something to keep.
 */
#ifndef FFSHM_AGENT_STATE_FILE_H
#define FFSHM_AGENT_STATE_FILE_H

#include <stdbool.h>

#include "storage.h"

struct state_file {
    struct storage *shared; /* open already, and somebody else's to close; else NULL */
    const char *path;       /* borrowed; NULL: nothing is kept */
    struct storage *own;    /* opened here */
};

/* Opens it if it is there. 0, also when it is not; or -1 with *fault: it cannot be opened. */
int state_file_open(struct state_file *f, struct fault *fault);
void state_file_close(struct state_file *f);

/* NULL: it is not open; there is nothing in it. */
struct storage *state_file_storage(const struct state_file *f);
/* Is it one of a fleet's: what is kept in it is agreed on first (storage_agree)? */
bool state_file_proposes(const struct state_file *f);
/* May something be kept at all? */
bool state_file_keeps(const struct state_file *f);
/* The same as state_file_storage, after making the file where it is not there. NULL and *fault. */
struct storage *state_file_make(struct state_file *f, struct fault *fault);

#endif
