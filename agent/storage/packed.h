/*
 * packed.h - msgpack that others have written: what unpacking it may cost.
 */
#ifndef FFSHM_AGENT_STORAGE_PACKED_H
#define FFSHM_AGENT_STORAGE_PACKED_H

#include <stdbool.h>
#include <stddef.h>

/* Is this one value, all of these bytes, without maps and extensions, at most 8 arrays deep? Each
   element takes a byte at least, and a count that is larger than the bytes that are left is
   refused, so that msgpack-c, which makes room for a whole array when it meets its head, needs no
   more than a constant times `length`. */
bool packed_is_sound(const void *packed, size_t length);

#endif
