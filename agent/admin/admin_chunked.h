/*
 * admin_chunked.h - the body of a request in chunks (RFC 9112, 7.1), byte by byte as it comes.
 */
#ifndef FFSHM_AGENT_ADMIN_CHUNKED_H
#define FFSHM_AGENT_ADMIN_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

enum admin_chunked_state {
    CHUNKED_SIZE, /* the digits of a chunk's size */
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_END,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILER, /* at a line's beginning */
    CHUNKED_TRAILER_LINE,
    CHUNKED_TRAILER_LF,
    CHUNKED_END_LF,
    CHUNKED_DONE,
    CHUNKED_BAD,
};

/* Begin with all 0. */
struct admin_chunked {
    enum admin_chunked_state state;
    unsigned digits;
    uint64_t left;                   /* bytes of the chunk */
    unsigned overhead;               /* bytes of extensions and trailers */
    enum admin_chunked_state broken; /* BAD: where it was */
};

/* Takes bytes up to the end of the body, of data at most `room` bytes. Returns how many were taken;
   *data and *data_length are the data among them (at most one run; call again). state tells the
   rest: DONE, BAD (then nothing more is to be read), else more bytes are wanted, or more room. */
size_t admin_chunked_take(struct admin_chunked *c, const char *bytes, size_t length, size_t room,
                          const char **data, size_t *data_length);

/* BAD: what is wrong. */
const char *admin_chunked_why(const struct admin_chunked *c);

#endif
