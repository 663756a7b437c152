/*
 * A real ffagent whose only source is its operators.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "writers.h"

#define FFAGENT FFSHM_BUILD_DIR "/agent/ffagent"
#define PATIENCE_NS (60ll * 1000 * 1000 * 1000)

void agent_start(struct writing_agent *a)
{
    snprintf(a->socket, sizeof a->socket, "%s/agent.sock", a->dir);
    a->pid = fork();
    if (a->pid == 0) {
        const int log = open(a->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (log < 0 || dup2(log, STDERR_FILENO) < 0) {
            _exit(126);
        }
        execl(FFAGENT, "ffagent", "--dir", a->dir, "--state", a->state, (char *)NULL);
        _exit(127);
    }
}

void agent_await(const struct writing_agent *a)
{
    const int64_t until = now_ns() + PATIENCE_NS;
    while (now_ns() < until && waitpid(a->pid, NULL, WNOHANG) == 0) {
        struct http_client c;
        if (http_open(&c, a->socket) == 0) {
            json_t *ready = http_get(&c, "/ready");
            http_close(&c);
            json_decref(ready);
            if (ready) {
                return;
            }
        }
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    printf("FAILED: the agent does not become ready; see its log\n");
    exit(1);
}

void agent_kill(struct writing_agent *a)
{
    kill(a->pid, SIGKILL);
    waitpid(a->pid, NULL, 0);
}

void agent_stop(struct writing_agent *a)
{
    int status;
    kill(a->pid, SIGTERM);
    waitpid(a->pid, &status, 0);
    if (status != 0) {
        wrong("the agent ended with the wait status %#x; see its log", (unsigned)status);
    }
}

size_t agent_resident_kib(const struct writing_agent *a)
{
    char path[64];
    char text[128] = "";
    char *end;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)a->pid);
    FILE *f = fopen(path, "re");
    if (f) {
        if (!fgets(text, sizeof text, f)) {
            text[0] = '\0';
        }
        fclose(f);
    }
    strtoul(text, &end, 10);
    return strtoul(end, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

int64_t agent_cpu_ns(const struct writing_agent *a)
{
    char path[64];
    char text[128] = "";
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)a->pid);
    FILE *f = fopen(path, "re");
    if (f) {
        if (!fgets(text, sizeof text, f)) {
            text[0] = '\0';
        }
        fclose(f);
    }
    return strtoll(text, NULL, 10);
}
