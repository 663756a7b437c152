/*
 * difference.h - what is different between two JSON values, member by member.
 */
#ifndef FFSHM_AGENT_DIFFERENCE_H
#define FFSHM_AGENT_DIFFERENCE_H

#include <jansson.h>
#include <stddef.h>

#define DIFFERENCE_MOST 200u /* places; what comes after them is not told */

/* [{"path": "/variants/0/value" (a JSON Pointer, RFC 6901), "before", "after"}]: what was added has
   no "before", what was removed no "after". Of lists, the place of what was removed is the one that
   it had. before or after may be NULL: there is none. The values are references. A new array; NULL:
   no memory. */
json_t *difference(json_t *before, json_t *after);

#endif
