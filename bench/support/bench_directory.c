#include "bench_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_fail.h"

#define MOST 16u /* at a time */
#define MADE '+'
#define REMOVED '-'

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

bool bench_tree_remove(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        fprintf(stderr, "ffbench: %s stays: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* ---- the one who makes them ---------------------------------------------------------------- */

/* In the child: not of our session, so that it sees the end of a program that a terminal ends. */
static _Noreturn void become_guard(int input)
{
    char self[512];
    const ssize_t length =
        readlink("/proc/self/exe", self, sizeof self - 1); /* valgrind's is not */
    const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)setsid();
    self[length > 0 ? length : 0] = '\0';
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0) {
        execl(self, "ffbench", "guard", (char *)NULL);
    }
    fprintf(stderr, "ffbench: %s: %s\n", self, strerror(errno));
    _exit(1);
}

/* Where to tell it. All that are started hold it open, programs too: when nobody has it any more,
   nobody writes to the directories any more. */
static int guard(void)
{
    static int output = -1;
    int ends[2];
    if (output >= 0) {
        return output;
    }
    if (pipe(ends) != 0 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0) {
        bench_fail_errno("pipe");
    }
    const pid_t pid = fork();
    if (pid < 0) {
        bench_fail_errno("fork");
    }
    if (pid == 0) {
        (void)close(ends[1]);
        become_guard(ends[0]);
    }
    (void)close(ends[0]);
    output = ends[1];
    return output;
}

static void tell(char what, const char *path)
{
    if (dprintf(guard(), "%c%s\n", what, path) < 0) {
        bench_fail_errno("who removes directories is gone");
    }
}

void bench_directory_make(char path[BENCH_PATH], const char *parent)
{
    sigset_t all;
    sigset_t before;
    (void)guard();
    snprintf(path, BENCH_PATH, "%.200s/ffbench.XXXXXX", parent);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* none between these two */
    if (!mkdtemp(path)) {
        bench_fail_errno(path);
    }
    tell(MADE, path);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

bool bench_directory_remove(const char *path)
{
    const bool removed = bench_tree_remove(path);
    if (removed) {
        tell(REMOVED, path);
    }
    return removed;
}

/* ---- the guard ----------------------------------------------------------------------------- */

int bench_guard_main(void)
{
    static char paths[MOST][BENCH_PATH];
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    char line[BENCH_PATH + 2];
    bool good = true;
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        const char *sought = line[0] == REMOVED ? line + 1 : "";
        unsigned i = 0;
        while (i < MOST && strcmp(paths[i], sought) != 0) {
            i++;
        }
        if (i < MOST) {
            snprintf(paths[i], BENCH_PATH, "%.255s", line[0] == MADE ? line + 1 : "");
        }
    }
    for (unsigned i = 0; i < MOST; i++) {
        good = (paths[i][0] == '\0' || bench_tree_remove(paths[i])) && good;
    }
    return good ? 0 : 1;
}
