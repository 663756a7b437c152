/*
 * ctl_items.h - generations in the API's terms, and what is different between two, for people.
 */
#ifndef FFSHM_CTL_ITEMS_H
#define FFSHM_CTL_ITEMS_H

#include <jansson.h>

#include "ctl.h"

/* A generation (3.5, a number, 0x...) or a time as the API takes it, out of what a person writes;
   malloc'ed, a segment of a path. NULL: reported. */
char *items_point(const struct ctl *ctl, const char *text);

/* What the API tells as "from" or "to": "3.5 (2026-03-01T09:30:00Z)". */
void items_print_point(const json_t *point);

/* Prints items of a difference, each with its differences. What others wrote cannot command the
   terminal. */
void items_print(const struct ctl *ctl, const json_t *items);

/* Those that operators' definitions have brought, or (kept false) the others: kill switches, and
   what comes from LaunchDarkly and files. A new reference, NULL: no memory. */
json_t *items_choose(const json_t *items, bool kept);

#endif
