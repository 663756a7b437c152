#include "routes_changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../admin/admin_answer.h"
#include "../admin/admin_stream.h"
#include "../catalog/document.h"
#include "../log.h"
#include "../pipeline_journal.h"
#include "../storage/storage_admin.h"
#include "routes_common.h"

#define QUEUE 64u      /* publishes that are told with the next turn of the loop */
#define ITEM_BYTES 96u /* of an item's JSON, besides its key and its source */

/* One client. */
struct watcher {
    struct routes_changes *of;
    size_t at; /* its place among the others */
    struct admin_stream *stream;
    struct admin_actor actor; /* its limits are a reference of ours */
    uint64_t generation;      /* that it was told last */
};

struct told {
    struct journal *journal;
    int64_t audit; /* the entry of the operator's change that is in it; 0: none, or not known */
};

struct routes_changes {
    struct pipeline *pipeline;
    struct publisher *publisher;
    struct state_file *state;
    struct admin_server *server;
    struct pipeline_listener listener;
    struct event *soon;
    struct watcher *watchers[ROUTES_CHANGES_STREAMS]; /* NULL: a free place */
    size_t count;
    struct told queue[QUEUE];
    size_t queued;
};

/* ---- what is told --------------------------------------------------------------------------- */

static json_t *describe_generation(uint64_t generation, const uint64_t digest[2],
                                   uint64_t published_ms)
{
    char text[LOG_GENERATION];
    char hex[33];
    snprintf(hex, sizeof hex, "%016" PRIx64 "%016" PRIx64, digest[1], digest[0]);
    return json_pack("{s:I, s:s, s:s, s:o}", "generation", (json_int_t)generation, "generationText",
                     log_generation(generation, text), "digest", hex, "publishedMs",
                     published_ms ? json_integer((json_int_t)published_ms) : json_null());
}

/* What the actor may see of it, and whether an operator's change is among that. NULL: no memory. */
static json_t *describe_items(const struct journal *j, const struct admin_actor *actor,
                              size_t *more, bool *by_operator)
{
    json_t *items = json_array();
    size_t bytes = 0;
    *more = j->more.flags + j->more.segments;
    *by_operator = false;
    for (size_t i = 0; i < j->count && items; i++) {
        const struct journal_item *item = j->items[i];
        if (!routes_actor_may(actor, item->key, item->tags)) {
            continue;
        }
        *by_operator = *by_operator || item->by_operator;
        bytes += strlen(item->key) + strlen(item->source) + ITEM_BYTES;
        if (bytes > ROUTES_CHANGES_BYTES) {
            (*more)++;
        } else if (json_array_append_new(items, journal_item_describe(item)) != 0) {
            json_decref(items);
            items = NULL;
        }
    }
    return items;
}

static int on_entry(void *arg, const struct storage_audit *e)
{
    json_t **by = arg;
    if (!e->malformed) {
        *by = json_pack("{s:I, s:s, s:s, s:s?}", "audit", (json_int_t)e->number, "actor", e->actor,
                        "action", e->action, "reason", e->reason);
    }
    return 0;
}

/* Who made the operator's change, and why; null where that is not known. */
static json_t *describe_operator(const struct routes_changes *c, int64_t audit)
{
    struct storage *s = state_file_storage(c->state);
    json_t *by = NULL;
    const struct storage_audit_query query = {.after = audit - 1, .limit = 1};
    if (s && audit > 0) {
        (void)storage_audit_list(s, &query, on_entry, &by, NULL);
    }
    return by ? by : json_null();
}

/* Malloc'ed; NULL: no memory. */
static char *describe_publish(const struct routes_changes *c, const struct told *t,
                              const struct admin_actor *actor, size_t *length)
{
    const struct journal *j = t->journal;
    size_t more;
    bool by_operator;
    json_t *items = describe_items(j, actor, &more, &by_operator);
    json_t *body = items ? describe_generation(j->generation, j->digest, j->published_ms) : NULL;
    int failed = !body || json_object_set_new(body, "compaction", json_boolean(j->compaction));
    failed = failed || json_object_set_new(body, "more", json_integer((json_int_t)more)) ||
             json_object_set_new(body, "by",
                                 by_operator ? describe_operator(c, t->audit) : json_null()) ||
             json_object_set(body, "changed", items);
    char *text = failed ? NULL : document_dump(body, length);
    json_decref(items);
    json_decref(body);
    return text;
}

/* ---- watchers ------------------------------------------------------------------------------- */

static void forget(struct watcher *w)
{
    w->of->watchers[w->at] = NULL;
    w->of->count--;
    json_decref(w->actor.limits);
    free(w);
}

static void on_closed(void *arg)
{
    forget(arg);
}

static void end(struct watcher *w)
{
    admin_stream_end(w->stream);
    forget(w);
}

/* A token may have ended since. */
static bool is_good(const struct watcher *w)
{
    struct timespec now;
    if (!w->actor.token_id[0]) {
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    const struct admin_token *token =
        admin_tokens_find(admin_server_tokens(w->of->server), w->actor.token_id);
    return token && token->revoked_ms == 0 &&
           (token->expires_ms == 0 ||
            token->expires_ms > (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* What those without limits are told is written once. */
static void tell(struct routes_changes *c, const struct told *t)
{
    static const struct admin_actor unlimited = {.role = ADMIN_ROLE_VIEWER};
    char id[LOG_GENERATION];
    size_t all_length = 0;
    char *all = NULL;
    log_generation(t->journal->generation, id);
    for (size_t i = 0; i < ROUTES_CHANGES_STREAMS; i++) {
        struct watcher *w = c->watchers[i];
        size_t length = 0;
        if (!w || t->journal->generation <= w->generation) {
            continue; /* it came later, and knows of it */
        }
        if (!w->actor.limits && !all) {
            all = describe_publish(c, t, &unlimited, &all_length);
        }
        char *own = w->actor.limits ? describe_publish(c, t, &w->actor, &length) : NULL;
        const char *text = w->actor.limits ? own : all;
        w->generation = t->journal->generation;
        if (!text || !is_good(w)) {
            end(w); /* it comes again, or is refused then */
        } else {
            (void)admin_stream_event(w->stream, "publish", id, text, own ? length : all_length);
        }
        free(own);
    }
    free(all);
}

static void tell_all(struct routes_changes *c)
{
    for (size_t i = 0; i < c->queued; i++) {
        tell(c, &c->queue[i]);
        journal_drop(c->queue[i].journal);
    }
    c->queued = 0;
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    tell_all(arg);
}

static bool has_operators(const struct journal *j)
{
    for (size_t i = 0; i < j->count; i++) {
        if (j->items[i]->by_operator) {
            return true;
        }
    }
    return false;
}

/* An operator's change has its entry by now, and that is the newest. */
static void on_published(void *arg, struct journal *j)
{
    static const struct timeval now = {0, 0};
    struct routes_changes *c = arg;
    struct storage *s = state_file_storage(c->state);
    struct told told = {.audit = 0};
    uint8_t hash[STORAGE_AUDIT_HASH];
    if (c->count == 0) {
        return;
    }
    if (s && has_operators(j) && storage_audit_newest(s, &told.audit, hash, NULL) != 0) {
        told.audit = 0;
    }
    if (c->queued == QUEUE) {
        tell_all(c);
    }
    told.journal = journal_hold(j);
    c->queue[c->queued++] = told;
    if (event_add(c->soon, &now) != 0) {
        tell_all(c);
    }
}

/* ---- a new one ------------------------------------------------------------------------------ */

static int greet_with(const struct watcher *w, const char *name, const char *id, json_t *body)
{
    size_t length;
    char *text = body ? document_dump(body, &length) : NULL;
    const int result = text ? admin_stream_event(w->stream, name, id, text, length) : -1;
    free(text);
    json_decref(body);
    return result;
}

/* What is published; and whether that is another generation than the client has seen last. */
static int greet(struct watcher *w, const char *last_seen)
{
    struct publisher_stats s;
    char id[LOG_GENERATION];
    publisher_stats(w->of->publisher, &s);
    w->generation = s.generation;
    log_generation(s.generation, id);
    json_t *body = describe_generation(s.generation, s.digest, s.published_ms);
    if (body && (json_object_set_new(body, "flags", json_integer(s.flags)) != 0 ||
                 json_object_set_new(body, "segments", json_integer(s.segments)) != 0)) {
        json_decref(body);
        body = NULL;
    }
    if (greet_with(w, "snapshot", id, body) != 0) {
        return -1;
    }
    return last_seen && strcmp(last_seen, id) != 0
               ? greet_with(w, "gap", id,
                            describe_generation(s.generation, s.digest, s.published_ms))
               : 0;
}

/* Into a free place: there is one. */
static void take_place(struct routes_changes *c, struct watcher *w)
{
    while (c->watchers[w->at]) {
        w->at++;
    }
    c->watchers[w->at] = w;
    c->count++;
    w->of = c;
}

static void changes(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct routes_changes *c = arg;
    struct watcher *w = c->count < ROUTES_CHANGES_STREAMS ? calloc(1, sizeof *w) : NULL;
    if (c->count >= ROUTES_CHANGES_STREAMS) {
        admin_answer_refuse(answer, 503, "too_many_streams",
                            "%u clients follow the changes, as many as can",
                            ROUTES_CHANGES_STREAMS);
        return;
    }
    if (!w) {
        admin_answer_refuse(answer, 503, "no_memory", "out of memory");
        return;
    }
    const struct admin_stream_owner owner = {NULL, on_closed, w};
    w->stream = admin_stream_begin(answer, ADMIN_EVENTS, &owner);
    if (!w->stream) {
        free(w);
        return;
    }
    w->actor = *request->actor;
    json_incref(w->actor.limits);
    take_place(c, w);
    if (greet(w, admin_head_value(request->head, "Last-Event-ID")) != 0) {
        end(w);
    }
}

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/changes",
     .least = ADMIN_ROLE_VIEWER,
     .handler = changes,
     .summary = "An event `snapshot` with what is published now; then `publish` for every new "
                "generation, with what changed. `gap`: Last-Event-ID is another generation",
     .answers = ADMIN_EVENTS},
};

int routes_changes_add(struct routes_changes *c, struct admin_server *server)
{
    c->server = server;
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, c);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct routes_changes *routes_changes_new(struct event_base *base, struct pipeline *pipeline,
                                          struct publisher *publisher, struct state_file *state)
{
    struct routes_changes *c = calloc(1, sizeof *c);
    struct event *soon = c ? evtimer_new(base, on_soon, c) : NULL;
    if (!soon) {
        free(c);
        return NULL;
    }
    c->pipeline = pipeline;
    c->publisher = publisher;
    c->state = state;
    c->soon = soon;
    c->listener = (struct pipeline_listener){on_published, NULL, c, NULL};
    pipeline_listen(pipeline, &c->listener);
    return c;
}

void routes_changes_free(struct routes_changes *c)
{
    if (!c) {
        return;
    }
    pipeline_unlisten(c->pipeline, &c->listener);
    for (size_t i = 0; i < c->queued; i++) {
        journal_drop(c->queue[i].journal);
    }
    event_free(c->soon);
    free(c);
}
