/*
 * bench_store.h - a store with the bench's flags, published by a real ffagent, which ends then.
 *
 * What goes wrong is told on stderr and ends the program.
 */
#ifndef FFSHM_BENCH_STORE_H
#define FFSHM_BENCH_STORE_H

#include "bench_cases.h"
#include "bench_directory.h"

struct bench_store {
    char dir[BENCH_PATH];        /* on tmpfs, removed by bench_store_close */
    char store[BENCH_PATH + 16]; /* in it: for ffshm_open */
};

/* Which of the bench's flags: see bench_cases.h. */
void bench_store_open(struct bench_store *s, const char *ffagent, const struct bench_set *set);
void bench_store_close(struct bench_store *s);

#endif
