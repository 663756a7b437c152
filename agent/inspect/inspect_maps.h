/*
 * inspect_maps.h - lines of /proc: a mapping, a lock, a process's state. Nothing in them is
 * believed: a line that is not as the kernel writes it is none.
 */
#ifndef FFSHM_AGENT_INSPECT_MAPS_H
#define FFSHM_AGENT_INSPECT_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A line of /proc/PID/maps that names a file. */
struct maps_line {
    bool writable;
    dev_t device;
    uint64_t inode;
    const char *path; /* in the line, which was cut behind it */
    bool deleted;     /* its name is gone */
};
/* Cuts the line. false: another mapping, or no such line. */
bool maps_parse(char *line, struct maps_line *out);

/* What a file of a store is called: the last part of a path. */
enum maps_kind { MAPS_OTHER, MAPS_CONTROL, MAPS_HEAD };
/* *generation: of a head. *directory: how many bytes of the path come before the last
   slash. */
enum maps_kind maps_kind(const char *path, size_t *directory, uint64_t *generation);

/* A flock of a reader's, in /proc/locks. */
struct maps_lock {
    pid_t pid;
    dev_t device;
    uint64_t inode;
};
bool maps_parse_lock(const char *line, struct maps_lock *out);

/* Is it a thread of the kernel's, by /proc/PID/stat? They map nothing. */
bool maps_is_kernel(const char *stat);

#endif
