/*
 * ctl_history.c - ffctl history: the versions of a flag or segment. Here: the command line.
 */
#include "ctl_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"

#define LIMIT 1000
#define DIGITS 15 /* of a number that is read */

enum {
    OPTION_SEGMENT = OPTIONS_OWN,
    OPTION_DIFF,
    OPTION_LIMIT,
    OPTION_RESTORE,
};

/* clang-format off */
static const struct ctl_option options[] = {
    OPTIONS_WORDS("FLAG VERSION"),
    {"segment", no_argument, "SEGMENT VERSION", OPTION_SEGMENT},
    {"diff", no_argument, NULL, OPTION_DIFF},
    {"limit", required_argument, "COUNT", OPTION_LIMIT},
    {"restore", required_argument, "VERSION", OPTION_RESTORE},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
/* clang-format on */

static int help(void)
{
    output_text(
        "usage: ffctl history FLAG [--diff] [--limit COUNT] [--segment]\n"
        "       ffctl history FLAG VERSION [--segment]\n"
        "       ffctl history FLAG --restore VERSION [--segment] [--reason TEXT] [--dry-run]\n"
        "                     [--yes]\n"
        "\n"
        "Tells the versions of a flag that is kept by the agent, newest first: when each was\n"
        "made, by whom, what it changed and why. Versions of flags that come from\n"
        "LaunchDarkly or files are not kept.\n"
        "\n"
        "  VERSION     tells the definition of that version: as YAML, or JSON\n"
        "  --diff      tells what each version changed, member by member\n"
        "  --limit COUNT\n"
        "              at most so many versions (default: 1000)\n"
        "  --segment   the key is a segment's\n"
        "  --restore VERSION\n"
        "              makes a new version with the definition of that one; dated changes to\n"
        "              come stay. Refused when somebody changes it meanwhile\n" CHANGE_HELP
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  told, or done\n"
        "  1  no such flag or version, refused, not confirmed, or no agent\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl history new-checkout\n"
        "  ffctl history new-checkout 3\n"
        "  ffctl history new-checkout --restore 3 --reason 'wrong prices'\n");
    return CTL_OK;
}

const char *history_noun(const struct history *h)
{
    return h->segment ? "segment" : "flag";
}

char *history_path(const struct ctl *ctl, const struct history *h, const char *after)
{
    char *path = client_path(h->segment ? "/segments/" : "/flags/", h->key, after);
    if (!path) {
        ctl_fail(ctl, "out of memory");
    }
    return path;
}

/* From 1 on; 0: it is no number. */
static int64_t number_of(const char *text)
{
    const size_t length = strlen(text);
    return length > 0 && length <= DIGITS && strspn(text, "0123456789") == length
               ? strtoll(text, NULL, 10)
               : 0;
}

static int take_number(const struct ctl *ctl, const char *what, int64_t *number)
{
    *number = number_of(optarg);
    return *number > 0 ? CTL_OK : ctl_usage(ctl, "%s '%s': write a number from 1 on", what, optarg);
}

static int take_word(const struct ctl *ctl, struct history *h)
{
    if (!h->key) {
        h->key = optarg;
        return CTL_OK;
    }
    return h->version == 0 ? take_number(ctl, "version", &h->version)
                           : ctl_usage(ctl, "'%s' is one word too many", optarg);
}

static int take(const struct ctl *ctl, struct history *h, int option)
{
    switch (option) {
    case OPTION_SEGMENT:
        h->segment = true;
        return CTL_OK;
    case OPTION_DIFF:
        h->diff = true;
        return CTL_OK;
    case OPTION_LIMIT:
        return take_number(ctl, "--limit", &h->limit);
    case OPTION_RESTORE:
        return take_number(ctl, "--restore", &h->restore);
    case OPTIONS_WORD:
        return take_word(ctl, h);
    default:
        return CTL_USAGE;
    }
}

/* What goes with what. */
static int check(const struct ctl *ctl, const struct history *h)
{
    const bool one = h->version > 0 || h->restore > 0;
    const bool changes = h->change.reason || h->change.dry_run || h->change.yes;
    if (!h->key || !*h->key) {
        return ctl_usage(ctl, "which %s? its key is needed", history_noun(h));
    }
    if (h->version > 0 && h->restore > 0) {
        return ctl_usage(ctl, "one version is shown, or one restored");
    }
    if (one && (h->diff || h->limit > 0)) {
        return ctl_usage(ctl, "--diff and --limit go with all versions");
    }
    return changes && h->restore == 0
               ? ctl_usage(ctl, "--reason, --dry-run and --yes go with --restore")
               : CTL_OK;
}

int ctl_history(struct ctl *ctl, int argc, char **argv)
{
    struct history h = {0};
    int option;
    while ((option = change_next(ctl, &h.change, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        const int code = take(ctl, &h, option);
        if (code != CTL_OK) {
            return code;
        }
    }
    const int code = check(ctl, &h);
    h.limit = h.limit > 0 ? h.limit : LIMIT;
    return code != CTL_OK  ? code
           : h.restore > 0 ? history_restore(ctl, &h)
           : h.version > 0 ? history_show(ctl, &h)
                           : history_list(ctl, &h);
}
