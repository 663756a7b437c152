/* collector_news.c - what the collector tells the log, and how often. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector_state.h"
#include "ffshm.h"

#define TELL_MS 10000 /* between two lines of a kind */

void collector_tell(const struct collector *c, const struct collector_news *news)
{
    if (c->options.told) {
        c->options.told(c->options.arg, news);
    }
}

void collector_tell_failed(struct collector *c, const struct fault *fault)
{
    if (!c->failing) {
        c->failing = true;
        collector_tell(
            c, &(struct collector_news){
                   .event = "telemetry-not-stored", .is_warning = true, .fault = fault, .uid = -1});
    }
}

void collector_tell_works(struct collector *c)
{
    if (c->failing) {
        c->failing = false;
        collector_tell(c, &(struct collector_news){.event = "telemetry-stored-again", .uid = -1});
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
                  "run those programs with a umask that lets the group read, or the agent as root",
                  "telemetry of uid %lu cannot be read", (unsigned long)uid);
        break;
    default:
        fault_set(&fault, "", "raise the limits of open files and of memory",
                  "telemetry of uid %lu cannot be taken up: %s", (unsigned long)uid,
                  error ? strerror(error) : "out of memory");
        break;
    }
    snprintf(fault.file, sizeof fault.file, "%s/" TELEMETRY_DIRECTORY, c->options.dir);
    collector_tell(c, &(struct collector_news){.event = "telemetry-refused",
                                               .is_warning = true,
                                               .fault = &fault,
                                               .uid = (int64_t)uid});
}

void collector_tell_tally(struct collector *c)
{
    const struct telemetry_tally *const tally = &c->io.tally;
    const int64_t now_ms = collector_now_ms();
    c->news.events += tally->dropped_events;
    c->news.errors += tally->errors;
    if (tally->errors > 0) {
        c->news.error = tally->error;
        memcpy(c->news.error_key, tally->error_key, sizeof c->news.error_key);
    }
    if (c->news.events > 0 && now_ms - c->news.events_told_ms >= TELL_MS) {
        collector_tell(c, &(struct collector_news){.event = "events-dropped",
                                                   .is_warning = true,
                                                   .count = c->news.events,
                                                   .uid = -1});
        c->news.events = 0;
        c->news.events_told_ms = now_ms;
    }
    if (c->news.errors > 0 && now_ms - c->news.errors_told_ms >= TELL_MS) {
        collector_tell(c, &(struct collector_news){.event = "evaluation-errors",
                                                   .is_warning = true,
                                                   .flag = c->news.error_key,
                                                   .error = ffshm_error_name(c->news.error),
                                                   .count = c->news.errors,
                                                   .uid = -1});
        c->news.errors = 0;
        c->news.errors_told_ms = now_ms;
    }
}
