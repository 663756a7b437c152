/*
 * kill.c - `ffbench kill`: from a kill switch asked for over HTTP to the first evaluation with the
 * new value in another process, which evaluates without pause.
 *
 * A real ffagent publishes flags of about 1 KB each. Some of them are killed one after the other,
 * then revived, by requests on one connection to its socket. All of it is done twice: with the
 * state file on a disk, and in memory, which leaves out the disk. A plain loop of pwrite and
 * fdatasync on the same disk, one after each request, says what the disk takes at that time: no
 * commit can be faster.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench_agent.h"
#include "bench_clock.h"
#include "bench_fail.h"
#include "bench_flags.h"
#include "bench_report.h"
#include "bench_state.h"
#include "bench_watcher.h"

#define FLAGS 10000u
#define ROUNDS 1000u
#define MOST_ROUNDS 10000u
/* Another flag each round, spread over all of them: a prime that does not divide their number. */
#define STRIDE 7919u
#define OTHER_STRIDE 7907u
#define COMMIT_BYTES 28672 /* what a kill's commit writes: 7 pages */
#define FLOOR_BYTES (4u << 20)

enum step { KILL, REVIVE };
static const char *const steps[] = {"kill", "revive"};

struct place {
    unsigned flags;
    unsigned rounds; /* of kills, from 1 on; then as many of revives */
    struct bench_agent agent;
    struct bench_watcher watcher;
    int connection;
    int floor; /* the file of the plain loop; -1: none */
};

static struct {
    double seen_us[MOST_ROUNDS];
    double answered_us[MOST_ROUNDS];
    double floor_us[MOST_ROUNDS];
} times;

static enum step step_of(const struct place *p, unsigned round)
{
    return round > p->rounds ? REVIVE : KILL;
}

static void key_of(const struct place *p, char key[24], unsigned round)
{
    const uint64_t at = (round - 1) % p->rounds;
    const uint64_t stride = p->flags % STRIDE ? STRIDE : OTHER_STRIDE;
    bench_flag_key(key, (unsigned)(at * stride % p->flags));
}

/* In the other process. "watcher" is a target of each flag: when it is killed it is OFF instead. */
static bool has_changed(struct ffshm *ff, unsigned round, const void *arg)
{
    const struct place *p = arg;
    struct ffshm_context who;
    struct ffshm_detail d;
    char key[24];
    key_of(p, key, round);
    ffshm_context_init(&who, NULL, "watcher");
    ffshm_bool_detail(ff, key, &who, true, &d);
    return (d.reason == FFSHM_REASON_OFF) == (step_of(p, round) == KILL);
}

/* What the disk takes at this moment. */
static bool measure_floor(const struct place *p, unsigned round, double *us)
{
    static const char bytes[COMMIT_BYTES];
    const off_t at = (off_t)(round % (FLOOR_BYTES / COMMIT_BYTES) * COMMIT_BYTES);
    const double start = bench_now_ns();
    if (pwrite(p->floor, bytes, sizeof bytes, at) != (ssize_t)sizeof bytes ||
        fdatasync(p->floor) != 0) {
        perror("ffbench: a file for fdatasync");
        return false;
    }
    *us = (bench_now_ns() - start) / 1e3;
    return true;
}

/* One request; false: it was not done, or not seen, as stderr says. */
static bool change(struct place *p, unsigned round)
{
    char key[24];
    char path[128];
    const unsigned at = (round - 1) % p->rounds;
    const enum step step = step_of(p, round);
    key_of(p, key, round);
    snprintf(path, sizeof path, "/api/v1/flags/%s/%s", key, steps[step]);
    const char *body = step == KILL ? "{\"comment\":\"measured\"}" : "{}";
    bench_watcher_ask(&p->watcher, round);
    const double start = bench_now_ns();
    const unsigned status = bench_request(p->connection, "POST", path, body);
    times.answered_us[at] = (bench_now_ns() - start) / 1e3;
    if (status != 200) {
        fprintf(stderr, "ffbench: %s: the answer is %u\n", path, status);
        return false;
    }
    const double seen = bench_watcher_await(&p->watcher);
    times.seen_us[at] = (seen - start) / 1e3;
    return seen > 0 && (p->floor < 0 || measure_floor(p, round, &times.floor_us[at]));
}

static void begin_line(const struct place *p, const char *step, const char *where)
{
    bench_line("kill");
    bench_text("step", step);
    bench_text("where", where);
    bench_number("flags", p->flags);
}

static void report(const struct place *p, enum step step, const char *where)
{
    const struct {
        const char *what;
        double *us;
    } all[] = {{"seen", times.seen_us}, {"answered", times.answered_us}, {"floor", times.floor_us}};
    for (unsigned i = 0; i < (p->floor < 0 ? 2 : 3); i++) {
        begin_line(p, steps[step], where);
        bench_text("what", all[i].what);
        bench_tail("us", all[i].us, p->rounds);
        bench_end();
    }
}

static void report_absent(const struct place *p, const char *why)
{
    for (unsigned step = KILL; step <= REVIVE; step++) {
        begin_line(p, steps[step], "disk");
        bench_text("what", "seen");
        bench_text("absent", why);
        bench_end();
    }
}

static int open_floor(const struct bench_state *state)
{
    static const char bytes[FLOOR_BYTES];
    char path[BENCH_PATH + 16];
    snprintf(path, sizeof path, "%s/floor", state->dir);
    const int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes || fsync(fd) != 0) {
        bench_fail_errno(path);
    }
    return fd;
}

static bool measure_steps(struct place *p, const char *where)
{
    for (unsigned round = 1; round <= 2 * p->rounds; round++) {
        if (!change(p, round)) {
            return false;
        }
        if (round % p->rounds == 0) {
            report(p, step_of(p, round), where);
        }
    }
    return true;
}

/* where: "disk", which is measured, too, or "memory". */
static bool measure(struct place *p, const char *ffagent, const char *parent, const char *where)
{
    struct bench_state state;
    bench_state_make(&state, parent);
    bench_agent_prepare(&p->agent, ffagent, p->flags);
    bench_agent_start(&p->agent, state.file);
    p->floor = strcmp(where, "disk") == 0 ? open_floor(&state) : -1;
    p->connection = bench_connect(&p->agent);
    bool good = bench_watcher_start(&p->watcher, p->agent.store, has_changed, p);
    if (good) {
        bench_report_snapshot(p->agent.store);
        good = measure_steps(p, where);
    }
    bench_watcher_stop(&p->watcher);
    (void)close(p->connection);
    if (p->floor >= 0) {
        (void)close(p->floor);
    }
    good = bench_agent_stop(&p->agent) && good;
    bench_state_remove(&state);
    return good;
}

int ffbench_kill(const struct bench_options *o)
{
    struct place place = {.flags = o->size_count ? o->sizes[0] : FLAGS, .rounds = o->rounds};
    const char *disk = o->directory ? o->directory : BENCH_DISK;
    const bool no_disk = bench_state_in_memory(disk);
    if (place.rounds == 0) {
        place.rounds = ROUNDS < place.flags ? ROUNDS : place.flags;
    }
    if (place.rounds > place.flags || place.rounds > MOST_ROUNDS) {
        fprintf(stderr, "ffbench kill: --rounds are 1 to --flags (%u), at most %u\n", place.flags,
                MOST_ROUNDS);
        return 2;
    }
    if (no_disk && o->directory) {
        fprintf(stderr, "ffbench kill: %s is in memory: name a directory on a disk\n", disk);
        return 2;
    }
    if (no_disk) {
        report_absent(&place, BENCH_DISK " is in memory: name a --directory on a disk");
    } else if (!measure(&place, o->ffagent, disk, "disk")) {
        return 1;
    }
    return measure(&place, o->ffagent, BENCH_MEMORY, "memory") ? 0 : 1;
}
