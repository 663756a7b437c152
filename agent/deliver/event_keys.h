/*
 * event_keys.h - which contexts were told lately: a bounded set of keys that forgets the one that
 * was not seen for the longest time.
 *
 * Only a hash of each key is kept (128 bits, seeded at random: nobody can make two contexts that
 * are taken for one). Changes since the last commit can be taken back.
 */
#ifndef FFSHM_AGENT_EVENT_KEYS_H
#define FFSHM_AGENT_EVENT_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct event_keys;

/* NULL: no memory. */
struct event_keys *event_keys_new(unsigned capacity);
void event_keys_free(struct event_keys *keys);

/* Marks the key as seen. true: it had been already. */
bool event_keys_see(struct event_keys *keys, const char *key, size_t length);

/* Forgets all, for good: not to be taken back. */
void event_keys_clear(struct event_keys *keys);

void event_keys_commit(struct event_keys *keys);
/* Everything is as it was at the last commit. */
void event_keys_revert(struct event_keys *keys);

#endif
