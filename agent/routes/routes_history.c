#include "routes_history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../inspect/inspect_at.h"
#include "../log.h"
#include "../operate/difference.h"
#include "../operate/history.h"
#include "routes_common.h"

#define ITEMS_MOST 1000    /* that are told */
#define ENTRIES_MOST 20000 /* of the trail that are looked at */

/* ---- the generations that are meant --------------------------------------------------------- */

static int no_such(struct admin_error *error, const char *member, const char *text)
{
    return admin_error_set(error, 404, "not_found", member,
                           "GET " ADMIN_ROOT "/snapshots lists them",
                           "no generation \"%.40s\" is recorded", text);
}

static int look_up(const struct routes_definitions *d, const struct at *at,
                   struct history_point *point, bool *found, struct fault *fault)
{
    *found = false;
    if (at->kind != AT_TIME &&
        history_of_generation(&d->operations, at->number, point, found, fault) != 0) {
        return -1;
    }
    if (!*found && at->kind != AT_GENERATION) {
        return history_of_time(&d->operations, at->ms, point, found, fault);
    }
    return 0;
}

/* The point that the path names. 0, or -1: answered. */
static int point_of(const struct routes_definitions *d, const struct admin_request *request,
                    const char *placeholder, struct history_point *point,
                    struct admin_answer *answer)
{
    const char *text = admin_request_value(request, placeholder);
    struct admin_error error = {0};
    struct fault fault = {0};
    struct at at;
    bool found = false;
    if (!at_parse(text, &at)) {
        admin_error_set(&error, 404, "not_found", placeholder,
                        "write 3.5, a number, or a time as 2026-12-01T09:00:00Z",
                        "\"%.40s\" is not a generation", text);
    } else if (look_up(d, &at, point, &found, &fault) != 0) {
        routes_answer_storage(answer, &fault);
        return -1;
    } else if (!found) {
        no_such(&error, placeholder, text);
    }
    if (error.status) {
        admin_answer_error(answer, &error);
        return -1;
    }
    return 0;
}

static json_t *tell_point(const struct history_point *p)
{
    char generation[LOG_GENERATION];
    return json_pack("{s:I, s:s, s:s, s:o, s:I}", "generation", (json_int_t)p->generation,
                     "generationText", log_generation(p->generation, generation), "digest",
                     p->digest, "publishedMs",
                     p->published_ms ? json_integer(p->published_ms) : json_null(), "audit",
                     (json_int_t)p->audit);
}

/* ---- what operators changed ----------------------------------------------------------------- */

struct telling {
    const struct routes_definitions *d;
    const struct admin_request *request;
    json_t *items;
    json_t *told;      /* "flag KEY": those that are in items */
    json_t *overrides; /* flag -> {"from", "to"} */
    size_t more;
    bool backward; /* from a later generation to an earlier one */
};

static const char *kind_name(enum storage_kind kind)
{
    return kind == STORAGE_SEGMENT ? "segment" : "flag";
}

static void put_item(struct telling *t, const char *kind, const char *key, json_t *item)
{
    char name[2 * DEFINITION_KEY_MOST + 16];
    if (json_array_size(t->items) >= ITEMS_MOST) {
        t->more++;
        json_decref(item);
        return;
    }
    snprintf(name, sizeof name, "%s %s", kind, key);
    json_object_set(t->told, name, item);
    json_array_append_new(t->items, item);
}

/* Archived is not in force. */
static bool is_there(const struct definition_state *state)
{
    return state->version && state->came == STORAGE_PUT;
}

static json_t *version_of(const struct definition_state *state)
{
    return state->version ? json_integer(state->version) : json_null();
}

/* It may have had other tags at the one and at the other. */
static bool may_see(const struct admin_request *request, const char *key,
                    const struct definition_state *state)
{
    return !state->version || routes_may(request, key, json_object_get(state->body, "tags"));
}

static int on_changed(void *arg, enum storage_kind kind, const char *key,
                      const struct definition_state *from, const struct definition_state *to)
{
    struct telling *t = arg;
    if (!may_see(t->request, key, from) || !may_see(t->request, key, to)) {
        return 0;
    }
    const char *change = !is_there(from) && is_there(to)   ? "added"
                         : is_there(from) && !is_there(to) ? "removed"
                                                           : "changed";
    put_item(
        t, kind_name(kind), key,
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "kind", kind_name(kind), "key", key,
                  "change", change, "source", "admin", "beforeVersion", version_of(from),
                  "afterVersion", version_of(to), "diff",
                  difference(is_there(from) ? from->body : NULL, is_there(to) ? to->body : NULL)));
    return 0;
}

/* ---- what other sources changed, and kill switches ------------------------------------------ */

/* The same item again: its last state is the later one's. */
static void extend(const struct telling *t, json_t *item, const json_t *before, const json_t *after)
{
    if (t->backward) {
        json_object_set(item, "afterVersion", (json_t *)(uintptr_t)before);
    } else {
        json_object_set(item, "afterVersion", (json_t *)(uintptr_t)after);
    }
}

static void on_source_item(struct telling *t, const json_t *one)
{
    char name[2 * DEFINITION_KEY_MOST + 16];
    const char *kind = json_string_value(json_object_get(one, "kind"));
    const char *key = json_string_value(json_object_get(one, "key"));
    json_t *first = json_object_get(one, t->backward ? "after" : "before");
    json_t *last = json_object_get(one, t->backward ? "before" : "after");
    if (!kind || !key || !routes_may(t->request, key, NULL)) {
        return;
    }
    snprintf(name, sizeof name, "%s %s", kind, key);
    json_t *known = json_object_get(t->told, name);
    if (known) {
        extend(t, known, json_object_get(one, "before"), json_object_get(one, "after"));
        return;
    }
    put_item(t, kind, key,
             json_pack("{s:s, s:s, s:s, s:O?, s:O?, s:O?, s:n}", "kind", kind, "key", key, "change",
                       "changed", "source", json_object_get(one, "source"), "beforeVersion", first,
                       "afterVersion", last, "diff"));
}

/* One that came and went again is no difference: what counts is what was there first, and last. */
static void on_override(struct telling *t, const struct storage_audit *e)
{
    json_t *before = e->before ? json_loads(e->before, JSON_DECODE_ANY, NULL) : json_null();
    json_t *after = e->after ? json_loads(e->after, JSON_DECODE_ANY, NULL) : json_null();
    json_t *known = json_object_get(t->overrides, e->target);
    if (!known) {
        known = json_object();
        json_object_set(known, "from", t->backward ? after : before);
        json_object_set_new(t->overrides, e->target, known);
    }
    json_object_set(known, "to", t->backward ? before : after);
    json_decref(before);
    json_decref(after);
}

static json_t *or_none(json_t *value)
{
    return json_is_null(value) ? NULL : value;
}

static void put_overrides(struct telling *t)
{
    const char *key;
    json_t *one;
    json_object_foreach(t->overrides, key, one)
    {
        json_t *from = or_none(json_object_get(one, "from"));
        json_t *to = or_none(json_object_get(one, "to"));
        json_t *different = difference(from, to);
        if (json_array_size(different) > 0 && routes_may(t->request, key, NULL)) {
            put_item(t, "override", key,
                     json_pack("{s:s, s:s, s:s, s:s, s:O}", "kind", "override", "key", key,
                               "change",
                               !from ? "added"
                               : !to ? "removed"
                                     : "changed",
                               "source", "admin", "diff", different));
        }
        json_decref(different);
    }
}

static bool is_of_overrides(const char *action)
{
    static const char *const actions[] = {"flag.kill", "flag.pin", "flag.revive",
                                          "override.expire"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(action, actions[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct walking {
    struct telling *t;
    int64_t last;
};

static int on_entry(void *arg, const struct storage_audit *e)
{
    const struct walking *w = arg;
    if (w->t->backward ? e->number <= w->last : e->number > w->last) {
        return 1;
    }
    if (e->malformed) {
        return 0;
    }
    if (is_of_overrides(e->action)) {
        on_override(w->t, e);
    } else if (strcmp(e->action, "source.change") == 0 && e->after) {
        json_t *after = json_loads(e->after, JSON_DECODE_ANY, NULL);
        const json_t *changed = json_object_get(after, "changed");
        size_t i;
        json_t *one;
        json_array_foreach(changed, i, one)
        {
            on_source_item(w->t, one);
        }
        w->t->more += (size_t)json_integer_value(json_object_get(after, "more"));
        json_decref(after);
    }
    return 0;
}

static int walk(struct telling *t, const struct history_point *from, const struct history_point *to,
                struct fault *fault)
{
    struct storage *s = state_file_storage(t->d->operations.state);
    const struct storage_audit_query query = {
        .backward = t->backward,
        .after = t->backward ? from->audit + 1 : from->audit,
        .limit = ENTRIES_MOST,
    };
    struct walking w = {t, to->audit};
    return s && storage_audit_list(s, &query, on_entry, &w, fault) < 0 ? -1 : 0;
}

/* ---- the difference ------------------------------------------------------------------------- */

/* What is different, as {"items", "more", "from", "to"}; NULL and *error. */
static json_t *compare(const struct routes_definitions *d, const struct admin_request *request,
                       const struct history_point *from, const struct history_point *to,
                       struct admin_error *error)
{
    struct fault fault = {0};
    struct telling t = {
        .d = d,
        .request = request,
        .items = json_array(),
        .told = json_object(),
        .overrides = json_object(),
        .backward = from->audit > to->audit,
    };
    int result = history_changed(&d->operations, from, to, on_changed, &t, &fault);
    if (result == 0) {
        result = walk(&t, from, to, &fault);
    }
    put_overrides(&t);
    json_decref(t.overrides);
    json_decref(t.told);
    if (result != 0) {
        *error = result == HISTORY_GONE ? (struct admin_error){409, "not_kept_any_more", fault}
                                        : (struct admin_error){503, "storage_failed", fault};
        json_decref(t.items);
        return NULL;
    }
    return json_pack("{s:o, s:I, s:o, s:o}", "items", t.items, "more", (json_int_t)t.more, "from",
                     tell_point(from), "to", tell_point(to));
}

static void diff(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct routes_definitions *d = arg;
    struct history_point from = {0};
    struct history_point to = {0};
    struct admin_error error = {0};
    if (point_of(d, request, "generation", &from, answer) != 0 ||
        point_of(d, request, "to", &to, answer) != 0) {
        return;
    }
    json_t *body = compare(d, request, &from, &to, &error);
    if (!body) {
        admin_answer_error(answer, &error);
        return;
    }
    json_object_set_new(body, "sameContent", json_boolean(strcmp(from.digest, to.digest) == 0));
    admin_answer_json(answer, 200, body);
}

/* ---- the way back --------------------------------------------------------------------------- */

static void answer_rolled_back(const struct history_point *to, size_t changed, json_t *different,
                               const struct definition_outcome *outcome,
                               const struct admin_request *request, struct admin_answer *answer)
{
    json_t *body = json_pack("{s:o, s:I, s:o, s:O?, s:o}", "to", tell_point(to), "definitions",
                             (json_int_t)changed, "affected", routes_affected(outcome->affected),
                             "items", json_object_get(different, "items"), "sameContent",
                             json_boolean(strcmp(outcome->operation.digest, to->digest) == 0));
    routes_put_outcome(body, &outcome->operation, request->dry_run);
    admin_answer_json(answer, 200, body);
}

/* Generation and newest audit entry: not every change of a definition makes a generation. */
static const char *etag_of(const struct history_point *p, char etag[ADMIN_ETAG_MOST])
{
    char generation[LOG_GENERATION];
    snprintf(etag, ADMIN_ETAG_MOST, "%s-%" PRId64, log_generation(p->generation, generation),
             p->audit);
    return etag;
}

/* If-Match is a dry run's entity tag, or the generation alone. */
static int check_race(const struct history_point *now, const struct admin_request *request,
                      struct admin_error *error)
{
    char generation[LOG_GENERATION];
    char etag[ADMIN_ETAG_MOST];
    return strcmp(request->if_match, log_generation(now->generation, generation)) == 0
               ? 0
               : admin_request_check_match(request, etag_of(now, etag), error);
}

static void roll_back_to(struct routes_definitions *d, const struct history_point *now,
                         const struct history_point *to, struct admin_request *request,
                         struct admin_answer *answer)
{
    const struct admin_change by = admin_request_change(request, "rollback");
    struct definition_outcome outcome = {0};
    struct admin_error error = {0};
    char etag[ADMIN_ETAG_MOST];
    size_t changed = 0;
    json_t *different = compare(d, request, now, to, &error);
    if (different && history_roll_back(&d->operations, d->keeper, to, &by, request->dry_run,
                                       &changed, &outcome, &error) == 0) {
        if (request->dry_run) {
            admin_answer_etag(answer, etag_of(now, etag));
        }
        answer_rolled_back(to, changed, different, &outcome, request, answer);
    } else {
        admin_answer_error(answer, &error);
    }
    json_decref(different);
    json_decref(outcome.affected);
}

static void roll_back(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {NULL};
    struct routes_definitions *d = arg;
    struct admin_error error = {0};
    struct fault fault = {0};
    struct history_point now;
    struct history_point to = {0};
    if (!admin_answer_unlimited(answer, request)) {
        return;
    }
    if (history_now(&d->operations, &now, &fault) != 0) {
        routes_answer_storage(answer, &fault);
    } else if (admin_request_members(request, members, &error) != 0 ||
               check_race(&now, request, &error) != 0 ||
               routes_need_reason(request, "it is rolled back", &error) != 0) {
        admin_answer_error(answer, &error);
    } else if (point_of(d, request, "generation", &to, answer) == 0) {
        roll_back_to(d, &now, &to, request, answer);
    }
}

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/snapshots/{generation}/diff/{to}",
     .least = ADMIN_ROLE_VIEWER,
     .handler = diff,
     .summary = "What is different between two generations (or times): definitions with their "
                "differences, what other sources changed, kill switches"},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/snapshots/{generation}/rollback",
     .least = ADMIN_ROLE_EDITOR,
     .handler = roll_back,
     .summary = "Make what operators had in force then (a generation or a time) be in force again, "
                "as a new generation; kill switches stay; a reason is required. If-Match: the "
                "ETag of a dry run, or the generation that is published, as 3.5",
     .body = ADMIN_BODY_OPTIONAL,
     .body_most = 64u << 10,
     .changes = true},
};

int routes_history_add(struct routes_definitions *d, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, d);
}
