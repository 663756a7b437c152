/*
 * bench_cpus.h - which CPUs there are to measure on, and staying on them.
 *
 * One CPU a core: two hardware threads of a core share its execution units, whatever runs there.
 */
#ifndef FFSHM_BENCH_CPUS_H
#define FFSHM_BENCH_CPUS_H

#include <sched.h>

#define BENCH_CPUS_MOST 256u

/* Those that this process was allowed when it first asked, in order: of each core the first one
   that it may use. Returns how many. */
unsigned bench_cpus(int cpus[BENCH_CPUS_MOST]);

/* The calling thread, and what it starts from now on. What cannot be is told on stderr and ends the
   program. */
void bench_pin(const int *cpus, unsigned count);

/* The first CPU of a list as the kernel writes it, "0-3,8", that is allowed; -1: none. */
int bench_first_allowed(const char *list, const cpu_set_t *allowed);

#endif
