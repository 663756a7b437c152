#include "ctl_trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

long trouble_agent_pid(const char *dir)
{
    char path[4096];
    char text[32] = "";
    snprintf(path, sizeof path, "%s/agent.lock", dir);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == EACCES ? -1 : 0;
    }
    const ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    const long pid = got > 0 ? strtol(text, NULL, 10) : 0;
    return pid > 0 ? pid : 0;
}

/* Why a running agent has nothing to publish, and what to do. The error of a source that is not
   about what it says is LaunchDarkly's. */
static const char *why_nothing(const struct ffshm_status *status, const char **hint)
{
    *hint = "see its log, or run ffctl lint";
    switch (status->source_error) {
    case FFSHM_SOURCE_NETWORK_ERROR:
        *hint = "check the network and LaunchDarkly's URIs in the agent's configuration";
        return "LaunchDarkly cannot be reached";
    case FFSHM_SOURCE_ERROR_RESPONSE:
        *hint = "check the SDK key and LaunchDarkly's URIs in the agent's configuration";
        return "LaunchDarkly refuses";
    case FFSHM_SOURCE_NO_ERROR:
        if (status->source_state == FFSHM_SOURCE_OFF) {
            *hint = "start it once with a network, or give it a flag file";
            return "it is offline, and nothing that LaunchDarkly said is kept";
        }
        break;
    default:
        break;
    }
    return "its flag files are missing or wrong";
}

static void nothing_published(const char *dir, const struct ffshm_status *status,
                              struct trouble *out)
{
    out->error = FFSHM_NOT_READY;
    if (!status->agent_alive) {
        snprintf(out->cause, sizeof out->cause, "%.400s: no snapshot has been published in it",
                 dir);
        out->hint = ffshm_error_hint(FFSHM_NOT_READY);
        return;
    }
    const long pid = trouble_agent_pid(dir);
    char who[40] = "";
    if (pid > 0) {
        snprintf(who, sizeof who, " (pid %ld)", pid);
    }
    snprintf(out->cause, sizeof out->cause, "the agent%s runs but has published nothing yet: %s",
             who, why_nothing(status, &out->hint));
}

/* There is a snapshot, which libffshm did not take. */
static void find_refused(const char *dir, uint64_t generation, const struct ffshm_status *status,
                         struct trouble *out)
{
    struct files_snapshot s;
    out->error = files_open(dir, generation, FILES_FULL, &s, out->cause);
    if (out->error == FFSHM_OK) {
        out->error = files_check_store(dir, &s, out->cause);
        files_close(&s);
    }
    if (out->error == FFSHM_OK) { /* well by now, or nothing about its files */
        out->error = status->last_error ? status->last_error : FFSHM_NOT_READY;
        snprintf(out->cause, sizeof out->cause, "%.200s: %s", dir, ffshm_error_text(out->error));
    }
}

void trouble_find(const char *dir, const struct ffshm_status *status, struct trouble *out)
{
    struct files_control control;
    *out = (struct trouble){.hint = ""};
    if (status->ready && status->last_error == FFSHM_OK) {
        return;
    }
    out->error = files_control(dir, &control, out->cause);
    if (out->error == FFSHM_NOT_READY && files_no_directory(dir)) {
        out->hint = "check --dir and FFSHM_DIR, or start ffagent on that directory";
        return;
    }
    const uint64_t generation =
        out->error ? 0 : atomic_load_explicit(&control.page.generation, memory_order_relaxed);
    if (out->error == FFSHM_NOT_READY || (out->error == FFSHM_OK && generation == 0)) {
        nothing_published(dir, status, out);
        return;
    }
    if (out->error == FFSHM_OK) {
        find_refused(dir, generation, status, out);
    }
    out->hint = ffshm_error_hint(out->error);
}
