/*
 * inspect_emit.h - JSON to a stream, a piece at a time, without a tree of it.
 *
 * Write errors stay with the stream (ferror): who owns it looks at the end.
 */
#ifndef FFSHM_AGENT_INSPECT_EMIT_H
#define FFSHM_AGENT_INSPECT_EMIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes and text as they are. */
void emit_bytes(FILE *out, const char *bytes, size_t length);
void emit_text(FILE *out, const char *text);

/* A JSON string with its quotes; what would command a terminal is escaped (inspect_shown.h). Bytes
   that are not UTF-8 become U+FFFD. */
void emit_string(FILE *out, const char *text, size_t length);
void emit_quoted(FILE *out, const char *text); /* NUL-terminated */

/* Valid JSON text, with the same escapes. */
void emit_json(FILE *out, const char *json, size_t length);
/* The same without the white space between its tokens. */
void emit_compact(FILE *out, const char *json, size_t length);

void emit_signed(FILE *out, int64_t number);
void emit_unsigned(FILE *out, uint64_t number);

#endif
