/*
 * evaluate.h - one flag, one context, one snapshot: LaunchDarkly's semantics.
 *
 * No allocation, no system call, no clock, no lock. Trusts the snapshot (it was verified), not the
 * context.
 */
#ifndef FFSHM_EVALUATE_H
#define FFSHM_EVALUATE_H

#include "ffshm.h"
#include "image.h"
#include "snapshot.h"

/* What came of it. Pointers are into the snapshot. */
struct evaluation {
    const struct image_flag *flag;       /* NULL: there is none */
    const struct image_variation *value; /* NULL: the caller's fallback */
    int32_t variation;                   /* index of value; -1 without */
    int32_t rule_index;                  /* RULE_MATCH; else -1 */
    uint8_t reason;                      /* enum ffshm_reason */
    uint8_t error;                       /* enum ffshm_error */
    uint8_t big_segments;                /* enum ffshm_big_segments: the worst met anywhere */
    bool in_experiment;
    struct image_string rule_id;          /* relative to flag */
    struct image_string prerequisite_key; /* relative to flag */
};

/* Is it an experiment, or to be told of like one? LaunchDarkly's rule. */
static inline bool evaluation_is_experiment(const struct evaluation *e)
{
    const struct image_flag *flag = e->flag;
    if (e->in_experiment) {
        return true;
    }
    if (e->reason == FFSHM_REASON_RULE_MATCH) {
        const struct image_rule *rules = image_at(flag, flag->rules_offset);
        return rules[e->rule_index].flags & IMAGE_RULE_TRACK_EVENTS;
    }
    return e->reason == FFSHM_REASON_FALLTHROUGH && flag->flags & IMAGE_FLAG_TRACK_FALLTHROUGH;
}

/* Evaluates the flag blob at `where`. c must be valid (c->error == 0). */
void evaluate(const struct snapshot *snapshot, struct snapshot_blob where,
              const struct ffshm_context *c, struct evaluation *out);

/* A number as ffshm_int gives it: truncated toward zero, saturated. 0x1p63 is the first double
   beyond INT64_MAX. */
static inline int64_t evaluate_to_int(double number)
{
    return number >= 0x1p63 ? INT64_MAX : number < -0x1p63 ? INT64_MIN : (int64_t)number;
}

/* Is told of each prerequisite that was evaluated, inner ones first; also of those that the
   evaluation of `parent` was abandoned after. */
struct recorder {
    void (*prerequisite)(struct recorder *self, const struct image_flag *parent,
                         struct snapshot_blob where, const struct evaluation *result);
};
void evaluate_recorded(const struct snapshot *snapshot, struct snapshot_blob where,
                       const struct ffshm_context *c, struct evaluation *out,
                       struct recorder *recorder);

struct narrator; /* explain.h */

/* The same code, telling the narrator each step. */
void evaluate_narrated(const struct snapshot *snapshot, struct snapshot_blob where,
                       const struct ffshm_context *c, struct evaluation *out,
                       struct narrator *narrator);

#endif
