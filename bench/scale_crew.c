#include "scale_crew.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_clock.h"
#include "bench_cpus.h"
#include "bench_directory.h"
#include "bench_fail.h"

#define BATCH 512u /* evaluations between two looks at the clock */
#define WARM 2048u
#define UNDISTURBED 0.97 /* of the time, at least, a worker has its core */
#define PATIENCE_S 60

/* Each worker's own line, but for `turn`, which it sleeps on. */
struct worker {
    _Alignas(128) _Atomic uint32_t turn; /* odd: asked to work */
    unsigned index;
    int cpu;
    pid_t pid;
    pthread_t thread;
    struct crew *crew;
    struct eval_place *place; /* NULL: it opens one */
    double rate;
    bool disturbed;
    struct scale_state state;
};

/* In memory that all share. */
struct crew {
    unsigned count;
    bool threads;
    bool ends;
    _Atomic bool failed; /* a worker has no store */
    char store[BENCH_PATH + 16];
    struct bench_set set;
    struct eval_place place; /* of threads */

    /* A turn. */
    struct scale_job job;
    unsigned working;
    double ns;
    _Alignas(128) _Atomic uint32_t arrived;
    _Alignas(128) _Atomic uint64_t end_ns; /* 0: not all have arrived */
    _Alignas(128) _Atomic uint32_t left;   /* workers that are not done; who asked sleeps on it */
    struct worker workers[BENCH_CPUS_MOST];
};

/* timeout: NULL for none. false: it is over. */
static bool sleep_while(_Atomic uint32_t *word, uint32_t value, const struct timespec *timeout)
{
    while (atomic_load(word) == value) {
        if (syscall(SYS_futex, word, FUTEX_WAIT, value, timeout, NULL, 0) != 0 &&
            errno == ETIMEDOUT) {
            return false;
        }
    }
    return true;
}

static void wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void one_less(struct crew *c)
{
    if (atomic_fetch_sub(&c->left, 1) == 1) {
        wake(&c->left);
    }
}

static void wait_for_all(struct crew *c)
{
    static const struct timespec patience = {PATIENCE_S, 0};
    for (uint32_t left = atomic_load(&c->left); left != 0; left = atomic_load(&c->left)) {
        if (!sleep_while(&c->left, left, &patience)) {
            bench_fail("a worker", "it is gone, or stuck for a minute");
        }
    }
    if (atomic_load(&c->failed)) {
        exit(1);
    }
}

/* ---- a worker ------------------------------------------------------------------------------ */

/* The last one to come says when the turn ends. The others run meanwhile, but do no work. */
static double begin(struct crew *c)
{
    uint64_t end_ns = 0;
    if (atomic_fetch_add(&c->arrived, 1) + 1 == c->working) {
        atomic_store(&c->end_ns, (uint64_t)(bench_now_ns() + c->ns));
    }
    while (end_ns == 0) {
        end_ns = atomic_load_explicit(&c->end_ns, memory_order_acquire);
    }
    return (double)end_ns;
}

static double cpu_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void do_turn(struct worker *w, struct eval_place *place)
{
    struct crew *const c = w->crew;
    const struct scale_job job = c->job;
    uint64_t done = 0;
    scale_work(place, &job, &w->state, WARM);
    const double end_ns = begin(c);
    const double start_cpu_ns = cpu_now_ns();
    double now_ns = bench_now_ns();
    while (now_ns < end_ns) {
        scale_work(place, &job, &w->state, BATCH);
        done += BATCH;
        now_ns = bench_now_ns();
    }
    const double took_ns = now_ns - (end_ns - c->ns); /* from the moment that is all workers' */
    w->rate = (double)done / took_ns * 1e9;
    w->disturbed = cpu_now_ns() - start_cpu_ns < UNDISTURBED * took_ns;
    one_less(c);
}

static void *work(void *arg)
{
    struct worker *const w = arg;
    struct eval_place own;
    struct eval_place *place = w->place;
    bench_pin(&w->cpu, 1);
    if (!place) {
        place = &own;
        if (!eval_place_open(place, w->crew->store, &w->crew->set)) {
            atomic_store(&w->crew->failed, true);
        }
    }
    w->state.at = w->index * place->fillers / w->crew->count;
    one_less(w->crew);
    for (uint32_t turn = 0;; turn++) {
        (void)sleep_while(&w->turn, turn, NULL);
        if (w->crew->ends) {
            break;
        }
        do_turn(w, place);
    }
    if (place == &own) {
        eval_place_close(place);
    }
    return NULL;
}

static void start_worker(struct worker *w)
{
    if (w->crew->threads) {
        errno = pthread_create(&w->thread, NULL, work, w);
        if (errno != 0) {
            bench_fail_errno("pthread_create");
        }
        return;
    }
    w->pid = bench_child();
    if (w->pid == 0) {
        work(w);
        _exit(0);
    }
}

/* ---- the crew ------------------------------------------------------------------------------ */

struct crew *crew_start(bool threads, const char *store, const struct bench_set *set,
                        const int *cpus, unsigned count)
{
    struct crew *const c =
        mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c == MAP_FAILED) {
        bench_fail_errno("mmap");
    }
    c->threads = threads;
    c->count = count;
    c->set = *set;
    snprintf(c->store, sizeof c->store, "%s", store);
    if (threads && !eval_place_open(&c->place, store, set)) {
        exit(1);
    }
    atomic_store(&c->left, count);
    for (unsigned i = 0; i < count; i++) {
        struct worker *const w = &c->workers[i];
        w->index = i;
        w->cpu = cpus[i];
        w->crew = c;
        w->place = threads ? &c->place : NULL;
        start_worker(w);
    }
    wait_for_all(c);
    return c;
}

bool crew_turn(struct crew *c, const struct scale_job *job, unsigned first, unsigned count,
               double ns, double *rates)
{
    c->job = *job;
    c->working = count;
    c->ns = ns;
    atomic_store(&c->arrived, 0);
    atomic_store(&c->end_ns, 0);
    atomic_store(&c->left, count);
    for (unsigned i = first; i < first + count; i++) {
        atomic_fetch_add(&c->workers[i].turn, 1);
        wake(&c->workers[i].turn);
    }
    wait_for_all(c);
    bool undisturbed = true;
    for (unsigned i = first; i < first + count; i++) {
        rates[i] = c->workers[i].rate;
        undisturbed = undisturbed && !c->workers[i].disturbed;
    }
    return undisturbed;
}

void crew_end(struct crew *c)
{
    c->ends = true;
    for (unsigned i = 0; i < c->count; i++) {
        struct worker *const w = &c->workers[i];
        atomic_fetch_add(&w->turn, 1);
        wake(&w->turn);
        if (c->threads) {
            pthread_join(w->thread, NULL);
        } else {
            waitpid(w->pid, NULL, 0);
        }
    }
    if (c->threads) {
        eval_place_close(&c->place);
    }
    munmap(c, sizeof *c);
}
