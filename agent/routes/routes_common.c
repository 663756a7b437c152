#include "routes_common.h"

#include <stdlib.h>
#include <string.h>

#include "../log.h"

#define AFFECTED_MOST 100

const json_t *routes_tags(const struct model_item *item)
{
    return json_object_get(json_object_get(item ? item->json : NULL, "ffshm"), "tags");
}

/* As an array of texts, for free(). NULL: no memory. */
static const char **texts_of(const json_t *tags, size_t *count)
{
    const char **texts = calloc(json_array_size(tags) + 1, sizeof *texts);
    *count = 0;
    for (size_t i = 0; texts && i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        if (tag) {
            texts[(*count)++] = tag;
        }
    }
    return texts;
}

bool routes_actor_may(const struct admin_actor *actor, const char *key, const json_t *tags)
{
    size_t count;
    if (!actor->limits) {
        return true;
    }
    const char **texts = texts_of(tags, &count);
    const bool may = admin_actor_may(actor, key, texts, count);
    free(texts);
    return may;
}

bool routes_may(const struct admin_request *request, const char *key, const json_t *tags)
{
    return routes_actor_may(request->actor, key, tags);
}

bool routes_allowed(const char *key, const json_t *tags, const struct admin_request *request,
                    struct admin_answer *answer)
{
    size_t count;
    const char **texts = texts_of(tags, &count);
    const bool allowed = admin_answer_allowed(answer, request, key, texts, count);
    free(texts);
    return allowed;
}

bool routes_schedule_allowed(const char *key, const json_t *schedule,
                             const struct admin_request *request, struct admin_answer *answer)
{
    size_t i;
    json_t *one;
    json_array_foreach(schedule, i, one)
    {
        const json_t *tags = json_object_get(json_object_get(one, "set"), "tags");
        if (tags && !routes_allowed(key, tags, request, answer)) {
            return false;
        }
    }
    return true;
}

void routes_put_outcome(json_t *body, const struct operation_outcome *outcome, bool dry_run)
{
    char generation[LOG_GENERATION];
    json_object_set_new(body, "changed", json_boolean(outcome->changes));
    json_object_set_new(body, "generation", json_integer((json_int_t)outcome->generation));
    json_object_set_new(body, "generationText",
                        json_string(log_generation(outcome->generation, generation)));
    json_object_set_new(body, "digest", json_string(outcome->digest));
    json_object_set_new(body, "dryRun", json_boolean(dry_run));
}

json_t *routes_affected(const json_t *keys)
{
    json_t *told = json_array();
    for (size_t i = 0; i < json_array_size(keys) && i < AFFECTED_MOST; i++) {
        json_array_append(told, json_array_get(keys, i));
    }
    return json_pack("{s:I, s:o}", "flags", (json_int_t)json_array_size(keys), "keys", told);
}

int routes_need_reason(const struct admin_request *request, const char *what,
                       struct admin_error *error)
{
    const char *reason = request->reason;
    if (reason && reason[strspn(reason, " \t\r\n")] != '\0') {
        return 0;
    }
    return admin_error_set(error, 422, "reason_required", "comment",
                           "send the header X-Reason, or the member comment", "say why %s", what);
}

json_t *routes_source(const struct model_item *item)
{
    const char *text = item->provenance.text ? item->provenance.text : "";
    return json_string(strncmp(text, "admin:", 6) == 0 ? "admin" : text);
}

void routes_answer_storage(struct admin_answer *answer, const struct fault *fault)
{
    char text[400];
    fault_text(fault, text, sizeof text);
    admin_answer_refuse(answer, 503, "storage_failed", "the state file cannot be read: %s", text);
}
