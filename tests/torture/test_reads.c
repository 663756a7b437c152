/*
 * test_reads.c - checked reads from several processes and threads under a free-running publisher.
 *
 * Publish number p sets the flags together-0..7 to p, and turn-(p mod 24) to p. So in one snapshot
 * every "together" flag has the same value p, and every "turn" flag the largest q <= p with q mod
 * 24 = its number: each read can be checked exactly. Counted as failures: torn      a value that no
 * publish ever made, or no value at all mixed     two values of one pinned view that belong to
 * different publishes backward  a thread sees an older publish than it saw before fault     a
 * reader dies of a signal, or a reader does not reach the last publish within a second of its end
 * Half of the processes refresh inline, half in a thread; one child after another is forked, reads,
 * and exits.
 *
 * FFSHM_READS overrides the number of reads, FFSHM_SEED the seed.
 *
 * ctest: merge serial timeout=600
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"

#define TOGETHER 8
#define TURNS 24
#define PROCESSES 4
#define THREADS 2
#define BATCH 1000

/* Shared by all processes. */
struct board {
    _Atomic uint64_t reads, torn, mixed, backward, late, refreshes, publishes, forks;
    _Atomic uint64_t last_publish; /* 0 while publishing */
    _Atomic int stop;
};

static struct board *board;
static uint64_t wanted_reads;
static char together[TOGETHER][16];
static char turn[TURNS][16];

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t next_random(uint64_t *state) /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The value of turn-i after publish p. */
static int64_t turn_value(int64_t p, unsigned i)
{
    int64_t q = p - (p - (int64_t)i) % TURNS;
    return p < (int64_t)i ? 0 : q;
}

struct reader {
    struct ffshm *ff;
    uint64_t seed;
    int64_t seen;
    uint64_t reads;
};

static int64_t value_in(const struct ffshm_view *view, const char *key,
                        const struct ffshm_context *c)
{
    struct ffshm_result r = ffshm_evaluate(view, key, c);
    return r.variation >= 0 && r.type == FFSHM_TYPE_NUMBER ? (int64_t)r.number : -1;
}

static void read_view(struct reader *r, const struct ffshm_context *c)
{
    struct ffshm_view view;
    ffshm_pin(r->ff, &view);
    int64_t p = value_in(&view, together[0], c);
    for (int i = 0; i < 7; i++) {
        uint64_t n = next_random(&r->seed);
        unsigned k = (unsigned)(n >> 8) % TURNS;
        int64_t got =
            n & 1 ? value_in(&view, turn[k], c) : value_in(&view, together[(n >> 8) % TOGETHER], c);
        int64_t want = n & 1 ? turn_value(p, k) : p;
        if (got != want) {
            atomic_fetch_add(got < 0 ? &board->torn : &board->mixed, 1);
        }
    }
    ffshm_unpin(&view);
    if (p < r->seen) {
        atomic_fetch_add(&board->backward, 1);
    }
    r->seen = p;
    r->reads += 8;
}

static void read_batch(struct reader *r, const struct ffshm_context *c)
{
    read_view(r, c);
    for (int i = 0; i < BATCH; i++) {
        int64_t p = ffshm_int(r->ff, together[i % TOGETHER], c, -1);
        if (p < 0) {
            atomic_fetch_add(&board->torn, 1);
        } else if (p < r->seen) {
            atomic_fetch_add(&board->backward, 1);
        } else {
            r->seen = p;
        }
    }
    r->reads += BATCH;
    atomic_fetch_add_explicit(&board->reads, r->reads, memory_order_relaxed);
    r->reads = 0;
}

static void *reader_thread(void *arg)
{
    struct reader *r = arg;
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "reader");
    while (!atomic_load_explicit(&board->stop, memory_order_relaxed)) {
        read_batch(r, &c);
    }
    /* The publisher has stopped: everybody must get to its last publish. */
    int64_t last = (int64_t)atomic_load(&board->last_publish);
    uint64_t end = now_ns() + 1000000000u;
    while (ffshm_int(r->ff, together[0], &c, -1) != last && now_ns() < end) {
        usleep(1000);
    }
    if (ffshm_int(r->ff, together[0], &c, -1) != last) {
        atomic_fetch_add(&board->late, 1);
    }
    return NULL;
}

static int reader_process(const char *dir, int mode, uint64_t seed)
{
    struct ffshm *ff = ffshm_open(
        dir, &(struct ffshm_options){.size = sizeof(struct ffshm_options), .refresh = mode});
    pthread_t threads[THREADS];
    struct reader readers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.ff = ff, .seed = seed + (uint64_t)i};
        pthread_create(&threads[i], NULL, reader_thread, &readers[i]);
    }
    /* Meanwhile this thread forks: children of a threaded parent that evaluate and exit. */
    struct reader mine = {.ff = ff, .seed = seed};
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "reader");
    while (!atomic_load(&board->stop)) {
        read_batch(&mine, &c);
        pid_t pid = fork();
        if (pid == 0) {
            for (int i = 0; i < 50; i++) {
                read_batch(&mine, &c);
            }
            _exit(0);
        }
        int status = 0;
        if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0) {
            return 1;
        }
        atomic_fetch_add(&board->forks, 1);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct ffshm_status status;
    ffshm_status(ff, &status);
    atomic_fetch_add(&board->refreshes, status.refreshes);
    ffshm_close(ff);
    return status.refused ? 1 : 0;
}

static void put_number(struct live_store *store, const char *key, int64_t value)
{
    char text[160];
    snprintf(
        text, sizeof(text),
        "{\"version\":%lld,\"on\":true,\"variations\":[%lld],\"fallthrough\":{\"variation\":0}}",
        (long long)value + 1, (long long)value);
    live_store_put_text(store, IMAGE_FLAG, key, text);
}

static void publish_number(struct live_store *store, int64_t p)
{
    for (int i = 0; i < TOGETHER; i++) {
        put_number(store, together[i], p);
    }
    put_number(store, turn[p % TURNS], p);
    live_store_publish(store);
}

static int run_readers(const char *dir, uint64_t seed, pid_t pids[PROCESSES])
{
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            _exit(reader_process(dir, i % 2 ? FFSHM_REFRESH_THREAD : FFSHM_REFRESH_INLINE,
                                 seed + 100 * (uint64_t)i));
        }
        if (pids[i] < 0) {
            perror("fork");
            return -1;
        }
    }
    return 0;
}

static int report(double seconds, int faults)
{
    printf("reads %llu in %.1f s, publishes %llu (%.0f/s), refreshes %llu, forks %llu\n",
           (unsigned long long)board->reads, seconds, (unsigned long long)board->publishes,
           (double)board->publishes / seconds, (unsigned long long)board->refreshes,
           (unsigned long long)board->forks);
    printf("torn %llu, mixed %llu, backward %llu, late %llu, faults %d\n",
           (unsigned long long)board->torn, (unsigned long long)board->mixed,
           (unsigned long long)board->backward, (unsigned long long)board->late, faults);
    bool good = board->reads >= wanted_reads && board->torn == 0 && board->mixed == 0 &&
                board->backward == 0 && board->late == 0 && faults == 0 && board->publishes >= 1000;
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}

int main(void)
{
    const char *reads = getenv("FFSHM_READS");
    const char *variant = getenv("FFSHM_VARIANT");
    const char *seed_text = getenv("FFSHM_SEED");
    wanted_reads = reads                                        ? strtoull(reads, NULL, 10)
                   : variant && strcmp(variant, "release") == 0 ? 1000000000u
                                                                : 20000000u;
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : now_ns();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct live_store store;
    live_store_open(&store);
    for (int i = 0; i < TOGETHER; i++) {
        snprintf(together[i], sizeof(together[i]), "together-%d", i);
    }
    for (int i = 0; i < TURNS; i++) {
        snprintf(turn[i], sizeof(turn[i]), "turn-%d", i);
        put_number(&store, turn[i], 0);
    }
    publish_number(&store, 0);
    pid_t pids[PROCESSES];
    if (run_readers(store.dir, seed, pids) != 0) {
        return 1;
    }
    uint64_t start = now_ns();
    int64_t p = 0;
    /* Until there are enough reads, or a reader died before its time. */
    while ((board->reads < wanted_reads || p < 1000) && waitpid(-1, NULL, WNOHANG) == 0) {
        publish_number(&store, ++p);
        atomic_fetch_add(&board->publishes, 1);
        if (next_random(&seed) % 8 == 0) {
            usleep((unsigned)(next_random(&seed) % 400));
        }
    }
    atomic_store(&board->last_publish, (uint64_t)p);
    atomic_store(&board->stop, 1);
    int faults = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        if (waitpid(pids[i], &status, 0) != pids[i] || status != 0) {
            printf("reader %d ended with status %#x\n", i, (unsigned)status);
            faults++;
        }
    }
    double seconds = (double)(now_ns() - start) / 1e9;
    live_store_close(&store);
    return report(seconds, faults);
}
