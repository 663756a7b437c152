#include "routes_overrides.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../admin/admin_answer.h"
#include "../operate/references.h"
#include "hash.h"
#include "routes_common.h"

/* ---- telling -------------------------------------------------------------------------------- */

static json_t *describe(const struct override *o)
{
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:I, s:o}", "kind", o->kind == OVERRIDE_PIN ? "pin" : "kill",
                  "reason", o->reason, "setBy", o->set_by, "setMs", (json_int_t)o->set_ms,
                  "expiresMs", o->expires_ms ? json_integer(o->expires_ms) : json_null());
    if (body && o->variant) {
        json_object_set_new(body, "variant", json_string(o->variant));
    }
    return body;
}

/* Of all of it: several can be set within a millisecond. */
static void etag_of(const struct override *o, char etag[ADMIN_ETAG_MOST])
{
    json_t *body = describe(o);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    snprintf(etag, ADMIN_ETAG_MOST, "%" PRIx64 "-%" PRIx64, (uint64_t)o->set_ms,
             text ? hash_bytes(text, strlen(text)) : 0);
    free(text);
    json_decref(body);
}

struct found {
    const char *key;
    const struct override *override;
    bool exists; /* the flag */
};

struct all {
    const struct admin_request *request;
    struct found *found;
    size_t count;
    size_t room;
    bool failed;
};

static void on_override(void *arg, const char *key, const struct override *override,
                        const struct model_item *item)
{
    struct all *all = arg;
    const bool exists = item && !item->deleted;
    if (!routes_may(all->request, key, routes_tags(exists ? item : NULL))) {
        return;
    }
    if (all->count == all->room) {
        const size_t room = all->room ? all->room * 2 : 64;
        struct found *more = realloc(all->found, room * sizeof *more);
        if (!more) {
            all->failed = true;
            return;
        }
        all->found = more;
        all->room = room;
    }
    all->found[all->count++] = (struct found){key, override, exists};
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->key, ((const struct found *)b)->key);
}

static void list(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct routes_overrides *o = arg;
    struct all all = {.request = request};
    pipeline_override_each(o->pipeline, on_override, &all);
    json_t *items = all.failed ? NULL : json_array();
    if (all.count > 1) {
        qsort(all.found, all.count, sizeof *all.found, by_key);
    }
    for (size_t i = 0; items && i < all.count; i++) {
        json_t *one = describe(all.found[i].override);
        json_object_set_new(one, "flag", json_string(all.found[i].key));
        json_object_set_new(one, "exists", json_boolean(all.found[i].exists));
        json_array_append_new(items, one);
    }
    free(all.found);
    admin_answer_json(answer, 200, items ? json_pack("{s:o}", "items", items) : NULL);
}

/* ---- changing ------------------------------------------------------------------------------- */

static int check_match(const struct admin_request *request, const struct override *old,
                       struct admin_error *error)
{
    char etag[ADMIN_ETAG_MOST];
    if (old) {
        etag_of(old, etag);
    }
    return admin_request_check_match(request, old ? etag : NULL, error);
}

static void change(const struct routes_overrides *o, const char *key, const struct override *wanted,
                   const struct admin_change *by, const struct admin_request *request,
                   struct admin_answer *answer)
{
    struct operation_outcome outcome;
    struct admin_error error = {0};
    char etag[ADMIN_ETAG_MOST];
    struct override_keeper *keeper = wanted && o->host ? o->host : o->keeper;
    if (override_keeper_change(keeper, key, wanted, by, request->dry_run, &outcome, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    json_t *body = json_pack("{s:s, s:b, s:o}", "flag", key, "exists",
                             pipeline_in_force(o->pipeline, IMAGE_FLAG, key) != NULL, "override",
                             wanted ? describe(wanted) : json_null());
    if (request->dry_run) { /* it may be thousands: not on the way of a kill */
        const struct references_item item = {IMAGE_FLAG, key};
        json_t *affected = references_affected(o->pipeline, &item, 1);
        json_object_set_new(body, "affected", routes_affected(affected));
        json_decref(affected);
    }
    routes_put_outcome(body, &outcome, request->dry_run);
    if (wanted && o->fleet && !request->dry_run) {
        json_object_set_new(body, "fleet", json_string(o->reached(o->arg) ? "pending" : "away"));
        override_fleet_bring(o->fleet);
    }
    if (wanted && !request->dry_run) {
        etag_of(wanted, etag);
        admin_answer_etag(answer, etag);
    }
    admin_answer_json(answer, 200, body);
}

static int read_expiry(const struct admin_request *request, struct override *wanted,
                       struct admin_error *error)
{
    const json_t *expires = json_object_get(request->json, "expiresMs");
    if (!expires || json_is_null(expires)) {
        return 0;
    }
    wanted->expires_ms = json_integer_value(expires); /* of what is none: 0 */
    if (wanted->expires_ms <= wanted->set_ms) {
        admin_error_set(error, 422, "invalid", "expiresMs", "leave it out for no end",
                        "must be a time to come, in milliseconds since 1970");
        admin_request_locate(request, &error->fault);
        return -1;
    }
    return 0;
}

/* The body's members, and the reason. 0, or -1 with *error. */
static int read_kill(const struct admin_request *request, const struct model_item *item,
                     struct override *wanted, struct admin_error *error)
{
    static const char *const members[] = {"variant", "expiresMs", NULL};
    if (admin_request_members(request, members, error) != 0) {
        return -1;
    }
    wanted->variant = admin_request_string(request, "variant", OVERRIDE_NAME_MAX, false, error);
    if (error->status || read_expiry(request, wanted, error) != 0) {
        return -1;
    }
    if (wanted->variant) {
        wanted->kind = OVERRIDE_PIN;
        if (item && override_variation(wanted, &item->as.flag) < 0) {
            admin_error_set(error, 422, "unknown_variant", "variant",
                            "give a variant's key, or an index",
                            "the flag has no variant \"%.96s\"", wanted->variant);
            admin_request_locate(request, &error->fault);
            return -1;
        }
    }
    return routes_need_reason(request, "the flag is killed", error);
}

static void kill_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct routes_overrides *o = arg;
    const char *key = admin_request_value(request, "key");
    const struct model_item *item = pipeline_in_force(o->pipeline, IMAGE_FLAG, key);
    struct admin_change by = admin_request_change(request, "flag.kill");
    struct admin_error error = {0};
    struct override wanted = {
        .kind = OVERRIDE_KILL,
        .reason = request->reason,
        .set_by = by.actor,
        .set_ms = by.time_ms,
    };
    const struct override *old = pipeline_override(o->pipeline, key);
    if (old && old->set_ms >= wanted.set_ms) {
        wanted.set_ms = old->set_ms + 1; /* of a host whose clock is ahead: this one is newer */
    }
    if (!routes_allowed(key, routes_tags(item), request, answer)) {
        return;
    }
    if (read_kill(request, item, &wanted, &error) != 0 ||
        check_match(request, pipeline_override(o->pipeline, key), &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    by.action = wanted.kind == OVERRIDE_PIN ? "flag.pin" : "flag.kill";
    change(o, key, &wanted, &by, request, answer);
}

/* A kill of this host's own, which the fleet has not heard of. */
static void revive_alone(const struct routes_overrides *o, const char *key,
                         const struct admin_change *by, const struct admin_request *request,
                         struct admin_answer *answer)
{
    const struct routes_overrides own = {.pipeline = o->pipeline, .keeper = o->host};
    if (o->host && override_keeper_has(o->host, key)) {
        change(&own, key, NULL, by, request, answer);
        override_keeper_renew(o->keeper, key); /* what the fleet had set before is in force again */
        (void)pipeline_publish(o->pipeline);
    }
}

static void revive(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {NULL};
    const struct routes_overrides *o = arg;
    const char *key = admin_request_value(request, "key");
    const struct override *const old = pipeline_override(o->pipeline, key);
    const struct admin_change by = admin_request_change(request, "flag.revive");
    struct admin_error error = {0};
    if (!routes_allowed(key, routes_tags(pipeline_in_force(o->pipeline, IMAGE_FLAG, key)), request,
                        answer)) {
        return;
    }
    if (admin_request_members(request, members, &error) != 0 ||
        check_match(request, old, &error) != 0 ||
        (!old && admin_error_set(&error, 404, "not_overridden", "key",
                                 "GET " ADMIN_ROOT "/overrides lists those that are",
                                 "flag \"%.128s\" is not overridden", key) != 0)) {
        admin_answer_error(answer, &error);
        return;
    }
    if (request->alone) {
        revive_alone(o, key, &by, request, answer);
    } else {
        change(o, key, NULL, &by, request, answer);
    }
}

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/overrides",
     .least = ADMIN_ROLE_VIEWER,
     .handler = list,
     .summary = "The flags that are killed or pinned: by whom, why, until when"},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/flags/{key}/kill",
     .least = ADMIN_ROLE_EDITOR,
     .handler = kill_flag,
     .summary = "Serve everybody the off variation, or `variant`, whatever the definition says; "
                "until expiresMs, where that is given; a reason is required",
     .body = ADMIN_BODY_OPTIONAL,
     .body_most = 64u << 10,
     .changes = true,
     .urgent = true},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/flags/{key}/revive",
     .least = ADMIN_ROLE_EDITOR,
     .handler = revive,
     .summary = "Serve what the definition says again",
     .body = ADMIN_BODY_OPTIONAL,
     .body_most = 64u << 10,
     .changes = true,
     .alone = true},
};

int routes_overrides_add(struct routes_overrides *o, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, o);
}
