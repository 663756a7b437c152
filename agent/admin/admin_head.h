/*
 * admin_head.h - the head of an HTTP/1 request: request line and headers, strictly (RFC 9112).
 *
 * What different implementations read differently is refused: bare line feeds, folded lines, white
 * space around a header's name, two lengths of a body.
 */
#ifndef FFSHM_AGENT_ADMIN_HEAD_H
#define FFSHM_AGENT_ADMIN_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin_error.h"

#define ADMIN_HEADERS_MOST 64u
#define ADMIN_TARGET_MOST 4096u /* bytes of path and query */

struct admin_header {
    const char *name;
    const char *value; /* without white space around it */
};

struct admin_head {
    const char *method;
    const char *target;
    bool http10;
    bool keep_alive;
    bool closes; /* said so */
    bool chunked;
    bool expects_continue;
    bool has_length;
    uint64_t length; /* of the body, as told */
    struct admin_header headers[ADMIN_HEADERS_MOST];
    size_t header_count;
};

/* May a request begin so? Else it need not be waited for: it is something else, such as TLS. */
bool admin_head_may_begin(char c);

/* Where the head ends, its empty line included; 0: not yet. */
size_t admin_head_end(const char *bytes, size_t length);

/* Parses in place (text[0..length) is a whole head as admin_head_end tells; texts are then
   terminated by NUL, and *head points to them). 0, or -1 with *error. */
int admin_head_parse(char *text, size_t length, struct admin_head *head, struct admin_error *error);

/* By name, any case; NULL: not there. */
const char *admin_head_value(const struct admin_head *head, const char *name);

#endif
