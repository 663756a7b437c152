/*
 * payload.h - what is sent at once: events as one JSON array, its id, its compression.
 */
#ifndef FFSHM_AGENT_PAYLOAD_H
#define FFSHM_AGENT_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

#define PAYLOAD_ID 37 /* a UUID as text, and a NUL */

/* A random UUID (version 4). 0; -1: the system has no randomness. */
int payload_id(char id[PAYLOAD_ID]);

struct payload_body {
    char *bytes; /* malloc'ed */
    size_t length;
    bool gzip;
};

/* A JSON array of `count` texts. 0; -1: no memory. */
int payload_join(char *const *events, size_t count, bool gzip, struct payload_body *out);

/* How many of the texts fit into one payload of `most` bytes; at least one. */
size_t payload_fit(char *const *events, size_t count, size_t most);

/* Takes body->bytes over, and compresses them if that is asked for. 0; -1: no memory. */
int payload_encode(char *text, size_t length, bool gzip, struct payload_body *out);

#endif
