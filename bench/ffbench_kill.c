/*
 * ffbench_kill.c - from a kill switch to the first evaluation with the new value in another
 * process, as JSON lines.
 *
 *     ffbench_kill [FLAGS [ROUNDS]]
 *
 * FLAGS flags (default 10000) of about 1 KB each are published; then ROUNDS (default 1000, at most
 * as many as there are flags) of them are killed one after the other, with no pause in which
 * extents could be merged: the agent's own pipeline, in this process, without storing anything. A
 * child process evaluates the flag until it has the new value.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_flags.h"
#include "bench_times.h"
#include "ffshm.h"
#include "live_store.h"
#include "log.h"
#include "pipeline_change.h"

#define MAX_ROUNDS 10000u
#define PATIENCE_US 10e6

/* What the two processes tell each other. */
struct shared {
    _Atomic bool ready;     /* the reader has the first snapshot */
    _Atomic unsigned asked; /* the round that the reader is to watch */
    _Atomic unsigned seen;  /* the round in which it has seen the new value */
    double seen_us;         /* when; valid once seen is stored */
};

/* Rounds are counted from 1; another flag each, spread over all of them. */
static void key_of(char key[32], unsigned round, unsigned flags)
{
    snprintf(key, 32, "feature-%06u", (unsigned)((uint64_t)round * 7919 % flags));
}

/* The other process. On for everybody but "watcher", who is a target: variation 2; killed: 1. */
static _Noreturn void read_on(const char *dir, struct shared *shared, unsigned flags,
                              unsigned rounds)
{
    struct ffshm *ff = ffshm_open(dir, NULL);
    struct ffshm_context who;
    struct ffshm_detail d;
    ffshm_context_init(&who, NULL, "watcher");
    ffshm_bool_detail(ff, "feature-000000", &who, true, &d);
    atomic_store(&shared->ready, true);
    for (unsigned round = 1; round <= rounds; round++) {
        char key[32];
        key_of(key, round, flags);
        while (atomic_load(&shared->asked) < round) {
            sched_yield();
        }
        do {
            ffshm_bool_detail(ff, key, &who, true, &d);
        } while (d.reason != FFSHM_REASON_OFF && atomic_load(&shared->asked) == round);
        shared->seen_us = bench_now_us();
        atomic_store(&shared->seen, round);
    }
    ffshm_close(ff);
    _exit(0);
}

static void load(struct pipeline *p, unsigned flags)
{
    struct model_item **items = calloc(flags, sizeof(struct model_item *));
    struct fault fault;
    for (unsigned i = 0; items && i < flags; i++) {
        char text[BENCH_FLAG_BYTES];
        char key[32];
        snprintf(key, sizeof(key), "feature-%06u", i);
        bench_flag(text, sizeof(text), i, 1);
        json_t *json = json_loads(text, 0, NULL);
        items[i] = model_parse(IMAGE_FLAG, key, json, "bench", &fault);
        json_decref(json);
    }
    if (!items || pipeline_replace(p, CATALOG_FILE, items, flags) != 0 ||
        pipeline_publish(p) != 0) {
        fprintf(stderr, "cannot publish the flags\n");
        exit(1);
    }
    free(items);
}

/* false: the new value did not come. */
static bool kill_one(struct pipeline *p, struct shared *shared, unsigned round, unsigned flags,
                     double *announced_us, double *seen_us)
{
    const struct override o = {
        .kind = OVERRIDE_KILL, .reason = "measured", .set_by = "bench", .set_ms = round};
    char key[32];
    struct fault fault = {0};
    key_of(key, round, flags);
    atomic_store(&shared->asked, round);
    const double start = bench_now_us();
    if (pipeline_override_set(p, key, &o, &fault) != 0) {
        fprintf(stderr, "%s: %s\n", key, fault.cause);
        return false;
    }
    *announced_us = bench_now_us() - start;
    while (atomic_load(&shared->seen) < round) {
        if (bench_now_us() - start > PATIENCE_US) {
            fprintf(stderr, "%s: the reader does not see it\n", key);
            return false;
        }
        sched_yield();
    }
    *seen_us = shared->seen_us - start;
    return true;
}

int main(int argc, char **argv)
{
    static double announced[MAX_ROUNDS];
    static double seen[MAX_ROUNDS];
    const unsigned flags = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    const unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000;
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rounds == 0 || rounds > flags || rounds > MAX_ROUNDS || flags % 7919 == 0 ||
        shared == MAP_FAILED) {
        fprintf(stderr, "usage: ffbench_kill [FLAGS [ROUNDS (1..FLAGS, at most %u)]]\n",
                MAX_ROUNDS);
        return 2;
    }
    struct live_store store;
    log_setup(LOG_LEVEL_ERROR);
    live_store_open(&store);
    struct event_base *base = event_base_new();
    struct pipeline *p = pipeline_new(base, store.publisher, NULL, NULL);
    load(p, flags);
    const pid_t reader = fork();
    if (reader == 0) {
        read_on(store.dir, shared, flags, rounds);
    }
    bool good = reader > 0;
    while (good && !atomic_load(&shared->ready)) {
        sched_yield();
    }
    for (unsigned r = 0; r < rounds && good; r++) {
        good = kill_one(p, shared, r + 1, flags, &announced[r], &seen[r]);
    }
    if (good) {
        bench_report("kill", "override set to announced", flags, announced, rounds);
        bench_report("kill", "override set to seen in another process", flags, seen, rounds);
    } else if (reader > 0) {
        kill(reader, SIGKILL);
    }
    waitpid(reader, NULL, 0);
    pipeline_free(p);
    event_base_free(base);
    live_store_close(&store);
    return good ? 0 : 1;
}
