/*
 * ctl_kill.c - ffctl kill and ffctl revive: an operator's override of one flag, and its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_change.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_when.h"

enum {
    OPTION_VARIANT = OPTIONS_OWN,
    OPTION_FOR,
};

/* clang-format off */
static const struct ctl_option kill_options[] = {
    OPTIONS_WORDS("FLAG"),
    {"variant", required_argument, "VARIANT", OPTION_VARIANT},
    {"for", required_argument, "30m|2h|1d|7d", OPTION_FOR},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
/* clang-format on */

static const struct ctl_option revive_options[] = {OPTIONS_WORDS("FLAG"), CHANGE_OPTIONS,
                                                   OPTIONS_COMMON};

/* What the command line asks for; borrowed from it. */
struct wish {
    const char *flag;    /* "": not given yet */
    const char *variant; /* NULL: the flag is killed, not pinned */
    int64_t for_ms;      /* 0: until it is revived */
    int64_t expires_ms;  /* of the wall clock, once it is confirmed; 0: never */
    struct change change;
};

static int kill_help(const struct ctl *ctl)
{
    printf("usage: ffctl %s FLAG --reason TEXT [--variant KEY] [--for DURATION]\n"
           "                  [--dry-run] [--yes]\n",
           ctl->command);
    output_text("\n"
                "Turns a flag off for everybody on this host, wherever its definition comes\n"
                "from, until it is revived: it serves what it serves while it is off. The next\n"
                "evaluation in every process sees it. Another kill of the flag replaces this one.\n"
                "A key that no flag has is accepted: the override waits for the flag. The reason\n"
                "is told wherever the flag is explained.\n"
                "\n"
                "  --variant KEY\n"
                "              serve this variant to everybody instead\n"
                "  --for DURATION\n"
                "              it ends by itself after 90s, 30m, 2h, 7d, 1h30m\n" CHANGE_HELP
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

static int revive_help(const struct ctl *ctl)
{
    printf("usage: ffctl %s FLAG [--reason TEXT] [--dry-run] [--yes]\n", ctl->command);
    output_text("\n"
                "Ends the override of a flag that was killed or pinned: it serves again what its\n"
                "definition says, as that is now.\n"
                "\n" CHANGE_HELP "  --dir DIR, --json, --text, -h, --help\n"
                "\n"
                "Exit codes\n"
                "  0  done: every process sees it\n"
                "  1  the flag is not overridden, refused, not confirmed, or no agent\n"
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

static int read_options(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table,
                        struct wish *w, bool *asked_help)
{
    int option;
    while ((option = change_next(ctl, &w->change, argc, argv, table)) != OPTIONS_END) {
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

static int confirm(const struct ctl *ctl, const struct wish *w)
{
    return w->variant
               ? change_confirm(ctl, &w->change, "Pin %s to %s for everybody on this host?",
                                w->flag, w->variant)
               : change_confirm(ctl, &w->change, "Kill %s for everybody on this host?", w->flag);
}

/* ---- asking --------------------------------------------------------------------------------- */

/* POST /flags/FLAG/ACTION. As change_perform. */
static int post(const struct ctl *ctl, const struct wish *w, const char *action, json_t *body,
                const struct change_words *words)
{
    char *path = client_path("/flags/", w->flag, action);
    if (!path) {
        return ctl_fail(ctl, "out of memory");
    }
    const struct client_request request = {.method = "POST", .path = path, .body = body};
    const int code = change_perform(ctl, &w->change, &request, change_tell, words);
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
    if (w->expires_ms > 0 &&
        json_object_set_new(body, "expiresMs", json_integer(w->expires_ms)) != 0) {
        json_decref(body);
        return NULL;
    }
    return body;
}

/* "pinned to old until 2026-03-01T09:30:00Z"; malloc'ed, NULL: no memory. */
static char *kill_words(const struct wish *w)
{
    char end[WHEN_TEXT] = "";
    char *text;
    if (w->expires_ms > 0) {
        when_text(w->expires_ms, end);
    }
    const int length = asprintf(&text, "%s%s%s%s", w->variant ? "pinned to " : "killed",
                                w->variant ? w->variant : "", *end ? " until " : "", end);
    return length < 0 ? NULL : text;
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

int ctl_kill(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.flag = ""};
    bool asked_help = false;
    int code = read_options(ctl, argc, argv, kill_options, &w, &asked_help);
    if (code != CTL_OK || asked_help) {
        return asked_help ? kill_help(ctl) : code;
    }
    code = change_need_reason(ctl, &w.change);
    code = code == CTL_OK ? confirm(ctl, &w) : code;
    if (code != CTL_OK) {
        return code;
    }
    w.expires_ms = w.for_ms > 0 ? when_now() + w.for_ms : 0;
    json_t *body = kill_body(&w);
    char *done = kill_words(&w);
    if (body && done) {
        const struct change_words words = {.done = done, .colour = "33"};
        code = post(ctl, &w, "/kill", body, &words);
    } else {
        code = ctl_fail(ctl, "out of memory, or --variant is not UTF-8");
    }
    free(done);
    json_decref(body);
    if (code == CTL_OK && !w.change.dry_run) {
        tell_of_waiting(ctl, w.flag);
    }
    return code;
}

int ctl_revive(struct ctl *ctl, int argc, char **argv)
{
    static const struct change_words words = {.done = "revived"};
    struct wish w = {.flag = ""};
    bool asked_help = false;
    int code = read_options(ctl, argc, argv, revive_options, &w, &asked_help);
    if (code != CTL_OK || asked_help) {
        return asked_help ? revive_help(ctl) : code;
    }
    code = change_confirm(ctl, &w.change, "Revive %s for everybody on this host?", w.flag);
    return code == CTL_OK ? post(ctl, &w, "/revive", NULL, &words) : code;
}
