/*
 * ctl_fleet.h - hosts of a fleet as the agent tells of them, in tables of several commands.
 */
#ifndef FFSHM_CTL_FLEET_H
#define FFSHM_CTL_FLEET_H

#include <jansson.h>

#include "ctl_table.h"

/* "web-1", "web-2 (this)". */
void fleet_name_cell(char cell[TABLE_CELL], const json_t *host);
/* "same", "differs", "silent for 3 min"; and what of its fleet is not as it should be. */
void fleet_state_cell(char cell[TABLE_CELL], const json_t *host);
/* Of the state, the last column of six. */
const char *fleet_colour(const json_t *host, size_t column);

/* ffctl readers --fleet, after its options. */
int fleet_readers(const struct ctl *ctl);

#endif
