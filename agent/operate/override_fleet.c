#include "override_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/audit.h"
#include "../log.h"

#define AGAIN_S 1

struct override_fleet {
    struct override_keeper *host;
    struct override_keeper *fleet;
    struct state_file *host_state;
    struct state_file *fleet_state;
    struct pipeline *pipeline;
    const struct turns *turns;
    char *host_name;
    struct turn turn;
    bool asks;
    struct event *again; /* after one that failed */
    /* The one that is being brought, copied. */
    char *key;
    int64_t set_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what waits ----------------------------------------------------------------------------- */

static int on_counted(void *arg, const struct storage_override *row)
{
    (void)row;
    ++*(size_t *)arg;
    return 0;
}

size_t override_fleet_waiting(const struct override_fleet *o)
{
    struct storage *s = state_file_storage(o->host_state);
    size_t count = 0;
    if (s) {
        (void)storage_override_list(s, NULL, 0, on_counted, &count, NULL);
    }
    return count;
}

/* It is the fleet's now, or never is going to be: what the fleet says is in force. */
static int forget(struct override_fleet *o)
{
    struct storage *s = state_file_storage(o->host_state);
    struct fault fault = {0};
    if (s && storage_override_delete(s, o->key, &fault) < 0) {
        log_fault(LOG_LEVEL_ERROR, "override-not-forgotten", &fault);
        return -1;
    }
    override_keeper_renew(o->host, o->key);
    override_keeper_renew(o->fleet, o->key);
    return 0;
}

/* ---- bringing one --------------------------------------------------------------------------- */

struct bringing {
    struct override_fleet *o;
    struct storage *to;
    struct fault fault;
    int64_t theirs_ms; /* when the fleet's was set; 0: there is none */
};

static int on_theirs(void *arg, const struct storage_override *row)
{
    struct bringing *b = arg;
    b->theirs_ms = row->set_ms;
    return 0;
}

static const char *action_of(const struct storage_override *row)
{
    return row->kind == STORAGE_PIN ? "flag.pin" : "flag.kill";
}

static int append(const struct bringing *b, const struct storage_override *row)
{
    char after[600];
    char reason[700];
    snprintf(after, sizeof after, "{\"kind\":\"%s\",\"setMs\":%lld,\"expiresMs\":%lld}",
             row->kind == STORAGE_PIN ? "pin" : "kill", (long long)row->set_ms,
             (long long)row->expires_ms);
    snprintf(reason, sizeof reason, "%.500s (on %.100s)", row->reason, b->o->host_name);
    struct storage_audit entry = {
        .time_ms = now_ms(),
        .actor = row->set_by,
        .authenticated = "host",
        .action = action_of(row),
        .target = row->flag,
        .after = after,
        .reason = reason,
    };
    return audit_append(b->to, &entry, (struct fault *)(uintptr_t)&b->fault);
}

struct search {
    char needle[64];
    bool found;
};

static int on_entry(void *arg, const struct storage_audit *entry)
{
    struct search *search = arg;
    search->found = entry->after && strstr(entry->after, search->needle);
    return search->found ? 1 : 0;
}

/* Does the fleet's trail tell of it already? */
static bool was_brought(struct bringing *b, const struct storage_override *row)
{
    struct search search = {.found = false};
    const struct storage_audit_query query = {.backward = true,
                                              .limit = 100,
                                              .actor = row->set_by,
                                              .action = action_of(row),
                                              .target = row->flag};
    snprintf(search.needle, sizeof search.needle, "\"setMs\":%lld,", (long long)row->set_ms);
    (void)storage_audit_list(b->to, &query, on_entry, &search, NULL);
    return search.found;
}

/* The first one that waits. */
static int on_first(void *arg, const struct storage_override *row)
{
    struct bringing *b = arg;
    free(b->o->key);
    b->o->key = strdup(row->flag);
    b->o->set_ms = row->set_ms;
    if (!b->o->key || storage_override_get(b->to, row->flag, on_theirs, b, &b->fault) != 0) {
        return -1;
    }
    if (b->theirs_ms > row->set_ms) {
        LOG_EVENT(LOG_LEVEL_WARNING, "override-dropped", log_text("flag", row->flag),
                  log_text("cause", "the fleet has a newer override of the flag"));
        return 0;
    }
    if (b->theirs_ms == row->set_ms || was_brought(b, row)) {
        return 0; /* before, without our hearing of it; perhaps it was ended since */
    }
    if (storage_begin_durable(b->to, &b->fault) != 0) {
        return -1;
    }
    if (storage_override_put(b->to, row, &b->fault) != 0 || append(b, row) != 0 ||
        storage_commit(b->to, &b->fault) != 0) {
        storage_rollback(b->to);
        return -1;
    }
    return 0;
}

static struct override_fleet *of(struct turn *t)
{
    return (struct override_fleet *)((char *)t - offsetof(struct override_fleet, turn));
}

static void go(struct turn *t)
{
    struct override_fleet *o = of(t);
    struct bringing b = {.o = o, .to = state_file_storage(o->fleet_state)};
    struct storage *from = state_file_storage(o->host_state);
    free(o->key);
    o->key = NULL;
    if (from && storage_override_list(from, NULL, 1, on_first, &b, &b.fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "override-not-brought", &b.fault);
        free(o->key);
        o->key = NULL;
    }
    o->turns->end(o->turns->arg, t);
}

static int on_same(void *arg, const struct storage_override *row)
{
    struct override_fleet *o = arg;
    if (row->set_ms == o->set_ms) {
        o->set_ms = 0;
    }
    return 0;
}

static void on_over(struct turn *t, enum turn_outcome outcome, const struct fault *fault)
{
    struct override_fleet *o = of(t);
    struct timeval wait = {AGAIN_S, 0}; /* never from within: go is called at once, perhaps */
    o->asks = false;
    if (outcome == TURN_DONE && o->key) {
        LOG_EVENT(LOG_LEVEL_INFO, "override-brought", log_text("flag", o->key));
        struct storage *s = state_file_storage(o->host_state);
        /* killed again meanwhile: that one is to be brought, too */
        if (s && storage_override_get(s, o->key, on_same, o, NULL) == 0 && o->set_ms == 0) {
            wait.tv_sec = forget(o) == 0 ? 0 : AGAIN_S;
            (void)pipeline_publish_agreed(o->pipeline);
        }
    } else if (outcome == TURN_OVERTAKEN) {
        wait.tv_sec = 0;
    } else if (fault) {
        log_fault(LOG_LEVEL_DEBUG, "override-waits", fault);
    }
    (void)event_add(o->again, &wait);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    override_fleet_bring(arg);
}

void override_fleet_bring(struct override_fleet *o)
{
    if (!o->asks && override_fleet_waiting(o) > 0) {
        o->asks = true;
        o->turns->ask(o->turns->arg, &o->turn);
    }
}

/* ---- what the fleet says -------------------------------------------------------------------- */

void override_fleet_renew(struct override_fleet *o, const char *key)
{
    if (!override_keeper_has(o->host, key)) {
        override_keeper_renew(o->fleet, key);
    }
}

void override_fleet_reload(struct override_fleet *o)
{
    override_keeper_reload(o->fleet);
    override_keeper_load(o->host);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct override_fleet *override_fleet_new(struct event_base *base, struct override_keeper *host,
                                          struct override_keeper *fleet,
                                          const struct operations *host_operations,
                                          const struct operations *fleet_operations,
                                          const struct turns *turns, const char *host_name)
{
    struct override_fleet *o = calloc(1, sizeof *o);
    char *name = strdup(host_name);
    if (!o || !name) {
        free(o);
        free(name);
        return NULL;
    }
    *o = (struct override_fleet){
        .host = host,
        .fleet = fleet,
        .host_state = host_operations->state,
        .fleet_state = fleet_operations->state,
        .pipeline = fleet_operations->pipeline,
        .turns = turns,
        .host_name = name,
        .turn = {.go = go, .over = on_over},
    };
    o->again = evtimer_new(base, on_again, o);
    if (!o->again) {
        override_fleet_free(o);
        return NULL;
    }
    return o;
}

void override_fleet_free(struct override_fleet *o)
{
    if (o) {
        if (o->asks) {
            o->turns->leave(o->turns->arg, &o->turn);
        }
        if (o->again) {
            event_free(o->again);
        }
        free(o->host_name);
        free(o->key);
        free(o);
    }
}
