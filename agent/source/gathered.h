/*
 * gathered.h - bytes that arrive in pieces, gathered into one text.
 */
#ifndef FFSHM_AGENT_SOURCE_GATHERED_H
#define FFSHM_AGENT_SOURCE_GATHERED_H

#include <stdbool.h>
#include <stddef.h>

struct gathered {
    char *bytes; /* NUL-terminated when there are any; NULL: none were added yet */
    size_t length;
    size_t capacity;
};

/* Grows geometrically: a text costs what it is long, however small its pieces. false: no memory. */
bool gathered_add(struct gathered *text, const char *bytes, size_t length);
/* Empty again. Keeps a small buffer for the next one, gives a large one back. */
void gathered_clear(struct gathered *text);
void gathered_free(struct gathered *text);

#endif
