/*
 * turns.h - changes that hosts have to agree on are made one after another: who wants to make one
 * asks for a turn. What implements it: fleet/fleet.h. Where there is no fleet, nobody asks.
 *
 * In its turn the state file is the fleet's newest state, as far as this host knows, and one
 * durable transaction may be committed: it is proposed (storage.h: storage_agree), and when the
 * turn ends it is agreed on, stored and put in force, or not.
 */
#ifndef FFSHM_AGENT_TURNS_H
#define FFSHM_AGENT_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "../catalog/fault.h"

enum turn_outcome {
    TURN_DONE,      /* it is in force on this host; or nothing was proposed */
    TURN_OVERTAKEN, /* somebody else was first, and that is known here now: it may be tried again */
    TURN_FAILED,    /* *fault says why */
    TURN_UNKNOWN,   /* the same, and it may be in force all the same, or come into force */
};

struct turn {
    /* It is its turn; it calls turns->end when it is through with it, now or later. */
    void (*go)(struct turn *t);
    /* What came of it; nothing more is called. fault: of what failed. */
    void (*over)(struct turn *t, enum turn_outcome outcome, const struct fault *fault);
    /* The implementation's. */
    struct turn *next;
    int64_t asked_ms;
    bool overtaken; /* the last time */
    enum { TURN_NOWHERE, TURN_WAITS, TURN_GOES, TURN_ENDED } state;
};

struct turns {
    void *arg;
    /* go is called now or later, or over. */
    void (*ask)(void *arg, struct turn *t);
    void (*end)(void *arg, struct turn *t);
    /* It is not interested any more: nothing is called. What it proposed may come into force. */
    void (*leave)(void *arg, struct turn *t);
};

#endif
