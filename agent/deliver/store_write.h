/*
 * store_write.h - a whole state into a store: one transaction that removes both hashes, writes them
 * anew in the set's order, and marks the store as initialized. What is watched on the connection
 * (store_look.h, exec_follows) makes it fail where somebody else was quicker.
 *
 * Sent in pieces of about a quarter of a megabyte, each when Redis has queued one before: the agent
 * never holds the whole of it as commands.
 */
#ifndef FFSHM_AGENT_STORE_WRITE_H
#define FFSHM_AGENT_STORE_WRITE_H

#include <stdint.h>

#include "../redis/redis_link.h"
#include "../redis/store_look.h"
#include "store_set.h"

struct store_write;

enum store_write_end {
    STORE_WRITE_DONE,
    STORE_WRITE_RACED, /* what is watched has changed: nothing was written */
    STORE_WRITE_FAILED /* *fault; nothing was written, or, without an answer, perhaps everything */
};

/* end may free it. fault NULL: none. */
typedef void store_write_end_fn(void *arg, enum store_write_end end, const struct fault *fault);

/* Borrows everything; end is called later, once. NULL: no memory, or the link is not up. */
struct store_write *store_write_new(struct redis_link *link, const struct store_keys *keys,
                                    const struct store_set *set, store_write_end_fn *end,
                                    void *arg);
/* Not before it has ended, but for its link was freed. NULL is harmless, also for the next two. */
void store_write_free(struct store_write *w);
void store_write_silence(struct store_write *w);         /* its link is about to be freed */
uint64_t store_write_bytes(const struct store_write *w); /* of JSON, so far */

#endif
