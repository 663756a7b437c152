#include "bench_watcher.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_clock.h"
#include "bench_fail.h"

#define READY_MS 60000
#define PATIENCE_NS 60e9
#define LOOK_US 20 /* between two looks of the one who awaits: the agent needs the CPU */

/* What the two processes tell each other. */
struct bench_watched {
    _Atomic bool ready;
    _Atomic unsigned asked; /* the round that is to be watched */
    _Atomic unsigned seen;  /* the round in which it has seen the new value */
    double seen_ns;         /* when; valid once seen is stored */
};

static _Noreturn void watch(struct bench_watched *shared, const char *store, bench_seen_fn *seen,
                            const void *arg)
{
    struct ffshm *ff = ffshm_open(store, NULL);
    if (ffshm_wait_ready(ff, READY_MS) != FFSHM_OK) {
        fprintf(stderr, "ffbench: there is no snapshot in %s\n", store);
        _exit(1);
    }
    atomic_store(&shared->ready, true);
    for (unsigned last = 0;;) {
        const unsigned round = atomic_load(&shared->asked);
        if (round != 0 && seen(ff, round, arg) && round != last) {
            shared->seen_ns = bench_now_ns();
            atomic_store(&shared->seen, round);
            last = round;
        }
    }
}

static bool is_gone(struct bench_watcher *w)
{
    if (w->pid > 0 && waitpid(w->pid, NULL, WNOHANG) != 0) {
        w->pid = 0;
    }
    return w->pid == 0;
}

bool bench_watcher_start(struct bench_watcher *w, const char *store, bench_seen_fn *seen,
                         const void *arg)
{
    w->shared =
        mmap(NULL, sizeof *w->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->shared == MAP_FAILED) {
        bench_fail_errno("mmap");
    }
    w->pid = bench_child();
    if (w->pid == 0) {
        watch(w->shared, store, seen, arg);
    }
    while (!atomic_load(&w->shared->ready)) {
        if (is_gone(w)) {
            return false;
        }
        usleep(1000);
    }
    return true;
}

void bench_watcher_ask(const struct bench_watcher *w, unsigned round)
{
    atomic_store(&w->shared->asked, round);
}

double bench_watcher_await(struct bench_watcher *w)
{
    const double start = bench_now_ns();
    while (atomic_load(&w->shared->seen) != atomic_load(&w->shared->asked)) {
        if (bench_now_ns() - start > PATIENCE_NS || is_gone(w)) {
            fprintf(stderr, "ffbench: another process does not see the change\n");
            return -1;
        }
        usleep(LOOK_US);
    }
    return w->shared->seen_ns;
}

void bench_watcher_stop(struct bench_watcher *w)
{
    if (w->pid > 0) {
        (void)kill(w->pid, SIGKILL);
        (void)waitpid(w->pid, NULL, 0);
    }
    (void)munmap(w->shared, sizeof *w->shared);
    *w = (struct bench_watcher){0};
}
