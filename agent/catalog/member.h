/*
 * member.h - where in a definition something stands: a chain of names and indexes on the caller's
 * stack, turned into text ("rules[0].clauses[1].op") only when there is something to say about it.
 */
#ifndef FFSHM_AGENT_MEMBER_H
#define FFSHM_AGENT_MEMBER_H

#include <stddef.h>

#define MEMBER_TEXT 256 /* bytes that are enough for every member of a flag or segment */

struct member {
    const struct member *parent; /* NULL: the item itself */
    const char *name;            /* NULL: an element, by index */
    size_t index;
};

/* Writes the text, NUL-terminated and cut off where it does not fit. NULL gives "". */
void member_text(const struct member *m, char *buffer, size_t capacity);

#endif
