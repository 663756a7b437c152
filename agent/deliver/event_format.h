/*
 * event_format.h - events to the JSON that LaunchDarkly takes (schema 4).
 */
#ifndef FFSHM_AGENT_EVENT_FORMAT_H
#define FFSHM_AGENT_EVENT_FORMAT_H

#include "deliver.h"
#include "event_context.h"
#include "launchdarkly_events.h"

/* What one deliver_event can become. */
enum event_kind {
    EVENT_INDEX,
    EVENT_IDENTIFY,
    EVENT_FEATURE,
    EVENT_DEBUG,
    EVENT_CUSTOM,
    EVENT_MIGRATION_OP,
};

struct event_rules {
    struct event_privacy privacy;
    bool omit_anonymous;
    deliver_value_fn *value; /* NULL: nobody knows values */
    void *arg;
};

/* Can it be told at all: a context that is one, text that is UTF-8, what its type needs? */
bool event_well_formed(const struct deliver_event *event);

/* *text is malloc'ed compact JSON of a well-formed event; NULL: nothing of it may be told. 0; -1:
   no memory. */
int event_format(const struct event_rules *rules, const struct deliver_event *event,
                 enum event_kind kind, char **text);

/* A number as JSON: an integer where it is one. NULL: no memory, or not finite. */
json_t *event_number(double number);

/* One value as compact JSON text, malloc'ed. NULL: no memory. */
char *event_text(const json_t *value);

#endif
