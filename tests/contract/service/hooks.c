/*
 * hooks.c - the harness's hooks: each stage is told to it with a POST, and hands on what the
 * configuration says.
 */
#include <stdlib.h>

#include "reason_json.h"
#include "service.h"

struct hook {
    json_t *settings; /* name, callbackUri, data, errors */
    struct hook *next;
};

/* Shall this stage fail? Then it is not told to anybody. */
static bool fails(const struct hook *hook, const char *stage)
{
    return member(member(hook->settings, "errors"), stage) != NULL;
}

static void tell(const struct hook *hook, json_t *payload)
{
    char *text = json_dumps(payload, JSON_COMPACT);
    const char *url = member_text(hook->settings, "callbackUri");
    if (text && url) {
        post(url, "Content-Type: application/json", text, NULL);
    }
    free(text);
    json_decref(payload);
}

static json_t *context_json(const struct ffshm_context *c)
{
    const size_t length = c ? ffshm_context_to_json(c, NULL, 0) : 0;
    char *text = malloc(length + 1);
    json_t *json = NULL;
    if (text && length && ffshm_context_to_json(c, text, length + 1) == length) {
        json = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    }
    free(text);
    return json ? json : json_null();
}

/* The program's value, or its fallback where result is NULL. */
static json_t *value_json(const struct ffshm_hook_evaluation *e, const struct ffshm_result *result)
{
    const size_t length = ffshm_hook_value(e, result, NULL, 0);
    char *text = malloc(length + 1);
    json_t *json = NULL;
    if (text && ffshm_hook_value(e, result, text, length + 1) == length) {
        json = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    }
    free(text);
    return json ? json : json_null();
}

static void set_environment(json_t *series, const char *environment_id)
{
    if (environment_id[0]) {
        json_object_set_new(series, "environmentId", json_string(environment_id));
    }
}

static json_t *series_of(const struct ffshm_hook_evaluation *e)
{
    json_t *series = json_pack("{s:s, s:o, s:o, s:s}", "flagKey", e->flag ? e->flag : "", "context",
                               context_json(e->context), "defaultValue", value_json(e, NULL),
                               "method", e->method);
    set_environment(series, e->environment_id);
    return series;
}

static json_t *payload_of(const char *stage, const struct ffshm_hook_evaluation *e, json_t *data)
{
    return json_pack("{s:s, s:o, s:o}", "stage", stage, "evaluationSeriesContext", series_of(e),
                     "evaluationSeriesData", data ? json_incref(data) : json_object());
}

static void before_evaluation(void *arg, const struct ffshm_hook_evaluation *e,
                              struct ffshm_hook_data *data)
{
    const struct hook *hook = arg;
    const json_t *configured = member(member(hook->settings, "data"), "beforeEvaluation");
    if (fails(hook, "beforeEvaluation")) {
        return;
    }
    tell(hook, payload_of("beforeEvaluation", e, NULL));
    data->as.pointer = configured ? json_deep_copy(configured) : NULL;
}

static void after_evaluation(void *arg, const struct ffshm_hook_evaluation *e,
                             const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    const struct hook *hook = arg;
    json_t *handed_on = data->as.pointer;
    if (!fails(hook, "afterEvaluation")) {
        json_t *payload = payload_of("afterEvaluation", e, handed_on);
        json_t *detail = json_pack("{s:o, s:o}", "value", value_json(e, result), "reason",
                                   reason_json_of_result(result));
        if (result->variation >= 0) {
            json_object_set_new(detail, "variationIndex", json_integer(result->variation));
        }
        json_object_set_new(payload, "evaluationDetail", detail);
        tell(hook, payload);
    }
    json_decref(handed_on);
}

static void after_track(void *arg, const struct ffshm_hook_track *t)
{
    const struct hook *hook = arg;
    if (fails(hook, "afterTrack")) {
        return;
    }
    json_t *series = json_pack("{s:s, s:o}", "key", t->event, "context", context_json(t->context));
    if (t->json) {
        json_object_set_new(series, "data",
                            json_loads(t->json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    }
    if (t->value) {
        json_object_set_new(series, "metricValue", json_real(*t->value));
    }
    set_environment(series, t->environment_id);
    tell(hook, json_pack("{s:s, s:o}", "stage", "afterTrack", "trackSeriesContext", series));
}

static int add(struct client *c, json_t *settings)
{
    struct hook *hook = calloc(1, sizeof *hook);
    if (!hook) {
        return FFSHM_NO_MEMORY;
    }
    hook->settings = json_incref(settings);
    hook->next = c->hooks;
    c->hooks = hook;
    const struct ffshm_hook callbacks = {
        .size = sizeof callbacks,
        .name = member_text(settings, "name"),
        .before_evaluation = before_evaluation,
        .after_evaluation = after_evaluation,
        .after_track = after_track,
        .arg = hook,
    };
    return ffshm_add_hook(c->ff, &callbacks);
}

int client_hooks_add(struct client *c, const json_t *configuration, struct outcome *outcome)
{
    size_t i;
    json_t *settings;
    json_array_foreach(member(member(configuration, "hooks"), "hooks"), i, settings)
    {
        const int error = add(c, settings);
        if (error) {
            outcome_fail(outcome, 500, "a hook: %s", ffshm_error_text(error));
            return -1;
        }
    }
    return 0;
}

void client_hooks_free(struct client *c)
{
    while (c->hooks) {
        struct hook *hook = c->hooks;
        c->hooks = hook->next;
        json_decref(hook->settings);
        free(hook);
    }
}
