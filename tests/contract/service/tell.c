/*
 * tell.c - what programs tell: identify, track, flush; and the secure mode hash.
 */
#include <stdlib.h>

#include "service.h"

void command_identify(struct client *c, const json_t *params, struct outcome *outcome)
{
    struct subject subject;
    if (subject_read(&subject, params, outcome) == 0) {
        ffshm_identify(c->ff, &subject.context);
    }
    subject_free(&subject);
}

/* ffshm_track where only a number is given, else ffshm_track_data. */
static void track(struct client *c, const char *event, const struct ffshm_context *context,
                  const json_t *params)
{
    const json_t *metric = member(params, "metricValue");
    const json_t *data = member(params, "data");
    const double value = json_number_value(metric);
    char *text = data ? json_dumps(data, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (metric && !data && member_true(params, "omitNullData")) {
        ffshm_track(c->ff, event, context, value);
    } else {
        ffshm_track_data(c->ff, event, context, metric ? &value : NULL, text);
    }
    free(text);
}

void command_custom(struct client *c, const json_t *params, struct outcome *outcome)
{
    const char *event = member_text(params, "eventKey");
    struct subject subject;
    if (!event) {
        outcome_fail(outcome, 400, "no eventKey");
        return;
    }
    if (subject_read(&subject, params, outcome) == 0) {
        track(c, event, &subject.context, params);
    }
    subject_free(&subject);
}

void command_flush(struct client *c, const json_t *params, struct outcome *outcome)
{
    (void)params;
    const int error = ffshm_flush(c->ff);
    if (error) {
        outcome_fail(outcome, 500, "flush: %s", ffshm_error_text(error));
    }
}

void command_secure_hash(struct client *c, const json_t *params, struct outcome *outcome)
{
    char hash[FFSHM_SECURE_MODE_HASH];
    struct subject subject;
    if (subject_read(&subject, params, outcome) == 0) {
        const int error = ffshm_secure_mode_hash(c->sdk_key, &subject.context, hash);
        if (error) {
            outcome_fail(outcome, 500, "secure mode hash: %s", ffshm_error_text(error));
        } else {
            outcome->answer = json_pack("{s:s}", "result", hash);
        }
    }
    subject_free(&subject);
}
