/*
 * watch.h - which directory entries decide what a path leads to, and an inotify watch on each.
 */
#ifndef FFSHM_AGENT_SOURCE_WATCH_H
#define FFSHM_AGENT_SOURCE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watch;

/* -1 in *fd: inotify cannot be had (errno is kept in watch_error). NULL: no memory. */
struct watch *watch_new(int *fd);
void watch_free(struct watch *w);

/* Resolves the absolute paths as they are now and watches every entry that a change of would lead
   them elsewhere or change what they lead to: the file in its directory, each symlink on the way,
   and of a missing file or directory the place where it has to appear. Keeps watches that are
   still of use. false: something cannot be watched; watch_error says why. */
bool watch_paths(struct watch *w, char *const *paths, size_t count);

/* The errno of the last thing that could not be watched; 0. */
int watch_error(const struct watch *w);

enum watch_news {
    WATCH_NOTHING = 0,
    WATCH_CHANGED = 1,  /* complete as far as one can know: written and closed, renamed, removed */
    WATCH_CREATED = 2,  /* a new file that is perhaps still being written */
    WATCH_OVERFLOW = 4, /* the kernel dropped events */
};

/* Reads all that is to be read: the sum of enum watch_news. */
unsigned watch_read(struct watch *w);

#endif
