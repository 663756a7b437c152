/*
 * telemetry_load - processes that evaluate and know how often: what the agent's telemetry must add
 * up to.
 *
 *   telemetry_load DIR TOTAL SECONDS PROCESSES KILLS
 *
 * TOTAL evaluations, spread over SECONDS and PROCESSES: some with one thread, some with several,
 * some that fork in the middle, some that close the store at their end and some that do not. KILLS
 * of the processes are killed with -9 on the way, and others do what they left over. SIGTERM ends
 * it before TOTAL is reached.
 *
 * After each evaluation a thread counts in memory that outlives it. Of a thread that was killed the
 * last evaluation may have happened without being counted here: that many more are right, too.
 *
 * Prints "ready", "progress PERCENT" for each ten percent, then "count FLAG N" for each flag,
 * "total N" and "uncertain N". 0; 1 when a value was wrong or a process failed; 2: wrong arguments.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ffshm.h"

#define PROCESSES_MOST 32
#define THREADS 4
#define SLOTS_MOST 512
#define CONTEXTS 16
#define BATCH_MS 20

enum flag { PLAIN, ROLLOUT, CHILD, RULED, CHANGING, WRONG_TYPE, MISSING, TRACKED, FLAGS };

static const char *const keys[FLAGS] = {
    [PLAIN] = "plain",       [ROLLOUT] = "rollout",   [CHILD] = "child",
    [RULED] = "ruled",       [CHANGING] = "changing", [WRONG_TYPE] = "wrong-type",
    [MISSING] = "not-there", [TRACKED] = "tracked",
};

/* A thread's own; done only grows. */
struct slot {
    _Atomic uint64_t done[FLAGS];
    uint64_t share; /* evaluations that it is to do */
} __attribute__((aligned(128)));

struct shared {
    struct slot slots[SLOTS_MOST];
    _Atomic uint32_t slot_count;
    _Atomic bool stop;
    _Atomic bool failed;
};

enum kind { SINGLE, THREADED, FORKING };

struct worker {
    enum kind kind;
    pid_t pid;
    unsigned first_slot;
    unsigned slot_count;
    bool closes;
};

static struct shared *shared;
static const char *dir;
static double seconds;
static struct worker workers[PROCESSES_MOST];
static volatile sig_atomic_t told_to_stop;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until(int64_t ns)
{
    const struct timespec until = {ns / 1000000000, ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* ---- evaluating ---------------------------------------------------------------------------- */

static void wrong(const char *what)
{
    fprintf(stderr, "telemetry_load: %s\n", what);
    atomic_store(&shared->failed, true);
}

static enum flag flag_of(uint64_t i)
{
    static const enum flag order[16] = {PLAIN, ROLLOUT, PLAIN,    CHILD, PLAIN,   RULED,
                                        PLAIN, PLAIN,   CHANGING, PLAIN, ROLLOUT, WRONG_TYPE,
                                        PLAIN, CHILD,   MISSING,  PLAIN};
    return i % 256 == 255 ? TRACKED : order[i % 16];
}

static void evaluate(struct ffshm *ff, enum flag flag, const struct ffshm_context *who)
{
    static struct ffshm_flag plain = FFSHM_FLAG("plain");
    char text[64];
    struct ffshm_detail detail;
    switch (flag) {
    case PLAIN:
        if (!ffshm_flag_bool(ff, &plain, who, false)) {
            wrong("plain is false");
        }
        return;
    case CHILD:
    case TRACKED:
        if (!ffshm_bool(ff, keys[flag], who, false)) {
            wrong("child or tracked is false");
        }
        return;
    case ROLLOUT:
        if (ffshm_string(ff, keys[flag], who, "", text, sizeof text) == 0) {
            wrong("rollout is empty");
        }
        return;
    case RULED:
        ffshm_int_detail(ff, keys[flag], who, -1, &detail);
        return;
    case CHANGING:
        (void)ffshm_int(ff, keys[flag], who, -1);
        return;
    case WRONG_TYPE:
        if (ffshm_int(ff, keys[flag], who, -5) != -5) {
            wrong("a text is a number");
        }
        return;
    case MISSING:
    case FLAGS:
        (void)ffshm_bool(ff, keys[MISSING], who, false);
        return;
    }
}

struct thread {
    pthread_t id;
    struct ffshm *ff;
    struct slot *slot;
    uint64_t share; /* of this part of its life */
    double seconds;
};

static void make_contexts(struct ffshm_context who[CONTEXTS], char names[CONTEXTS][32],
                          const struct slot *slot)
{
    for (int i = 0; i < CONTEXTS; i++) {
        snprintf(names[i], sizeof names[i], "user-%d-%d", (int)(slot - shared->slots) % 8, i);
        ffshm_context_init(&who[i], "user", names[i]);
        ffshm_context_string(&who[i], "plan", i % 2 ? "free" : "paid");
        ffshm_context_number(&who[i], "age", 20 + i);
    }
}

static void tell_something(struct ffshm *ff, uint64_t i, const struct ffshm_context *who)
{
    if (i % 16384 == 0) {
        ffshm_track(ff, "bought", who, 1.5);
    } else if (i % 16384 == 8192) {
        ffshm_identify(ff, who);
    }
}

static void *run(void *arg)
{
    struct thread *t = arg;
    struct ffshm_context who[CONTEXTS];
    char names[CONTEXTS][32];
    make_contexts(who, names, t->slot);
    const int64_t start = now_ns();
    const uint64_t batches = (uint64_t)(t->seconds * 1000 / BATCH_MS) + 1;
    uint64_t i = 0;
    for (uint64_t batch = 0; batch < batches && !atomic_load(&shared->stop); batch++) {
        const uint64_t end = t->share / batches * (batch + 1);
        for (; i < (batch + 1 == batches ? t->share : end); i++) {
            const enum flag flag = flag_of(i);
            evaluate(t->ff, flag, &who[i % CONTEXTS]);
            _Atomic uint64_t *done = &t->slot->done[flag];
            /* Release: whoever sees it sees what the evaluation stored before it. */
            atomic_store_explicit(done, atomic_load_explicit(done, memory_order_relaxed) + 1,
                                  memory_order_release);
            tell_something(t->ff, i, &who[i % CONTEXTS]);
        }
        sleep_until(start + (int64_t)(batch + 1) * BATCH_MS * 1000000);
    }
    return NULL;
}

static void run_threads(struct ffshm *ff, const struct worker *w)
{
    struct thread threads[THREADS];
    for (unsigned i = 0; i < w->slot_count; i++) {
        struct slot *slot = &shared->slots[w->first_slot + i];
        threads[i] =
            (struct thread){.ff = ff, .slot = slot, .share = slot->share, .seconds = seconds};
        if (pthread_create(&threads[i].id, NULL, run, &threads[i]) != 0) {
            wrong("cannot make a thread");
            _exit(1);
        }
    }
    for (unsigned i = 0; i < w->slot_count; i++) {
        pthread_join(threads[i].id, NULL);
    }
}

/* A test that fails kills the first process only. */
static void end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Half of its share, then a child for half of the rest; the child uses the store that it has. */
static void run_forking(struct ffshm *ff, const struct worker *w)
{
    struct slot *own = &shared->slots[w->first_slot];
    struct slot *childs = &shared->slots[w->first_slot + 1];
    struct thread t = {.ff = ff, .slot = own, .share = own->share / 2, .seconds = seconds / 2};
    run(&t);
    const pid_t child = fork();
    if (child == 0) {
        end_with_parent();
        struct thread c = {
            .ff = ff, .slot = childs, .share = childs->share, .seconds = seconds / 2};
        run(&c);
        _exit(0);
    }
    t.share = own->share - own->share / 2;
    run(&t);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        wrong("a forked child failed");
    }
}

/* ---- processes ----------------------------------------------------------------------------- */

static _Noreturn void be_worker(const struct worker *w)
{
    struct ffshm *ff = ffshm_open(dir, NULL);
    if (ff == NULL || ffshm_wait_ready(ff, 30000) != FFSHM_OK) {
        wrong("there is no snapshot");
        _exit(1);
    }
    if (w->kind == FORKING) {
        run_forking(ff, w);
    } else {
        run_threads(ff, w);
    }
    if (w->closes) {
        ffshm_close(ff);
    }
    _exit(0);
}

static void start(struct worker *w)
{
    w->pid = fork();
    if (w->pid == 0) {
        end_with_parent();
        signal(SIGTERM, SIG_IGN); /* a group's SIGTERM is for the parent, which stops the others */
        be_worker(w);
    }
    if (w->pid < 0) {
        perror("fork");
        exit(1);
    }
}

/* Gives the worker slots, and those their shares. */
static void share_out(struct worker *w, const uint64_t *shares, unsigned count)
{
    w->first_slot = atomic_fetch_add(&shared->slot_count, count);
    w->slot_count = count;
    if (w->first_slot + count > SLOTS_MOST) {
        fprintf(stderr, "telemetry_load: too many processes\n");
        exit(2);
    }
    for (unsigned i = 0; i < count; i++) {
        shared->slots[w->first_slot + i].share = shares[i];
    }
}

static void begin(unsigned count, uint64_t total)
{
    for (unsigned i = 0; i < count; i++) {
        struct worker *w = &workers[i];
        uint64_t share = total / count + (i < total % count);
        *w = (struct worker){.kind = i % 8 < 3   ? SINGLE
                                     : i % 8 < 6 ? THREADED
                                                 : FORKING,
                             .closes = i % 2 == 0};
        if (w->kind == SINGLE) {
            share_out(w, &share, 1);
        } else if (w->kind == FORKING) {
            share_out(w, (uint64_t[]){share - share / 3, share / 3}, 2);
        } else {
            uint64_t shares[THREADS];
            for (unsigned t = 0; t < THREADS; t++) {
                shares[t] = share / THREADS + (t < share % THREADS);
            }
            share_out(w, shares, THREADS);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        start(&workers[i]);
    }
}

static uint64_t done_by(const struct slot *slot)
{
    uint64_t done = 0;
    for (int f = 0; f < FLAGS; f++) {
        done += atomic_load_explicit(&slot->done[f], memory_order_acquire);
    }
    return done;
}

static uint64_t done_by_all(void)
{
    uint64_t done = 0;
    for (unsigned i = 0; i < shared->slot_count; i++) {
        done += done_by(&shared->slots[i]);
    }
    return done;
}

/* The victim's evaluations stay counted; another process does the rest. */
static unsigned kill_and_replace(struct worker *victim)
{
    int status = 0;
    kill(victim->pid, SIGKILL);
    waitpid(victim->pid, &status, 0);
    if (!WIFSIGNALED(status)) {
        victim->pid = 0; /* it had just finished */
        return 0;
    }
    uint64_t rest[THREADS];
    const unsigned threads = victim->slot_count;
    for (unsigned i = 0; i < threads; i++) {
        const struct slot *slot = &shared->slots[victim->first_slot + i];
        rest[i] = slot->share - done_by(slot);
    }
    share_out(victim, rest, threads);
    start(victim);
    return threads;
}

static unsigned living(unsigned count)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < count; i++) {
        int status = 0;
        if (workers[i].pid > 0 && waitpid(workers[i].pid, &status, WNOHANG) != 0) {
            workers[i].pid = 0;
            if (status != 0) {
                wrong("a process failed");
            }
        }
        alive += workers[i].pid > 0;
    }
    return alive;
}

/* Until all are gone; the number of evaluations that may be there or not. */
static unsigned watch(unsigned count, uint64_t total, unsigned kills)
{
    unsigned killed = 0;
    unsigned uncertain = 0;
    unsigned progress = 0;
    while (living(count) > 0) {
        const uint64_t percent = total ? done_by_all() * 100 / total : 0;
        for (; progress + 10 <= percent; progress += 10) {
            printf("progress %u\n", progress + 10);
        }
        if (killed < kills && percent >= 90ull * (killed + 1) / (kills + 1)) {
            /* One with a thread, then one with several; a forking one's child would live on. */
            struct worker *victim = &workers[(killed * 3 + 1) % 6 % count];
            uncertain += victim->pid > 0 && victim->kind != FORKING ? kill_and_replace(victim) : 0;
            killed++;
        }
        if (told_to_stop) {
            atomic_store(&shared->stop, true);
        }
        sleep_until(now_ns() + 2000000);
    }
    if (killed < kills) {
        wrong("not all kills were done");
    }
    return uncertain;
}

static void on_term(int number)
{
    (void)number;
    told_to_stop = 1;
}

static void report(unsigned uncertain)
{
    for (int f = 0; f < FLAGS; f++) {
        uint64_t count = 0;
        for (unsigned i = 0; i < shared->slot_count; i++) {
            count += atomic_load(&shared->slots[i].done[f]);
        }
        printf("count %s %" PRIu64 "\n", keys[f], count);
    }
    printf("total %" PRIu64 "\nuncertain %u\n", done_by_all(), uncertain);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "telemetry_load DIR TOTAL SECONDS PROCESSES KILLS\n");
        return 2;
    }
    dir = argv[1];
    const uint64_t total = strtoull(argv[2], NULL, 10);
    seconds = strtod(argv[3], NULL);
    const unsigned count = (unsigned)strtoul(argv[4], NULL, 10);
    const unsigned kills = (unsigned)strtoul(argv[5], NULL, 10);
    if (count == 0 || count > PROCESSES_MOST) {
        return 2;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    const struct sigaction stop = {.sa_handler = on_term};
    sigaction(SIGTERM, &stop, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    begin(count, total);
    puts("ready");
    report(watch(count, total, kills));
    return atomic_load(&shared->failed) ? 1 : 0;
}
