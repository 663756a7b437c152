#include "ctl_narrate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl_output.h"
#include "inspect/inspect_operand.h"

static void plain(const void *blob, struct image_string s)
{
    output_plain(image_text(blob, s), s.length);
}

static void plain_kind(const void *blob, struct image_string kind)
{
    const struct operand_text text = operand_kind(blob, kind);
    output_plain(text.text, text.length);
}

static void outcome(const struct narrate_text *n, bool good, const char *yes, const char *no)
{
    output_colour(n->ctl, good ? "32" : "33");
    output_text(good ? yes : no);
    output_plainly(n->ctl);
}

/* Is the step of a flag that is killed or pinned? */
static bool is_overridden(const struct explain_step *step)
{
    return (((const struct image_flag *)(const void *)step->blob)->flags & IMAGE_FLAG_OVERRIDDEN) !=
           0;
}

static void text_flag(const struct narrate_text *n, const struct explain_step *step)
{
    output_text("flag ");
    output_colour(n->ctl, "1");
    plain(step->blob, step->blob->key);
    output_plainly(n->ctl);
    printf(", version %" PRId64, step->blob->version);
    const struct image_flag *const flag = (const void *)step->blob;
    if (is_overridden(step)) { /* "override: kill by ann: why" */
        output_text(", ");
        output_colour(n->ctl, "33");
        plain(flag, flag->provenance);
        output_plainly(n->ctl);
    }
}

static void text_prerequisite(const struct narrate_text *n, const struct explain_step *step)
{
    const struct image_prerequisite *const wanted = step->item;
    printf("prerequisite %d: ", step->index);
    plain(step->blob, wanted->key);
    if (step->kind == EXPLAIN_PREREQUISITE) {
        printf(" must give variation %d", wanted->variation);
        return;
    }
    output_text(": ");
    outcome(n, step->matched, "holds", "fails");
    if (step->note) {
        printf(": %s", step->note);
    } else if (step->variation >= 0) {
        printf(": it gives variation %d", step->variation);
    } else {
        output_text(": it gives no variation");
    }
}

static void text_target(const struct narrate_text *n, const struct explain_step *step)
{
    const struct image_target *const target = step->item;
    if (step->kind == EXPLAIN_TARGET) {
        printf("target %d", step->index);
        if (target->variation >= 0) {
            printf(" for variation %d", target->variation);
        }
    } else {
        printf("%s list %d", step->note, step->index);
    }
    printf(": is the ");
    plain_kind(step->blob, target->kind);
    printf("'s key one of %u: ", target->keys.count);
    outcome(n, step->matched, "yes", "no");
}

static void text_rule(const struct narrate_text *n, const struct explain_step *step,
                      struct image_string id, bool done)
{
    printf("rule %d", step->index);
    if (id.length) {
        output_text(" (");
        plain(step->blob, id);
        output_text(")");
    }
    if (done) {
        output_text(": ");
        outcome(n, step->matched, "matches", "does not match");
    }
}

static void text_clause(const struct narrate_text *n, const struct explain_step *step)
{
    const struct image_clause *const clause = step->item;
    output_text("clause: ");
    if (clause->op != IMAGE_OP_SEGMENT_MATCH && clause->op != IMAGE_OP_BUCKET_BELOW) {
        plain_kind(step->blob, clause->by.kind);
        output_text(" ");
        plain(step->blob, clause->by.text);
        output_text(" = ");
        if (clause->by.attribute == IMAGE_ATTRIBUTE_KIND) {
            output_text("any kind");
        } else if (step->value.type == CONTEXT_MISSING) {
            output_text("(missing)");
        } else {
            operand_value(stdout, &step->value);
        }
        output_text(", ");
    }
    output_text(clause->negate ? "not " : "");
    plain(step->blob, clause->op_name);
    if (clause->op != IMAGE_OP_EXISTS || clause->value_count > 0) {
        output_text(" ");
        operand_values(stdout, step->blob, clause);
    }
    output_text(": ");
    outcome(n, step->matched, "yes", "no");
    if (step->note) {
        printf(" (%s)", step->note);
    }
}

static void text_bucket(const struct explain_step *step)
{
    const struct image_rollout *const rollout = step->item;
    output_text(rollout->experiment ? "bucket (experiment) by " : "bucket by ");
    plain_kind(step->blob, rollout->by.kind);
    output_text(" ");
    plain(step->blob, rollout->by.text);
    if (step->hash_input) {
        output_text(": SHA-1(\"");
        output_plain(step->hash_input, step->hash_input_length);
        printf("\") begins %015" PRIx64, step->first60);
    }
    output_text(" -> ");
    operand_float(stdout, step->bucket);
    if (step->note) {
        printf(" (%s)", step->note);
    }
    if (rollout->count == 0) {
        output_text(step->bucket < rollout->below ? ", below " : ", not below ");
        operand_float(stdout, rollout->below);
    }
}

static void text_weighted(const struct explain_step *step)
{
    const struct image_weighted *const weighted = step->item;
    output_text("bucket ");
    operand_float(stdout, step->bucket);
    printf(" takes share %d: ", step->index);
    if (weighted->variation >= 0) {
        printf("variation %d", weighted->variation);
    } else {
        output_text("no such variation");
    }
    printf(", weight %d of 100000, below ", weighted->weight);
    operand_float(stdout, weighted->upper);
    output_text(weighted->untracked ? ", untracked" : "");
}

static void text_serve(const struct narrate_text *n, const struct explain_step *step)
{
    const struct evaluation *const e = step->result;
    if (e->value) {
        printf("serves variation %d", step->variation);
        if (e->value->key.length) {
            output_text(" (");
            plain(step->blob, e->value->key);
            output_text(")");
        }
        output_text(" = ");
        output_colour(n->ctl, "1");
        output_json(image_text(step->blob, e->value->json), e->value->json.length);
        output_plainly(n->ctl);
    } else {
        output_text("serves no value");
    }
    printf(": %s", ffshm_reason_name(e->reason));
}

static void text_segment(const struct narrate_text *n, const struct explain_step *step)
{
    output_text("segment ");
    output_plain(step->note, strlen(step->note));
    if (step->kind == EXPLAIN_SEGMENT_DONE) {
        output_text(": ");
        outcome(n, step->matched, "a member", "not a member");
    } else if (!step->blob) {
        output_text(": there is no such segment");
    } else {
        const struct image_segment *const segment = (const void *)step->blob;
        printf(", version %" PRId64 "%s", step->blob->version,
               segment->flags & IMAGE_SEGMENT_UNBOUNDED ? ", a big segment" : "");
    }
}

static void text_big_segment(const struct narrate_text *n, const struct explain_step *step)
{
    output_text("membership");
    if (step->index != FFSHM_BIG_SEGMENTS_NONE) {
        printf(" (%s)", ffshm_big_segments_name(step->index));
    }
    output_text(": ");
    outcome(n, step->matched, "included", "not included");
    printf(": %s", step->note);
}

static void text(const struct narrate_text *n, const struct explain_step *step)
{
    switch (step->kind) {
    case EXPLAIN_FLAG:
        text_flag(n, step);
        break;
    case EXPLAIN_OFF:
        output_text(is_overridden(step) ? "the flag is killed" : "the flag is off");
        break;
    case EXPLAIN_PREREQUISITE:
    case EXPLAIN_PREREQUISITE_DONE:
        text_prerequisite(n, step);
        break;
    case EXPLAIN_TARGET:
    case EXPLAIN_SEGMENT_LIST:
        text_target(n, step);
        break;
    case EXPLAIN_RULE:
    case EXPLAIN_RULE_DONE:
        text_rule(n, step, ((const struct image_rule *)step->item)->id,
                  step->kind == EXPLAIN_RULE_DONE);
        break;
    case EXPLAIN_BIG_SEGMENT:
        text_big_segment(n, step);
        break;
    case EXPLAIN_SEGMENT_RULE:
    case EXPLAIN_SEGMENT_RULE_DONE:
        text_rule(n, step, ((const struct image_segment_rule *)step->item)->id,
                  step->kind == EXPLAIN_SEGMENT_RULE_DONE);
        break;
    case EXPLAIN_CLAUSE:
        text_clause(n, step);
        break;
    case EXPLAIN_SEGMENT:
    case EXPLAIN_SEGMENT_DONE:
        text_segment(n, step);
        break;
    case EXPLAIN_BUCKET:
        text_bucket(step);
        break;
    case EXPLAIN_WEIGHTED:
        text_weighted(step);
        break;
    case EXPLAIN_FALLTHROUGH:
        output_text(is_overridden(step) ? "the flag is pinned"
                                        : "nothing decided it: the fallthrough");
        break;
    case EXPLAIN_SERVE:
        text_serve(n, step);
        break;
    case EXPLAIN_ERROR:
        output_colour(n->ctl, "31");
        printf("abandoned: %s", step->note ? step->note : "malformed");
        output_plainly(n->ctl);
        break;
    }
}

/* A flag's own line is the heading of its steps, so that every flag begun is one level more. */
static void on_step(struct narrator *self, const struct explain_step *step)
{
    struct narrate_text *const n = (struct narrate_text *)self;
    printf("%*s", (int)(2 * (step->depth + n->flags)), "");
    text(n, step);
    output_text("\n");
    if (step->kind == EXPLAIN_FLAG) {
        n->flags++;
    } else if (step->kind == EXPLAIN_SERVE) {
        n->flags--;
    }
}

void narrate_text_begin(struct narrate_text *n, const struct ctl *ctl)
{
    *n = (struct narrate_text){.narrator.step = on_step, .ctl = ctl};
}
