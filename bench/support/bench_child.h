/*
 * bench_child.h - fork for the bench: the child does not outlive the one that started it.
 */
#ifndef FFSHM_BENCH_CHILD_H
#define FFSHM_BENCH_CHILD_H

#include <sys/types.h>

/* As fork. The child, also once it has become another program, is killed when its parent ends in
   whatever way. That there is none is told on stderr and ends the program. */
pid_t bench_child(void);

#endif
