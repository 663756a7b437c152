/*
 * membership_key.h - how LaunchDarkly's Redis store of big segments names things.
 *
 *   <prefix>:big_segment_include:<hash>    set of "<segment key>.g<generation>"
 *   <prefix>:big_segment_exclude:<hash>    the same
 *   <prefix>:big_segments_synchronized_on  milliseconds since the epoch, decimal
 *
 * The hash is of the bare context key, whatever its kind: the keys themselves are not in the store.
 */
#ifndef FFSHM_AGENT_MEMBERSHIP_KEY_H
#define FFSHM_AGENT_MEMBERSHIP_KEY_H

#include <stddef.h>

#define MEMBERSHIP_HASH 45 /* bytes: standard base64 of 32 bytes, with its padding, and a NUL */
#define MEMBERSHIP_INCLUDE "big_segment_include"
#define MEMBERSHIP_EXCLUDE "big_segment_exclude"
#define MEMBERSHIP_SYNCHRONIZED "big_segments_synchronized_on"

/* base64(SHA-256(key)). */
void membership_hash(const char *key, size_t length, char hash[MEMBERSHIP_HASH]);

#endif
