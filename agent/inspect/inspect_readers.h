/*
 * inspect_readers.h - which processes map which snapshots of a store, as /proc tells.
 *
 * A process belongs to the store when it maps its control page. What it maps beside is known by
 * name and directory as the process sees them, so that containers make no difference. The maps of
 * another user's process can be read by root alone; its snapshots show by the locks that it has on
 * them (lib/store_map.c), which everybody may read.
 */
#ifndef FFSHM_AGENT_INSPECT_READERS_H
#define FFSHM_AGENT_INSPECT_READERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define READERS_GENERATIONS 16u /* of one process, the newest */
#define READERS_COMMAND 128u
#define READERS_MOST 65536u /* processes */

struct reader {
    pid_t pid;
    uid_t uid;
    char command[READERS_COMMAND];             /* its words, with spaces between them; cut */
    uint64_t generations[READERS_GENERATIONS]; /* ascending; of a retired or pinned one, too */
    unsigned count;
    bool writes;   /* the control page: it is the agent */
    bool replaced; /* of a store that was at this place before, and is gone */
    bool by_lock;  /* seen by its locks alone: there may be more */
};

struct readers {
    struct reader *of; /* by pid */
    size_t count;
    size_t unseen; /* processes that could not be looked at, and have no lock either */
    bool cut;      /* there are more than READERS_MOST */
};

/* Looks at all processes. proc: "/proc". One that ends meanwhile is not there. 0, or -1 with errno
   (of the store's directory, of proc, or no memory). readers_free in any case. */
int readers_find(const char *proc, const char *dir, struct readers *out);
void readers_free(struct readers *r);

#endif
