/*
 * test_telemetry_threads.c - 8 threads evaluate 1,000 flags 100,000 times, while the collector
 * opens windows and empties the ring and flags change: every evaluation is counted.
 *
 * Under ThreadSanitizer the interesting run. FFSHM_EVALUATIONS overrides the number of evaluations.
 *
 * ctest: merge timeout=300
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "told_store.h"

#define THREADS 8
#define FLAGS 1000

static struct told_store store;
static _Atomic unsigned long left;
static _Atomic unsigned long unknown;
static char keys[FLAGS][16];

static void put(int i, int version)
{
    char json[256];
    snprintf(json, sizeof(json),
             "{\"version\":%d,\"on\":true,\"variations\":[false,true],\"trackEvents\":%s,"
             "\"fallthrough\":{\"variation\":%d}}",
             version, i % 50 == 0 ? "true" : "false", i % 2);
    live_store_put_text(&store.live, IMAGE_FLAG, keys[i], json);
}

static void *evaluate(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg * 7919;
    struct ffshm_context c;
    char name[16];
    snprintf(name, sizeof(name), "user-%u", seed);
    ffshm_context_init(&c, NULL, name);
    while (atomic_fetch_sub(&left, 1) - 1 < 1ul << 62) {
        seed = seed * 1103515245 + 12345;
        const unsigned i = seed >> 8;
        if (i % 1009 == 0) {
            ffshm_bool(store.ff, "nobody", &c, false);
            atomic_fetch_add(&unknown, 1);
        } else if (ffshm_bool(store.ff, keys[i % FLAGS], &c, false) != (i % FLAGS % 2 == 1)) {
            fprintf(stderr, "%s is wrong\n", keys[i % FLAGS]);
            abort();
        }
    }
    return NULL;
}

int main(void)
{
    const char *text = getenv("FFSHM_EVALUATIONS");
    const unsigned long evaluations = text ? strtoul(text, NULL, 10) : 100000;
    atomic_store(&left, evaluations);
    told_store_open(&store);
    for (int i = 0; i < FLAGS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "flag-%d", i);
        put(i, 1);
    }
    live_store_publish(&store.live);
    ffshm_refresh(store.ff);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, evaluate, (void *)(uintptr_t)(i + 1));
    }
    for (int n = 2; atomic_load(&left) < 1ul << 62 && atomic_load(&left) != 0; n++) {
        telemetry_desk_window(&store.desk, 1 + (uint32_t)n / 16, (uint32_t)n, true);
        telemetry_desk_ack(&store.desk);
        put(n % FLAGS, n);
        live_store_publish(&store.live);
        usleep(2000);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    const uint64_t all = telemetry_counted_all(store.live.dir);
    const uint64_t nobody = telemetry_counted(store.live.dir, "nobody", -1, -1);
    const struct telemetry_totals totals = telemetry_totals(store.live.dir);
    const bool good = all == evaluations && nobody == unknown && totals.dropped_counts == 0;
    printf("%lu evaluations, %llu counted; %lu unknown, %llu counted; %llu events dropped\n",
           evaluations, (unsigned long long)all, unknown, (unsigned long long)nobody,
           (unsigned long long)totals.dropped_events);
    told_store_close(&store);
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
