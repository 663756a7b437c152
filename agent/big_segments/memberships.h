/*
 * memberships.h - the memberships file (lib/big_segments_file.h), as its one writer has it: what
 * was learnt goes in, grows old, and is let go.
 *
 * Contexts are kept in the order in which they were learnt, which is also the order of their
 * references in the ring: the first one is the oldest in both, and goes first when there is no
 * room. One that is learnt again moves to the end. What is still being asked for is asked for again
 * in time (AGEING), so the order is that of use as well.
 */
#ifndef FFSHM_AGENT_MEMBERSHIPS_H
#define FFSHM_AGENT_MEMBERSHIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/fault.h"
#include "../publish/store_files.h"
#include "big_segments.h"

struct memberships;

struct memberships_options {
    struct store_dir dir; /* borrowed until memberships_open returns */
    uint64_t store_epoch;
    unsigned contexts; /* that are kept at most */
    int64_t ageing_ms; /* KNOWN for so long, then AGEING; 0: never */
    int64_t old_ms;    /* then OLD */
    int64_t gone_ms;   /* then gone */
};

/* Takes over the file that an earlier agent has left (with what is in it, all of it OLD), or puts a
   new one in its place. now_ms: CLOCK_MONOTONIC, as everywhere here. NULL and *fault. */
struct memberships *memberships_open(const struct memberships_options *options, int64_t now_ms,
                                     struct fault *fault);
/* The file stays, with what is in it, all of it OLD, and the status UNKNOWN: evaluations go on with
   it, and say STALE. */
void memberships_close(struct memberships *m);
/* Removes an earlier agent's file and socket. */
void memberships_remove(const struct store_dir *dir);

/* For the control page. */
uint64_t memberships_id(const struct memberships *m);

enum big_segments_state memberships_state(const struct memberships *m, struct hash128 key);

/* The key's membership: references with BIG_SEGMENTS_INCLUDED in bit 0; where one is there twice
   the first counts. 0; -1: there are more than fit, and the key is not known any more. */
int memberships_put(struct memberships *m, struct hash128 key, const uint64_t *references,
                    size_t count, int64_t now_ms);
/* It cannot be learnt. What is OLD is gone now. */
void memberships_fail(struct memberships *m, struct hash128 key);

/* Lets everything grow older. The time until there is something to do again; -1: never. */
int64_t memberships_age(struct memberships *m, int64_t now_ms);
/* What readers have asked for, they may ask for again. */
void memberships_tick(struct memberships *m);

void memberships_set_status(struct memberships *m, enum big_segments_status status,
                            uint64_t last_up_to_date_ms);

/* The counters of the file that are not of this module. */
struct memberships_counts {
    uint64_t queries, failures, asks, dropped_asks, answer_us;
};
void memberships_set_counts(struct memberships *m, const struct memberships_counts *counts);

struct memberships_stats {
    uint64_t contexts, evictions, adopted, bytes;
};
void memberships_stats(const struct memberships *m, struct memberships_stats *out);

#endif
