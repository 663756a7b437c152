#include "diagnostics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event_format.h"
#include "event_post.h"

#define STREAM_INITS_MOST 1000u /* between two events */

struct diagnostics {
    struct event_target target;
    struct http_request *request; /* NULL: nothing is under way */
    struct payload_body body;     /* of what is under way, or to be tried again */
    struct event *periodic;
    struct event *retry;
    json_t *id;
    json_t *init; /* the first event, until it is sent */
    json_t *stream_inits;
    int64_t since_ms; /* CLOCK_REALTIME */
    struct timeval interval;
    struct timeval retry_in;
    struct diagnostics_counts told; /* counts as of the last event */
    void (*counts)(void *arg, struct diagnostics_counts *out);
    void (*refused)(void *arg, long status);
    void *arg;
    bool gzip;
    bool again; /* what is under way is the second attempt */
    bool stopped;
};

static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){ms / 1000, (ms % 1000) * 1000};
}

/* ---- sending ------------------------------------------------------------------------------ */

static void done_with_body(struct diagnostics *d)
{
    free(d->body.bytes);
    d->body = (struct payload_body){0};
    d->again = false;
}

static void on_done(void *arg, const struct http_result *result)
{
    struct diagnostics *const d = arg;
    d->request = NULL; /* frees itself */
    const enum event_verdict verdict = event_verdict(result);
    if (verdict == EVENT_REFUSED) {
        diagnostics_stop(d);
        d->refused(d->arg, result->status);
    } else if (verdict == EVENT_AGAIN && !d->again) {
        d->again = true;
        event_add(d->retry, &d->retry_in);
    } else {
        done_with_body(d);
    }
}

static void post(struct diagnostics *d)
{
    const struct http_handler handler = {.done = on_done, .arg = d};
    d->request = event_post(&d->target, &d->body, NULL, &handler);
    if (!d->request) {
        done_with_body(d);
    }
}

/* The reference is taken over. What is still on its way gives way: only the newest matters. */
static void send_event(struct diagnostics *d, json_t *event)
{
    char *const text = event ? event_text(event) : NULL;
    json_decref(event);
    if (!text) {
        return; /* no memory: the next one tells more */
    }
    http_cancel(d->request);
    d->request = NULL;
    event_del(d->retry);
    done_with_body(d);
    if (payload_encode(text, strlen(text), d->gzip, &d->body) == 0) {
        post(d);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    post(arg);
}

/* ---- events ------------------------------------------------------------------------------- */

static json_t *periodic_event(struct diagnostics *d)
{
    struct diagnostics_counts counts = {0};
    d->counts(d->arg, &counts);
    const int64_t now = real_ms();
    json_t *const inits = json_array();
    json_t *const event = json_pack(
        "{s:s, s:O, s:I, s:I, s:I, s:I, s:I, s:O}", "kind", "diagnostic", "id", d->id,
        "creationDate", (json_int_t)now, "dataSinceDate", (json_int_t)d->since_ms, "droppedEvents",
        (json_int_t)(counts.dropped_events - d->told.dropped_events), "deduplicatedUsers",
        (json_int_t)(counts.deduplicated_contexts - d->told.deduplicated_contexts),
        "eventsInLastBatch", (json_int_t)counts.events_in_last_batch, "streamInits",
        d->stream_inits);
    if (!event || !inits) {
        json_decref(event);
        json_decref(inits);
        return NULL;
    }
    json_decref(d->stream_inits);
    d->stream_inits = inits;
    d->told = counts;
    d->since_ms = now;
    return event;
}

static void on_periodic(evutil_socket_t fd, short what, void *arg)
{
    struct diagnostics *const d = arg;
    (void)fd;
    (void)what;
    event_add(d->periodic, &d->interval);
    if (d->init) {
        send_event(d, d->init);
        d->init = NULL;
    } else {
        send_event(d, periodic_event(d));
    }
}

void diagnostics_stream_init(struct diagnostics *d, int64_t time_ms, bool failed,
                             int64_t duration_ms)
{
    if (!d->stopped && json_array_size(d->stream_inits) < STREAM_INITS_MOST) {
        json_array_append_new(d->stream_inits,
                              json_pack("{s:I, s:b, s:I}", "timestamp", (json_int_t)time_ms,
                                        "failed", failed, "durationMillis",
                                        (json_int_t)duration_ms));
    }
}

/* ---- life --------------------------------------------------------------------------------- */

static json_t *first_event(const struct diagnostics *d, json_t *members)
{
    json_t *const event = json_pack("{s:s, s:O, s:I}", "kind", "diagnostic-init", "id", d->id,
                                    "creationDate", (json_int_t)d->since_ms);
    if (event && members && json_object_update_missing(event, members) != 0) {
        json_decref(event);
        return NULL;
    }
    return event;
}

static int begin(struct diagnostics *d, struct event_base *base, struct http *http,
                 const struct diagnostics_options *options)
{
    char id[PAYLOAD_ID];
    if (payload_id(id) != 0) {
        return -1;
    }
    const char *const suffix = options->sdk_key_suffix ? options->sdk_key_suffix : "";
    d->id = json_pack("{s:s, s:s}", "diagnosticId", id, "sdkKeySuffix", suffix);
    d->since_ms = real_ms();
    d->init = first_event(d, options->init);
    d->stream_inits = json_array();
    d->periodic = evtimer_new(base, on_periodic, d);
    d->retry = evtimer_new(base, on_retry, d);
    const struct timeval at_once = {0, 0};
    return d->init && d->stream_inits && d->periodic && d->retry &&
                   event_target_init(&d->target, http, options->base_uri, "/diagnostic",
                                     options->headers) == 0 &&
                   event_add(d->periodic, &at_once) == 0
               ? 0
               : -1;
}

struct diagnostics *diagnostics_new(struct event_base *base, struct http *http,
                                    const struct diagnostics_options *options)
{
    struct diagnostics *const d = calloc(1, sizeof *d);
    if (!d) {
        return NULL;
    }
    d->interval = timeval_of(options->interval_ms);
    d->retry_in = timeval_of(options->retry_ms);
    d->gzip = options->gzip;
    d->counts = options->counts;
    d->refused = options->refused;
    d->arg = options->arg;
    if (begin(d, base, http, options) != 0) {
        diagnostics_free(d);
        return NULL;
    }
    return d;
}

void diagnostics_stop(struct diagnostics *d)
{
    d->stopped = true;
    http_cancel(d->request);
    d->request = NULL;
    event_del(d->periodic);
    event_del(d->retry);
    done_with_body(d);
}

void diagnostics_free(struct diagnostics *d)
{
    if (!d) {
        return;
    }
    http_cancel(d->request);
    free(d->body.bytes);
    event_target_free(&d->target);
    if (d->periodic) {
        event_free(d->periodic);
    }
    if (d->retry) {
        event_free(d->retry);
    }
    json_decref(d->init);
    json_decref(d->id);
    json_decref(d->stream_inits);
    free(d);
}
