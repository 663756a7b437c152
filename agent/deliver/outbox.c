#include "outbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "../log.h"
#include "event_post.h"

#define NEVER INT64_MAX
#define TELL_MS 60000 /* between lines about dropped payloads */
#define PARKED 2      /* failures after which a payload is parked */

struct post {
    struct post *next; /* younger */
    struct outbox *outbox;
    struct http_request *request; /* NULL: not under way */
    struct payload_body body;
    int64_t number;     /* in storage */
    int64_t due_ms;     /* of the second attempt, or of one that is to blame itself */
    uint64_t successes; /* of all, when it failed last */
    unsigned failures;
    bool to_blame;
    char id[PAYLOAD_ID];
};

struct posts {
    struct post *first;
    struct post **end;
};

struct outbox {
    struct storage *storage;
    struct event_target target;
    struct event *timer;
    struct posts posts; /* committed, oldest first */
    struct posts added; /* in this transaction */
    unsigned under_way;
    bool flowing;       /* what is parked may go */
    struct post *probe; /* the one that was tried last, to see whether it works again */
    unsigned misses;    /* of what is parked, since anything got through */
    int64_t probe_ms;   /* when one that is parked is tried */
    int64_t told_ms;    /* about dropped payloads */
    int64_t server_ms;
    uint64_t most_bytes;
    int64_t retry_ms;
    int64_t later_ms;
    int64_t later_most_ms;
    void (*refused)(void *arg, long status);
    void *arg;
    struct outbox_stats stats;
};

static void pump(struct outbox *o);

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- payloads ----------------------------------------------------------------------------- */

static void post_free(struct post *p)
{
    http_cancel(p->request);
    free(p->body.bytes);
    free(p);
}

static void put_last(struct posts *posts, struct post *p)
{
    p->next = NULL;
    *posts->end = p;
    posts->end = &p->next;
}

static void free_all(struct posts *posts)
{
    struct post *p = posts->first;
    posts->first = NULL;
    posts->end = &posts->first;
    while (p) {
        struct post *const next = p->next;
        post_free(p);
        p = next;
    }
}

/* What stays in storage is sent again after a restart, with the same id: it is not counted twice.
 */
static void delete_stored(struct outbox *o, const struct post *p)
{
    struct fault fault = {0};
    if (storage_queue_delete(o->storage, STORAGE_OUTBOX, OUTBOX_SINK, p->number, &fault) != 0) {
        log_fault(LOG_LEVEL_WARNING, "event-payload-not-deleted", &fault);
    }
}

/* What the link leads to goes, out of memory and storage. */
static void forget(struct outbox *o, struct post **link)
{
    struct post *const p = *link;
    delete_stored(o, p);
    *link = p->next;
    if (o->posts.end == &p->next) {
        o->posts.end = link;
    }
    o->stats.bytes -= p->body.length;
    post_free(p);
}

/* Near the beginning, as a rule: the oldest go first. */
static struct post **link_of(struct outbox *o, const struct post *p)
{
    struct post **link = &o->posts.first;
    while (*link != p) {
        link = &(*link)->next;
    }
    return link;
}

static void tell_dropped(struct outbox *o, const struct post *p, const char *cause)
{
    const int64_t now = now_ms();
    o->stats.dropped_payloads++;
    if (o->told_ms == 0 || now - o->told_ms >= TELL_MS) {
        o->told_ms = now;
        LOG_EVENT(LOG_LEVEL_WARNING, "event-payload-dropped", log_text("cause", cause),
                  log_number("bytes", (int64_t)p->body.length),
                  log_number("dropped", (int64_t)o->stats.dropped_payloads));
    }
}

/* The newest is never dropped, nor what is under way. */
static void keep_bounds(struct outbox *o)
{
    struct post **link = &o->posts.first;
    while (*link && (*link)->next && o->stats.bytes > o->most_bytes) {
        if ((*link)->request) {
            link = &(*link)->next;
        } else {
            tell_dropped(o, *link, "the outbox is full");
            forget(o, link);
        }
    }
}

/* ---- when to try again -------------------------------------------------------------------- */

/* later_ms, doubled `times` times, at most later_most_ms; then 50 to 100 % of it. */
static int64_t delay_of(const struct outbox *o, unsigned times)
{
    int64_t delay = o->later_ms;
    while (times-- > 0 && delay < o->later_most_ms) {
        delay *= 2;
    }
    delay = delay > o->later_most_ms ? o->later_most_ms : delay;
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) {
        random = (uint32_t)now_ms() * 2654435761u;
    }
    return delay / 2 + (int64_t)(random % (uint64_t)(delay / 2 + 1));
}

static bool is_parked(const struct post *p)
{
    return p->failures >= PARKED && !p->to_blame;
}

static bool may_go(const struct outbox *o, const struct post *p, int64_t now)
{
    return !p->request && (is_parked(p) ? o->flowing : now >= p->due_ms);
}

/* The one that failed least often, so that none that fails for reasons of its own holds up the
   others. */
static struct post *next_probe(const struct outbox *o)
{
    struct post *best = NULL;
    struct post *p;
    for (p = o->posts.first; p; p = p->next) {
        if (!p->request && is_parked(p) && (!best || p->failures < best->failures)) {
            best = p;
        }
    }
    return best;
}

static void set_timer(struct outbox *o, int64_t now)
{
    const struct post *p;
    int64_t due = NEVER;
    for (p = o->posts.first; p; p = p->next) {
        const int64_t mine = is_parked(p) ? o->probe_ms : p->due_ms;
        due = !p->request && mine < due ? mine : due;
    }
    if (due == NEVER) {
        event_del(o->timer);
        return;
    }
    const int64_t wait = due > now ? due - now : 0;
    const struct timeval in = {wait / 1000, (wait % 1000) * 1000};
    event_add(o->timer, &in);
}

/* ---- sending ------------------------------------------------------------------------------ */

/* probed: it was the one that was tried. Unless all flow, it is under way or probe_ms is set. */
static void failed(struct outbox *o, struct post *p, bool probed, const struct http_result *result)
{
    const int64_t now = now_ms();
    p->to_blame = p->failures > 0 && o->stats.payloads != p->successes;
    p->successes = o->stats.payloads;
    p->failures++;
    if (p->failures < PARKED) {
        p->to_blame = false;
        p->due_ms = now + o->retry_ms;
    } else if (p->to_blame) {
        p->due_ms = now + delay_of(o, p->failures - PARKED);
    } else if (probed || o->flowing || (!o->probe && o->probe_ms == NEVER)) {
        if (o->misses == 0) {
            LOG_EVENT(LOG_LEVEL_WARNING, "event-delivery-failing",
                      log_number("status", result->status), log_text("cause", result->error),
                      log_text("hint", "events are kept, and sent when it works again"));
        }
        o->flowing = false;
        o->probe_ms = now + delay_of(o, o->misses);
        o->misses += o->misses < 32;
    }
}

static void accepted(struct outbox *o, struct post *p)
{
    if (o->misses > 0) {
        LOG_EVENT(LOG_LEVEL_INFO, "event-delivery-working",
                  log_number("status", o->stats.last_status));
    }
    o->stats.payloads++;
    o->stats.last_error[0] = '\0';
    o->misses = 0;
    o->flowing = true;
    o->probe_ms = NEVER;
    forget(o, link_of(o, p));
}

static void on_head(void *arg, struct http_request *request, long status)
{
    struct post *const p = arg;
    const int64_t server_ms = event_date(http_header(request, "Date"));
    (void)status;
    if (server_ms > 0) {
        p->outbox->server_ms = server_ms;
    }
}

static void on_done(void *arg, const struct http_result *result)
{
    struct post *const p = arg;
    struct outbox *const o = p->outbox;
    const bool probed = p == o->probe;
    p->request = NULL; /* frees itself */
    o->probe = probed ? NULL : o->probe;
    o->under_way--;
    o->stats.last_status = result->status;
    const enum event_verdict verdict = event_verdict(result);
    if (verdict != EVENT_ACCEPTED) {
        o->stats.failures++;
        (void)snprintf(o->stats.last_error, sizeof o->stats.last_error, "%s",
                       result->error ? result->error : "");
    }
    switch (verdict) {
    case EVENT_ACCEPTED:
        accepted(o, p);
        break;
    case EVENT_AGAIN:
        failed(o, p, probed, result);
        break;
    case EVENT_TOO_LARGE:
        tell_dropped(o, p, "the server says that it is too large");
        forget(o, link_of(o, p));
        o->probe_ms = probed ? 0 : o->probe_ms; /* the next one, at once */
        break;
    case EVENT_REFUSED:
        outbox_stop(o);
        o->refused(o->arg, result->status);
        return;
    }
    pump(o);
}

/* false: no memory; the timer tries again. */
static bool start(struct outbox *o, struct post *p, int64_t now)
{
    const struct http_handler handler = {.head = on_head, .done = on_done, .arg = p};
    p->request = event_post(&o->target, &p->body, p->id, &handler);
    if (!p->request) {
        p->due_ms = now + o->retry_ms;
        o->flowing = false;
        o->probe_ms = p->due_ms;
        return false;
    }
    o->under_way++;
    return true;
}

static void pump(struct outbox *o)
{
    const int64_t now = now_ms();
    struct post *p;
    for (p = o->posts.first; p; p = p->next) {
        if (o->under_way >= OUTBOX_AT_ONCE) {
            return; /* the end of one comes back here */
        }
        if (may_go(o, p, now) && !start(o, p, now)) {
            break;
        }
    }
    if (!o->flowing && now >= o->probe_ms) {
        struct post *const probe = next_probe(o);
        o->probe_ms = NEVER; /* until this one has failed */
        if (probe && start(o, probe, now)) {
            o->probe = probe;
        }
    }
    set_timer(o, now);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pump(arg);
}

/* ---- life --------------------------------------------------------------------------------- */

struct outbox *outbox_new(struct event_base *base, struct http *http, struct storage *storage,
                          const struct outbox_options *options)
{
    struct outbox *const o = calloc(1, sizeof *o);
    if (!o) {
        return NULL;
    }
    o->posts.end = &o->posts.first;
    o->added.end = &o->added.first;
    o->storage = storage;
    o->flowing = true;
    o->probe_ms = NEVER;
    o->most_bytes = options->most_bytes;
    o->retry_ms = options->retry_ms;
    o->later_ms = options->later_ms;
    o->later_most_ms = options->later_most_ms;
    o->refused = options->refused;
    o->arg = options->arg;
    o->timer = evtimer_new(base, on_timer, o);
    if (!o->timer ||
        event_target_init(&o->target, http, options->base_uri, "/bulk", options->headers) != 0) {
        outbox_free(o);
        return NULL;
    }
    return o;
}

void outbox_free(struct outbox *o)
{
    if (!o) {
        return;
    }
    free_all(&o->posts);
    free_all(&o->added);
    event_target_free(&o->target);
    if (o->timer) {
        event_free(o->timer);
    }
    free(o);
}

/* The label is the id, and " gzip" if the body is compressed. */
#define GZIP_LABEL " gzip"

/* false: it is not one of ours. */
static bool read_label(struct post *p, const char *label)
{
    const size_t length = strlen(label);
    p->body.gzip = length > PAYLOAD_ID - 1 && strcmp(label + PAYLOAD_ID - 1, GZIP_LABEL) == 0;
    if (length < PAYLOAD_ID - 1 || (length > PAYLOAD_ID - 1 && !p->body.gzip)) {
        return false;
    }
    memcpy(p->id, label, PAYLOAD_ID - 1);
    p->id[PAYLOAD_ID - 1] = '\0';
    return strspn(p->id, "0123456789abcdef-") == PAYLOAD_ID - 1;
}

static int load_one(void *arg, int64_t number, const char *label, const void *bytes, size_t length)
{
    struct outbox *const o = arg;
    struct post *const p = calloc(1, sizeof *p);
    if (!p) {
        return -1;
    }
    if (!label || !read_label(p, label)) {
        LOG_EVENT(LOG_LEVEL_WARNING, "event-payload-unknown", log_number("number", number),
                  log_text("hint", "left in storage by another version: it is not sent"));
        free(p);
        return 0;
    }
    p->outbox = o;
    p->number = number;
    p->failures = PARKED;
    p->body.bytes = malloc(length + 1);
    if (!p->body.bytes) {
        free(p);
        return -1;
    }
    memcpy(p->body.bytes, bytes, length);
    p->body.length = length;
    o->stats.bytes += length;
    put_last(&o->posts, p);
    return 0;
}

int outbox_load(struct outbox *o, struct fault *fault)
{
    if (storage_queue_load(o->storage, STORAGE_OUTBOX, OUTBOX_SINK, load_one, o, fault) != 0) {
        return -1;
    }
    keep_bounds(o);
    pump(o);
    return 0;
}

int outbox_add(struct outbox *o, struct payload_body *body, struct fault *fault)
{
    char label[PAYLOAD_ID + sizeof GZIP_LABEL];
    struct post *const p = calloc(1, sizeof *p);
    if (!p || payload_id(p->id) != 0) {
        free(p);
        free(body->bytes);
        fault_set(fault, "", "", "no memory or no randomness for a payload of events");
        return -1;
    }
    p->outbox = o;
    p->body = *body;
    (void)snprintf(label, sizeof label, "%s%s", p->id, body->gzip ? GZIP_LABEL : "");
    if (storage_queue_add(o->storage, STORAGE_OUTBOX, OUTBOX_SINK, label, body->bytes, body->length,
                          &p->number, fault) != 0) {
        post_free(p);
        return -1;
    }
    put_last(&o->added, p);
    return 0;
}

void outbox_commit(struct outbox *o)
{
    for (const struct post *p = o->added.first; p; p = p->next) {
        o->stats.bytes += p->body.length;
    }
    if (o->added.first) {
        *o->posts.end = o->added.first;
        o->posts.end = o->added.end;
        o->added = (struct posts){.end = &o->added.first};
    }
    keep_bounds(o);
    pump(o);
}

void outbox_revert(struct outbox *o)
{
    free_all(&o->added);
}

void outbox_stop(struct outbox *o)
{
    for (const struct post *p = o->posts.first; p; p = p->next) {
        o->stats.dropped_payloads++;
        delete_stored(o, p);
    }
    free_all(&o->posts);
    o->stats.bytes = 0;
    o->stats.stopped = true;
    o->under_way = 0;
    event_del(o->timer);
}

bool outbox_idle(const struct outbox *o)
{
    return !o->posts.first;
}

int64_t outbox_server_ms(const struct outbox *o)
{
    return o->server_ms;
}

const struct outbox_stats *outbox_stats(const struct outbox *o)
{
    return &o->stats;
}
