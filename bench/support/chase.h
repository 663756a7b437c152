/*
 * chase.h - the latency of a load: each load's address is what the one before loaded.
 *
 * The lines of a memory area are linked to one cycle in random order, which no prefetcher foresees.
 */
#ifndef FFSHM_BENCH_CHASE_H
#define FFSHM_BENCH_CHASE_H

#include "bench_area.h"

struct chase {
    struct bench_area area;
    size_t lines;
    void *at; /* where the next run goes on */
};

/* Bytes of this machine's first processor's data cache of a level; 0: not known, or none. */
size_t chase_cache_bytes(int level);

/* false: no memory. */
bool chase_open(struct chase *c, size_t bytes, bool huge);
void chase_run(struct chase *c, unsigned n);
void chase_close(struct chase *c);

#endif
