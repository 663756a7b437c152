#include "evaluate_question.h"

#include <stdlib.h>
#include <string.h>

#include "../inspect/inspect_raw.h"

#define SCRATCH_MORE 64 /* what ffshm_context_parse needs beyond the length */

/* 422 of a member of the body, at its place. Returns -1. */
static int refuse(const struct admin_request *request, struct admin_error *error, const char *code,
                  const char *member, const char *hint, const char *cause)
{
    admin_error_set(error, 422, code, member, hint, "%s", cause);
    admin_request_locate(request, &error->fault);
    return -1;
}

/* ---- which flags ---------------------------------------------------------------------------- */

static bool is_key(const json_t *value)
{
    const size_t length = json_string_length(value);
    return json_is_string(value) && length > 0 && length <= QUESTION_KEY &&
           strlen(json_string_value(value)) == length;
}

static int read_flag(struct question *q, const struct admin_request *request,
                     struct admin_error *error)
{
    q->flag = admin_request_string(request, "flag", QUESTION_KEY, true, error);
    return q->flag ? 0 : -1;
}

static int read_flags(struct question *q, const struct admin_request *request,
                      struct admin_error *error)
{
    size_t at;
    json_t *key;
    json_t *const flags = json_object_get(request->json, "flags");
    if (!json_is_array(flags) || json_array_size(flags) == 0 ||
        json_array_size(flags) > QUESTION_FLAGS) {
        return refuse(request, error, "invalid", "flags",
                      "leave flag and flags out for all there are",
                      "must be an array of 1 to 1000 keys");
    }
    json_array_foreach(flags, at, key)
    {
        if (!is_key(key)) {
            char member[32];
            snprintf(member, sizeof member, "flags[%zu]", at);
            return refuse(request, error, "invalid", member, NULL,
                          "must be a key: a string of 1 to 1024 bytes");
        }
    }
    q->flags = flags;
    return 0;
}

static int read_which(struct question *q, const struct admin_request *request, bool many,
                      struct admin_error *error)
{
    const bool one = json_object_get(request->json, "flag") != NULL;
    const bool several = json_object_get(request->json, "flags") != NULL;
    if (one && several) {
        return refuse(request, error, "invalid", "flags", "leave one of them out",
                      "goes not with \"flag\"");
    }
    if (one || !many) {
        return read_flag(q, request, error);
    }
    return several ? read_flags(q, request, error) : 0;
}

/* ---- who, else what, and when --------------------------------------------------------------- */

static int read_context(struct question *q, const struct admin_request *request,
                        const struct raw_member *context, struct admin_error *error)
{
    if (!context->text) {
        return refuse(request, error, "invalid", "context",
                      "for example {\"kind\": \"user\", \"key\": \"user-123\"}", "is missing");
    }
    if (context->length > QUESTION_CONTEXT) {
        refuse(request, error, "too_large", "context", NULL, "must not be longer than 64 KiB");
        error->status = 413;
        return -1;
    }
    const size_t size = context->length + SCRATCH_MORE;
    q->scratch = malloc(size);
    if (!q->scratch) {
        return admin_error_set(error, 503, "no_memory", NULL, NULL, "out of memory");
    }
    const int bad = ffshm_context_parse(&q->who, context->text, context->length, q->scratch, size);
    return bad ? refuse(request, error, "invalid_context", "context", ffshm_error_hint(bad),
                        ffshm_error_text(bad))
               : 0;
}

static int read_at(struct question *q, const struct admin_request *request,
                   struct admin_error *error)
{
    const json_t *const at = json_object_get(request->json, "at");
    q->has_at = at != NULL && !json_is_null(at);
    if (!q->has_at) {
        return 0;
    }
    if (json_is_integer(at) && json_integer_value(at) >= 0) {
        at_of_number((uint64_t)json_integer_value(at), &q->at);
        return 0;
    }
    const char *const text = json_string_value(at);
    return text && strlen(text) == json_string_length(at) && at_parse(text, &q->at)
               ? 0
               : refuse(request, error, "invalid", "at",
                        "\"3.5\", \"2026-03-01T09:30:00Z\", or milliseconds since 1970",
                        "must be a generation or a time");
}

int question_read(struct question *q, const struct admin_request *request, bool many,
                  struct admin_error *error)
{
    static const char *const members_of_one[] = {"flag", "context", "default", "at", NULL};
    static const char *const members_of_many[] = {"flag",    "flags", "context",
                                                  "default", "at",    NULL};
    struct raw_member raw[] = {{.name = "context"}, {.name = "default"}};
    size_t at;
    *q = (struct question){.flag = NULL};
    if (admin_request_members(request, many ? members_of_many : members_of_one, error) != 0 ||
        read_which(q, request, many, error) != 0) {
        return -1;
    }
    /* The library reads it again, by its own rules: it nests less deep. */
    if (raw_members(request->body, request->body_length, raw, 2, &at) != 0) {
        return admin_error_set(error, 400, "invalid_json", "body", NULL,
                               "is no JSON that can be evaluated, from byte %zu on", at);
    }
    q->fallback = raw[1].text;
    q->fallback_length = raw[1].length;
    return read_context(q, request, &raw[0], error) != 0 ? -1 : read_at(q, request, error);
}

void question_free(struct question *q)
{
    free(q->scratch);
    q->scratch = NULL;
}
