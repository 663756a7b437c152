#include "ctl_snapshot_all.h"

#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_output.h"
#include "ctl_pages.h"
#include "ctl_table.h"
#include "ctl_when.h"

#define PAGE 1000

/* "12", "12-15"; of one that merged files alone nothing. */
static void put_entries(char cell[TABLE_CELL], const json_t *item)
{
    const json_t *first = json_object_get(item, "firstAudit");
    const json_int_t last = json_integer_value(json_object_get(item, "lastAudit"));
    if (!json_is_integer(first)) {
        return;
    }
    snprintf(cell, TABLE_CELL, "%" JSON_INTEGER_FORMAT, json_integer_value(first));
    if (last > json_integer_value(first)) {
        snprintf(cell + strlen(cell), TABLE_CELL - strlen(cell), "-%" JSON_INTEGER_FORMAT, last);
    }
}

static void row(const json_t *item, table_cells cells)
{
    const json_t *published = json_object_get(item, "publishedMs");
    const bool current = json_is_true(json_object_get(item, "current"));
    const bool retained = json_is_true(json_object_get(item, "retained"));
    table_text(cells[0], item, "generationText");
    if (json_is_integer(published)) {
        when_text(json_integer_value(published), cells[1]);
    }
    put_entries(cells[2], item);
    snprintf(cells[3], TABLE_CELL, "%s", current ? "current" : retained ? "retained" : "");
    table_text(cells[4], item, "digest");
}

/* The current one at the end, as `snapshot list` has it. */
static json_t *reversed(const json_t *items)
{
    json_t *list = json_array();
    for (size_t i = json_array_size(items); i > 0 && list; i--) {
        if (json_array_append(list, json_array_get(items, i - 1)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int snapshot_list_all(const struct ctl *ctl)
{
    static const char *const heads[] = {"GENERATION", "PUBLISHED", "ENTRIES", "FILES", "DIGEST"};
    const struct pages pages = {.path = "/snapshots", .cursor = "before", .size = PAGE};
    json_t *list = NULL;
    const int code = pages_collect(ctl, &pages, &list);
    if (code == CTL_OK && ctl->json) {
        client_print_json(list);
    } else if (code == CTL_OK) {
        json_t *items = reversed(json_object_get(list, "items"));
        table_print(ctl, heads, sizeof heads / sizeof *heads, items, row);
        json_decref(items);
    }
    json_decref(list);
    return code;
}
