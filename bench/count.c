/*
 * count.c - `ffbench count`: evaluations for callgrind to count the instructions of.
 *
 * gate.py has callgrind collect in ffbench_count_calls alone, and dump at each return from it:
 * there are two dumps for each path, of N calls and of 2 N. Their difference is that of N
 * evaluations, without anything around them. Without callgrind this only shows that the paths run.
 *
 * Nothing may differ from run to run: the store has no random seed, and what an evaluation reads is
 * in no place that moves with the size of the environment, as the stack does.
 */
#include <stdio.h>

#include "bench.h"
#include "bench_collector.h"
#include "bench_report.h"
#include "bench_store.h"
#include "eval_run.h"

#define FLAGS 1000u
#define CALLS 1000u
#define WARM_UP 100u /* counters have their places then, contexts are known */

static const struct path {
    const char *name;
    enum eval_by by;
    enum eval_who who;
    bool counting;
} paths[] = {
    {"bool-off", EVAL_KEY, EVAL_PREPARED, false},
    {"bool-off", EVAL_KEY, EVAL_REBUILT, false},
    {"bool-fallthrough", EVAL_KEY, EVAL_PREPARED, false},
    {"bool-fallthrough", EVAL_KEY, EVAL_PREPARED, true},
    {"bool-fallthrough", EVAL_HANDLE, EVAL_PREPARED, false},
    {"bool-fallthrough", EVAL_VIEW, EVAL_PREPARED, false},
    {"rules", EVAL_KEY, EVAL_PREPARED, false},
    {"rules", EVAL_KEY, EVAL_PREPARED, true},
    {"rules", EVAL_HANDLE, EVAL_PREPARED, false},
    {"rollout", EVAL_KEY, EVAL_PREPARED, false},
    {"rollout", EVAL_KEY, EVAL_PREPARED, true},
    {"targets-miss", EVAL_KEY, EVAL_PREPARED, false},
};

/* gate.py knows it by this name. */
void ffbench_count_calls(struct eval_place *p, const struct eval_job *job, unsigned n);

__attribute__((noinline)) void ffbench_count_calls(struct eval_place *p, const struct eval_job *job,
                                                   unsigned n)
{
    eval_run(p, job, n, false);
}

static void count(struct eval_place *p, const struct path *path, unsigned calls)
{
    const struct eval_job job = {bench_case_find(path->name), path->by, path->who};
    bench_collector_window(path->counting);
    eval_run(p, &job, WARM_UP, false);
    ffbench_count_calls(p, &job, calls);
    ffbench_count_calls(p, &job, 2 * calls);

    bench_report_telemetry(path->counting ? "counting" : "off");
    bench_line("count");
    bench_text("case", path->name);
    bench_text("by", eval_by_names[path->by]);
    bench_text("context", eval_who_names[path->who]);
    bench_number("flags", FLAGS);
    bench_number("calls", calls);
    bench_end();
}

static bool is_asked_for(const struct bench_options *o, const struct path *path)
{
    return bench_admits(o->only_case, path->name) && bench_admits(o->by, eval_by_names[path->by]) &&
           bench_admits(o->context, eval_who_names[path->who]) &&
           bench_admits(o->telemetry, path->counting ? "counting" : "off");
}

int ffbench_count(const struct bench_options *o)
{
    static struct eval_place place;
    unsigned done = 0;
    const struct bench_set set = {.flags = FLAGS, .fixed = true};
    struct bench_store store;
    int result = 1;
    bench_store_open(&store, o->ffagent, &set);
    if (!bench_collector_open(store.store)) {
        perror(store.store);
    } else if (eval_place_open(&place, store.store, &set)) {
        bench_report_snapshot(store.store);
        for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            if (is_asked_for(o, &paths[i])) {
                count(&place, &paths[i], o->rounds ? o->rounds : CALLS);
                done++;
            }
        }
        result = done ? 0 : 2;
        if (done == 0) {
            fprintf(stderr,
                    "ffbench count: nothing to count; the cases are bool-off bool-fallthrough "
                    "rules rollout targets-miss\n");
        }
    }
    eval_place_close(&place);
    bench_store_close(&store);
    return result;
}
