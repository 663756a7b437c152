#include "bench_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_fail.h"
#include "bench_flags.h"

#define PATIENCE_MS 60000

#define LOG_SHOWN 2000

void bench_agent_fail(const struct bench_agent *a, const char *why)
{
    char text[LOG_SHOWN + 1];
    FILE *log = fopen(a->log, "re");
    if (log && fseek(log, -LOG_SHOWN, SEEK_END) != 0) { /* it is shorter */
        rewind(log);
    }
    text[log ? fread(text, 1, LOG_SHOWN, log) : 0] = '\0';
    fprintf(stderr, "ffbench: %s: %s; the end of its log:\n%s", a->ffagent, why, text);
    exit(1);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void write_flags(const char *path, unsigned count, unsigned changed, unsigned version)
{
    char key[24];
    char text[BENCH_FLAG_BYTES];
    FILE *f = fopen(path, "we");
    if (!f) {
        bench_fail_errno(path);
    }
    fprintf(f, "{\"flags\":{");
    for (unsigned i = 0; i < count; i++) {
        bench_flag_key(key, i);
        bench_flag(text, sizeof text, i, i == changed ? version : 1);
        fprintf(f, "%s\n\"%s\":%s", i ? "," : "", key, text);
    }
    fprintf(f, "}}\n");
    if (fclose(f) != 0) {
        bench_fail_errno(path);
    }
}

void bench_agent_prepare(struct bench_agent *a, const char *ffagent, unsigned count)
{
    *a = (struct bench_agent){.ffagent = ffagent};
    bench_directory_make(a->dir, "/dev/shm");
    snprintf(a->store, sizeof a->store, "%s/store", a->dir);
    snprintf(a->flags, sizeof a->flags, "%s/flags.json", a->dir);
    snprintf(a->next, sizeof a->next, "%s/next.json", a->dir);
    snprintf(a->log, sizeof a->log, "%s/agent.log", a->dir);
    write_flags(a->flags, count, 0, 1);
}

void bench_agent_write(const struct bench_agent *a, unsigned count, unsigned changed,
                       unsigned version)
{
    write_flags(a->next, count, changed, version);
}

void bench_agent_save(const struct bench_agent *a)
{
    if (rename(a->next, a->flags) != 0) {
        bench_fail_errno(a->next);
    }
}

/* ---- the agent ------------------------------------------------------------------------------ */

/* A file takes what it says at once; a pipe would make it wait for us. */
static _Noreturn void become_agent(const struct bench_agent *a, const char *const *arguments)
{
    const char *all[32] = {"ffagent", "--dir", a->store};
    size_t count = 3;
    while (*arguments && count + 1 < sizeof all / sizeof all[0]) {
        all[count++] = *arguments++;
    }
    const int log = open(a->log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    const int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (log >= 0 && dup2(log, STDERR_FILENO) >= 0) {
        execv(a->ffagent, (char **)(uintptr_t)all); /* which takes them for not constant */
    }
    dprintf(own, "ffbench: %s: %s\n", a->ffagent, strerror(errno));
    _exit(127);
}

void bench_agent_run(struct bench_agent *a, const char *const *arguments)
{
    a->pid = bench_child();
    if (a->pid == 0) {
        become_agent(a, arguments);
    }
}

void bench_agent_start(struct bench_agent *a, const char *state)
{
    bench_agent_run(a, (const char *const[]){"--flags", a->flags, "--state", state, NULL});
}

bool bench_agent_end(struct bench_agent *a)
{
    int status = 0;
    const bool ended =
        a->pid > 0 && kill(a->pid, SIGTERM) == 0 && waitpid(a->pid, &status, 0) == a->pid;
    a->pid = 0;
    return ended && status == 0;
}

bool bench_agent_remove(const struct bench_agent *a)
{
    return bench_directory_remove(a->dir);
}

bool bench_agent_stop(struct bench_agent *a)
{
    const bool ended = bench_agent_end(a);
    return bench_agent_remove(a) && ended;
}

/* ---- its API -------------------------------------------------------------------------------- */

int bench_connect(const struct bench_agent *a)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.90s/agent.sock", a->store);
    for (unsigned waited = 0; waited < PATIENCE_MS && waitpid(a->pid, NULL, WNOHANG) == 0;
         waited++) {
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            return fd;
        }
        (void)close(fd);
        usleep(1000);
    }
    bench_agent_fail(a, "nobody answers at its socket");
}

/* 0: more is wanted. */
static unsigned whole_answer(const char *text, size_t length)
{
    unsigned status = 0;
    size_t body = 0;
    const char *end = strstr(text, "\r\n\r\n");
    const char *told = end ? strcasestr(text, "\r\nContent-Length:") : NULL;
    if (!told || sscanf(text, "HTTP/1.1 %u", &status) != 1 ||
        sscanf(told, "%*[^:]:%zu", &body) != 1) {
        return 0;
    }
    return length >= (size_t)(end - text) + 4 + body ? status : 0;
}

unsigned bench_request(int fd, const char *method, const char *path, const char *body)
{
    char text[16384];
    size_t got = 0;
    unsigned status = 0;
    const int length = snprintf(text, sizeof text,
                                "%s %s HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json"
                                "\r\nContent-Length: %zu\r\n\r\n%s",
                                method, path, strlen(body), body);
    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length) {
        bench_fail_errno("send");
    }
    while (status == 0) {
        const ssize_t more = recv(fd, text + got, sizeof text - 1 - got, 0);
        if (more <= 0) {
            bench_fail_errno("recv");
        }
        got += (size_t)more;
        text[got] = '\0';
        status = whole_answer(text, got);
    }
    return status;
}
