#include "evaluate_store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/admin_route.h"
#include "../log.h"
#include "../storage/storage_admin.h"

#define KEPT_S 5 /* after the last question */

/* ---- what the state file has noted ---------------------------------------------------------- */

struct noted {
    const struct evaluate_store *store;
    struct store_past *published;
    bool found;
};

/* 32 hexadecimal digits, the high half first. */
static bool parse_digest(const char *text, uint64_t digest[2])
{
    char half[17];
    if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32) {
        return false;
    }
    memcpy(half, text, 16);
    half[16] = '\0';
    digest[1] = strtoull(half, NULL, 16);
    digest[0] = strtoull(text + 16, NULL, 16);
    return true;
}

/* Of another store the content counts, its number does not. */
static int on_generation(void *arg, const struct storage_generation *g)
{
    struct noted *const n = arg;
    struct store_past *const p = n->published;
    *p = (struct store_past){.created_ms = (uint64_t)g->published_ms};
    p->generation = g->store == n->store->epoch ? g->generation : 0;
    n->found = parse_digest(g->digest, p->digest);
    return 0;
}

/* What cannot be read is not known: the heads' own times are asked then. */
static bool of_time(void *arg, int64_t ms, struct store_past *published)
{
    struct noted n = {arg, published, false};
    struct fault fault = {0};
    struct storage *const s = state_file_storage(n.store->log);
    return s && storage_generation_at(s, ms, on_generation, &n, &fault) == 0 && n.found;
}

static bool of_generation(void *arg, uint64_t generation, struct store_past *published)
{
    struct noted n = {arg, published, false};
    struct fault fault = {0};
    struct storage *const s = state_file_storage(n.store->log);
    return s && storage_generation_get(s, generation, on_generation, &n, &fault) == 0 && n.found;
}

/* ---- the store ------------------------------------------------------------------------------ */

static void let_go(evutil_socket_t fd, short what, void *arg)
{
    struct evaluate_store *const s = arg;
    (void)fd, (void)what;
    ffshm_close(s->store);
    s->store = NULL;
}

static int no_memory(struct admin_error *error)
{
    return admin_error_set(error, 503, "no_memory", NULL, NULL, "out of memory");
}

static int open_store(struct evaluate_store *s, struct admin_error *error)
{
    const struct timeval after = {KEPT_S, 0};
    const struct ffshm_options how = {
        .size = sizeof how, .refresh = FFSHM_REFRESH_MANUAL, .no_telemetry = true};
    if (!s->timer) {
        s->timer = evtimer_new(s->base, let_go, s);
    }
    if (!s->timer || event_add(s->timer, &after) != 0) {
        return no_memory(error);
    }
    if (s->store) {
        ffshm_refresh(s->store);
        return 0;
    }
    s->store = ffshm_open(s->dir, &how);
    return s->store ? 0 : no_memory(error);
}

static int pin_now(struct evaluate_store *s, struct ffshm_view *view, struct admin_error *error)
{
    ffshm_pin(s->store, view);
    const struct snapshot *const snapshot = view->snapshot;
    if (snapshot->ready) {
        return 0;
    }
    ffshm_unpin(view);
    return admin_error_set(error, 503, "not_ready", NULL,
                           "GET " ADMIN_ROOT "/status tells what the sources say",
                           "no definitions have been published");
}

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int pin_past(struct evaluate_store *s, uint64_t generation, struct ffshm_view *view,
                    struct admin_error *error)
{
    const char *why = "";
    char text[LOG_GENERATION];
    const int bad = store_pin_past(s->store, generation, view, &why);
    return bad ? admin_error_set(error, 503, "snapshot_refused", "at", NULL,
                                 "generation %s: %s: %s", log_generation(generation, text),
                                 ffshm_error_text(bad), why)
               : 0;
}

static int pin_at(struct evaluate_store *s, const struct at *at, struct ffshm_view *view,
                  struct admin_error *error)
{
    const struct at_log log = {of_time, of_generation, s};
    struct store_past *const retained = calloc(AT_RETAINED, sizeof *retained);
    char why[AT_WHY];
    uint64_t generation = 0;
    if (!retained) {
        return no_memory(error);
    }
    const size_t count = store_retained(s->store, retained, AT_RETAINED);
    const bool found = at_find(at, retained, count, &log, wall_ms(), &generation, why);
    free(retained);
    return found ? pin_past(s, generation, view, error)
                 : admin_error_set(error, 404, "not_retained", "at",
                                   "leave it out for what is in force now", "%s", why);
}

int evaluate_store_pin(struct evaluate_store *s, const struct at *at, struct ffshm_view *view,
                       struct admin_error *error)
{
    *view = (struct ffshm_view){NULL, NULL};
    if (open_store(s, error) != 0) {
        return -1;
    }
    return at ? pin_at(s, at, view, error) : pin_now(s, view, error);
}

void evaluate_store_close(struct evaluate_store *s)
{
    if (s->timer) {
        event_free(s->timer);
        s->timer = NULL;
    }
    ffshm_close(s->store);
    s->store = NULL;
}
