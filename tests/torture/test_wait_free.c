/*
 * test_wait_free.c - an evaluation makes no system call and allocates nothing.
 *
 * After a warm-up a child enters seccomp's strict mode, where any system call but read, write, exit
 * and sigreturn is death, and evaluates every flag of tests/data/rich.json a million times in every
 * way; malloc and its kin are counted meanwhile. (That no clock is read cannot be seen from
 * outside: the vDSO makes no system call.)
 *
 * ctest: merge release
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"

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

static const char *keys[] = {"off",       "fixed",     "values",   "experiment",    "by-company",
                             "targets",   "operators", "needs",    "needs-missing", "cycle-a",
                             "malformed", "client",    "not-there"};
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

static int child(struct ffshm *ff)
{
    evaluate_everything(ff);
    unsigned long before = allocations;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        return 77;
    }
    for (int i = 0; i < ROUNDS; i++) {
        evaluate_everything(ff);
    }
    return allocations == before ? 0 : 1;
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
    live_store_publish(&store);
    make_people();
    for (size_t k = 0; k < KEYS; k++) {
        handles[k].key = keys[k];
    }
    struct ffshm *ff = ffshm_open(store.dir, NULL);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        syscall(SYS_exit, child(ff)); /* not exit_group, which strict mode forbids */
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ffshm_close(ff);
    live_store_close(&store);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("skipped: seccomp is not to be had here\n");
        return 77;
    }
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("%zu evaluations: %s\n", ROUNDS * KEYS * 4 * 6,
           good                  ? "no system call, no allocation"
           : WIFSIGNALED(status) ? "a system call was made"
                                 : "memory was allocated or freed");
    printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
