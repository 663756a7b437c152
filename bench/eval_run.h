/*
 * eval_run.h - runs one kind of evaluation many times, as a program would write it.
 */
#ifndef FFSHM_BENCH_EVAL_RUN_H
#define FFSHM_BENCH_EVAL_RUN_H

#include "bench_cases.h"

enum eval_by { EVAL_KEY, EVAL_HANDLE, EVAL_VIEW };
enum eval_who {
    EVAL_PREPARED, /* one context, made before */
    EVAL_REBUILT,  /* made for each evaluation */
    EVAL_CROWD,    /* 4096 of them in turn: more than a process remembers having told of */
};

extern const char *const eval_by_names[];  /* "key"... */
extern const char *const eval_who_names[]; /* "prepared"... */

struct eval_job {
    const struct bench_case *of; /* NULL: a random filler each time */
    enum eval_by by;
    enum eval_who who;
};

/* What jobs run on. */
struct eval_place {
    struct ffshm *ff;
    struct ffshm_view view;
    unsigned fillers;
    char (*filler_keys)[24]; /* shuffled */
    struct ffshm_flag *filler_handles;
    struct ffshm_flag *handles; /* of bench_cases */
    struct ffshm_context contexts[BENCH_CONTEXTS];
    struct ffshm_context *crowd;
    char (*crowd_keys)[24];
    char *text; /* of all flags */
    size_t text_size;
};

/* false: no memory, or a flag does not evaluate as it should, which is told on stderr. Also then
   it is to be closed. */
bool eval_place_open(struct eval_place *p, const char *store, const struct bench_set *set);
void eval_place_close(struct eval_place *p);

/* n calls. read: the stand-in for the collector reads now and then, so that events find room. */
void eval_run(struct eval_place *p, const struct eval_job *job, unsigned n, bool read);

#endif
