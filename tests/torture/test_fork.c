/*
 * test_fork.c - a threaded parent that evaluates forks children that evaluate and see later
 * changes.
 *
 * Every child evaluates at once, waits for a change that is published after its birth, closes the
 * store, and exits. The agent collects meanwhile, so that each child makes a telemetry file of its
 * own. A child that takes longer than ten seconds counts as hung. FFSHM_FORKS
 * overrides the number of children.
 *
 * ctest: merge serial timeout=300
 */
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
#include "telemetry_reader.h"

#define THREADS 3
#define GROUP 20 /* children alive at a time */

static struct ffshm *ff;
static struct ffshm *threaded; /* the same store with a refresher thread */
static _Atomic int stop;
static _Atomic long long *published; /* shared with the children */

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void *evaluate_on(void *arg)
{
    struct ffshm_context c;
    (void)arg;
    ffshm_context_init(&c, NULL, "parent");
    while (!atomic_load(&stop)) {
        if (ffshm_int(ff, "change", &c, -1) < 0 || ffshm_int(threaded, "change", &c, -1) < 0) {
            fprintf(stderr, "the parent lost its flag\n");
            abort();
        }
    }
    return NULL;
}

static bool sees(struct ffshm *store, long long at_least)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "child");
    for (int i = 0; i < 100000; i++) {
        if (ffshm_int(store, "change", &c, -1) >= at_least) {
            return true;
        }
        usleep(100);
    }
    return false;
}

static int child(void)
{
    alarm(10);
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "child");
    if (ffshm_int(ff, "change", &c, -1) < 0) {
        return 1;
    }
    long long born = atomic_load(published);
    if (!sees(ff, born + 1) || !sees(threaded, born + 1)) {
        return 2;
    }
    pid_t grandchild = fork();
    if (grandchild == 0) {
        alarm(10);
        _exit(sees(ff, born + 2) ? 0 : 3);
    }
    int status = 0;
    if (waitpid(grandchild, &status, 0) != grandchild || status != 0) {
        return 4;
    }
    ffshm_refresh(
        ff); /* waits for a grace period: hangs when liburcu lists threads that are not here */
    ffshm_close(ff);
    ffshm_close(threaded);
    return 0;
}

static void publish(struct live_store *store, long long n)
{
    char text[160];
    snprintf(
        text, sizeof(text),
        "{\"version\":%lld,\"on\":true,\"variations\":[%lld],\"fallthrough\":{\"variation\":0}}", n,
        n);
    live_store_put_text(store, IMAGE_FLAG, "change", text);
    live_store_publish(store);
    atomic_store(published, n);
}

/* Until `end`, in ms of the monotonic clock. A child that hangs in liburcu has all signals blocked:
   only SIGKILL ends it. */
static int wait_for(pid_t pid, long long end)
{
    int status = -1;
    do {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            return status;
        }
        usleep(1000);
    } while (now_ms() < end);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

/* Publishes from a process of its own, so that the parent's forks are not in step with it. */
static pid_t start_publisher(struct live_store *store)
{
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    live_store_reopen(store);
    for (long long n = 2; n < 1000000; n++) {
        publish(store, n);
        usleep(2000);
    }
    _exit(0);
}

int main(void)
{
    const char *forks_text = getenv("FFSHM_FORKS");
    int forks = forks_text ? atoi(forks_text) : 1000;
    published =
        mmap(NULL, sizeof(*published), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct live_store store;
    live_store_open(&store);
    publish(&store, 1);
    live_store_release(&store);
    struct telemetry_desk desk;
    telemetry_desk_open(&desk, store.dir);
    atomic_store(&desk.control->telemetry_ring_bytes, TELEMETRY_RING_LEAST);
    telemetry_desk_window(&desk, 1, 1, true);
    pid_t publisher = start_publisher(&store);
    ff = ffshm_open(store.dir, NULL);
    threaded = ffshm_open(store.dir, &(struct ffshm_options){.size = sizeof(struct ffshm_options),
                                                             .refresh = FFSHM_REFRESH_THREAD});
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, evaluate_on, NULL);
    }
    int good = 0;
    int bad = 0;
    unsigned files = 0;
    for (int done = 0; done < forks && bad < GROUP; done += GROUP) {
        telemetry_desk_window(&desk, 1, 1 + (uint32_t)done, true);
        pid_t pids[GROUP];
        for (int i = 0; i < GROUP; i++) {
            pids[i] = fork();
            if (pids[i] == 0) {
                _exit(child());
            }
        }
        long long end = now_ms() + 10000;
        for (int i = 0; i < GROUP; i++) {
            int status = wait_for(pids[i], end);
            if (status != 0 && bad < 10) {
                printf("a child ended with status %#x\n", (unsigned)status);
            }
            good += status == 0;
            bad += status != 0;
        }
        files += telemetry_desk_remove_gone(&desk);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    kill(publisher, SIGKILL);
    waitpid(publisher, NULL, 0);
    ffshm_close(ff);
    ffshm_close(threaded);
    telemetry_desk_close(&desk);
    live_store_close(&store);
    printf("telemetry files of children and grandchildren: %u\n", files);
    bad +=
        bad == 0 && files != 3 * (unsigned)good; /* two of the child's stores, one of the other */
    printf("children that saw a later change: %d, hung or failed: %d\n", good, bad);
    printf("%d passed, %d failed\n", good, bad);
    return bad ? 1 : 0;
}
