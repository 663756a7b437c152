/* collector_news.c - what the collector logs, and how often. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../log.h"
#include "collector_state.h"
#include "ffshm.h"

#define TELL_MS 10000                  /* between two lines of a kind */
#define TELL_AGAIN_MS (60 * 60 * 1000) /* about an evaluation error that was told already */

void collector_tell_failed(struct collector *c, const struct fault *fault)
{
    if (!c->failing) {
        c->failing = true;
        log_fault(LOG_LEVEL_ERROR, "telemetry-not-stored", fault);
    }
}

void collector_tell_works(struct collector *c)
{
    if (c->failing) {
        c->failing = false;
        LOG_EVENT(LOG_LEVEL_INFO, "telemetry-stored-again", log_text("dir", c->options.dir));
    }
}

void collector_tell_refused(struct collector *c, enum telemetry_refusal why, uid_t uid)
{
    struct fault fault = {.line = 0};
    const int error = errno;
    switch (why) {
    case TELEMETRY_TOO_MANY_OF_USER:
        fault_set(&fault, "", "the others are read as soon as some of these processes end",
                  "more than %u processes of uid %lu have telemetry", c->files.per_user,
                  (unsigned long)uid);
        break;
    case TELEMETRY_TOO_MANY:
        fault_set(&fault, "", "the others are read as soon as some of these processes end",
                  "more than %u processes have telemetry", c->files.most);
        break;
    case TELEMETRY_UNREADABLE:
        fault_set(&fault, "",
                  "see that the directory has the agent's group and mode 3733, or run it as root",
                  "telemetry of uid %lu cannot be read", (unsigned long)uid);
        break;
    default:
        fault_set(&fault, "", "raise the limits of open files and of memory",
                  "telemetry of uid %lu cannot be taken up: %s", (unsigned long)uid,
                  error ? strerror(error) : "out of memory");
        break;
    }
    snprintf(fault.file, sizeof fault.file, "%s/" TELEMETRY_DIRECTORY, c->options.dir);
    log_fault(LOG_LEVEL_WARNING, "telemetry-refused", &fault);
}

static void tell_dropped(struct collector *c, int64_t now_ms)
{
    if ((c->news.events > 0 || c->news.counts > 0) && now_ms - c->news.dropped_told_ms >= TELL_MS) {
        LOG_EVENT(LOG_LEVEL_WARNING, "events-dropped",
                  log_number("events", (int64_t)c->news.events),
                  log_number("counts", (int64_t)c->news.counts),
                  log_text("cause", "programs found no room for them"),
                  log_text("hint", "events.ring_kib gives them more"));
        c->news.events = 0;
        c->news.counts = 0;
        c->news.dropped_told_ms = now_ms;
    }
}

/* The same error goes on until somebody changes a program or a flag. */
static void tell_errors(struct collector *c, int64_t now_ms)
{
    const bool known =
        c->news.error == c->news.told_error && strcmp(c->news.error_key, c->news.told_key) == 0;
    if (c->news.errors > 0 &&
        now_ms - c->news.errors_told_ms >= (known ? TELL_AGAIN_MS : TELL_MS)) {
        c->news.told_error = c->news.error;
        memcpy(c->news.told_key, c->news.error_key, sizeof c->news.told_key);
        LOG_EVENT(LOG_LEVEL_WARNING, "evaluation-errors",
                  log_number("count", (int64_t)c->news.errors), log_text("flag", c->news.error_key),
                  log_text("error", ffshm_error_name(c->news.error)),
                  log_text("hint", ffshm_error_hint(c->news.error)));
        c->news.errors = 0;
        c->news.errors_told_ms = now_ms;
    }
}

void collector_tell_tally(struct collector *c)
{
    const struct telemetry_tally *const tally = &c->io.tally;
    const int64_t now_ms = collector_now_ms();
    c->news.events += tally->dropped_events;
    c->news.counts += tally->dropped_counts;
    c->news.errors += tally->errors;
    if (tally->errors > 0) {
        c->news.error = tally->error;
        memcpy(c->news.error_key, tally->error_key, sizeof c->news.error_key);
    }
    tell_dropped(c, now_ms);
    tell_errors(c, now_ms);
}
