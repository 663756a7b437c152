#include "routes_audit.h"

#include <stdio.h>
#include <string.h>

#include "../admin/admin_answer.h"
#include "../admin/audit.h"

#define LIMIT 100
#define LIMIT_MOST 1000

static void hash_text(const uint8_t hash[STORAGE_AUDIT_HASH], char text[2 * STORAGE_AUDIT_HASH + 1])
{
    for (size_t i = 0; i < STORAGE_AUDIT_HASH; i++) {
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
}

/* What is not JSON (somebody has written the file) is told as a string; none as null. */
static json_t *json_of(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : json_null();
    return value ? value : json_string(text);
}

static json_t *describe(const struct storage_audit *e)
{
    char hash[2 * STORAGE_AUDIT_HASH + 1];
    char previous[2 * STORAGE_AUDIT_HASH + 1];
    hash_text(e->hash, hash);
    hash_text(e->previous, previous);
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:s?, s:s?, s:s, s:s}", "number",
                     (json_int_t)e->number, "timeMs", (json_int_t)e->time_ms, "actor", e->actor,
                     "authenticated", e->authenticated, "action", e->action, "target", e->target,
                     "before", json_of(e->before), "after", json_of(e->after), "reason", e->reason,
                     "digest", e->digest, "previous", previous, "hash", hash);
}

static int on_entry(void *arg, const struct storage_audit *e)
{
    json_t *item = e->malformed ? NULL : describe(e);
    if (!item) { /* a row that nobody can have written: no text of it can be relied on */
        item = json_pack("{s:I, s:b}", "number", (json_int_t)e->number, "malformed", 1);
    }
    return json_array_append_new(arg, item);
}

static void answer_fault(struct admin_answer *answer, const struct fault *fault)
{
    char text[400];
    fault_text(fault, text, sizeof text);
    admin_answer_refuse(answer, 503, "storage_failed", "the trail cannot be read: %s", text);
}

static void list(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct storage *s = state_file_storage(arg);
    struct admin_error error = {0};
    struct fault fault = {0};
    int64_t limit = LIMIT;
    int64_t after = 0;
    if (admin_request_number(request, "limit", 1, LIMIT_MOST, &limit, &error) != 0 ||
        admin_request_number(request, "after", 1, INT64_MAX, &after, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    const struct storage_audit_query query = {
        .backward = true,
        .after = after,
        .limit = (size_t)limit + 1, /* is there more? */
        .actor = admin_request_parameter(request, "actor"),
        .action = admin_request_parameter(request, "action"),
        .target = admin_request_parameter(request, "target"),
    };
    json_t *items = json_array();
    if (s && storage_audit_list(s, &query, on_entry, items, &fault) != 0) {
        json_decref(items);
        answer_fault(answer, &fault);
        return;
    }
    json_t *next = json_null();
    if (json_array_size(items) > (size_t)limit) {
        json_array_remove(items, (size_t)limit);
        const json_t *last = json_array_get(items, (size_t)limit - 1);
        next = json_incref(json_object_get(last, "number"));
    }
    admin_answer_json(answer, 200, json_pack("{s:o, s:o}", "items", items, "next", next));
}

static void verify(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct storage *s = state_file_storage(arg);
    struct audit_result result = {0};
    struct fault fault = {0};
    char hash[2 * STORAGE_AUDIT_HASH + 1];
    (void)request;
    if (s && audit_verify(s, NULL, NULL, 0, &result, &fault) != 0) {
        answer_fault(answer, &fault);
        return;
    }
    hash_text(result.head.hash, hash);
    admin_answer_json(answer, 200,
                      json_pack("{s:I, s:o, s:s*, s:{s:I, s:s}}", "entries",
                                (json_int_t)result.entries, "bad",
                                result.bad ? json_integer(result.bad) : json_null(), "why",
                                result.bad ? result.why : NULL, "head", "number",
                                (json_int_t)result.head.number, "hash", hash));
}

static const struct admin_parameter_info list_parameters[] = {
    {"limit", "Entries in one answer: 1 to 1000; 100 when not given"},
    {"after", "The number that `next` has told: the entries older than that"},
    {"actor", "Only of this one"},
    {"action", "Only such: flag.kill, token.create"},
    {"target", "Only of this flag, or token"},
    {NULL, NULL},
};

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/audit",
     .least = ADMIN_ROLE_VIEWER,
     .handler = list,
     .summary = "Who did what to what, and why; newest first",
     .parameters = list_parameters},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/audit/verify",
     .least = ADMIN_ROLE_ADMIN, /* the agent does nothing else meanwhile: 5 us an entry */
     .handler = verify,
     .summary = "Is every entry what it was? `bad`: the first that is not"},
};

int routes_audit_add(struct state_file *file, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, file);
}
