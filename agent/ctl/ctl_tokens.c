/*
 * ctl_tokens.c - ffctl tokens list | show | create | rotate | revoke: who may what by a secret.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_change.h"
#include "ctl_client.h"
#include "ctl_commands.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"
#include "ctl_token.h"
#include "ctl_when.h"

static const struct ctl_option list_options[] = {OPTIONS_COMMON};
static const struct ctl_option show_options[] = {OPTIONS_WORDS("TOKEN"), OPTIONS_COMMON};
static const struct ctl_option revoke_options[] = {OPTIONS_WORDS("TOKEN"), CHANGE_OPTIONS,
                                                   OPTIONS_COMMON};

#define HELP_END                                                                                   \
    "  --dir DIR, --json, --text, -h, --help\n"                                                    \
    "\n"                                                                                           \
    "Exit codes\n"                                                                                 \
    "  0  done\n"                                                                                  \
    "  1  no such token, refused, not confirmed, or no agent\n"                                    \
    "  2  wrong usage\n"                                                                           \
    "\n"                                                                                           \
    "Examples\n"

/* ---- list ----------------------------------------------------------------------------------- */

static int list_help(void)
{
    output_text(
        "usage: ffctl tokens list [--dir DIR] [--json|--text]\n"
        "\n"
        "Lists all tokens, also those that are over; their secrets nobody has but who\n"
        "made them.\n"
        "\n" HELP_END "  ffctl tokens list\n"
        "  ffctl tokens list --json | jq -r '.items[] | select(.state == \"active\").id'\n");
    return CTL_OK;
}

static void put_time(char cell[TABLE_CELL], const json_t *item, const char *name)
{
    const json_t *time = json_object_get(item, name);
    if (json_is_integer(time)) {
        when_text(json_integer_value(time), cell);
    } else {
        snprintf(cell, TABLE_CELL, "never");
    }
}

static void row(const json_t *item, table_cells cells)
{
    table_text(cells[0], item, "id");
    table_text(cells[1], item, "name");
    table_text(cells[2], item, "role");
    if (json_object_get(item, "limits")) {
        snprintf(cells[2] + strlen(cells[2]), TABLE_CELL - strlen(cells[2]), ", limited");
    }
    table_text(cells[3], item, "state");
    put_time(cells[4], item, "expiresMs");
    put_time(cells[5], item, "lastUsedMs");
}

static void print_list(const struct ctl *ctl, const json_t *body)
{
    static const char *const heads[] = {"TOKEN", "NAME", "ROLE", "STATE", "EXPIRES", "LAST USED"};
    const json_t *items = json_object_get(body, "items");
    if (json_array_size(items) == 0) {
        output_text("no token\n");
    }
    table_print(ctl, heads, sizeof heads / sizeof *heads, items, row);
}

static int list(struct ctl *ctl, int argc, char **argv)
{
    const int option = options_next(ctl, argc, argv, list_options);
    switch (option) {
    case OPTIONS_END:
        return client_show(ctl, "/tokens", print_list);
    case OPTIONS_HELP:
        return list_help();
    case OPTIONS_WORD:
        return ctl_usage(ctl, "'%s' is one word too many", optarg);
    default:
        return CTL_USAGE;
    }
}

/* ---- show ----------------------------------------------------------------------------------- */

static int show_help(void)
{
    output_text("usage: ffctl tokens show TOKEN [--dir DIR] [--json|--text]\n"
                "\n"
                "Tells what a token may, when it ends and when it was used; not its secret.\n"
                "TOKEN is its id, as list tells it.\n"
                "\n" HELP_END "  ffctl tokens show 0123456789ab\n");
    return CTL_OK;
}

static void print_show(const struct ctl *ctl, const json_t *body)
{
    (void)ctl; /* nothing is coloured */
    token_print(body);
}

static int show(struct ctl *ctl, int argc, char **argv)
{
    const char *id = NULL;
    int option;
    while ((option = options_next(ctl, argc, argv, show_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return show_help();
        }
        const int code = option == OPTIONS_WORD ? token_take_id(ctl, &id) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    char *path = id ? client_path("/tokens/", id, "") : NULL;
    if (!path) {
        return id ? ctl_fail(ctl, "out of memory") : token_need_id(ctl);
    }
    const int code = client_show(ctl, path, print_show);
    free(path);
    return code;
}

/* ---- revoke --------------------------------------------------------------------------------- */

static int revoke_help(void)
{
    output_text("usage: ffctl tokens revoke TOKEN [--reason TEXT] [--dry-run] [--yes]\n"
                "\n"
                "Ends a token at once: whoever has it is refused from now on. TOKEN is its id,\n"
                "as list tells it.\n"
                "\n" CHANGE_HELP HELP_END
                "  ffctl tokens revoke 0123456789ab --reason 'it was in a log'\n");
    return CTL_OK;
}

static void print_revoked(const struct ctl *ctl, const struct change *change, const json_t *body,
                          const void *arg)
{
    const char *name = json_string_value(json_object_get(body, "name"));
    const char *id = arg;
    output_plain(id, strlen(id));
    if (name) {
        output_text(" (");
        output_plain(name, strlen(name));
        output_text(")");
    }
    output_text(change->dry_run ? ": would be " : ": ");
    output_colour(ctl, "33");
    output_text("revoked");
    output_plainly(ctl);
    output_text(change->dry_run ? "; nothing is stored\n" : "\n");
}

static int revoke(struct ctl *ctl, int argc, char **argv)
{
    struct change change = {0};
    const char *id = NULL;
    int option;
    while ((option = change_next(ctl, &change, argc, argv, revoke_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return revoke_help();
        }
        const int code = option == OPTIONS_WORD ? token_take_id(ctl, &id) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    int code = id ? change_confirm(ctl, &change, "Revoke token %s?", id) : token_need_id(ctl);
    if (code != CTL_OK) {
        return code;
    }
    char *path = client_path("/tokens/", id, "/revoke");
    if (!path) {
        return ctl_fail(ctl, "out of memory");
    }
    const struct client_request request = {.method = "POST", .path = path};
    code = change_perform(ctl, &change, &request, print_revoked, id);
    free(path);
    return code;
}

/* --------------------------------------------------------------------------------------------- */

static const struct ctl_command commands[] = {
    {"list", list, "all tokens: who may what, until when, when last used"},
    {"show", show, "one of them"},
    {"create", token_create, "make one; it is shown once"},
    {"rotate", token_rotate, "make one in place of another, which goes on for a while"},
    {"revoke", revoke, "end one at once"},
    {NULL, NULL, NULL},
};

static int help(void)
{
    output_text("usage: ffctl tokens [--dir DIR] [--json|--text] COMMAND [OPTION]...\n"
                "\n"
                "Tokens let programs and people on other hosts use the agent's API. It takes the\n"
                "role of an admin.\n"
                "\n");
    commands_print(commands);
    output_text("\n"
                "ffctl tokens create --help tells about one command.\n"
                "\n" HELP_END "  TOKEN=$(ffctl tokens create --name ci --role editor --quiet)\n"
                "  ffctl tokens list\n"
                "  ffctl tokens revoke 0123456789ab --reason 'it was in a log'\n");
    return CTL_OK;
}

int ctl_tokens(struct ctl *ctl, int argc, char **argv)
{
    return commands_below(ctl, argc, argv, commands, help);
}
