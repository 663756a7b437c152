/* A source's life: attempts, what their ends mean, and when there is another one. */
#include "launchdarkly.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "launchdarkly_source.h"

#define INITIAL_DELAY_MS 1000
#define MOST_DELAY_MS 30000
#define EXTENDED_DELAY_MS (INT64_C(5) * 60 * 1000)
#define EXTENDED_MOST_DELAY_MS (INT64_C(60) * 60 * 1000)
#define HEALTHY_MS 60000
#define IDLE_TIMEOUT_MS (INT64_C(5) * 60 * 1000)
#define POLL_INTERVAL_MS 30000
#define MOST_BYTES (UINT64_C(256) << 20)

static int64_t clock_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t launchdarkly_clock_ms(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

void launchdarkly_arm(struct launchdarkly *s, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(s->timer, &wait);
}

/* ---- the end of an attempt ---------------------------------------------------------------- */

/* LaunchDarkly's rule: what a client error says will be said again, with three exceptions. */
static bool is_unexpected(long status)
{
    return status >= 400 && status < 500 && status != 400 && status != 408 && status != 429;
}

static void tell_connection(struct launchdarkly *s)
{
    if (!s->polling && !s->connected) {
        s->owner.connected(s->owner.arg, s->began_at, true, launchdarkly_clock_ms() - s->began_ms);
    }
}

/* An attempt that was good for long enough makes up for those before it. */
static void forgive(struct launchdarkly *s)
{
    if (s->connected && launchdarkly_clock_ms() - s->good_ms >= s->healthy_ms) {
        backoff_reset(&s->backoff);
    }
}

static void stop(struct launchdarkly *s, const struct launchdarkly_failure *failure)
{
    s->state = IMAGE_SOURCE_OFF;
    s->owner.state(s->owner.arg, s->state, failure->error, failure->status, failure->text);
    if (!s->freed) {
        s->owner.told(s->owner.arg, true, "launchdarkly-stopped",
                      "the SDK key is not accepted, or the URI is wrong; correct it and restart");
    }
}

static void try_again(struct launchdarkly *s, const struct launchdarkly_failure *failure)
{
    const bool was_extended = s->backoff.is_extended;
    const int64_t delay = backoff_failed(&s->backoff, failure->unexpected && s->never_stop);
    launchdarkly_arm(s, s->polling ? launchdarkly_poll_delay(s, delay) : delay);
    if (s->state != IMAGE_SOURCE_INITIALIZING) {
        s->state = IMAGE_SOURCE_INTERRUPTED;
    }
    s->owner.state(s->owner.arg, s->state, failure->error, failure->status, failure->text);
    if (!s->freed && !was_extended && s->backoff.is_extended) {
        s->owner.told(s->owner.arg, true, "launchdarkly-slowed",
                      "trying again in minutes: this is not likely to mend by itself");
    }
}

void launchdarkly_failed(struct launchdarkly *s, const struct launchdarkly_failure *failure)
{
    http_cancel(s->request);
    s->request = NULL;
    s->good_polls = 0;
    gathered_clear(&s->body);
    tell_connection(s);
    forgive(s);
    if (s->freed) {
        return;
    }
    if (failure->unexpected && failure->error == IMAGE_SOURCE_ERROR_RESPONSE && !s->never_stop) {
        stop(s, failure);
    } else {
        try_again(s, failure);
    }
}

void launchdarkly_refused(struct launchdarkly *s, long status)
{
    char text[64];
    (void)snprintf(text, sizeof text, "the answer is HTTP status %ld", status);
    launchdarkly_failed(s, &(struct launchdarkly_failure){IMAGE_SOURCE_ERROR_RESPONSE, status,
                                                          is_unexpected(status), text});
}

void launchdarkly_broken(struct launchdarkly *s, const struct http_result *result)
{
    struct launchdarkly_failure failure = {.error = IMAGE_SOURCE_NETWORK_ERROR,
                                           .text = result->error};
    switch (result->outcome) {
    case HTTP_DONE:
        failure.text = "the stream ended";
        break;
    case HTTP_CERTIFICATE:
        failure.unexpected = true;
        break;
    case HTTP_STOPPED:
        failure.error = IMAGE_SOURCE_INVALID_DATA;
        break;
    case HTTP_NETWORK:
        break;
    }
    launchdarkly_failed(s, &failure);
}

void launchdarkly_invalid(struct launchdarkly *s, const char *what, const struct fault *fault)
{
    char reason[1024];
    char text[1200];
    (void)fault_text(fault, reason, sizeof reason);
    (void)snprintf(text, sizeof text, "%s: %s", what, reason);
    launchdarkly_failed(
        s, &(struct launchdarkly_failure){.error = IMAGE_SOURCE_INVALID_DATA, .text = text});
}

/* ---- what is good ------------------------------------------------------------------------- */

void launchdarkly_valid(struct launchdarkly *s)
{
    if (s->state != IMAGE_SOURCE_VALID) {
        s->state = IMAGE_SOURCE_VALID;
        s->owner.state(s->owner.arg, s->state, IMAGE_SOURCE_NO_ERROR, 0, "");
    }
}

bool launchdarkly_take(struct launchdarkly *s, struct launchdarkly_put *put)
{
    const size_t count = put->count;
    put->count = 0;
    const int result =
        s->owner.put(s->owner.arg, put->items, count, put->json.bytes, put->json.length);
    if (s->freed) {
        return false;
    }
    if (result != 0) {
        launchdarkly_failed(s, &(struct launchdarkly_failure){.error = IMAGE_SOURCE_STORE_ERROR,
                                                              .text = "the data cannot be taken"});
        return false;
    }
    launchdarkly_valid(s);
    return !s->freed;
}

void launchdarkly_tell_environment(struct launchdarkly *s, const struct http_request *request)
{
    const char *id = http_header(request, "X-LD-EnvID");
    if (id != NULL && id[0] != '\0') {
        s->owner.environment(s->owner.arg, id);
    }
}

/* ---- attempts ----------------------------------------------------------------------------- */

void launchdarkly_request(struct launchdarkly *s, struct http_spec *spec, const char *const *own,
                          const struct http_handler *handler)
{
    size_t count = s->header_count;
    while (*own != NULL) {
        s->headers[count++] = (char *)(uintptr_t)*own++; /* until it is started */
    }
    s->headers[count] = NULL;
    spec->method = "GET";
    spec->url = s->url;
    spec->headers = (const char *const *)s->headers;
    s->connected = false;
    s->began_ms = launchdarkly_clock_ms();
    s->began_at = clock_of(CLOCK_REALTIME);
    s->request = http_start(s->http, spec, handler);
    s->headers[s->header_count] = NULL;
    if (s->request == NULL) {
        launchdarkly_failed(s, &(struct launchdarkly_failure){.error = IMAGE_SOURCE_UNKNOWN_ERROR,
                                                              .text = "out of memory"});
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct launchdarkly *s = arg;
    (void)fd, (void)what;
    launchdarkly_enter(s);
    if (s->polling) {
        launchdarkly_poll(s);
    } else {
        launchdarkly_stream(s);
    }
    launchdarkly_leave(s);
}

/* ---- life --------------------------------------------------------------------------------- */

static void destroy(struct launchdarkly *s)
{
    http_cancel(s->request);
    if (s->timer != NULL) {
        event_free(s->timer);
    }
    for (size_t i = 0; i < s->header_count; i++) {
        free(s->headers[i]);
    }
    free(s->headers);
    free(s->url);
    free(s->etag);
    gathered_free(&s->body);
    sse_free(s->sse);
    free(s);
}

void launchdarkly_enter(struct launchdarkly *s)
{
    s->busy++;
}

void launchdarkly_leave(struct launchdarkly *s)
{
    if (--s->busy == 0 && s->freed) {
        destroy(s);
    }
}

void launchdarkly_free(struct launchdarkly *source)
{
    if (source == NULL) {
        return;
    }
    source->freed = true;
    if (source->busy == 0) {
        destroy(source);
        return;
    }
    http_cancel(source->request);
    source->request = NULL;
    (void)event_del(source->timer);
}

static int64_t or_else(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

/* BASE/all?filter=KEY */
static char *make_url(const struct launchdarkly_options *options)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t base = strlen(options->base_uri);
    while (base > 0 && options->base_uri[base - 1] == '/') {
        base--;
    }
    const char *path = options->polling ? "/sdk/latest-all" : "/all";
    const char *filter = options->filter != NULL ? options->filter : "";
    char *url = malloc(base + strlen(path) + sizeof "?filter=" + 3 * strlen(filter));
    if (url == NULL) {
        return NULL;
    }
    char *to = mempcpy(url, options->base_uri, base);
    to = stpcpy(to, path);
    if (filter[0] != '\0') {
        to = stpcpy(to, "?filter=");
    }
    for (; *filter != '\0'; filter++) {
        const unsigned char c = (unsigned char)*filter;
        const char one[] = {(char)c, '\0'};
        if (launchdarkly_tag_valid(one) || c == '~') {
            *to++ = (char)c;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    return url;
}

static bool copy_headers(struct launchdarkly *s, const char *const *headers)
{
    size_t count = 0;
    while (headers != NULL && headers[count] != NULL) {
        count++;
    }
    s->headers = calloc(count + LAUNCHDARKLY_OWN_HEADERS + 1, sizeof *s->headers);
    while (s->headers != NULL && s->header_count < count) {
        s->headers[s->header_count] = strdup(headers[s->header_count]);
        if (s->headers[s->header_count] == NULL) {
            return false;
        }
        s->header_count++;
    }
    return s->headers != NULL;
}

static void copy_options(struct launchdarkly *s, const struct launchdarkly_options *options)
{
    s->polling = options->polling;
    s->accept_gzip = options->accept_gzip;
    s->never_stop = options->never_stop;
    s->poll_interval_ms = or_else(options->poll_interval_ms, POLL_INTERVAL_MS);
    s->idle_timeout_ms = or_else(options->idle_timeout_ms, IDLE_TIMEOUT_MS);
    s->healthy_ms = or_else(options->healthy_ms, HEALTHY_MS);
    s->most_bytes = options->most_bytes != 0 ? options->most_bytes : MOST_BYTES;
    const int64_t initial = or_else(options->initial_delay_ms, INITIAL_DELAY_MS);
    const int64_t extended = or_else(options->extended_delay_ms, EXTENDED_DELAY_MS);
    backoff_init(&s->backoff, (struct backoff_regime){initial, MOST_DELAY_MS},
                 (struct backoff_regime){extended, EXTENDED_MOST_DELAY_MS});
}

struct launchdarkly *launchdarkly_new(struct event_base *base, struct http *http,
                                      const struct launchdarkly_options *options,
                                      const struct launchdarkly_owner *owner)
{
    struct launchdarkly *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->http = http;
    s->owner = *owner;
    copy_options(s, options);
    s->url = make_url(options);
    s->timer = evtimer_new(base, on_timer, s);
    if (s->url == NULL || s->timer == NULL || !copy_headers(s, options->headers)) {
        destroy(s);
        return NULL;
    }
    launchdarkly_arm(s, 0);
    return s;
}

/* ---- names -------------------------------------------------------------------------------- */

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool launchdarkly_filter_valid(const char *text)
{
    return text[0] != '\0' && strchr("._-", text[0]) == NULL &&
           text[strspn(text, ALPHANUMERIC "._-")] == '\0';
}

bool launchdarkly_tag_valid(const char *text)
{
    const size_t length = strspn(text, ALPHANUMERIC "._-");
    return length > 0 && length <= 64 && text[length] == '\0';
}
