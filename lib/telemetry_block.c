/*
 * telemetry_block.c - nodes and blocks: found without a lock, made under it, never removed.
 */
#include "telemetry_block.h"

#include <string.h>

#include "telemetry_map.h"

/* ---- nodes ---- */

static struct telemetry_node *find_node(struct telemetry *t, uint64_t tag)
{
    /* Ends: there are twice as many places as nodes. */
    for (uint64_t i = tag & t->index_mask;; i = (i + 1) & t->index_mask) {
        /* pairs with the release in make_node */
        const uint32_t number = atomic_load_explicit(&t->index[i], memory_order_acquire);
        if (number == 0) {
            return NULL;
        }
        if (t->nodes[number - 1].tag == tag) {
            return &t->nodes[number - 1];
        }
    }
}

static struct telemetry_node *make_node(struct telemetry *t, uint64_t tag)
{
    struct telemetry_node *node = find_node(t, tag);
    if (node) {
        return node;
    }
    if (t->node_count == t->node_limit) {
        atomic_store_explicit(&t->used_up, true, memory_order_relaxed);
        return NULL;
    }
    uint64_t i = tag & t->index_mask;
    while (atomic_load_explicit(&t->index[i], memory_order_relaxed) != 0) {
        i = (i + 1) & t->index_mask;
    }
    node = &t->nodes[t->node_count++];
    node->tag = tag;
    atomic_store_explicit(&t->index[i], t->node_count, memory_order_release);
    return node;
}

/* ---- blocks ---- */

/* place: 1 + the block's, in units. NULL where there is none, also in the child of a fork that
   interrupted this very evaluation. */
static struct telemetry_block *block_at(struct telemetry *t, uint32_t place)
{
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    return place && file ? (void *)((uint8_t *)file + file->arena_offset +
                                    (size_t)(place - 1) * TELEMETRY_UNIT)
                         : NULL;
}

static struct telemetry_block *find_block(struct telemetry *t, struct telemetry_node *node,
                                          uint32_t stripe)
{
    return block_at(t, atomic_load_explicit(&node->blocks[stripe], memory_order_acquire));
}

static struct telemetry_block *make_block(struct ffshm *ff, struct telemetry *t, uint32_t stripe,
                                          const struct telemetry_subject *subject,
                                          struct telemetry_node *node)
{
    struct telemetry_block *block = find_block(t, node, stripe);
    if (block) {
        return block;
    }
    const size_t counters = (size_t)subject->counter_count * sizeof(uint64_t);
    const size_t bytes = sizeof(struct telemetry_block) + counters + subject->key_length;
    const uint64_t units = (bytes + TELEMETRY_UNIT - 1) / TELEMETRY_UNIT;
    const uint64_t at = t->arena_used;
    if (!telemetry_grow(ff, t, at + units * TELEMETRY_UNIT)) {
        return NULL;
    }
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    const uint32_t place = (uint32_t)(at / TELEMETRY_UNIT) + 1;
    block = block_at(t, place); /* new: all zero */
    block->units = (uint32_t)units;
    block->counter_count = (uint16_t)subject->counter_count;
    block->kind = (uint16_t)subject->kind;
    block->stripe = stripe;
    block->key_length = (uint32_t)subject->key_length;
    block->tag = subject->tag;
    block->version = subject->version;
    memcpy((uint8_t *)block->counters + counters, subject->key, subject->key_length);
    t->arena_used = at + units * TELEMETRY_UNIT;
    atomic_store_explicit(&file->arena_used, t->arena_used, memory_order_release);
    atomic_store_explicit(&node->blocks[stripe], place, memory_order_release);
    return block;
}

struct telemetry_block *telemetry_block(struct ffshm *ff, struct telemetry *t, uint32_t stripe,
                                        const struct telemetry_subject *subject,
                                        struct telemetry_node **node)
{
    *node = find_node(t, subject->tag);
    struct telemetry_block *block = *node ? find_block(t, *node, stripe) : NULL;
    if (block || subject->counter_count > TELEMETRY_COUNTERS_MOST ||
        subject->key_length > TELEMETRY_KEY_MOST) {
        return block;
    }
    struct telemetry_held held;
    telemetry_lock(t, &held);
    /* Without a file where fork, in a signal handler, came between: in the child nothing is left.
     */
    const bool whole = atomic_load_explicit(&t->file, memory_order_acquire) != NULL;
    *node = whole ? make_node(t, subject->tag) : NULL;
    if (*node) {
        block = make_block(ff, t, stripe, subject, *node);
    }
    telemetry_unlock(t, &held);
    return block;
}
