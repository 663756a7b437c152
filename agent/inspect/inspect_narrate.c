#include "inspect_narrate.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "hash.h"
#include "inspect_emit.h"
#include "inspect_operand.h"
#include "inspect_result.h"

static const char *const names[] = {
    [EXPLAIN_FLAG] = "flag",
    [EXPLAIN_OFF] = "off",
    [EXPLAIN_PREREQUISITE] = "prerequisite",
    [EXPLAIN_PREREQUISITE_DONE] = "prerequisiteDone",
    [EXPLAIN_TARGET] = "target",
    [EXPLAIN_RULE] = "rule",
    [EXPLAIN_RULE_DONE] = "ruleDone",
    [EXPLAIN_CLAUSE] = "clause",
    [EXPLAIN_SEGMENT] = "segment",
    [EXPLAIN_SEGMENT_LIST] = "segmentList",
    [EXPLAIN_BIG_SEGMENT] = "bigSegment",
    [EXPLAIN_SEGMENT_RULE] = "segmentRule",
    [EXPLAIN_SEGMENT_RULE_DONE] = "segmentRuleDone",
    [EXPLAIN_SEGMENT_DONE] = "segmentDone",
    [EXPLAIN_BUCKET] = "bucket",
    [EXPLAIN_WEIGHTED] = "weighted",
    [EXPLAIN_FALLTHROUGH] = "fallthrough",
    [EXPLAIN_SERVE] = "serve",
    [EXPLAIN_ERROR] = "error",
};

static const char *name_of(enum explain_kind kind)
{
    return (size_t)kind < sizeof names / sizeof *names && names[kind] ? names[kind] : "step";
}

static void member_string(FILE *out, const char *name, const void *blob, struct image_string s)
{
    fprintf(out, ",\"%s\":", name);
    operand_string(out, blob, s);
}

static void member_int(FILE *out, const char *name, int64_t number)
{
    fprintf(out, ",\"%s\":%" PRId64, name, number);
}

static void member_bool(FILE *out, const char *name, bool value)
{
    fprintf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

static void member_note(FILE *out, const struct explain_step *step, const char *name)
{
    if (step->note) {
        fprintf(out, ",\"%s\":", name);
        emit_quoted(out, step->note);
    }
}

/* null for -1 and below: nothing, or malformed. */
static void member_variation(FILE *out, const char *name, int variation)
{
    if (variation >= 0) {
        member_int(out, name, variation);
    } else {
        fprintf(out, ",\"%s\":null", name);
    }
}

static void member_kind(FILE *out, const void *blob, struct image_string kind)
{
    const struct operand_text text = operand_kind(blob, kind);
    emit_text(out, ",\"contextKind\":");
    emit_string(out, text.text, text.length);
}

static void members_flag(FILE *out, const struct image_blob *blob)
{
    const struct image_flag *const flag = (const void *)blob;
    member_string(out, "key", blob, blob->key);
    member_int(out, "version", blob->version);
    if (flag->flags & IMAGE_FLAG_OVERRIDDEN) {
        member_string(out, "override", flag, flag->provenance);
    }
}

static void members_target(FILE *out, const struct explain_step *step)
{
    const struct image_target *const target = step->item;
    member_int(out, "index", step->index);
    member_note(out, step, "list");
    member_kind(out, step->blob, target->kind);
    member_int(out, "keys", target->keys.count);
    if (step->kind == EXPLAIN_TARGET) {
        member_variation(out, "variation", target->variation);
    }
    member_bool(out, "matched", step->matched);
}

static void members_clause(FILE *out, const struct explain_step *step)
{
    const struct image_clause *const clause = step->item;
    if (clause->op != IMAGE_OP_SEGMENT_MATCH) {
        member_kind(out, step->blob, clause->by.kind);
        member_string(out, "attribute", step->blob, clause->by.text);
    }
    member_string(out, "op", step->blob, clause->op_name);
    member_bool(out, "negate", clause->negate != 0);
    emit_text(out, ",\"values\":");
    operand_values(out, step->blob, clause);
    if (clause->op != IMAGE_OP_SEGMENT_MATCH && clause->op != IMAGE_OP_BUCKET_BELOW) {
        emit_text(out, ",\"contextValue\":");
        operand_value(out, &step->value);
    }
    member_bool(out, "matched", step->matched);
    member_note(out, step, "note");
}

static void members_bucket(FILE *out, const struct explain_step *step)
{
    const struct image_rollout *const rollout = step->item;
    member_kind(out, step->blob, rollout->by.kind);
    member_string(out, "bucketBy", step->blob, rollout->by.text);
    member_bool(out, "experiment", rollout->experiment != 0);
    emit_text(out, ",\"contextValue\":");
    operand_value(out, &step->value);
    if (step->hash_input) {
        emit_text(out, ",\"hashInput\":");
        emit_string(out, step->hash_input, step->hash_input_length);
        /* As text: more than 53 bits do not survive in many JSON readers. */
        fprintf(out, ",\"hash\":\"%015" PRIx64 "\"", step->first60);
    }
    emit_text(out, ",\"bucket\":");
    operand_float(out, step->bucket);
    if (rollout->count == 0) {
        emit_text(out, ",\"below\":");
        operand_float(out, rollout->below);
    }
    member_note(out, step, "note");
}

static void members_weighted(FILE *out, const struct explain_step *step)
{
    const struct image_weighted *const weighted = step->item;
    member_int(out, "index", step->index);
    member_variation(out, "variation", weighted->variation);
    member_int(out, "weight", weighted->weight);
    emit_text(out, ",\"below\":");
    operand_float(out, weighted->upper);
    emit_text(out, ",\"bucket\":");
    operand_float(out, step->bucket);
    member_bool(out, "untracked", weighted->untracked != 0);
}

static void members_serve(FILE *out, const struct explain_step *step)
{
    const struct evaluation *const e = step->result;
    member_variation(out, "variation", step->variation);
    if (e->value) {
        emit_text(out, ",\"value\":");
        emit_json(out, image_text(step->blob, e->value->json), e->value->json.length);
    }
    emit_text(out, ",\"reason\":");
    emit_quoted(out, ffshm_reason_name(e->reason));
}

static void members_prerequisite(FILE *out, const struct explain_step *step)
{
    const struct image_prerequisite *const wanted = step->item;
    member_int(out, "index", step->index);
    member_string(out, "key", step->blob, wanted->key);
    member_int(out, "wanted", wanted->variation);
    if (step->kind == EXPLAIN_PREREQUISITE_DONE) {
        member_variation(out, "variation", step->variation);
        member_bool(out, "matched", step->matched);
        member_note(out, step, "note");
    }
}

static void members_rule(FILE *out, const struct explain_step *step, struct image_string id,
                         bool done)
{
    member_int(out, "index", step->index);
    if (id.length) {
        member_string(out, "id", step->blob, id);
    }
    if (done) {
        member_bool(out, "matched", step->matched);
    }
}

static void members_big_segment(FILE *out, const struct explain_step *step)
{
    if (step->index != FFSHM_BIG_SEGMENTS_NONE) {
        emit_text(out, ",\"status\":");
        emit_quoted(out, ffshm_big_segments_name(step->index));
    }
    member_bool(out, "matched", step->matched);
    member_note(out, step, "note");
}

static void members(FILE *out, const struct explain_step *step)
{
    switch (step->kind) {
    case EXPLAIN_FLAG:
        members_flag(out, step->blob);
        break;
    case EXPLAIN_PREREQUISITE:
    case EXPLAIN_PREREQUISITE_DONE:
        members_prerequisite(out, step);
        break;
    case EXPLAIN_TARGET:
    case EXPLAIN_SEGMENT_LIST:
        members_target(out, step);
        break;
    case EXPLAIN_RULE:
    case EXPLAIN_RULE_DONE:
        members_rule(out, step, ((const struct image_rule *)step->item)->id,
                     step->kind == EXPLAIN_RULE_DONE);
        break;
    case EXPLAIN_BIG_SEGMENT:
        members_big_segment(out, step);
        break;
    case EXPLAIN_SEGMENT_RULE:
    case EXPLAIN_SEGMENT_RULE_DONE:
        members_rule(out, step, ((const struct image_segment_rule *)step->item)->id,
                     step->kind == EXPLAIN_SEGMENT_RULE_DONE);
        break;
    case EXPLAIN_CLAUSE:
        members_clause(out, step);
        break;
    case EXPLAIN_SEGMENT:
        member_note(out, step, "key");
        member_bool(out, "exists", step->blob != NULL);
        break;
    case EXPLAIN_SEGMENT_DONE:
        member_note(out, step, "key");
        member_bool(out, "matched", step->matched);
        break;
    case EXPLAIN_BUCKET:
        members_bucket(out, step);
        break;
    case EXPLAIN_WEIGHTED:
        members_weighted(out, step);
        break;
    case EXPLAIN_SERVE:
        members_serve(out, step);
        break;
    case EXPLAIN_ERROR:
        member_note(out, step, "note");
        break;
    case EXPLAIN_OFF:
    case EXPLAIN_FALLTHROUGH:
        break;
    }
}

/* ---- an evaluation -------------------------------------------------------------------------- */

struct narration {
    struct narrator narrator; /* first: what evaluate_narrated is given */
    FILE *out;
    const struct narrate_question *question;
    unsigned hidden_from; /* steps of this depth and more are not told; UINT_MAX: all are */
    bool any;             /* a step was written */
};

static void begin_step(struct narration *n, unsigned depth, const char *name)
{
    fprintf(n->out, "%s{\"depth\":%u,\"step\":\"%s\"", n->any ? "," : "", depth, name);
    n->any = true;
}

static bool hides(const struct narration *n, const struct explain_step *step)
{
    const struct narrate_question *const q = n->question;
    const bool begins = step->kind == EXPLAIN_FLAG || step->kind == EXPLAIN_SEGMENT;
    return begins && q->shows && step->blob && !q->shows(q->arg, step->blob);
}

/* A flag's own step is of the depth of those inside it, a segment's is one less. */
static void on_step(struct narrator *self, const struct explain_step *step)
{
    struct narration *const n = (struct narration *)self;
    if (ferror(n->out) || step->depth >= n->hidden_from) {
        return;
    }
    n->hidden_from = UINT_MAX;
    const bool hidden = hides(n, step);
    if (!hidden || step->kind == EXPLAIN_SEGMENT) {
        begin_step(n, step->depth, name_of(step->kind));
        members(n->out, step);
        emit_text(n->out, "}");
    }
    if (hidden) {
        n->hidden_from = step->depth + (step->kind == EXPLAIN_SEGMENT ? 1 : 0);
        begin_step(n, n->hidden_from, "hidden");
        emit_text(n->out, "}");
    }
}

void narrate(const struct ffshm_view *view, const char *flag, const struct ffshm_context *who,
             struct narrator *narrator)
{
    const size_t length = strlen(flag);
    const struct snapshot_blob where =
        snapshot_find(view->snapshot, flag, length, hash_bytes(flag, length));
    struct evaluation outcome;
    if (where.blob && who->error == FFSHM_OK) {
        evaluate_narrated(view->snapshot, where, who, &outcome, narrator);
    }
}

struct ffshm_result narrate_object(FILE *out, const struct ffshm_view *view,
                                   const struct narrate_question *q)
{
    struct narration n = {
        .narrator.step = on_step, .out = out, .question = q, .hidden_from = UINT_MAX};
    const struct ffshm_result result = ffshm_evaluate(view, q->flag, q->who);
    emit_text(out, "{\"flag\":");
    emit_quoted(out, q->flag);
    emit_text(out, ",");
    result_members(out, &result, q->fallback, q->fallback_length);
    emit_text(out, ",\"steps\":[");
    narrate(view, q->flag, q->who, &n.narrator);
    emit_text(out, "]}");
    return result;
}
