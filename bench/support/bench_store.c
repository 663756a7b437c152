#include "bench_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_fail.h"
#include "image.h"

static void publish(const char *ffagent, const char *dir, const char *file)
{
    int status;
    const pid_t pid = bench_child();
    if (pid == 0) {
        execl(ffagent, ffagent, "--once", "--log-level", "ERROR", "--dir", dir, "--state", "none",
              "--flags", file, (char *)NULL);
        fprintf(stderr, "ffbench: %s: %s\n", ffagent, strerror(errno));
        _exit(127);
    }
    if (waitpid(pid, &status, 0) != pid) {
        bench_fail_errno(ffagent);
    }
    if (WIFSIGNALED(status)) {
        bench_fail(ffagent, strsignal(WTERMSIG(status)));
    }
    if (status != 0) { /* it has said why */
        bench_fail(ffagent, "it did not publish the flags; --ffagent names another one");
    }
}

/* Before there is any flag: with another seed, sets of strings have other collisions. */
static void fix_seed(const struct bench_store *s)
{
    char path[BENCH_PATH + 32];
    snprintf(path, sizeof path, "%s/ctl", s->store);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct image_control *control =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) {
        bench_fail_errno(path);
    }
    control->set_seed = 1;
    munmap(control, sizeof *control);
    close(fd);
}

static void write_file(const char *file, const struct bench_set *set)
{
    FILE *f = fopen(file, "we");
    if (!f) {
        bench_fail_errno(file);
    }
    if (set) {
        bench_cases_flags(f, set);
    } else {
        fputs("{\"flags\":{}}", f);
    }
    if (fclose(f) != 0) {
        bench_fail_errno(file);
    }
}

void bench_store_open(struct bench_store *s, const char *ffagent, const struct bench_set *set)
{
    char file[BENCH_PATH + 16];
    bench_directory_make(s->dir, "/dev/shm");
    snprintf(s->store, sizeof s->store, "%s/store", s->dir);
    snprintf(file, sizeof file, "%s/flags.json", s->dir);
    if (set->fixed) {
        write_file(file, NULL);
        publish(ffagent, s->store, file);
        fix_seed(s);
    }
    write_file(file, set);
    publish(ffagent, s->store, file);
    (void)unlink(file);
}

void bench_store_close(struct bench_store *s)
{
    (void)bench_directory_remove(s->dir);
}
