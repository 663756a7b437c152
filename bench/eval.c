/*
 * eval.c - `ffbench eval`: what an evaluation costs.
 *
 * Each kind is timed in rounds of about a millisecond; a line tells the median and the best of the
 * rounds' means. All kinds on one snapshot take turns, so that a slow moment of the machine falls
 * on all of them. `telemetry`: "counting" while somebody collects what is told, which then is a
 * count each and the contexts; "events" on flags whose evaluations are told whole.
 *
 * "pick": "hot" is one flag, "random" each time another one of all that are not cases, in a process
 * that has seen all of them before; "first" is what that very first time costs, page faults and the
 * making of counters: the mean of one lap.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_clock.h"
#include "bench_collector.h"
#include "bench_fail.h"
#include "bench_report.h"
#include "bench_store.h"
#include "eval_run.h"

#define ROUND_NS 1e6
#define ROUNDS 101u
#define MOST_JOBS 512u

static const char *const telemetry_names[] = {"off", "counting", "events"};
enum { OFF, COUNTING, EVENTS };

struct timed {
    struct eval_job job;
    int telemetry;
    double first_ns; /* of each flag's first evaluation; 0: another kind was there before */
    unsigned calls;  /* a round */
    double *ns;      /* of each round */
};

static struct {
    struct timed jobs[MOST_JOBS];
    unsigned count;
    unsigned rounds;
    unsigned all; /* jobs, of all sets so far */
} list;

static void add(const struct bench_options *o, const struct bench_case *c, enum eval_by by,
                enum eval_who who, int telemetry)
{
    const char *name = c ? c->name : "bool-fallthrough";
    if (bench_admits(o->only_case, name) && bench_admits(o->by, eval_by_names[by]) &&
        bench_admits(o->context, eval_who_names[who]) &&
        bench_admits(o->telemetry, telemetry_names[telemetry]) && list.count < MOST_JOBS) {
        list.jobs[list.count++] = (struct timed){.job = {c, by, who}, .telemetry = telemetry};
    }
}

/* How one case by the three ways grows with the number of flags. */
static void add_growth(const struct bench_options *o)
{
    const struct bench_case *hot = bench_case_find("bool-fallthrough");
    for (int telemetry = OFF; telemetry <= COUNTING; telemetry++) {
        for (enum eval_by by = EVAL_KEY; by <= EVAL_VIEW; by++) {
            add(o, hot, by, EVAL_PREPARED, telemetry);
            add(o, NULL, by, EVAL_PREPARED, telemetry);
        }
    }
}

/* But what add_growth has. */
static void add_cases(const struct bench_options *o)
{
    for (unsigned i = 0; i < bench_case_count; i++) {
        const struct bench_case *c = &bench_cases[i];
        for (int telemetry = OFF; telemetry <= COUNTING; telemetry++) {
            for (enum eval_by by = EVAL_KEY; by <= EVAL_VIEW; by++) {
                const bool hot = strcmp(c->name, "bool-fallthrough") == 0;
                if (!hot && (c->type != BENCH_ALL_FLAGS || by == EVAL_VIEW)) {
                    add(o, c, by, EVAL_PREPARED, telemetry);
                }
            }
            if (c->type != BENCH_ALL_FLAGS) {
                add(o, c, EVAL_KEY, EVAL_REBUILT, telemetry);
            }
        }
    }
    add(o, bench_case_find("bool-fallthrough"), EVAL_HANDLE, EVAL_CROWD, OFF);
    add(o, bench_case_find("bool-fallthrough"), EVAL_HANDLE, EVAL_CROWD, COUNTING);
}

static void add_events(const struct bench_options *o)
{
    static const char *const names[] = {"bool-off", "bool-fallthrough", "rollout", "rules"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        add(o, bench_case_find(names[i]), EVAL_KEY, EVAL_PREPARED, EVENTS);
        add(o, bench_case_find(names[i]), EVAL_HANDLE, EVAL_PREPARED, EVENTS);
    }
}

/* ---- timing -------------------------------------------------------------------------------- */

/* What is told by many contexts needs to be read, too. */
static bool reads(const struct timed *t)
{
    return t->telemetry == EVENTS || (t->telemetry == COUNTING && t->job.who == EVAL_CROWD);
}

static double round_ns(struct eval_place *p, struct timed *t, unsigned calls)
{
    bench_collector_window(t->telemetry != OFF);
    const double start = bench_now_ns();
    eval_run(p, &t->job, calls, reads(t));
    return bench_now_ns() - start;
}

static bool is_random(const struct timed *t)
{
    return t->job.of == NULL;
}

/* First sights of a flag, a context or a thread are not what is measured: each makes its counter's
   place, or is told once. first: no kind before has seen all flags with this telemetry. */
static void warm_up(struct eval_place *p, struct timed *t, bool first)
{
    const bool all_flags = t->job.of && t->job.of->type == BENCH_ALL_FLAGS;
    const unsigned lap = is_random(t) ? p->fillers : all_flags ? 1 : 8192;
    bench_collector_window(t->telemetry != OFF);
    const double start = bench_now_ns();
    eval_run(p, &t->job, lap, t->telemetry != OFF);
    t->first_ns = first && is_random(t) ? (bench_now_ns() - start) / lap : 0;
    if (is_random(t)) {
        eval_run(p, &t->job, lap, t->telemetry != OFF);
    }
}

static void calibrate(struct eval_place *p, struct timed *t)
{
    t->calls = 1;
    while (round_ns(p, t, t->calls) < ROUND_NS / 2 && t->calls < 1000000) {
        t->calls *= 2;
    }
}

/* The other kinds have left little of many flags in the caches: as many evaluations as a round has,
   or one of each flag, come before it. */
static double timed_round(struct eval_place *p, struct timed *t)
{
    if (is_random(t)) {
        (void)round_ns(p, t, t->calls < p->fillers ? t->calls : p->fillers);
    }
    return round_ns(p, t, t->calls) / t->calls;
}

static void measure(struct eval_place *p)
{
    bool seen[] = {[OFF] = false, [COUNTING] = false, [EVENTS] = false};
    for (unsigned i = 0; i < list.count; i++) {
        struct timed *t = &list.jobs[i];
        warm_up(p, t, !seen[t->telemetry]);
        seen[t->telemetry] |= is_random(t);
        calibrate(p, t);
        list.jobs[i].ns = calloc(list.rounds, sizeof(double));
        if (!list.jobs[i].ns) {
            bench_fail_errno("rounds");
        }
    }
    for (unsigned r = 0; r < list.rounds; r++) {
        for (unsigned i = 0; i < list.count; i++) {
            list.jobs[i].ns[r] = timed_round(p, &list.jobs[i]);
        }
    }
}

static void line(const struct timed *t, const char *pick, unsigned flags, double *ns,
                 unsigned rounds)
{
    bench_report_telemetry(telemetry_names[t->telemetry]);
    bench_line("eval");
    bench_text("case", t->job.of ? t->job.of->name : "bool-fallthrough");
    bench_text("by", eval_by_names[t->job.by]);
    bench_text("pick", pick);
    bench_text("context", eval_who_names[t->job.who]);
    bench_number("flags", flags);
    bench_spread("ns", ns, rounds);
    bench_end();
}

static void report(unsigned flags)
{
    for (unsigned i = 0; i < list.count; i++) {
        struct timed *t = &list.jobs[i];
        if (t->first_ns > 0) {
            line(t, "first", flags, &t->first_ns, 1);
        }
        line(t, is_random(t) ? "random" : "hot", flags, t->ns, list.rounds);
        free(t->ns);
    }
    list.count = 0;
}

static int measure_set(const struct bench_options *o, const struct bench_set *set)
{
    struct bench_store store;
    struct eval_place place = {.ff = NULL};
    int result = 1;
    list.all += list.count;
    if (list.count == 0) {
        return 0;
    }
    bench_store_open(&store, o->ffagent, set);
    if (!bench_collector_open(store.store)) {
        perror(store.store);
    } else if (eval_place_open(&place, store.store, set)) {
        measure(&place);
        bench_report_snapshot(store.store);
        report(set->flags);
        result = 0;
    }
    eval_place_close(&place);
    bench_store_close(&store);
    return result;
}

/* How the cost grows with the flags is told by sets that are alike; the large one, with a segment
   of a million members, is another. */
static int measure_size(const struct bench_options *o, unsigned flags, bool first)
{
    const struct bench_set plain = {.flags = flags};
    const struct bench_set large = {.flags = flags, .large = true};
    const struct bench_set tracked = {.flags = flags, .tracked = true};
    add_growth(o);
    int result = measure_set(o, &plain);
    if (first && result == 0) {
        add_cases(o);
        result = measure_set(o, &large);
    }
    if (first && result == 0) {
        add_events(o);
        result = measure_set(o, &tracked);
    }
    return result;
}

int ffbench_eval(const struct bench_options *o)
{
    list.rounds = o->rounds ? o->rounds : ROUNDS;
    const int result = bench_each_size(o, measure_size);
    if (result != 0 || list.all != 0) {
        return result;
    }
    fprintf(stderr, "ffbench eval: nothing to measure; the cases are");
    for (unsigned i = 0; i < bench_case_count; i++) {
        fprintf(stderr, " %s", bench_cases[i].name);
    }
    fputs("\n", stderr);
    return 2;
}
