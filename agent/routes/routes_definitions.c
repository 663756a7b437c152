#include "routes_definitions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "../operate/difference.h"
#include "../operate/merge_patch.h"
#include "../operate/schedule.h"
#include "routes_common.h"

#define BODY_MOST DEFINITION_TEXT_MOST

static const char *kind_name(enum storage_kind kind)
{
    return kind == STORAGE_SEGMENT ? "segment" : "flag";
}

/* ---- an item -------------------------------------------------------------------------------- */

static int on_kept(void *arg, const struct storage_definition *row)
{
    *(int64_t *)arg = row->version;
    return 0;
}

int routes_item_etag(const struct routes_definitions *d, enum storage_kind kind, const char *key,
                     char etag[ADMIN_ETAG_MOST], struct fault *fault)
{
    struct storage *s = state_file_storage(d->operations.state);
    int64_t version = 0;
    int64_t number = 0;
    size_t count = 0;
    etag[0] = '\0';
    if (s && storage_definition_get(s, kind, key, 0, on_kept, &version, fault) != 0) {
        return -1;
    }
    if (version && kind == STORAGE_FLAG && schedule_newest(s, key, &number, &count, fault) != 0) {
        return -1;
    }
    if (count > 0) {
        snprintf(etag, ADMIN_ETAG_MOST, "%" PRId64 "-%zu-%" PRId64, version, count, number);
    } else if (version) {
        snprintf(etag, ADMIN_ETAG_MOST, "%" PRId64, version);
    }
    return 0;
}

int routes_item_take(const struct routes_definitions *d, enum storage_kind kind,
                     const struct admin_request *request, struct admin_answer *answer,
                     struct routes_item *item)
{
    struct fault fault = {0};
    const char *key = admin_request_value(request, "key");
    *item = (struct routes_item){
        .kind = kind,
        .key = key,
        .force = pipeline_in_force(d->operations.pipeline, definition_item_kind(kind), key),
    };
    if (definition_state_get(state_file_storage(d->operations.state), kind, key, 0, &item->state,
                             &fault) != 0 ||
        routes_item_etag(d, kind, key, item->etag, &fault) != 0) {
        routes_answer_storage(answer, &fault);
        return -1;
    }
    if (!item->state.version && !item->force && request->method == ADMIN_PUT) {
        return 0; /* whose it is, what is made of it says: write_body */
    }
    const json_t *tags =
        item->state.version ? json_object_get(item->state.body, "tags") : routes_tags(item->force);
    return routes_allowed(key, tags, request, answer) ? 0 : -1;
}

void routes_item_free(struct routes_item *item)
{
    definition_state_free(&item->state);
}

int routes_item_kept(const struct routes_item *item, struct admin_answer *answer)
{
    struct admin_error error = {0};
    if (item->state.version) {
        return 0;
    }
    if (item->force) {
        admin_error_set(&error, 409, "not_kept_here", "key",
                        item->kind == STORAGE_FLAG
                            ? "change it there, kill it, or PUT a definition here, which wins"
                            : "change it there, or PUT a definition here, which wins",
                        "the %s \"%.128s\" comes from %.200s", kind_name(item->kind), item->key,
                        item->force->provenance.text);
    } else {
        admin_error_set(&error, 404, "not_found", "key",
                        item->kind == STORAGE_SEGMENT ? "GET " ADMIN_ROOT "/segments lists them"
                                                      : "GET " ADMIN_ROOT "/flags lists them",
                        "there is no %s \"%.128s\"", kind_name(item->kind), item->key);
    }
    admin_answer_error(answer, &error);
    return -1;
}

/* What is archived is not changed on the way: to be restored is a change of its own. */
static int check_in_service(const struct routes_item *item, struct admin_answer *answer)
{
    struct admin_error error = {0};
    if (item->state.came != STORAGE_ARCHIVED) {
        return 0;
    }
    admin_error_set(&error, 409, "archived", "key", "restore it first, or PUT a new definition",
                    "the %s \"%.128s\" is archived", kind_name(item->kind), item->key);
    admin_answer_error(answer, &error);
    return -1;
}

/* ---- answering a change --------------------------------------------------------------------- */

/* Of a shadowed item of another source: where that comes from; else nothing. */
static void put_shadows(const struct routes_definitions *d, const struct definition_edit *e,
                        json_t *body)
{
    const enum image_blob_kind kind = definition_item_kind(e->kind);
    for (int layer = CATALOG_ADMIN - 1; layer >= 0; layer--) {
        const struct model_item *below = pipeline_item(
            d->operations.pipeline, (enum catalog_layer)layer, kind, e->key, strlen(e->key));
        if (below && !below->deleted) {
            json_object_set_new(body, "shadows", routes_source(below));
            return;
        }
    }
}

/* As it is written: the body with its schedule. A new reference; NULL: there is none. */
static json_t *with_schedule(json_t *body, json_t *schedule)
{
    json_t *whole = json_copy(body);
    if (whole && json_array_size(schedule) > 0) {
        json_object_set(whole, "schedule", schedule);
    }
    return whole;
}

/* pending: what was to come before. */
static json_t *tell_difference(const struct routes_item *item, const struct definition_edit *e,
                               json_t *pending)
{
    json_t *to_come = e->came != STORAGE_PUT ? NULL : e->schedule ? e->schedule : pending;
    json_t *before = with_schedule(item->state.body, pending);
    json_t *after = with_schedule(e->body, to_come);
    json_t *told = difference(before, after);
    json_decref(before);
    json_decref(after);
    return told;
}

static void flag_etag(void *arg, const char *what, char etag[ADMIN_ETAG_MOST])
{
    struct fault fault = {0};
    if (routes_item_etag(arg, STORAGE_FLAG, what, etag, &fault) != 0) {
        etag[0] = '\0';
    }
}

static void segment_etag(void *arg, const char *what, char etag[ADMIN_ETAG_MOST])
{
    struct fault fault = {0};
    if (routes_item_etag(arg, STORAGE_SEGMENT, what, etag, &fault) != 0) {
        etag[0] = '\0';
    }
}

void routes_answer_etag(const struct routes_definitions *d, enum storage_kind kind, const char *key,
                        struct admin_answer *answer)
{
    admin_answer_etag_of(answer, kind == STORAGE_FLAG ? flag_etag : segment_etag,
                         (void *)(uintptr_t)d, key);
}

static void answer_change(const struct routes_definitions *d, const struct routes_item *item,
                          const struct definition_edit *e, const struct definition_outcome *o,
                          json_t *pending, const struct admin_request *request,
                          struct admin_answer *answer)
{
    const bool created = !item->state.version;
    json_t *body = json_pack("{s:s, s:s, s:I, s:b, s:b, s:b, s:o, s:o}", "key", e->key, "kind",
                             kind_name(e->kind), "version", (json_int_t)o->version, "created",
                             created, "archived", e->came == STORAGE_ARCHIVED, "deleted",
                             e->came == STORAGE_DELETED, "affected", routes_affected(o->affected),
                             "diff", tell_difference(item, e, pending));
    put_shadows(d, e, body);
    json_t *warnings = pipeline_change_warnings(d->operations.pipeline);
    if (json_array_size(warnings) > 0) {
        json_object_set(body, "warnings", warnings);
    }
    routes_put_outcome(body, &o->operation, request->dry_run);
    if (!request->dry_run) {
        routes_answer_etag(d, e->kind, e->key, answer);
    }
    admin_answer_json(answer, created && !request->dry_run ? 201 : 200, body);
}

/* One edit; item is what there was. */
static void change(struct routes_definitions *d, const struct routes_item *item,
                   const struct definition_edit *e, const struct admin_request *request,
                   struct admin_answer *answer)
{
    const struct admin_change by = admin_request_change(request, e->action);
    const struct definition_change one = {.edits = e, .count = 1, .by = &by};
    struct definition_outcome outcome = {0};
    struct admin_error error = {0};
    struct fault fault = {0};
    json_t *pending =
        e->kind == STORAGE_FLAG
            ? schedule_pending(state_file_storage(d->operations.state), e->key, &fault)
            : NULL;
    if (admin_request_check_match(request, *item->etag ? item->etag : NULL, &error) != 0) {
        admin_answer_error(answer, &error);
    } else if (definition_keeper_change(d->keeper, &one, request->dry_run, &outcome, &error) != 0) {
        admin_answer_fault(answer, request, error.status, error.code, &error.fault);
    } else {
        answer_change(d, item, e, &outcome, pending, request, answer);
    }
    json_decref(pending);
    json_decref(outcome.affected);
}

/* ---- writing -------------------------------------------------------------------------------- */

static const char *action_of(enum storage_kind kind, const char *flag, const char *segment)
{
    return kind == STORAGE_SEGMENT ? segment : flag;
}

/* Takes "schedule" out of a body that is about to be kept: a new reference, NULL: there was none.
 */
static json_t *take_schedule(enum storage_kind kind, json_t *body)
{
    json_t *schedule = kind == STORAGE_FLAG ? json_object_get(body, "schedule") : NULL;
    json_incref(schedule);
    if (schedule) {
        json_object_del(body, "schedule");
    }
    return schedule;
}

/* A new body, with or without "schedule". */
static void write_body(struct routes_definitions *d, const struct routes_item *item, json_t *body,
                       json_t *schedule, const struct admin_request *request,
                       struct admin_answer *answer)
{
    const struct definition_edit e = {
        .kind = item->kind,
        .key = item->key,
        .came = STORAGE_PUT,
        .body = body,
        .schedule = schedule,
        .action = item->state.version ? action_of(item->kind, "flag.update", "segment.update")
                                      : action_of(item->kind, "flag.create", "segment.create"),
    };
    struct fault fault = {0};
    if (definition_check_key(item->key, &fault) != 0) {
        const struct admin_error error = {422, "invalid_key", fault};
        admin_answer_error(answer, &error);
    } else if (routes_allowed(item->key, json_object_get(body, "tags"), request, answer) &&
               routes_schedule_allowed(item->key, schedule, request, answer)) {
        change(d, item, &e, request, answer);
    }
}

static void put(struct routes_definitions *d, enum storage_kind kind,
                const struct admin_request *request, struct admin_answer *answer)
{
    struct routes_item item;
    if (routes_item_take(d, kind, request, answer, &item) == 0) {
        json_t *body = json_copy(request->json);
        json_t *schedule = take_schedule(kind, body);
        if (!schedule && kind == STORAGE_FLAG) {
            schedule = json_array(); /* a whole definition without one: there is none */
        }
        write_body(d, &item, body, schedule, request, answer);
        json_decref(schedule);
        json_decref(body);
    }
    routes_item_free(&item);
}

/* What a patch is applied to: the definition as it is told. */
static json_t *whole_of(const struct routes_definitions *d, const struct routes_item *item,
                        struct fault *fault)
{
    if (item->kind == STORAGE_SEGMENT) {
        return json_copy(item->state.body);
    }
    json_t *pending = schedule_pending(state_file_storage(d->operations.state), item->key, fault);
    json_t *whole = pending ? with_schedule(item->state.body, pending) : NULL;
    json_decref(pending);
    return whole;
}

static void patch_with(struct routes_definitions *d, const struct routes_item *item, json_t *by,
                       const struct admin_request *request, struct admin_answer *answer)
{
    struct fault fault = {0};
    json_t *whole = whole_of(d, item, &fault);
    json_t *body = whole ? merge_patch(whole, by) : NULL;
    if (!whole) {
        routes_answer_storage(answer, &fault);
    } else if (!body) {
        admin_answer_refuse(answer, 503, "no_memory", "out of memory");
    } else {
        json_t *schedule = take_schedule(item->kind, body);
        if (!schedule && json_object_get(by, "schedule")) {
            schedule = json_array();
        }
        write_body(d, item, body, schedule, request, answer);
        json_decref(schedule);
    }
    json_decref(body);
    json_decref(whole);
}

static void patch(struct routes_definitions *d, enum storage_kind kind,
                  const struct admin_request *request, struct admin_answer *answer)
{
    struct routes_item item;
    if (routes_item_take(d, kind, request, answer, &item) == 0 &&
        routes_item_kept(&item, answer) == 0 && check_in_service(&item, answer) == 0) {
        patch_with(d, &item, request->json, request, answer);
    }
    routes_item_free(&item);
}

/* ---- the rest of a definition's life -------------------------------------------------------- */

static int no_members(const struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {NULL};
    struct admin_error error = {0};
    if (admin_request_members(request, members, &error) != 0) {
        admin_answer_error(answer, &error);
        return -1;
    }
    return 0;
}

static void become(struct routes_definitions *d, enum storage_kind kind, enum storage_came came,
                   const char *action, const struct admin_request *request,
                   struct admin_answer *answer)
{
    struct routes_item item;
    if (routes_item_take(d, kind, request, answer, &item) == 0 &&
        routes_item_kept(&item, answer) == 0 && no_members(request, answer) == 0) {
        const struct definition_edit e = {
            .kind = kind,
            .key = item.key,
            .came = came,
            .body = came == STORAGE_DELETED ? NULL : item.state.body,
            .action = action,
        };
        change(d, &item, &e, request, answer);
    }
    routes_item_free(&item);
}

static void set_enabled(struct routes_definitions *d, bool enabled,
                        const struct admin_request *request, struct admin_answer *answer)
{
    struct routes_item item;
    json_t *by = json_pack("{s:b}", "enabled", enabled);
    if (routes_item_take(d, STORAGE_FLAG, request, answer, &item) == 0 &&
        routes_item_kept(&item, answer) == 0 && check_in_service(&item, answer) == 0 &&
        no_members(request, answer) == 0) {
        patch_with(d, &item, by, request, answer);
    }
    json_decref(by);
    routes_item_free(&item);
}

/* What {key} has is put under another key, which must be new. */
static void copy_to(struct routes_definitions *d, const struct routes_item *from, const char *key,
                    struct admin_request *request, struct admin_answer *answer)
{
    struct fault fault = {0};
    struct routes_item to = {
        .kind = from->kind,
        .key = key,
        .force = pipeline_in_force(d->operations.pipeline, definition_item_kind(from->kind), key),
    };
    if (definition_state_get(state_file_storage(d->operations.state), from->kind, key, 0, &to.state,
                             &fault) != 0) {
        routes_answer_storage(answer, &fault);
    } else if (to.state.version || to.force) {
        struct admin_error error = {0};
        admin_error_set(&error, 409, "exists", "to", "take another key",
                        "there is a flag \"%.128s\" already", key);
        admin_answer_error(answer, &error);
    } else {
        write_body(d, &to, from->state.body, NULL, request, answer);
    }
    definition_state_free(&to.state);
}

static void copy_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {"to", NULL};
    struct routes_definitions *d = arg;
    struct admin_error error = {0};
    struct routes_item item;
    if (routes_item_take(d, STORAGE_FLAG, request, answer, &item) == 0 &&
        routes_item_kept(&item, answer) == 0) {
        const char *to =
            admin_request_members(request, members, &error) == 0
                ? admin_request_string(request, "to", DEFINITION_KEY_MOST, true, &error)
                : NULL;
        struct fault fault = {0};
        if (to && definition_check_key(to, &fault) != 0) {
            snprintf(fault.member, sizeof fault.member, "to");
            admin_answer_fault(answer, request, 422, "invalid_key", &fault);
        } else if (to) {
            copy_to(d, &item, to, request, answer);
        } else {
            admin_answer_error(answer, &error);
        }
    }
    routes_item_free(&item);
}

/* ---- the table ------------------------------------------------------------------------------ */

static void put_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    put(arg, STORAGE_FLAG, request, answer);
}

static void put_segment(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    put(arg, STORAGE_SEGMENT, request, answer);
}

static void patch_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    patch(arg, STORAGE_FLAG, request, answer);
}

static void patch_segment(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    patch(arg, STORAGE_SEGMENT, request, answer);
}

static void delete_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    become(arg, STORAGE_FLAG, STORAGE_DELETED, "flag.delete", request, answer);
}

static void delete_segment(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    become(arg, STORAGE_SEGMENT, STORAGE_DELETED, "segment.delete", request, answer);
}

static void archive_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    become(arg, STORAGE_FLAG, STORAGE_ARCHIVED, "flag.archive", request, answer);
}

static void restore_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    become(arg, STORAGE_FLAG, STORAGE_PUT, "flag.restore", request, answer);
}

static void enable_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    set_enabled(arg, true, request, answer);
}

static void disable_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    set_enabled(arg, false, request, answer);
}

/* Each changes something, as an editor, with a body that may be left out. */
#define CHANGE(verb, path, what, told)                                                             \
    {                                                                                              \
        .method = (verb), .pattern = ADMIN_ROOT path, .least = ADMIN_ROLE_EDITOR,                  \
        .handler = (what), .summary = (told), .body = ADMIN_BODY_OPTIONAL, .body_most = 64u << 10, \
        .changes = true                                                                            \
    }
/* The same with a definition, or a part of one. */
#define WRITE(verb, path, what, told)                                                              \
    {                                                                                              \
        .method = (verb), .pattern = ADMIN_ROOT path, .least = ADMIN_ROLE_EDITOR,                  \
        .handler = (what), .summary = (told), .body = ADMIN_BODY_REQUIRED, .body_most = BODY_MOST, \
        .changes = true, .creates = (verb) == ADMIN_PUT                                            \
    }

static const struct admin_route routes[] = {
    WRITE(ADMIN_PUT, "/flags/{key}", put_flag,
          "Make a flag, or replace it: the body is its native definition, schedule and all"),
    WRITE(ADMIN_PATCH, "/flags/{key}", patch_flag,
          "Change members of a flag's definition (JSON merge patch, RFC 7396)"),
    CHANGE(ADMIN_DELETE, "/flags/{key}", delete_flag,
           "Delete a flag; its history stays, and the key can be used again"),
    CHANGE(ADMIN_POST, "/flags/{key}/enable", enable_flag, "Turn a flag on: enabled is true"),
    CHANGE(ADMIN_POST, "/flags/{key}/disable", disable_flag,
           "Turn a flag off: everybody gets its fallback variant"),
    CHANGE(ADMIN_POST, "/flags/{key}/archive", archive_flag,
           "Take a flag out of service: as if it were deleted, but to be restored"),
    CHANGE(ADMIN_POST, "/flags/{key}/restore", restore_flag,
           "Put an archived flag into service again, as it was"),
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/flags/{key}/copy",
     .least = ADMIN_ROLE_EDITOR,
     .handler = copy_flag,
     .summary = "Make a flag of the key `to`, with this one's definition",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = 64u << 10,
     .changes = true,
     .creates = true},
    WRITE(ADMIN_PUT, "/segments/{key}", put_segment,
          "Make a segment, or replace it: the body is its native definition"),
    WRITE(ADMIN_PATCH, "/segments/{key}", patch_segment,
          "Change members of a segment's definition (JSON merge patch, RFC 7396)"),
    CHANGE(ADMIN_DELETE, "/segments/{key}", delete_segment, "Delete a segment that nothing needs"),
};

int routes_definitions_add(struct routes_definitions *d, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, d) == 0 &&
                   routes_definitions_read_add(d, server) == 0
               ? 0
               : -1;
}
