/*
 * inspect_shown.h - text of others at a terminal: what of it may be written there as it is, how
 * wide that is, and what stands for the rest.
 *
 * The rest: control characters (also those of ISO 6429, U+0080 to U+009F, of which U+009B begins an
 * escape sequence as ESC [ does), what sets the direction of the text after it, and bytes that are
 * not UTF-8.
 */
#ifndef FFSHM_AGENT_INSPECT_SHOWN_H
#define FFSHM_AGENT_INSPECT_SHOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes of the character at text < end, where it may be written as it is; else 0. */
size_t shown_as_is(const char *text, const char *end);

/* May all of it be? */
bool shown_is_plain(const char *text);

/* The character at text < end, which is well-formed UTF-8 of more than one byte. */
uint32_t shown_code(const char *text);

/* Bytes of what is shown next, at text < end, and the columns that it takes. */
size_t shown_next(const char *text, const char *end, unsigned *columns);
/* Columns of all of it. */
size_t shown_width(const char *text);

/* Writes it, with \xNN for each byte that must not be. */
void shown_write(FILE *out, const char *text, size_t length);

/* Writes JSON text, with \uNNNN for each character that must not be: the same JSON. */
void shown_write_json(FILE *out, const char *json, size_t length);

#endif
