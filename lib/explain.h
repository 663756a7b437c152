/*
 * explain.h - an evaluation, narrated: which step was taken, with what operands, and what came of
 * it.
 *
 * The same code as an ordinary evaluation (evaluate_core.h), compiled a second time with its
 * NARRATE lines; what is told is what was done. Steps arrive in order; `depth` is their nesting.
 * Pointers are into the snapshot and the context, offsets relative to `blob`.
 */
#ifndef FFSHM_EXPLAIN_H
#define FFSHM_EXPLAIN_H

#include "context.h"
#include "evaluate.h"

enum explain_kind {
    EXPLAIN_FLAG,         /* begins a flag: blob; the top one at depth 0, else a prerequisite */
    EXPLAIN_OFF,          /* the flag is off */
    EXPLAIN_PREREQUISITE, /* item: image_prerequisite, index; the flag's own steps follow, deeper */
    EXPLAIN_PREREQUISITE_DONE, /* item, index; matched; variation: what it gave; note: why it failed
                                */
    EXPLAIN_TARGET,            /* item: image_target, index; matched */
    EXPLAIN_RULE,              /* item: image_rule, index; its clauses follow, deeper */
    EXPLAIN_RULE_DONE,         /* item, index; matched */
    EXPLAIN_CLAUSE,  /* item: image_clause, index; value: the context's; matched (after negation);
                        note */
    EXPLAIN_SEGMENT, /* blob: the segment (NULL: missing), note: its key; its steps follow, deeper
                      */
    EXPLAIN_SEGMENT_LIST, /* item: image_target, index; note: "included" or "excluded"; matched */
    EXPLAIN_BIG_SEGMENT,  /* index: enum ffshm_big_segments, NONE: the store was not asked; matched:
                             a  member; note: says who */
    EXPLAIN_SEGMENT_RULE, /* item: image_segment_rule, index; its clauses follow, deeper */
    EXPLAIN_SEGMENT_RULE_DONE, /* item, index; matched */
    EXPLAIN_SEGMENT_DONE,      /* blob, note: key; matched */
    EXPLAIN_BUCKET,      /* item: image_rollout; hash_input, first60, bucket; note: why it is 0 */
    EXPLAIN_WEIGHTED,    /* item: the image_weighted chosen, index; bucket */
    EXPLAIN_FALLTHROUGH, /* nothing else matched */
    EXPLAIN_SERVE,       /* variation (-1: the fallback); result: reason and the rest */
    EXPLAIN_ERROR,       /* note: why the evaluation is abandoned */
};

struct explain_step {
    enum explain_kind kind;
    unsigned depth;
    const struct image_blob *blob; /* the flag or segment that the step belongs to */
    const void *item;
    int index;
    bool matched;
    int variation;
    struct context_value value;
    const char *hash_input; /* not terminated */
    size_t hash_input_length;
    uint64_t first60;
    float bucket;
    const struct evaluation *result;
    const char *note; /* NULL: none */
};

struct narrator {
    void (*step)(struct narrator *self, const struct explain_step *step);
    unsigned depth; /* of the next step; starts at 0 */
};

#endif
