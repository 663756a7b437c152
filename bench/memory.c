/*
 * memory.c - `ffbench memory`: what flags cost in memory, a process and an agent.
 *
 * A real agent publishes flags of about 1 KB of JSON. Readers are processes of their own that open
 * the store and evaluate every flag once. What a reader has is looked at before it opens and after:
 * the difference is what ffshm adds. `what`:
 *
 *   snapshot          the store's files of flags: once on a host
 *   reader-private    memory of the reader alone
 *   reader-telemetry  its own file in the store, where it counts; also memory, read by the agent
 *   reader-shared     how much of the snapshot it has mapped
 *   readers           ten of them: what all together add (PSS), their share of the snapshot too,
 *                     which the agent has mapped like them; copies: had each its own snapshot
 *   agent-rss         the agent, which has the definitions, the compiled flags and their files
 *   agent-private     of that, what is its alone
 */
#include <unistd.h>

#include "bench.h"
#include "bench_agent.h"
#include "bench_fail.h"
#include "bench_report.h"
#include "ffshm.h"
#include "reader.h"
#include "smaps.h"

#define READERS 10u
#define READY_MS 60000

struct place {
    struct bench_agent agent;
    unsigned flags;
    double snapshot_bytes;
};

static void report(const struct place *p, const char *what, double bytes)
{
    bench_line("memory");
    bench_text("what", what);
    bench_number("flags", p->flags);
    bench_number("size_bytes", bytes);
    bench_number("per_flag_bytes", bytes / p->flags);
    bench_end();
}

/* Until the snapshot is there, and the agent counts. */
static void await_agent(const struct place *p)
{
    struct ffshm_status status = {.ready = false};
    struct ffshm *ff = ffshm_open(p->agent.store, NULL);
    bool good = ffshm_wait_ready(ff, READY_MS) == FFSHM_OK;
    for (int waited = 0; good && !status.telemetry && waited < READY_MS; waited++) {
        usleep(1000);
        ffshm_status(ff, &status);
    }
    ffshm_close(ff);
    if (!good || !status.telemetry || status.flags != p->flags) {
        bench_agent_fail(&p->agent, !good               ? "no snapshot within a minute"
                                    : !status.telemetry ? "it does not count"
                                                        : "it has other flags than it was given");
    }
}

static struct smaps look(const struct place *p, const struct reader *r)
{
    struct smaps m;
    if (!smaps_read(&m, r->pid, p->agent.store)) {
        bench_fail_errno("/proc/PID/smaps");
    }
    return m;
}

static void measure_reader(const struct place *p, bool counts)
{
    struct reader r;
    reader_start(&r, &(struct reader_way){p->agent.store, .counts = counts}, p->flags);
    const struct smaps before = look(p, &r);
    reader_evaluate(&r);
    const struct smaps after = look(p, &r);
    reader_end(&r);
    report(p, "reader-private", after.private - before.private);
    report(p, "reader-telemetry", after.telemetry);
    report(p, "reader-shared", after.shared);
}

static void measure_readers(const struct place *p, bool counts)
{
    struct reader r[READERS];
    double before = 0;
    double after = 0;
    for (unsigned i = 0; i < READERS; i++) {
        reader_start(&r[i], &(struct reader_way){p->agent.store, .counts = counts}, p->flags);
    }
    for (unsigned i = 0; i < READERS; i++) {
        before += look(p, &r[i]).share;
    }
    for (unsigned i = 0; i < READERS; i++) {
        reader_evaluate(&r[i]);
    }
    for (unsigned i = 0; i < READERS; i++) {
        after += look(p, &r[i]).share;
    }
    for (unsigned i = 0; i < READERS; i++) {
        reader_end(&r[i]);
    }
    bench_line("memory");
    bench_text("what", "readers");
    bench_number("flags", p->flags);
    bench_number("readers", READERS);
    bench_number("size_bytes", after - before);
    bench_number("per_reader_bytes", (after - before) / READERS);
    bench_number("copies_bytes", p->snapshot_bytes * READERS);
    bench_end();
}

static int measure(const struct bench_options *o, unsigned flags, bool first)
{
    (void)first;
    struct place p = {.flags = flags};
    struct smaps m;
    bench_agent_prepare(&p.agent, o->ffagent, flags);
    bench_agent_start(&p.agent, "none");
    await_agent(&p);
    bench_report_telemetry("off");
    p.snapshot_bytes = (double)bench_report_snapshot(p.agent.store);
    report(&p, "snapshot", p.snapshot_bytes);
    for (int counts = 0; counts < 2; counts++) {
        const char *telemetry = counts ? "counting" : "off";
        if (bench_admits(o->telemetry, telemetry)) {
            bench_report_telemetry(telemetry);
            measure_reader(&p, counts);
            measure_readers(&p, counts);
        }
    }
    bench_report_telemetry("counting");
    if (!smaps_read(&m, p.agent.pid, p.agent.store)) {
        bench_fail_errno("/proc/PID/smaps");
    }
    report(&p, "agent-rss", m.resident);
    report(&p, "agent-private", m.private);
    return bench_agent_stop(&p.agent) ? 0 : 1;
}

int ffbench_memory(const struct bench_options *o)
{
    return bench_each_size(o, measure);
}
