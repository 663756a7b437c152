/*
 * limit.c - `ffbench limit`: what the machine allows, and so what each case cannot go below.
 *
 * First what all programs are made of: loads from each level of memory, one after the other; the
 * instructions for SHA-1; additions, clocks, a call. Then the floor of each case (floor.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_cases.h"
#include "bench_clock.h"
#include "bench_fail.h"
#include "bench_report.h"
#include "chase.h"
#include "floor.h"
#include "primitives.h"

#define ROUND_NS 3e5
#define ROUNDS 51u
#define DRAM_MOST ((size_t)512 << 20)
#define MOST_JOBS 256u

static unsigned rounds;
static unsigned measured; /* things, so far */

static double *new_times(size_t count)
{
    double *times = calloc(count, sizeof *times);
    if (!times) {
        bench_fail_errno("rounds");
    }
    return times;
}

/* ---- loads --------------------------------------------------------------------------------- */

static void time_loads(struct chase *c, bool fits, double *ns)
{
    unsigned loads = 1000;
    double took = 0;
    while (took < ROUND_NS / 2 && loads < 1u << 30) {
        loads *= 2;
        const double start = bench_now_ns();
        chase_run(c, loads);
        took = bench_now_ns() - start;
    }
    for (unsigned r = 0; r < rounds; r++) {
        if (fits) { /* where it belongs, whatever ran meanwhile */
            chase_run(c, (unsigned)c->lines);
        }
        const double start = bench_now_ns();
        chase_run(c, loads);
        ns[r] = (bench_now_ns() - start) / loads;
    }
}

static void absent(const char *what, const char *why)
{
    bench_line("limit");
    bench_text("what", what);
    bench_text("absent", why);
    bench_end();
}

/* fits: in a cache; else it is made not to. */
static void measure_loads(const char *what, size_t bytes, bool fits, bool huge)
{
    struct chase c;
    if (bytes == 0) {
        absent(what, "the size of that cache is not known");
    } else if (!chase_open(&c, bytes, huge)) {
        absent(what, "not enough memory");
    } else if (huge && !fits && !c.area.huge) {
        absent(what, "the kernel gives no huge pages");
        chase_close(&c);
    } else {
        double *ns = new_times(rounds);
        time_loads(&c, fits, ns);
        bench_line("limit");
        bench_text("what", what);
        bench_text("pages", c.area.huge ? "huge" : "small");
        bench_number("area_bytes", (double)bytes);
        bench_spread("ns", ns, rounds);
        bench_end();
        free(ns);
        chase_close(&c);
    }
}

/* How many of these are asked for. */
static unsigned measure_memory(const struct bench_options *o)
{
    const size_t l1 = chase_cache_bytes(1);
    const size_t l2 = chase_cache_bytes(2);
    const size_t l3 = chase_cache_bytes(3);
    const size_t last = l3 ? l3 : l2 ? l2 : (size_t)32 << 20;
    const size_t most = last * 8 < DRAM_MOST ? last * 8 : DRAM_MOST;
    const struct {
        const char *what;
        size_t bytes;
        bool fits;
        bool huge;
    } levels[] = {
        {"l1-load", l1 / 2, true, true},
        {"l2-load", l2 / 2, true, true},
        {"l3-load", l3 / 2, true, true},
        {"dram-load", most, false, false},
        {"dram-load-huge-pages", most, false, true},
    };
    unsigned count = 0;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (bench_admits(o->only_case, levels[i].what)) {
            measure_loads(levels[i].what, levels[i].bytes, levels[i].fits, levels[i].huge);
            count++;
        }
    }
    return count;
}

/* ---- the rest ------------------------------------------------------------------------------ */

static double time_primitive(const struct primitive *p, unsigned n)
{
    const double start = bench_now_ns();
    p->run(n);
    return bench_now_ns() - start;
}

static unsigned measure_primitives(const struct bench_options *o)
{
    unsigned count = 0;
    for (const struct primitive *p = primitives(); p->name; p++) {
        if (!bench_admits(o->only_case, p->name)) {
            continue;
        }
        count++;
        if (p->absent) {
            absent(p->name, p->absent);
            continue;
        }
        unsigned n = 1000;
        double *ns = new_times(rounds);
        while (time_primitive(p, n) < ROUND_NS / 2 && n < 1u << 30) {
            n *= 2;
        }
        for (unsigned r = 0; r < rounds; r++) {
            ns[r] = time_primitive(p, n) / n;
        }
        bench_line("limit");
        bench_text("what", p->name);
        bench_spread("ns", ns, rounds);
        bench_end();
        free(ns);
    }
    return count;
}

/* ---- floors -------------------------------------------------------------------------------- */

struct timed {
    struct floor_job job;
    unsigned calls; /* a round */
    double best;    /* ns a call */
};

static struct {
    struct timed jobs[MOST_JOBS];
    unsigned count;
} list;

static const char *const by_names[] = {"key", "handle", "view"};

static void add(const struct bench_options *o, const char *name, bool random)
{
    for (unsigned i = 0; i < 12; i++) { /* by, counting, alone */
        const struct floor_job job = {
            .of = name, .by = i / 4, .counting = i & 2, .alone = i & 1, .random = random};
        if (bench_admits(o->only_case, name) && bench_admits(o->by, by_names[job.by]) &&
            bench_admits(o->telemetry, job.counting ? "counting" : "off") && floor_has(&job) &&
            list.count < MOST_JOBS) {
            list.jobs[list.count++] = (struct timed){.job = job, .best = 1e9};
        }
    }
}

static double round_ns(struct floor *f, const struct timed *t)
{
    const double start = bench_now_ns();
    floor_run(f, &t->job, t->calls);
    return bench_now_ns() - start;
}

/* In turns, as eval does; the best round counts. */
static void time_floors(struct floor *f)
{
    for (unsigned i = 0; i < list.count; i++) {
        struct timed *t = &list.jobs[i];
        t->calls = 1000;
        while (round_ns(f, t) < ROUND_NS / 2 && t->calls < 1u << 30) {
            t->calls *= 2;
        }
    }
    for (unsigned r = 0; r < rounds; r++) {
        for (unsigned i = 0; i < list.count; i++) {
            struct timed *t = &list.jobs[i];
            const double ns = round_ns(f, t) / t->calls;
            t->best = ns < t->best ? ns : t->best;
        }
    }
}

/* A line for two jobs: in a loop, and each for itself. */
static void report_floor(const struct timed *loop, const struct timed *alone, unsigned flags)
{
    char from[256];
    floor_from(&loop->job, from, sizeof from);
    bench_report_telemetry(loop->job.counting ? "counting" : "off");
    bench_line("limit");
    bench_text("what", "floor");
    bench_text("case", loop->job.of);
    bench_text("by", by_names[loop->job.by]);
    bench_text("pick", loop->job.random ? "random" : "hot");
    bench_number("flags", flags);
    bench_number("floor_ns", loop->best);
    bench_number("alone_ns", alone->best);
    bench_text("from", from);
    bench_end();
    bench_report_telemetry("off");
}

static int measure_floors(const struct bench_options *o, unsigned flags, bool all)
{
    list.count = 0;
    for (unsigned i = 0; all && i < bench_case_count; i++) {
        add(o, bench_cases[i].name, false);
    }
    if (!all) {
        add(o, "bool-fallthrough", false);
    }
    add(o, "bool-fallthrough", true);
    measured += list.count;
    if (list.count == 0) {
        return 0;
    }
    struct floor *f = floor_open(flags);
    if (!f) {
        fprintf(stderr, "ffbench: out of memory\n");
        return 1;
    }
    time_floors(f);
    for (unsigned i = 0; i + 1 < list.count; i += 2) {
        report_floor(&list.jobs[i], &list.jobs[i + 1], flags);
    }
    floor_close(f);
    return 0;
}

static int nothing_measured(void)
{
    fprintf(stderr, "ffbench limit: nothing to measure; the cases are l1-load l2-load l3-load "
                    "dram-load dram-load-huge-pages");
    for (const struct primitive *p = primitives(); p->name; p++) {
        fprintf(stderr, " %s", p->name);
    }
    for (unsigned i = 0; i < bench_case_count; i++) {
        fprintf(stderr, " %s", bench_cases[i].name);
    }
    fputs("\n", stderr);
    return 2;
}

int ffbench_limit(const struct bench_options *o)
{
    rounds = o->rounds ? o->rounds : ROUNDS;
    measured = measure_memory(o) + measure_primitives(o);
    const int result = bench_each_size(o, measure_floors);
    return result == 0 && measured == 0 ? nothing_measured() : result;
}
