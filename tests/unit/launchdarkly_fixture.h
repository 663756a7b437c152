/*
 * launchdarkly_fixture.h - a LaunchDarkly source, the service that it talks to, and an owner that
 * writes down what it is told. Shared by the tests of streaming and of polling.
 */
#ifndef FFSHM_TESTS_LAUNCHDARKLY_FIXTURE_H
#define FFSHM_TESTS_LAUNCHDARKLY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loopback.h"
#include "source/launchdarkly.h"

#define WAIT_MS 10000
#define PUT_1                                                                                      \
    "{\"flags\":{\"a\":{\"key\":\"a\",\"version\":1}},\"segments\":{\"s\":{\"version\":3}}}"

/* What the owner was told, the last of each and how often. */
struct told {
    unsigned puts, patches, states, environments, connections, failed_connections, events;
    size_t count; /* of a put's items */
    char json[512];
    size_t length;
    char path[128];
    char key[128]; /* of a patch's item */
    int64_t version;
    bool deleted;
    enum image_blob_kind kind;
    enum image_source_state state;
    enum image_source_error error;
    long status;
    char text[512];
    char environment[128];
    char event[64];
};

enum when { NEVER, IN_PUT, IN_PATCH, IN_STATE, IN_ENVIRONMENT, IN_CONNECTED, IN_TOLD };

struct fixture {
    struct event_base *base;
    struct http *http;
    struct loopback *server;
    loopback_serve *serve;
    char head[2048]; /* of the last request */
    struct loopback_peer *peer;
    struct launchdarkly *source;
    struct told told;
    int result;          /* of put and patch */
    enum when free_when; /* frees the source */
    bool news;           /* something was told */
    const char *location;
    const char *body;
    const char *headers;
    unsigned status;
};

static void note(struct fixture *f, enum when when)
{
    f->news = true;
    if (f->free_when == when) {
        launchdarkly_free(f->source);
        f->source = NULL;
    }
}

static int on_put(void *arg, struct model_item **items, size_t count, const char *json,
                  size_t length)
{
    struct fixture *f = arg;
    f->told.puts++;
    f->told.count = count;
    f->told.length = length;
    (void)snprintf(f->told.json, sizeof f->told.json, "%.*s", (int)(length < 500 ? length : 500),
                   json);
    for (size_t i = 0; i < count; i++) {
        model_free(items[i]);
    }
    note(f, IN_PUT);
    return f->result;
}

static int on_patch(void *arg, struct model_item *item, const char *path, const char *json,
                    size_t length)
{
    struct fixture *f = arg;
    f->told.patches++;
    (void)snprintf(f->told.path, sizeof f->told.path, "%s", path);
    (void)snprintf(f->told.json, sizeof f->told.json, "%.*s", (int)length, json);
    (void)snprintf(f->told.key, sizeof f->told.key, "%s", item->key.text);
    f->told.version = item->version;
    f->told.deleted = item->deleted;
    f->told.kind = item->kind;
    model_free(item);
    note(f, IN_PATCH);
    return f->result;
}

static void on_state(void *arg, enum image_source_state state, enum image_source_error error,
                     long status, const char *text)
{
    struct fixture *f = arg;
    f->told.states++;
    f->told.state = state;
    f->told.error = error;
    f->told.status = status;
    (void)snprintf(f->told.text, sizeof f->told.text, "%s", text);
    assert_null(strchr(text, '\n'));
    assert_null(strstr(text, "sdk-1"));
    note(f, IN_STATE);
}

static void on_environment(void *arg, const char *id)
{
    struct fixture *f = arg;
    f->told.environments++;
    (void)snprintf(f->told.environment, sizeof f->told.environment, "%s", id);
    note(f, IN_ENVIRONMENT);
}

static void on_connected(void *arg, int64_t time_ms, bool failed, int64_t duration_ms)
{
    struct fixture *f = arg;
    f->told.connections++;
    f->told.failed_connections += failed;
    assert_true(time_ms > INT64_C(1700000000000));
    assert_in_range(duration_ms, 0, WAIT_MS);
    note(f, IN_CONNECTED);
}

static void on_told(void *arg, bool error, const char *event, const char *text)
{
    struct fixture *f = arg;
    f->told.events++;
    assert_true(error);
    assert_non_null(text);
    (void)snprintf(f->told.event, sizeof f->told.event, "%s", event);
    note(f, IN_TOLD);
}

static void on_request(void *arg, struct loopback_peer *peer,
                       const struct loopback_request *request)
{
    struct fixture *f = arg;
    (void)snprintf(f->head, sizeof f->head, "%s", request->head);
    f->peer = peer;
    f->news = true;
    f->serve(f, peer, request);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->base = event_base_new();
    f->server = loopback_new(f->base, on_request, f);
    f->http = http_new(f->base, &(struct http_options){.user_agent = "ffshm/test"});
    f->headers = "";
    assert_non_null(f->http);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    launchdarkly_free(f->source);
    http_free(f->http);
    loopback_free(f->server);
    event_base_free(f->base);
    free(f);
    return 0;
}

/* Starts the source: every delay short, unless the options say otherwise. */
static void begin(struct fixture *f, struct launchdarkly_options options, loopback_serve *serve)
{
    static const char *const headers[] = {"Authorization: sdk-1", "X-LaunchDarkly-Tags: a/b", NULL};
    const struct launchdarkly_owner owner = {on_put,       on_patch, on_state, on_environment,
                                             on_connected, on_told,  f};
    char base[64];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u", loopback_port(f->server));
    const unsigned before = loopback_requests(f->server);
    launchdarkly_free(f->source);
    f->told = (struct told){0};
    f->serve = serve;
    if (options.base_uri == NULL) {
        options.base_uri = base;
    }
    options.headers = headers;
    options.initial_delay_ms = options.initial_delay_ms != 0 ? options.initial_delay_ms : 1;
    options.poll_interval_ms = options.poll_interval_ms != 0 ? options.poll_interval_ms : 10;
    f->source = launchdarkly_new(f->base, f->http, &options, &owner);
    assert_non_null(f->source);
    assert_int_equal(f->told.states, 0);
    assert_int_equal(loopback_requests(f->server), before); /* at the next turn */
}

/* Turns the loop until the counter is that high. */
static void await(struct fixture *f, const unsigned *counter, unsigned value)
{
    for (unsigned i = 0; i < 10000 && *counter < value; i++) {
        f->news = false;
        assert_true(loopback_wait(f->base, &f->news, WAIT_MS));
    }
    assert_true(*counter >= value);
}

static void await_requests(struct fixture *f, unsigned count)
{
    for (unsigned i = 0; i < 10000 && loopback_requests(f->server) < count; i++) {
        f->news = false;
        assert_true(loopback_wait(f->base, &f->news, WAIT_MS));
    }
    assert_true(loopback_requests(f->server) >= count);
}

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the heap has in use, in bytes; 0 where nobody counts (sanitizers). */
static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

/* A state of that many flags, each of about a kilobyte. */
static char *make_state(unsigned flags, size_t *length)
{
    const size_t capacity = 64 + (size_t)flags * 1200;
    char *text = malloc(capacity);
    assert_non_null(text);
    size_t at = (size_t)snprintf(text, capacity, "{\"flags\":{");
    for (unsigned i = 0; i < flags; i++) {
        at += (size_t)snprintf(
            text + at, capacity - at,
            "%s\"flag-%06u\":{\"key\":\"flag-%06u\",\"version\":%u,\"on\":true,\"salt\":\"%032u\","
            "\"variations\":[true,false],\"offVariation\":1,\"fallthrough\":{\"variation\":0},"
            "\"rules\":[{\"id\":\"%036u\",\"variation\":1,\"clauses\":[{\"attribute\":\"country\","
            "\"op\":\"in\",\"values\":[",
            i > 0 ? "," : "", i, i, i + 1, i, i);
        for (unsigned k = 0; k < 30; k++) {
            at += (size_t)snprintf(text + at, capacity - at, "%s\"country-%010u\"",
                                   k > 0 ? "," : "", i * 31 + k);
        }
        at += (size_t)snprintf(text + at, capacity - at, "],\"negate\":false}]}]}");
        assert_true(at < capacity);
    }
    at += (size_t)snprintf(text + at, capacity - at, "}}");
    *length = at;
    return text;
}

static void serve_reset(void *arg, struct loopback_peer *peer,
                        const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_reset(peer);
}

static void serve_silence(void *arg, struct loopback_peer *peer,
                          const struct loopback_request *request)
{
    (void)arg, (void)peer, (void)request;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
