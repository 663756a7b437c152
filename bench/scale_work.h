/*
 * scale_work.h - what the workers of `ffbench scale` do. Nothing here is written by two of them:
 * eval_run.h's loops are for one thread.
 */
#ifndef FFSHM_BENCH_SCALE_WORK_H
#define FFSHM_BENCH_SCALE_WORK_H

#include "eval_run.h"

/* Some CPU work without ffshm, on memory of the worker's own: what the machine allows. */
#define SCALE_NOTHING "none"

struct scale_job {
    const struct bench_case *of; /* NULL: SCALE_NOTHING */
    bool random;                 /* another filler each time, in place of the case's flag */
    enum eval_by by;             /* EVAL_KEY or EVAL_HANDLE */
};

/* A worker's own. */
struct scale_state {
    _Alignas(128) unsigned at; /* the filler last evaluated */
    uint64_t sum;              /* so that no result is unused */
    uint64_t own[64];
};

/* Once, `n` evaluations. */
void scale_work(struct eval_place *p, const struct scale_job *job, struct scale_state *s,
                unsigned n);

#endif
