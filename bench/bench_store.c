#include "bench_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

void bench_store_open(struct bench_store *s, const char *ffagent, const struct bench_set *set)
{
    char file[96];
    snprintf(s->dir, sizeof s->dir, "/dev/shm/ffbench.XXXXXX");
    if (!mkdtemp(s->dir)) {
        fail(s->dir);
    }
    snprintf(s->store, sizeof s->store, "%s/store", s->dir);
    snprintf(file, sizeof file, "%s/flags.json", s->dir);
    FILE *f = fopen(file, "we");
    if (!f) {
        fail(file);
    }
    bench_cases_flags(f, set);
    if (fclose(f) != 0) {
        fail(file);
    }
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
