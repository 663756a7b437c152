/*
 * telemetry_tell.h - what evaluations and the functions under "tell" have in common.
 */
#ifndef FFSHM_TELEMETRY_TELL_H
#define FFSHM_TELEMETRY_TELL_H

#include "telemetry.h"

/* One call that tells something. */
struct telemetry_teller {
    struct ffshm *ff;
    struct telemetry *t;       /* with a file; NULL: what is told is lost */
    struct telemetry *without; /* where to count what is lost; NULL: nowhere */
    uint64_t window;
    bool events;    /* the agent reads the ring */
    int64_t now_ms; /* CLOCK_REALTIME; 0: not looked at yet */
};

void telemetry_begin(struct telemetry_teller *teller, struct ffshm *ff, uint64_t window);
int64_t telemetry_now(struct telemetry_teller *teller);

/* INDEX, unless the context is known. Both give the number of its set of kinds;
   TELEMETRY_KIND_SETS: there are too many sets. */
unsigned telemetry_tell_context(struct telemetry_teller *teller, const struct ffshm_context *c);
unsigned telemetry_know_context(struct telemetry_teller *teller, const struct ffshm_context *c);

/* Once in `ratio` times; 1: always; 0 and less: never. */
bool telemetry_drawn(int32_t ratio);
extern __thread uint64_t telemetry_draw_state; /* 0: to be seeded */

#endif
