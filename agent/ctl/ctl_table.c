#include "ctl_table.h"

#include <stdio.h>
#include <string.h>

#include "ctl_output.h"
#include "inspect/inspect_shown.h"

static void widen(size_t widths[TABLE_COLUMNS], size_t column, const char *text)
{
    const size_t wanted = shown_width(text);
    widths[column] = wanted > widths[column] ? wanted : widths[column];
}

/* The last cell ends its line without white space. */
static void print_cell(const struct ctl *ctl, const char *text, size_t wide, bool last,
                       const char *colour)
{
    if (colour) {
        output_colour(ctl, colour);
    }
    output_plain(text, strlen(text));
    if (colour) {
        output_plainly(ctl);
    }
    if (last) {
        output_text("\n");
        return;
    }
    printf("%*s", (int)(wide - shown_width(text) + 2), "");
}

static void fill(table_row_fn *row, const json_t *item, table_cells cells)
{
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        cells[i][0] = '\0';
    }
    row(item, cells);
}

/* That has something in it. */
static size_t last_cell(table_cells cells, size_t count)
{
    while (count > 1 && cells[count - 1][0] == '\0') {
        count--;
    }
    return count - 1;
}

void table_print(const struct ctl *ctl, const char *const *heads, size_t count, const json_t *items,
                 table_row_fn *row)
{
    table_print_coloured(ctl, heads, count, items, row, NULL);
}

void table_print_coloured(const struct ctl *ctl, const char *const *heads, size_t count,
                          const json_t *items, table_row_fn *row, table_colour_fn *colour)
{
    table_cells cells;
    size_t widths[TABLE_COLUMNS] = {0};
    size_t at;
    const json_t *item;
    for (size_t i = 0; i < count; i++) {
        widen(widths, i, heads[i]);
    }
    json_array_foreach((json_t *)items, at, item)
    {
        fill(row, item, cells);
        for (size_t i = 0; i < count; i++) {
            widen(widths, i, cells[i]);
        }
    }
    if (json_array_size(items) == 0) {
        return;
    }
    output_colour(ctl, "1");
    for (size_t i = 0; i + 1 < count; i++) {
        print_cell(ctl, heads[i], widths[i], false, NULL);
    }
    output_text(heads[count - 1]);
    output_plainly(ctl);
    output_text("\n");
    json_array_foreach((json_t *)items, at, item)
    {
        fill(row, item, cells);
        const size_t last = last_cell(cells, count);
        for (size_t i = 0; i <= last; i++) {
            print_cell(ctl, cells[i], widths[i], i == last, colour ? colour(item, i) : NULL);
        }
    }
}

/* Cut at a character's start. */
void table_text(char cell[TABLE_CELL], const json_t *item, const char *member)
{
    const char *text = json_string_value(json_object_get(item, member));
    size_t length = text ? strnlen(text, TABLE_CELL) : 0;
    if (length == TABLE_CELL) {
        length--;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    if (length > 0) {
        memcpy(cell, text, length);
    }
    cell[length] = '\0';
}
