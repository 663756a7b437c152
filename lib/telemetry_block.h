/*
 * telemetry_block.h - where a flag version's evaluations are counted: by tag, and by stripe.
 */
#ifndef FFSHM_TELEMETRY_BLOCK_H
#define FFSHM_TELEMETRY_BLOCK_H

#include "telemetry.h"

/* What a block is for. */
struct telemetry_subject {
    uint64_t tag;
    enum telemetry_block_kind kind;
    const char *key;
    size_t key_length;
    int64_t version;
    uint32_t counter_count;
};

/* Its block in a stripe, made if need be, and its node. t is one with a file. NULL: there is no
   room; then t->used_up says whether another struct telemetry would have some. */
struct telemetry_block *telemetry_block(struct ffshm *ff, struct telemetry *t, uint32_t stripe,
                                        const struct telemetry_subject *subject,
                                        struct telemetry_node **node);

#endif
