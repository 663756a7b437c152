/*
 * evaluate_core.h - the evaluator itself, a template of static functions.
 *
 * Included by evaluate.c as it is, and by explain.c with NARRATED defined to 1, which turns the
 * NARRATE lines into calls of the narrator. One text, two compilations: the hot one has no trace of
 * the narration.
 *
 * Recursion goes into prerequisites and segments only. A chain on the stack holds the blobs of the
 * current path: meeting one of them again is a cycle. IMAGE_MAX_DEPTH bounds the path, and
 * IMAGE_MAX_VISITS all paths together, which may be two to the power of the depth. Each of them
 * abandons the whole evaluation.
 */
#include "big_segments.h"
#include "bucket.h"
#include "clause.h"
#include "evaluate.h"
#include "explain.h"
#include "sha1.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* One evaluation under way. */
struct run {
    const struct snapshot *snapshot;
    const struct ffshm_context *c;
    struct narrator *narrator;
    struct recorder *recorder; /* NULL: none */
    unsigned depth;
    unsigned visits;
    uint8_t big_segments;
    uint8_t hashed;   /* bit k: key_hashes[k] is there */
    uint16_t unknown; /* bit k: the membership of key k was asked for, and is not known. With the
                         two before it one word, that one instruction clears */
    struct hash128 key_hashes[FFSHM_CONTEXT_KINDS];
};

/* The blobs on the current path, innermost first. */
struct chain {
    const struct image_blob *blob;
    const struct chain *up;
};

/* ABANDON: the whole evaluation is MALFORMED_FLAG, whatever called. */
enum verdict { NO = 0, YES = 1, ABANDON = 2 };

#if NARRATED
static void narrate(struct run *run, const struct explain_step *step)
{
    struct explain_step told = *step;
    told.depth = run->narrator->depth;
    run->narrator->step(run->narrator, &told);
}
#define NARRATE(...) narrate(run, &(struct explain_step){__VA_ARGS__})
#define DEEPER(by) (run->narrator->depth += (unsigned)(by))
#define SHALLOWER(by) (run->narrator->depth -= (unsigned)(by))
#else
#define NARRATE(...) ((void)0)
#define DEEPER(by) ((void)0)
#define SHALLOWER(by) ((void)0)
#endif

static enum verdict flag_evaluate(struct run *run, struct snapshot_blob where,
                                  const struct chain *up, struct evaluation *out);

static inline enum verdict clauses_match(struct run *run, struct snapshot_blob where,
                                         uint32_t offset, uint32_t count,
                                         const struct chain *segments);

static bool on_chain(const struct chain *chain, const struct image_blob *blob)
{
    for (; chain; chain = chain->up) {
        if (chain->blob == blob) {
            return true;
        }
    }
    return false;
}

/* ---- keys in sets ---- */

static bool key_in_set(struct run *run, const struct image_blob *blob,
                       const struct image_target *target)
{
    int kind = context_kind(run->c, target->kind_hash);
    if (kind < 0) {
        return false;
    }
    if (!(run->hashed >> kind & 1)) {
        run->key_hashes[kind] = hash_member(run->c->kinds[kind].key, run->c->kinds[kind].key_length,
                                            run->snapshot->set_seed);
        run->hashed |= (uint8_t)(1u << kind);
    }
    return clause_set_has(blob, &target->keys, run->key_hashes[kind]);
}

/* ---- buckets ---- */

static enum bucket_result bucket(struct run *run, const struct image_blob *blob,
                                 const struct image_rollout *rollout, float *out)
{
    enum bucket_result result = bucket_of(run->c, blob, rollout, out);
#if NARRATED
    static const char *const notes[] = {
        NULL, "the context has no such kind: bucket 0",
        "the attribute is missing or not a string or integer: bucket 0",
        "the attribute reference is invalid"};
    char input[1024];
    struct explain_step step = {.kind = EXPLAIN_BUCKET,
                                .blob = blob,
                                .item = rollout,
                                .bucket = *out,
                                .note = notes[result]};
    char number[BUCKET_TEXT];
    char scratch[FFSHM_JSON_ESCAPED + 1];
    const char *text;
    size_t length;
    if (result == BUCKET_OK) {
        step.value = context_select(run->c, blob, &rollout->by, scratch, sizeof(scratch));
        if (bucket_text(&step.value, number, &text, &length)) {
            step.first60 = sha1_first60(image_text(blob, rollout->prefix), rollout->prefix.length,
                                        text, length);
            size_t prefix =
                rollout->prefix.length < sizeof(input) ? rollout->prefix.length : sizeof(input);
            size_t rest = length < sizeof(input) - prefix ? length : sizeof(input) - prefix;
            memcpy(input, image_text(blob, rollout->prefix), prefix);
            memcpy(input + prefix, text, rest);
            step.hash_input = input;
            step.hash_input_length = prefix + rest;
        }
    }
    narrate(run, &step);
#endif
    return result;
}

/* A share of the traffic, for segment rules and bucketBelow. A missing kind is outside; a missing
   attribute is in bucket 0 and so inside every share above nothing (LaunchDarkly's history). */
static enum verdict in_share(struct run *run, const struct image_blob *blob,
                             const struct image_rollout *rollout)
{
    float b = 0;
    switch (bucket(run, blob, rollout, &b)) {
    case BUCKET_NO_KIND:
        return NO;
    case BUCKET_BAD_REFERENCE:
        return ABANDON;
    default:
        return b < rollout->below ? YES : NO;
    }
}

/* ---- what is served ---- */

static void serve_variation(struct evaluation *out, const struct image_flag *flag,
                            int32_t variation, uint8_t reason)
{
    out->reason = reason;
    if (LIKELY(variation >= 0)) {
        const struct image_variation *variations = image_at(flag, flag->variations_offset);
        out->variation = variation;
        out->value = &variations[variation];
    } else if (variation == IMAGE_SERVE_MALFORMED) {
        out->reason = FFSHM_REASON_ERROR;
        out->error = FFSHM_MALFORMED_FLAG;
    }
}

static enum verdict serve_rollout(struct run *run, const struct image_flag *flag,
                                  const struct image_rollout *rollout, struct evaluation *out,
                                  uint8_t reason)
{
    float b = 0;
    enum bucket_result result = BUCKET_OK;
    if (NARRATED || !bucket_of_key(run->c, &flag->blob, rollout, &b)) {
        result = bucket(run, &flag->blob, rollout, &b);
    }
    if (UNLIKELY(result == BUCKET_BAD_REFERENCE)) {
        NARRATE(.kind = EXPLAIN_ERROR, .blob = &flag->blob,
                .note = "the rollout buckets by an invalid attribute reference");
        return ABANDON;
    }
    const struct image_weighted *chosen = bucket_weighted(flag, rollout, b);
    NARRATE(.kind = EXPLAIN_WEIGHTED, .blob = &flag->blob, .item = chosen,
            .index = (int)(chosen -
                           (const struct image_weighted *)image_at(flag, rollout->weighted_offset)),
            .bucket = b, .variation = chosen->variation);
    serve_variation(out, flag, chosen->variation, reason);
    out->in_experiment =
        rollout->experiment && result != BUCKET_NO_KIND && !chosen->untracked && out->value;
    return YES;
}

static inline enum verdict serve(struct run *run, const struct image_flag *flag,
                                 const struct image_serve *what, struct evaluation *out,
                                 uint8_t reason)
{
    if (what->variation == IMAGE_SERVE_ROLLOUT) {
        return serve_rollout(run, flag, image_at(flag, what->rollout), out, reason);
    }
    serve_variation(out, flag, what->variation, reason);
    return YES;
}

/* ---- segments ---- */

/* A membership that this evaluation has asked for in vain, perhaps waiting, is not asked for again:
   by whatever kind has the same key. */
static bool asked_in_vain(const struct run *run, struct hash128 hash)
{
    for (unsigned k = 0; run->unknown >> k; k++) {
        if (run->unknown >> k & 1 && run->key_hashes[k].lo == hash.lo &&
            run->key_hashes[k].hi == hash.hi) {
            return true;
        }
    }
    return false;
}

static struct big_segments_answer membership(struct run *run, const struct image_segment *segment,
                                             int kind)
{
    if (!big_segments_configured(run->snapshot->store)) {
        return (struct big_segments_answer){.status = FFSHM_BIG_SEGMENTS_NOT_CONFIGURED,
                                            .note = "no store of big segments is configured"};
    }
    if (!(run->hashed >> kind & 1)) {
        run->key_hashes[kind] = big_segments_hash(
            run->c->kinds[kind].key, run->c->kinds[kind].key_length, run->snapshot->set_seed);
        run->hashed |= (uint8_t)(1u << kind);
    }
    const struct big_segments_question question = {
        .key = run->c->kinds[kind].key,
        .key_length = run->c->kinds[kind].key_length,
        .hash = run->key_hashes[kind],
        .reference = big_segments_reference_of(image_text(segment, segment->blob.key),
                                               segment->blob.key.length, segment->generation,
                                               run->snapshot->set_seed),
    };
    if (asked_in_vain(run, question.hash)) {
        return (struct big_segments_answer){.status = FFSHM_BIG_SEGMENTS_STORE_ERROR,
                                            .note = "not known, as before in this evaluation"};
    }
    const struct big_segments_answer answer = big_segments_ask(run->snapshot->store, &question);
    if (answer.status == FFSHM_BIG_SEGMENTS_STORE_ERROR) {
        run->unknown |= (uint16_t)(1u << kind);
    }
    return answer;
}

/* Of several that were met the worst counts, and they are numbered that way. */
static void note_big_segment(struct run *run, const struct image_segment *segment, int status,
                             bool matched, const char *note)
{
    (void)segment;
    (void)matched;
    (void)note;
    if (status > run->big_segments) {
        run->big_segments = (uint8_t)status;
    }
    NARRATE(.kind = EXPLAIN_BIG_SEGMENT, .blob = &segment->blob, .index = status,
            .matched = matched, .note = note);
}

/* decided: the rules are not to be looked at. */
static __attribute__((noinline)) enum verdict
big_segment(struct run *run, const struct image_segment *segment, bool *decided)
{
    const int kind = context_kind(run->c, segment->unbounded_kind_hash);
    *decided = true;
    if (!(segment->flags & IMAGE_SEGMENT_HAS_GENERATION)) {
        note_big_segment(run, segment, FFSHM_BIG_SEGMENTS_NOT_CONFIGURED, false,
                         "the segment has no generation: it has no members");
        return NO;
    }
    if (kind < 0) {
        note_big_segment(run, segment, FFSHM_BIG_SEGMENTS_NONE, false,
                         "the context is not of the segment's kind");
        return NO;
    }
    const struct big_segments_answer answer = membership(run, segment, kind);
    *decided = answer.mentioned;
    note_big_segment(run, segment, answer.status, answer.included, answer.note);
    return answer.included ? YES : NO;
}

static bool in_list(struct run *run, const struct image_segment *segment, uint32_t offset,
                    uint32_t count, const char *name)
{
    (void)name;
    const struct image_target *lists = image_at(segment, offset);
    for (uint32_t i = 0; i < count; i++) {
        bool found = key_in_set(run, &segment->blob, &lists[i]);
        NARRATE(.kind = EXPLAIN_SEGMENT_LIST, .blob = &segment->blob, .item = &lists[i],
                .index = (int)i, .matched = found, .note = name);
        if (found) {
            return true;
        }
    }
    return false;
}

static enum verdict segment_rules(struct run *run, struct snapshot_blob where,
                                  const struct chain *chain)
{
    const struct image_segment *segment = (const struct image_segment *)where.blob;
    const struct image_segment_rule *rules = image_at(segment, segment->rules_offset);
    for (uint32_t i = 0; i < segment->rule_count; i++) {
        NARRATE(.kind = EXPLAIN_SEGMENT_RULE, .blob = where.blob, .item = &rules[i],
                .index = (int)i);
        DEEPER(1);
        enum verdict v =
            clauses_match(run, where, rules[i].clauses_offset, rules[i].clause_count, chain);
        if (v == YES && rules[i].rollout) {
            v = in_share(run, where.blob, image_at(segment, rules[i].rollout));
        }
        SHALLOWER(1);
        NARRATE(.kind = EXPLAIN_SEGMENT_RULE_DONE, .blob = where.blob, .item = &rules[i],
                .index = (int)i, .matched = v == YES);
        if (v != NO) {
            return v;
        }
    }
    return NO;
}

static enum verdict segment_member(struct run *run, struct snapshot_blob where,
                                   const struct chain *up)
{
    const struct image_segment *segment = (const struct image_segment *)where.blob;
    if (on_chain(up, where.blob) || run->depth >= IMAGE_MAX_DEPTH) {
        NARRATE(.kind = EXPLAIN_ERROR, .blob = where.blob,
                .note = "the segment refers to itself, or segments nest too deeply");
        return ABANDON;
    }
    if (++run->visits > IMAGE_MAX_VISITS) {
        NARRATE(.kind = EXPLAIN_ERROR, .blob = where.blob,
                .note = "too many prerequisites and segments, counted by the ways to them");
        return ABANDON;
    }
    if (segment->flags & IMAGE_SEGMENT_UNBOUNDED) {
        bool decided;
        enum verdict v = big_segment(run, segment, &decided);
        if (decided) {
            return v;
        }
    } else if (in_list(run, segment, segment->includes_offset, segment->include_count,
                       "included")) {
        return YES;
    } else if (in_list(run, segment, segment->excludes_offset, segment->exclude_count,
                       "excluded")) {
        return NO;
    }
    const struct chain chain = {where.blob, up};
    run->depth++;
    enum verdict v = segment_rules(run, where, &chain);
    run->depth--;
    return v;
}

static enum verdict in_any_segment(struct run *run, struct snapshot_blob where,
                                   const struct image_clause *clause, const struct chain *segments)
{
    const struct image_value *values = image_at(where.blob, clause->values_offset);
    for (uint32_t i = 0; i < clause->value_count; i++) {
        struct snapshot_blob segment =
            snapshot_slot(run->snapshot, values[i].length, IMAGE_SEGMENT);
        NARRATE(.kind = EXPLAIN_SEGMENT, .blob = segment.blob,
                .note = image_at(where.blob, values[i].offset));
        DEEPER(1);
        enum verdict v = segment.blob ? segment_member(run, segment, segments) : NO;
        SHALLOWER(1);
        NARRATE(.kind = EXPLAIN_SEGMENT_DONE, .blob = segment.blob, .matched = v == YES,
                .note = image_at(where.blob, values[i].offset));
        if (v != NO) {
            return v;
        }
    }
    return NO;
}

/* ---- clauses ---- */

/* The attribute "kind" looks at every kind of the context, whatever the clause's own kind is. */
static bool any_kind_matches(struct run *run, struct snapshot_blob where,
                             const struct image_clause *clause)
{
    if (clause->op == IMAGE_OP_EXISTS) {
        return true;
    }
    for (unsigned i = 0; i < run->c->kind_count; i++) {
        const struct context_value kind = {CONTEXT_STRING, run->c->kinds[i].kind_length,
                                           .as.text = run->c->kinds[i].kind};
        if (clause_scalar(run->snapshot, where, clause, &kind)) {
            return true;
        }
    }
    return false;
}

static __attribute__((noinline)) enum verdict
clause_attribute(struct run *run, struct snapshot_blob where, const struct image_clause *clause)
{
    char scratch[FFSHM_JSON_ESCAPED + 1];
    struct context_value value =
        context_select(run->c, where.blob, &clause->by, scratch, sizeof(scratch));
    bool matched;
    if (clause->op == IMAGE_OP_EXISTS) {
        matched = (value.type != CONTEXT_MISSING) != clause->negate;
    } else {
        matched = value.type != CONTEXT_MISSING &&
                  clause_any(run->snapshot, where, clause, &value) != clause->negate;
    }
    NARRATE(.kind = EXPLAIN_CLAUSE, .blob = where.blob, .item = clause, .value = value,
            .matched = matched);
    return matched ? YES : NO;
}

/* Everything but the plain "string attribute is one of these". */
static __attribute__((noinline)) enum verdict clause_matches(struct run *run,
                                                             struct snapshot_blob where,
                                                             const struct image_clause *clause,
                                                             const struct chain *segments)
{
    enum verdict v;
    if (clause->op == IMAGE_OP_SEGMENT_MATCH) {
        v = in_any_segment(run, where, clause, segments);
    } else if (clause->by.attribute == IMAGE_ATTRIBUTE_INVALID) {
        NARRATE(.kind = EXPLAIN_ERROR, .blob = where.blob, .item = clause,
                .note = "a clause has no attribute, or an invalid attribute reference");
        return ABANDON;
    } else if (clause->op == IMAGE_OP_BUCKET_BELOW) {
        const struct image_value *values = image_at(where.blob, clause->values_offset);
        v = clause->value_count == 0
                ? NO
                : in_share(run, where.blob, image_at(where.blob, values[0].offset));
    } else if (clause->by.attribute == IMAGE_ATTRIBUTE_KIND) {
        v = any_kind_matches(run, where, clause) ? YES : NO;
    } else {
        return clause_attribute(run, where, clause); /* negates by itself: not what is missing */
    }
    if (v == ABANDON) {
        return v;
    }
    v = (v == YES) != clause->negate ? YES : NO;
    NARRATE(.kind = EXPLAIN_CLAUSE, .blob = where.blob, .item = clause, .matched = v == YES);
    return v;
}

/* true: the clause is "a named attribute equals this one string", and *matched is its outcome. */
static inline bool plain_equality(const struct run *run, const struct image_blob *blob,
                                  const struct image_clause *clause, bool *matched)
{
    if (!clause->plain) {
        return false;
    }
    const struct context_value value = context_named(run->c, clause->by.hash);
    if (value.type != CONTEXT_STRING) {
        *matched = false;
        return value.type == CONTEXT_MISSING;
    }
    *matched = (value.length == clause->first.length &&
                text_equal(value.as.text, image_at(blob, clause->first.offset), value.length)) !=
               clause->negate;
    return true;
}

static __attribute__((noinline)) enum verdict
clauses_rest(struct run *run, struct snapshot_blob where, const struct image_clause *clause,
             const struct image_clause *end, const struct chain *segments)
{
    for (; clause < end; clause++) {
        enum verdict v = clause_matches(run, where, clause, segments);
        if (v != YES) {
            return v;
        }
    }
    return YES;
}

/* Most clauses are plain: they are dealt with here, without a call, and the rest from the first
 * other one on. */
static inline __attribute__((always_inline)) enum verdict
clauses_match(struct run *run, struct snapshot_blob where, uint32_t offset, uint32_t count,
              const struct chain *segments)
{
    const struct image_clause *clause = image_at(where.blob, offset);
    const struct image_clause *end = clause + count;
    for (; clause < end; clause++) {
        bool matched;
        if (NARRATED || UNLIKELY(!plain_equality(run, where.blob, clause, &matched))) {
            return clauses_rest(run, where, clause, end, segments);
        }
        if (!matched) {
            return NO;
        }
    }
    return YES;
}

/* ---- flags ---- */

/* YES: all hold. NO: *failed is the first that does not. */
static enum verdict prerequisites_hold(struct run *run, const struct image_flag *flag,
                                       const struct chain *up,
                                       const struct image_prerequisite **failed)
{
    const struct image_prerequisite *list = image_at(flag, flag->prerequisites_offset);
    const struct chain chain = {&flag->blob, up};
    if (run->depth >= IMAGE_MAX_DEPTH) {
        NARRATE(.kind = EXPLAIN_ERROR, .blob = &flag->blob,
                .note = "prerequisites nest too deeply");
        return ABANDON;
    }
    for (uint32_t i = 0; i < flag->prerequisite_count; i++) {
        struct snapshot_blob other = snapshot_slot(run->snapshot, list[i].slot, IMAGE_FLAG);
        NARRATE(.kind = EXPLAIN_PREREQUISITE, .blob = &flag->blob, .item = &list[i],
                .index = (int)i);
        if (other.blob && on_chain(&chain, other.blob)) {
            NARRATE(.kind = EXPLAIN_ERROR, .blob = &flag->blob,
                    .note = "the prerequisites form a cycle");
            return ABANDON;
        }
        if (++run->visits > IMAGE_MAX_VISITS) {
            NARRATE(.kind = EXPLAIN_ERROR, .blob = &flag->blob,
                    .note = "too many prerequisites and segments, counted by the ways to them");
            return ABANDON;
        }
        struct evaluation result = {
            .flag = (const struct image_flag *)other.blob, .variation = -1, .rule_index = -1};
        if (other.blob) {
            DEEPER(1);
            run->depth++;
            enum verdict v = flag_evaluate(run, other, &chain, &result);
            run->depth--;
            SHALLOWER(1);
            if (v == ABANDON) {
                return v;
            }
            if (run->recorder) {
                run->recorder->prerequisite(run->recorder, flag, other, &result);
            }
        }
        bool off = other.blob && (((const struct image_flag *)other.blob)->steps & IMAGE_STEP_OFF);
        bool holds = result.variation >= 0 && !off && result.variation == list[i].variation;
        NARRATE(.kind = EXPLAIN_PREREQUISITE_DONE, .blob = &flag->blob, .item = &list[i],
                .index = (int)i, .matched = holds, .variation = result.variation,
                .note = !other.blob ? "there is no such flag"
                        : off       ? "the flag is off"
                                    : NULL);
        if (!holds) {
            *failed = &list[i];
            return NO;
        }
    }
    return YES;
}

static const struct image_target *target_of(struct run *run, const struct image_flag *flag)
{
    const struct image_target *targets = image_at(flag, flag->targets_offset);
    for (uint32_t i = 0; i < flag->target_count; i++) {
        bool found = key_in_set(run, &flag->blob, &targets[i]);
        NARRATE(.kind = EXPLAIN_TARGET, .blob = &flag->blob, .item = &targets[i], .index = (int)i,
                .matched = found);
        if (found) {
            return &targets[i];
        }
    }
    return NULL;
}

/* YES: a rule decided. NO: none matched. */
static enum verdict rules_decide(struct run *run, struct snapshot_blob where,
                                 struct evaluation *out)
{
    const struct image_flag *flag = (const struct image_flag *)where.blob;
    const struct image_rule *rules = image_at(flag, flag->rules_offset);
    for (uint32_t i = 0; i < flag->rule_count; i++) {
        NARRATE(.kind = EXPLAIN_RULE, .blob = where.blob, .item = &rules[i], .index = (int)i);
        DEEPER(1);
        enum verdict v =
            clauses_match(run, where, rules[i].clauses_offset, rules[i].clause_count, NULL);
        SHALLOWER(1);
        NARRATE(.kind = EXPLAIN_RULE_DONE, .blob = where.blob, .item = &rules[i], .index = (int)i,
                .matched = v == YES);
        if (v == NO) {
            continue;
        }
        if (v == YES) {
            v = serve(run, flag, &rules[i].serve, out, FFSHM_REASON_RULE_MATCH);
        }
        if (out->reason == FFSHM_REASON_RULE_MATCH) {
            out->rule_index = (int32_t)i;
            out->rule_id = rules[i].id;
        }
        return v;
    }
    return NO;
}

/* Everything before the fallthrough. YES: *out is decided. */
static enum verdict steps_decide(struct run *run, struct snapshot_blob where,
                                 const struct chain *up, struct evaluation *out)
{
    const struct image_flag *flag = (const struct image_flag *)where.blob;
    if (flag->steps & IMAGE_STEP_OFF) {
        NARRATE(.kind = EXPLAIN_OFF, .blob = where.blob);
        serve_variation(out, flag, flag->off_variation, FFSHM_REASON_OFF);
        return YES;
    }
    if (flag->steps & IMAGE_STEP_PREREQUISITES) {
        const struct image_prerequisite *failed = NULL;
        enum verdict v = prerequisites_hold(run, flag, up, &failed);
        if (v == NO) {
            serve_variation(out, flag, flag->off_variation, FFSHM_REASON_PREREQUISITE_FAILED);
            if (out->reason == FFSHM_REASON_PREREQUISITE_FAILED) {
                out->prerequisite_key = failed->key;
            }
            return YES;
        }
        if (v == ABANDON) {
            return v;
        }
    }
    if (flag->steps & IMAGE_STEP_TARGETS) {
        const struct image_target *target = target_of(run, flag);
        if (target) {
            serve_variation(out, flag, target->variation, FFSHM_REASON_TARGET_MATCH);
            return YES;
        }
    }
    return flag->steps & IMAGE_STEP_RULES ? rules_decide(run, where, out) : NO;
}

static enum verdict flag_evaluate(struct run *run, struct snapshot_blob where,
                                  const struct chain *up, struct evaluation *out)
{
    const struct image_flag *flag = (const struct image_flag *)where.blob;
    NARRATE(.kind = EXPLAIN_FLAG, .blob = where.blob);
    enum verdict v = NO;
    if (flag->steps) {
        v = steps_decide(run, where, up, out);
    }
    if (v == NO) {
        NARRATE(.kind = EXPLAIN_FALLTHROUGH, .blob = where.blob);
        v = serve(run, flag, &flag->fallthrough, out, FFSHM_REASON_FALLTHROUGH);
    }
    NARRATE(.kind = EXPLAIN_SERVE, .blob = where.blob, .variation = out->variation, .result = out);
    return v;
}

static inline void evaluate_run(const struct snapshot *snapshot, struct snapshot_blob where,
                                const struct ffshm_context *c, struct evaluation *out,
                                struct narrator *narrator, struct recorder *recorder)
{
    const struct image_flag *flag = (const struct image_flag *)where.blob;
    *out = (struct evaluation){.flag = flag, .variation = -1, .rule_index = -1};
    if (!NARRATED && LIKELY(flag->steps == 0 && flag->fallthrough.variation >= 0)) {
        serve_variation(out, flag, flag->fallthrough.variation, FFSHM_REASON_FALLTHROUGH);
        return;
    }
    struct run run;
    run.snapshot = snapshot;
    run.c = c;
    run.narrator = narrator;
    run.recorder = recorder;
    run.depth = 0;
    run.visits = 0;
    run.big_segments = FFSHM_BIG_SEGMENTS_NONE;
    run.hashed = 0; /* key_hashes stay uninitialised until their bit is set */
    run.unknown = 0;
    const enum verdict v = !NARRATED && flag->steps == 0 ? serve(&run, flag, &flag->fallthrough,
                                                                 out, FFSHM_REASON_FALLTHROUGH)
                                                         : flag_evaluate(&run, where, NULL, out);
    if (UNLIKELY(v == ABANDON)) {
        *out = (struct evaluation){.flag = flag,
                                   .variation = -1,
                                   .rule_index = -1,
                                   .reason = FFSHM_REASON_ERROR,
                                   .error = FFSHM_MALFORMED_FLAG};
    }
    out->big_segments = run.big_segments;
}
