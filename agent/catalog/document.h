/*
 * document.h - a definition file as a JSON tree, with places: as jansson values; JSON read by our
 * own reader (places for errors, and twice as fast), YAML by libyaml.
 */
#ifndef FFSHM_AGENT_DOCUMENT_H
#define FFSHM_AGENT_DOCUMENT_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"

/* Parses text (JSON when its first character that is not white space is '{', else YAML; YAML 1.2
   core schema: only true/false are booleans, `on:` is a string; duplicate members, anchors that
   explode, and more than 512 levels are faults; invalid UTF-8 is a fault). NULL and *fault (line
   and column filled in). The caller owns the result. */
json_t *document_parse(const char *text, size_t length, const char *file, struct fault *fault);

/* The same with a memo (document_memo.h; NULL: without): trees that it has are given out again, and
   must not be changed. */
struct document_memo;
json_t *document_parse_memo(const char *text, size_t length, const char *file,
                            struct document_memo *memo, struct fault *fault);

/* Finds the place of fault->member ("flags.x.rules[2].op") in the text, sets line, column and file.
   A member that is not there gets the place of its nearest ancestor. */
void document_locate(const char *text, size_t length, const char *file, struct fault *fault);

/* "an object", "a list", "a string", "a number", "a boolean", "null": for messages. */
const char *document_type_name(const json_t *value);

/* A value as compact JSON: integers without fraction, other numbers with the fewest digits that
   read back equal, members in the order in which they were written. malloc'ed, NUL-terminated;
   NULL: no memory. */
char *document_dump(const json_t *value, size_t *length);

/* An object as YAML for people, members in their order; document_parse reads it back equal. What
   cannot be written so is written as JSON, which is YAML, too. As document_dump. */
char *document_dump_yaml(const json_t *value, size_t *length);

#endif
