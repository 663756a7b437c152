/*
 * tail.c - `ffbench tail`: how long single evaluations take while flags are published.
 *
 * A process changes the flag that is evaluated 0, 10 or 1,000 times a second in a real ffagent
 * (tail_publisher.h). That is the worst that can be changed: every version of a flag has counters
 * of its own. This process evaluates it without pause and takes the time of each call, less that of
 * an empty measurement (clock_ns, the median). The agent, who asks it, and the library's refresh
 * thread are on the other cores.
 *
 * Mode none is the same loop with nothing in it: what the machine itself does to a program that has
 * a core, by interrupts and, in a virtual machine, by taking the core away. All modes take turns,
 * so that a bad moment falls on all of them.
 *
 * The fractions are of evaluations that follow each other at once, some ten million a second. A
 * publish makes a few of them slow, whatever their number: of a program that evaluates less often
 * they are a larger part. over_1us_per_s, of all modes, tells how many.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "bench_clock.h"
#include "bench_cpus.h"
#include "bench_report.h"
#include "bench_ticks.h"
#include "histogram.h"
#include "tail_publisher.h"

#define FLAGS 1000u
#define SECONDS 6.0
#define TURN_S 0.2
#define SETTLE_US 10000 /* the publisher's new rate */
#define WARM_NS 1e6
#define READY_MS 60000
#define POINTS 60u

enum mode { NONE, INLINE, THREAD, MODES };
static const char *const mode_names[] = {"none", "inline", "thread"};
static const unsigned rates[] = {0, 10, 1000};
#define RATES (sizeof rates / sizeof rates[0])

struct series {
    struct histogram h; /* of ticks */
    double ns;
    uint64_t publishes;
};

static struct {
    struct bench_ticks ticks;
    struct ffshm *stores[MODES]; /* NONE: to see generations */
    struct ffshm_context who;
    const char *flag;
    struct series series[RATES][MODES];
    double turn_ns;
    unsigned rounds;
} tail;

/* ---- the loop ------------------------------------------------------------------------------ */

static inline __attribute__((always_inline)) void loop(struct ffshm *ff, struct histogram *h,
                                                       double ns)
{
    const uint64_t cost = tail.ticks.cost;
    uint64_t end = bench_ticks_begin();
    const uint64_t until = end + (uint64_t)(ns * tail.ticks.per_ns);
    while (end < until) {
        const uint64_t begin = bench_ticks_begin();
        if (ff) {
            const bool value = ffshm_bool(ff, tail.flag, &tail.who, false);
            __asm__ volatile("" : : "r"(value));
        }
        end = bench_ticks_end();
        histogram_add(h, end - begin > cost ? end - begin - cost : 0);
    }
}

static __attribute__((noinline)) void evaluate(struct ffshm *ff, struct histogram *h, double ns)
{
    loop(ff, h, ns);
}

static __attribute__((noinline)) void nothing(struct histogram *h, double ns)
{
    loop(NULL, h, ns);
}

static uint64_t newest(void)
{
    struct ffshm_status status;
    ffshm_status(tail.stores[NONE], &status);
    return status.newest_generation;
}

static void take_turn(struct series *s, enum mode mode)
{
    static struct histogram unused;
    if (mode != NONE) {
        (void)ffshm_refresh(tail.stores[mode]); /* of what was published in the others' turns */
        evaluate(tail.stores[mode], &unused, WARM_NS);
    }
    const uint64_t before = newest();
    const double start_ns = bench_now_ns();
    if (mode == NONE) {
        nothing(&s->h, tail.turn_ns);
    } else {
        evaluate(tail.stores[mode], &s->h, tail.turn_ns);
    }
    s->ns += bench_now_ns() - start_ns;
    s->publishes += newest() - before;
}

/* ---- lines --------------------------------------------------------------------------------- */

static double ns_of(const struct series *s, double fraction)
{
    return (double)histogram_at(&s->h, fraction) / tail.ticks.per_ns;
}

static void report(const struct series *s, enum mode mode, unsigned rate)
{
    static double x[POINTS], y[POINTS];
    const double max_ns = (double)s->h.max / tail.ticks.per_ns;
    for (unsigned i = 0; i < POINTS; i++) {
        x[i] = pow(max_ns, (double)i / (POINTS - 1)); /* from 1 ns on */
        const uint64_t ticks = (uint64_t)(x[i] * tail.ticks.per_ns);
        y[i] = 1 - (double)histogram_above(&s->h, ticks) / (double)s->h.total;
    }
    const uint64_t slow = histogram_above(&s->h, (uint64_t)(1000 * tail.ticks.per_ns));
    bench_line("tail");
    bench_text("mode", mode_names[mode]);
    bench_number("publishes_per_s", rate);
    bench_number("reached_per_s", (double)s->publishes / (s->ns / 1e9));
    bench_number("p50_ns", ns_of(s, 0.5));
    bench_number("p99_ns", ns_of(s, 0.99));
    bench_number("p999_ns", ns_of(s, 0.999));
    bench_number("p9999_ns", ns_of(s, 0.9999));
    bench_number("max_ns", max_ns);
    bench_number("over_1us_per_s", (double)slow / (s->ns / 1e9));
    bench_number("samples", (double)s->h.total);
    bench_number("clock_ns", (double)tail.ticks.cost / tail.ticks.per_ns);
    bench_number("clock_step_ns", (double)tail.ticks.step / tail.ticks.per_ns);
    bench_points("cdf", x, y, POINTS);
    bench_end();
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void measure(struct tail_publisher *publisher)
{
    for (unsigned round = 0; round < tail.rounds; round++) {
        for (unsigned r = 0; r < RATES; r++) {
            tail_publisher_rate(publisher, rates[r]);
            usleep(SETTLE_US);
            for (enum mode mode = NONE; mode < MODES; mode++) {
                take_turn(&tail.series[r][mode], mode);
            }
        }
    }
    tail_publisher_rate(publisher, 0);
}

/* A store of its own for each mode. */
static void open_stores(const struct bench_agent *agent, bool counts)
{
    struct ffshm_status status = {.telemetry = false};
    for (enum mode mode = NONE; mode < MODES; mode++) {
        const struct ffshm_options options = {
            .size = sizeof options,
            .refresh = mode == THREAD ? FFSHM_REFRESH_THREAD : FFSHM_REFRESH_INLINE,
            .no_telemetry = !counts,
        };
        tail.stores[mode] = ffshm_open(agent->store, &options);
        if (ffshm_wait_ready(tail.stores[mode], READY_MS) != FFSHM_OK) {
            bench_agent_fail(agent, "no snapshot within a minute");
        }
    }
    for (unsigned waited = 0; counts && !status.telemetry && waited < READY_MS; waited++) {
        usleep(1000);
        ffshm_status(tail.stores[NONE], &status);
    }
    if (counts && !status.telemetry) {
        bench_agent_fail(agent, "it does not count");
    }
}

static void report_all(bool counts)
{
    bench_report_telemetry(counts ? "counting" : "off");
    for (unsigned r = 0; r < RATES; r++) {
        for (enum mode mode = NONE; mode < MODES; mode++) {
            report(&tail.series[r][mode], mode, rates[r]);
        }
    }
}

static void report_absent(const char *why)
{
    for (enum mode mode = NONE; mode < MODES; mode++) {
        bench_line("tail");
        bench_text("mode", mode_names[mode]);
        bench_text("absent", why);
        bench_end();
    }
}

/* The last of the cores is for the evaluations. */
static bool run(const struct bench_options *o, const struct bench_set *set, const int *cpus,
                unsigned count)
{
    static struct tail_publisher publisher;
    const bool counts = bench_admits(o->telemetry, "counting");
    bench_pin(cpus, count - 1);
    tail_publisher_start(&publisher, o->ffagent, set);
    open_stores(&publisher.agent, counts);
    bench_pin(&cpus[count - 1], 1);
    bench_context_build(&tail.who, BENCH_USER);
    tail.flag = bench_case_find(TAIL_CASE)->flag;
    tail.ticks = bench_ticks_open();
    measure(&publisher);
    bench_report_snapshot(publisher.agent.store);
    report_all(counts);
    for (enum mode mode = NONE; mode < MODES; mode++) {
        ffshm_close(tail.stores[mode]);
    }
    return tail_publisher_stop(&publisher);
}

int ffbench_tail(const struct bench_options *o)
{
    const struct bench_set set = {.flags = o->size_count ? o->sizes[0] : FLAGS};
    const double seconds = o->seconds > 0 ? o->seconds : SECONDS;
    int cpus[BENCH_CPUS_MOST];
    const unsigned count = bench_cpus(cpus);
    if (count < 2) {
        report_absent("one core: the agent and the evaluations need one each");
        return 0;
    }
    tail.rounds = o->rounds ? o->rounds : (unsigned)ceil(seconds / TURN_S);
    tail.turn_ns = seconds / tail.rounds * 1e9;
    return run(o, &set, cpus, count) ? 0 : 1;
}
