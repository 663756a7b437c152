/*
 * test_telemetry_stripe.c - counters add up exactly: over threads, signal handlers, and processes
 * of every kind of fork.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "told_store.h"

static struct told_store store;
static struct ffshm *ff;
static struct ffshm_context user;

static int setup(void **state)
{
    (void)state;
    told_store_open(&store);
    ff = store.ff;
    ffshm_context_init(&user, NULL, "ann");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    told_store_close(&store);
    return 0;
}

static uint64_t counted(void)
{
    return telemetry_counted(store.live.dir, "on", 3, 1);
}

/* ---- threads ---- */

#define THREADS 40
#define TIMES 20000

static pthread_barrier_t all_there;

static void *evaluate(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&all_there);
    for (int i = 0; i < TIMES; i++) {
        ffshm_bool(ff, "on", &user, false);
        if (i % 1000 == 0) {
            telemetry_desk_window(&store.desk, 1, 1 + (uint32_t)i / 1000, true);
        }
    }
    pthread_barrier_wait(&all_there); /* all live to the end: more of them than stripes */
    return NULL;
}

static void forty_threads_add_up(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    pthread_barrier_init(&all_there, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, evaluate, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&all_there);
    assert_int_equal(counted(), THREADS * TIMES);
    /* One is the main thread's, from the tests before or none. */
    assert_true(telemetry_stripes(store.live.dir) & 1u << TELEMETRY_SHARED_STRIPE);
    assert_in_range(__builtin_popcount(telemetry_stripes(store.live.dir)), 14, 15);
}

static void *evaluate_once(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        ffshm_bool(ff, "on", &user, false);
    }
    return NULL;
}

static void the_stripes_of_threads_that_are_gone_are_used_again(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, evaluate_once, NULL), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(counted(), 20000);
    assert_false(telemetry_stripes(store.live.dir) & 1u << TELEMETRY_SHARED_STRIPE);
}

/* ---- a store that changes while it is evaluated ---- */

static _Atomic int stop;
static _Atomic uint64_t served;

static void *evaluate_on(void *arg)
{
    (void)arg;
    uint64_t times = 0;
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        ffshm_bool(ff, "on", &user, false);
        times++;
    }
    atomic_fetch_add(&served, times);
    return NULL;
}

static void a_version_that_changes_under_evaluation_loses_none(void **state)
{
    (void)state;
    pthread_t threads[3];
    telemetry_desk_window(&store.desk, 1, 1, false);
    atomic_store(&stop, 0);
    atomic_store(&served, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, evaluate_on, NULL), 0);
    }
    for (int n = 4; n < 60; n++) {
        char json[160];
        /* Ever other numbers of variations: a counter of another version would be out of bounds. */
        snprintf(json, sizeof(json),
                 "{\"version\":%d,\"on\":true,\"variations\":[%s],\"fallthrough\":"
                 "{\"variation\":%d}}",
                 n, n % 2 ? "true" : "1,2,3,4,5,6,7,8,9,10,true", n % 2 ? 0 : 10);
        told_store_flag(&store, "on", json);
        usleep(2000);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(telemetry_counted_all(store.live.dir), served);
    uint64_t sum = telemetry_counted(store.live.dir, "on", 3, 1);
    for (int n = 4; n < 60; n++) {
        sum += telemetry_counted(store.live.dir, "on", n, n % 2 ? 0 : 10);
    }
    assert_int_equal(sum, served);
}

/* ---- signals ---- */

static volatile sig_atomic_t in_handlers;

static void on_signal(int number)
{
    (void)number;
    ffshm_bool(ff, "on", &user, false);
    ffshm_bool(ff, "number", &user, false);
    in_handlers++;
}

static void evaluations_in_signal_handlers_add_up(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction before;
    ffshm_bool(ff, "text", &user, false); /* registers the thread */
    in_handlers = 0;
    sigaction(SIGALRM, &action, &before);
    const struct itimerval timer = {{0, 100}, {0, 100}};
    const struct itimerval none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &timer, NULL);
    uint64_t times = 0;
    while (in_handlers < 3000) {
        ffshm_bool(ff, "on", &user, false);
        times++;
        if (times % 64 == 0) {
            telemetry_desk_window(&store.desk, 1, 1 + (uint32_t)times / 64, false);
        }
    }
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(counted(), times + (uint64_t)in_handlers);
    assert_int_equal(telemetry_counted(store.live.dir, "number", 3, -1), in_handlers);
}

/* ---- fork ---- */

static bool evaluate_some(int times)
{
    bool good = true;
    for (int i = 0; i < times; i++) {
        good = good && ffshm_bool(ff, "on", &user, false);
    }
    return good;
}

static void expect_success(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ThreadSanitizer cannot start threads in children of threaded processes. */
#ifdef __SANITIZE_THREAD__
static bool start(pthread_t *thread)
{
    *thread = pthread_self();
    evaluate_once(NULL);
    return true;
}

static void join(pthread_t thread)
{
    (void)thread;
}
#else
static bool start(pthread_t *thread)
{
    return pthread_create(thread, NULL, evaluate_once, NULL) == 0;
}

static void join(pthread_t thread)
{
    pthread_join(thread, NULL);
}
#endif

/* Evaluates in a thread beside the one that was forked. */
static int child(int depth)
{
    pthread_t thread;
    alarm(20);
    if (!start(&thread) || !evaluate_some(100)) {
        return 1;
    }
    if (depth > 0) {
        int status = -1;
        const pid_t pid = fork();
        if (pid == 0) {
            _exit(child(depth - 1));
        }
        if (waitpid(pid, &status, 0) != pid || status != 0) {
            return 2;
        }
    }
    join(thread);
    ffshm_close(ff);
    return 0;
}

static void children_and_grandchildren_have_files_of_their_own(void **state)
{
    (void)state;
    assert_true(evaluate_some(50));
    for (int i = 0; i < 5; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            _exit(child(2));
        }
        expect_success(pid);
    }
    assert_true(evaluate_some(50));
    assert_int_equal(counted(), 100 + 5 * 3 * 200);
    assert_int_equal(telemetry_files(store.live.dir), 1 + 5 * 3);
    /* Each told for itself. */
    json_t *seen = telemetry_records_of(store.live.dir, "seen");
    json_t *index = telemetry_records_of(store.live.dir, "index");
    assert_in_range(json_array_size(seen), 16, 16 + 15); /* two threads may come at once */
    assert_in_range(json_array_size(index), 16, 16 + 15);
    json_decref(seen);
    json_decref(index);
}

static pid_t raw_clone(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void children_of_raw_clone_have_files_of_their_own(void **state)
{
    (void)state;
    assert_true(evaluate_some(50));
    pthread_t thread;
    pthread_create(&thread, NULL, evaluate_once, NULL);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++) {
        const pid_t pid = raw_clone();
        if (pid == 0) {
            const bool good = evaluate_some(100);
            const pid_t grandchild = raw_clone();
            int status = -1;
            if (grandchild == 0) {
                syscall(SYS_exit_group, evaluate_some(100) ? 0 : 1);
            }
            syscall(SYS_wait4, grandchild, &status, 0, NULL);
            syscall(SYS_exit_group, good && status == 0 ? 0 : 1);
        }
        expect_success(pid);
    }
    assert_int_equal(counted(), 150 + 3 * 200);
    assert_int_equal(telemetry_files(store.live.dir), 7);
}

static volatile sig_atomic_t forks;
static volatile sig_atomic_t failures;
static volatile sig_atomic_t is_child;

/* In the middle of an evaluation, mostly. */
static void fork_in_handler(int number)
{
    (void)number;
    const pid_t pid = fork();
    if (pid == 0) {
        is_child = 1; /* and goes on with the evaluation that was interrupted */
        return;
    }
    int status = -1;
    while (waitpid(pid, &status, 0) != pid) {
    }
    failures += status != 0;
    forks++;
}

static void fork_in_a_signal_handler_that_interrupts_an_evaluation(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = fork_in_handler};
    struct sigaction before;
    forks = 0;
    failures = 0;
    is_child = 0;
    ffshm_bool(ff, "tracked", &user, false);
    sigaction(SIGALRM, &action, &before);
    const struct itimerval none = {{0, 0}, {0, 0}};
    uint64_t times = 0;
    while (forks < 100 && !is_child) {
        const int seen = forks;
        const struct itimerval once = {{0, 0}, {0, 200 + seen % 50}};
        setitimer(ITIMER_REAL, &once, NULL);
        while (forks == seen && !is_child) {
            ffshm_bool(ff, "on", &user, false);
            ffshm_bool(ff, "tracked", &user, false);
            times++;
        }
    }
    if (is_child) {
        evaluate_some(10);
        ffshm_track(ff, "event", &user, 1);
        _exit(0);
    }
    setitimer(ITIMER_REAL, &none, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(failures, 0);
    /* The parent's own are exact, and each child's after the one that was interrupted. */
    const uint64_t all = counted();
    assert_in_range(all, times + 1000, times + 1200);
}

#ifdef FFSHM_TEST_POINTS
extern __thread uint32_t telemetry_stripe; /* telemetry.h, whose names are ours */
static _Atomic int forks_in_search;
static pid_t forked_in_search;

void ffshm_test_point(int id);
void ffshm_test_point(int id)
{
    if (id == 220 && atomic_load(&forks_in_search)) {
        atomic_store(&forks_in_search, 0);
        forked_in_search = fork();
    }
}

static _Atomic uint32_t theirs;

static void *take_a_stripe(void *arg)
{
    ffshm_bool(ff, "on", &user, false);
    atomic_store(&theirs, telemetry_stripe);
    for (;;) {
        pause();
    }
    return arg;
}

/* true: no other thread of this process gets this one's stripe. */
static bool is_alone(void)
{
    const uint32_t mine = telemetry_stripe;
    bool alone = mine > TELEMETRY_SHARED_STRIPE;
    for (uint32_t i = TELEMETRY_SHARED_STRIPE + 1; alone && i < TELEMETRY_STRIPES; i++) {
        pthread_t thread;
        atomic_store(&theirs, 0);
        pthread_create(&thread, NULL, take_a_stripe, NULL);
        while (atomic_load(&theirs) == 0) {
            usleep(100);
        }
        alone = atomic_load(&theirs) != mine;
    }
    return alone;
}

/* A thread whose search for a stripe was interrupted by a handler that forked. */
static void *search_and_fork(void *arg)
{
    ffshm_bool(ff, "on", &user, false);
    if (forked_in_search == 0) {
        _exit(is_alone() ? 0 : 1);
    }
    return arg;
}

static void fork_in_the_search_for_a_stripe_leaves_it_to_one_thread(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_store(&forks_in_search, 1);
    pthread_create(&thread, NULL, search_and_fork, NULL);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&forks_in_search), 0);
    expect_success(forked_in_search);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(forty_threads_add_up),
        TEST(the_stripes_of_threads_that_are_gone_are_used_again),
        TEST(a_version_that_changes_under_evaluation_loses_none),
        TEST(evaluations_in_signal_handlers_add_up),
        TEST(children_and_grandchildren_have_files_of_their_own),
        TEST(children_of_raw_clone_have_files_of_their_own),
        TEST(fork_in_a_signal_handler_that_interrupts_an_evaluation),
#ifdef FFSHM_TEST_POINTS
        TEST(fork_in_the_search_for_a_stripe_leaves_it_to_one_thread),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
