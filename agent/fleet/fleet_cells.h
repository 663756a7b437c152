/*
 * fleet_cells.h - counts by flag and variation, as a fleet's totals have them.
 *
 * A cell's name is "<variation>:<key>": the variation's number, "d" where the caller's default was
 * served, "?" where no flag has the key.
 */
#ifndef FFSHM_AGENT_FLEET_CELLS_H
#define FFSHM_AGENT_FLEET_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLEET_CELLS_MOST 65536u /* more are refused */

struct fleet_cell {
    char *name; /* NULL: a free place */
    uint64_t count;
};

struct fleet_cells {
    struct fleet_cell *places; /* open addressing; a power of two */
    size_t room;
    size_t count;
};

void fleet_cells_free(struct fleet_cells *c);
/* Empties it, and keeps the room. */
void fleet_cells_clear(struct fleet_cells *c);
/* false: no memory, or too many. */
bool fleet_cells_add(struct fleet_cells *c, const char *name, size_t length, uint64_t count);
/* The next one that is there; NULL: the end. *at: 0 to begin with. */
const struct fleet_cell *fleet_cells_next(const struct fleet_cells *c, size_t *at);

/* variation -1: the caller's default. malloc'ed; NULL: no memory. */
char *fleet_cell_name(const char *key, int64_t variation, bool unknown);
/* The key, within the name; NULL: it is no such name. */
const char *fleet_cell_key(const char *name, int64_t *variation, bool *unknown);

#endif
