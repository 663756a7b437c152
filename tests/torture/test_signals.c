/*
 * test_signals.c - evaluations in signal handlers, also in the middle of a refresh.
 *
 * Two threads evaluate without a pause while a timer interrupts them thousands of times a second;
 * the handler evaluates, too (its evaluation may be the one that maps a new snapshot, or may
 * interrupt the one that does), and a process publishes as fast as it can. Every value must be a
 * number that was published, none older than the last. The agent collects meanwhile, in ever new
 * windows: all evaluations are counted.
 *
 * ctest: merge serial timeout=120
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"
#include "telemetry_reader.h"

#define SECONDS 5

static struct ffshm *ff;
static _Atomic unsigned long in_handler, outside, wrong;
static _Atomic int stop;
static __thread int64_t seen; /* by this thread, handlers included */

static void evaluate_once(_Atomic unsigned long *counter)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "k");
    int64_t before = seen;
    int64_t value = ffshm_int(ff, "change", &c, -1);
    if (value < before) {
        atomic_fetch_add(&wrong, 1);
    } else if (value > seen) {
        seen = value;
    }
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void on_signal(int number)
{
    (void)number;
    evaluate_once(&in_handler);
}

static void *evaluate(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        evaluate_once(&outside);
    }
    return NULL;
}

static void publish(struct live_store *store, int n)
{
    char text[160];
    snprintf(text, sizeof(text),
             "{\"version\":%d,\"on\":true,\"variations\":[%d],\"fallthrough\":{\"variation\":0}}",
             n, n);
    live_store_put_text(store, IMAGE_FLAG, "change", text);
    live_store_publish(store);
}

int main(void)
{
    struct live_store store;
    live_store_open(&store);
    publish(&store, 1);
    live_store_release(&store);
    struct telemetry_desk desk;
    telemetry_desk_open(&desk, store.dir);
    telemetry_desk_window(&desk, 1, 1, true);
    pid_t publisher = fork();
    if (publisher == 0) {
        live_store_reopen(&store);
        for (int n = 2;; n++) {
            publish(&store, n);
        }
    }
    ff = ffshm_open(store.dir, NULL);
    /* The threads register with liburcu before any signal arrives: the documented exception. */
    evaluate_once(&outside);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGPROF, &action, NULL);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, evaluate, NULL);
    }
    usleep(10000);
    const struct itimerval timer = {{0, 200}, {0, 200}};
    setitimer(ITIMER_PROF, &timer, NULL);
    time_t end = time(NULL) + SECONDS;
    for (uint32_t window = 2; time(NULL) < end; window++) {
        telemetry_desk_window(&desk, 1 + window / 100, window, true);
        pthread_kill(threads[0], SIGPROF);
        pthread_kill(threads[1], SIGPROF);
        usleep(50);
    }
    const struct itimerval none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_PROF, &none, NULL);
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    kill(publisher, SIGKILL);
    waitpid(publisher, NULL, 0);
    struct ffshm_status status;
    ffshm_status(ff, &status);
    printf("%lu evaluations, %lu in handlers, %llu refreshes, wrong %lu, refused %llu\n", outside,
           in_handler, (unsigned long long)status.refreshes, wrong,
           (unsigned long long)status.refused);
    const uint64_t counted = telemetry_counted_all(store.dir);
    const uint64_t lost = telemetry_totals(store.dir).dropped_counts;
    printf("%llu counted, %llu lost\n", (unsigned long long)counted, (unsigned long long)lost);
    bool good = wrong == 0 && counted + lost == in_handler + outside && lost == 0 &&
                status.refused == 0 && in_handler > 1000 && status.refreshes > 100;
    ffshm_close(ff);
    telemetry_desk_close(&desk);
    live_store_close(&store);
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
