/*
 * ctl_eval.c - ffctl eval: one flag for one context.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_batch.h"
#include "ctl_output.h"
#include "ctl_query.h"
#include "inspect/inspect_overridden.h"
#include "inspect/inspect_result.h"
#include "json.h"

static int help(void)
{
    output_text("usage: ffctl eval FLAG --context JSON | --key KEY [OPTION]...\n"
                "       ffctl eval --batch [FILE] [--flags FILE...]\n"
                "\n"
                "Evaluates a flag: prints its value and why.\n"
                "\n");
    output_text(query_help_context);
    output_text(query_help_default);
    output_text(query_help_flags);
    output_text(query_help_at);
    output_text(
        "  --type TYPE         bool, int, double or string: a value of another type is an ERROR;\n"
        "                      any (the default) or json: whatever it is\n"
        "  --raw               print the value alone, a string without its quotes\n"
        "  --batch             evaluate every line of FILE (default, and -: stdin), in order:\n"
        "                        {\"flag\": KEY, \"context\": {...}, \"default\": VALUE}\n"
        "                      (\"user\" in place of \"context\" if you like; \"default\" and "
        "\"type\"\n"
        "                      are optional). One result a line; for a malformed line\n"
        "                        {\"error\": TEXT, \"line\": NUMBER}\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "As JSON (--json, or when stdout is no terminal; --batch always):\n"
        "  {\"flag\", \"value\", \"variation\", \"variant\", \"reason\", \"version\",\n"
        "   \"generation\"}\n"
        "with reason as LaunchDarkly's object, and variation null when the default is served;\n"
        "and \"override\", by whom and why, where the flag is killed or pinned (not with "
        "--batch).\n"
        "\n"
        "Exit codes\n"
        "  0  evaluated (with --batch: every line was well-formed, whatever the answers)\n"
        "  1  the reason is ERROR (flag not found, not ready, ...); with --batch instead: some "
        "line\n"
        "     was malformed; the files of --flags have a fault\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl eval new-checkout --key user-123 --attr country=US --default false\n"
        "  ffctl eval new-checkout --context '{\"kind\":\"org\",\"key\":\"o1\",\"plan\":\"pro\"}'\n"
        "  ffctl eval new-checkout --key user-123 --flags flags.yaml segments.yaml\n"
        "  ffctl eval new-checkout --key user-123 --at 2026-03-01T09:30:00Z\n"
        "  ffctl eval --batch < questions.ndjson > answers.ndjson\n");
    return CTL_OK;
}

/* The fallback as --raw prints values. */
static void print_raw_fallback(const char *fallback)
{
    struct json_slice slice;
    const size_t length = strlen(fallback);
    char *const buffer = malloc(length + 1);
    const char *text = fallback;
    size_t text_length = length;
    if (buffer && json_check(fallback, length, 0, &slice, NULL) == FFSHM_OK &&
        slice.type == JSON_STRING) {
        (void)json_string(&slice, buffer, length + 1, &text, &text_length);
    }
    output_bytes(text, text_length);
    free(buffer);
}

static void print_raw(const struct ffshm_result *r, const char *fallback)
{
    if (r->variation < 0) {
        print_raw_fallback(fallback ? fallback : "null");
    } else if (r->type == FFSHM_TYPE_STRING) {
        output_bytes(r->string, r->string_length);
    } else {
        output_bytes(r->json, r->json_length);
    }
    output_text("\n");
}

static void print_override(const struct ctl *ctl, const char *override)
{
    output_text("  ");
    output_colour(ctl, "33");
    output_plain(override, strlen(override));
    output_plainly(ctl);
    output_text("\n");
}

static void print_text(const struct ctl *ctl, const struct ffshm_result *r, const char *fallback)
{
    char generation[OUTPUT_SHORT];
    output_colour(ctl, "1");
    const char *const value = r->variation >= 0 ? r->json : fallback ? fallback : "null";
    output_json(value, strlen(value));
    output_plainly(ctl);
    output_text("\n  ");
    if (r->variation >= 0) {
        printf("variation %d", r->variation);
        if (r->variant[0] != '\0') {
            output_text(" (");
            output_plain(r->variant, strlen(r->variant));
            output_text(")");
        }
    } else {
        output_text("the default");
    }
    printf(": %s", ffshm_reason_name(r->reason));
    if (r->reason == FFSHM_REASON_ERROR) {
        printf(" %s", ffshm_error_kind(r->error));
    } else if (r->reason == FFSHM_REASON_RULE_MATCH) {
        printf(" rule %d%s", r->rule_index, r->rule_id[0] != '\0' ? " " : "");
        output_plain(r->rule_id, strlen(r->rule_id));
    } else if (r->reason == FFSHM_REASON_PREREQUISITE_FAILED) {
        output_text(" ");
        output_plain(r->prerequisite_key, strlen(r->prerequisite_key));
    }
    output_text(r->in_experiment ? ", in an experiment" : "");
    if (r->big_segments != FFSHM_BIG_SEGMENTS_NONE) {
        printf(", big segments %s", ffshm_big_segments_name(r->big_segments));
    }
    if (r->flag_version) {
        printf(", version %lld", (long long)r->flag_version);
    }
    printf(", generation %s\n", output_generation(r->generation, generation));
}

static int evaluate_one(struct ctl *ctl, const struct query *q, struct ffshm *store)
{
    struct query_context who;
    int code = query_context(ctl, q, &who);
    struct ffshm_view view = {NULL, NULL};
    if (code == CTL_OK) {
        code = query_pin(ctl, q, store, &view);
    }
    if (code == CTL_OK) {
        char number[TYPE_TEXT];
        struct ffshm_result r = ffshm_evaluate(&view, q->flag, &who.context);
        type_apply(q->type, &r, number);
        const char *const override = overridden_why(&view, q->flag);
        if (q->raw) {
            print_raw(&r, q->fallback);
        } else if (ctl->json) {
            result_object(stdout, q->flag, &r, q->fallback, q->fallback ? strlen(q->fallback) : 0,
                          override);
            output_text("\n");
        } else {
            print_text(ctl, &r, q->fallback);
            if (override) {
                print_override(ctl, override);
            }
        }
        if (r.error == FFSHM_FLAG_NOT_FOUND) {
            query_report_unknown(ctl, &view, q->flag);
        }
        code = r.reason == FFSHM_REASON_ERROR ? CTL_NEGATIVE : CTL_OK;
    }
    ffshm_unpin(&view);
    query_context_free(&who);
    return code;
}

static int answer(struct ctl *ctl, const struct query *q, struct ffshm *store)
{
    if (!q->batch || !q->at) {
        return q->batch ? batch_run(ctl, store, NULL, q->input) : evaluate_one(ctl, q, store);
    }
    struct ffshm_view past;
    int code = query_pin(ctl, q, store, &past);
    if (code == CTL_OK) {
        code = batch_run(ctl, store, &past, q->input);
        ffshm_unpin(&past);
    }
    return code;
}

int ctl_eval(struct ctl *ctl, int argc, char **argv)
{
    return query_run(ctl, argc, argv, help, answer);
}
