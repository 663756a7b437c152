#include "definition_keeper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../admin/audit.h"
#include "../log.h"
#include "definition_state.h"
#include "references.h"
#include "schedule.h"

/* A definition that is longer stays out of the trail: its version tells where it is. */
#define AUDIT_BODY_MOST 65536u

struct definition_keeper {
    struct operations operations;
    size_t count; /* in force */
    void (*stored)(void *arg);
    void *arg;
};

/* ---- a change ------------------------------------------------------------------------------- */

static int on_newest(void *arg, const struct storage_definition *row)
{
    *(int64_t *)arg = row->version;
    return 0;
}

/* The highest version that the key ever had; 0: none. */
static int newest_version(const struct definition_keeper *k, const struct definition_edit *e,
                          int64_t *version, struct fault *fault)
{
    struct storage *s = state_file_storage(k->operations.state);
    *version = 0;
    return s ? storage_definition_history(s, e->kind, e->key, 0, 1, on_newest, version, fault) : 0;
}

/* What is known of an edit before it is made. */
struct prepared {
    struct definition_state before;
    int64_t version; /* that it makes */
    json_t *was;     /* what was to come before it; owned, NULL: of a segment */
    json_t *pending; /* what is to come after it; owned */
    bool reschedules;
};

struct running {
    struct definition_keeper *k;
    const struct definition_change *change;
    struct prepared *prepared;
    json_t *affected;
    size_t at; /* the edit that is looked at */
};

static int not_read(struct admin_error *error, const struct fault *fault)
{
    *error = (struct admin_error){503, "storage_failed", *fault};
    return -1;
}

static int invalid(struct admin_error *error, const struct fault *fault)
{
    *error = (struct admin_error){422, "invalid_definition", *fault};
    return -1;
}

static int prepare(const struct definition_keeper *k, const struct definition_edit *e,
                   struct prepared *p, struct admin_error *error)
{
    struct fault fault = {0};
    struct storage *s = state_file_storage(k->operations.state);
    if (definition_state_get(s, e->kind, e->key, 0, &p->before, &fault) != 0 ||
        newest_version(k, e, &p->version, &fault) != 0) {
        return not_read(error, &fault);
    }
    p->version++;
    if (e->kind == STORAGE_SEGMENT) {
        return 0;
    }
    p->was = schedule_pending(s, e->key, &fault);
    p->pending = e->came != STORAGE_PUT ? json_array()
                 : e->schedule          ? json_incref(e->schedule)
                                        : schedule_pending_but(s, e->key, e->due, &fault);
    if (!p->was || !p->pending) {
        return not_read(error, &fault);
    }
    p->reschedules = (e->came != STORAGE_PUT || e->schedule) && !json_equal(p->pending, p->was);
    return 0;
}

static bool changes_nothing(const struct definition_edit *e, const struct prepared *p)
{
    return p->before.version && p->before.came == e->came && !p->reschedules &&
           json_equal(p->before.body, e->body);
}

/* Patches can make more of a definition than one request has. */
static int check_size(const struct definition_edit *e, struct admin_error *error)
{
    const size_t bytes = json_dumpb(e->body, NULL, 0, JSON_COMPACT);
    return bytes <= DEFINITION_TEXT_MOST
               ? 0
               : admin_error_set(error, 422, "too_large", NULL,
                                 "move long lists into segments of their own",
                                 "the definition would have %zu bytes; %u are allowed", bytes,
                                 DEFINITION_TEXT_MOST);
}

static int make_item(const struct running *r, size_t i, struct pipeline *pipeline,
                     struct admin_error *error)
{
    const struct definition_edit *e = &r->change->edits[i];
    struct prepared *p = &r->prepared[i];
    struct fault fault = {0};
    if (check_size(e, error) != 0) {
        return -1;
    }
    if (p->pending && (e->schedule || json_array_size(p->pending) > 0) &&
        definition_check_schedule(e->key, e->body, p->pending, &fault) != 0) {
        return invalid(error, &fault);
    }
    struct model_item *item =
        definition_lower(e->kind, e->key, e->body, p->version, r->change->by->actor, &fault);
    if (!item) {
        return invalid(error, &fault);
    }
    if (pipeline_change_put(pipeline, CATALOG_ADMIN, item, &fault) != 0) {
        *error = (struct admin_error){503, "no_memory", fault};
        return -1;
    }
    return 0;
}

static int take_away(const struct definition_edit *e, struct pipeline *pipeline,
                     struct admin_error *error)
{
    struct fault fault = {0};
    const enum image_blob_kind kind = definition_item_kind(e->kind);
    if (!pipeline_item(pipeline, CATALOG_ADMIN, kind, e->key, strlen(e->key))) {
        return 0; /* it is archived, or could not be loaded */
    }
    if (pipeline_change_remove(pipeline, CATALOG_ADMIN, kind, e->key, &fault) != 0) {
        *error = (struct admin_error){503, "no_memory", fault};
        return -1;
    }
    return 0;
}

/* What an edit names. */
static int check_names(const struct running *r, const struct definition_edit *e,
                       struct pipeline *pipeline, struct references_depths *depths,
                       struct admin_error *error)
{
    struct fault fault = {0};
    return e->came == STORAGE_PUT && !r->change->lenient &&
                   references_check(pipeline, definition_item_kind(e->kind), e->key, depths,
                                    &fault) != 0
               ? invalid(error, &fault)
               : 0;
}

/* What others need of what was changed. */
static int check_users(const struct references_item *item, const struct pipeline *pipeline,
                       struct admin_error *error)
{
    struct fault fault = {0};
    if (references_check_users(pipeline, item->kind, item->key, &fault) != 0) {
        *error = (struct admin_error){409, "in_use", fault};
        return -1;
    }
    return 0;
}

static int no_memory(struct admin_error *error)
{
    return admin_error_set(error, 503, "no_memory", NULL, "try again", "out of memory");
}

/* Checks what was applied, and finds out whom it affects. */
static int check(struct running *r, struct pipeline *pipeline, struct admin_error *error)
{
    const size_t count = r->change->count;
    struct references_depths depths;
    int result = references_depths_init(&depths) == 0 ? 0 : no_memory(error);
    struct references_item *items = calloc(count + 1, sizeof *items);
    for (size_t i = 0; items && i < count && result == 0; i++) {
        const struct definition_edit *e = &r->change->edits[i];
        items[i] = (struct references_item){definition_item_kind(e->kind), e->key};
        r->at = i;
        result = check_names(r, e, pipeline, &depths, error);
    }
    for (size_t i = 0; items && i < count && result == 0; i++) {
        r->at = i;
        result = check_users(&items[i], pipeline, error);
    }
    if (items && result == 0) {
        r->affected = references_affected(pipeline, items, count);
    }
    free(items);
    references_depths_free(&depths);
    return result == 0 && !r->affected ? no_memory(error) : result;
}

static int apply(void *arg, struct pipeline *pipeline, struct admin_error *error)
{
    struct running *r = arg;
    const struct definition_edit *edits = r->change->edits;
    for (size_t i = 0; i < r->change->count; i++) {
        r->at = i;
        if (edits[i].came == STORAGE_PUT ? make_item(r, i, pipeline, error) != 0
                                         : take_away(&edits[i], pipeline, error) != 0) {
            return -1;
        }
    }
    return check(r, pipeline, error);
}

/* ---- keeping it ----------------------------------------------------------------------------- */

static size_t bytes_of(json_t *value)
{
    return value ? json_dumpb(value, NULL, 0, JSON_COMPACT) : 0;
}

/* For the trail; malloc'ed, NULL: no memory. */
static char *describe(int64_t version, enum storage_came came, json_t *body, json_t *schedule)
{
    const size_t length = bytes_of(body);
    json_t *told = json_pack("{s:I, s:b}", "version", (json_int_t)version, "archived",
                             came == STORAGE_ARCHIVED);
    if (length > AUDIT_BODY_MOST) {
        json_object_set_new(told, "bytes", json_integer((json_int_t)length));
    } else if (body) {
        json_object_set(told, "definition", body);
    }
    if (bytes_of(schedule) > AUDIT_BODY_MOST) {
        json_object_set_new(told, "scheduled", json_integer((json_int_t)json_array_size(schedule)));
    } else if (json_array_size(schedule) > 0) {
        json_object_set(told, "schedule", schedule);
    }
    char *text = json_dumps(told, JSON_COMPACT);
    json_decref(told);
    return text;
}

static int append_entry(const struct running *r, size_t i, struct storage *s, const char *digest,
                        struct fault *fault)
{
    const struct definition_edit *e = &r->change->edits[i];
    const struct prepared *p = &r->prepared[i];
    struct admin_change by = *r->change->by;
    by.action = e->action;
    char *before = p->before.version
                       ? describe(p->before.version, p->before.came, p->before.body, p->was)
                       : NULL;
    char *after =
        e->came != STORAGE_DELETED ? describe(p->version, e->came, e->body, p->pending) : NULL;
    struct storage_audit entry = operation_entry(&by, e->key, before, after, digest);
    int result = -1;
    if ((p->before.version && !before) || (e->came != STORAGE_DELETED && !after)) {
        fault_set(fault, "", "give the agent more memory", "out of memory");
    } else {
        result = audit_append(s, &entry, fault);
    }
    free(before);
    free(after);
    return result;
}

static int keep_one(const struct running *r, size_t i, struct storage *s, const char *digest,
                    struct fault *fault)
{
    const struct definition_edit *e = &r->change->edits[i];
    const struct prepared *p = &r->prepared[i];
    struct audit_checkpoint newest;
    char *text = e->body ? definition_text(e->kind, e->key, e->body) : NULL;
    if ((e->body && !text) || audit_checkpoint(s, &newest, fault) != 0) {
        free(text);
        return -1;
    }
    const struct storage_definition row = {
        .kind = e->kind,
        .came = e->came,
        .key = e->key,
        .text = text,
        .changed_ms = r->change->by->time_ms,
        .changed_by = r->change->by->actor,
        .reason = r->change->by->reason,
        .audit = newest.number + 1,
    };
    int result = storage_definition_put(s, &row, p->before.version, NULL, fault);
    free(text);
    if (result == 0 && p->reschedules) {
        result = schedule_replace(s, e->key, p->pending, r->change->by, fault);
    }
    return result == 0 ? append_entry(r, i, s, digest, fault) : -1;
}

static int keep(void *arg, struct storage *s, const char *digest, struct admin_error *error)
{
    const struct running *r = arg;
    struct fault fault = {0};
    for (size_t i = 0; i < r->change->count; i++) {
        if (keep_one(r, i, s, digest, &fault) != 0) {
            return admin_error_not_stored(error, &fault);
        }
    }
    return r->change->also ? r->change->also(r->change->arg, s, error) : 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* How many more are in force by the edits; negative: fewer. */
static int64_t growth(const struct running *r)
{
    int64_t more = 0;
    for (size_t i = 0; i < r->change->count; i++) {
        const struct definition_state *before = &r->prepared[i].before;
        more += r->change->edits[i].came == STORAGE_PUT;
        more -= before->version && before->came == STORAGE_PUT;
    }
    return more;
}

static int prepare_all(struct running *r, bool *same, struct admin_error *error)
{
    *same = r->change->also == NULL;
    for (size_t i = 0; i < r->change->count; i++) {
        if (prepare(r->k, &r->change->edits[i], &r->prepared[i], error) != 0) {
            return -1;
        }
        *same = *same && changes_nothing(&r->change->edits[i], &r->prepared[i]);
    }
    if ((int64_t)r->k->count + growth(r) > DEFINITIONS_MOST) {
        return admin_error_set(error, 507, "too_many_definitions", NULL,
                               "archive or delete some, or keep them in a file",
                               "%u definitions can be kept", DEFINITIONS_MOST);
    }
    return 0;
}

static void log_change(const struct running *r)
{
    const struct admin_change *by = r->change->by;
    const struct definition_edit *first = &r->change->edits[0];
    LOG_EVENT(LOG_LEVEL_INFO, "definition-changed", log_text("action", first->action),
              log_text("key", first->key), log_number("definitions", (int64_t)r->change->count),
              log_text("actor", by->actor), log_text("reason", by->reason ? by->reason : ""));
}

static int run(struct running *r, bool dry_run, struct definition_outcome *outcome,
               struct admin_error *error)
{
    const struct operation operation = {apply, keep, r};
    if (prepare_all(r, &outcome->same, error) != 0) {
        return -1;
    }
    outcome->version = r->prepared[0].version - outcome->same;
    if (outcome->same) { /* only to learn the digest */
        dry_run = true;
    }
    const int result =
        operation_run(&r->k->operations, &operation, dry_run, &outcome->operation, error);
    if (result >= 0 && !dry_run && !outcome->operation.proposed) {
        r->k->count = (size_t)((int64_t)r->k->count + growth(r));
        log_change(r);
        if (r->k->stored) {
            r->k->stored(r->k->arg);
        }
    }
    return result;
}

int definition_keeper_change(struct definition_keeper *k, const struct definition_change *change,
                             bool dry_run, struct definition_outcome *outcome,
                             struct admin_error *error)
{
    *outcome = (struct definition_outcome){0};
    if (change->count == 0 || change->count > DEFINITION_EDITS_MOST) {
        return admin_error_set(error, 422, "invalid", NULL, "make several changes of it",
                               "1 to %u definitions can be changed at once", DEFINITION_EDITS_MOST);
    }
    struct running r = {k, change, calloc(change->count, sizeof *r.prepared), NULL, 0};
    const int result = r.prepared ? run(&r, dry_run, outcome, error) : no_memory(error);
    for (size_t i = 0; r.prepared && i < change->count; i++) {
        definition_state_free(&r.prepared[i].before);
        json_decref(r.prepared[i].was);
        json_decref(r.prepared[i].pending);
    }
    free(r.prepared);
    outcome->affected = r.affected;
    outcome->at = r.at;
    return result;
}

/* ---- loading -------------------------------------------------------------------------------- */

void definition_keeper_load(struct definition_keeper *k)
{
    struct storage *s = state_file_storage(k->operations.state);
    struct definitions_kept kept;
    if (!s) {
        return;
    }
    const bool whole = definitions_kept_load(s, &kept) == 0;
    if (!whole && k->count > 0) { /* what is in force is better than a part of it */
        for (size_t i = 0; i < kept.count; i++) {
            model_free(kept.items[i]);
        }
        free(kept.items);
        return;
    }
    const size_t count = kept.count;
    k->count = count + kept.ignored; /* they are kept all the same */
    if (count > 0 &&
        pipeline_replace(k->operations.pipeline, CATALOG_ADMIN, kept.items, count) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "definitions-not-loaded", log_text("cause", "out of memory"));
    } else if (count > 0) {
        LOG_EVENT(LOG_LEVEL_INFO, "definitions-loaded", log_number("count", (int64_t)count),
                  log_number("ignored", (int64_t)kept.ignored));
    }
    free(kept.items);
}

static void log_ignored(const char *key, const struct fault *fault)
{
    LOG_EVENT(LOG_LEVEL_ERROR, "definition-ignored", log_text("key", key),
              log_text("member", fault->member), log_text("cause", fault->cause),
              log_text("effect", "its last good version stays published"));
}

/* 0, also when it cannot be used by this version of the agent: then it stays as it was. */
static int take_renewed(struct definition_keeper *k, enum storage_kind kind, const char *key,
                        const struct definition_state *state, struct fault *fault)
{
    struct pipeline *p = k->operations.pipeline;
    if (!state->version || state->came != STORAGE_PUT) {
        return pipeline_remove(p, CATALOG_ADMIN, definition_item_kind(kind), key);
    }
    struct model_item *item =
        definition_lower(kind, key, state->body, state->version, state->changed_by, fault);
    if (!item) {
        log_ignored(key, fault);
        return 0;
    }
    return pipeline_put(p, CATALOG_ADMIN, item);
}

void definition_keeper_renew(struct definition_keeper *k, enum storage_kind kind, const char *key)
{
    struct definition_state state;
    struct fault fault = {0};
    const enum image_blob_kind item = definition_item_kind(kind);
    const size_t length = strlen(key);
    const bool was = pipeline_item(k->operations.pipeline, CATALOG_ADMIN, item, key, length);
    if (definition_state_get(state_file_storage(k->operations.state), kind, key, 0, &state,
                             &fault) != 0) {
        log_ignored(key, &fault);
    } else if (take_renewed(k, kind, key, &state, &fault) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "definition-ignored", log_text("key", key),
                  log_text("cause", "out of memory"));
    }
    definition_state_free(&state);
    const bool is = pipeline_item(k->operations.pipeline, CATALOG_ADMIN, item, key, length);
    k->count += is && !was;
    k->count -= was && !is && k->count > 0;
}

void definition_keeper_reload(struct definition_keeper *k)
{
    definition_keeper_load(k);
    if (k->count == 0 && pipeline_replace(k->operations.pipeline, CATALOG_ADMIN, NULL, 0) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "definitions-not-loaded", log_text("cause", "out of memory"));
    }
}

size_t definition_keeper_count(const struct definition_keeper *k)
{
    return k->count;
}

/* ---- life ----------------------------------------------------------------------------------- */

struct definition_keeper *definition_keeper_new(const struct operations *operations)
{
    struct definition_keeper *k = calloc(1, sizeof *k);
    if (k) {
        k->operations = *operations;
    }
    return k;
}

void definition_keeper_free(struct definition_keeper *k)
{
    free(k);
}

void definition_keeper_on_stored(struct definition_keeper *k, void (*fn)(void *arg), void *arg)
{
    k->stored = fn;
    k->arg = arg;
}
