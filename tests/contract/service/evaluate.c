/*
 * evaluate.c - one flag, or all of them.
 *
 * Each request is one call of the library, also where a second one could find out how large a value
 * is: calls are counted, and the harness looks at the counts.
 */
#include <stdlib.h>
#include <string.h>

#include "reason_json.h"
#include "service.h"

#define MOST_VALUE (4u << 20) /* bytes of a string or JSON value */

/* detail NULL: the function that does not tell why. */
static json_t *evaluate_text(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                             bool json, const char *fallback, struct ffshm_detail *detail)
{
    char *buffer = malloc(MOST_VALUE);
    size_t length = MOST_VALUE;
    if (buffer && json) {
        length = detail ? ffshm_json_detail(ff, flag, c, fallback, buffer, MOST_VALUE, detail)
                        : ffshm_json(ff, flag, c, fallback, buffer, MOST_VALUE);
    } else if (buffer) {
        length = detail ? ffshm_string_detail(ff, flag, c, fallback, buffer, MOST_VALUE, detail)
                        : ffshm_string(ff, flag, c, fallback, buffer, MOST_VALUE);
    }
    json_t *value = NULL;
    if (length < MOST_VALUE) {
        value = json ? json_loadb(buffer, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                     : json_stringn(buffer, length);
    }
    free(buffer);
    return value;
}

static json_t *evaluate_any(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                            const json_t *fallback, struct ffshm_detail *detail)
{
    char *text = fallback ? json_dumps(fallback, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    json_t *value = evaluate_text(ff, flag, c, true, text ? text : "null", detail);
    free(text);
    return value;
}

static json_t *evaluate_as(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                           const char *type, const json_t *fallback, struct ffshm_detail *detail)
{
    if (strcmp(type, "bool") == 0) {
        const bool or_else = json_is_true(fallback);
        return json_boolean(detail ? ffshm_bool_detail(ff, flag, c, or_else, detail)
                                   : ffshm_bool(ff, flag, c, or_else));
    }
    if (strcmp(type, "int") == 0) {
        const int64_t or_else = (int64_t)json_number_value(fallback);
        return json_integer(detail ? ffshm_int_detail(ff, flag, c, or_else, detail)
                                   : ffshm_int(ff, flag, c, or_else));
    }
    if (strcmp(type, "double") == 0) {
        const double or_else = json_number_value(fallback);
        return json_real(detail ? ffshm_double_detail(ff, flag, c, or_else, detail)
                                : ffshm_double(ff, flag, c, or_else));
    }
    if (strcmp(type, "string") == 0) {
        return evaluate_text(ff, flag, c, false, json_string_value(fallback), detail);
    }
    return evaluate_any(ff, flag, c, fallback, detail);
}

void command_evaluate(struct client *c, const json_t *params, struct outcome *outcome)
{
    const char *flag = member_text(params, "flagKey");
    const char *type = member_text(params, "valueType");
    struct ffshm_detail detail;
    struct ffshm_detail *why = member_true(params, "detail") ? &detail : NULL;
    struct subject subject;
    if (!flag) {
        outcome_fail(outcome, 400, "no flagKey");
        return;
    }
    if (subject_read(&subject, params, outcome) == 0) {
        json_t *value = evaluate_as(client_store_for(c, flag), flag, &subject.context,
                                    type ? type : "any", member(params, "defaultValue"), why);
        if (!value) {
            outcome_fail(outcome, 500, "the value of %s is too large", flag);
        } else {
            outcome->answer = json_pack("{s:o}", "value", value);
        }
        if (value && why && detail.variation >= 0) {
            json_object_set_new(outcome->answer, "variationIndex", json_integer(detail.variation));
        }
        if (value && why) {
            json_object_set_new(outcome->answer, "reason", reason_json(&detail));
        }
    }
    subject_free(&subject);
}

static json_t *flags_state(struct ffshm *ff, const struct ffshm_context *context, unsigned options)
{
    struct ffshm_view view;
    json_t *state = NULL;
    ffshm_pin(ff, &view);
    /* The clock may change the length between the two calls, though not by much. */
    const size_t size = ffshm_all_flags_json(&view, context, options, NULL, 0) + 4096;
    char *text = malloc(size);
    if (text) {
        const size_t length = ffshm_all_flags_json(&view, context, options, text, size);
        state = length < size ? json_loadb(text, length, JSON_ALLOW_NUL, NULL) : NULL;
    }
    free(text);
    ffshm_unpin(&view);
    return state;
}

void command_evaluate_all(struct client *c, const json_t *params, struct outcome *outcome)
{
    const unsigned options =
        (member_true(params, "withReasons") ? FFSHM_ALL_FLAGS_WITH_REASONS : 0u) |
        (member_true(params, "clientSideOnly") ? FFSHM_ALL_FLAGS_CLIENT_SIDE_ONLY : 0u) |
        (member_true(params, "detailsOnlyForTrackedFlags")
             ? FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED
             : 0u);
    struct subject subject;
    if (subject_read(&subject, params, outcome) == 0) {
        json_t *state = flags_state(client_store_for(c, NULL), &subject.context, options);
        if (state) {
            outcome->answer = json_pack("{s:o}", "state", state);
        } else {
            outcome_fail(outcome, 500, "the state of all flags is no JSON");
        }
    }
    subject_free(&subject);
}
