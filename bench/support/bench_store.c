#include "bench_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image.h"

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "ffbench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void publish(const char *ffagent, const char *dir, const char *file)
{
    int status;
    const pid_t pid = fork();
    if (pid == 0) {
        execl(ffagent, ffagent, "--once", "--log-level", "ERROR", "--dir", dir, "--state", "none",
              "--flags", file, (char *)NULL);
        fprintf(stderr, "%s: %s\n", ffagent, strerror(errno));
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "ffbench: the flags could not be published\n");
        exit(1);
    }
}

/* Before there is any flag: with another seed, sets of strings have other collisions. */
static void fix_seed(const struct bench_store *s)
{
    char path[96];
    snprintf(path, sizeof path, "%s/ctl", s->store);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    struct image_control *control =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) {
        fail(path);
    }
    control->set_seed = 1;
    munmap(control, sizeof *control);
    close(fd);
}

static void write_file(const char *file, const struct bench_set *set)
{
    FILE *f = fopen(file, "we");
    if (!f) {
        fail(file);
    }
    if (set) {
        bench_cases_flags(f, set);
    } else {
        fputs("{\"flags\":{}}", f);
    }
    if (fclose(f) != 0) {
        fail(file);
    }
}

void bench_store_open(struct bench_store *s, const char *ffagent, const struct bench_set *set)
{
    char file[96];
    snprintf(s->dir, sizeof s->dir, "/dev/shm/ffbench.XXXXXX");
    if (!mkdtemp(s->dir)) {
        fail(s->dir);
    }
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
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    if (system(command) != 0) {
        fprintf(stderr, "ffbench: %s stays\n", s->dir);
    }
}
