/*
 * ctl_table.h - a list of the agent's as a table for people.
 */
#ifndef FFSHM_CTL_TABLE_H
#define FFSHM_CTL_TABLE_H

#include <jansson.h>
#include <stddef.h>

#include "ctl.h"

#define TABLE_COLUMNS 6
#define TABLE_CELL 512 /* bytes of text, with its NUL; what is longer is cut */

typedef char table_cells[TABLE_COLUMNS][TABLE_CELL];

/* Writes the cells of an item; those that it leaves are empty. */
typedef void table_row_fn(const json_t *item, table_cells cells);

/* Prints a line of heads (count <= TABLE_COLUMNS) and one for each item, as wide as needed; of no
   item nothing. What others wrote cannot command the terminal. */
void table_print(const struct ctl *ctl, const char *const *heads, size_t count, const json_t *items,
                 table_row_fn *row);

/* The colour of an item's cell, as for output_colour; NULL: none. */
typedef const char *table_colour_fn(const json_t *item, size_t column);
void table_print_coloured(const struct ctl *ctl, const char *const *heads, size_t count,
                          const json_t *items, table_row_fn *row, table_colour_fn *colour);

/* A member's text into a cell: "" for what is no text. */
void table_text(char cell[TABLE_CELL], const json_t *item, const char *member);

#endif
