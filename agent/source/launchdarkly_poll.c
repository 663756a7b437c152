/* Polling: the whole state, again and again; "nothing changed" costs a few bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launchdarkly_source.h"

/* A request that hangs must not keep the next one from being made. */
#define SILENCE_MS 30000
#define TOTAL_MS (INT64_C(5) * 60 * 1000)
#define ETAG_MOST 1024u /* bytes; a longer one is not kept, and the body comes every time */
#define GOOD_POLLS 2u   /* in a row: as good as before the failures */

int64_t launchdarkly_poll_delay(const struct launchdarkly *s, int64_t delay_ms)
{
    return s->backoff.is_extended && delay_ms > s->poll_interval_ms ? delay_ms
                                                                    : s->poll_interval_ms;
}

static void poll_was_good(struct launchdarkly *s)
{
    if (++s->good_polls >= GOOD_POLLS) {
        backoff_reset(&s->backoff);
    }
    launchdarkly_arm(s, s->poll_interval_ms);
}

/* Of the response that was just taken. */
static void keep_etag(struct launchdarkly *s, const struct http_request *request)
{
    const char *etag = http_header(request, "ETag");
    free(s->etag);
    s->etag = NULL;
    if (etag != NULL && etag[0] != '\0' && strlen(etag) <= ETAG_MOST &&
        asprintf(&s->etag, "If-None-Match: %s", etag) < 0) {
        s->etag = NULL;
    }
}

static void take_body(struct launchdarkly *s, const struct http_request *request)
{
    struct launchdarkly_put put = {0};
    struct fault fault;
    const char *text = s->body.bytes != NULL ? s->body.bytes : "";
    if (launchdarkly_parse_state(text, s->body.length, &put.items, &put.count, &fault) != 0) {
        launchdarkly_invalid(s, "poll", &fault);
        return;
    }
    put.json = (struct launchdarkly_text){text, s->body.length, NULL};
    if (launchdarkly_take(s, &put)) {
        keep_etag(s, request);
        gathered_clear(&s->body);
        poll_was_good(s);
    }
    launchdarkly_put_free(&put);
}

static void on_head(void *arg, struct http_request *request, long status)
{
    struct launchdarkly *s = arg;
    launchdarkly_enter(s);
    /* Only who has data is told that it has not changed: an ETag is kept with it. */
    if (status == 200 || (status == 304 && s->etag != NULL)) {
        launchdarkly_tell_environment(s, request);
    } else {
        launchdarkly_refused(s, status);
    }
    launchdarkly_leave(s);
}

static bool on_data(void *arg, const char *bytes, size_t length)
{
    struct launchdarkly *s = arg;
    return gathered_add(&s->body, bytes, length);
}

static void on_done(void *arg, const struct http_result *result)
{
    struct launchdarkly *s = arg;
    launchdarkly_enter(s);
    struct http_request *request = s->request;
    s->request = NULL;
    if (result->outcome != HTTP_DONE) {
        launchdarkly_broken(s, result);
    } else if (result->status == 304) {
        launchdarkly_valid(s);
        if (!s->freed) {
            poll_was_good(s);
        }
    } else {
        take_body(s, request);
    }
    launchdarkly_leave(s);
}

void launchdarkly_poll(struct launchdarkly *s)
{
    const char *const own[] = {s->etag, NULL};
    struct http_spec spec = {.accept_gzip = s->accept_gzip,
                             .idle_timeout_ms =
                                 s->idle_timeout_ms < SILENCE_MS ? s->idle_timeout_ms : SILENCE_MS,
                             .total_timeout_ms = TOTAL_MS,
                             .most_bytes = s->most_bytes};
    gathered_clear(&s->body);
    launchdarkly_request(s, &spec, own, &(struct http_handler){on_head, on_data, on_done, s});
}
