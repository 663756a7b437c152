/*
 * bench_collector.h - stands in for the agent's collector: opens a window, and reads rings as fast
 * as they are written.
 */
#ifndef FFSHM_BENCH_COLLECTOR_H
#define FFSHM_BENCH_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the store in `dir`, whose agent is gone. false: errno. */
bool bench_collector_open(const char *dir);
/* 0: nobody collects. */
void bench_collector_window(uint64_t window);
/* The ring of this process is empty again. Call now and then. */
void bench_collector_read(void);

#endif
