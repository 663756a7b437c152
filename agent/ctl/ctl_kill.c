/*
 * ctl_kill.c - ffctl kill and ffctl revive: an operator's override of one flag, and its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_when.h"

enum {
    OPTION_REASON = OPTIONS_OWN,
    OPTION_VARIANT,
    OPTION_FOR,
    OPTION_DRY_RUN,
    OPTION_YES,
};

/* clang-format off */
static const struct option kill_options[] = {
    {"reason", required_argument, NULL, OPTION_REASON},
    {"variant", required_argument, NULL, OPTION_VARIANT},
    {"for", required_argument, NULL, OPTION_FOR},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"yes", no_argument, NULL, OPTION_YES},
    OPTIONS_COMMON,
};

static const struct option revive_options[] = {
    {"reason", required_argument, NULL, OPTION_REASON},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    OPTIONS_COMMON,
};
/* clang-format on */

/* What the command line asks for; borrowed from it. */
struct wish {
    const char *flag; /* "": not given yet */
    const char *reason;
    const char *variant; /* NULL: the flag is killed, not pinned */
    int64_t for_ms;      /* 0: until it is revived */
    bool dry_run;
    bool yes;
};

static int kill_help(void)
{
    output_text(
        "usage: ffctl kill FLAG --reason TEXT [--variant KEY] [--for DURATION] [--dry-run]\n"
        "                  [--yes]\n"
        "\n"
        "Turns a flag off for everybody on this host, wherever its definition comes\n"
        "from, until it is revived: it serves what it serves while it is off. The next\n"
        "evaluation in every process sees it. Another kill of the flag replaces this one.\n"
        "A key that no flag has is accepted: the override waits for the flag.\n"
        "\n"
        "  --reason TEXT\n"
        "              why: recorded, and told wherever the flag is explained\n"
        "  --variant KEY\n"
        "              serve this variant to everybody instead\n"
        "  --for DURATION\n"
        "              it ends by itself after 90s, 30m, 2h, 7d, 1h30m\n"
        "  --dry-run   ask whether it could be done, and change nothing\n"
        "  --yes       do not ask back (nor is asked in a pipe)\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  done: every process sees it\n"
        "  1  refused, not confirmed, or no agent\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl kill new-checkout --reason 'wrong prices'\n"
        "  ffctl kill new-checkout --reason 'load test' --variant old --for 30m\n"
        "  ffctl kill new-checkout --reason 'wrong prices' --dry-run\n");
    return CTL_OK;
}

static int revive_help(void)
{
    output_text("usage: ffctl revive FLAG [--reason TEXT] [--dry-run]\n"
                "\n"
                "Ends the override of a flag that was killed or pinned: it serves again what its\n"
                "definition says, as that is now.\n"
                "\n"
                "  --reason TEXT\n"
                "              why: recorded\n"
                "  --dry-run   ask whether it could be done, and change nothing\n"
                "  --dir DIR, --json, --text, -h, --help\n"
                "\n"
                "Exit codes\n"
                "  0  done: every process sees it\n"
                "  1  the flag is not overridden, refused, or no agent\n"
                "  2  wrong usage\n"
                "\n"
                "Examples\n"
                "  ffctl revive new-checkout\n"
                "  ffctl revive new-checkout --reason 'prices are right again'\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_REASON:
        w->reason = optarg;
        return strpbrk(optarg, "\r\n") ? ctl_usage(ctl, "--reason: one line, please") : CTL_OK;
    case OPTION_VARIANT:
        w->variant = optarg;
        return *optarg ? CTL_OK : ctl_usage(ctl, "--variant needs the key of a variant");
    case OPTION_FOR:
        w->for_ms = when_duration(optarg);
        return w->for_ms > 0 ? CTL_OK
                             : ctl_usage(ctl,
                                         "--for '%s': write a duration, as 90s, 30m, 2h or 7d, "
                                         "at most ten years",
                                         optarg);
    case OPTION_DRY_RUN:
        w->dry_run = true;
        return CTL_OK;
    case OPTION_YES:
        w->yes = true;
        return CTL_OK;
    case OPTIONS_WORD:
        if (*w->flag) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        w->flag = optarg;
        return CTL_OK;
    default:
        return CTL_USAGE;
    }
}

static int read_options(struct ctl *ctl, int argc, char **argv, const struct option *table,
                        struct wish *w, bool *asked_help)
{
    int option;
    while ((option = options_next(ctl, argc, argv, table)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            *asked_help = true;
            return CTL_OK;
        }
        const int code = take(ctl, w, option);
        if (code != CTL_OK) {
            return code;
        }
    }
    return *w->flag ? CTL_OK : ctl_usage(ctl, "which flag? its key is needed");
}

/* Only white space is no reason. */
static bool says_nothing(const char *text)
{
    return !text || text[strspn(text, " \t\r\n")] == '\0';
}

/* Who sits at a terminal is asked; a script has made up its mind. */
static bool confirmed(const struct wish *w)
{
    char answer[16] = "";
    if (w->yes || w->dry_run || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return true;
    }
    output_text(w->variant ? "Pin " : "Kill ");
    output_plain(w->flag, strlen(w->flag));
    if (w->variant) {
        output_text(" to ");
        output_plain(w->variant, strlen(w->variant));
    }
    output_text(" for everybody on this host? [y/N] ");
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin)) {
        output_text("\n");
    }
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* POST /flags/FLAG/ACTION. As client_ask. */
static int post(const struct ctl *ctl, const struct wish *w, const char *action, json_t *body,
                struct client_answer *answer)
{
    char *path = NULL;
    char *flag = client_segment(w->flag);
    *answer = (struct client_answer){0};
    if (!flag || asprintf(&path, "/flags/%s/%s", flag, action) < 0) {
        free(flag);
        return ctl_fail(ctl, "out of memory");
    }
    const struct client_request request = {
        .method = "POST",
        .path = path,
        .body = body,
        .reason = says_nothing(w->reason) ? NULL : w->reason,
        .dry_run = w->dry_run,
    };
    const int code = client_ask(ctl, &request, answer);
    free(flag);
    free(path);
    return code;
}

/* NULL: no memory, or text that is not UTF-8. */
static json_t *kill_body(const struct wish *w)
{
    json_t *body = json_object();
    if (w->variant && json_object_set_new(body, "variant", json_string(w->variant)) != 0) {
        json_decref(body);
        return NULL;
    }
    if (w->for_ms > 0 &&
        json_object_set_new(body, "expiresMs", json_integer(when_now() + w->for_ms)) != 0) {
        json_decref(body);
        return NULL;
    }
    return body;
}

/* A key that is mistyped kills nothing: whoever typed it is told. */
static void tell_of_waiting(const struct ctl *ctl, const char *flag)
{
    const struct client_request request = {.path = "/overrides"};
    struct client_answer answer;
    if (client_ask(ctl, &request, &answer) == CTL_OK) {
        size_t i;
        const json_t *item;
        json_array_foreach(json_object_get(answer.json, "items"), i, item)
        {
            const char *key = json_string_value(json_object_get(item, "flag"));
            if (key && strcmp(key, flag) == 0 && json_is_false(json_object_get(item, "exists"))) {
                ctl_fail(ctl, "there is no flag of this key yet: the override waits for it");
            }
        }
    }
    client_free(&answer);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void print_variant(const json_t *override)
{
    const char *variant = json_string_value(json_object_get(override, "variant"));
    if (variant) {
        output_text("pinned to ");
        output_plain(variant, strlen(variant));
    } else {
        output_text("killed");
    }
}

static void print_until(const json_t *override)
{
    char text[WHEN_TEXT];
    const json_t *end = json_object_get(override, "expiresMs");
    if (json_is_integer(end)) {
        printf(" until %s", when_text(json_integer_value(end), text));
    }
}

/* "new-checkout: killed until 2026-03-01T09:30:00Z; generation 3.5" */
static void print_text(const struct ctl *ctl, const struct wish *w, const json_t *body)
{
    const json_t *override = json_object_get(body, "override");
    const json_t *generation = json_object_get(body, "generation");
    char text[OUTPUT_SHORT];
    output_plain(w->flag, strlen(w->flag));
    output_text(w->dry_run ? ": would be " : ": ");
    output_colour(ctl, json_is_object(override) ? "33" : "32");
    if (json_is_object(override)) {
        print_variant(override);
    } else {
        output_text("revived");
    }
    output_plainly(ctl);
    print_until(override);
    if (json_is_false(json_object_get(body, "changed"))) {
        output_text(w->dry_run ? "; no change: it is so already"
                               : "; no change: it was so already");
    }
    if (w->dry_run) {
        output_text("; nothing is stored");
    } else if (json_is_integer(generation)) {
        printf("; generation %s",
               output_generation((uint64_t)json_integer_value(generation), text));
    }
    output_text("\n");
}

static void print(const struct ctl *ctl, const struct wish *w, const struct client_answer *answer)
{
    if (ctl->json) {
        client_print(answer);
    } else {
        print_text(ctl, w, answer->json);
    }
}

int ctl_kill(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.flag = ""};
    struct client_answer answer;
    bool asked_help = false;
    int code = read_options(ctl, argc, argv, kill_options, &w, &asked_help);
    if (code != CTL_OK || asked_help) {
        return asked_help ? kill_help() : code;
    }
    if (says_nothing(w.reason)) {
        return ctl_usage(ctl, "--reason TEXT is needed: it is recorded, and told to whoever asks");
    }
    if (!confirmed(&w)) {
        return ctl_fail(ctl, "not confirmed; nothing is changed");
    }
    json_t *body = kill_body(&w);
    if (!body) {
        return ctl_fail(ctl, "out of memory, or --variant is not UTF-8");
    }
    code = post(ctl, &w, "kill", body, &answer);
    json_decref(body);
    if (code == CTL_OK) {
        print(ctl, &w, &answer);
    }
    client_free(&answer);
    if (code == CTL_OK && !w.dry_run) {
        tell_of_waiting(ctl, w.flag);
    }
    return code;
}

int ctl_revive(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.flag = ""};
    struct client_answer answer;
    bool asked_help = false;
    int code = read_options(ctl, argc, argv, revive_options, &w, &asked_help);
    if (code != CTL_OK || asked_help) {
        return asked_help ? revive_help() : code;
    }
    code = post(ctl, &w, "revive", NULL, &answer);
    if (code == CTL_OK) {
        print(ctl, &w, &answer);
    }
    client_free(&answer);
    return code;
}
