/*
 * A program that evaluates while others write: generations only grow, and so do the counters.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "writers.h"

#define PAUSE_NS 200000

static void fault(struct watched *w, const char *what, const char *key, int64_t before, int64_t now)
{
    if (atomic_fetch_add(&w->faults, 1) == 0) {
        snprintf(w->fault, sizeof w->fault, "%s of %s was %lld and is %lld", what, key,
                 (long long)before, (long long)now);
    }
}

/* What was seen before. */
struct seen {
    uint64_t generation;
    int64_t values[COUNTERS];
};

static void look(struct watched *w, struct ffshm *ff, const struct ffshm_context *who,
                 struct seen *seen)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        struct ffshm_detail detail;
        const int64_t value = ffshm_int_detail(ff, write_keys[i].name, who, -1, &detail);
        if (detail.generation < seen->generation) {
            fault(w, "the generation", write_keys[i].name, (int64_t)seen->generation,
                  (int64_t)detail.generation);
        }
        if (detail.generation != seen->generation) {
            atomic_fetch_add(&w->generations, 1);
            seen->generation = detail.generation;
        }
        if (detail.variation >= 0) {
            if (value < seen->values[i]) {
                fault(w, "the value", write_keys[i].name, seen->values[i], value);
            }
            seen->values[i] = value;
        }
    }
    atomic_fetch_add(&w->evaluations, COUNTERS);
}

static void watch(struct watched *w, const char *dir)
{
    struct seen seen = {0};
    struct ffshm_context who;
    struct ffshm *ff = ffshm_open(dir, NULL);
    ffshm_context_init(&who, "user", WHO);
    while (ff && !atomic_load(&w->stop)) {
        look(w, ff, &who, &seen);
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    }
    struct ffshm_status status = {0};
    if (ff) {
        ffshm_status(ff, &status);
    }
    if (status.refused) {
        fault(w, "refused snapshots", "the store", 0, (int64_t)status.refused);
    }
    ffshm_close(ff);
}

struct watched *watch_begin(const char *dir, pid_t *pid)
{
    struct watched *w =
        mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    *pid = fork();
    if (*pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        watch(w, dir);
        _exit(0);
    }
    return w;
}

void watch_end(struct watched *w, pid_t pid)
{
    int status = -1;
    atomic_store(&w->stop, true);
    waitpid(pid, &status, 0);
    if (status != 0 || atomic_load(&w->faults) > 0) {
        wrong("who evaluates meanwhile: %zu faults, wait status %#x: %s", atomic_load(&w->faults),
              (unsigned)status, w->fault);
    }
    printf("  evaluated meanwhile: %zu times, in %zu generations\n", atomic_load(&w->evaluations),
           atomic_load(&w->generations));
    munmap(w, sizeof *w);
}
