/*
 * ffbench_kill.c - from a kill switch asked for over HTTP to the first evaluation with the new
 * value in another process.
 *
 *     ffbench_kill [--json] [FLAGS [ROUNDS [DIRECTORY]]]
 *
 * A real ffagent publishes a file of FLAGS flags (default 10000) of about 1 KB each, and has its
 * state file in DIRECTORY (default /var/tmp), which must be on a disk. ROUNDS of the flags (default
 * 1000) are killed one after the other, then revived, by requests on one connection to its socket.
 * Another process evaluates the flag, without pause, until it has the new value.
 *
 * All of it is done twice: the second time with the state file in memory, which leaves out the
 * disk. And a plain loop of pwrite and fdatasync, one after each request, says what the disk takes:
 * no commit can be faster.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_agent.h"
#include "bench_times.h"
#include "ffshm.h"

#define MAX_ROUNDS 10000u
#define PATIENCE_US 10e6
#define READY_MS 60000
#define COMMIT_BYTES 28672 /* what a kill's commit writes: 7 pages */
#define FLOOR_BYTES (4u << 20)

/* What the two processes tell each other. */
struct shared {
    _Atomic bool ready;     /* the reader has the first snapshot */
    _Atomic unsigned asked; /* the round that the reader is to watch: odd kills, even revives */
    _Atomic unsigned seen;  /* the round in which it has seen the new value */
    double seen_us;         /* when; valid once seen is stored */
};

struct run {
    struct bench_agent agent;
    struct shared *shared;
    unsigned flags;
    unsigned rounds;
    int connection;
    int floor; /* the file of the plain loop; -1: none */
    char floor_path[256];
    double seen[MAX_ROUNDS];
    double answered[MAX_ROUNDS];
    double synced[MAX_ROUNDS];
};

enum step { KILL, REVIVE };

/* Another flag each round, spread over all of them. */
static void key_of(char key[32], unsigned round, unsigned flags)
{
    snprintf(key, 32, "feature-%06u", (unsigned)((uint64_t)round * 7919 % flags));
}

/* Rounds of kills come first, from 1 on; then those of revives. */
static enum step step_of(unsigned number, unsigned rounds)
{
    return number > rounds ? REVIVE : KILL;
}

/* The other process. "watcher" is a target of each flag: when it is killed it is OFF instead. */
static _Noreturn void read_on(const struct run *run)
{
    struct shared *shared = run->shared;
    struct ffshm *ff = ffshm_open(run->agent.store, NULL);
    struct ffshm_context who;
    struct ffshm_detail d;
    ffshm_context_init(&who, NULL, "watcher");
    if (ffshm_wait_ready(ff, READY_MS) != FFSHM_OK) {
        _exit(1);
    }
    atomic_store(&shared->ready, true);
    for (unsigned number = 1; number <= 2 * run->rounds; number++) {
        char key[32];
        bool off;
        const bool wanted = step_of(number, run->rounds) == KILL;
        key_of(key, (number - 1) % run->rounds, run->flags);
        while (atomic_load(&shared->asked) < number) {
            sched_yield();
        }
        do {
            ffshm_bool_detail(ff, key, &who, true, &d);
            off = d.reason == FFSHM_REASON_OFF;
        } while (off != wanted);
        shared->seen_us = bench_now_us();
        atomic_store(&shared->seen, number);
    }
    ffshm_close(ff);
    _exit(0);
}

/* What the disk takes at this moment; 0: there is none. */
static double sync_us(const struct run *run, unsigned number)
{
    static const char bytes[COMMIT_BYTES];
    if (run->floor < 0) {
        return 0;
    }
    const off_t at = (off_t)(number % (FLOOR_BYTES / COMMIT_BYTES) * COMMIT_BYTES);
    const double start = bench_now_us();
    if (pwrite(run->floor, bytes, sizeof bytes, at) != (ssize_t)sizeof bytes ||
        fdatasync(run->floor) != 0) {
        perror(run->floor_path);
        return 0;
    }
    return bench_now_us() - start;
}

static bool await_seen(const struct run *run, unsigned number, double start_us)
{
    while (atomic_load(&run->shared->seen) < number) {
        if (bench_now_us() - start_us > PATIENCE_US) {
            fprintf(stderr, "the reader does not see it\n");
            return false;
        }
        sched_yield();
    }
    return true;
}

/* One request; false: it was not done, or not seen. */
static bool ask(struct run *run, unsigned number, unsigned at)
{
    char key[32];
    char path[128];
    const bool kills = step_of(number, run->rounds) == KILL;
    key_of(key, at, run->flags);
    snprintf(path, sizeof path, "/api/v1/flags/%s/%s", key, kills ? "kill" : "revive");
    const char *body = kills ? "{\"comment\": \"measured\"}" : "{}";
    atomic_store(&run->shared->asked, number);
    const double start = bench_now_us();
    const unsigned status = bench_post(run->connection, path, body);
    run->answered[at] = bench_now_us() - start;
    if (status != 200) {
        fprintf(stderr, "%s: the answer is %u\n", path, status);
        return false;
    }
    if (!await_seen(run, number, start)) {
        return false;
    }
    run->seen[at] = run->shared->seen_us - start;
    run->synced[at] = sync_us(run, number);
    return true;
}

static void report(struct run *run, enum step step, const char *where, bool json)
{
    static const char *const steps[] = {"kill", "revive"};
    char what[128];
    snprintf(what, sizeof what, "%s sent to seen in another process%s", steps[step], where);
    bench_tell("kill", what, run->flags, run->seen, run->rounds, json);
    snprintf(what, sizeof what, "%s sent to answered%s", steps[step], where);
    bench_tell("kill", what, run->flags, run->answered, run->rounds, json);
    if (run->floor >= 0) {
        snprintf(what, sizeof what, "fdatasync of 28 KiB, after each %s", steps[step]);
        bench_tell("kill", what, run->flags, run->synced, run->rounds, json);
    }
}

static void open_floor(struct run *run, const char *directory)
{
    static char bytes[FLOOR_BYTES];
    snprintf(run->floor_path, sizeof run->floor_path, "%s/floor", directory);
    run->floor = open(run->floor_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (run->floor < 0 || write(run->floor, bytes, sizeof bytes) != (ssize_t)sizeof bytes ||
        fsync(run->floor) != 0) {
        perror(run->floor_path);
        exit(1);
    }
}

/* directory: of the state file. where: "" for the disk, which is measured, too. */
static bool measure(struct run *run, const char *directory, const char *where, bool json)
{
    char state[256];
    snprintf(state, sizeof state, "%s/agent.db", directory);
    memset(run->shared, 0, sizeof *run->shared);
    bench_agent_prepare(&run->agent, run->flags);
    bench_agent_start(&run->agent, state);
    run->floor = -1;
    if (!*where) {
        open_floor(run, directory);
    }
    const pid_t reader = fork();
    if (reader == 0) {
        read_on(run);
    }
    run->connection = bench_connect(&run->agent);
    while (!atomic_load(&run->shared->ready)) {
        usleep(1000);
    }
    bool good = reader > 0;
    for (unsigned number = 1; good && number <= 2 * run->rounds; number++) {
        const unsigned at = (number - 1) % run->rounds;
        good = ask(run, number, at);
        if (good && at == run->rounds - 1) {
            report(run, step_of(number, run->rounds), where, json);
        }
    }
    if (!good) {
        kill(reader, SIGKILL);
    }
    waitpid(reader, NULL, 0);
    close(run->connection);
    close(run->floor);
    return bench_agent_stop(&run->agent) && good;
}

static bool is_memory(const char *directory)
{
    struct statfs fs;
    return statfs(directory, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static bool measure_in(struct run *run, const char *parent, const char *where, bool json)
{
    char directory[128];
    char command[160];
    snprintf(directory, sizeof directory, "%s/ffbench-state.XXXXXX", parent);
    if (!mkdtemp(directory)) {
        perror(directory);
        return false;
    }
    const bool good = measure(run, directory, where, json);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) == 0 && good;
}

int main(int argc, char **argv)
{
    static struct run run;
    const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    char **arguments = argv + json;
    const int count = argc - json;
    const char *directory = count > 3 ? arguments[3] : "/var/tmp";
    run.flags = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 10000;
    run.rounds = count > 2 ? (unsigned)strtoul(arguments[2], NULL, 10) : 1000;
    run.shared =
        mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run.rounds == 0 || run.rounds > run.flags || run.rounds > MAX_ROUNDS ||
        run.flags % 7919 == 0 || run.shared == MAP_FAILED || strlen(directory) > 64) {
        fprintf(
            stderr,
            "usage: ffbench_kill [--json] [FLAGS [ROUNDS (1..FLAGS, at most %u) [DIRECTORY]]]\n",
            MAX_ROUNDS);
        return 2;
    }
    if (is_memory(directory)) {
        fprintf(stderr, "%s is in memory: name a directory on a disk\n", directory);
        return 2;
    }
    return measure_in(&run, directory, "", json) &&
                   measure_in(&run, "/dev/shm", ", state in memory", json)
               ? 0
               : 1;
}
