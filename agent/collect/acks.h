/*
 * acks.h - the file by which processes learn how far their rings have been read; its layout is in
 * lib/telemetry_file.h.
 *
 * An entry appears when something of its process's file has been stored, never before: an entry
 * without marks in storage says that an earlier agent has counted the file, and storage was lost.
 */
#ifndef FFSHM_AGENT_ACKS_H
#define FFSHM_AGENT_ACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "../catalog/fault.h"
#include "telemetry_file.h"

struct acks {
    struct telemetry_acks *page;
    bool used[TELEMETRY_ACK_SLOTS]; /* by a file that is known */
};

#define ACKS_NO_SLOT (-1)

/* Maps the one in the directory when it is sound and of this epoch, with its positions; else puts a
   new one in its place. 0 or -1 with *fault. */
int acks_open(struct acks *a, int dir, const char *path, uint64_t store_epoch, struct fault *fault);
void acks_close(struct acks *a);

/* The entry that an earlier agent has left for the id, which is in use from now on: its slot and
 *position. ACKS_NO_SLOT: there is none, or another file has it. */
int acks_find(struct acks *a, uint64_t id, uint64_t *position);
/* Stores the position; slot is where the last call stored it, or ACKS_NO_SLOT. The slot, or
   ACKS_NO_SLOT when all that the id may have are in use. */
int acks_publish(struct acks *a, int slot, uint64_t id, uint64_t position);
/* The file is gone. */
void acks_leave(struct acks *a, int slot);

#endif
