/*
 * bench_watcher.h - another process that sees changes: a program that evaluates without pause.
 *
 *     bench_watcher_start(&w, store, has_new_value, NULL);
 *     bench_watcher_ask(&w, 1);          round 1 begins: then make the change
 *     seen_ns = bench_watcher_await(&w); of bench_now_ns()
 *     bench_watcher_stop(&w);
 *
 * Between rounds it goes on with the flag of the last one. It ends with the process that started
 * it.
 */
#ifndef FFSHM_BENCH_WATCHER_H
#define FFSHM_BENCH_WATCHER_H

#include <stdbool.h>
#include <sys/types.h>

#include "ffshm.h"

/* Evaluates what the round (1, 2, ...) changes, once: is it changed? */
typedef bool bench_seen_fn(struct ffshm *ff, unsigned round, const void *arg);

struct bench_watcher {
    struct bench_watched *shared;
    pid_t pid;
};

/* Returns when it has the store's first snapshot; false: it did not get one, as stderr says. */
bool bench_watcher_start(struct bench_watcher *w, const char *store, bench_seen_fn *seen,
                         const void *arg);
void bench_watcher_ask(const struct bench_watcher *w, unsigned round);
/* When it saw the change that was asked for last; negative: it does not see it, as stderr says. */
double bench_watcher_await(struct bench_watcher *w);
void bench_watcher_stop(struct bench_watcher *w);

#endif
