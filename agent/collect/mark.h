/*
 * mark.h - how far a process's file has been read, as bytes in storage.
 *
 * A file has two marks, for a ring moves often and the counters, which are many, only with each
 * flush: the one of its ring under the file's id, the one of its counters under an id that is made
 * of it. Both name the file and their version; what cannot be understood counts as not there.
 */
#ifndef FFSHM_AGENT_MARK_H
#define FFSHM_AGENT_MARK_H

#include "../storage/storage.h"
#include "telemetry_read.h"

/* What storage had at the start, until each file is found. */
struct marks;

/* storage may be NULL. NULL and *fault. */
struct marks *marks_load(struct storage *storage, struct fault *fault);
void marks_free(struct marks *m);

enum mark_found {
    MARK_NONE,
    MARK_FOUND,
    MARK_NO_MEMORY,
};
/* Sets the reader to where the marks of its file say, and forgets them here. */
enum mark_found marks_take(struct marks *m, struct telemetry_reader *r, struct telemetry_io *io);
/* An id whose file was not found so far; false: there are no more. Start with *cursor = 0. */
bool marks_left(const struct marks *m, size_t *cursor, uint64_t id[2]);
void marks_forget(struct marks *m, const uint64_t id[2]);

/* Stores what has moved. storage may be NULL. 0 or -1 with *fault. */
int mark_store(struct storage *storage, const struct telemetry_reader *r, struct fault *fault);
/* Removes both. */
int mark_delete(struct storage *storage, const uint64_t id[2], struct fault *fault);

#endif
