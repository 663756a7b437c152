/*
 * inspect_raw.h - members of a JSON object as they are written there: no tree, no rounding.
 */
#ifndef FFSHM_AGENT_INSPECT_RAW_H
#define FFSHM_AGENT_INSPECT_RAW_H

#include <stddef.h>

struct raw_member {
    const char *name;
    const char *text; /* the value, borrowed; NULL: there is none */
    size_t length;
};

/* Fills in the members' values: of one that is there twice, the last. 0; or -1: the text is no
   object that the library can read, from byte *at on. */
int raw_members(const char *json, size_t length, struct raw_member *members, size_t count,
                size_t *at);

#endif
