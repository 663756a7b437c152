/*
 * ctl_schedule.c - ffctl schedule list | add | cancel: dated changes of flags. Here: list, and what
 * they have in common.
 */
#include "ctl_schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_commands.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_pages.h"
#include "ctl_table.h"
#include "ctl_when.h"

#define PAGE 1000

static const struct ctl_option list_options[] = {OPTIONS_WORDS("FLAG"), OPTIONS_COMMON};

char *schedule_set_text(const json_t *set)
{
    char *text = NULL;
    size_t length;
    const char *name;
    json_t *value;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)set, name, value)
    {
        char *json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        fprintf(out, "%s%s = %s", ftell(out) > 0 ? ", " : "", name, json ? json : "?");
        free(json);
    }
    fclose(out);
    return text;
}

/* ---- list ----------------------------------------------------------------------------------- */

static int list_help(void)
{
    output_text(
        "usage: ffctl schedule list [FLAG] [--dir DIR] [--json|--text]\n"
        "\n"
        "Lists the dated changes that are to come, of all flags by their time; of one flag\n"
        "also what became of those before: done, failed (and why) or cancelled. Times are\n"
        "UTC.\n"
        "\n" SCHEDULE_HELP_END "  ffctl schedule list\n"
        "  ffctl schedule list sale\n"
        "  ffctl schedule list sale --json | jq '.items[] | select(.state == \"failed\")'\n");
    return CTL_OK;
}

static void put_number(char cell[TABLE_CELL], const json_t *item)
{
    snprintf(cell, TABLE_CELL, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(item, "number")));
}

static void put_at(char cell[TABLE_CELL], const json_t *item)
{
    const json_t *at = json_object_get(item, "atMs");
    if (json_is_integer(at)) {
        when_text(json_integer_value(at), cell);
    }
}

static void put_set(char cell[TABLE_CELL], const json_t *item)
{
    char *text = schedule_set_text(json_object_get(item, "set"));
    json_t *whole = json_pack("{s:s?}", "set", text);
    table_text(cell, whole, "set");
    json_decref(whole);
    free(text);
}

static void row_of_all(const json_t *item, table_cells cells)
{
    table_text(cells[0], item, "key");
    put_number(cells[1], item);
    put_at(cells[2], item);
    put_set(cells[3], item);
    table_text(cells[4], item, "author");
    table_text(cells[5], item, "reason");
}

/* Why one has failed, or who has cancelled it, is worth more than the reason that it was for. */
static void row_of_flag(const json_t *item, table_cells cells)
{
    const char *state = json_string_value(json_object_get(item, "state"));
    const bool ended = state && (strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0) &&
                       json_is_string(json_object_get(item, "result"));
    put_number(cells[0], item);
    put_at(cells[1], item);
    table_text(cells[2], item, "state");
    put_set(cells[3], item);
    table_text(cells[4], item, "author");
    table_text(cells[5], item, ended ? "result" : "reason");
}

static void print_list(const struct ctl *ctl, const json_t *items, const char *flag)
{
    static const char *const of_all[] = {"FLAG", "NUMBER", "AT", "CHANGE", "BY", "REASON"};
    static const char *const of_flag[] = {"NUMBER", "AT", "STATE", "CHANGE", "BY", "REASON"};
    if (json_array_size(items) == 0) {
        output_text(flag ? "no change of this flag is or was scheduled\n"
                         : "no change is scheduled\n");
    }
    table_print(ctl, flag ? of_flag : of_all, TABLE_COLUMNS, items,
                flag ? row_of_flag : row_of_all);
}

static int show_list(const struct ctl *ctl, const char *flag)
{
    json_t *list = NULL;
    char *path = flag ? client_path("/flags/", flag, "/schedule") : strdup("/schedules");
    const struct pages pages = {.path = path, .cursor = "after", .size = PAGE};
    const int code = path ? pages_collect(ctl, &pages, &list) : ctl_fail(ctl, "out of memory");
    if (code == CTL_OK && ctl->json) {
        client_print_json(list);
    } else if (code == CTL_OK) {
        print_list(ctl, json_object_get(list, "items"), flag);
    }
    json_decref(list);
    free(path);
    return code;
}

static int list(struct ctl *ctl, int argc, char **argv)
{
    const char *flag = NULL;
    int option;
    while ((option = options_next(ctl, argc, argv, list_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return list_help();
        }
        if (option != OPTIONS_WORD) {
            return CTL_USAGE;
        }
        if (flag) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        flag = optarg;
    }
    return show_list(ctl, flag);
}

/* --------------------------------------------------------------------------------------------- */

static const struct ctl_command commands[] = {
    {"list", list, "what is to come; of one flag also what was"},
    {"add", schedule_add, "change members of a flag at a time to come"},
    {"cancel", schedule_cancel, "cancel one that has not come yet"},
    {NULL, NULL, NULL},
};

static int help(void)
{
    output_text("usage: ffctl schedule [--dir DIR] [--json|--text] COMMAND [OPTION]...\n"
                "\n"
                "Dated changes of flags: the agent makes them at their time, once, as their\n"
                "author's; those that came due while it did not run, at its next start.\n"
                "\n");
    commands_print(commands);
    output_text("\n"
                "ffctl schedule add --help tells about one command.\n"
                "\n" SCHEDULE_HELP_END
                "  ffctl schedule add sale --at '2026-12-24 09:00' --enable --reason 'the sale'\n"
                "  ffctl schedule list\n"
                "  ffctl schedule cancel sale 3\n");
    return CTL_OK;
}

int ctl_schedule(struct ctl *ctl, int argc, char **argv)
{
    return commands_below(ctl, argc, argv, commands, help);
}
