#include "fleet_cells.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define ROOM_LEAST 64
#define VARIATION_DIGITS 6

void fleet_cells_clear(struct fleet_cells *c)
{
    for (size_t i = 0; i < c->room; i++) {
        free(c->places[i].name);
        c->places[i] = (struct fleet_cell){NULL, 0};
    }
    c->count = 0;
}

void fleet_cells_free(struct fleet_cells *c)
{
    fleet_cells_clear(c);
    free(c->places);
    *c = (struct fleet_cells){NULL, 0, 0};
}

static struct fleet_cell *place_of(const struct fleet_cells *c, const char *name, size_t length)
{
    size_t at = hash_bytes(name, length) & (c->room - 1);
    while (c->places[at].name &&
           (strncmp(c->places[at].name, name, length) != 0 || c->places[at].name[length])) {
        at = (at + 1) & (c->room - 1);
    }
    return &c->places[at];
}

static bool grow(struct fleet_cells *c)
{
    struct fleet_cells grown = {.room = c->room ? 2 * c->room : ROOM_LEAST, .count = c->count};
    grown.places = calloc(grown.room, sizeof *grown.places);
    if (!grown.places) {
        return false;
    }
    for (size_t i = 0; i < c->room; i++) {
        if (c->places[i].name) {
            *place_of(&grown, c->places[i].name, strlen(c->places[i].name)) = c->places[i];
        }
    }
    free(c->places);
    *c = grown;
    return true;
}

bool fleet_cells_add(struct fleet_cells *c, const char *name, size_t length, uint64_t count)
{
    if (c->count * 2 >= c->room && !grow(c)) {
        return false;
    }
    struct fleet_cell *cell = place_of(c, name, length);
    if (!cell->name) {
        cell->name = c->count < FLEET_CELLS_MOST ? strndup(name, length) : NULL;
        if (!cell->name) {
            return false;
        }
        c->count++;
    }
    cell->count += count;
    return true;
}

const struct fleet_cell *fleet_cells_next(const struct fleet_cells *c, size_t *at)
{
    while (*at < c->room) {
        const struct fleet_cell *cell = &c->places[(*at)++];
        if (cell->name) {
            return cell;
        }
    }
    return NULL;
}

char *fleet_cell_name(const char *key, int64_t variation, bool unknown)
{
    char *name;
    const int length = unknown         ? asprintf(&name, "?:%s", key)
                       : variation < 0 ? asprintf(&name, "d:%s", key)
                                       : asprintf(&name, "%" PRId64 ":%s", variation, key);
    return length < 0 ? NULL : name;
}

const char *fleet_cell_key(const char *name, int64_t *variation, bool *unknown)
{
    const size_t digits = strspn(name, "0123456789");
    const size_t before = digits > 0 ? digits : name[0] == 'd' || name[0] == '?' ? 1 : 0;
    if (before == 0 || digits > VARIATION_DIGITS || name[before] != ':' || !name[before + 1]) {
        return NULL;
    }
    *unknown = name[0] == '?';
    *variation = digits > 0 ? strtoll(name, NULL, 10) : -1;
    return name + before + 1;
}
