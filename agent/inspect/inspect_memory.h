/*
 * inspect_memory.h - a stream into memory that takes so many bytes and no more.
 */
#ifndef FFSHM_AGENT_INSPECT_MEMORY_H
#define FFSHM_AGENT_INSPECT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct memory {
    char *bytes; /* valid until memory_free */
    size_t length;
    size_t room;
    size_t most;
    bool full; /* more than `most` were written: what is there is cut */
};

/* A stream that writes to *m, which must stay; NULL: no memory. After the first byte beyond `most`,
   or without memory, writing to it fails (ferror). */
FILE *memory_open(struct memory *m, size_t most);
/* Bytes so far, those that the stream has buffered included. */
size_t memory_length(const struct memory *m, FILE *out);
/* Closes the stream. true: all that was written is in m->bytes. memory_free in any case. */
bool memory_close(struct memory *m, FILE *out);
void memory_free(struct memory *m);

#endif
