/*
 * scale_crew.h - a crew of workers, each pinned to a core of its own, that sleep until some of them
 * are to do the same job at the same time.
 *
 * Threads share one opened store, as the threads of a program do; processes have one each. What
 * goes wrong is told on stderr and ends the program.
 */
#ifndef FFSHM_BENCH_SCALE_CREW_H
#define FFSHM_BENCH_SCALE_CREW_H

#include "scale_work.h"

struct crew;

struct crew *crew_start(bool threads, const char *store, const struct bench_set *set,
                        const int *cpus, unsigned count);

/* Workers first to first + count - 1 do the job for so long. They begin when all of them have come,
   and end together. rates[worker]: its evaluations per second in that time. false: somebody else
   had one of the cores for a part of it. */
bool crew_turn(struct crew *c, const struct scale_job *job, unsigned first, unsigned count,
               double ns, double *rates);

void crew_end(struct crew *c);

#endif
