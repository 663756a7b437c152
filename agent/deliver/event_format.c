#include "event_format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "event_utf8.h"

#define EXACT 9007199254740992.0 /* 2^53: integers up to here are exact in a double */

/* Of each kind: its name, and what of the context is not shown. */
static const struct {
    const char *name;
    bool redacts_anonymous;
    bool may_omit_anonymous;
} kinds[] = {
    [EVENT_INDEX] = {"index", false, true},
    [EVENT_IDENTIFY] = {"identify", false, true},
    [EVENT_FEATURE] = {"feature", true, false},
    [EVENT_DEBUG] = {"debug", false, false},
    [EVENT_CUSTOM] = {"custom", true, false},
    [EVENT_MIGRATION_OP] = {"migration_op", true, false},
};

/* ---- is it well-formed? ------------------------------------------------------------------- */

bool event_well_formed(const struct deliver_event *event)
{
    if (!event_context_valid(event->context)) {
        return false;
    }
    switch (event->type) {
    case DELIVER_INDEX:
    case DELIVER_IDENTIFY:
        return true;
    case DELIVER_CUSTOM:
        return event->key && event_utf8(event->key);
    case DELIVER_MIGRATION:
        return event->key && event_utf8(event->key) && event->operation &&
               event_utf8(event->operation);
    case DELIVER_EVALUATION:
        return event->key && event_utf8(event->key) &&
               (!event->prereq_of || event_utf8(event->prereq_of));
    }
    return false;
}

/* ---- members ------------------------------------------------------------------------------ */

json_t *event_number(double number)
{
    if (number == floor(number) && number > -EXACT && number < EXACT) {
        return json_integer((json_int_t)number);
    }
    return json_real(number);
}

/* A new reference, whatever becomes of it. */
static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

/* What did not fit a record is looked up; what nobody knows any more is the fallback. */
static json_t *value_of(const struct event_rules *rules, const struct deliver_event *event)
{
    json_t *found = event->value ? json_incref(event->value) : NULL;
    if (!found && event->variation >= 0 && rules->value) {
        found = rules->value(rules->arg, event->key, event->version, event->variation);
    }
    return found ? found : or_null(event->fallback);
}

static int put_evaluation(const struct event_rules *rules, const struct deliver_event *event,
                          json_t *out)
{
    int result = json_object_set_new(out, "key", json_string(event->key));
    if (result == 0 && event->has_version) {
        result = json_object_set_new(out, "version", json_integer(event->version));
    }
    if (result == 0 && event->variation >= 0) {
        result = json_object_set_new(out, "variation", json_integer(event->variation));
    }
    if (result == 0) {
        result = json_object_set_new(out, "value", value_of(rules, event));
    }
    if (result == 0) {
        result = json_object_set_new(out, "default", or_null(event->fallback));
    }
    if (result == 0 && event->reason) {
        result = json_object_set(out, "reason", event->reason);
    }
    return result;
}

/* A ratio of 0 or less means "never": nothing is sent then, so that there is nothing to tell. */
static int put_sampling_ratio(const struct deliver_event *event, json_t *out)
{
    if (event->sampling_ratio <= 1) {
        return 0;
    }
    return json_object_set_new(out, "samplingRatio", json_integer(event->sampling_ratio));
}

static int put_feature(const struct event_rules *rules, const struct deliver_event *event,
                       json_t *out)
{
    int result = put_evaluation(rules, event, out);
    if (result == 0 && event->prereq_of) {
        result = json_object_set_new(out, "prereqOf", json_string(event->prereq_of));
    }
    return result == 0 ? put_sampling_ratio(event, out) : -1;
}

static int put_custom(const struct deliver_event *event, json_t *out)
{
    int result = json_object_set_new(out, "key", json_string(event->key));
    if (result == 0 && event->data && !json_is_null(event->data)) {
        result = json_object_set(out, "data", event->data);
    }
    if (result == 0 && event->metric && isfinite(*event->metric)) {
        result = json_object_set_new(out, "metricValue", event_number(*event->metric));
    }
    return result;
}

static int put_migration(const struct event_rules *rules, const struct deliver_event *event,
                         json_t *out)
{
    json_t *const evaluation = json_object();
    if (!evaluation || put_evaluation(rules, event, evaluation) != 0) {
        json_decref(evaluation);
        return -1;
    }
    int result = json_object_set_new(out, "operation", json_string(event->operation));
    result |= json_object_set_new(out, "evaluation", evaluation);
    if (result == 0) {
        json_t *const none = event->measurements ? NULL : json_array();
        result = json_object_set(out, "measurements", none ? none : event->measurements);
        json_decref(none);
    }
    return result == 0 ? put_sampling_ratio(event, out) : -1;
}

static int put_members(const struct event_rules *rules, const struct deliver_event *event,
                       enum event_kind kind, json_t *out)
{
    switch (kind) {
    case EVENT_FEATURE:
    case EVENT_DEBUG:
        return put_feature(rules, event, out);
    case EVENT_CUSTOM:
        return put_custom(event, out);
    case EVENT_MIGRATION_OP:
        return put_migration(rules, event, out);
    case EVENT_INDEX:
    case EVENT_IDENTIFY:
        break;
    }
    return 0;
}

/* ---- whole -------------------------------------------------------------------------------- */

static enum event_context_rule rule_of(const struct event_rules *rules, enum event_kind kind)
{
    if (kinds[kind].redacts_anonymous) {
        return EVENT_CONTEXT_REDACT_ANONYMOUS;
    }
    return kinds[kind].may_omit_anonymous && rules->omit_anonymous ? EVENT_CONTEXT_OMIT_ANONYMOUS
                                                                   : EVENT_CONTEXT_PLAIN;
}

char *event_text(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

int event_format(const struct event_rules *rules, const struct deliver_event *event,
                 enum event_kind kind, char **text)
{
    json_t *context;
    *text = NULL;
    if (event_context_format(&rules->privacy, event->context, rule_of(rules, kind), &context) !=
        0) {
        return -1;
    }
    if (!context) {
        return 0;
    }
    json_t *const out = json_object();
    int result = json_object_set_new(out, "kind", json_string(kinds[kind].name));
    result |= json_object_set_new(out, "creationDate", json_integer(event->time_ms));
    result |= json_object_set_new(out, "context", context);
    if (result == 0 && put_members(rules, event, kind, out) == 0) {
        *text = event_text(out);
    }
    json_decref(out);
    return *text ? 0 : -1;
}
