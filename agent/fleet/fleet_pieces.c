#include "fleet_pieces.h"

#include <stdlib.h>
#include <string.h>

static int make_room(struct fleet_pieces *p)
{
    if (p->count < p->room) {
        return 0;
    }
    const size_t room = p->room ? p->room * 2 : 256;
    struct fleet_piece *all = realloc(p->all, room * sizeof *all);
    if (!all) {
        return -1;
    }
    p->all = all;
    p->room = room;
    return 0;
}

int fleet_pieces_add(struct fleet_pieces *p, const struct fleet_piece *piece, const void *first,
                     const void *second)
{
    if (make_room(p) != 0) {
        return -1;
    }
    struct fleet_piece *to = &p->all[p->count];
    *to = *piece;
    to->bytes = malloc(piece->first + piece->second + 1);
    if (!to->bytes) {
        return -1;
    }
    memcpy(to->bytes, first, piece->first);
    memcpy(to->bytes + piece->first, second, piece->second);
    p->bytes += piece->first + piece->second + sizeof *to;
    p->count++;
    return p->bytes <= FLEET_STATE_MOST ? 0 : -1;
}

void fleet_pieces_drop(struct fleet_pieces *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->all[i].bytes);
    }
    free(p->all);
    *p = (struct fleet_pieces){.all = NULL};
}
