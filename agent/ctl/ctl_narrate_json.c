#include "ctl_narrate.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl_operand.h"
#include "ctl_output.h"

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
    [EXPLAIN_SEGMENT_RULE] = "segmentRule",
    [EXPLAIN_SEGMENT_RULE_DONE] = "segmentRuleDone",
    [EXPLAIN_SEGMENT_DONE] = "segmentDone",
    [EXPLAIN_BUCKET] = "bucket",
    [EXPLAIN_WEIGHTED] = "weighted",
    [EXPLAIN_FALLTHROUGH] = "fallthrough",
    [EXPLAIN_SERVE] = "serve",
    [EXPLAIN_ERROR] = "error",
};

const char *narrate_name(enum explain_kind kind)
{
    return (size_t)kind < sizeof names / sizeof *names && names[kind] ? names[kind] : "step";
}

static void member_string(const char *name, const void *blob, struct image_string s)
{
    printf(",\"%s\":", name);
    operand_string(blob, s);
}

static void member_int(const char *name, int64_t number)
{
    printf(",\"%s\":%" PRId64, name, number);
}

static void member_bool(const char *name, bool value)
{
    printf(",\"%s\":%s", name, value ? "true" : "false");
}

static void member_note(const struct explain_step *step, const char *name)
{
    if (step->note) {
        printf(",\"%s\":", name);
        output_quoted(step->note);
    }
}

/* null for -1 and below: nothing, or malformed. */
static void member_variation(const char *name, int variation)
{
    if (variation >= 0) {
        member_int(name, variation);
    } else {
        printf(",\"%s\":null", name);
    }
}

static void member_kind(const void *blob, struct image_string kind)
{
    const struct operand_text text = operand_kind(blob, kind);
    output_text(",\"contextKind\":");
    output_string(text.text, text.length);
}

static void members_flag(const struct image_blob *blob)
{
    const struct image_flag *const flag = (const void *)blob;
    member_string("key", blob, blob->key);
    member_int("version", blob->version);
    if (flag->flags & IMAGE_FLAG_OVERRIDDEN) {
        member_string("override", flag, flag->provenance);
    }
}

static void members_target(const struct explain_step *step)
{
    const struct image_target *const target = step->item;
    member_int("index", step->index);
    member_note(step, "list");
    member_kind(step->blob, target->kind);
    member_int("keys", target->keys.count);
    if (step->kind == EXPLAIN_TARGET) {
        member_variation("variation", target->variation);
    }
    member_bool("matched", step->matched);
}

static void members_clause(const struct explain_step *step)
{
    const struct image_clause *const clause = step->item;
    if (clause->op != IMAGE_OP_SEGMENT_MATCH) {
        member_kind(step->blob, clause->by.kind);
        member_string("attribute", step->blob, clause->by.text);
    }
    member_string("op", step->blob, clause->op_name);
    member_bool("negate", clause->negate != 0);
    output_text(",\"values\":");
    operand_values(step->blob, clause);
    if (clause->op != IMAGE_OP_SEGMENT_MATCH && clause->op != IMAGE_OP_BUCKET_BELOW) {
        output_text(",\"contextValue\":");
        operand_value(&step->value);
    }
    member_bool("matched", step->matched);
    member_note(step, "note");
}

static void members_bucket(const struct explain_step *step)
{
    const struct image_rollout *const rollout = step->item;
    member_kind(step->blob, rollout->by.kind);
    member_string("bucketBy", step->blob, rollout->by.text);
    member_bool("experiment", rollout->experiment != 0);
    output_text(",\"contextValue\":");
    operand_value(&step->value);
    if (step->hash_input) {
        output_text(",\"hashInput\":");
        output_string(step->hash_input, step->hash_input_length);
        /* As text: more than 53 bits do not survive in many JSON readers. */
        printf(",\"hash\":\"%015" PRIx64 "\"", step->first60);
    }
    output_text(",\"bucket\":");
    operand_float(step->bucket);
    if (rollout->count == 0) {
        output_text(",\"below\":");
        operand_float(rollout->below);
    }
    member_note(step, "note");
}

static void members_weighted(const struct explain_step *step)
{
    const struct image_weighted *const weighted = step->item;
    member_int("index", step->index);
    member_variation("variation", weighted->variation);
    member_int("weight", weighted->weight);
    output_text(",\"below\":");
    operand_float(weighted->upper);
    output_text(",\"bucket\":");
    operand_float(step->bucket);
    member_bool("untracked", weighted->untracked != 0);
}

static void members_serve(const struct explain_step *step)
{
    const struct evaluation *const e = step->result;
    member_variation("variation", step->variation);
    if (e->value) {
        output_text(",\"value\":");
        output_bytes(image_text(step->blob, e->value->json), e->value->json.length);
    }
    output_text(",\"reason\":");
    output_quoted(ffshm_reason_name(e->reason));
}

static void members_prerequisite(const struct explain_step *step)
{
    const struct image_prerequisite *const wanted = step->item;
    member_int("index", step->index);
    member_string("key", step->blob, wanted->key);
    member_int("wanted", wanted->variation);
    if (step->kind == EXPLAIN_PREREQUISITE_DONE) {
        member_variation("variation", step->variation);
        member_bool("matched", step->matched);
        member_note(step, "note");
    }
}

static void members_rule(const struct explain_step *step, struct image_string id, bool done)
{
    member_int("index", step->index);
    if (id.length) {
        member_string("id", step->blob, id);
    }
    if (done) {
        member_bool("matched", step->matched);
    }
}

static void members(const struct explain_step *step)
{
    switch (step->kind) {
    case EXPLAIN_FLAG:
        members_flag(step->blob);
        break;
    case EXPLAIN_PREREQUISITE:
    case EXPLAIN_PREREQUISITE_DONE:
        members_prerequisite(step);
        break;
    case EXPLAIN_TARGET:
    case EXPLAIN_SEGMENT_LIST:
        members_target(step);
        break;
    case EXPLAIN_RULE:
    case EXPLAIN_RULE_DONE:
        members_rule(step, ((const struct image_rule *)step->item)->id,
                     step->kind == EXPLAIN_RULE_DONE);
        break;
    case EXPLAIN_SEGMENT_RULE:
    case EXPLAIN_SEGMENT_RULE_DONE:
        members_rule(step, ((const struct image_segment_rule *)step->item)->id,
                     step->kind == EXPLAIN_SEGMENT_RULE_DONE);
        break;
    case EXPLAIN_CLAUSE:
        members_clause(step);
        break;
    case EXPLAIN_SEGMENT:
        member_note(step, "key");
        member_bool("exists", step->blob != NULL);
        break;
    case EXPLAIN_SEGMENT_DONE:
        member_note(step, "key");
        member_bool("matched", step->matched);
        break;
    case EXPLAIN_BUCKET:
        members_bucket(step);
        break;
    case EXPLAIN_WEIGHTED:
        members_weighted(step);
        break;
    case EXPLAIN_SERVE:
        members_serve(step);
        break;
    case EXPLAIN_ERROR:
        member_note(step, "note");
        break;
    case EXPLAIN_OFF:
    case EXPLAIN_FALLTHROUGH:
        break;
    }
}

void narrate_json(struct narrator *self, const struct explain_step *step)
{
    struct narrate *const n = (struct narrate *)self;
    printf("%s{\"depth\":%u,\"step\":\"%s\"", n->any ? "," : "", step->depth,
           narrate_name(step->kind));
    n->any = true;
    members(step);
    output_text("}");
}
