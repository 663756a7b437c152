/* ffctl tokens create and rotate; and a token for people. */
#include "ctl_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_change.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_when.h"

enum {
    OPTION_NAME = OPTIONS_OWN,
    OPTION_ROLE,
    OPTION_EXPIRES,
    OPTION_TAG,
    OPTION_PREFIX,
    OPTION_OVERLAP,
    OPTION_QUIET,
};

static const struct ctl_option create_options[] = {
    {"name", required_argument, "TEXT", OPTION_NAME},
    {"role", required_argument, "viewer|editor|admin", OPTION_ROLE},
    {"expires", required_argument, "1d|30d|90d|365d", OPTION_EXPIRES},
    {"tag", required_argument, "TAG", OPTION_TAG},
    {"prefix", required_argument, "PREFIX", OPTION_PREFIX},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};

static const struct ctl_option rotate_options[] = {
    OPTIONS_WORDS("TOKEN"),
    {"overlap", required_argument, "0|1h|1d|7d", OPTION_OVERLAP},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct change change;
    const char *id;   /* the token to be rotated */
    const char *name; /* of one to be made; so, too, below */
    json_t *body;     /* of the request; owned */
    bool quiet;       /* print the secret alone */
};

#define HELP_QUIET                                                                                 \
    "  --quiet     print the token alone, for a script; without it JSON goes into a pipe\n"

#define HELP_END                                                                                   \
    "  --dir DIR, --json, --text, -h, --help\n"                                                    \
    "\n"                                                                                           \
    "The token is told once: the agent keeps only a hash of it. It is no option of any\n"          \
    "command, since everybody sees those: set FFSHM_TOKEN.\n"                                      \
    "\n"                                                                                           \
    "Exit codes\n"                                                                                 \
    "  0  done\n"                                                                                  \
    "  1  refused, not confirmed, or no agent\n"                                                   \
    "  2  wrong usage\n"                                                                           \
    "\n"                                                                                           \
    "Examples\n"

static int create_help(void)
{
    output_text(
        "usage: ffctl tokens create --name TEXT --role ROLE [--expires DURATION]\n"
        "                           [--tag TAG]... [--prefix PREFIX]... [--quiet]\n"
        "                           [--reason TEXT] [--dry-run] [--yes]\n"
        "\n"
        "Makes a token, with which programs and people on other hosts use the API.\n"
        "\n"
        "  --name TEXT what it is for\n"
        "  --role ROLE viewer, editor or admin\n"
        "  --expires DURATION\n"
        "              it ends by itself after 90s, 30m, 2h, 7d, 1h30m (default: never)\n"
        "  --tag TAG   only for flags that have this tag, or another one given\n"
        "  --prefix PREFIX\n"
        "              only for flags whose key begins so, or with another one given\n" HELP_QUIET
            CHANGE_HELP HELP_END "  ffctl tokens create --name ann --role editor --expires 90d\n"
        "  ffctl tokens create --name web --role editor --prefix web- --tag web\n"
        "  TOKEN=$(ffctl tokens create --name ci --role editor --quiet)\n");
    return CTL_OK;
}

static int rotate_help(void)
{
    output_text("usage: ffctl tokens rotate TOKEN [--overlap DURATION] [--quiet] [--reason TEXT]\n"
                "                           [--dry-run] [--yes]\n"
                "\n"
                "Makes a token in place of another: the same name, role and limits, and as long a\n"
                "life. The old one goes on for a while, so that nobody is locked out meanwhile.\n"
                "TOKEN is the old one's id, as list tells it.\n"
                "\n"
                "  --overlap DURATION\n"
                "              how long the old one goes on: 30m, 2h, at most 30d, or 0 (default: "
                "1d)\n" HELP_QUIET CHANGE_HELP HELP_END
                "  ffctl tokens rotate 0123456789ab --overlap 2h\n"
                "  TOKEN=$(ffctl tokens rotate 0123456789ab --quiet)\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

int token_take_id(const struct ctl *ctl, const char **id)
{
    if (*id) {
        return ctl_usage(ctl, "'%s' is one word too many", optarg);
    }
    *id = optarg;
    return CTL_OK;
}

int token_need_id(const struct ctl *ctl)
{
    return ctl_usage(ctl, "which token? its id is needed: ffctl tokens list");
}

static int put(const struct ctl *ctl, json_t *object, const char *member, json_t *value)
{
    return json_object_set_new(object, member, value) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or --%s is not UTF-8", member);
}

/* Adds a tag or a prefix to the limits. */
static int put_limit(const struct ctl *ctl, json_t *body, const char *list, const char *option)
{
    json_t *limits = json_object_get(body, "limits");
    if (!limits && (limits = json_object()) != NULL) {
        json_object_set_new(body, "limits", limits);
    }
    if (!json_object_get(limits, list)) {
        json_object_set_new(limits, list, json_array());
    }
    return json_array_append_new(json_object_get(limits, list), json_string(optarg)) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or --%s is not UTF-8", option);
}

/* A duration into a member, in seconds. */
static int put_seconds(const struct ctl *ctl, json_t *body, const char *member, const char *option)
{
    const bool none = strcmp(member, "overlapSeconds") == 0 && strcmp(optarg, "0") == 0;
    const int64_t ms = none ? 0 : when_duration(optarg);
    return ms >= 0 ? put(ctl, body, member, json_integer(ms / 1000))
                   : ctl_usage(ctl,
                               "--%s '%s': write a duration, as 30m, 2h, 30d or 1h30m, at most "
                               "ten years",
                               option, optarg);
}

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_NAME:
        w->name = optarg;
        return put(ctl, w->body, "name", json_string(optarg));
    case OPTION_ROLE:
        return put(ctl, w->body, "role", json_string(optarg));
    case OPTION_EXPIRES:
        return put_seconds(ctl, w->body, "expiresInSeconds", "expires");
    case OPTION_TAG:
        return put_limit(ctl, w->body, "tags", "tag");
    case OPTION_PREFIX:
        return put_limit(ctl, w->body, "prefixes", "prefix");
    case OPTION_OVERLAP:
        return put_seconds(ctl, w->body, "overlapSeconds", "overlap");
    case OPTION_QUIET:
        w->quiet = true;
        return CTL_OK;
    default:
        return CTL_USAGE;
    }
}

/* CTL_OK, or the exit code; *asked_help: help was asked for. */
static int read_options(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table,
                        struct wish *w, bool *asked_help)
{
    int option;
    while ((option = change_next(ctl, &w->change, argc, argv, table)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            *asked_help = true;
            return CTL_OK;
        }
        const int code = option != OPTIONS_WORD ? take(ctl, w, option)
                         : table == rotate_options
                             ? token_take_id(ctl, &w->id)
                             : ctl_usage(ctl, "'%s' is one word too many", optarg);
        if (code != CTL_OK) {
            return code;
        }
    }
    return w->quiet && ctl->json_asked ? ctl_usage(ctl, "either --quiet or --json") : CTL_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void print_line(const char *name, const char *text)
{
    printf("%-12s ", name);
    output_plain(text, strlen(text));
    output_text("\n");
}

static void print_time(const char *name, const json_t *time)
{
    char text[WHEN_TEXT];
    if (time) {
        print_line(name,
                   json_is_integer(time) ? when_text(json_integer_value(time), text) : "never");
    }
}

void token_print(const json_t *body)
{
    static const char *const texts[] = {"token", "id", "name", "role", "state", "successor"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = json_string_value(json_object_get(body, texts[i]));
        if (text) {
            print_line(texts[i], text);
        }
    }
    char *limits = json_dumps(json_object_get(body, "limits"), JSON_COMPACT);
    const char *creator = json_string_value(json_object_get(body, "createdBy"));
    if (limits) {
        print_line("limits", limits);
    }
    free(limits);
    print_time("created", json_object_get(body, "createdMs"));
    if (creator) {
        print_line("by", creator);
    }
    print_time("expires", json_object_get(body, "expiresMs"));
    print_time("last used", json_object_get(body, "lastUsedMs"));
    print_time("revoked", json_object_get(body, "revokedMs"));
}

static void print(const struct ctl *ctl, const struct change *change, const json_t *body,
                  const void *arg)
{
    const struct wish *w = arg;
    const char *secret = json_string_value(json_object_get(body, "token"));
    const char *what = w->id ? w->id : w->name;
    if (w->quiet) {
        if (secret) {
            puts(secret);
        }
    } else if (change->dry_run) {
        output_plain(what, strlen(what));
        output_text(w->id ? ": would be rotated; nothing is stored\n"
                          : ": would be created; nothing is stored\n");
    } else {
        token_print(body);
        output_colour(ctl, "33");
        output_text("Keep the token: it is not told again.\n");
        output_plainly(ctl);
    }
}

static int perform(struct ctl *ctl, const struct wish *w, const char *path)
{
    const struct client_request request = {.method = "POST", .path = path, .body = w->body};
    ctl->json = ctl->json && !w->quiet;
    return change_perform(ctl, &w->change, &request, print, w);
}

static int create(struct ctl *ctl, const struct wish *w)
{
    if (!w->name || !json_object_get(w->body, "role")) {
        return ctl_usage(ctl, "--name and --role are needed");
    }
    const int code = change_confirm(ctl, &w->change, "Create token %s?", w->name);
    return code == CTL_OK ? perform(ctl, w, "/tokens") : code;
}

static int rotate(struct ctl *ctl, const struct wish *w)
{
    const int code =
        w->id ? change_confirm(ctl, &w->change, "Rotate token %s?", w->id) : token_need_id(ctl);
    char *path = code == CTL_OK ? client_path("/tokens/", w->id, "/rotate") : NULL;
    if (!path) {
        return code == CTL_OK ? ctl_fail(ctl, "out of memory") : code;
    }
    const int result = perform(ctl, w, path);
    free(path);
    return result;
}

static int run(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table,
               int (*help)(void), int (*act)(struct ctl *ctl, const struct wish *w))
{
    struct wish w = {.body = json_object()};
    bool asked_help = false;
    int code = w.body ? read_options(ctl, argc, argv, table, &w, &asked_help)
                      : ctl_fail(ctl, "out of memory");
    if (asked_help) {
        code = help();
    } else if (code == CTL_OK) {
        code = act(ctl, &w);
    }
    json_decref(w.body);
    return code;
}

int token_create(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, create_options, create_help, create);
}

int token_rotate(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, rotate_options, rotate_help, rotate);
}
