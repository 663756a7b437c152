/* hooks.c - see hooks.h. */
#include "hooks.h"

#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "evaluate.h"
#include "json_write.h"

/* ---- the list ------------------------------------------------------------------------------ */

int ffshm_add_hook(struct ffshm *ff, const struct ffshm_hook *hook)
{
    if (!ff || !hook || hook->size < sizeof *hook) {
        return FFSHM_INVALID_ARGUMENT;
    }
    struct hooks *const list = malloc(sizeof *list);
    if (!list) {
        return FFSHM_NO_MEMORY;
    }
    struct hooks *before = atomic_load_explicit(&ff->hooks, memory_order_acquire);
    do {
        if (before && before->count == FFSHM_HOOKS) {
            free(list);
            return FFSHM_TOO_MANY;
        }
        if (before) {
            memcpy(list, before, sizeof *list);
        } else {
            list->count = 0;
        }
        list->previous = before;
        list->hooks[list->count++] = *hook;
        /* pairs with the acquire loads below */
    } while (!atomic_compare_exchange_weak_explicit(&ff->hooks, &before, list, memory_order_release,
                                                    memory_order_acquire));
    return FFSHM_OK;
}

void hooks_free(struct ffshm *ff)
{
    struct hooks *list = atomic_load_explicit(&ff->hooks, memory_order_acquire);
    while (list) {
        struct hooks *const previous = list->previous;
        free(list);
        list = previous;
    }
}

/* ---- evaluations --------------------------------------------------------------------------- */

static void find_environment(struct ffshm *ff, char id[], size_t size)
{
    struct image_source_report report;
    store_source_report(ff, &report);
    memcpy(id, report.environment_id, size);
}

void hooked_before(struct hooked *h, struct ffshm *ff, const char *flag,
                   const struct ffshm_context *c, const char *method)
{
    h->list = atomic_load_explicit(&ff->hooks, memory_order_acquire);
    h->told.store = ff;
    h->told.flag = flag;
    h->told.context = c;
    h->told.method = method;
    h->told.environment_id = h->environment_id;
    find_environment(ff, h->environment_id, sizeof h->environment_id);
    memset(h->data, 0, h->list->count * sizeof *h->data);
    for (size_t i = 0; i < h->list->count; i++) {
        const struct ffshm_hook *const hook = &h->list->hooks[i];
        if (hook->before_evaluation) {
            hook->before_evaluation(hook->arg, &h->told, &h->data[i]);
        }
    }
}

void hooked_after(struct hooked *h, const struct ffshm_result *result)
{
    for (size_t i = h->list->count; i-- > 0;) {
        const struct ffshm_hook *const hook = &h->list->hooks[i];
        if (hook->after_evaluation) {
            hook->after_evaluation(hook->arg, &h->told, result, &h->data[i]);
        }
    }
}

const struct snapshot *hooked_begin(struct hooked *h, struct ffshm *ff, const char *flag,
                                    const struct ffshm_context *c, const char *method)
{
    hooked_before(h, ff, flag, c, method);
    ffshm_pin(ff, &h->view);
    return h->view.snapshot;
}

void hooked_end(struct hooked *h, const struct ffshm_result *result)
{
    hooked_after(h, result);
    ffshm_unpin(&h->view);
}

/* ---- fallbacks ----------------------------------------------------------------------------- */

struct ffshm_hook_evaluation hooked_bool(bool fallback)
{
    return (struct ffshm_hook_evaluation){.fallback_type = FFSHM_TYPE_BOOL,
                                          .fallback_boolean = fallback};
}

struct ffshm_hook_evaluation hooked_int(int64_t fallback)
{
    return (struct ffshm_hook_evaluation){.fallback_type = FFSHM_TYPE_NUMBER,
                                          .integer = true,
                                          .fallback_integer = fallback,
                                          .fallback_number = (double)fallback};
}

struct ffshm_hook_evaluation hooked_double(double fallback)
{
    return (struct ffshm_hook_evaluation){.fallback_type = FFSHM_TYPE_NUMBER,
                                          .fallback_number = fallback};
}

struct ffshm_hook_evaluation hooked_string(const char *fallback)
{
    return (struct ffshm_hook_evaluation){.fallback_type = FFSHM_TYPE_STRING,
                                          .fallback_string = fallback ? fallback : ""};
}

struct ffshm_hook_evaluation hooked_json(const char *fallback)
{
    return (struct ffshm_hook_evaluation){.fallback_type = FFSHM_TYPE_OBJECT,
                                          .fallback_json = fallback ? fallback : ""};
}

static void put_fallback(struct json_text *out, const struct ffshm_hook_evaluation *e)
{
    switch (e->fallback_type) {
    case FFSHM_TYPE_BOOL:
        json_put(out, e->fallback_boolean ? "true" : "false", e->fallback_boolean ? 4 : 5);
        break;
    case FFSHM_TYPE_NUMBER:
        if (e->integer) {
            json_put_integer(out, e->fallback_integer);
        } else {
            json_put_number(out, e->fallback_number);
        }
        break;
    case FFSHM_TYPE_STRING:
        json_put_string(out, e->fallback_string, strlen(e->fallback_string));
        break;
    case FFSHM_TYPE_OBJECT:
        json_put(out, e->fallback_json, strlen(e->fallback_json));
        break;
    default:
        json_put(out, "null", 4);
        break;
    }
}

size_t ffshm_hook_value(const struct ffshm_hook_evaluation *e, const struct ffshm_result *result,
                        char *buffer, size_t capacity)
{
    struct json_text out = {buffer, capacity, 0};
    if (!result || !result->json) {
        put_fallback(&out, e);
    } else if (e->integer) {
        json_put_integer(&out, evaluate_to_int(result->number));
    } else {
        json_put(&out, result->json, result->json_length);
    }
    return json_end(&out);
}

/* ---- tracks -------------------------------------------------------------------------------- */

void hooks_run_track(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                     const double *value, const char *json)
{
    char environment_id[sizeof(((struct image_source_report *)0)->environment_id)];
    const struct hooks *const list = atomic_load_explicit(&ff->hooks, memory_order_acquire);
    const struct ffshm_hook_track told = {.store = ff,
                                          .event = event,
                                          .context = c,
                                          .environment_id = environment_id,
                                          .value = value,
                                          .json = json};
    if (!event || !context_valid(c)) {
        return;
    }
    find_environment(ff, environment_id, sizeof environment_id);
    for (size_t i = 0; i < list->count; i++) {
        const struct ffshm_hook *const hook = &list->hooks[i];
        if (hook->after_track) {
            hook->after_track(hook->arg, &told);
        }
    }
}
