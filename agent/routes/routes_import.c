#include "routes_import.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../operate/difference.h"
#include "../operate/schedule.h"
#include "hash.h"
#include "routes_common.h"

#define BODY_MOST (32u << 20)
#define TOLD_MOST 1000u /* items of an answer */
#define DIFFS_MOST 200u /* that are told with their differences */
#define AFFECTED_MOST 100u

/* ---- what is to be imported ----------------------------------------------------------------- */

struct import_item {
    enum storage_kind kind;
    const char *key; /* borrowed from the request, or owned as `owned_key` */
    char *owned_key;
    json_t *body;     /* without "schedule"; owned; NULL: it is deleted */
    json_t *schedule; /* owned; NULL: of segments */
    json_t *pending;  /* the schedule that is kept; owned */
    struct definition_state state;
    const struct model_item *force; /* NULL: nothing is in force */
    bool same;
};

struct importing {
    struct routes_definitions *d;
    const struct admin_request *request;
    struct admin_answer *answer;
    struct import_item *items;
    size_t count;
    size_t room;
    bool replaces; /* what is not in the document is deleted */
};

static const char *section_of(enum storage_kind kind)
{
    return kind == STORAGE_SEGMENT ? "segments" : "flags";
}

static struct storage *storage_of(const struct importing *i)
{
    return state_file_storage(i->d->operations.state);
}

static int no_memory(const struct importing *i)
{
    admin_answer_refuse(i->answer, 503, "no_memory", "out of memory");
    return -1;
}

/* What is wrong with one of them, its member being that of its definition. */
static int refuse(const struct importing *i, const struct import_item *item,
                  const struct admin_error *error)
{
    struct fault fault = error->fault;
    const char *member = error->fault.member;
    snprintf(fault.member, sizeof fault.member, "%s.%s%s%.200s", section_of(item->kind), item->key,
             *member && *member != '[' ? "." : "", member);
    admin_answer_fault(i->answer, i->request, error->status, error->code, &fault);
    return -1;
}

/* May who asks touch what there is, and make that of it? 0, or -1: answered. */
static int check_allowed(const struct importing *i, const struct import_item *item)
{
    const json_t *before =
        item->state.version ? json_object_get(item->state.body, "tags") : routes_tags(item->force);
    if ((item->state.version || item->force) &&
        !routes_allowed(item->key, before, i->request, i->answer)) {
        return -1;
    }
    const bool allowed =
        !item->body ||
        (routes_allowed(item->key, json_object_get(item->body, "tags"), i->request, i->answer) &&
         routes_schedule_allowed(item->key, item->schedule, i->request, i->answer));
    return allowed ? 0 : -1;
}

/* What is kept of it. */
static int look_up(const struct importing *i, struct import_item *item)
{
    struct fault fault = {0};
    item->force =
        pipeline_in_force(i->d->operations.pipeline, definition_item_kind(item->kind), item->key);
    if (definition_state_get(storage_of(i), item->kind, item->key, 0, &item->state, &fault) != 0 ||
        (item->kind == STORAGE_FLAG &&
         !(item->pending = schedule_pending(storage_of(i), item->key, &fault)))) {
        routes_answer_storage(i->answer, &fault);
        return -1;
    }
    const bool kept = item->state.version && item->state.came == STORAGE_PUT;
    item->same = kept && item->body && json_equal(item->state.body, item->body) &&
                 (item->kind == STORAGE_SEGMENT || json_equal(item->pending, item->schedule));
    return check_allowed(i, item);
}

/* NULL: no memory, answered. */
static struct import_item *new_item(struct importing *i, enum storage_kind kind)
{
    if (i->count == i->room) {
        const size_t room = i->room ? i->room * 2 : 64;
        struct import_item *more = realloc(i->items, room * sizeof *more);
        if (!more) {
            no_memory(i);
            return NULL;
        }
        i->items = more;
        i->room = room;
    }
    i->items[i->count] = (struct import_item){.kind = kind};
    return &i->items[i->count++];
}

/* One of the document's. 0, or -1: answered. */
static int take_definition(struct importing *i, enum storage_kind kind, const char *key,
                           json_t *definition)
{
    struct admin_error error = {.status = 422, .code = "invalid_key"};
    struct import_item *item = new_item(i, kind);
    if (!item) {
        return -1;
    }
    item->key = key;
    if (definition_check_key(key, &error.fault) != 0) {
        error.fault.member[0] = '\0';
        return refuse(i, item, &error);
    }
    if (!json_is_object(definition)) {
        admin_error_set(&error, 422, "invalid_definition", "", NULL, "must be an object");
        return refuse(i, item, &error);
    }
    item->body = json_copy(definition);
    if (kind == STORAGE_FLAG) {
        json_t *schedule = json_object_get(item->body, "schedule");
        item->schedule = schedule && !json_is_null(schedule) ? json_incref(schedule) : json_array();
        json_object_del(item->body, "schedule");
    }
    return item->body && (item->schedule || kind == STORAGE_SEGMENT) ? look_up(i, item)
                                                                     : no_memory(i);
}

static int take_section(struct importing *i, enum storage_kind kind)
{
    const char *key;
    json_t *definition;
    json_t *all = json_object_get(i->request->json, section_of(kind));
    json_object_foreach(all, key, definition)
    {
        if (take_definition(i, kind, key, definition) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Of what is kept, what the document has not. */
static int on_kept(void *arg, const struct storage_definition *row)
{
    struct importing *i = arg;
    const json_t *all = json_object_get(i->request->json, section_of(row->kind));
    if (row->came != STORAGE_PUT || json_object_get(all, row->key)) {
        return 0;
    }
    struct import_item *item = new_item(i, row->kind);
    if (!item) {
        return -1;
    }
    item->owned_key = strdup(row->key);
    item->key = item->owned_key;
    return item->key ? 0 : no_memory(i);
}

static int take_rest(struct importing *i)
{
    const size_t from = i->count;
    struct fault fault = {0};
    for (int kind = STORAGE_FLAG; kind <= STORAGE_SEGMENT; kind++) {
        const struct storage_definition_query query = {.kind = (enum storage_kind)kind};
        if (storage_definition_list(storage_of(i), &query, on_kept, i, &fault) != 0) {
            routes_answer_storage(i->answer, &fault); /* unless it is answered */
            return -1;
        }
    }
    for (size_t k = from; k < i->count; k++) {
        if (look_up(i, &i->items[k]) != 0) {
            return -1;
        }
    }
    return 0;
}

static void free_items(struct importing *i)
{
    for (size_t k = 0; k < i->count; k++) {
        struct import_item *item = &i->items[k];
        definition_state_free(&item->state);
        json_decref(item->body);
        json_decref(item->schedule);
        json_decref(item->pending);
        free(item->owned_key);
    }
    free(i->items);
}

/* ---- the change ----------------------------------------------------------------------------- */

/* Of everything that is looked at, as it is now: an import that was tried (dryRun) is made only as
   long as none of it has changed. */
static int etag_of(const struct importing *i, char etag[ADMIN_ETAG_MOST])
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t k = 0; out && k < i->count; k++) {
        const struct import_item *item = &i->items[k];
        char *pending = item->pending ? json_dumps(item->pending, JSON_COMPACT) : NULL;
        fprintf(out, "%d %s\n%" PRId64 " %s\n", (int)item->kind, item->key, item->state.version,
                pending ? pending : "");
        free(pending);
    }
    if (!out || fclose(out) != 0) {
        free(text);
        return no_memory(i);
    }
    snprintf(etag, ADMIN_ETAG_MOST, "%zu-%016" PRIx64, i->count, hash_bytes(text, length));
    free(text);
    return 0;
}

static const char *change_of(const struct import_item *item)
{
    return item->same             ? "unchanged"
           : !item->body          ? "deleted"
           : !item->state.version ? "created"
                                  : "updated";
}

static struct definition_edit edit_of(const struct import_item *item)
{
    static const char *const actions[2][3] = {
        {"flag.delete", "flag.update", "flag.create"},
        {"segment.delete", "segment.update", "segment.create"}};
    const int which = !item->body ? 0 : item->state.version ? 1 : 2;
    return (struct definition_edit){
        .kind = item->kind,
        .key = item->key,
        .came = item->body ? STORAGE_PUT : STORAGE_DELETED,
        .body = item->body,
        .schedule = item->body ? item->schedule : NULL,
        .action = actions[item->kind == STORAGE_SEGMENT][which],
    };
}

/* Where another source has the same key. NULL: nowhere. */
static json_t *shadowed(const struct import_item *item)
{
    return item->force && !item->state.version ? routes_source(item->force) : NULL;
}

static json_t *tell_item(const struct import_item *item, bool with_diff)
{
    json_t *told =
        json_pack("{s:s, s:s, s:s}", "kind", item->kind == STORAGE_SEGMENT ? "segment" : "flag",
                  "key", item->key, "change", change_of(item));
    json_t *source = shadowed(item);
    if (source) {
        json_object_set_new(told, "shadows", source);
    }
    if (with_diff && item->body && item->state.version) {
        json_t *before = json_copy(item->state.body);
        json_t *after = json_copy(item->body);
        if (json_array_size(item->pending) > 0) {
            json_object_set(before, "schedule", item->pending);
        }
        if (json_array_size(item->schedule) > 0) {
            json_object_set(after, "schedule", item->schedule);
        }
        json_object_set_new(told, "diff", difference(before, after));
        json_decref(before);
        json_decref(after);
    }
    return told;
}

static json_t *tell(const struct importing *i)
{
    static const char *const changes[] = {"created", "updated", "unchanged", "deleted"};
    json_t *body = json_pack("{s:i, s:i, s:i, s:i, s:[]}", changes[0], 0, changes[1], 0, changes[2],
                             0, changes[3], 0, "items");
    json_t *items = json_object_get(body, "items");
    for (size_t k = 0; k < i->count; k++) {
        const struct import_item *item = &i->items[k];
        json_t *sum = json_object_get(body, change_of(item));
        json_integer_set(sum, json_integer_value(sum) + 1);
        if (!item->same && json_array_size(items) < TOLD_MOST) {
            json_array_append_new(items, tell_item(item, json_array_size(items) < DIFFS_MOST));
        }
    }
    return body;
}

static void answer_import(const struct importing *i, const struct definition_outcome *o,
                          const char *etag)
{
    json_t *keys = json_array();
    json_t *body = tell(i);
    const size_t affected = o->same ? 0 : json_array_size(o->affected);
    for (size_t k = 0; k < affected && k < AFFECTED_MOST; k++) {
        json_array_append(keys, json_array_get(o->affected, k));
    }
    json_object_set_new(body, "affected",
                        json_pack("{s:I, s:o}", "flags", (json_int_t)affected, "keys", keys));
    routes_put_outcome(body, &o->operation, i->request->dry_run);
    if (i->request->dry_run) {
        admin_answer_etag(i->answer, etag);
    }
    admin_answer_json(i->answer, 200, body);
}

static void refuse_change(const struct importing *i, const size_t *places, size_t at,
                          const struct admin_error *error)
{
    if (error->status == 422 || strcmp(error->code, "in_use") == 0) {
        refuse(i, &i->items[places[at]], error);
    } else {
        admin_answer_error(i->answer, error);
    }
}

/* places: of the edits among the items. */
static void change(const struct importing *i, const struct definition_edit *edits,
                   const size_t *places, size_t count)
{
    char etag[ADMIN_ETAG_MOST];
    const struct admin_change by = admin_request_change(i->request, NULL);
    const struct definition_change all = {.edits = edits, .count = count, .by = &by};
    struct definition_outcome outcome = {0};
    struct admin_error error = {0};
    if (etag_of(i, etag) != 0) {
        return;
    }
    if (admin_request_check_match(i->request, etag, &error) != 0) {
        admin_answer_error(i->answer, &error);
    } else if (definition_keeper_change(i->d->keeper, &all, i->request->dry_run, &outcome,
                                        &error) != 0) {
        refuse_change(i, places, outcome.at, &error);
    } else {
        answer_import(i, &outcome, etag);
    }
    json_decref(outcome.affected);
}

static void import_all(const struct importing *i)
{
    size_t count = 0;
    struct definition_edit *edits = calloc(i->count + 1, sizeof *edits);
    size_t *places = calloc(i->count + 1, sizeof *places);
    for (size_t k = 0; edits && places && k < i->count; k++) {
        if (!i->items[k].same) {
            places[count] = k;
            edits[count++] = edit_of(&i->items[k]);
        }
    }
    if (!edits || !places) {
        no_memory(i);
    } else {
        if (count == 0) { /* one that changes nothing, so that there is an outcome */
            edits[count++] = edit_of(&i->items[0]);
        }
        change(i, edits, places, count);
    }
    free(edits);
    free(places);
}

/* ---- the request ---------------------------------------------------------------------------- */

static int check_body(const struct admin_request *request, bool *replaces,
                      struct admin_error *error)
{
    static const char *const members[] = {"ffshm", "flags", "segments", "mode", NULL};
    const json_t *version = json_object_get(request->json, "ffshm");
    const char *const sections[] = {"flags", "segments"};
    if (admin_request_members(request, members, error) != 0) {
        return -1;
    }
    if (version && (!json_is_integer(version) || json_integer_value(version) != 1)) {
        return admin_error_set(error, 422, "invalid", "ffshm", "a newer agent may",
                               "only version 1 of the format is understood");
    }
    for (size_t k = 0; k < 2; k++) {
        const json_t *section = json_object_get(request->json, sections[k]);
        if (section && !json_is_object(section)) {
            return admin_error_set(error, 422, "invalid", sections[k], NULL,
                                   "must be an object: each key with its definition");
        }
    }
    const char *mode = admin_request_string(request, "mode", 16, false, error);
    if (error->status) {
        return -1;
    }
    *replaces = mode && strcmp(mode, "replace") == 0;
    if (mode && !*replaces && strcmp(mode, "merge") != 0) {
        return admin_error_set(error, 422, "invalid", "mode", NULL,
                               "must be merge or replace, not \"%.16s\"", mode);
    }
    return 0;
}

static void import_document(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct importing i = {.d = arg, .request = request, .answer = answer};
    struct admin_error error = {0};
    if (check_body(request, &i.replaces, &error) != 0) {
        admin_answer_fault(answer, request, error.status, error.code, &error.fault);
        return;
    }
    if (operation_can_keep(&i.d->operations, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    if (take_section(&i, STORAGE_FLAG) == 0 && take_section(&i, STORAGE_SEGMENT) == 0 &&
        (!i.replaces || take_rest(&i) == 0)) {
        if (i.count > 0) {
            import_all(&i);
        } else {
            admin_error_set(&error, 422, "nothing_to_import", "flags", NULL,
                            "there is nothing to import");
            admin_answer_error(answer, &error);
        }
    }
    free_items(&i);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct admin_route routes[] = {
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/import",
     .least = ADMIN_ROLE_EDITOR,
     .handler = import_document,
     .summary = "Many definitions in one change: those of a native document, all or none of them; "
                "with the mode replace, what is kept and not in it is deleted",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = BODY_MOST,
     .changes = true},
};

int routes_import_add(struct routes_definitions *d, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, d);
}
