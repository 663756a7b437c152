/*
 * Looking at flags and segments: what is in force from every source, what is kept here, and what it
 * was.
 */
#include <stdlib.h>
#include <string.h>

#include "../operate/schedule.h"
#include "routes_common.h"
#include "routes_definitions.h"

#define LIMIT 100
#define LIMIT_MOST 1000
#define HISTORY_LIMIT 20
#define HISTORY_LIMIT_MOST 200        /* each with a whole definition */
#define HISTORY_BYTES_MOST (4u << 20) /* of their texts; a page that has more is shorter */

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* ---- a list --------------------------------------------------------------------------------- */

struct listed {
    const char *key;
    const struct model_item *item; /* in force; NULL: it is archived */
    json_t *archived;              /* what is told of it then; owned */
};

struct listing {
    const struct routes_definitions *d;
    const struct admin_request *request;
    enum storage_kind kind;
    const char *prefix, *tag, *source, *after;
    struct listed *all; /* the first of those behind `after`: room for two pages, and two more */
    size_t count;
    size_t most; /* that are told, and one that tells that there are more */
    size_t archived;
    const char *last; /* that key and what is behind it are in no page; NULL: not known yet */
};

static bool has_tag(const json_t *tags, const char *tag)
{
    size_t i;
    json_t *one;
    json_array_foreach(tags, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), tag) == 0) {
            return true;
        }
    }
    return false;
}

/* "file" is every file. */
static bool is_from(const struct model_item *item, const char *source)
{
    json_t *from = routes_source(item);
    const char *text = json_string_value(from);
    const size_t length = strlen(source);
    const bool is =
        text && strncmp(text, source, length) == 0 && (text[length] == '\0' || text[length] == ':');
    json_decref(from);
    return is;
}

static bool is_in_page(const struct listing *l, const char *key)
{
    return (!l->after || strcmp(key, l->after) > 0) && (!l->last || strcmp(key, l->last) < 0);
}

static bool is_wanted(const struct listing *l, const char *key, const json_t *tags)
{
    return (!l->prefix || strncmp(key, l->prefix, strlen(l->prefix)) == 0) &&
           (!l->tag || has_tag(tags, l->tag)) && routes_may(l->request, key, tags);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct listed *)a)->key, ((const struct listed *)b)->key);
}

/* In order, and no more than `most`. */
static void sort(struct listing *l)
{
    if (l->count > 1) {
        qsort(l->all, l->count, sizeof *l->all, by_key);
    }
    while (l->count > l->most) {
        json_decref(l->all[--l->count].archived);
    }
    l->last = l->count == l->most ? l->all[l->most - 1].key : NULL;
}

/* There may be very many, of which a page is told. */
static void add(struct listing *l, const struct listed *one)
{
    if (l->count == 2 * l->most) {
        sort(l);
    }
    l->all[l->count++] = *one;
}

static void on_item(void *arg, const struct model_item *item)
{
    struct listing *l = arg;
    if (item->kind == definition_item_kind(l->kind) && is_in_page(l, item->key.text) &&
        is_wanted(l, item->key.text, routes_tags(item)) &&
        (!l->source || is_from(item, l->source))) {
        add(l, &(struct listed){.key = item->key.text, .item = item});
    }
}

static void put_texts(json_t *told, const json_t *from)
{
    static const char *const members[] = {"name", "description", "owner", "temporary", "tags"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *value = json_object_get(from, members[i]);
        json_object_set(told, members[i], value ? value : json_null());
    }
}

static int on_archived(void *arg, const struct storage_definition *row)
{
    struct listing *l = arg;
    struct definition_state state;
    struct fault fault = {0};
    if (row->came != STORAGE_ARCHIVED || !is_in_page(l, row->key)) {
        return 0;
    }
    if (definition_state_of(row, &state, &fault) == 0 &&
        is_wanted(l, row->key, json_object_get(state.body, "tags"))) {
        json_t *told =
            json_pack("{s:s, s:s, s:I, s:b, s:I, s:s}", "key", row->key, "source", "admin",
                      "version", (json_int_t)row->version, "archived", 1, "changedMs",
                      (json_int_t)row->changed_ms, "changedBy", row->changed_by);
        put_texts(told, state.body);
        add(l, &(struct listed){json_string_value(json_object_get(told, "key")), NULL, told});
        l->archived++;
    }
    definition_state_free(&state);
    return l->archived == l->most; /* they come in order: no other one is in the page */
}

static int collect_archived(struct listing *l, struct fault *fault)
{
    struct storage *s = state_file_storage(l->d->operations.state);
    const struct storage_definition_query query = {
        .kind = l->kind, .prefix = l->prefix, .after = l->after, .archived_too = true};
    if (!s || (l->source && strcmp(l->source, "admin") != 0)) {
        return 0;
    }
    return storage_definition_list(s, &query, on_archived, l, fault) < 0 ? -1 : 0;
}

static json_t *tell_item(const struct listing *l, const struct model_item *item)
{
    json_t *told =
        json_pack("{s:s, s:o, s:I, s:b}", "key", item->key.text, "source", routes_source(item),
                  "version", (json_int_t)item->version, "archived", 0);
    put_texts(told, json_object_get(item->json, "ffshm"));
    if (item->kind == IMAGE_FLAG) {
        const struct override *o = pipeline_override(l->d->operations.pipeline, item->key.text);
        json_object_set_new(told, "enabled", json_boolean(item->as.flag.on));
        json_object_set(told, "variants",
                        item->as.flag.variants ? item->as.flag.variants : json_null());
        json_object_set_new(told, "override",
                            text_or_null(!o                        ? NULL
                                         : o->kind == OVERRIDE_PIN ? "pin"
                                                                   : "kill"));
    }
    return told;
}

static json_t *page(struct listing *l)
{
    json_t *items = json_array();
    json_t *next = NULL;
    sort(l);
    for (size_t i = 0; i < l->count; i++) {
        const struct listed *one = &l->all[i];
        if (i + 1 == l->most) {
            next = json_string(l->all[i - 1].key);
        } else if (one->item) {
            json_array_append_new(items, tell_item(l, one->item));
        } else {
            json_array_append(items, one->archived);
        }
    }
    return json_pack("{s:o, s:o}", "items", items, "next", next ? next : json_null());
}

static int read_bool(const struct admin_request *request, const char *name, bool *value,
                     struct admin_error *error)
{
    const char *text = admin_request_parameter(request, name);
    *value = text && strcmp(text, "false") != 0;
    if (text && *text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        return admin_error_set(error, 400, "invalid_parameter", name, NULL,
                               "must be true or false, not \"%.32s\"", text);
    }
    return 0;
}

static void list(const struct routes_definitions *d, enum storage_kind kind,
                 const struct admin_request *request, struct admin_answer *answer)
{
    struct listing l = {
        .d = d,
        .request = request,
        .kind = kind,
        .prefix = admin_request_parameter(request, "prefix"),
        .tag = admin_request_parameter(request, "tag"),
        .source = admin_request_parameter(request, "source"),
        .after = admin_request_parameter(request, "after"),
    };
    struct admin_error error = {0};
    struct fault fault = {0};
    int64_t limit = LIMIT;
    bool archived = false;
    if (admin_request_number(request, "limit", 1, LIMIT_MOST, &limit, &error) != 0 ||
        read_bool(request, "archived", &archived, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    l.most = (size_t)limit + 1;
    l.all = calloc(2 * l.most, sizeof *l.all);
    if (!l.all) {
        admin_answer_refuse(answer, 503, "no_memory", "out of memory");
        return;
    }
    pipeline_in_force_each(d->operations.pipeline, on_item, &l);
    if (archived && collect_archived(&l, &fault) != 0) {
        routes_answer_storage(answer, &fault);
    } else {
        admin_answer_json(answer, 200, page(&l));
    }
    for (size_t i = 0; i < l.count; i++) {
        json_decref(l.all[i].archived);
    }
    free(l.all);
}

/* ---- one ------------------------------------------------------------------------------------ */

static json_t *tell_override(const struct override *o)
{
    return o ? json_pack("{s:s, s:s?, s:s, s:s, s:I, s:I}", "kind",
                         o->kind == OVERRIDE_PIN ? "pin" : "kill", "variant", o->variant, "reason",
                         o->reason, "setBy", o->set_by, "setMs", (json_int_t)o->set_ms, "expiresMs",
                         (json_int_t)o->expires_ms)
             : json_null();
}

static void put_flag_parts(const struct routes_definitions *d, const struct routes_item *item,
                           json_t *body, struct fault *fault)
{
    json_t *pending = schedule_pending(state_file_storage(d->operations.state), item->key, fault);
    json_object_set_new(body, "override",
                        tell_override(pipeline_override(d->operations.pipeline, item->key)));
    if (item->state.body && json_array_size(pending) > 0) { /* as it is to be put again */
        json_t *definition = json_copy(item->state.body);
        json_object_set(definition, "schedule", pending);
        json_object_set_new(body, "definition", definition);
    }
    json_decref(pending);
}

static json_t *tell_one(const struct routes_definitions *d, const struct routes_item *item)
{
    const struct definition_state *s = &item->state;
    struct fault fault = {0};
    const bool kept = s->version != 0;
    json_t *body = json_pack("{s:s, s:s, s:b, s:s?, s:s?, s:O?, s:O?}", "key", item->key, "kind",
                             item->kind == STORAGE_SEGMENT ? "segment" : "flag", "archived",
                             kept && s->came == STORAGE_ARCHIVED, "changedBy", s->changed_by,
                             "reason", s->reason, "definition", s->body, "model",
                             item->force ? item->force->json : NULL);
    if (kept) {
        json_object_set_new(body, "source", json_string("admin"));
        json_object_set_new(body, "version", json_integer(s->version));
    } else if (item->force) {
        json_object_set_new(body, "source", routes_source(item->force));
        json_object_set_new(body, "version", json_integer(item->force->version));
    }
    json_object_set_new(body, "changedMs", kept ? json_integer(s->changed_ms) : json_null());
    if (item->kind == STORAGE_FLAG) {
        put_flag_parts(d, item, body, &fault);
    }
    return body;
}

static void get(const struct routes_definitions *d, enum storage_kind kind,
                const struct admin_request *request, struct admin_answer *answer)
{
    struct routes_item item;
    if (routes_item_take(d, kind, request, answer, &item) == 0 &&
        (item.force || routes_item_kept(&item, answer) == 0)) {
        if (*item.etag) {
            admin_answer_etag(answer, item.etag);
        }
        admin_answer_json(answer, 200, tell_one(d, &item));
    }
    routes_item_free(&item);
}

/* ---- what it was ---------------------------------------------------------------------------- */

struct versions {
    const struct admin_request *request;
    json_t *items;
    size_t limit;
    size_t bytes;
    bool more; /* than there are in the page */
    struct fault *fault;
};

static int on_version(void *arg, const struct storage_definition *row)
{
    static const char *const came[] = {"put", "archived", "deleted"};
    struct versions *v = arg;
    struct definition_state state;
    const size_t count = json_array_size(v->items);
    v->bytes += strlen(row->text);
    if (count == v->limit || (count > 0 && v->bytes > HISTORY_BYTES_MOST)) {
        v->more = true;
        return 1;
    }
    int result = definition_state_of(row, &state, v->fault);
    if (result == 0) {
        /* it may have had other tags then */
        const bool hidden =
            state.body && !routes_may(v->request, row->key, json_object_get(state.body, "tags"));
        json_t *one =
            json_pack("{s:I, s:s, s:I, s:s, s:s?, s:I, s:O?}", "version", (json_int_t)row->version,
                      "came", came[row->came], "changedMs", (json_int_t)row->changed_ms,
                      "changedBy", row->changed_by, "reason", hidden ? NULL : row->reason, "audit",
                      (json_int_t)row->audit, "definition", hidden ? NULL : state.body);
        if (hidden) {
            json_object_set_new(one, "hidden", json_true());
        }
        result = json_array_append_new(v->items, one);
    }
    definition_state_free(&state);
    return result;
}

static void answer_history(const struct routes_definitions *d, const struct routes_item *item,
                           int64_t before, size_t limit, const struct admin_request *request,
                           struct admin_answer *answer)
{
    struct storage *s = state_file_storage(d->operations.state);
    struct fault fault = {0};
    struct versions v = {request, json_array(), limit, 0, false, &fault};
    if (s && storage_definition_history(s, item->kind, item->key, before, limit + 1, on_version, &v,
                                        &fault) < 0) {
        json_decref(v.items);
        routes_answer_storage(answer, &fault);
        return;
    }
    const json_t *last = json_array_get(v.items, json_array_size(v.items) - 1);
    json_t *next = v.more ? json_incref(json_object_get(last, "version")) : json_null();
    admin_answer_json(answer, 200, json_pack("{s:o, s:o}", "items", v.items, "next", next));
}

static void history(const struct routes_definitions *d, enum storage_kind kind,
                    const struct admin_request *request, struct admin_answer *answer)
{
    struct routes_item item;
    struct admin_error error = {0};
    int64_t limit = HISTORY_LIMIT;
    int64_t before = 0;
    if (admin_request_number(request, "limit", 1, HISTORY_LIMIT_MOST, &limit, &error) != 0 ||
        admin_request_number(request, "before", 1, INT64_MAX, &before, &error) != 0) {
        admin_answer_error(answer, &error);
        return;
    }
    if (routes_item_take(d, kind, request, answer, &item) == 0) {
        answer_history(d, &item, before, (size_t)limit, request, answer);
    }
    routes_item_free(&item);
}

/* ---- the table ------------------------------------------------------------------------------ */

static void list_flags(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    list(arg, STORAGE_FLAG, request, answer);
}

static void list_segments(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    list(arg, STORAGE_SEGMENT, request, answer);
}

static void get_flag(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    get(arg, STORAGE_FLAG, request, answer);
}

static void get_segment(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    get(arg, STORAGE_SEGMENT, request, answer);
}

static void flag_history(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    history(arg, STORAGE_FLAG, request, answer);
}

static void segment_history(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    history(arg, STORAGE_SEGMENT, request, answer);
}

static const struct admin_parameter_info list_parameters[] = {
    {"prefix", "Only keys that begin so"},
    {"tag", "Only with this tag"},
    {"source", "Only from there: admin, launchdarkly, file, file:PATH"},
    {"archived", "true: archived ones of operators, too"},
    {"limit", "Items in one answer: 1 to 1000; 100 when not given"},
    {"after", "The key that `next` has told: those behind it"},
    {NULL, NULL},
};

static const struct admin_parameter_info history_parameters[] = {
    {"limit", "Versions in one answer: 1 to 200; 20 when not given"},
    {"before", "The version that `next` has told: those older than it"},
    {NULL, NULL},
};

#define READ(path, what, told, understood)                                                         \
    {                                                                                              \
        .method = ADMIN_GET, .pattern = ADMIN_ROOT path, .least = ADMIN_ROLE_VIEWER,               \
        .handler = (what), .summary = (told), .parameters = (understood)                           \
    }

static const struct admin_route routes[] = {
    READ("/flags", list_flags, "The flags in force, from every source, by key", list_parameters),
    READ("/flags/{key}", get_flag,
         "One flag: its native definition where it is kept here, what is in force, its override",
         NULL),
    READ("/flags/{key}/history", flag_history, "Every version of a flag, newest first",
         history_parameters),
    READ("/segments", list_segments, "The segments in force, from every source, by key",
         list_parameters),
    READ("/segments/{key}", get_segment, "One segment", NULL),
    READ("/segments/{key}/history", segment_history, "Every version of a segment, newest first",
         history_parameters),
};

int routes_definitions_read_add(struct routes_definitions *d, struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, d);
}
