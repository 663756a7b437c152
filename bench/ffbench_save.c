/*
 * ffbench_save.c - from saving a flag file to the new value in another process, as JSON lines.
 *
 *     ffbench_save [FLAGS [ROUNDS]]
 *
 * A real ffagent watches a JSON file of FLAGS flags (default 10000) of about 1 KB each. Each of
 * ROUNDS (default 20) replaces the file by rename with one flag changed; this process evaluates
 * that flag until it has the new value.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_flags.h"
#include "ffshm.h"

#define MAX_ROUNDS 1000

static char base[] = "/dev/shm/ffbench.XXXXXX";
static char store[64];
static char state[64];
static char file[64];
static char next_file[64];

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void write_file(const char *path, unsigned flags, unsigned changed, unsigned version)
{
    FILE *f = fopen(path, "we");
    if (!f) {
        perror(path);
        exit(1);
    }
    char text[BENCH_FLAG_BYTES];
    fprintf(f, "{\"flags\":{");
    for (unsigned i = 0; i < flags; i++) {
        bench_flag(text, sizeof(text), i, i == changed ? version : 1);
        fprintf(f, "%s\n\"feature-%06u\":%s", i ? "," : "", i, text);
    }
    fprintf(f, "}}\n");
    fclose(f);
}

static pid_t start_agent(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(FFAGENT_PATH, "ffagent", "--log-level", "ERROR", "--dir", store, "--state", state,
              "--flags", file, (char *)NULL);
        fprintf(stderr, "%s: %s\n", FFAGENT_PATH, strerror(errno));
        _exit(127);
    }
    return pid;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The time until the flag has the value; negative: it did not come. */
static double save_and_wait(struct ffshm *ff, unsigned flags, unsigned version)
{
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "watcher");
    unsigned changed = version * 7919 % flags;
    char key[32];
    snprintf(key, sizeof(key), "feature-%06u", changed);
    write_file(next_file, flags, changed, version);
    double start = now_ms();
    if (rename(next_file, file) != 0) {
        return -1;
    }
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
    if (flags == 0 || rounds == 0 || rounds > MAX_ROUNDS || !mkdtemp(base)) {
        fprintf(stderr, "usage: ffbench_save [FLAGS [ROUNDS (1..%d)]]\n", MAX_ROUNDS);
        return 2;
    }
    snprintf(store, sizeof(store), "%s/store", base);
    snprintf(state, sizeof(state), "%s/state/agent.db", base);
    snprintf(file, sizeof(file), "%s/flags.json", base);
    snprintf(next_file, sizeof(next_file), "%s/next.json", base);
    write_file(file, flags, 0, 1);
    pid_t agent = start_agent();
    struct ffshm *ff = ffshm_open(store, NULL);
    int failed = ffshm_wait_ready(ff, 60000) != FFSHM_OK;
    double ms[MAX_ROUNDS];
    for (unsigned r = 0; r < rounds && !failed; r++) {
        ms[r] = save_and_wait(ff, flags, r + 2);
        failed = ms[r] < 0;
    }
    ffshm_close(ff);
    kill(agent, SIGTERM);
    waitpid(agent, NULL, 0);
    if (!failed) {
        qsort(ms, rounds, sizeof(ms[0]), ascending);
        printf(
            "{\"bench\":\"save\",\"case\":\"file saved to visible\",\"flags\":%u,\"min_ms\":%.1f,"
            "\"median_ms\":%.1f,\"max_ms\":%.1f,\"rounds\":%u}\n",
            flags, ms[0], ms[rounds / 2], ms[rounds - 1], rounds);
    }
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command) != 0 || failed ? 1 : 0;
}
