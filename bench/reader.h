/*
 * reader.h - a process that has just begun, opens a store and evaluates: this program, executed
 * again as `ffbench reader`, which no usage tells of.
 *
 * What goes wrong is told on stderr and ends both programs.
 */
#ifndef FFSHM_BENCH_READER_H
#define FFSHM_BENCH_READER_H

#include <stdbool.h>
#include <sys/types.h>

#include "ffshm.h"

/* How it opens the store. */
struct reader_way {
    const char *store;
    bool counts; /* tells the agent what it evaluates */
    bool trusts; /* FFSHM_VERIFY_HEADER */
};

struct reader {
    pid_t pid;
    int input;
    int output;
};

/* Times of bench_now_ns(), in whatever process. */
struct reader_times {
    double executed_ns;
    double opening_ns; /* before ffshm_open */
    double answered_ns;
};

/* ffshm_open, and the first answer of bench_flag()'s first flag. NULL: none, told on stderr. */
struct ffshm *reader_open(const struct reader_way *way);

/* Runs one to its first answer and its end. */
struct reader_times reader_once(const struct reader_way *way);

/* Starts one that waits before it opens. */
void reader_start(struct reader *r, const struct reader_way *way, unsigned flags);
/* It opens the store and evaluates each of the flags once; returns when that is done. */
void reader_evaluate(struct reader *r);
void reader_end(struct reader *r);

/* The process itself. */
int reader_main(int argc, char **argv);

#endif
