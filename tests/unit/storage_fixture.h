/*
 * storage_fixture.h - a storage in a directory of its own on tmpfs, for each test.
 */
#ifndef FFSHM_TESTS_STORAGE_FIXTURE_H
#define FFSHM_TESTS_STORAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/storage.h"

struct fixture {
    char dir[64];
    char path[128];
    struct storage *s;
    struct fault fault;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/dev/shm/ffshm-storage-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/kept/agent.db", f->dir);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    storage_close(f->s);
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    const int result = system(command);
    free(f);
    return result;
}

static inline void ok(struct fixture *f, int result)
{
    if (result != 0) {
        char text[2048];
        fault_text(&f->fault, text, sizeof text);
        fail_msg("%d: %s", result, text);
    }
}

static inline void open_it(struct fixture *f)
{
    f->s = storage_open(f->path, &f->fault);
    ok(f, f->s ? 0 : -1);
}

static inline void close_it(struct fixture *f)
{
    storage_close(f->s);
    f->s = NULL;
}

static inline void reopen(struct fixture *f)
{
    close_it(f);
    open_it(f);
}

static inline void copy_file(const char *from, const char *to)
{
    char command[400];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

/* No file may grow above that: a full disk. SIGXFSZ must be ignored. */
static inline void limit_files(rlim_t most)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* ---- children that are killed -------------------------------------------------------------- */

/* Which it was last, told by a child that may be killed. */
static inline int64_t *shared_number(void)
{
    void *page =
        mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    const unsigned seed = (unsigned)getpid();
    printf("seed %u\n", seed);
    srand(seed);
    return page;
}

/* fn in a child that is killed between least_us and most_us later. */
static inline void run_and_kill(struct fixture *f, void (*fn)(struct fixture *, volatile int64_t *),
                                int64_t *number, int least_us, int most_us)
{
    const pid_t child = fork();
    if (child == 0) {
        fn(f, number);
        _exit(1);
    }
    assert_true(child > 0);
    usleep((useconds_t)(least_us + rand() % (most_us - least_us)));
    kill(child, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static inline off_t size_of(const struct fixture *f, const char *suffix)
{
    char name[160];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", f->path, suffix);
    return stat(name, &st) == 0 ? st.st_size : 0;
}

#endif
