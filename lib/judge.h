/*
 * judge.h - what a call comes to: the flag that it asks for, the outcome, the count, the whole
 * result. Shared by api.c and view.c.
 */
#ifndef FFSHM_JUDGE_H
#define FFSHM_JUDGE_H

#include <string.h>

#include "evaluate.h"
#include "telemetry.h"

/* ---- finding the flag ---- */

/* Cold: before the first snapshot, misses look for one (by the clock, with backoff). */
static __attribute__((noinline, cold)) const struct snapshot *not_ready(struct ffshm *ff)
{
    store_leave();
    store_notice(ff);
    return store_enter(ff);
}

static inline const struct snapshot *enter(struct ffshm *ff)
{
    const struct snapshot *s = store_enter(ff);
    if (__builtin_expect(!s->ready, 0)) {
        s = not_ready(ff);
    }
    return s;
}

static inline struct snapshot_blob by_key(const struct snapshot *s, const char *key)
{
    if (__builtin_expect(!key, 0)) {
        return (struct snapshot_blob){NULL, 0, 0};
    }
    size_t length = text_length(key);
    return snapshot_find(s, key, length, hash_bytes(key, length));
}

/* ---- the outcome ---- */

static inline bool valid(const struct ffshm_context *c)
{
    return c && c->error == FFSHM_OK;
}

/* The outcome for a flag that is there and a valid context. */
static inline void run(struct ffshm *ff, uint64_t window, const struct snapshot *s,
                       struct snapshot_blob where, const struct ffshm_context *c, bool with_reason,
                       struct evaluation *out)
{
    const struct image_flag *flag = (const struct image_flag *)where.blob;
    if (__builtin_expect(window != 0 && flag->steps & IMAGE_STEP_PREREQUISITES, 0)) {
        telemetry_evaluate(ff, window, s, where, c, with_reason, out);
    } else {
        evaluate(s, where, c, out);
    }
}

/* The outcome in any case; never without a reason. */
static inline void judge(struct ffshm *ff, uint64_t window, const struct snapshot *s,
                         struct snapshot_blob where, const struct ffshm_context *c,
                         bool with_reason, struct evaluation *out)
{
    if (where.blob && valid(c)) {
        run(ff, window, s, where, c, with_reason, out);
        return;
    }
    *out = (struct evaluation){.variation = -1,
                               .rule_index = -1,
                               .reason = FFSHM_REASON_ERROR,
                               .error = !s->ready  ? FFSHM_NOT_READY
                                        : valid(c) ? FFSHM_FLAG_NOT_FOUND
                                                   : FFSHM_INVALID_CONTEXT,
                               .flag = (const struct image_flag *)where.blob};
}

/* Counts what was served of a flag that is there, and nothing more. false: there is more to it. */
static inline bool counted(struct ffshm *ff, struct snapshot_blob where,
                           const struct ffshm_context *c, const struct evaluation *e, bool fits)
{
    const struct image_flag *flag = (const struct image_flag *)where.blob;
    if (__builtin_expect(!flag || e->error != FFSHM_OK || !fits, 0)) {
        return false;
    }
    struct telemetry_block *block = telemetry_ready(ff, flag, where.slot, c);
    if (__builtin_expect(!block, 0)) {
        return false;
    }
    telemetry_add(block, e->variation >= 0 ? (uint32_t)e->variation : flag->variation_count);
    return true;
}

/* ---- the result ---- */

static inline const char *text_or_empty(const struct image_flag *flag, struct image_string s)
{
    return s.length ? image_text(flag, s) : "";
}

/* Built in one expression where the caller wants it: a copy of what was just stored member by
   member stalls (41 ns instead of 19). */
static inline struct ffshm_result result_of(const struct snapshot *s, const struct evaluation *e)
{
    static const struct image_variation none = {.type = IMAGE_NULL};
    const struct image_variation *v = e->value ? e->value : &none;
    const bool string = v->type == IMAGE_STRING;
    return (struct ffshm_result){
        .reason = e->reason,
        .error = e->error,
        .big_segments = e->big_segments,
        .variation = e->variation,
        .rule_index = e->rule_index,
        .in_experiment = e->in_experiment,
        .boolean = v->boolean != 0,
        .type = (int)v->type,
        .number = v->number,
        .string = string ? image_text(e->flag, v->text) : NULL,
        .string_length = string ? v->text.length : 0,
        .json = e->value ? image_text(e->flag, v->json) : NULL,
        .json_length = v->json.length,
        .variant = text_or_empty(e->flag, v->key),
        .rule_id = text_or_empty(e->flag, e->rule_id),
        .prerequisite_key = text_or_empty(e->flag, e->prerequisite_key),
        .flag_version = e->flag ? e->flag->blob.version : 0,
        .generation = s->generation,
    };
}

#endif
