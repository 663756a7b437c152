/*
 * value_text.h - values as people type them on a command line: true, 12.5, blue, "12.5", [1, 2].
 */
#ifndef FFSHM_AGENT_VALUE_TEXT_H
#define FFSHM_AGENT_VALUE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What is JSON is that value; anything else is a text as it stands. White space around it does not
   count. A new reference; NULL: no memory, or it is not UTF-8. */
json_t *value_text_read(const char *text, size_t length);

/* What value_text_read reads back equal: a text without quotes where it can be. With `list`, as one
   of a list. malloc'ed; NULL: no memory. */
char *value_text_write(const json_t *value, bool list);

/* The next of a list with commas between, without white space around it: commas inside of quotes,
   brackets and braces do not count. *rest goes on behind it, NULL at the end. false: there is none
   any more. "a," has two, the second of which is empty. */
bool value_text_next(const char **rest, const char **element, size_t *length);

#endif
