/*
 * event_buffer.h - events that wait for a flush, as JSON text.
 *
 * What was added or taken since the last commit can be taken back.
 */
#ifndef FFSHM_AGENT_EVENT_BUFFER_H
#define FFSHM_AGENT_EVENT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct event_buffer {
    char **events;
    size_t count; /* of `events` */
    size_t taken; /* by a flush: the first ones, until the commit */
    size_t kept;  /* are in the spool already, counted from the first one */
    size_t room;  /* of `events` */
    size_t bytes; /* of all of them */
    size_t taken_bytes;
    size_t capacity;   /* most that may wait */
    size_t most_bytes; /* and most bytes of them; 0: no limit */
    size_t committed_count;
    size_t committed_kept;
};

/* Takes the text over, also when it fails. 0; -1: no memory. The caller has seen to it that the
   buffer is not full. */
int event_buffer_add(struct event_buffer *buffer, char *text);
bool event_buffer_full(const struct event_buffer *buffer);
/* All that waits has become a payload. */
void event_buffer_take(struct event_buffer *buffer);

void event_buffer_commit(struct event_buffer *buffer);
void event_buffer_revert(struct event_buffer *buffer);
void event_buffer_free(struct event_buffer *buffer);

/* The events from `first` on, one a line (compact JSON has no newline), malloc'ed. */
char *event_buffer_lines(const struct event_buffer *buffer, size_t first, size_t *length);
/* Such lines, as kept events. 0; -1: no memory. */
int event_buffer_load(struct event_buffer *buffer, const char *lines, size_t length);

#endif
