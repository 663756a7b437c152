#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../admin/audit.h"

/* ---- points --------------------------------------------------------------------------------- */

struct finding {
    struct history_point *point;
    bool found;
};

static int on_generation(void *arg, const struct storage_generation *g)
{
    struct finding *f = arg;
    f->found = true;
    *f->point = (struct history_point){
        .generation = g->generation, .published_ms = g->published_ms, .audit = g->last_audit};
    snprintf(f->point->digest, sizeof f->point->digest, "%.32s", g->digest);
    return 0;
}

int history_now(const struct operations *o, struct history_point *point, struct fault *fault)
{
    struct storage *s = state_file_storage(o->state);
    struct audit_checkpoint newest = {0};
    struct publisher_stats stats;
    if (s && audit_checkpoint(s, &newest, fault) != 0) {
        return -1;
    }
    publisher_stats(o->publisher, &stats);
    *point = (struct history_point){.generation = stats.generation, .audit = newest.number};
    snprintf(point->digest, sizeof point->digest, "%016" PRIx64 "%016" PRIx64, stats.digest[1],
             stats.digest[0]);
    return 0;
}

int history_of_generation(const struct operations *o, uint64_t generation,
                          struct history_point *point, bool *found, struct fault *fault)
{
    struct storage *s = state_file_storage(o->state);
    struct finding f = {point, false};
    struct publisher_stats stats;
    publisher_stats(o->publisher, &stats);
    if (generation != 0 && stats.generation == generation) {
        *found = true;
        return history_now(o, point, fault);
    }
    const int result = s ? storage_generation_get(s, generation, on_generation, &f, fault) : 0;
    *found = f.found;
    return result;
}

int history_of_time(const struct operations *o, int64_t ms, struct history_point *point,
                    bool *found, struct fault *fault)
{
    struct storage *s = state_file_storage(o->state);
    struct finding f = {point, false};
    const int result = s ? storage_generation_at(s, ms, on_generation, &f, fault) : 0;
    *found = f.found;
    return result;
}

/* ---- what changed between two --------------------------------------------------------------- */

struct key {
    enum storage_kind kind;
    char *text;
};

struct keys {
    struct key *keys;
    size_t count;
    size_t room;
};

static int on_key(void *arg, enum storage_kind kind, const char *text)
{
    struct keys *k = arg;
    if (k->count == k->room) {
        const size_t room = k->room ? k->room * 2 : 64;
        struct key *more = realloc(k->keys, room * sizeof *more);
        if (!more) {
            return -1;
        }
        k->keys = more;
        k->room = room;
    }
    char *copy = strdup(text);
    if (!copy) {
        return -1;
    }
    k->keys[k->count++] = (struct key){kind, copy};
    return 0;
}

static void free_keys(struct keys *k)
{
    for (size_t i = 0; i < k->count; i++) {
        free(k->keys[i].text);
    }
    free(k->keys);
}

struct asking {
    struct definition_state *state;
    struct fault *fault;
};

static int on_version(void *arg, const struct storage_definition *row)
{
    const struct asking *a = arg;
    return row->came == STORAGE_DELETED ? 0 : definition_state_of(row, a->state, a->fault);
}

static int state_at(struct storage *s, const struct key *key, const struct history_point *point,
                    struct definition_state *state, struct fault *fault)
{
    struct asking a = {state, fault};
    *state = (struct definition_state){0};
    const int result =
        storage_definition_as_of(s, key->kind, key->text, point->audit, on_version, &a, fault);
    if (result == STORAGE_CONFLICT) {
        fault_set(fault, "", "",
                  "what \"%.128s\" was then is not kept any more: only its newest %d "
                  "versions are",
                  key->text, STORAGE_VERSIONS_KEPT);
        return HISTORY_GONE;
    }
    return result;
}

static bool same(const struct definition_state *a, const struct definition_state *b)
{
    return a->version && b->version ? a->came == b->came && json_equal(a->body, b->body)
                                    : !a->version && !b->version;
}

static int tell(struct storage *s, const struct key *key, const struct history_point *from,
                const struct history_point *to, history_changed_fn *fn, void *arg,
                struct fault *fault)
{
    struct definition_state before;
    struct definition_state after = {0};
    int result = state_at(s, key, from, &before, fault);
    if (result == 0) {
        result = state_at(s, key, to, &after, fault);
    }
    if (result == 0 && !same(&before, &after)) {
        result = fn(arg, key->kind, key->text, &before, &after);
    }
    definition_state_free(&before);
    definition_state_free(&after);
    return result;
}

int history_changed(const struct operations *o, const struct history_point *from,
                    const struct history_point *to, history_changed_fn *fn, void *arg,
                    struct fault *fault)
{
    struct storage *s = state_file_storage(o->state);
    struct keys k = {0};
    const int64_t first = from->audit < to->audit ? from->audit : to->audit;
    const int64_t last = from->audit < to->audit ? to->audit : from->audit;
    int result = s ? storage_definition_changed(s, first, last, on_key, &k, fault) : 0;
    for (size_t i = 0; result == 0 && i < k.count; i++) {
        result = tell(s, &k.keys[i], from, to, fn, arg, fault);
    }
    free_keys(&k);
    return result;
}

/* ---- the way back --------------------------------------------------------------------------- */

struct edits {
    struct definition_edit *edits;
    size_t count;
    size_t room;
};

static const char *action_of(enum storage_kind kind)
{
    return kind == STORAGE_SEGMENT ? "segment.rollback" : "flag.rollback";
}

static int on_changed(void *arg, enum storage_kind kind, const char *key,
                      const struct definition_state *now, const struct definition_state *then)
{
    struct edits *e = arg;
    (void)now;
    if (e->count == e->room) {
        const size_t room = e->room ? e->room * 2 : 64;
        struct definition_edit *more = realloc(e->edits, room * sizeof *more);
        if (!more) {
            return -1;
        }
        e->edits = more;
        e->room = room;
    }
    char *copy = strdup(key);
    if (!copy) {
        return -1;
    }
    e->edits[e->count++] = (struct definition_edit){
        .kind = kind,
        .key = copy,
        .came = then->version ? then->came : STORAGE_DELETED,
        .body = json_incref(then->body),
        .action = action_of(kind),
    };
    return 0;
}

static void free_edits(struct edits *e)
{
    for (size_t i = 0; i < e->count; i++) {
        free((void *)(uintptr_t)e->edits[i].key);
        json_decref(e->edits[i].body);
    }
    free(e->edits);
}

/* Of many, the one at fault: "variants" -> "flags.checkout.variants". */
static void name_edit(const struct definition_edit *e, struct admin_error *error)
{
    char member[sizeof error->fault.member];
    const char *of = error->fault.member;
    if (error->status == 422 || strcmp(error->code, "in_use") == 0) {
        snprintf(member, sizeof member, "%s.%.120s%s%.110s",
                 e->kind == STORAGE_SEGMENT ? "segments" : "flags", e->key,
                 *of && *of != '[' ? "." : "", of);
        memcpy(error->fault.member, member, sizeof member);
    }
}

/* There is nothing to do: what would come is what is. */
static int nothing(const struct history_point *now, struct definition_outcome *outcome)
{
    *outcome = (struct definition_outcome){.same = true, .affected = json_array()};
    outcome->operation.generation = now->generation;
    memcpy(outcome->operation.digest, now->digest, sizeof outcome->operation.digest);
    return 0;
}

int history_roll_back(const struct operations *o, struct definition_keeper *definitions,
                      const struct history_point *to, const struct admin_change *by, bool dry_run,
                      size_t *changed, struct definition_outcome *outcome,
                      struct admin_error *error)
{
    struct edits e = {0};
    struct fault fault = {0};
    struct history_point now;
    int result;
    *outcome = (struct definition_outcome){0};
    *changed = 0;
    result = history_now(o, &now, &fault);
    if (result == 0) {
        result = history_changed(o, &now, to, on_changed, &e, &fault);
    }
    if (result == HISTORY_GONE) {
        *error = (struct admin_error){409, "not_kept_any_more", fault};
        result = -1;
    } else if (result != 0) {
        *error = (struct admin_error){503, "storage_failed", fault};
        result = -1;
    } else if (e.count == 0) {
        result = nothing(&now, outcome);
    } else {
        const struct definition_change change = {
            .edits = e.edits, .count = e.count, .by = by, .lenient = true};
        *changed = e.count;
        result = definition_keeper_change(definitions, &change, dry_run, outcome, error);
        if (result < 0 && outcome->at < e.count) {
            name_edit(&e.edits[outcome->at], error);
        }
    }
    free_edits(&e);
    return result;
}
