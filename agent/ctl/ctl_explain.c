/*
 * ctl_explain.c - ffctl explain: an evaluation with every step of it.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "ctl_narrate.h"
#include "ctl_output.h"
#include "ctl_query.h"
#include "inspect/inspect_narrate.h"

static int help(void)
{
    output_text("usage: ffctl explain FLAG --context JSON | --key KEY [OPTION]...\n"
                "\n"
                "Evaluates a flag and tells every step: what was compared with what, what was\n"
                "hashed and the bucket that came of it, and what was served.\n"
                "\n");
    output_text(query_help_context);
    output_text(query_help_default);
    output_text(query_help_flags);
    output_text(query_help_at);
    output_text(
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "As JSON: the object of `ffctl eval`, and \"steps\": an array of {\"depth\", \"step\",\n"
        "...}. A larger depth is inside the step before it.\n"
        "\n"
        "Exit codes\n"
        "  0  evaluated\n"
        "  1  the reason is ERROR (flag not found, not ready, ...)\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl explain new-checkout --key user-123 --attr country=US\n"
        "  ffctl explain new-checkout --key user-123 --flags flags.yaml --json\n");
    return CTL_OK;
}

static void print_end(const struct ffshm_result *r, const char *fallback)
{
    char generation[OUTPUT_SHORT];
    output_text("result: ");
    const char *const value = r->variation >= 0 ? r->json : fallback ? fallback : "null";
    output_json(value, strlen(value));
    printf("%s, %s", r->variation >= 0 ? "" : " (the default)", ffshm_reason_name(r->reason));
    if (r->reason == FFSHM_REASON_ERROR) {
        printf(" %s: %s", ffshm_error_kind(r->error), ffshm_error_text(r->error));
    }
    output_text(r->in_experiment ? ", in an experiment" : "");
    if (r->big_segments != FFSHM_BIG_SEGMENTS_NONE) {
        printf(", big segments %s", ffshm_big_segments_name(r->big_segments));
    }
    printf(", generation %s\n", output_generation(r->generation, generation));
}

static struct ffshm_result print_text(const struct ctl *ctl, const struct query *q,
                                      const struct ffshm_view *view,
                                      const struct ffshm_context *who)
{
    struct narrate_text n;
    const struct ffshm_result r = ffshm_evaluate(view, q->flag, who);
    narrate_text_begin(&n, ctl);
    narrate(view, q->flag, who, &n.narrator);
    print_end(&r, q->fallback);
    return r;
}

static struct ffshm_result print_json(const struct query *q, const struct ffshm_view *view,
                                      const struct ffshm_context *who)
{
    const struct narrate_question question = {
        .flag = q->flag,
        .who = who,
        .fallback = q->fallback,
        .fallback_length = q->fallback ? strlen(q->fallback) : 0,
    };
    const struct ffshm_result r = narrate_object(stdout, view, &question);
    output_text("\n");
    return r;
}

static int explain(struct ctl *ctl, const struct query *q, struct ffshm *store)
{
    struct query_context who;
    int code = query_context(ctl, q, &who);
    struct ffshm_view view = {NULL, NULL};
    if (code == CTL_OK) {
        code = query_pin(ctl, q, store, &view);
    }
    if (code == CTL_OK) {
        const struct ffshm_result r = ctl->json ? print_json(q, &view, &who.context)
                                                : print_text(ctl, q, &view, &who.context);
        if (r.error == FFSHM_FLAG_NOT_FOUND) {
            query_report_unknown(ctl, &view, q->flag);
        }
        code = r.reason == FFSHM_REASON_ERROR ? CTL_NEGATIVE : CTL_OK;
    }
    ffshm_unpin(&view);
    query_context_free(&who);
    return code;
}

int ctl_explain(struct ctl *ctl, int argc, char **argv)
{
    return query_run(ctl, argc, argv, help, explain);
}
