/*
 * ctl_rollback.c - ffctl rollback: what operators had in force at a generation, or at a time, is in
 * force again.
 *
 * What would change is asked for first (a dry run), and shown. When anything was changed meanwhile
 * (the dry run's entity tag tells), it is asked for again, and goes on only if the same would be
 * rolled back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_change.h"
#include "ctl_client.h"
#include "ctl_items.h"
#include "ctl_options.h"
#include "ctl_output.h"

#define ATTEMPTS 8 /* against changes that do not matter to it */
#define POINT 64

static const struct ctl_option options[] = {OPTIONS_WORDS("GENERATION"), CHANGE_OPTIONS,
                                            OPTIONS_COMMON};

static int help(void)
{
    output_text(
        "usage: ffctl rollback GENERATION|TIME --reason TEXT [--dry-run] [--yes]\n"
        "\n"
        "Makes what operators had in force then be in force again: a new version of every\n"
        "flag and segment that is another one now, in one new generation. Kill switches stay\n"
        "as they are, and what LaunchDarkly and files say is theirs. What would change is\n"
        "shown first; when somebody changes that meanwhile, it is not done.\n"
        "\n"
        "GENERATION is as `ffctl snapshot list` tells it (3.5), and need not be retained.\n"
        "TIME is 2026-12-24T09:00:00Z, '2026-12-24 09:00' (by this host's zone), '2h ago'.\n"
        "\n" CHANGE_HELP "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  done, or there is nothing to do\n"
        "  1  no such generation, refused, not confirmed, changed meanwhile, or no agent\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl rollback 3.5 --reason 'wrong prices' --dry-run\n"
        "  ffctl rollback 3.5 --reason 'wrong prices'\n"
        "  ffctl rollback '2h ago' --reason 'wrong prices' --yes\n");
    return CTL_OK;
}

/* ---- what would change ------------------------------------------------------------------------
 */

struct rollback {
    const struct ctl *ctl;
    const struct change *change;
    char *path;             /* of the generation that was asked for */
    char point[POINT];      /* as people read it: "3.5" */
    char etag[CLIENT_ETAG]; /* of what the plan is for */
    json_t *plan;           /* items: what would change; owned */
};

/* Asks what would change. CTL_OK, or reported; client_free either way. */
static int ask_plan(struct rollback *r, struct client_answer *answer)
{
    const struct client_request request = {
        .method = "POST", .path = r->path, .reason = r->change->reason, .dry_run = true};
    const int code = client_ask(r->ctl, &request, answer);
    if (code == CTL_OK) {
        const json_t *to = json_object_get(answer->json, "to");
        const char *name = json_string_value(json_object_get(to, "generationText"));
        json_decref(r->plan);
        r->plan = items_choose(json_object_get(answer->json, "items"), true);
        snprintf(r->etag, sizeof r->etag, "%s", answer->etag);
        snprintf(r->point, sizeof r->point, "%s", name ? name : "?");
    }
    return code;
}

/* What is not rolled back, though it was another one then. */
static void print_rest(const struct ctl *ctl, const json_t *items)
{
    json_t *rest = items_choose(items, false);
    if (json_array_size(rest) > 0) {
        output_text("Not rolled back, for it comes from elsewhere, or is a kill switch:\n");
        items_print(ctl, rest);
    }
    json_decref(rest);
}

static void print_plan(const struct rollback *r, const json_t *body)
{
    const json_int_t count = json_integer_value(json_object_get(body, "definitions"));
    output_text("Back to ");
    items_print_point(json_object_get(body, "to"));
    printf(": %" JSON_INTEGER_FORMAT " definition%s\n", count, output_plural((uint64_t)count));
    items_print(r->ctl, r->plan);
    if ((json_int_t)json_array_size(r->plan) < count) {
        output_text("and more, which the agent does not list\n");
    }
    print_rest(r->ctl, json_object_get(body, "items"));
}

/* What operators see of a definition is rolled back, too, where no program sees a difference. */
static void tell(const struct rollback *r, const struct client_answer *answer)
{
    char done[POINT + 32];
    const struct change_words words = {.done = done};
    if (r->ctl->json) {
        client_print(answer);
        return;
    }
    json_t *body = json_copy(answer->json);
    if (json_integer_value(json_object_get(body, "definitions")) > 0) {
        json_object_del(body, "changed");
    }
    snprintf(done, sizeof done, "rolled back to %s", r->point);
    change_tell(r->ctl, r->change, body, &words);
    json_decref(body);
}

/* ---- doing it ---------------------------------------------------------------------------------
 */

/* Somebody has changed something: would the same be rolled back still? CTL_OK: it does. Else
 * reported. */
static int look_again(struct rollback *r)
{
    struct client_answer answer;
    json_t *shown = json_incref(r->plan);
    int code = ask_plan(r, &answer);
    if (code == CTL_OK && !json_equal(shown, r->plan)) {
        code = ctl_fail(r->ctl, "somebody has changed something meanwhile, and something else "
                                "would be rolled back now: nothing is done; look again");
    }
    json_decref(shown);
    client_free(&answer);
    return code;
}

/* One attempt. *again: something was changed since the plan was asked for. */
static int attempt(const struct rollback *r, bool *again)
{
    const struct client_request request = {
        .method = "POST",
        .path = r->path,
        .reason = r->change->reason,
        .if_match = r->etag,
        .quiet = true,
    };
    struct client_answer answer;
    const int code = client_ask(r->ctl, &request, &answer);
    *again = code != CTL_OK && strcmp(client_code(&answer), "conflict") == 0;
    if (code == CTL_OK) {
        tell(r, &answer);
    } else if (!*again && answer.status != 0) {
        client_refused(r->ctl, &answer);
    }
    client_free(&answer);
    return code;
}

static int perform(struct rollback *r)
{
    bool again = false;
    for (int i = 0; i < ATTEMPTS; i++) {
        const int code = attempt(r, &again);
        if (!again) {
            return code;
        }
        const int looked = look_again(r);
        if (looked != CTL_OK) {
            return looked;
        }
    }
    return ctl_fail(r->ctl, "others change something all the time: try again");
}

static int run(struct rollback *r)
{
    const bool asks = change_asks(r->change);
    struct client_answer answer;
    int code = ask_plan(r, &answer);
    if (code == CTL_OK && (asks || !r->ctl->json)) {
        print_plan(r, answer.json);
    }
    const bool nothing = json_integer_value(json_object_get(answer.json, "definitions")) == 0;
    if (code == CTL_OK && (nothing || r->change->dry_run)) {
        tell(r, &answer);
    } else if (code == CTL_OK) {
        code = change_confirm(r->ctl, r->change, "Roll back to %s?", r->point);
        code = code == CTL_OK ? perform(r) : code;
    }
    client_free(&answer);
    return code;
}

static int roll_back(const struct ctl *ctl, const struct change *change, const char *word)
{
    struct rollback r = {.ctl = ctl, .change = change};
    char *point = items_point(ctl, word);
    if (!point) {
        return CTL_USAGE;
    }
    if (asprintf(&r.path, "/snapshots/%s/rollback", point) < 0) {
        free(point);
        return ctl_fail(ctl, "out of memory");
    }
    const int code = run(&r);
    json_decref(r.plan);
    free(r.path);
    free(point);
    return code;
}

int ctl_rollback(struct ctl *ctl, int argc, char **argv)
{
    struct change change = {0};
    const char *word = NULL;
    int option;
    while ((option = change_next(ctl, &change, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        if (option != OPTIONS_WORD) {
            return CTL_USAGE;
        }
        if (word) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        word = optarg;
    }
    if (!word) {
        return ctl_usage(ctl, "to which generation? `ffctl snapshot list --all` tells them");
    }
    const int code = change_need_reason(ctl, &change);
    return code == CTL_OK ? roll_back(ctl, &change, word) : code;
}
