/*
 * publish.c - `ffbench publish`: what a change of one flag among many costs, through a real
 * ffagent.
 *
 * A flag's definition is replaced by a request on one connection to the agent's socket, and is
 * compiled and published, which the agent itself times; another process, which evaluates without
 * pause, sees the new value ("visible", from the request on); and a reader takes the snapshot up
 * ("refresh"). The state file is in memory, so that the disk is not what is measured, but for one
 * line. "file-saved": the flag file is replaced by another one with one flag changed, until that is
 * seen.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench_agent.h"
#include "bench_clock.h"
#include "bench_flags.h"
#include "bench_log.h"
#include "bench_report.h"
#include "bench_state.h"
#include "bench_watcher.h"
#include "quantile.h"

#define ROUNDS 1000u
#define MOST_ROUNDS 10000u
#define SECONDS                                                                                    \
    8.0 /* of saves, and of changes: fewer rounds where others keep the machine busy               \
         */
#define SAVES 20u
#define SAVES_OF_MANY 5u /* of files that take a second each */
#define MANY 20000u
#define SPREAD 100u /* flags that the API changes, far apart */
#define DISK_FLAGS 10000u

/* The rounds are numbered through: the file is saved, then the API makes each of its flags, which
   are the file's until then, then it changes them. Each brings the value `round + 1`. */
struct place {
    unsigned flags;
    unsigned saves;
    unsigned rounds;
    double seconds; /* at most, for either */
    struct bench_agent agent;
    struct bench_watcher watcher;
    struct ffshm *reader;
    FILE *log;
    int connection;
};

static struct {
    double saved_us[SAVES];
    double saved_bytes[SAVES];
    double compile_us[MOST_ROUNDS];
    double publish_us[MOST_ROUNDS];
    double refresh_us[MOST_ROUNDS];
    double visible_us[MOST_ROUNDS];
    double bytes[MOST_ROUNDS];
} times;

static unsigned spread(const struct place *p)
{
    return p->flags < SPREAD ? p->flags : SPREAD;
}

/* Which flag a round changes. A file has always the same one changed: the one of before is not to
   change back. */
static unsigned index_of(const struct place *p, unsigned round)
{
    return round <= p->saves ? 0 : round % spread(p) * (p->flags / spread(p));
}

/* In the other process. "watcher" is a target of each flag. */
static bool has_value(struct ffshm *ff, unsigned round, const void *arg)
{
    struct ffshm_context who;
    char key[24];
    bench_flag_key(key, index_of(arg, round));
    ffshm_context_init(&who, NULL, "watcher");
    return ffshm_int(ff, key, &who, -1) == (int64_t)round + 1;
}

static bool save(struct place *p, unsigned round)
{
    struct bench_published published;
    bench_agent_write(&p->agent, p->flags, index_of(p, round), round + 1);
    bench_watcher_ask(&p->watcher, round);
    const double start = bench_now_ns();
    bench_agent_save(&p->agent);
    const double seen = bench_watcher_await(&p->watcher);
    if (seen < 0 || !bench_log_published(p->log, &published)) {
        return false;
    }
    times.saved_us[round - 1] = (seen - start) / 1e3;
    times.saved_bytes[round - 1] = published.bytes;
    return true;
}

static bool put(struct place *p, unsigned round)
{
    char key[24];
    char path[64];
    char body[BENCH_FLAG_BYTES];
    const unsigned i = index_of(p, round);
    bench_flag_key(key, i);
    snprintf(path, sizeof path, "/api/v1/flags/%s", key);
    bench_flag_native(body, sizeof body, i, round + 1);
    const unsigned status = bench_request(p->connection, "PUT", path, body);
    if (status != 200 && status != 201) {
        fprintf(stderr, "ffbench: PUT %s: the answer is %u\n", path, status);
        return false;
    }
    return true;
}

static bool change(struct place *p, unsigned round, unsigned at)
{
    struct bench_published published;
    bench_watcher_ask(&p->watcher, round);
    const double start = bench_now_ns();
    if (!put(p, round)) {
        return false;
    }
    const double seen = bench_watcher_await(&p->watcher);
    if (seen < 0 || !bench_log_published(p->log, &published)) {
        return false;
    }
    const double before = bench_now_ns();
    if (ffshm_refresh(p->reader) != FFSHM_OK || published.changed != 1) {
        fprintf(stderr, "ffbench: not what one change publishes\n");
        return false;
    }
    times.refresh_us[at] = (bench_now_ns() - before) / 1e3;
    times.visible_us[at] = (seen - start) / 1e3;
    times.compile_us[at] = published.compile_us;
    times.publish_us[at] = published.publish_us;
    times.bytes[at] = published.bytes;
    return true;
}

/* bytes NULL: of a step that writes nothing. */
static void report(const struct place *p, const char *step, const char *where, double *us,
                   double *bytes, unsigned rounds)
{
    bench_line("publish");
    bench_text("step", step);
    bench_text("where", where);
    bench_number("flags", p->flags);
    bench_tail("us", us, rounds);
    if (bytes) {
        quantile_sort(bytes, rounds);
        bench_number("written_bytes", quantile_of(bytes, rounds, 0.5));
    }
    bench_end();
}

/* Of a loop that has done something at least once. */
static bool is_late(const struct place *p, double start_ns)
{
    return bench_now_ns() - start_ns > p->seconds * 1e9;
}

static bool measure_saves(struct place *p, const char *where)
{
    const double start = bench_now_ns();
    unsigned done = 0;
    while (done < p->saves && (done == 0 || !is_late(p, start))) {
        if (!save(p, ++done)) {
            return false;
        }
    }
    if (done) {
        report(p, "file-saved", where, times.saved_us, times.saved_bytes, done);
    }
    return true;
}

static void report_changes(const struct place *p, const char *where, unsigned rounds)
{
    if (strcmp(where, "memory") == 0) {
        report(p, "compile", where, times.compile_us, NULL, rounds);
        report(p, "publish", where, times.publish_us, times.bytes, rounds);
        report(p, "refresh", where, times.refresh_us, NULL, rounds);
    }
    report(p, "visible", where, times.visible_us, NULL, rounds);
}

static bool measure_changes(struct place *p, const char *where)
{
    const unsigned first = p->saves + 1;
    const unsigned warm = spread(p);
    const double start = bench_now_ns();
    unsigned done = 0;
    p->connection = bench_connect(&p->agent);
    while (done < warm + p->rounds && (done <= warm || !is_late(p, start))) {
        if (!change(p, first + done, done < warm ? 0 : done - warm)) {
            return false;
        }
        done++;
    }
    (void)close(p->connection);
    report_changes(p, where, done - warm);
    return true;
}

static bool measure_all(struct place *p, const char *where)
{
    const struct ffshm_options manual = {.size = sizeof manual, .refresh = FFSHM_REFRESH_MANUAL};
    if (!bench_watcher_start(&p->watcher, p->agent.store, has_value, p)) {
        return false;
    }
    p->log = bench_log_open(p->agent.log);
    p->reader = ffshm_open(p->agent.store, &manual);
    bench_report_snapshot(p->agent.store);
    const bool good = p->log && measure_saves(p, where) && measure_changes(p, where);
    ffshm_close(p->reader);
    if (p->log) {
        (void)fclose(p->log);
    }
    return good;
}

static bool measure(struct place *p, const char *ffagent, const char *parent, const char *where)
{
    struct bench_state state;
    bench_state_make(&state, parent);
    bench_agent_prepare(&p->agent, ffagent, p->flags);
    bench_agent_start(&p->agent, state.file);
    (void)close(bench_connect(&p->agent)); /* it is there */
    bool good = measure_all(p, where);
    bench_watcher_stop(&p->watcher);
    good = bench_agent_stop(&p->agent) && good;
    bench_state_remove(&state);
    return good;
}

/* One line with the disk. */
static bool measure_disk(const struct bench_options *o, struct place place)
{
    const char *disk = o->directory ? o->directory : BENCH_DISK;
    if (!bench_state_in_memory(disk)) {
        return measure(&place, o->ffagent, disk, "disk");
    }
    bench_line("publish");
    bench_text("step", "visible");
    bench_text("where", "disk");
    bench_number("flags", place.flags);
    bench_text("absent", BENCH_DISK " is in memory: name a --directory on a disk");
    bench_end();
    return true;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

int ffbench_publish(const struct bench_options *o)
{
    static const unsigned all[] = {100, 1000, 10000, 100000};
    const unsigned *sizes = o->size_count ? o->sizes : all;
    const unsigned count = o->size_count ? o->size_count : sizeof all / sizeof all[0];
    const unsigned rounds = o->rounds ? o->rounds : ROUNDS;
    if (rounds > MOST_ROUNDS) {
        fprintf(stderr, "ffbench publish: --rounds are at most %u\n", MOST_ROUNDS);
        return 2;
    }
    if (o->directory && bench_state_in_memory(o->directory)) {
        fprintf(stderr, "ffbench publish: %s is in memory: name a directory on a disk\n",
                o->directory);
        return 2;
    }
    const double seconds = o->seconds > 0 ? o->seconds : SECONDS;
    for (unsigned i = 0; i < count; i++) {
        struct place place = {.flags = sizes[i],
                              .rounds = rounds,
                              .seconds = seconds,
                              .saves = least(rounds, sizes[i] < MANY ? SAVES : SAVES_OF_MANY)};
        if (!measure(&place, o->ffagent, BENCH_MEMORY, "memory")) {
            return 1;
        }
    }
    const struct place one = {
        .flags = o->size_count ? sizes[0] : DISK_FLAGS, .rounds = rounds, .seconds = seconds};
    return measure_disk(o, one) ? 0 : 1;
}
