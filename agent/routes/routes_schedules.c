#include "routes_schedules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../operate/schedule.h"
#include "routes_common.h"

#define LIMIT 100
#define LIMIT_MOST 1000

/* ---- looking -------------------------------------------------------------------------------- */

struct listing {
    const struct routes_schedules *r;
    const struct admin_request *request;
    json_t *items;
    bool pending_only;
    size_t most;
};

static bool may_see(const struct listing *l, const char *key)
{
    const struct model_item *item =
        pipeline_in_force(l->r->definitions->operations.pipeline, IMAGE_FLAG, key);
    return routes_may(l->request, key, routes_tags(item));
}

static int on_row(void *arg, const struct storage_schedule *row)
{
    struct listing *l = arg;
    if ((l->pending_only && row->state != STORAGE_PENDING) || !may_see(l, row->key)) {
        return 0;
    }
    json_array_append_new(l->items, schedule_describe(row));
    return json_array_size(l->items) > l->most; /* one more tells that there is more */
}

static void answer_list(struct listing *l, const char *key, struct admin_answer *answer)
{
    struct storage *s = state_file_storage(l->r->definitions->operations.state);
    struct admin_error error = {0};
    struct fault fault = {0};
    int64_t limit = LIMIT;
    int64_t after = 0;
    if (admin_request_number(l->request, "limit", 1, LIMIT_MOST, &limit, &error) != 0 ||
        admin_request_number(l->request, "after", 1, INT64_MAX, &after, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    l->items = json_array();
    l->most = (size_t)limit;
    if (s && storage_schedule_list(s, STORAGE_FLAG, key, after, 0, on_row, l, &fault) < 0) {
        json_decref(l->items);
        routes_answer_storage(answer, &fault);
        return;
    }
    json_t *next = json_null();
    if (json_array_size(l->items) > l->most) {
        json_array_remove(l->items, l->most);
        next = json_incref(json_object_get(json_array_get(l->items, l->most - 1), "number"));
    }
    admin_answer_json(answer, 200, json_pack("{s:o, s:o}", "items", l->items, "next", next));
}

static void list_of_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct routes_schedules *r = arg;
    struct listing l = {.r = r, .request = request};
    struct routes_item item;
    if (routes_item_take(r->definitions, STORAGE_FLAG, request, answer, &item) == 0) {
        answer_list(&l, item.key, answer);
    }
    routes_item_free(&item);
}

static void list_pending(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct listing l = {.r = arg, .request = request, .pending_only = true};
    answer_list(&l, NULL, answer);
}

/* ---- changing ------------------------------------------------------------------------------- */

/* 0 and the flag, or -1: answered. */
static int take(const struct routes_schedules *r, const struct admin_request *request,
                struct admin_answer *answer, struct routes_item *item)
{
    struct admin_error error = {0};
    if (routes_item_take(r->definitions, STORAGE_FLAG, request, answer, item) != 0 ||
        routes_item_kept(item, answer) != 0) {
        return -1;
    }
    if (admin_request_check_match(request, *item->etag ? item->etag : NULL, &error) != 0) {
        admin_answer_error(answer, &error);
        return -1;
    }
    return 0;
}

static void answer_changed(const struct routes_schedules *r, const struct routes_item *item,
                           json_t *body, const struct admin_request *request, unsigned status,
                           struct admin_answer *answer)
{
    json_object_set_new(body, "dryRun", json_boolean(request->dry_run));
    if (!request->dry_run) {
        routes_answer_etag(r->definitions, STORAGE_FLAG, item->key, answer);
    }
    admin_answer_json(answer, request->dry_run ? 200 : status, body);
}

/* May who asks make what the change makes? */
static bool may_make(const struct routes_item *item, json_t *set,
                     const struct admin_request *request, struct admin_answer *answer)
{
    json_t *list = json_pack("[{s:O}]", "set", set);
    const bool may = list && routes_schedule_allowed(item->key, list, request, answer);
    json_decref(list);
    return may;
}

static void add_to(const struct routes_schedules *r, const struct routes_item *item,
                   struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {"at", "set", NULL};
    const struct admin_change by = admin_request_change(request, "schedule.add");
    struct admin_error error = {0};
    int64_t number;
    json_t *set = json_object_get(request->json, "set");
    const char *at = admin_request_members(request, members, &error) == 0
                         ? admin_request_string(request, "at", 64, true, &error)
                         : NULL;
    if (at && !set) {
        admin_error_set(&error, 422, "invalid", "set",
                        "the members that change, as in {\"enabled\": true}", "is missing");
    }
    if (!error.status && !may_make(item, set, request, answer)) {
        return;
    }
    if (error.status || schedule_keeper_add(r->keeper, item->key, at, set, &by, request->dry_run,
                                            &number, &error) != 0) {
        admin_answer_fault(answer, request, error.status, error.code, &error.fault);
        return;
    }
    answer_changed(r, item,
                   json_pack("{s:s, s:I, s:s, s:O}", "key", item->key, "number", (json_int_t)number,
                             "at", at, "set", set),
                   request, 201, answer);
}

static void add(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct routes_schedules *r = arg;
    struct routes_item item;
    if (take(r, request, answer, &item) == 0) {
        add_to(r, &item, request, answer);
    }
    routes_item_free(&item);
}

/* 0: it is no number. */
static int64_t number_of(const struct admin_request *request)
{
    const char *text = admin_request_value(request, "number");
    errno = 0;
    const long long number =
        strspn(text, "0123456789") == strlen(text) ? strtoll(text, NULL, 10) : 0;
    return errno == 0 ? (int64_t)number : 0;
}

static void cancel(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {NULL};
    const struct routes_schedules *r = arg;
    const struct admin_change by = admin_request_change(request, "schedule.cancel");
    const int64_t number = number_of(request);
    struct admin_error error = {0};
    struct routes_item item;
    if (take(r, request, answer, &item) == 0) {
        if (admin_request_members(request, members, &error) != 0 ||
            (number == 0 &&
             admin_error_set(&error, 404, "not_found", "number", "it is a number from 1 on",
                             "there is no change \"%.32s\"",
                             admin_request_value(request, "number")) != 0) ||
            schedule_keeper_cancel(r->keeper, item.key, number, &by, request->dry_run, &error) !=
                0) {
            admin_answer_error(answer, &error);
        } else {
            answer_changed(r, &item,
                           json_pack("{s:s, s:I, s:s}", "key", item.key, "number",
                                     (json_int_t)number, "state",
                                     request->dry_run ? "pending" : "cancelled"),
                           request, 200, answer);
        }
    }
    routes_item_free(&item);
}

static const struct admin_parameter_info parameters[] = {
    {"limit", "Changes in one answer: 1 to 1000; 100 when not given"},
    {"after", "The number that `next` has told: those behind it"},
    {NULL, NULL},
};

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/schedules",
     .least = ADMIN_ROLE_VIEWER,
     .handler = list_pending,
     .summary = "The dated changes that are to come, of all flags",
     .parameters = parameters},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/flags/{key}/schedule",
     .least = ADMIN_ROLE_VIEWER,
     .handler = list_of_flag,
     .summary = "The dated changes of a flag: those to come, and what became of the others",
     .parameters = parameters},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/flags/{key}/schedule",
     .least = ADMIN_ROLE_EDITOR,
     .handler = add,
     .summary = "Change members (`set`) of a flag's definition at a time to come (`at`, RFC 3339)",
     .body = ADMIN_BODY_REQUIRED,
     .changes = true,
     .creates = true},
    {.method = ADMIN_DELETE,
     .pattern = ADMIN_ROOT "/flags/{key}/schedule/{number}",
     .least = ADMIN_ROLE_EDITOR,
     .handler = cancel,
     .summary = "Cancel a change that has not come yet",
     .body = ADMIN_BODY_OPTIONAL,
     .body_most = 64u << 10,
     .changes = true},
};

int routes_schedules_add(struct routes_schedules *r, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, r);
}
