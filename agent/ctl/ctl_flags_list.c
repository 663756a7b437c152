/*
 * ctl_flags_list.c - ffctl flags list and ffctl segments list: what is in force, from every source.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"

enum {
    OPTION_PREFIX = OPTIONS_OWN,
    OPTION_TAG,
    OPTION_SOURCE,
    OPTION_ARCHIVED,
};

static const struct ctl_option options[] = {
    {"prefix", required_argument, "PREFIX", OPTION_PREFIX},
    {"tag", required_argument, "TAG", OPTION_TAG},
    {"source", required_argument, "admin|launchdarkly|file", OPTION_SOURCE},
    {"archived", no_argument, NULL, OPTION_ARCHIVED},
    OPTIONS_COMMON,
};
static const struct ctl_option segment_options[] = {
    {"prefix", required_argument, "PREFIX", OPTION_PREFIX},
    {"tag", required_argument, "TAG", OPTION_TAG},
    {"source", required_argument, "admin|launchdarkly|file", OPTION_SOURCE},
    OPTIONS_COMMON,
};

#define HELP_CHOICE                                                                                \
    "  --prefix PREFIX\n"                                                                          \
    "              only keys that begin so\n"                                                      \
    "  --tag TAG   only with this tag\n"                                                           \
    "  --source SOURCE\n"                                                                          \
    "              only from there: admin (kept by the agent), launchdarkly, file, file:PATH\n"

static int help_flags(void)
{
    output_text("usage: ffctl flags list [--prefix PREFIX] [--tag TAG] [--source SOURCE]\n"
                "                        [--archived]\n"
                "\n"
                "Lists the flags in force, by key: is it on, killed or pinned, what it can serve,\n"
                "and where it comes from.\n"
                "\n" HELP_CHOICE "  --archived  archived ones, too\n" FLAGS_HELP_END
                "  ffctl flags list\n"
                "  ffctl flags list --tag web --source admin\n"
                "  ffctl flags list --json | jq -r '.items[] | select(.enabled | not).key'\n");
    return CTL_OK;
}

static int help_segments(void)
{
    output_text("usage: ffctl segments list [--prefix PREFIX] [--tag TAG] [--source SOURCE]\n"
                "\n"
                "Lists the segments in force, by key, and where they come from.\n"
                "\n" HELP_CHOICE FLAGS_HELP_END "  ffctl segments list\n"
                "  ffctl segments list --json | jq -r '.items[].key'\n");
    return CTL_OK;
}

/* ---- the table ------------------------------------------------------------------------------ */

static const char *state_of(const json_t *item)
{
    const char *override = json_string_value(json_object_get(item, "override"));
    if (json_is_true(json_object_get(item, "archived"))) {
        return "archived";
    }
    if (override) {
        return strcmp(override, "pin") == 0 ? "pinned" : "killed";
    }
    return json_is_true(json_object_get(item, "enabled")) ? "on" : "off";
}

/* "a, b, c": what of the list is text. */
static void put_list(char cell[TABLE_CELL], const json_t *list)
{
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(list) && used < TABLE_CELL; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text) {
            used += (size_t)snprintf(cell + used, TABLE_CELL - used, "%s%s", used > 0 ? ", " : "",
                                     text);
        }
    }
}

static void flag_row(const json_t *item, table_cells cells)
{
    table_text(cells[0], item, "key");
    snprintf(cells[1], TABLE_CELL, "%s", state_of(item));
    put_list(cells[2], json_object_get(item, "variants"));
    table_text(cells[3], item, "source");
    put_list(cells[4], json_object_get(item, "tags"));
    table_text(cells[5], item, "name");
}

static const char *flag_colour(const json_t *item, size_t column)
{
    const char *state = state_of(item);
    if (column != 1) {
        return NULL;
    }
    return strcmp(state, "on") == 0       ? "32"
           : strcmp(state, "killed") == 0 ? "31"
           : strcmp(state, "pinned") == 0 ? "33"
                                          : "2";
}

static void segment_row(const json_t *item, table_cells cells)
{
    table_text(cells[0], item, "key");
    table_text(cells[1], item, "source");
    put_list(cells[2], json_object_get(item, "tags"));
    table_text(cells[3], item, "name");
}

static void print(const struct ctl *ctl, enum kept_kind kind, const json_t *body)
{
    static const char *const flag_heads[] = {"FLAG", "STATE", "VARIANTS", "SOURCE", "TAGS", "NAME"};
    static const char *const segment_heads[] = {"SEGMENT", "SOURCE", "TAGS", "NAME"};
    const json_t *items = json_object_get(body, "items");
    if (json_array_size(items) == 0) {
        printf("no %s\n", kept_noun(kind));
    } else if (kind == KEPT_FLAG) {
        table_print_coloured(ctl, flag_heads, 6, items, flag_row, flag_colour);
    } else {
        table_print(ctl, segment_heads, 4, items, segment_row);
    }
}

/* ---- asking --------------------------------------------------------------------------------- */

/* Adds "NAME=VALUE" to a path's query. CTL_OK, or reported; the old path is freed. */
static int choose(const struct ctl *ctl, char **path, const char *name, const char *value)
{
    char *longer = NULL;
    char *encoded = client_segment(value);
    if (encoded &&
        asprintf(&longer, "%s%c%s=%s", *path, strchr(*path, '?') ? '&' : '?', name, encoded) < 0) {
        longer = NULL;
    }
    free(encoded);
    if (!longer) {
        return ctl_fail(ctl, "out of memory");
    }
    free(*path);
    *path = longer;
    return CTL_OK;
}

static int take(const struct ctl *ctl, char **path, int option)
{
    switch (option) {
    case OPTION_PREFIX:
        return choose(ctl, path, "prefix", optarg);
    case OPTION_TAG:
        return choose(ctl, path, "tag", optarg);
    case OPTION_SOURCE:
        return choose(ctl, path, "source", optarg);
    case OPTION_ARCHIVED:
        return choose(ctl, path, "archived", "true");
    case OPTIONS_WORD:
        return ctl_usage(ctl, "'%s' is one word too many; --prefix %s?", optarg, optarg);
    default:
        return CTL_USAGE;
    }
}

static int show(const struct ctl *ctl, enum kept_kind kind, const char *path)
{
    json_t *all;
    const int code = client_list(ctl, path, &all);
    if (code == CTL_OK && ctl->json) {
        client_print_json(all);
    } else if (code == CTL_OK) {
        print(ctl, kind, all);
    }
    json_decref(all);
    return code;
}

static int list(struct ctl *ctl, int argc, char **argv, enum kept_kind kind)
{
    const struct ctl_option *table = kind == KEPT_FLAG ? options : segment_options;
    char *path = strdup(kind == KEPT_FLAG ? "/flags" : "/segments");
    int code = CTL_OK;
    bool asked_help = false;
    int option;
    if (!path) {
        return ctl_fail(ctl, "out of memory");
    }
    while (code == CTL_OK && !asked_help &&
           (option = options_next(ctl, argc, argv, table)) != OPTIONS_END) {
        asked_help = option == OPTIONS_HELP;
        code = asked_help ? CTL_OK : take(ctl, &path, option);
    }
    if (asked_help) {
        code = kind == KEPT_FLAG ? help_flags() : help_segments();
    } else if (code == CTL_OK) {
        code = show(ctl, kind, path);
    }
    free(path);
    return code;
}

int flags_list(struct ctl *ctl, int argc, char **argv)
{
    return list(ctl, argc, argv, KEPT_FLAG);
}

int segments_list(struct ctl *ctl, int argc, char **argv)
{
    return list(ctl, argc, argv, KEPT_SEGMENT);
}
