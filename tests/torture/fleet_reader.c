/*
 * fleet_reader - programs that evaluate, and write down what they see change.
 *
 *   fleet_reader DIR FILE NAME COUNT PAUSE_US FLAG...
 *
 * COUNT processes, each with the store in DIR opened by itself, evaluate the flags and sleep
 * PAUSE_US, again and again, until SIGTERM. Whatever is not as it was in the round before is a line
 * in FILE, appended in one write, so that readers of many hosts can share it:
 *
 *   NAME.NUMBER TIME_NS FLAG VERSION REASON VALUE     REASON ERROR: VALUE is the error's name
 *   NAME.NUMBER TIME_NS end EVALUATIONS REFUSED -     at the end; REFUSED snapshots of the library
 *
 * Times are CLOCK_MONOTONIC, which all processes of a machine share, whatever their network is.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ffshm.h"

#define FLAGS_MOST 64
#define VALUE 64

struct seen {
    int reason, error;
    int64_t version;
    char value[VALUE];
};

struct reader {
    const char *dir;
    int file;
    char name[64];
    struct timespec pause;
    char **flags;
    size_t flag_count;
    uint64_t evaluations;
    struct seen seen[FLAGS_MOST];
};

static volatile sig_atomic_t ended;

static void end(int signal)
{
    (void)signal;
    ended = 1;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void tell(const struct reader *r, const char *what, int64_t number, const char *reason,
                 const char *value)
{
    char line[512];
    const int length = snprintf(line, sizeof line, "%s %" PRId64 " %s %" PRId64 " %s %s\n", r->name,
                                now_ns(), what, number, reason, value);
    if (length < 0 || (size_t)length >= sizeof line || write(r->file, line, (size_t)length) < 0) {
        perror("fleet_reader");
        _exit(1);
    }
}

static void look(struct reader *r, size_t number, struct ffshm *ff, const struct ffshm_context *who)
{
    struct ffshm_detail d;
    struct seen *seen = &r->seen[number];
    struct seen now = {0};
    ffshm_json_detail(ff, r->flags[number], who, "-", now.value, sizeof now.value, &d);
    now.reason = d.reason;
    now.error = d.error;
    now.version = d.flag_version;
    if (now.reason != seen->reason || now.error != seen->error || now.version != seen->version ||
        strcmp(now.value, seen->value) != 0) {
        *seen = now;
        tell(r, r->flags[number], now.version, ffshm_reason_name(now.reason),
             now.reason == FFSHM_REASON_ERROR ? ffshm_error_name(now.error) : now.value);
    }
}

/* One process. */
static int read_on(struct reader *r)
{
    struct ffshm_status status = {0};
    struct ffshm_context who;
    struct ffshm *ff = ffshm_open(r->dir, NULL);
    char refused[32];
    if (ff == NULL || ffshm_wait_ready(ff, 30000) != FFSHM_OK) {
        fprintf(stderr, "fleet_reader: there is no snapshot in %s\n", r->dir);
        ffshm_close(ff);
        return 1;
    }
    ffshm_context_init(&who, NULL, "user-1");
    for (size_t i = 0; i < r->flag_count; i++) {
        r->seen[i].reason = -1; /* what is there at first is told, too */
    }
    while (!ended) {
        for (size_t i = 0; i < r->flag_count; i++) {
            look(r, i, ff, &who);
        }
        r->evaluations += r->flag_count;
        nanosleep(&r->pause, NULL);
    }
    ffshm_status(ff, &status);
    snprintf(refused, sizeof refused, "%" PRIu64, status.refused);
    tell(r, "end", (int64_t)r->evaluations, refused, "-");
    ffshm_close(ff);
    return 0;
}

static int start(const struct reader *all, const char *name, unsigned number, const sigset_t *term)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        struct reader one = *all;
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) {
            _exit(0);
        }
        snprintf(one.name, sizeof one.name, "%.48s.%u", name, number);
        sigprocmask(SIG_UNBLOCK, term, NULL);
        exit(read_on(&one));
    }
    return pid > 0 ? 0 : -1;
}

/* Until SIGTERM, which the children get as well; twice does no harm. */
static int wait_for_all(const sigset_t *term)
{
    int worst = 0;
    int status;
    sigwait(term, &status);
    kill(0, SIGTERM); /* it is blocked here */
    while (wait(&status) > 0) {
        worst |= status != 0;
    }
    return worst;
}

int main(int argc, char **argv)
{
    struct reader all = {0};
    sigset_t term;
    const unsigned count = argc > 6 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
    const long pause_us = argc > 6 ? strtol(argv[5], NULL, 10) : 0;
    if (count == 0 || pause_us <= 0 || argc - 6 > FLAGS_MOST) {
        fprintf(stderr, "usage: fleet_reader DIR FILE NAME COUNT PAUSE_US FLAG... (at most %d)\n",
                FLAGS_MOST);
        return 2;
    }
    all.dir = argv[1];
    all.file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    all.pause = (struct timespec){pause_us / 1000000, pause_us % 1000000 * 1000};
    all.flags = argv + 6;
    all.flag_count = (size_t)(argc - 6);
    if (all.file < 0) {
        perror(argv[2]);
        return 1;
    }
    setpgid(0, 0);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
    for (unsigned i = 0; i < count; i++) {
        if (start(&all, argv[3], i, &term) != 0) {
            perror("fork");
            return 1;
        }
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return wait_for_all(&term);
}
