/*
 * ctl_audit.c - ffctl audit list | export | verify: the command line; and who changed what.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/audit_export.h"
#include "catalog/spelling.h"
#include "ctl_audit.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"
#include "ctl_when.h"

#define OPTION(which) (OPTIONS_OWN + (which))

/* clang-format off */
static const struct ctl_option options[] = {
    {"limit", required_argument, "COUNT", OPTION(AUDIT_LIMIT)},
    {"after", required_argument, "NUMBER", OPTION(AUDIT_AFTER)},
    {"actor", required_argument, "ACTOR", OPTION(AUDIT_ACTOR)},
    {"action", required_argument, "ACTION", OPTION(AUDIT_ACTION)},
    {"target", required_argument, "FLAG", OPTION(AUDIT_TARGET)},
    {"from", required_argument, "TIME", OPTION(AUDIT_FROM)},
    {"to", required_argument, "TIME", OPTION(AUDIT_TO)},
    {"output", required_argument, "FILE", OPTION(AUDIT_OUTPUT)},
    {"checkpoint", required_argument, "NUMBER:HASH", OPTION(AUDIT_CHECKPOINT)},
    {"file", required_argument, "FILE", OPTION(AUDIT_FILE)},
    {"state", required_argument, "FILE", OPTION(AUDIT_STATE)},
    OPTIONS_WORDS("list|export|verify"),
    OPTIONS_COMMON,
};
/* clang-format on */

/* Which options go with it. */
static const struct verb {
    const char *name;
    enum audit_option first, last;
} verbs[] = {
    {"list", AUDIT_LIMIT, AUDIT_TO},
    {"export", AUDIT_AFTER, AUDIT_OUTPUT},
    {"verify", AUDIT_CHECKPOINT, AUDIT_STATE},
};
#define VERBS (sizeof verbs / sizeof *verbs)

static int help(void)
{
    output_text(
        "usage: ffctl audit [list] [--limit N] [FILTER]...\n"
        "       ffctl audit export [--output FILE] [FILTER]...\n"
        "       ffctl audit verify [--checkpoint NUMBER:HASH] [--file EXPORT|--state FILE]\n"
        "\n"
        "Tells who changed what, when and why, newest first; and who was refused what.\n"
        "\n"
        "  list        the entries (JSON: with what was before and after, and their hashes)\n"
        "  export      all of them, oldest first, a line of JSON each, with all that their\n"
        "              hashes are of; the last line is a checkpoint: the newest entry's\n"
        "              number and hash\n"
        "  verify      recomputes the chain of hashes: finds every entry that was edited,\n"
        "              removed or moved. Keep its head elsewhere: an entry that is gone\n"
        "              from the end, or a whole new chain, shows only against it\n"
        "  --limit N   at most so many entries\n"
        "  --output FILE\n"
        "              write the export there, when it is whole; not to stdout\n"
        "  --checkpoint NUMBER:HASH\n"
        "              the entry of that number must be there, and have that hash\n"
        "  --file EXPORT\n"
        "              verify an export (- is stdin), without any agent\n"
        "  --state FILE\n"
        "              verify a backup, or a state file that no agent has open\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Filters\n"
        "  --after N   go on behind entry N: of list, older ones; of export, newer ones\n"
        "  --actor ACTOR, --action ACTION, --target TARGET\n"
        "              only these\n"
        "  --from TIME, --to TIME\n"
        "              only from that time on, and before that one: 2026-03-01T09:30:00Z,\n"
        "              'yesterday 09:00' (in this host's zone), '2h ago', or milliseconds\n"
        "              since 1970\n"
        "\n"
        "Exit codes\n"
        "  0  answered; verify: the trail is whole\n"
        "  1  verify, export: it is not; no agent, it refuses, or a file cannot be read\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl audit --limit 20\n"
        "  ffctl audit --target new-checkout --json | jq '.items[].reason'\n"
        "  ffctl audit export --output audit.ndjson\n"
        "  ffctl audit verify --file audit.ndjson --checkpoint 120:7d78...\n"
        "  ffctl audit verify\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int check_verb(const struct ctl *ctl, const char *name)
{
    struct spelling spelling = {.word = name};
    for (size_t i = 0; i < VERBS; i++) {
        spelling_offer(&spelling, verbs[i].name);
    }
    return find_verb(name) ? CTL_OK
           : spelling.best ? ctl_usage(ctl, "unknown '%s'; did you mean '%s'?", name, spelling.best)
                           : ctl_usage(ctl, "unknown '%s': list, export or verify", name);
}

static bool is_number(const char *text)
{
    const size_t length = strlen(text);
    return length > 0 && length <= 18 && strspn(text, "0123456789") == length &&
           strspn(text, "0") < length;
}

static int take_checkpoint(const struct ctl *ctl, struct audit_question *q)
{
    char number[20];
    const size_t digits = strcspn(optarg, ":");
    snprintf(number, sizeof number, "%.*s", digits < sizeof number ? (int)digits : 0, optarg);
    if (!is_number(number) || optarg[digits] != ':' ||
        audit_hash_parse(optarg + digits + 1, q->known.hash) != 0) {
        return ctl_usage(ctl,
                         "--checkpoint '%s': write NUMBER:HASH, as verify tells its head: 64 "
                         "hexadecimal digits behind the colon",
                         optarg);
    }
    q->known.number = strtoll(number, NULL, 10);
    return CTL_OK;
}

/* As people write it; only milliseconds go to the agent as they are. */
static int take_time(const struct ctl *ctl, struct audit_question *q, size_t at)
{
    char *text = q->times[at - AUDIT_FROM];
    const char *why;
    int64_t ms;
    if (is_number(optarg)) {
        return CTL_OK;
    }
    if (!moment_parse(optarg, when_now(), &ms, &why)) {
        return ctl_usage(ctl, "--%s '%s' %s", options[at].name, optarg, why);
    }
    q->options[at] = moment_rfc3339(ms, text);
    return CTL_OK;
}

static int take(const struct ctl *ctl, struct audit_question *q, int option)
{
    if (option == OPTIONS_WORD) {
        if (q->verb) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        q->verb = optarg;
        return check_verb(ctl, optarg);
    }
    if (option < OPTION(0) || option >= OPTION(AUDIT_OPTIONS)) {
        return CTL_USAGE;
    }
    const size_t at = (size_t)(option - OPTIONS_OWN);
    q->options[at] = optarg;
    if (at <= AUDIT_AFTER && !is_number(optarg)) {
        return ctl_usage(ctl, "--%s '%s': write a number from 1 on", options[at].name, optarg);
    }
    if (*optarg == '\0') {
        return ctl_usage(ctl, "--%s needs a value", options[at].name);
    }
    return at == AUDIT_CHECKPOINT               ? take_checkpoint(ctl, q)
           : at == AUDIT_FROM || at == AUDIT_TO ? take_time(ctl, q, at)
                                                : CTL_OK;
}

/* Options of another verb would be passed over. */
static int check_options(const struct ctl *ctl, const struct audit_question *q)
{
    const struct verb *verb = find_verb(q->verb ? q->verb : "list");
    for (unsigned i = 0; i < AUDIT_OPTIONS; i++) {
        if (!q->options[i] || (i >= verb->first && i <= verb->last)) {
            continue;
        }
        for (size_t n = 0; n < VERBS; n++) {
            if (i >= verbs[n].first && i <= verbs[n].last) {
                return ctl_usage(ctl, "--%s goes with %s", options[i].name, verbs[n].name);
            }
        }
    }
    return q->options[AUDIT_FILE] && q->options[AUDIT_STATE]
               ? ctl_usage(ctl, "--file and --state are of two different trails")
               : CTL_OK;
}

/* ---- list ----------------------------------------------------------------------------------- */

char *audit_path(const struct audit_question *q, const char *first)
{
    char *path = NULL;
    if (asprintf(&path, "/audit%s%s", first ? "?" : "", first ? first : "") < 0) {
        return NULL;
    }
    char separator = first ? '&' : '?';
    for (unsigned i = 0; i <= AUDIT_TO && path; i++) {
        char *longer = NULL;
        char *value = q->options[i] ? client_segment(q->options[i]) : NULL;
        if (!q->options[i]) {
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

static int list(const struct ctl *ctl, const struct audit_question *q)
{
    char *path = audit_path(q, NULL);
    if (!path) {
        return ctl_fail(ctl, "out of memory");
    }
    const int code = client_show(ctl, path, print_list);
    free(path);
    return code;
}

int ctl_audit(struct ctl *ctl, int argc, char **argv)
{
    struct audit_question q = {0};
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
    const int code = check_options(ctl, &q);
    if (code != CTL_OK) {
        return code;
    }
    if (!q.verb || strcmp(q.verb, "list") == 0) {
        return list(ctl, &q);
    }
    return strcmp(q.verb, "export") == 0 ? audit_export_to(ctl, &q) : audit_verify_it(ctl, &q);
}
