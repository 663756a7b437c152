/*
 * json_write.h - writing compact JSON into a caller's buffer, snprintf conventions: what does not
 * fit is counted, not written.
 *
 * No allocation, no locale. json_put_number may call snprintf: not for signal handlers.
 */
#ifndef FFSHM_JSON_WRITE_H
#define FFSHM_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "json.h"

struct json_text {
    char *buffer; /* may be NULL when capacity is 0 */
    size_t capacity;
    size_t length; /* that the text has so far, written or not */
};

void json_put(struct json_text *out, const char *bytes, size_t count);

/* Escaped; what is not UTF-8 becomes U+FFFD. */
void json_put_characters(struct json_text *out, const char *text, size_t length);
/* The same in quotes. */
void json_put_string(struct json_text *out, const char *text, size_t length);

/* The shortest decimal that reads back as the same double; "null" when it is not finite. */
void json_put_number(struct json_text *out, double number);

void json_put_integer(struct json_text *out, int64_t number);

/* A value that json_check accepted, without its white space. */
void json_put_value(struct json_text *out, const struct json_slice *value);

/* Terminates the buffer; returns the length. */
size_t json_end(struct json_text *out);

#endif
