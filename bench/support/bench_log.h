/*
 * bench_log.h - what the agent says of each publish in its log: how long it took, by its own clock.
 */
#ifndef FFSHM_BENCH_LOG_H
#define FFSHM_BENCH_LOG_H

#include <stdbool.h>
#include <stdio.h>

struct bench_published {
    double compile_us;
    double publish_us;
    double bytes;   /* written to the store */
    double changed; /* flags and segments */
};

/* From now on: what is in it is skipped. NULL: errno. */
FILE *bench_log_open(const char *path);
/* The next publish, or the one that is about to be told; false: none in 10 s. */
bool bench_log_published(FILE *log, struct bench_published *p);

#endif
