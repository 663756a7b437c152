/*
 * ffbench.c - what an evaluation costs, through the shared library, as JSON lines.
 *
 *     ffbench [--flags N] [--rounds N] [--ffagent PATH]
 *
 * Writes N flags (default 1000) to a file, lets `ffagent --once` publish them into a temporary
 * directory, and times each case: rounds of calls, each round's mean in ns; the line gives the
 * rounds' minimum and median. Nothing is gated here: compare ratios within a run, not nanoseconds
 * between machines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_collector.h"
#include "ffshm.h"

#define CALLS 100000 /* a round: a few milliseconds */
#define MAX_ROUNDS 1001

static unsigned flag_count = 1000;
static unsigned rounds = 201;
static struct ffshm *ff;
static struct ffshm_context who;
static struct ffshm_flag off = FFSHM_FLAG("bench-off");
static struct ffshm_flag fixed = FFSHM_FLAG("bench-fallthrough");
static struct ffshm_flag rollout = FFSHM_FLAG("bench-rollout");
static struct ffshm_flag rules = FFSHM_FLAG("bench-rules");
static struct ffshm_flag tracked = FFSHM_FLAG("bench-tracked");
static struct ffshm_context crowd[4096]; /* more than a process remembers having told of */
static struct ffshm_view view;
static char (*random_keys)[24];
static unsigned random_mask;
static uint64_t sink;

/* ---- the cases: n calls each ---- */

static void run_handle_off(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_flag_bool(ff, &off, &who, false);
    }
}

static void run_handle_fallthrough(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_flag_bool(ff, &fixed, &who, false);
    }
}

static void run_key_off(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, "bench-off", &who, false);
    }
}

static void run_key_fallthrough(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, "bench-fallthrough", &who, false);
    }
}

static void run_key_random(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, random_keys[i & random_mask], &who, false);
    }
}

static void run_key_unknown(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, "no-flag-of-that-name", &who, false);
    }
}

static void run_key_rollout(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, "bench-rollout", &who, false);
    }
}

static void run_key_rollout_32(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, "bench-rollout-32", &who, false);
    }
}

static void run_handle_rollout(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_flag_bool(ff, &rollout, &who, false);
    }
}

static void run_key_rules(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, "bench-rules", &who, false);
    }
}

static void run_handle_rules(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_flag_bool(ff, &rules, &who, false);
    }
}

static void run_string(unsigned n)
{
    char text[32];
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_string(ff, "bench-string", &who, "", text, sizeof(text));
    }
}

static void run_view(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_evaluate(&view, "bench-fallthrough", &who).boolean;
    }
}

static void run_detail(unsigned n)
{
    struct ffshm_detail d;
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool_detail(ff, "bench-rules", &who, false, &d);
    }
}

static void run_target(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_bool(ff, "bench-targets", &who, false);
    }
}

static void build(struct ffshm_context *c)
{
    ffshm_context_init(c, "user", "user-key-123abc");
    ffshm_context_string(c, "country", "US");
    ffshm_context_string(c, "plan", "enterprise");
    ffshm_context_number(c, "age", 34);
    ffshm_context_string(c, "email", "someone@example.com");
}

static void run_context(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct ffshm_context c;
        build(&c);
        sink += c.attribute_count;
        __asm__ volatile("" : : "r"(&c) : "memory");
    }
}

/* A few of them, which are all remembered. */
static void run_contexts(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_flag_bool(ff, &fixed, &crowd[i % 16], false);
    }
}

/* So many that each is told of anew. */
static void run_crowd(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_flag_bool(ff, &fixed, &crowd[i % 4096], false);
        if (i % 1024 == 0) {
            bench_collector_read();
        }
    }
}

static void run_tracked(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink += ffshm_flag_bool(ff, &tracked, &who, false);
        if (i % 1024 == 0) {
            bench_collector_read();
        }
    }
}

static void run_track(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ffshm_track(ff, "bought", &who, 42.5);
        if (i % 1024 == 0) {
            bench_collector_read();
        }
    }
}

/* counted: while the agent collects. */
static const struct {
    const char *name;
    void (*run)(unsigned n);
    bool counted;
} cases[] = {
    {"bool-off by handle", run_handle_off, false},
    {"bool-fallthrough by handle", run_handle_fallthrough, false},
    {"bool-off by key", run_key_off, false},
    {"bool-fallthrough by key", run_key_fallthrough, false},
    {"bool-fallthrough by key, random flags", run_key_random, false},
    {"unknown key", run_key_unknown, false},
    {"rollout by key", run_key_rollout, false},
    {"rollout by handle", run_handle_rollout, false},
    {"rollout by key, 32-character salt (two SHA-1 blocks)", run_key_rollout_32, false},
    {"rules (5, the fifth matches) by key", run_key_rules, false},
    {"rules (5, the fifth matches) by handle", run_handle_rules, false},
    {"rules by key, with detail", run_detail, false},
    {"string by key, copied", run_string, false},
    {"bool-fallthrough by key in a pinned view", run_view, false},
    {"targets (10,000 keys, miss) by key", run_target, false},
    {"context of four attributes", run_context, false},
    {"bool-off by handle, counted", run_handle_off, true},
    {"bool-fallthrough by handle, counted", run_handle_fallthrough, true},
    {"bool-fallthrough by key, counted", run_key_fallthrough, true},
    {"bool-fallthrough by key, random flags, counted", run_key_random, true},
    {"unknown key, counted", run_key_unknown, true},
    {"rollout by handle, counted", run_handle_rollout, true},
    {"rollout by key, counted", run_key_rollout, true},
    {"rules (5, the fifth matches) by handle, counted", run_handle_rules, true},
    {"rules (5, the fifth matches) by key, counted", run_key_rules, true},
    {"string by key, copied, counted", run_string, true},
    {"bool-fallthrough by key in a pinned view, counted", run_view, true},
    {"bool-fallthrough by handle, 16 contexts in turn", run_contexts, false},
    {"bool-fallthrough by handle, 16 contexts in turn, counted", run_contexts, true},
    {"bool-fallthrough by handle, 4096 contexts in turn", run_crowd, false},
    {"bool-fallthrough by handle, 4096 contexts in turn, counted and told", run_crowd, true},
    {"tracked flag by handle", run_tracked, false},
    {"tracked flag by handle, the whole event told", run_tracked, true},
    {"ffshm_track, told", run_track, true},
};

/* ---- the flags ---- */

static void write_rules(FILE *f)
{
    fprintf(f, "\"rules\":[");
    for (int i = 0; i < 5; i++) {
        fprintf(
            f,
            "%s{\"id\":\"rule-%d\",\"variation\":%d,\"clauses\":["
            "{\"attribute\":\"country\",\"op\":\"in\",\"values\":[\"US\"]},"
            "{\"attribute\":\"plan\",\"op\":\"in\",\"values\":[\"%s\"]}]}",
            i ? "," : "", i, i == 4 ? 0 : 1,
            (const char *[]){"business01", "business02", "business03", "starter", "enterprise"}[i]);
    }
    fprintf(f, "],");
}

static void write_flags(FILE *f)
{
    const char *head = "\"version\":1,\"on\":true,\"salt\":\"0123456789abcdef0123456789abcdef\","
                       "\"variations\":[true,false],\"offVariation\":1,";
    fprintf(f,
            "{\"flags\":{\n\"bench-off\":{\"version\":1,\"on\":false,\"variations\":[true,false],"
            "\"offVariation\":0,\"fallthrough\":{\"variation\":1}},\n");
    fprintf(f, "\"bench-fallthrough\":{%s\"fallthrough\":{\"variation\":0}},\n", head);
    fprintf(f, "\"bench-tracked\":{%s\"trackEvents\":true,\"fallthrough\":{\"variation\":0}},\n",
            head);
    fprintf(f, "\"bench-string\":{\"version\":1,\"on\":true,\"variations\":[\"a value\"],"
               "\"fallthrough\":{\"variation\":0}},\n");
    fprintf(f, "\"bench-rollout\":{\"version\":1,\"on\":true,\"salt\":\"bench-rollout\","
               "\"variations\":[true,false],\"fallthrough\":{\"rollout\":{\"variations\":["
               "{\"variation\":0,\"weight\":50000},{\"variation\":1,\"weight\":50000}]}}},\n");
    fprintf(f,
            "\"bench-rollout-32\":{%s\"fallthrough\":{\"rollout\":{\"variations\":["
            "{\"variation\":0,\"weight\":50000},{\"variation\":1,\"weight\":50000}]}}},\n",
            head);
    fprintf(f,
            "\"bench-targets\":{%s\"fallthrough\":{\"variation\":0},\"targets\":[{\"variation\":1,"
            "\"values\":[",
            head);
    for (int i = 0; i < 10000; i++) {
        fprintf(f, "%s\"customer-%05d\"", i ? "," : "", i);
    }
    fprintf(f, "]}]},\n\"bench-rules\":{%s", head);
    write_rules(f);
    fprintf(f, "\"fallthrough\":{\"variation\":1}}");
    for (unsigned i = 8; i < flag_count; i++) {
        fprintf(f, ",\n\"flag-%06u\":{%s\"fallthrough\":{\"variation\":%u}}", i, head, i & 1);
    }
    fprintf(f, "}}\n");
}

static int publish(const char *ffagent, const char *dir, const char *file)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(ffagent, ffagent, "--once", "--log-level", "ERROR", "--dir", dir, "--flags", file,
              (char *)NULL);
        fprintf(stderr, "%s: %s\n", ffagent, strerror(errno));
        _exit(127);
    }
    int status;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

/* ---- timing ---- */

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

#define CASES (sizeof(cases) / sizeof(cases[0]))

static double ns[CASES][MAX_ROUNDS];

/* The cases take turns, so that a slow moment of the machine falls on all of them. */
static void measure_all(void)
{
    for (size_t i = 0; i < CASES; i++) {
        bench_collector_window(cases[i].counted);
        cases[i].run(CALLS / 10);
    }
    for (unsigned r = 0; r < rounds; r++) {
        for (size_t i = 0; i < CASES; i++) {
            bench_collector_window(cases[i].counted);
            double start = now_ns();
            cases[i].run(CALLS);
            ns[i][r] = (now_ns() - start) / CALLS;
        }
    }
}

static void report_all(void)
{
    for (size_t i = 0; i < CASES; i++) {
        qsort(ns[i], rounds, sizeof(ns[i][0]), ascending);
        printf("{\"bench\":\"eval\",\"case\":\"%s\",\"flags\":%u,\"min_ns\":%.2f,"
               "\"median_ns\":%.2f,\"rounds\":%u,\"telemetry\":\"%s\"}\n",
               cases[i].name, flag_count, ns[i][0], ns[i][rounds / 2], rounds,
               cases[i].counted ? "on" : "off");
    }
}

static void describe_machine(void)
{
    char model[128] = "unknown";
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, "model name : %127[^\n]", model) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    struct utsname u;
    uname(&u);
    printf("{\"bench\":\"machine\",\"cpu\":\"%s\",\"kernel\":\"%s\",\"compiler\":\"%s\","
           "\"ffshm\":\"%s\"}\n",
           model, u.release, __VERSION__, FFSHM_VERSION);
}

static void make_crowd(void)
{
    static char keys[4096][24];
    for (unsigned i = 0; i < 4096; i++) {
        snprintf(keys[i], sizeof(keys[i]), "user-key-%06u", i);
        ffshm_context_init(&crowd[i], "user", keys[i]);
    }
}

static void choose_random_keys(void)
{
    random_mask = 4095;
    random_keys = malloc(sizeof(*random_keys) * (random_mask + 1));
    if (!random_keys) {
        exit(1);
    }
    srandom(1);
    for (unsigned i = 0; i <= random_mask; i++) {
        snprintf(random_keys[i], sizeof(random_keys[i]), "flag-%06u",
                 8 + (unsigned)random() % (flag_count - 8));
    }
}

static const char *parse_arguments(int argc, char **argv)
{
    const char *ffagent = FFAGENT_PATH;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--flags") == 0) {
            flag_count = (unsigned)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--rounds") == 0) {
            rounds = (unsigned)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--ffagent") == 0) {
            ffagent = argv[i + 1];
        } else {
            ffagent = NULL;
        }
    }
    if (argc % 2 == 0 || !ffagent || flag_count < 10 || rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: ffbench [--flags N (10..)] [--rounds N (1..%d)] [--ffagent PATH]\n",
                MAX_ROUNDS);
        exit(2);
    }
    return ffagent;
}

int main(int argc, char **argv)
{
    const char *ffagent = parse_arguments(argc, argv);
    char dir[] = "/dev/shm/ffbench.XXXXXX";
    char file[64];
    char store[64];
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    snprintf(file, sizeof(file), "%s/flags.json", dir);
    snprintf(store, sizeof(store), "%s/store", dir);
    FILE *f = fopen(file, "we");
    if (f) {
        write_flags(f);
        fclose(f);
    }
    int failed = publish(ffagent, store, file);
    if (failed == 0 && !bench_collector_open(store)) {
        perror(store);
        failed = 1;
    }
    if (failed == 0) {
        describe_machine();
        choose_random_keys();
        make_crowd();
        build(&who);
        ff = ffshm_open(store, NULL);
        ffshm_pin(ff, &view);
        if (!ffshm_bool(ff, "bench-fallthrough", &who, false) ||
            !ffshm_bool(ff, "bench-rules", &who, false)) {
            fprintf(stderr, "ffbench: the flags do not evaluate as written\n");
            failed = 1;
        }
        if (!failed) {
            measure_all();
            report_all();
        }
        ffshm_unpin(&view);
        ffshm_close(ff);
        free(random_keys);
    }
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command) != 0 || failed ? 1 : 0;
}
