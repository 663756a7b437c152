/*
 * log.h - one line per event on stderr: "time=... level=info event=published flags=12".
 *
 * Under journald (stderr is the stream that JOURNAL_STREAM names) the time gives way to journald's
 * own and the line begins with its priority, "<6>". Values are quoted where they need it, so a line
 * is always one line. Nobody logs contexts, flag values, keys of contexts or secrets.
 */
#ifndef FFSHM_AGENT_LOG_H
#define FFSHM_AGENT_LOG_H

#include <stdint.h>

#include "catalog/fault.h"

/* The numbers are syslog's priorities. */
enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7,
};

struct log_field {
    const char *key;
    const char *text; /* NULL: the number */
    int64_t number;
};

static inline struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){key, text ? text : "", 0};
}

static inline struct log_field log_number(const char *key, int64_t number)
{
    return (struct log_field){key, 0, number};
}

/* Lines above the level are dropped. Looks at stderr and JOURNAL_STREAM once. Before the first
   call everything up to INFO is written. */
void log_setup(enum log_level level);

/* "debug", "INFO", ...: 0, or -1 when it is none of them. */
int log_level_parse(const char *text, enum log_level *out);
const char *log_level_name(enum log_level level);

/* LOG_EVENT(LOG_LEVEL_INFO, "published", log_number("flags", 12), log_text("dir", dir)) */
#define LOG_EVENT(level, event, ...)                                                               \
    log_event((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof(const struct log_field[]){__VA_ARGS__} / sizeof(struct log_field))
void log_event(enum log_level level, const char *event, const struct log_field *fields,
               unsigned count);

#define LOG_GENERATION 24
/* A generation as ffctl shows it: "incarnation.sequence"; "none" for 0. */
const char *log_generation(uint64_t generation, char text[LOG_GENERATION]);

/* A fault as an event: its place, member, cause and hint as fields of their own. */
void log_fault(enum log_level level, const char *event, const struct fault *fault);

#endif
