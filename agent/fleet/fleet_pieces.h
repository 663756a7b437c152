/*
 * fleet_pieces.h - pairs of bytes in memory: the rows and records of a whole state on its way.
 */
#ifndef FFSHM_AGENT_FLEET_PIECES_H
#define FFSHM_AGENT_FLEET_PIECES_H

#include "../storage/rows.h"

#define FLEET_STATE_MOST (2ULL << 30) /* bytes of one */

struct fleet_piece {
    char *bytes; /* first, then second: a key and its row, or a record and its chain */
    size_t first;
    size_t second;
    enum rows_table table; /* of a row */
    int64_t sequence;      /* of a record */
};

struct fleet_pieces {
    struct fleet_piece *all;
    size_t count;
    size_t room;
    uint64_t bytes;
};

/* Copies both; of the piece only lengths, table and sequence are looked at. 0, or -1: no memory, or
   more than FLEET_STATE_MOST. */
int fleet_pieces_add(struct fleet_pieces *p, const struct fleet_piece *piece, const void *first,
                     const void *second);
void fleet_pieces_drop(struct fleet_pieces *p);

#endif
