/* Streaming: one request that never ends, whose events are puts, patches and deletes. */
#include <string.h>

#include "launchdarkly_source.h"

/* An event of the connection: it works. */
static void note_event(struct launchdarkly *s)
{
    if (!s->connected) {
        s->connected = true;
        s->good_ms = launchdarkly_clock_ms();
        s->owner.connected(s->owner.arg, s->began_at, false, s->good_ms - s->began_ms);
    }
}

static void take_put(struct launchdarkly *s, const char *data, size_t length)
{
    struct launchdarkly_put put;
    struct fault fault;
    if (!launchdarkly_read_put(data, length, &put, &fault)) {
        launchdarkly_invalid(s, "put", &fault);
        return;
    }
    if (!put.ignored) {
        (void)launchdarkly_take(s, &put);
    }
    launchdarkly_put_free(&put);
}

static void take_patch(struct launchdarkly *s, struct launchdarkly_patch *patch)
{
    if (!patch->ignored) {
        struct model_item *item = patch->item;
        patch->item = NULL;
        if (s->owner.patch(s->owner.arg, item, patch->path, patch->json.bytes,
                           patch->json.length) != 0 &&
            !s->freed) {
            launchdarkly_failed(
                s, &(struct launchdarkly_failure){.error = IMAGE_SOURCE_STORE_ERROR,
                                                  .text = "the change cannot be taken"});
        }
    }
    launchdarkly_patch_free(patch);
}

static bool on_event(void *arg, const char *name, const char *data, size_t length)
{
    struct launchdarkly *s = arg;
    struct launchdarkly_patch patch;
    struct fault fault;
    note_event(s);
    if (s->request == NULL) { /* the owner has freed us */
        return false;
    }
    if (strcmp(name, "put") == 0) {
        take_put(s, data, length);
    } else if (strcmp(name, "patch") == 0 || strcmp(name, "delete") == 0) {
        if ((name[0] == 'p' ? launchdarkly_read_patch : launchdarkly_read_delete)(data, length,
                                                                                  &patch, &fault)) {
            take_patch(s, &patch);
        } else {
            launchdarkly_invalid(s, name, &fault);
        }
    } /* others are none of our business, and their data need not be JSON */
    return s->request != NULL;
}

static void on_retry(void *arg, int64_t ms)
{
    struct launchdarkly *s = arg;
    backoff_rebase(&s->backoff, ms);
}

static void on_head(void *arg, struct http_request *request, long status)
{
    struct launchdarkly *s = arg;
    launchdarkly_enter(s);
    if (status == 200) {
        launchdarkly_tell_environment(s, request);
    } else {
        launchdarkly_refused(s, status);
    }
    launchdarkly_leave(s);
}

/* What the parser cannot go on after, unless an event's handler has ended the attempt already. */
static void stopped(struct launchdarkly *s, enum sse_verdict verdict)
{
    struct fault fault = {0};
    if (verdict == SSE_TOO_LARGE) {
        fault_set(&fault, "", "", "an event is larger than %llu bytes",
                  (unsigned long long)s->most_bytes);
        launchdarkly_invalid(s, "stream", &fault);
    } else if (verdict == SSE_NO_MEMORY) {
        launchdarkly_failed(s, &(struct launchdarkly_failure){.error = IMAGE_SOURCE_UNKNOWN_ERROR,
                                                              .text = "out of memory"});
    }
}

static bool on_data(void *arg, const char *bytes, size_t length)
{
    struct launchdarkly *s = arg;
    launchdarkly_enter(s);
    const enum sse_verdict verdict = sse_feed(s->sse, bytes, length);
    stopped(s, verdict);
    launchdarkly_leave(s);
    return verdict == SSE_MORE;
}

static void on_done(void *arg, const struct http_result *result)
{
    struct launchdarkly *s = arg;
    launchdarkly_enter(s);
    s->request = NULL;
    launchdarkly_broken(s, result);
    launchdarkly_leave(s);
}

void launchdarkly_stream(struct launchdarkly *s)
{
    static const char *const own[] = {"Accept: text/event-stream", "Cache-Control: no-cache", NULL};
    struct http_spec spec = {.fresh_connection = true, .idle_timeout_ms = s->idle_timeout_ms};
    if (s->sse == NULL) {
        s->sse = sse_new(s->most_bytes, &(struct sse_handler){on_event, on_retry, s});
    }
    if (s->sse == NULL) {
        launchdarkly_failed(s, &(struct launchdarkly_failure){.error = IMAGE_SOURCE_UNKNOWN_ERROR,
                                                              .text = "out of memory"});
        return;
    }
    sse_begin(s->sse);
    launchdarkly_request(s, &spec, own, &(struct http_handler){on_head, on_data, on_done, s});
}
