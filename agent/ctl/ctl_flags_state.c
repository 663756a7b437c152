/*
 * ctl_flags_state.c - ffctl flags-state: all flags for one context, as LaunchDarkly's JSON.
 */
#include <stdlib.h>

#include "ctl.h"
#include "ctl_output.h"
#include "ctl_query.h"
#include "snapshot.h"

static int help(void)
{
    output_text("usage: ffctl flags-state --context JSON | --key KEY [OPTION]...\n"
                "\n"
                "Evaluates all flags: prints what LaunchDarkly's client-side SDKs take as their\n"
                "\"bootstrap\".\n"
                "\n");
    output_text(query_help_context);
    output_text(query_help_flags);
    output_text(
        "  --with-reasons      with the reason of every value, not only in experiments\n"
        "  --client-side-only  only flags that may be sent to browsers\n"
        "  --details-only-for-tracked\n"
        "                      version and reason only of flags with trackEvents, in\n"
        "                      experiments, or while debugEventsUntilDate is in the future\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Always JSON, in one line:\n"
        "  {\"FLAG\": VALUE, ..., \"$flagsState\": {\"FLAG\": {\"variation\", \"version\",\n"
        "   \"reason\", \"trackEvents\", \"trackReason\", \"debugEventsUntilDate\",\n"
        "   \"prerequisites\"}, ...}, \"$valid\": true}\n"
        "without the members that are absent or false; a flag without a value is null.\n"
        "\n"
        "Exit codes\n"
        "  0  evaluated, whatever the values\n"
        "  1  \"$valid\" is false: no snapshot, or the context is refused; the files of --flags\n"
        "     have a fault\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl flags-state --key user-123 --attr country=US --client-side-only\n"
        "  ffctl flags-state --key user-123 --with-reasons --flags flags.yaml\n");
    return CTL_OK;
}

/* The JSON, to be freed; NULL: no memory. The clock may make it longer between two calls. */
static char *state_of(const struct ffshm_view *view, const struct ffshm_context *who,
                      unsigned options, size_t *length)
{
    char *text = NULL;
    size_t capacity = 0;
    while ((*length = ffshm_all_flags_json(view, who, options, text, capacity)) >= capacity) {
        free(text);
        capacity = *length + 1;
        text = malloc(capacity);
        if (!text) {
            return NULL;
        }
    }
    return text;
}

static int answer(struct ctl *ctl, const struct query *q, struct ffshm *store)
{
    struct query_context who;
    int code = query_context(ctl, q, &who);
    if (code == CTL_OK) {
        struct ffshm_view view;
        ffshm_pin(store, &view);
        const struct snapshot *const snapshot = view.snapshot;
        size_t length;
        char *const text = state_of(&view, &who.context, q->all_flags, &length);
        if (text) {
            output_json(text, length);
            output_text("\n");
            code = snapshot->ready && who.context.error == FFSHM_OK ? CTL_OK : CTL_NEGATIVE;
        } else {
            code = ctl_fail(ctl, "out of memory");
        }
        free(text);
        ffshm_unpin(&view);
    }
    query_context_free(&who);
    return code;
}

int ctl_flags_state(struct ctl *ctl, int argc, char **argv)
{
    return query_run(ctl, argc, argv, help, answer);
}
