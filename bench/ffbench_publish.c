/*
 * ffbench_publish.c - what a change costs, as JSON lines.
 *
 *     ffbench_publish [--flags N]... [--rounds N]
 *
 * For each N (default 1000, 10000, 100000), with flags of about 1 KB of JSON each, medians and
 * minima over the rounds of: compile + publish of one changed flag (the agent's own code, in this
 * process), refresh of a reader, and ffshm_open to the first answer; and the private memory that an
 * open store costs a process which already runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_flags.h"
#include "bench_times.h"
#include "ffshm.h"
#include "live_store.h"

#define MAX_ROUNDS 1000

static unsigned rounds = 200;

static json_t *make_flag(unsigned i, unsigned version)
{
    char text[BENCH_FLAG_BYTES];
    bench_flag(text, sizeof(text), i, version);
    return json_loads(text, 0, NULL);
}

static void put_flag(struct live_store *store, unsigned i, unsigned version)
{
    char key[32];
    snprintf(key, sizeof(key), "feature-%06u", i);
    json_t *json = make_flag(i, version);
    live_store_put(store, IMAGE_FLAG, key, json);
    json_decref(json);
}

static void publish_urgently(struct live_store *store)
{
    struct fault fault;
    if (publisher_publish(store->publisher, true, &fault) != 0) {
        fprintf(stderr, "publish: %s\n", fault.cause);
        exit(1);
    }
}

static void measure_changes(struct live_store *store, unsigned flags)
{
    static double publish[MAX_ROUNDS];
    static double refresh[MAX_ROUNDS];
    struct ffshm *ff =
        ffshm_open(store->dir, &(struct ffshm_options){.size = sizeof(struct ffshm_options),
                                                       .refresh = FFSHM_REFRESH_MANUAL});
    struct fault fault;
    for (unsigned r = 0; r < rounds; r++) {
        char key[32];
        unsigned i = r * 7919 % flags;
        snprintf(key, sizeof(key), "feature-%06u", i);
        json_t *json = make_flag(i, r + 2);
        double start = bench_now_us();
        live_store_put(store, IMAGE_FLAG, key, json);
        publish_urgently(store);
        double published = bench_now_us();
        if (ffshm_refresh(ff) != FFSHM_OK) {
            fprintf(stderr, "refresh failed\n");
            exit(1);
        }
        refresh[r] = bench_now_us() - published;
        publish[r] = published - start;
        json_decref(json);
        if (publisher_wants_compaction(store->publisher)) {
            publisher_compact(store->publisher, &fault);
            ffshm_refresh(ff);
        }
    }
    ffshm_close(ff);
    bench_report("publish", "compile + publish 1 changed flag", flags, publish, rounds);
    bench_report("publish", "refresh in a reader", flags, refresh, rounds);
}

static void measure_open(const struct live_store *store, unsigned flags)
{
    static double open[MAX_ROUNDS];
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "user-1");
    unsigned n = rounds < 50 ? rounds : 50;
    for (unsigned r = 0; r < n; r++) {
        double start = bench_now_us();
        struct ffshm *ff = ffshm_open(store->dir, NULL);
        struct ffshm_detail d;
        ffshm_bool_detail(ff, "feature-000000", &c, false, &d);
        open[r] = bench_now_us() - start;
        if (d.variation < 0) {
            fprintf(stderr, "the flag does not evaluate\n");
            exit(1);
        }
        ffshm_close(ff);
    }
    bench_report("publish", "ffshm_open to first answer", flags, open, n);
}

/* Anonymous memory alone: pages of the store's own files are shared with whoever else maps them. */
static long private_kb(void)
{
    long kb = -1;
    char line[256];
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Anonymous: %ld", &kb) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return kb;
}

static void measure_memory(const struct live_store *store, unsigned flags)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "user-1");
    private_kb(); /* stdio's own memory */
    long before = private_kb();
    struct ffshm *ff = ffshm_open(store->dir, NULL);
    ffshm_bool(ff, "feature-000000", &c, false);
    printf("{\"bench\":\"publish\",\"case\":\"private memory of an open store\",\"flags\":%u,"
           "\"kib\":%ld}\n",
           flags, private_kb() - before);
    ffshm_close(ff);
}

static void measure(unsigned flags)
{
    struct live_store store;
    live_store_open(&store);
    double start = bench_now_us();
    for (unsigned i = 0; i < flags; i++) {
        put_flag(&store, i, 1);
    }
    live_store_publish(&store);
    double all = bench_now_us() - start;
    bench_report("publish", "parse, compile and publish all", flags, &all, 1);
    measure_memory(&store, flags);
    measure_changes(&store, flags);
    measure_open(&store, flags);
    live_store_close(&store);
}

int main(int argc, char **argv)
{
    unsigned sizes[8] = {1000, 10000, 100000};
    unsigned count = 0;
    for (int i = 1; i < argc; i += 2) {
        unsigned value = i + 1 < argc ? (unsigned)strtoul(argv[i + 1], NULL, 10) : 0;
        if (strcmp(argv[i], "--flags") == 0 && value && count < 8) {
            sizes[count++] = value;
        } else if (strcmp(argv[i], "--rounds") == 0 && value && value <= MAX_ROUNDS) {
            rounds = value;
        } else {
            fprintf(stderr, "usage: ffbench_publish [--flags N]... [--rounds N (1..%d)]\n",
                    MAX_ROUNDS);
            return 2;
        }
    }
    count = count ? count : 3;
    for (unsigned i = 0; i < count; i++) {
        measure(sizes[i]);
    }
    return 0;
}
