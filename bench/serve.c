/*
 * serve.c - `ffbench serve` runs cases on request, `ffbench cases` writes what others need to do
 * the same: see peers/README.md for the protocol.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_clock.h"
#include "bench_collector.h"
#include "bench_fail.h"
#include "bench_store.h"
#include "eval_run.h"

#define FLAGS 1000u

static bool tells(const struct bench_options *o, const char *what)
{
    return o->telemetry && strcmp(o->telemetry, what) == 0;
}

static enum eval_by by_of(const struct bench_options *o)
{
    return bench_admits(o->by, "key")    ? EVAL_KEY
           : bench_admits(o->by, "view") ? EVAL_VIEW
                                         : EVAL_HANDLE;
}

static void answer(struct eval_place *p, const struct bench_options *o, const char *name,
                   unsigned n)
{
    const struct bench_case *c = bench_case_find(name);
    struct eval_job job = {.of = c, .by = by_of(o)};
    if (!c || n == 0) {
        printf("{\"error\":\"no such case, or no number\"}\n");
        return;
    }
    if (o->context && strcmp(o->context, "rebuilt") == 0) {
        job.who = EVAL_REBUILT;
    }
    const double start = bench_now_ns();
    eval_run(p, &job, n, tells(o, "events"));
    printf("{\"ns\":%.0f}\n", bench_now_ns() - start);
}

/* What LaunchDarkly's bucketing decides: its SDKs must give the same. */
static void print_decided(struct eval_place *p)
{
    const char *comma = "";
    for (unsigned i = 0; i < bench_case_count; i++) {
        const struct bench_case *c = &bench_cases[i];
        if (c->type == BENCH_BOOLEAN && !c->value) {
            const bool value = ffshm_bool(p->ff, c->flag, &p->contexts[c->context], false);
            printf("%s\"%s\":%s", comma, c->name, value ? "true" : "false");
            comma = ",";
        }
    }
}

static void serve(struct eval_place *p, const struct bench_options *o)
{
    char line[128];
    char name[64];
    char digits[10];
    char more;
    printf("{\"ready\":true,\"version\":\"" FFSHM_VERSION "\",\"cases\":[");
    for (unsigned i = 0; i < bench_case_count; i++) {
        printf("%s\"%s\"", i ? "," : "", bench_cases[i].name);
    }
    printf("],\"absent\":{},\"values\":{");
    print_decided(p);
    printf("}}\n");
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%63s %9[0-9] %c", name, digits, &more) == 2) {
            answer(p, o, name, (unsigned)strtoul(digits, NULL, 10));
        } else {
            printf("{\"error\":\"CASE N is wanted\"}\n");
        }
    }
}

int ffbench_serve(const struct bench_options *o)
{
    const struct bench_set set = {
        .flags = o->size_count ? o->sizes[0] : FLAGS, .large = true, .tracked = tells(o, "events")};
    struct bench_store store;
    struct eval_place place = {.ff = NULL};
    int result = 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_store_open(&store, o->ffagent, &set);
    if (!bench_collector_open(store.store)) {
        perror(store.store);
    } else if (eval_place_open(&place, store.store, &set)) {
        bench_collector_window(tells(o, "counting") || tells(o, "events"));
        serve(&place, o);
        result = 0;
    }
    eval_place_close(&place);
    bench_store_close(&store);
    return result;
}

static FILE *create(const char *directory, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "we");
    if (!f) {
        bench_fail_errno(path);
    }
    return f;
}

int ffbench_cases(const struct bench_options *o)
{
    const struct bench_set set = {
        .flags = o->size_count ? o->sizes[0] : FLAGS, .large = true, .tracked = tells(o, "events")};
    if (!o->directory) {
        fprintf(stderr, "ffbench cases: --directory is wanted\n");
        return 2;
    }
    FILE *flags = create(o->directory, "flags.json");
    bench_cases_flags(flags, &set);
    FILE *list = create(o->directory, "cases.json");
    bench_cases_list(list);
    return fclose(flags) == 0 && fclose(list) == 0 ? 0 : 1;
}
