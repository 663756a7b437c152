/*
 * test_wait_free.c - an evaluation makes no system call and allocates nothing.
 *
 * After a warm-up a child gives up all system calls but write and exit, and evaluates every flag of
 * tests/data/rich.json a million times in every way; malloc and its kin are counted meanwhile.
 *   - in seccomp's strict mode, which also forbids to read the time stamp counter: no clock is read
 *   - under a filter, while the agent collects: what is evaluated is counted, whole events go into
 * a ring that is soon full, with the time
 *
 * ctest: merge release
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "big_segments/memberships.h"
#include "ffshm.h"
#include "live_store.h"
#include "telemetry_reader.h"

#define ROUNDS 20000

/* The whole program's allocator, counted: glibc's own by their other names. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void __libc_free(void *memory);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);
void free(void *memory);

static unsigned long allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}

void free(void *memory)
{
    allocations++;
    __libc_free(memory);
}

static const char *keys[] = {
    "off",   "fixed",         "values",  "experiment", "by-company", "targets",   "operators",
    "needs", "needs-missing", "cycle-a", "malformed",  "client",     "not-there", "big"};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static struct ffshm_context people[4];
static struct ffshm_flag handles[KEYS];
static unsigned long sink;

static void make_people(void)
{
    static const char *const groups[] = {"a", "b"};
    ffshm_context_init(&people[0], NULL, "user-1");
    ffshm_context_string(&people[0], "country", "DE");
    ffshm_context_string(&people[0], "email", "root@example.com");
    ffshm_context_init(&people[1], "user", "user-7");
    ffshm_context_name(&people[1], "Jan");
    ffshm_context_number(&people[1], "age", 20);
    ffshm_context_number(&people[1], "logins", 90);
    ffshm_context_init(&people[2], "user", "user-9");
    ffshm_context_string(&people[2], "born", "1970-06-01T00:00:00Z");
    ffshm_context_string(&people[2], "app", "2.5.0");
    ffshm_context_strings(&people[2], "groups", groups, 2);
    struct ffshm_context org;
    ffshm_context_init(&org, "org", "acme");
    ffshm_context_json(&org, "address", "{\"country\":\"US\",\"note\":\"a \\\"b\\\"\"}");
    ffshm_context_add(&people[2], &org);
    ffshm_context_init(&people[3], NULL, ""); /* invalid */
}

/* A big segment: of user-1 it is known whether he is in it, of user-7 that it is time to ask again,
   of user-9 nothing. */
static struct memberships *make_big_segment(struct live_store *store)
{
    struct fault fault = {0};
    const struct memberships_options options = {
        .dir = publisher_dir(store->publisher),
        .store_epoch = publisher_epoch(store->publisher),
        .contexts = 100,
        .ageing_ms = 10,
        .old_ms = 1000,
        .gone_ms = 1000,
    };
    const uint64_t seed = publisher_seed(store->publisher);
    const uint64_t in = big_segments_reference_of("big", 3, 1, seed) | BIG_SEGMENTS_INCLUDED;
    live_store_put_text(store, IMAGE_SEGMENT, "big",
                        "{\"key\":\"big\",\"version\":1,\"unbounded\":true,\"generation\":1}");
    live_store_put_text(store, IMAGE_FLAG, "big",
                        "{\"key\":\"big\",\"version\":1,\"on\":true,\"variations\":[0,1],"
                        "\"rules\":[{\"variation\":1,\"clauses\":[{\"op\":\"segmentMatch\","
                        "\"values\":[\"big\"]}]}],\"fallthrough\":{\"variation\":0}}");
    struct memberships *m = memberships_open(&options, 0, &fault);
    if (!m) {
        fprintf(stderr, "%s\n", fault.cause);
        exit(1);
    }
    memberships_put(m, hash_member("user-7", 6, seed), &in, 1, 0);
    memberships_age(m, 10);
    memberships_put(m, hash_member("user-1", 6, seed), &in, 1, 10);
    memberships_set_status(m, BIG_SEGMENTS_HEALTHY, 1);
    publisher_big_segments(store->publisher, memberships_id(m));
    return m;
}

static void evaluate_everything(struct ffshm *ff)
{
    char text[256];
    struct ffshm_detail d;
    for (size_t k = 0; k < KEYS; k++) {
        for (size_t p = 0; p < 4; p++) {
            const struct ffshm_context *c = &people[p];
            sink += ffshm_bool(ff, keys[k], c, false);
            sink += (unsigned long)ffshm_flag_int(ff, &handles[k], c, 1);
            sink += ffshm_double_detail(ff, keys[k], c, 0, &d) > 1;
            sink += ffshm_string(ff, keys[k], c, "", text, sizeof(text));
            sink += ffshm_json_detail(ff, keys[k], c, "null", text, sizeof(text), &d);
            struct ffshm_view view;
            ffshm_pin(ff, &view);
            sink += (unsigned long)ffshm_evaluate(&view, keys[k], c).variation;
            ffshm_unpin(&view);
        }
    }
}

static int enter_strict(void)
{
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
}

static int enter_filter(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof(steps) / sizeof(steps[0]), steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
               ? -1
               : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static int child(struct ffshm *ff, int (*enter)(void))
{
    evaluate_everything(ff);
    unsigned long before = allocations;
    if (enter() != 0) {
        return 77;
    }
    for (int i = 0; i < ROUNDS; i++) {
        evaluate_everything(ff);
    }
    return allocations == before ? 0 : 1;
}

/* The child's exit code; -1: it was killed. */
static int evaluate_in_child(struct ffshm *ff, int (*enter)(void), const char *how)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        syscall(SYS_exit, child(ff, enter)); /* not exit_group, which strict mode forbids */
    }
    int status = 0;
    waitpid(pid, &status, 0);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    printf("%zu evaluations %s: %s\n", ROUNDS * KEYS * 4 * 6, how,
           code == 0    ? "no system call, no allocation"
           : code == 77 ? "skipped: seccomp is not to be had here"
           : code == -1 ? "a system call was made"
                        : "memory was allocated or freed");
    return code;
}

int main(void)
{
    json_error_t error;
    json_t *data = json_load_file(FFSHM_SOURCE_DIR "/tests/data/rich.json", 0, &error);
    if (!data) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    struct live_store store;
    live_store_open(&store);
    live_store_replace(&store, data);
    json_decref(data);
    struct memberships *memberships = make_big_segment(&store);
    live_store_publish(&store);
    struct telemetry_desk desk;
    telemetry_desk_open(&desk, store.dir);
    make_people();
    for (size_t k = 0; k < KEYS; k++) {
        handles[k].key = keys[k];
    }
    struct ffshm *ff = ffshm_open(store.dir, NULL);
    const int strict = evaluate_in_child(ff, enter_strict, "without telemetry");
    telemetry_desk_window(&desk, 1, 1, true);
    desk.control->telemetry_wants |= IMAGE_WANTS_MEMBERSHIPS;
    const int filtered = evaluate_in_child(ff, enter_filter, "that are counted and told");
    ffshm_close(ff);
    const uint64_t counted = telemetry_counted_all(store.dir);
    const uint64_t dropped = telemetry_totals(store.dir).dropped_events;
    json_t *asks = telemetry_records_of(store.dir, "ask");
    const size_t asked = json_array_size(asks);
    json_decref(asks);
    telemetry_desk_close(&desk);
    memberships_close(memberships);
    live_store_close(&store);
    if (strict == 77 || filtered == 77) {
        return 77;
    }
    printf("%llu were counted, prerequisites included; %llu events found the ring full; %zu asked "
           "for memberships\n",
           (unsigned long long)counted, (unsigned long long)dropped, asked);
    /* Of the four people one is no valid context. */
    bool good = strict == 0 && filtered == 0 && dropped > 0 && asked == 2 &&
                counted >= (uint64_t)(ROUNDS + 1) * KEYS * 3 * 6;
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
