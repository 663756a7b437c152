/*
 * ctl_audit.c - ffctl audit list | verify: who changed what, and whether the trail is whole.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/spelling.h"
#include "ctl.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"
#include "ctl_when.h"

enum {
    OPTION_LIMIT = OPTIONS_OWN,
    OPTION_AFTER,
    OPTION_ACTOR,
    OPTION_ACTION,
    OPTION_TARGET,
    OPTION_LAST,
};
#define FILTERS (OPTION_LAST - OPTION_LIMIT)

/* clang-format off */
static const struct ctl_option options[] = {
    {"limit", required_argument, "COUNT", OPTION_LIMIT},
    {"after", required_argument, "NUMBER", OPTION_AFTER},
    {"actor", required_argument, "ACTOR", OPTION_ACTOR},
    {"action", required_argument, "ACTION", OPTION_ACTION},
    {"target", required_argument, "FLAG", OPTION_TARGET},
    OPTIONS_WORDS("list|verify"),
    OPTIONS_COMMON,
};
/* clang-format on */

struct question {
    const char *verb;
    const char *filters[FILTERS]; /* in the order of options; NULL: not given */
};

static int help(void)
{
    output_text(
        "usage: ffctl audit [list] [--limit N] [--after N] [--actor ACTOR]\n"
        "                   [--action ACTION] [--target TARGET]\n"
        "       ffctl audit verify\n"
        "\n"
        "Tells who changed what, when and why, newest first.\n"
        "\n"
        "  list        the entries (JSON: with what was before and after, and their hashes)\n"
        "  verify      recomputes the chain of hashes: finds every entry that was edited,\n"
        "              removed or moved. Keep its head elsewhere: an entry that is gone\n"
        "              from the end shows only against it\n"
        "  --limit N   at most so many entries\n"
        "  --after N   go on below entry N\n"
        "  --actor ACTOR, --action ACTION, --target TARGET\n"
        "              only these\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  answered; verify: the trail is whole\n"
        "  1  verify: it is not; no agent, or it refuses\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl audit --limit 20\n"
        "  ffctl audit --target new-checkout --json | jq '.items[].reason'\n"
        "  ffctl audit verify\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int check_verb(const struct ctl *ctl, const char *verb)
{
    struct spelling spelling = {.word = verb};
    if (strcmp(verb, "list") == 0 || strcmp(verb, "verify") == 0) {
        return CTL_OK;
    }
    spelling_offer(&spelling, "list");
    spelling_offer(&spelling, "verify");
    return spelling.best ? ctl_usage(ctl, "unknown '%s'; did you mean '%s'?", verb, spelling.best)
                         : ctl_usage(ctl, "unknown '%s': list or verify", verb);
}

static bool is_number(const char *text)
{
    const size_t length = strlen(text);
    return length > 0 && length <= 18 && strspn(text, "0123456789") == length &&
           strspn(text, "0") < length;
}

static int take(const struct ctl *ctl, struct question *q, int option)
{
    if (option == OPTIONS_WORD) {
        if (q->verb) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        q->verb = optarg;
        return check_verb(ctl, optarg);
    }
    if (option < OPTION_LIMIT || option >= OPTION_LAST) {
        return CTL_USAGE;
    }
    const size_t at = (size_t)(option - OPTION_LIMIT);
    q->filters[at] = optarg;
    if (option <= OPTION_AFTER && !is_number(optarg)) {
        return ctl_usage(ctl, "--%s '%s': write a number from 1 on", options[at].name, optarg);
    }
    return CTL_OK;
}

/* ---- list ----------------------------------------------------------------------------------- */

/* malloc'ed; NULL: no memory. */
static char *list_path(const struct question *q)
{
    char *path = strdup("/audit");
    char separator = '?';
    for (size_t i = 0; i < FILTERS && path; i++) {
        char *longer = NULL;
        char *value = q->filters[i] ? client_segment(q->filters[i]) : NULL;
        if (!q->filters[i]) {
            continue;
        }
        if (!value || asprintf(&longer, "%s%c%s=%s", path, separator, options[i].name, value) < 0) {
            longer = NULL;
        }
        free(value);
        free(path);
        path = longer;
        separator = '&';
    }
    return path;
}

static void row(const json_t *item, table_cells cells)
{
    const json_t *number = json_object_get(item, "number");
    const json_t *time = json_object_get(item, "timeMs");
    if (json_is_integer(number)) {
        snprintf(cells[0], TABLE_CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    }
    if (json_is_integer(time)) {
        when_text(json_integer_value(time), cells[1]);
    }
    table_text(cells[2], item, "actor");
    table_text(cells[3], item, "action");
    table_text(cells[4], item, "target");
    table_text(cells[5], item, "reason");
    if (json_is_true(json_object_get(item, "malformed"))) {
        snprintf(cells[3], TABLE_CELL, "(malformed)"); /* nobody has written it by the agent */
    }
}

static void print_list(const struct ctl *ctl, const json_t *body)
{
    static const char *const heads[] = {"ENTRY", "TIME", "ACTOR", "ACTION", "TARGET", "REASON"};
    const json_t *items = json_object_get(body, "items");
    const json_t *next = json_object_get(body, "next");
    if (json_array_size(items) == 0) {
        output_text("no entry\n");
    }
    table_print(ctl, heads, sizeof heads / sizeof *heads, items, row);
    if (json_is_integer(next)) {
        printf("older ones: --after %" JSON_INTEGER_FORMAT "\n", json_integer_value(next));
    }
}

static int list(const struct ctl *ctl, const struct question *q)
{
    char *path = list_path(q);
    if (!path) {
        return ctl_fail(ctl, "out of memory");
    }
    const int code = client_show(ctl, path, print_list);
    free(path);
    return code;
}

/* ---- verify --------------------------------------------------------------------------------- */

static void print_head(const json_t *head)
{
    const json_t *number = json_object_get(head, "number");
    const char *hash = json_string_value(json_object_get(head, "hash"));
    if (json_is_integer(number) && hash) {
        printf("; head %" JSON_INTEGER_FORMAT " ", json_integer_value(number));
        output_plain(hash, strlen(hash));
    }
}

static void print_verdict(const struct ctl *ctl, const json_t *body)
{
    const json_t *bad = json_object_get(body, "bad");
    const char *why = json_string_value(json_object_get(body, "why"));
    const json_int_t entries = json_integer_value(json_object_get(body, "entries"));
    output_colour(ctl, json_is_null(bad) ? "32" : "31");
    output_text(json_is_null(bad) ? "OK" : "DAMAGED");
    output_plainly(ctl);
    if (json_is_integer(bad)) {
        printf(" at entry %" JSON_INTEGER_FORMAT, json_integer_value(bad));
    }
    if (why) {
        output_text(": ");
        output_plain(why, strlen(why));
    }
    printf("%s %" JSON_INTEGER_FORMAT " entr%s", json_is_null(bad) ? ":" : ";", entries,
           entries == 1 ? "y" : "ies");
    print_head(json_object_get(body, "head"));
    output_text("\n");
}

static int verify(const struct ctl *ctl)
{
    const struct client_request request = {.path = "/audit/verify"};
    struct client_answer answer;
    int code = client_ask(ctl, &request, &answer);
    if (code == CTL_OK) {
        if (ctl->json) {
            client_print(&answer);
        } else {
            print_verdict(ctl, answer.json);
        }
        /* An answer that does not say so is no proof. */
        code = json_is_null(json_object_get(answer.json, "bad")) ? CTL_OK : CTL_NEGATIVE;
    }
    client_free(&answer);
    return code;
}

int ctl_audit(struct ctl *ctl, int argc, char **argv)
{
    struct question q = {0};
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        const int code = take(ctl, &q, option);
        if (code != CTL_OK) {
            return code;
        }
    }
    if (!q.verb || strcmp(q.verb, "list") == 0) {
        return list(ctl, &q);
    }
    for (size_t i = 0; i < FILTERS; i++) {
        if (q.filters[i]) {
            return ctl_usage(ctl, "--%s goes with list", options[i].name);
        }
    }
    return verify(ctl);
}
