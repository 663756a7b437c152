/*
 * ctl_overrides.c - ffctl overrides: the flags that are killed or pinned, and those that wait.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"
#include "ctl_when.h"

static const struct ctl_option options[] = {OPTIONS_COMMON};

static int help(void)
{
    output_text("usage: ffctl overrides [--dir DIR] [--json|--text]\n"
                "\n"
                "Lists the flags that are overridden: killed, or pinned to a variant; by whom,\n"
                "since when and until when, and why. Also overrides that wait for a flag of\n"
                "their key.\n"
                "\n"
                "  --dir DIR, --json, --text, -h, --help\n"
                "\n"
                "Exit codes\n"
                "  0  answered, also where no flag is overridden\n"
                "  1  no agent, or it refuses\n"
                "  2  wrong usage\n"
                "\n"
                "Examples\n"
                "  ffctl overrides\n"
                "  ffctl overrides --json | jq -r '.items[].flag'\n");
    return CTL_OK;
}

static void row(const json_t *item, table_cells cells)
{
    const char *kind = json_string_value(json_object_get(item, "kind"));
    const char *variant = json_string_value(json_object_get(item, "variant"));
    const json_t *end = json_object_get(item, "expiresMs");
    const json_t *set = json_object_get(item, "setMs");
    table_text(cells[0], item, "flag");
    snprintf(cells[1], TABLE_CELL, "%s%s%s%s", kind ? kind : "", variant ? " to " : "",
             variant ? variant : "",
             json_is_false(json_object_get(item, "exists")) ? " (no such flag yet)" : "");
    table_text(cells[2], item, "setBy");
    if (json_is_integer(set)) {
        when_text(json_integer_value(set), cells[3]);
    }
    if (json_is_integer(end)) {
        when_text(json_integer_value(end), cells[4]);
    } else {
        snprintf(cells[4], TABLE_CELL, "revived");
    }
    table_text(cells[5], item, "reason");
}

static void print_text(const struct ctl *ctl, const json_t *body)
{
    static const char *const heads[] = {"FLAG", "OVERRIDE", "BY", "SINCE", "UNTIL", "REASON"};
    const json_t *items = json_object_get(body, "items");
    if (json_array_size(items) == 0) {
        output_text("no flag is overridden\n");
    }
    table_print(ctl, heads, sizeof heads / sizeof *heads, items, row);
}

int ctl_overrides(struct ctl *ctl, int argc, char **argv)
{
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        return option == OPTIONS_WORD ? ctl_usage(ctl, "'%s' is one word too many", optarg)
                                      : CTL_USAGE;
    }
    return client_show(ctl, "/overrides", print_text);
}
