/*
 * bench_state.h - where the agent's state file is: on a disk, which takes most of a change's time,
 * or in memory, which leaves the disk out.
 */
#ifndef FFSHM_BENCH_STATE_H
#define FFSHM_BENCH_STATE_H

#include <stdbool.h>

#include "bench_directory.h"

#define BENCH_DISK "/var/tmp" /* unless --directory says otherwise */
#define BENCH_MEMORY "/dev/shm"

struct bench_state {
    char dir[BENCH_PATH];
    char file[BENCH_PATH + 16]; /* in it: for the agent */
};

/* Is the directory in memory? */
bool bench_state_in_memory(const char *parent);
/* A directory of its own below `parent`. */
void bench_state_make(struct bench_state *s, const char *parent);
void bench_state_remove(const struct bench_state *s);

#endif
