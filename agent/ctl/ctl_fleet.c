#include "ctl_fleet.h"

#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_output.h"

#define STATE_COLUMN 5

static bool is(const json_t *host, const char *name)
{
    return json_is_true(json_object_get(host, name));
}

void fleet_name_cell(char cell[TABLE_CELL], const json_t *host)
{
    table_text(cell, host, "name");
    if (cell[0] == '\0') {
        table_text(cell, host, "id");
    }
    if (is(host, "self")) {
        const size_t used = strlen(cell);
        snprintf(cell + used, TABLE_CELL - used, " (this)");
    }
}

void fleet_state_cell(char cell[TABLE_CELL], const json_t *host)
{
    char age[OUTPUT_SHORT];
    const json_t *fleet = json_object_get(host, "fleet");
    const char *state = json_string_value(json_object_get(fleet, "state"));
    if (is(host, "silent")) {
        const json_int_t heard = json_integer_value(json_object_get(host, "heardMs"));
        snprintf(cell, TABLE_CELL, "silent for %s", output_age(heard, age));
        return;
    }
    const bool well = !state || strcmp(state, "connected") == 0;
    snprintf(cell, TABLE_CELL, "%s%s%s%s", is(host, "same") ? "same" : "differs",
             is(fleet, "leads") ? ", leads" : "", well ? "" : ", ", well ? "" : state);
}

const char *fleet_colour(const json_t *host, size_t column)
{
    return column != STATE_COLUMN ? NULL
           : is(host, "silent")   ? "33"
           : is(host, "same")     ? "32"
                                  : "31";
}

/* ---- readers -------------------------------------------------------------------------------- */

static void number_cell(char cell[TABLE_CELL], const json_t *readers, const char *name)
{
    const json_t *number = json_object_get(readers, name);
    if (json_is_integer(number)) {
        snprintf(cell, TABLE_CELL, "%lld", (long long)json_integer_value(number));
    }
}

static void readers_row(const json_t *item, table_cells cells)
{
    const json_t *readers = json_object_get(item, "readers");
    fleet_name_cell(cells[0], item);
    table_text(cells[1], item, "generationText");
    number_cell(cells[2], readers, "processes");
    number_cell(cells[3], readers, "current");
    number_cell(cells[4], readers, "behind");
    if (json_is_object(readers)) {
        fleet_state_cell(cells[5], item);
    } else {
        snprintf(cells[5], TABLE_CELL, "no answer");
    }
}

static void late_row(const json_t *item, table_cells cells)
{
    table_text(cells[0], item, "host");
    number_cell(cells[1], item, "pid");
    table_text(cells[2], item, "generationText");
    table_text(cells[3], item, "command");
}

static void print_readers(const struct ctl *ctl, const json_t *body)
{
    static const char *const heads[] = {"HOST",    "GENERATION", "READERS",
                                        "CURRENT", "BEHIND",     "STATE"};
    static const char *const late_heads[] = {"HOST", "PID", "GENERATION", "COMMAND"};
    const json_t *items = json_object_get(body, "items");
    json_t *late = json_array();
    json_int_t all = 0;
    size_t at;
    size_t i;
    json_t *host;
    json_t *one;
    json_array_foreach(items, at, host)
    {
        const json_t *readers = json_object_get(host, "readers");
        all += json_integer_value(json_object_get(readers, "processes"));
        json_array_foreach(json_object_get(readers, "late"), i, one)
        {
            json_object_set(one, "host", json_object_get(host, "name"));
            json_array_append(late, one);
        }
    }
    table_print_coloured(ctl, heads, sizeof heads / sizeof *heads, items, readers_row,
                         fleet_colour);
    printf("%lld process%s read%s on %zu host%s.\n", (long long)all, all == 1 ? "" : "es",
           all == 1 ? "s" : "", json_array_size(items), json_array_size(items) == 1 ? "" : "s");
    if (json_array_size(late) > 0) {
        output_text("\nBehind:\n");
        table_print(ctl, late_heads, sizeof late_heads / sizeof *late_heads, late, late_row);
    }
    json_decref(late);
}

int fleet_readers(const struct ctl *ctl)
{
    return client_show(ctl, "/fleet/readers", print_readers);
}
