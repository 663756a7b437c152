/*
 * ctl_hosts.c - ffctl hosts: the hosts of a fleet, and whether they serve the same.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_fleet.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"
#include "ctl_when.h"

#define DIGEST_SHOWN 12 /* letters, as many as tell them apart */

static const struct ctl_option options[] = {OPTIONS_COMMON};

static int help(void)
{
    output_text(
        "usage: ffctl hosts [--dir DIR] [--json|--text]\n"
        "\n"
        "Lists the hosts of the fleet that were heard in the last day: what each serves, since "
        "when,\n"
        "and whether that is what most of them serve. The agent is asked, and asks Redis.\n"
        "\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "As JSON: {\"items\": [{\"name\", \"id\", \"self\", \"same\", \"silent\", \"heardMs\", "
        "\"digest\",\n"
        "\"generationText\", \"publishedMs\", \"flags\", \"segments\", \"processes\", "
        "\"sources\",\n"
        "\"fleet\", \"version\", \"startedMs\", ...}], \"digest\", \"differing\", \"silent\"}.\n"
        "\n"
        "Exit codes\n"
        "  0  listed\n"
        "  1  no agent, it is not one of a fleet, or Redis cannot be asked\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl hosts\n"
        "  ffctl hosts --json | jq -e '.differing == 0 and .silent == 0'\n");
    return CTL_OK;
}

/* "files, launchdarkly interrupted": those that are not valid, with what they are. */
static void sources_cell(char cell[TABLE_CELL], const json_t *item)
{
    size_t at;
    const json_t *source;
    size_t used = 0;
    cell[0] = '\0';
    json_array_foreach(json_object_get(item, "sources"), at, source)
    {
        const char *name = json_string_value(json_object_get(source, "name"));
        const char *state = json_string_value(json_object_get(source, "state"));
        if (name && state && used < TABLE_CELL) {
            const bool valid = strcmp(state, "valid") == 0;
            used += (size_t)snprintf(cell + used, TABLE_CELL - used, "%s%s%s%s", used ? ", " : "",
                                     name, valid ? "" : " ", valid ? "" : state);
        }
    }
    if (used == 0) {
        snprintf(cell, TABLE_CELL, "operators");
    }
}

static void age_cell(char cell[TABLE_CELL], const json_t *item)
{
    char age[OUTPUT_SHORT];
    const json_int_t published = json_integer_value(json_object_get(item, "publishedMs"));
    const json_int_t age_ms = when_now() - published;
    snprintf(cell, TABLE_CELL, "%s", published > 0 ? output_age(age_ms > 0 ? age_ms : 0, age) : "");
}

static void row(const json_t *item, table_cells cells)
{
    fleet_name_cell(cells[0], item);
    table_text(cells[1], item, "generationText");
    age_cell(cells[2], item);
    table_text(cells[3], item, "digest");
    cells[3][DIGEST_SHOWN] = '\0';
    sources_cell(cells[4], item);
    fleet_state_cell(cells[5], item);
}

static void print_text(const struct ctl *ctl, const json_t *body)
{
    static const char *const heads[] = {"HOST", "GENERATION", "AGE", "DIGEST", "SOURCES", "STATE"};
    const json_t *items = json_object_get(body, "items");
    const json_int_t differing = json_integer_value(json_object_get(body, "differing"));
    const json_int_t silent = json_integer_value(json_object_get(body, "silent"));
    const json_int_t heard = (json_int_t)json_array_size(items) - silent;
    table_print_coloured(ctl, heads, sizeof heads / sizeof *heads, items, row, fleet_colour);
    printf("%lld host%s", (long long)heard, heard == 1 ? "" : "s");
    if (differing > 0) {
        printf(", %lld of them with something else than most", (long long)differing);
    } else if (heard > 1) {
        printf(", with the same");
    }
    if (silent > 0) {
        printf("; %lld silent", (long long)silent);
    }
    output_text("\n");
}

int ctl_hosts(struct ctl *ctl, int argc, char **argv)
{
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        return option == OPTIONS_WORD ? ctl_usage(ctl, "'%s' is one word too many", optarg)
                                      : CTL_USAGE;
    }
    return client_show(ctl, "/fleet/hosts", print_text);
}
