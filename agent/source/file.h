/*
 * file.h - flag files as a source: load, watch, load again.
 *
 * Sees a save however it is made: in place, by renaming over the file, by exchanging a symlink
 * anywhere on the way to it (Kubernetes' ..data), by a file or a directory that appears later.
 * inotify tells at once; looking at the files every few seconds catches what inotify cannot see.
 */
#ifndef FFSHM_AGENT_SOURCE_FILE_H
#define FFSHM_AGENT_SOURCE_FILE_H

#include <event2/event.h>

#include "definitions.h"

struct source_file;

/* What the source tells its owner, from the event loop or during source_file_load. fault and the
   texts are valid during the call only. */
struct source_file_owner {
    /* A load that succeeded: the callee takes the items out (leaving d->items NULL and d->count 0)
       or leaves them to be freed. load_us: what it took. 0; or -1: it could not take them, and the
       load counts as failed. */
    int (*loaded)(void *arg, struct definitions *d, int64_t load_us);
    /* A load that failed; what was loaded before stays in force. repeated: the same as last time.
     */
    void (*failed)(void *arg, const struct fault *fault, bool repeated);
    /* Something worth knowing ("file-missing", path, what is done about it). */
    void (*told)(void *arg, const char *event, const char *path, const char *text);
    void *arg;
};

/* Watches `count` paths (at least one; copied). Loads nothing yet. NULL: no memory. */
struct source_file *source_file_new(struct event_base *base, const char *const *paths, size_t count,
                                    const struct source_file_owner *owner);
void source_file_free(struct source_file *s);

/* Loads now, whether or not anything changed; calls loaded or failed before it returns. 0 or -1:
   failed. */
int source_file_load(struct source_file *s);

#endif
