/*
 * scale.c - `ffbench scale`: evaluations per second of 1 to N threads and processes, each pinned to
 * a core of its own, N being the cores.
 *
 * A round is some hundredth of a second of each core alone, then of two of them together, four, and
 * so on to all. The efficiency of n is the median over the rounds of
 *
 *     (what n cores did together, a core) / (what the same cores did alone in that round, a core)
 *
 * for neither are cores equal, nor is a core from one second to the next, least of all in a virtual
 * machine. A round in which a worker had its core for less than 97 % of the time is `disturbed` and
 * does not count. Case none is the same with work that has nothing to do with ffshm: what keeps it
 * below 1 (clocks that fall when all cores are busy, caches and cores that are shared with others)
 * keeps evaluations there, too.
 *
 * All workers on one hot flag is the hardest for counters, which they then have side by side.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "bench_collector.h"
#include "bench_cpus.h"
#include "bench_fail.h"
#include "bench_report.h"
#include "bench_store.h"
#include "quantile.h"
#include "scale_crew.h"

#define FLAGS 1000u
#define SECONDS 1.6 /* a job */
#define TURN_NS 10e6
#define LEAST_ROUNDS 5u
#define STEPS 12u
#define DISTURBED_MOST 2u /* rounds, for each one that is wanted */

static const char *const kinds[] = {"processes", "threads"};

static struct {
    const struct bench_options *o;
    const char *kind;
    struct crew *crew;
    unsigned cores;
    unsigned steps[STEPS]; /* numbers of workers that work together: 2, 4, ..., cores */
    unsigned step_count;
    unsigned rounds;           /* wanted */
    unsigned good;             /* had */
    unsigned disturbed;        /* had to be left out */
    double *rates[STEPS];      /* of all workers of a step, per round */
    double *efficiency[STEPS]; /* per round */
    double *alone;             /* the mean of the cores', per round */
} scale;

/* ---- one job ------------------------------------------------------------------------------- */

static double sum(const double *values, unsigned count)
{
    double all = 0;
    for (unsigned i = 0; i < count; i++) {
        all += values[i];
    }
    return all;
}

/* false: somebody else was on the cores. */
static bool one_round(const struct scale_job *job, unsigned round)
{
    bool undisturbed = true;
    double alone[BENCH_CPUS_MOST] = {0};
    double together[BENCH_CPUS_MOST] = {0};
    for (unsigned i = 0; i < scale.cores; i++) {
        undisturbed &= crew_turn(scale.crew, job, i, 1, TURN_NS, alone);
    }
    scale.alone[round] = sum(alone, scale.cores) / scale.cores;
    for (unsigned s = 0; s < scale.step_count; s++) {
        const unsigned n = scale.steps[s];
        undisturbed &= crew_turn(scale.crew, job, 0, n, TURN_NS, together);
        scale.rates[s][round] = sum(together, n);
        scale.efficiency[s][round] = sum(together, n) / sum(alone, n);
    }
    return undisturbed;
}

static double quantile(double *values, double fraction)
{
    quantile_sort(values, scale.good);
    return quantile_of(values, scale.good, fraction);
}

static const char *name_of(const struct scale_job *job)
{
    return job->of ? job->of->name : SCALE_NOTHING;
}

/* efficiency: NULL for a core alone, which is all of them in the mean. */
static void report(const struct scale_job *job, unsigned n, double *rates, double *efficiency)
{
    bench_line("scale");
    bench_text("kind", scale.kind);
    bench_text("case", name_of(job));
    if (job->of) {
        bench_text("by", job->by == EVAL_KEY ? "key" : "handle");
        bench_text("pick", job->random ? "random" : "hot");
    }
    bench_number("n", n);
    bench_number("evaluations_per_s", quantile(rates, 0.5));
    bench_number("p10_per_s", quantile(rates, 0.1));
    bench_number("p90_per_s", quantile(rates, 0.9));
    bench_number("efficiency", efficiency ? quantile(efficiency, 0.5) : 1);
    bench_number("efficiency_p10", efficiency ? quantile(efficiency, 0.1) : 1);
    bench_number("efficiency_p90", efficiency ? quantile(efficiency, 0.9) : 1);
    bench_number("rounds", scale.good);
    bench_number("disturbed", scale.disturbed);
    bench_end();
}

static bool is_asked_for(const struct scale_job *job, bool counting)
{
    return bench_admits(scale.o->telemetry, counting ? "counting" : "off") &&
           bench_admits(scale.o->only_case, name_of(job)) &&
           bench_admits(scale.o->by, job->by == EVAL_KEY ? "key" : "handle");
}

static void measure(const struct scale_job *job, bool counting)
{
    bench_collector_window(counting);
    scale.good = 0;
    scale.disturbed = 0;
    while (scale.good < scale.rounds && scale.disturbed < DISTURBED_MOST * scale.rounds) {
        const bool undisturbed = one_round(job, scale.good);
        scale.good += undisturbed;
        scale.disturbed += !undisturbed;
    }
    while (scale.good < scale.rounds && scale.good < LEAST_ROUNDS) {
        (void)one_round(job, scale.good++); /* better than nothing, and `disturbed` tells */
    }
    bench_report_telemetry(counting ? "counting" : "off");
    report(job, 1, scale.alone, NULL);
    for (unsigned s = 0; s < scale.step_count; s++) {
        report(job, scale.steps[s], scale.rates[s], scale.efficiency[s]);
    }
}

/* One after the other; how many. Without a crew it only says how many there are. */
static unsigned measure_all(void)
{
    const struct bench_case *const hot = bench_case_find("bool-fallthrough");
    const struct scale_job jobs[] = {
        {NULL, false, EVAL_KEY},   {hot, false, EVAL_KEY},
        {hot, false, EVAL_HANDLE}, {hot, true, EVAL_KEY},
        {hot, true, EVAL_HANDLE},  {bench_case_find("rules"), false, EVAL_KEY},
    };
    unsigned count = 0;
    for (unsigned i = 0; i < 2 * sizeof jobs / sizeof jobs[0]; i++) { /* off, and counting */
        const struct scale_job *const job = &jobs[i / 2];
        const bool counting = i & 1;
        if (is_asked_for(job, counting) && (job->of || !counting)) {
            count++;
            if (scale.crew) {
                measure(job, counting);
            }
        }
    }
    return count;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static double *numbers(void)
{
    double *const made = calloc(scale.rounds, sizeof *made);
    if (!made) {
        bench_fail_errno("rounds");
    }
    return made;
}

static void prepare(const struct bench_options *o, unsigned cores)
{
    scale.o = o;
    scale.cores = cores;
    for (unsigned n = 2; n < cores; n *= 2) {
        scale.steps[scale.step_count++] = n;
    }
    if (cores > 1) {
        scale.steps[scale.step_count++] = cores;
    }
    const double seconds = o->seconds > 0 ? o->seconds : SECONDS;
    const double fitting = seconds * 1e9 / TURN_NS / (scale.cores + scale.step_count);
    scale.rounds = o->rounds                ? o->rounds
                   : fitting > LEAST_ROUNDS ? (unsigned)fitting
                                            : LEAST_ROUNDS;
    scale.alone = numbers();
    for (unsigned s = 0; s < scale.step_count; s++) {
        scale.rates[s] = numbers();
        scale.efficiency[s] = numbers();
    }
}

int ffbench_scale(const struct bench_options *o)
{
    const struct bench_set set = {.flags = o->size_count ? o->sizes[0] : FLAGS};
    struct bench_store store;
    int cpus[BENCH_CPUS_MOST];
    prepare(o, bench_cpus(cpus));
    if (measure_all() == 0) {
        fprintf(stderr, "ffbench scale: nothing to measure; the cases are " SCALE_NOTHING
                        " bool-fallthrough rules\n");
        return 2;
    }
    bench_store_open(&store, o->ffagent, &set);
    if (!bench_collector_open(store.store)) {
        perror(store.store);
        bench_store_close(&store);
        return 1;
    }
    bench_report_snapshot(store.store);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        const bool threads = k == 1;
        scale.kind = kinds[k];
        scale.crew = crew_start(threads, store.store, &set, cpus, scale.cores);
        (void)measure_all();
        crew_end(scale.crew);
    }
    bench_store_close(&store);
    return 0;
}
