/*
 * ffbench_save.c - from saving a flag file to the new value in another process, as JSON lines.
 *
 *     ffbench_save [FLAGS [ROUNDS]]
 *
 * A real ffagent watches a JSON file of FLAGS flags (default 10000) of about 1 KB each. Each of
 * ROUNDS (default 20) replaces the file by rename with one flag changed; this process evaluates
 * that flag until it has the new value.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench_agent.h"
#include "ffshm.h"

#define MAX_ROUNDS 1000

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The time until the flag has the value; negative: it did not come. */
static double save_and_wait(const struct bench_agent *agent, struct ffshm *ff, unsigned flags,
                            unsigned version)
{
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "watcher");
    unsigned changed = version * 7919 % flags;
    char key[32];
    snprintf(key, sizeof(key), "feature-%06u", changed);
    bench_agent_write(agent, flags, changed, version);
    double start = now_ms();
    bench_agent_save(agent);
    while (ffshm_int(ff, key, &who, -1) != (int64_t)version) {
        if (now_ms() - start > 10000) {
            return -1;
        }
        usleep(100); /* leave the agent its CPU */
    }
    return now_ms() - start;
}

int main(int argc, char **argv)
{
    unsigned flags = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20;
    if (flags == 0 || rounds == 0 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: ffbench_save [FLAGS [ROUNDS (1..%d)]]\n", MAX_ROUNDS);
        return 2;
    }
    struct bench_agent agent;
    bench_agent_prepare(&agent, flags);
    bench_agent_start(&agent, "none");
    struct ffshm *ff = ffshm_open(agent.store, NULL);
    int failed = ffshm_wait_ready(ff, 60000) != FFSHM_OK;
    double ms[MAX_ROUNDS];
    for (unsigned r = 0; r < rounds && !failed; r++) {
        ms[r] = save_and_wait(&agent, ff, flags, r + 2);
        failed = ms[r] < 0;
    }
    ffshm_close(ff);
    if (!failed) {
        qsort(ms, rounds, sizeof(ms[0]), ascending);
        printf(
            "{\"bench\":\"save\",\"case\":\"file saved to visible\",\"flags\":%u,\"min_ms\":%.1f,"
            "\"median_ms\":%.1f,\"max_ms\":%.1f,\"rounds\":%u}\n",
            flags, ms[0], ms[rounds / 2], ms[rounds - 1], rounds);
    }
    return bench_agent_stop(&agent) && !failed ? 0 : 1;
}
