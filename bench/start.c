/*
 * start.c - `ffbench start`: from nothing to the first answer.
 *
 * With flags of about 1 KB of JSON. `what`:
 *
 *   open-to-answer      ffshm_open of a store that is there, and one evaluation; `process`: running
 *                       (it has done that before) or fresh (it is the first that it does). `verify`
 *                       full: of everything that is mapped; header: what a program can ask for that
 *                       trusts the agent. Counting includes making the file where it counts
 *   execute-to-answer   the same from fork, with exec and the dynamic linker
 *   agent-to-answer     from fork and exec of an agent that reads a flag file, to the first answer
 *                       in a program that waits for it with ffshm_wait_ready, which looks every 1
 *                       to 20 ms
 *   restart-to-answer   the same of an agent whose host was started again: no store is there,
 *                       LaunchDarkly does not answer, and the state file has what it last said
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "bench_agent.h"
#include "bench_clock.h"
#include "bench_fail.h"
#include "bench_report.h"
#include "bench_state.h"
#include "ffshm.h"
#include "http_file.h"
#include "reader.h"

#define ROUNDS 25u
#define LEAST_ROUNDS 2u
#define ROUNDS_MOST 1000u
/* Of the time, for each thing that is measured; but LEAST_ROUNDS in any case. */
#define SHARE_NS 5e8
#define AGENT_SHARE_NS 2e9
#define READY_MS 60000

struct place {
    const struct bench_options *o;
    struct bench_agent agent;
    unsigned flags;
    unsigned rounds;
};

/* More rounds, in the time that there is? */
static bool goes_on(const struct place *p, unsigned done, double since_ns, double share_ns)
{
    return done < p->rounds &&
           (done < LEAST_ROUNDS || p->o->rounds || bench_now_ns() - since_ns < share_ns);
}

/* ---- readers ------------------------------------------------------------------------------- */

static void report_open(const struct place *p, const char *what, const char *process,
                        const struct reader_way *way, double *us, unsigned rounds)
{
    bench_report_telemetry(way->counts ? "counting" : "off");
    bench_line("start");
    bench_text("what", what);
    bench_text("process", process);
    bench_text("verify", way->trusts ? "header" : "full");
    bench_number("flags", p->flags);
    bench_tail("us", us, rounds);
    bench_end();
}

static void measure_running(const struct place *p, const struct reader_way *way)
{
    double us[ROUNDS_MOST];
    unsigned done = 0;
    const double since = bench_now_ns();
    ffshm_close(reader_open(way));
    while (goes_on(p, done, since, SHARE_NS)) {
        const double start = bench_now_ns();
        struct ffshm *ff = reader_open(way);
        us[done++] = (bench_now_ns() - start) / 1e3;
        if (!ff) {
            exit(1);
        }
        ffshm_close(ff);
    }
    report_open(p, "open-to-answer", "running", way, us, done);
}

static void measure_fresh(const struct place *p, const struct reader_way *way)
{
    double opened[ROUNDS_MOST];
    double executed[ROUNDS_MOST];
    unsigned done = 0;
    const double since = bench_now_ns();
    while (goes_on(p, done, since, SHARE_NS)) {
        const struct reader_times t = reader_once(way);
        opened[done] = (t.answered_ns - t.opening_ns) / 1e3;
        executed[done++] = (t.answered_ns - t.executed_ns) / 1e3;
    }
    report_open(p, "open-to-answer", "fresh", way, opened, done);
    report_open(p, "execute-to-answer", "fresh", way, executed, done);
}

static void measure_readers(const struct place *p)
{
    for (unsigned i = 0; i < 4; i++) {
        const struct reader_way way = {p->agent.store, .counts = i & 1, .trusts = i & 2};
        if (bench_admits(p->o->telemetry, way.counts ? "counting" : "off")) {
            measure_running(p, &way);
            measure_fresh(p, &way);
        }
    }
}

/* ---- agents -------------------------------------------------------------------------------- */

/* From its start to the first answer; it goes on to run. */
static double start_ms(struct place *p, const char *const *arguments)
{
    struct ffshm_context c;
    struct ffshm_detail d;
    struct ffshm *ff = ffshm_open(p->agent.store, NULL);
    ffshm_context_init(&c, NULL, "user-1");
    const double start = bench_now_ns();
    bench_agent_run(&p->agent, arguments);
    const int error = ffshm_wait_ready(ff, READY_MS);
    (void)ffshm_bool_detail(ff, "feature-000000", &c, false, &d);
    const double ms = (bench_now_ns() - start) / 1e6;
    ffshm_close(ff);
    if (error != FFSHM_OK || d.variation < 0) {
        bench_agent_fail(&p->agent, "no flag within a minute");
    }
    return ms;
}

static void end_agent(struct place *p)
{
    if (!bench_agent_end(&p->agent)) {
        bench_agent_fail(&p->agent, "it ended badly");
    }
}

/* The last one goes on to run. */
static void measure_agent(struct place *p, const char *what, const char *const *arguments)
{
    double ms[ROUNDS_MOST];
    unsigned done = 0;
    const double since = bench_now_ns();
    while (goes_on(p, done, since, AGENT_SHARE_NS)) {
        if (done > 0) {
            end_agent(p);
        }
        (void)bench_tree_remove(p->agent.store);
        ms[done++] = start_ms(p, arguments);
    }
    bench_report_snapshot(p->agent.store);
    bench_report_telemetry("counting");
    bench_line("start");
    bench_text("what", what);
    bench_number("flags", p->flags);
    bench_tail("ms", ms, done);
    bench_end();
}

/* A state file with what LaunchDarkly said: from an agent that asks for it, and ends. */
static void make_state(struct place *p, const char *key_file, const char *state)
{
    char url[64];
    unsigned port;
    FILE *f = fopen(key_file, "we");
    if (!f || fputs("sdk-bench\n", f) < 0 || fclose(f) != 0) {
        bench_fail_errno(key_file);
    }
    const pid_t server = http_file_serve(p->agent.flags, &port);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    (void)start_ms(p, (const char *const[]){"--sdk-key-file", key_file, "--launchdarkly-mode",
                                            "poll", "--launchdarkly-poll-uri", url, "--events",
                                            "false", "--state", state, NULL});
    end_agent(p);
    http_file_end(server);
}

static void measure_restart(struct place *p)
{
    struct bench_state state;
    char key_file[BENCH_PATH + 16];
    bench_state_make(&state, p->o->directory ? p->o->directory : BENCH_DISK);
    snprintf(key_file, sizeof key_file, "%s/sdk-key", p->agent.dir);
    (void)bench_tree_remove(p->agent.store);
    make_state(p, key_file, state.file);
    measure_agent(p, "restart-to-answer",
                  (const char *const[]){"--offline", "true", "--sdk-key-file", key_file, "--state",
                                        state.file, NULL});
    end_agent(p);
    bench_state_remove(&state);
}

static int measure(const struct bench_options *o, unsigned flags, bool first)
{
    (void)first;
    struct place p = {.o = o, .flags = flags, .rounds = o->rounds ? o->rounds : ROUNDS};
    bench_agent_prepare(&p.agent, o->ffagent, flags);
    measure_agent(&p, "agent-to-answer",
                  (const char *const[]){"--flags", p.agent.flags, "--state", "none", NULL});
    measure_readers(&p);
    end_agent(&p);
    measure_restart(&p);
    return bench_agent_remove(&p.agent) ? 0 : 1;
}

int ffbench_start(const struct bench_options *o)
{
    if (o->rounds > ROUNDS_MOST) {
        fprintf(stderr, "ffbench start: --rounds are at most %u\n", ROUNDS_MOST);
        return 2;
    }
    return bench_each_size(o, measure);
}
