#include "override_keeper.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/audit.h"
#include "../log.h"

#define LOOK_MOST_MS 60000 /* the wall clock may be set meanwhile; what failed is tried again */
#define EXPIRE_AT_ONCE 64  /* each waits for the disk */
#define FLEET_AGAIN_MS 1000

struct override_keeper {
    struct operations operations;
    struct event *expiry;
    size_t count;     /* that are in force */
    int64_t tried_ms; /* when those that had expired were cleared, or were tried to be */
    int64_t next_ms;  /* nothing expires before that; INT64_MAX: nothing does */
    /* Of a fleet. */
    const struct turns *turns; /* NULL: it is not */
    bool (*leads)(const void *arg);
    const void *leads_arg;
    struct turn turn;
    bool asks;
    bool proposed; /* in its turn */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- storing -------------------------------------------------------------------------------- */

/* For the audit; NULL: there is no override, or no memory. */
static char *describe(const struct override *o)
{
    if (!o) {
        return NULL;
    }
    json_t *body = json_pack("{s:s, s:s*, s:s, s:s, s:I, s:I}", "kind",
                             o->kind == OVERRIDE_PIN ? "pin" : "kill", "variant", o->variant,
                             "reason", o->reason, "setBy", o->set_by, "setMs",
                             (json_int_t)o->set_ms, "expiresMs", (json_int_t)o->expires_ms);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static struct override of_row(const struct storage_override *row)
{
    return (struct override){
        .kind = row->kind == STORAGE_PIN ? OVERRIDE_PIN : OVERRIDE_KILL,
        .variant = row->variant,
        .reason = row->reason,
        .set_by = row->set_by,
        .set_ms = row->set_ms,
        .expires_ms = row->expires_ms,
    };
}

static int put(struct storage *s, const char *key, const struct override *o, struct fault *fault)
{
    const struct storage_override row = {
        .flag = key,
        .kind = o->kind == OVERRIDE_PIN ? STORAGE_PIN : STORAGE_KILL,
        .variant = o->variant,
        .reason = o->reason,
        .set_by = o->set_by,
        .set_ms = o->set_ms,
        .expires_ms = o->expires_ms,
    };
    return storage_override_put(s, &row, fault);
}

/* One that is not stored is cleared all the same: it may have come from a file that was replaced.
 */
static int delete (struct storage *s, const char *key, struct fault *fault)
{
    return storage_override_delete(s, key, fault) < 0 ? -1 : 0;
}

struct edit {
    const char *key;
    const struct override *override; /* NULL: to be cleared */
    const struct admin_change *change;
    bool was; /* the flag is overridden, before it */
    char *before;
    char *after;
};

static int apply(void *arg, struct pipeline *pipeline, struct admin_error *error)
{
    const struct edit *e = arg;
    struct fault fault = {0};
    if (e->override ? pipeline_change_override(pipeline, e->key, e->override, &fault) != 0
                    : e->was && pipeline_change_clear(pipeline, e->key, &fault) != 0) {
        *error = (struct admin_error){422, "invalid", fault};
        return -1;
    }
    return 0;
}

static int keep(void *arg, struct storage *s, const char *digest, struct admin_error *error)
{
    const struct edit *e = arg;
    struct fault fault = {0};
    struct storage_audit entry = operation_entry(e->change, e->key, e->before, e->after, digest);
    if ((e->override ? put(s, e->key, e->override, &fault) : delete (s, e->key, &fault)) != 0 ||
        audit_append(s, &entry, &fault) != 0) {
        return admin_error_not_stored(error, &fault);
    }
    return 0;
}

/* ---- changing ------------------------------------------------------------------------------- */

static void await_expiry(struct override_keeper *k);

/* One that is gone, or ends later now, is found out when its time comes: looking for the earliest
   means going over all flags, and a kill switch does not wait for that. */
static void note_expiry(struct override_keeper *k, const struct override *override)
{
    if (override && override->expires_ms && override->expires_ms < k->next_ms) {
        k->next_ms = override->expires_ms;
        await_expiry(k);
    }
}

static int run(struct override_keeper *k, struct edit *e, bool dry_run,
               struct operation_outcome *outcome, struct admin_error *error)
{
    const struct operation operation = {apply, keep, e};
    const int result = operation_run(&k->operations, &operation, dry_run, outcome, error);
    if (result < 0 || dry_run || outcome->proposed) {
        return result;
    }
    k->count += e->override && !e->was;
    k->count -= !e->override && e->was;
    note_expiry(k, e->override);
    LOG_EVENT(LOG_LEVEL_WARNING, "override-changed", log_text("action", e->change->action),
              log_text("flag", e->key), log_text("actor", e->change->actor),
              log_text("reason", e->change->reason ? e->change->reason : ""));
    return result;
}

static int on_counted(void *arg, const struct storage_override *row)
{
    (void)row;
    ++*(size_t *)arg;
    return 0;
}

/* In a fleet rows come and go without this keeper. */
static void recount(struct override_keeper *k)
{
    struct storage *s = state_file_storage(k->operations.state);
    size_t count = 0;
    if (s && storage_override_list(s, NULL, 0, on_counted, &count, NULL) == 0) {
        k->count = count;
    }
}

int override_keeper_change(struct override_keeper *k, const char *key,
                           const struct override *override, const struct admin_change *change,
                           bool dry_run, struct operation_outcome *outcome,
                           struct admin_error *error)
{
    const struct override *const old = pipeline_override(k->operations.pipeline, key);
    if (override && !old && k->count >= OVERRIDES_MOST) {
        recount(k);
    }
    if (override && !old && k->count >= OVERRIDES_MOST) {
        return admin_error_set(error, 507, "too_many_overrides", NULL, "revive some",
                               "%u flags are overridden, as many as can be", OVERRIDES_MOST);
    }
    struct edit e = {key, override, change, old, describe(old), describe(override)};
    int result;
    if ((old && !e.before) || (override && !e.after)) {
        result = admin_error_set(error, 503, "no_memory", NULL, "try again", "out of memory");
    } else {
        result = run(k, &e, dry_run, outcome, error);
    }
    free(e.before);
    free(e.after);
    return result;
}

/* ---- expiring ------------------------------------------------------------------------------- */

static void arm(struct override_keeper *k, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    if (event_add(k->expiry, &wait) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "override-expiry-failed", log_text("cause", "out of memory"));
    }
}

struct next {
    int64_t tried_ms;
    int64_t at_ms;
};

static void earliest(void *arg, const char *key, const struct override *override,
                     const struct model_item *item)
{
    struct next *next = arg;
    const int64_t expires = override->expires_ms;
    const int64_t at = expires > next->tried_ms ? expires : next->tried_ms + LOOK_MOST_MS;
    (void)key, (void)item;
    if (expires && at < next->at_ms) {
        next->at_ms = at;
    }
}

/* Until the next one expires, or the time comes to look whether the clock was set. */
static void await_expiry(struct override_keeper *k)
{
    if (k->next_ms == INT64_MAX) {
        event_del(k->expiry);
        return;
    }
    const int64_t now = now_ms();
    const int64_t left = k->next_ms > now ? k->next_ms - now : 0;
    arm(k, left < LOOK_MOST_MS ? left : LOOK_MOST_MS);
}

static void at_once(struct override_keeper *k)
{
    k->next_ms = 0;
    await_expiry(k);
}

static void look_for_expiry(struct override_keeper *k)
{
    struct next next = {k->tried_ms, INT64_MAX};
    pipeline_override_each(k->operations.pipeline, earliest, &next);
    k->next_ms = next.at_ms;
    await_expiry(k);
}

struct due_one {
    char *key;
    char *before; /* as the trail tells it */
    int64_t set_ms;
};

struct due {
    struct due_one *all;
    size_t count;
};

/* One that was over at the start is not in force: only its row knows what it was. */
static int on_due(void *arg, const struct storage_override *row)
{
    struct due *d = arg;
    const struct override o = of_row(row);
    struct due_one *all = realloc(d->all, (d->count + 1) * sizeof *all);
    const struct due_one one = {strdup(row->flag), describe(&o), row->set_ms};
    d->all = all ? all : d->all;
    if (!all || !one.key || !one.before) {
        free(one.key);
        free(one.before);
        return -1;
    }
    d->all[d->count++] = one;
    return 0;
}

static void drop_due(struct due *due)
{
    for (size_t i = 0; i < due->count; i++) {
        free(due->all[i].key);
        free(due->all[i].before);
    }
    free(due->all);
}

static int expire(struct override_keeper *k, const struct due_one *one)
{
    const struct admin_change change = {
        .action = "override.expire",
        .actor = "ffagent",
        .authenticated = "the agent itself",
        .time_ms = now_ms(),
    };
    struct edit e = {
        .key = one->key,
        .change = &change,
        .was = pipeline_override(k->operations.pipeline, one->key) != NULL,
        .before = one->before,
    };
    struct operation_outcome outcome;
    struct admin_error error = {0};
    if (run(k, &e, false, &outcome, &error) < 0) {
        log_fault(LOG_LEVEL_ERROR, "override-expiry-failed", &error.fault);
        return -1;
    }
    return 0;
}

/* In a fleet it is over on every host; its row goes by the host that leads, one in a turn. */
static bool expire_here(struct override_keeper *k, const struct due *due)
{
    bool any = false;
    for (size_t i = 0; i < due->count; i++) {
        struct fault fault = {0};
        const struct override *o = pipeline_override(k->operations.pipeline, due->all[i].key);
        if (!o || o->set_ms != due->all[i].set_ms) {
            continue; /* it is over already; or another one is in force */
        }
        any = true;
        if (pipeline_override_unload(k->operations.pipeline, due->all[i].key, &fault) != 0) {
            log_fault(LOG_LEVEL_ERROR, "override-expiry-failed", &fault);
        }
    }
    if (any) {
        (void)pipeline_publish(k->operations.pipeline);
    }
    if (due->count > 0 && !k->asks && k->leads(k->leads_arg)) {
        k->asks = true;
        k->turns->ask(k->turns->arg, &k->turn);
    }
    return due->count > 0;
}

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
    struct override_keeper *k = arg;
    struct storage *s = state_file_storage(k->operations.state);
    struct due due = {0};
    struct fault fault = {0};
    size_t cleared = 0;
    bool more = false;
    (void)fd, (void)what;
    k->tried_ms = now_ms();
    if (s && storage_override_due(s, k->tried_ms, 0, on_due, &due, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "override-expiry-failed", &fault);
    }
    const bool others = k->turns && expire_here(k, &due);
    for (size_t i = 0; i < due.count; i++) {
        more = more || cleared == EXPIRE_AT_ONCE || k->turns;
        cleared += !more && expire(k, &due.all[i]) == 0;
    }
    drop_due(&due);
    if (others) {
        arm(k, FLEET_AGAIN_MS); /* the host that leads takes it away, or another one will lead */
    } else if (more) {
        at_once(k);
    } else {
        look_for_expiry(k);
    }
}

/* ---- loading -------------------------------------------------------------------------------- */

static int on_stored(void *arg, const struct storage_override *row)
{
    struct override_keeper *k = arg;
    const struct override o = of_row(row);
    struct fault fault = {0};
    if (row->expires_ms && row->expires_ms <= now_ms()) {
        at_once(k); /* it is over; the trail is told when the loop runs */
        return 0;
    }
    if (pipeline_override_load(k->operations.pipeline, row->flag, &o, &fault) == 0) {
        k->count++;
    } else {
        log_fault(LOG_LEVEL_ERROR, "override-ignored", &fault);
    }
    return 0;
}

void override_keeper_load(struct override_keeper *k)
{
    struct storage *s = state_file_storage(k->operations.state);
    struct fault fault = {0};
    k->count = 0;
    if (s && storage_override_list(s, NULL, 0, on_stored, k, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "overrides-not-loaded", &fault);
    }
    if (k->count > 0) {
        LOG_EVENT(LOG_LEVEL_WARNING, "overridden", log_number("flags", (int64_t)k->count));
    }
    if (!evtimer_pending(k->expiry, NULL)) {
        look_for_expiry(k);
    }
}

/* ---- in a fleet ----------------------------------------------------------------------------- */

static void go(struct turn *t)
{
    struct override_keeper *k =
        (struct override_keeper *)((char *)t - offsetof(struct override_keeper, turn));
    struct due due = {0};
    struct fault fault = {0};
    k->proposed = false;
    if (storage_override_due(state_file_storage(k->operations.state), now_ms(), 1, on_due, &due,
                             &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "override-expiry-failed", &fault);
    } else if (due.count > 0) {
        k->proposed = expire(k, &due.all[0]) == 0;
    }
    drop_due(&due);
    k->turns->end(k->turns->arg, t);
}

static void on_over(struct turn *t, enum turn_outcome outcome, const struct fault *fault)
{
    struct override_keeper *k =
        (struct override_keeper *)((char *)t - offsetof(struct override_keeper, turn));
    (void)fault;
    k->asks = false;
    if (k->proposed && (outcome == TURN_DONE || outcome == TURN_OVERTAKEN)) {
        at_once(k); /* the next one */
    } else {
        arm(k, FLEET_AGAIN_MS);
    }
}

void override_keeper_of_fleet(struct override_keeper *k, const struct turns *turns,
                              bool (*leads)(const void *arg), const void *arg)
{
    k->turns = turns;
    k->leads = leads;
    k->leads_arg = arg;
    k->turn = (struct turn){.go = go, .over = on_over};
}

static int on_found(void *arg, const struct storage_override *row)
{
    (void)row;
    *(bool *)arg = true;
    return 0;
}

bool override_keeper_has(const struct override_keeper *k, const char *key)
{
    struct storage *s = state_file_storage(k->operations.state);
    bool found = false;
    return s && storage_override_get(s, key, on_found, &found, NULL) == 0 && found;
}

static int drop_one(struct override_keeper *k, const char *key)
{
    struct fault fault = {0};
    if (pipeline_override_unload(k->operations.pipeline, key, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "override-ignored", &fault);
        return -1;
    }
    return 0;
}

void override_keeper_renew(struct override_keeper *k, const char *key)
{
    struct storage *s = state_file_storage(k->operations.state);
    struct fault fault = {0};
    if (drop_one(k, key) == 0 && s && storage_override_get(s, key, on_stored, k, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "override-ignored", &fault);
    }
    at_once(k);
}

struct keys {
    char **all;
    size_t count;
};

static void collect_key(void *arg, const char *key, const struct override *override,
                        const struct model_item *item)
{
    struct keys *keys = arg;
    char **all = realloc(keys->all, (keys->count + 1) * sizeof *all);
    (void) override, (void)item;
    keys->all = all ? all : keys->all;
    if (all && (all[keys->count] = strdup(key)) != NULL) {
        keys->count++;
    }
}

void override_keeper_reload(struct override_keeper *k)
{
    struct keys keys = {NULL, 0};
    pipeline_override_each(k->operations.pipeline, collect_key, &keys);
    for (size_t i = 0; i < keys.count; i++) {
        (void)drop_one(k, keys.all[i]);
        free(keys.all[i]);
    }
    free(keys.all);
    override_keeper_load(k);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct override_keeper *override_keeper_new(struct event_base *base,
                                            const struct operations *operations)
{
    struct override_keeper *k = calloc(1, sizeof *k);
    if (!k) {
        return NULL;
    }
    k->operations = *operations;
    k->next_ms = INT64_MAX;
    k->expiry = evtimer_new(base, on_expiry, k);
    if (!k->expiry) {
        free(k);
        return NULL;
    }
    return k;
}

void override_keeper_free(struct override_keeper *k)
{
    if (k) {
        if (k->asks) {
            k->turns->leave(k->turns->arg, &k->turn);
        }
        event_free(k->expiry);
        free(k);
    }
}
