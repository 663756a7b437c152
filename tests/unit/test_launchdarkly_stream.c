/* LaunchDarkly's stream, and all that can happen to it. */
#include "launchdarkly_fixture.h"

#include <sys/socket.h>

#include "tls_server.h"

#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define PUT "event: put\ndata: {\"path\":\"/\",\"data\":" PUT_1 "}\n\n"

static void serve_put(void *arg, struct loopback_peer *peer, const struct loopback_request *request)
{
    const struct fixture *f = arg;
    (void)request;
    loopback_print(peer, STREAM "%s\r\n" PUT, f->headers);
}

/* The source has its data, and the stream is open. */
static void begin_good(struct fixture *f, struct launchdarkly_options options)
{
    begin(f, options, serve_put);
    await(f, &f->told.states, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    assert_int_equal(f->told.puts, 1);
}

static void send_event(struct fixture *f, const char *event, const char *data)
{
    loopback_print(f->peer, "event: %s\ndata: %s\n\n", event, data);
}

/* ---- what works --------------------------------------------------------------------------- */

static void the_request_is_what_launchdarkly_expects(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){.filter = "a b/c+d~e%"});
    assert_memory_equal(f->head, "GET /all?filter=a%20b%2Fc%2Bd~e%25 HTTP/1.1\r\n", 45);
    assert_string_equal(loopback_header(f->head, "Authorization"), "sdk-1");
    assert_string_equal(loopback_header(f->head, "X-LaunchDarkly-Tags"), "a/b");
    assert_string_equal(loopback_header(f->head, "Accept"), "text/event-stream");
    assert_string_equal(loopback_header(f->head, "Cache-Control"), "no-cache");
    assert_string_equal(loopback_header(f->head, "User-Agent"), "ffshm/test");
}

static void a_base_may_have_a_path_and_a_slash(void **state)
{
    struct fixture *f = *state;
    char base[64];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u/prefix/", loopback_port(f->server));
    begin_good(f, (struct launchdarkly_options){.base_uri = base});
    assert_memory_equal(f->head, "GET /prefix/all HTTP/1.1\r\n", 26);
}

static void a_put_is_handed_over_as_it_was_written(void **state)
{
    struct fixture *f = *state;
    f->headers = "X-LD-EnvID: env-1\r\n";
    begin_good(f, (struct launchdarkly_options){0});
    assert_int_equal(f->told.count, 2);
    assert_string_equal(f->told.json, PUT_1);
    assert_int_equal(f->told.error, IMAGE_SOURCE_NO_ERROR);
    assert_string_equal(f->told.environment, "env-1");
    assert_int_equal(f->told.connections, 1);
    assert_int_equal(f->told.failed_connections, 0);
    send_event(f, "put", "{\"path\":\"\",\"data\":{ \"flags\" : {} }}");
    await(f, &f->told.puts, 2);
    assert_int_equal(f->told.count, 0);
    assert_string_equal(f->told.json, "{ \"flags\" : {} }");
    send_event(f, "put", "{}");
    await(f, &f->told.puts, 3);
    assert_string_equal(f->told.json, "{}");
    send_event(f, "put", "{\"dat\\u0061\":{\"segments\":{}}}"); /* the same name */
    await(f, &f->told.puts, 4);
    assert_string_equal(f->told.json, "{\"segments\":{}}");
    assert_int_equal(f->told.states, 1); /* nothing new about it */
    assert_int_equal(loopback_requests(f->server), 1);
}

static void patches_and_deletes_are_items(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){0});
    send_event(f, "patch",
               "{\"path\":\"/flags/a/b%20c\",\"data\":{\"key\":\"x\",\"version\":2.0}}");
    await(f, &f->told.patches, 1);
    assert_string_equal(f->told.path, "/flags/a/b%20c");
    assert_string_equal(f->told.key, "a/b%20c");
    assert_string_equal(f->told.json, "{\"key\":\"x\",\"version\":2.0}");
    assert_int_equal(f->told.version, 2);
    assert_int_equal(f->told.kind, IMAGE_FLAG);
    assert_false(f->told.deleted);
    send_event(f, "delete", "{\"path\":\"/segments/s\",\"version\":4}");
    await(f, &f->told.patches, 2);
    assert_string_equal(f->told.path, "/segments/s");
    assert_string_equal(f->told.key, "s");
    assert_string_equal(f->told.json, "{\"key\":\"s\",\"version\":4,\"deleted\":true}");
    assert_int_equal(f->told.version, 4);
    assert_int_equal(f->told.kind, IMAGE_SEGMENT);
    assert_true(f->told.deleted);
    send_event(f, "patch", "{\"path\":\"/flags/a\",\"data\":{\"version\":5,\"deleted\":true}}");
    await(f, &f->told.patches, 3);
    assert_true(f->told.deleted);
}

static void what_is_not_known_is_ignored(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){0});
    send_event(f, "whatever", "not JSON");
    send_event(f, "whatever", "{}");
    loopback_print(f->peer, ": heartbeat\n\nid: 7\n\ndata: no name\n\n");
    send_event(f, "put", "{\"path\":\"/elsewhere\",\"data\":{\"flags\":true}}");
    send_event(f, "patch", "{\"path\":\"/cats/Jack\",\"data\":{}}");
    send_event(f, "patch", "{\"path\":\"/flags\",\"data\":{}}");
    send_event(f, "patch", "{\"path\":\"/flags/\",\"data\":{}}");
    send_event(f, "delete", "{\"path\":\"/cats/Jack\"}");
    send_event(f, "patch",
               "{\"path\":\"/flags/a\",\"more\":[],\"data\":{\"version\":2,\"more\":{}}}");
    await(f, &f->told.patches, 1);
    assert_int_equal(f->told.version, 2);
    assert_int_equal(f->told.puts, 1);
    assert_int_equal(f->told.states, 1);
    assert_int_equal(loopback_requests(f->server), 1);
}

static void serve_redirect(void *arg, struct loopback_peer *peer,
                           const struct loopback_request *request)
{
    const struct fixture *f = arg;
    if (strncmp(request->head, "GET /all", 8) != 0) {
        serve_put(arg, peer, request);
        return;
    }
    loopback_answer(peer, f->status, f->location, "");
}

static void redirects_are_followed_and_the_key_stays(void **state)
{
    struct fixture *f = *state;
    char location[64];
    struct loopback *other = loopback_new(f->base, on_request, f);
    (void)snprintf(location, sizeof location, "Location: http://127.0.0.1:%u/other\r\n",
                   loopback_port(other));
    f->status = 307;
    f->location = "Location: /there\r\n";
    begin(f, (struct launchdarkly_options){0}, serve_redirect);
    await(f, &f->told.puts, 1);
    assert_memory_equal(f->head, "GET /there HTTP/1.1\r\n", 21);
    assert_string_equal(loopback_header(f->head, "Authorization"), "sdk-1");
    f->location = location;
    loopback_end(f->peer);
    await(f, &f->told.puts, 2);
    assert_memory_equal(f->head, "GET /other HTTP/1.1\r\n", 21);
    assert_null(loopback_header(f->head, "Authorization"));
    launchdarkly_free(f->source);
    f->source = NULL;
    loopback_free(other);
}

/* ---- what fails, and mends by itself ------------------------------------------------------- */

static void malformed_data_means_to_connect_again(void **state)
{
    static const char *const bad[][2] = {
        {"put", "{sorry"},
        {"put", ""},
        {"put", "flags: {}"},
        {"put", "[]"},
        {"put", "null"},
        {"put", "{\"data\":true}"},
        {"put", "{\"data\":null}"},
        {"put", "{\"path\":7,\"data\":{}}"},
        {"put", "{\"data\":{\"flags\":true,\"segments\":{}}}"},
        {"put", "{\"data\":{\"flags\":{},\"segments\":[]}}"},
        {"put", "{\"data\":{\"flags\":null}}"},
        {"put", "{\"data\":{\"flags\":{\"a\":7}}}"},
        {"put", "{\"data\":{\"flags\":{\"a\":{},\"b\":{\"on\":\"yes\"}}}}"},
        {"put", "{\"data\":{\"segments\":{\"a\":{\"rules\":{}}}}}"},
        {"put", "{\"data\":{}} more"},
        {"put", "{\"data\":{\"flags\":{\"a\":{\"salt\":\"\xff\"}}}}"},
        {"put", "{\"data\":{\"flags\":{\"a\":{\"salt\":\"\xed\xa0\x80\"}}}}"},
        {"patch", "{sorry"},
        {"patch", "{}"},
        {"patch", "{\"path\":true,\"data\":{}}"},
        {"patch", "{\"path\":\"/flags/a\"}"},
        {"patch", "{\"path\":\"/flags/a\",\"data\":true}"},
        {"patch", "{\"path\":\"/flags/a\\u0000b\",\"data\":{}}"},
        {"patch", "{\"path\":\"/flags/a\",\"data\":{\"version\":\"no\"}}"},
        {"delete", "{sorry"},
        {"delete", "{\"version\":1}"},
        {"delete", "{\"path\":\"/flags/a\"}"},
        {"delete", "{\"path\":\"/flags/a\",\"version\":\"no\"}"},
        {"delete", "{\"path\":\"/flags/a\",\"version\":1.5}"},
    };
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){.healthy_ms = 1});
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        const unsigned states = f->told.states;
        const unsigned puts = f->told.puts;
        loopback_pass(f->base, 3); /* healthy for long enough */
        send_event(f, bad[i][0], bad[i][1]);
        await(f, &f->told.states, states + 1);
        assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
        assert_int_equal(f->told.error, IMAGE_SOURCE_INVALID_DATA);
        assert_memory_equal(f->told.text, bad[i][0], strlen(bad[i][0]));
        await(f, &f->told.states, states + 2);
        assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
        assert_int_equal(f->told.puts, puts + 1);
    }
    assert_int_equal(f->told.patches, 0);
    loopback_pass(f->base, 20);
    assert_int_equal(loopback_open(f->server), 1); /* the bad ones were closed */
}

static void what_the_owner_cannot_take_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    f->result = -1;
    begin(f, (struct launchdarkly_options){0}, serve_put);
    await(f, &f->told.states, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->told.error, IMAGE_SOURCE_STORE_ERROR);
    f->result = 0;
    await(f, &f->told.states, 2);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    f->result = -1;
    send_event(f, "patch", "{\"path\":\"/flags/a\",\"data\":{\"version\":2}}");
    await(f, &f->told.states, 3);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
    assert_int_equal(f->told.error, IMAGE_SOURCE_STORE_ERROR);
}

static void serve_status(void *arg, struct loopback_peer *peer,
                         const struct loopback_request *request)
{
    const struct fixture *f = arg;
    (void)request;
    loopback_answer(peer, f->status, "", "no");
}

static void recoverable_statuses_are_tried_again(void **state)
{
    static const unsigned statuses[] = {204, 304, 400, 408, 429, 500, 503, 599};
    struct fixture *f = *state;
    unsigned states = 0;
    f->status = statuses[0];
    begin(f, (struct launchdarkly_options){.healthy_ms = 1}, serve_status);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        f->status = statuses[i];
        f->serve = serve_status;
        await(f, &f->told.states, ++states);
        assert_int_equal(f->told.state,
                         i == 0 ? IMAGE_SOURCE_INITIALIZING : IMAGE_SOURCE_INTERRUPTED);
        assert_int_equal(f->told.error, IMAGE_SOURCE_ERROR_RESPONSE);
        assert_int_equal(f->told.status, statuses[i]);
        await(f, &f->told.states, ++states); /* once more */
        assert_int_equal(f->told.status, statuses[i]);
        f->serve = serve_put;
        await(f, &f->told.states, ++states);
        assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
        f->serve = serve_status;
        f->status = statuses[(i + 1) % (sizeof statuses / sizeof *statuses)];
        loopback_pass(f->base, 3);
        loopback_reset(f->peer);
        await(f, &f->told.states, ++states);
        assert_int_equal(f->told.error, IMAGE_SOURCE_NETWORK_ERROR);
    }
    assert_true(f->told.failed_connections >= 2 * 8);
}

static void unrecoverable_statuses_stop_it_for_good(void **state)
{
    static const unsigned statuses[] = {401, 403, 404, 405, 410};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        f->status = statuses[i];
        if (i % 2 == 0) {
            begin(f, (struct launchdarkly_options){0}, serve_status);
        } else { /* when it connects again */
            begin_good(f, (struct launchdarkly_options){0});
            f->serve = serve_status;
            loopback_end(f->peer);
        }
        await(f, &f->told.events, 1);
        assert_int_equal(f->told.state, IMAGE_SOURCE_OFF);
        assert_int_equal(f->told.error, IMAGE_SOURCE_ERROR_RESPONSE);
        assert_int_equal(f->told.status, statuses[i]);
        assert_string_equal(f->told.event, "launchdarkly-stopped");
        const unsigned requests = loopback_requests(f->server);
        loopback_pass(f->base, 50);
        assert_int_equal(loopback_requests(f->server), requests);
        assert_int_equal(loopback_open(f->server), 0);
    }
}

static void one_that_never_stops_slows_down(void **state)
{
    struct fixture *f = *state;
    f->status = 401;
    const int64_t start = clock_ms();
    begin(f,
          (struct launchdarkly_options){
              .never_stop = true, .extended_delay_ms = 40, .healthy_ms = 30},
          serve_status);
    await(f, &f->told.states, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->told.status, 401);
    await_requests(f, 2);
    assert_true(clock_ms() - start >= 20);
    f->status = 503; /* which does not end it */
    await_requests(f, 3);
    assert_true(clock_ms() - start >= 20 + 40);
    f->serve = serve_put;
    await(f, &f->told.puts, 1);
    assert_true(clock_ms() - start >= 20 + 40 + 80);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    assert_string_equal(f->told.event, "launchdarkly-slowed");
    assert_int_equal(f->told.events, 1);
    loopback_pass(f->base, 40); /* healthy: the next failure is the first again */
    loopback_end(f->peer);
    await(f, &f->told.puts, 2);
    f->serve = serve_status;
    f->status = 403;
    loopback_end(f->peer);
    await(f, &f->told.events, 2);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
}

static void a_bad_certificate_is_a_network_error(void **state)
{
    struct fixture *f = *state;
    char base[64];
    struct tls_server *server = tls_server_start();
    if (server == NULL) {
        print_message("skipped: there is no openssl command\n");
        skip();
    }
    (void)snprintf(base, sizeof base, "https://localhost:%u", tls_server_port(server));
    for (unsigned never_stop = 0; never_stop < 2; never_stop++) {
        begin(f, (struct launchdarkly_options){.base_uri = base, .never_stop = never_stop == 1},
              serve_put);
        await(f, &f->told.states, 1);
        assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
        assert_int_equal(f->told.error, IMAGE_SOURCE_NETWORK_ERROR);
        assert_int_equal(f->told.events, never_stop);
        if (never_stop == 0) {
            await(f, &f->told.states, 2);
        }
    }
    loopback_pass(f->base, 50);
    assert_int_equal(f->told.states, 1); /* the next one is in minutes */
    tls_server_stop(server);
}

static void a_refused_connection_is_tried_again(void **state)
{
    struct fixture *f = *state;
    char base[64];
    (void)snprintf(base, sizeof base, "http://user:sdk-1@127.0.0.1:%u", loopback_closed_port());
    begin(f, (struct launchdarkly_options){.base_uri = base}, serve_put);
    await(f, &f->told.states, 3);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->told.error, IMAGE_SOURCE_NETWORK_ERROR);
    assert_int_equal(f->told.failed_connections, 3);
}

/* The first answer is one that breaks, the second is good; what the owner got stays whole. */
static void breaks_then_mends(struct fixture *f, loopback_serve *serve,
                              struct launchdarkly_options options, enum image_source_error error)
{
    begin(f, options, serve);
    await(f, &f->told.states, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->told.error, error);
    assert_int_equal(f->told.puts, 0);
    f->serve = serve_put;
    await(f, &f->told.puts, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    assert_int_equal(f->told.count, 2);
    loopback_pass(f->base, 20);
    assert_int_equal(loopback_open(f->server), 1);
}

static void serve_half_and_reset(void *arg, struct loopback_peer *peer,
                                 const struct loopback_request *request)
{
    static const char half[] = STREAM "\r\nevent: put\ndata: {\"path\":\"/\",\"da";
    const int fd = bufferevent_getfd(loopback_stream(peer));
    (void)arg, (void)request;
    assert_int_equal(send(fd, half, sizeof half - 1, 0), sizeof half - 1);
    loopback_reset(peer);
}

static void serve_half_and_end(void *arg, struct loopback_peer *peer,
                               const struct loopback_request *request)
{
    (void)arg, (void)request;
    /* A whole line, and no empty one: not an event. */
    loopback_print(peer, STREAM "\r\nevent: put\ndata: {\"data\":" PUT_1 "}\n");
    loopback_end(peer);
}

static void serve_garbage(void *arg, struct loopback_peer *peer,
                          const struct loopback_request *request)
{
    char bytes[5000];
    (void)arg, (void)request;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * i * 31 + i / 7);
    }
    loopback_send(peer, bytes, sizeof bytes);
    loopback_end(peer);
}

static void serve_garbage_stream(void *arg, struct loopback_peer *peer,
                                 const struct loopback_request *request)
{
    loopback_print(peer, STREAM "\r\n");
    serve_garbage(arg, peer, request);
}

static void serve_head(void *arg, struct loopback_peer *peer,
                       const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_print(peer, STREAM "\r\n");
}

static void a_broken_stream_is_connected_again(void **state)
{
    struct fixture *f = *state;
    static loopback_serve *const serves[] = {serve_reset, serve_half_and_reset, serve_half_and_end,
                                             serve_garbage, serve_garbage_stream};
    for (size_t i = 0; i < sizeof serves / sizeof *serves; i++) {
        breaks_then_mends(f, serves[i], (struct launchdarkly_options){0},
                          IMAGE_SOURCE_NETWORK_ERROR);
    }
}

static void a_silent_stream_is_connected_again(void **state)
{
    struct fixture *f = *state;
    static loopback_serve *const serves[] = {serve_silence, serve_head};
    for (size_t i = 0; i < sizeof serves / sizeof *serves; i++) {
        breaks_then_mends(f, serves[i], (struct launchdarkly_options){.idle_timeout_ms = 100},
                          IMAGE_SOURCE_NETWORK_ERROR);
    }
}

static void comments_keep_a_stream_alive(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){.idle_timeout_ms = 500});
    for (unsigned i = 0; i < 12; i++) {
        loopback_pass(f->base, 50);
        loopback_print(f->peer, ":\n");
    }
    assert_int_equal(f->told.states, 1);
    await(f, &f->told.states, 2);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
}

static void fill(struct bufferevent *stream, void *arg)
{
    static char zeros[1 << 14];
    (void)arg;
    bufferevent_write(stream, zeros, sizeof zeros);
}

static void serve_endless(void *arg, struct loopback_peer *peer,
                          const struct loopback_request *request)
{
    bufferevent_data_cb read;
    bufferevent_event_cb event;
    void *context;
    (void)arg, (void)request;
    bufferevent_getcb(loopback_stream(peer), &read, NULL, &event, &context);
    bufferevent_setcb(loopback_stream(peer), read, fill, event, context);
    loopback_print(peer, STREAM "\r\ndata: ");
}

static void an_event_without_end_is_given_up(void **state)
{
    struct fixture *f = *state;
    const size_t before = heap_bytes();
    breaks_then_mends(f, serve_endless, (struct launchdarkly_options){.most_bytes = 1 << 20},
                      IMAGE_SOURCE_INVALID_DATA);
    assert_true(heap_bytes() < before + (1 << 19));
}

static void serve_put_and_end(void *arg, struct loopback_peer *peer,
                              const struct loopback_request *request)
{
    serve_put(arg, peer, request);
    loopback_end(peer);
}

static void short_streams_back_off(void **state)
{
    struct fixture *f = *state;
    const int64_t start = clock_ms();
    begin(f, (struct launchdarkly_options){.initial_delay_ms = 10}, serve_put_and_end);
    await_requests(f, 6);
    assert_true(clock_ms() - start >= 5 + 10 + 20 + 40 + 80);
    assert_int_equal(f->told.failed_connections, 0);
}

static void healthy_streams_begin_to_back_off_anew(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){.initial_delay_ms = 1, .healthy_ms = 1});
    size_t before = 0;
    for (unsigned i = 2; i <= 100; i++) {
        loopback_pass(f->base, 2);
        loopback_end(f->peer);
        await(f, &f->told.puts, i); /* which does not wait for half a ceiling */
        before = i == 10 ? heap_bytes() : before;
    }
    assert_true(heap_bytes() < before + (1 << 16));
}

static void the_delay_is_the_one_that_was_asked_for(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){.initial_delay_ms = 10000});
    loopback_end(f->peer);
    loopback_pass(f->base, 100);
    assert_int_equal(loopback_requests(f->server), 1);
    begin_good(f, (struct launchdarkly_options){.initial_delay_ms = 1});
    loopback_print(f->peer, "retry: 10000\n\n");
    loopback_end(f->peer);
    loopback_pass(f->base, 100);
    assert_int_equal(loopback_requests(f->server), 2);
    begin_good(f, (struct launchdarkly_options){.initial_delay_ms = 10000});
    loopback_print(f->peer, "retry: 1\n\n");
    loopback_end(f->peer);
    await(f, &f->told.puts, 2);
}

/* ---- size, and its end --------------------------------------------------------------------- */

static void a_huge_put_in_small_pieces_is_taken(void **state)
{
    struct fixture *f = *state;
    size_t length;
    char *text = make_state(10000, &length);
    begin_good(f, (struct launchdarkly_options){0});
    const size_t before = heap_bytes();
    const int64_t start = clock_ms();
    loopback_print(f->peer, "event: put\ndata: {\"path\":\"/\",\"data\":");
    for (size_t at = 0; at < length; at += 1000) {
        loopback_send(f->peer, text + at, length - at < 1000 ? length - at : 1000);
        if (at / 1000 % 100 == 0) {
            event_base_loop(f->base, EVLOOP_NONBLOCK);
        }
    }
    loopback_print(f->peer, "}\n\n");
    await(f, &f->told.puts, 2);
    print_message("%zu bytes: %lld ms\n", length, (long long)(clock_ms() - start));
    assert_int_equal(f->told.count, 10000);
    assert_int_equal(f->told.length, length);
    assert_memory_equal(f->told.json, text, 500);
    assert_true(heap_bytes() < before + (1 << 20)); /* nothing of it is held */
    free(text);
}

static void its_end_closes_the_connection_at_once(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){0});
    launchdarkly_free(f->source);
    f->source = NULL;
    while (loopback_open(f->server) > 0) { /* nothing else would wake the loop */
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    launchdarkly_free(NULL);
}

static void it_may_be_freed_by_whatever_it_calls(void **state)
{
    static const enum when whens[] = {IN_PUT, IN_PATCH, IN_STATE, IN_ENVIRONMENT, IN_CONNECTED};
    struct fixture *f = *state;
    f->headers = "X-LD-EnvID: env-1\r\n";
    for (size_t i = 0; i < sizeof whens / sizeof *whens; i++) {
        f->free_when = whens[i];
        begin(f, (struct launchdarkly_options){0}, serve_put);
        await_requests(f, loopback_requests(f->server) + 1);
        send_event(f, "patch", "{\"path\":\"/flags/a\",\"data\":{\"version\":2}}");
        for (unsigned k = 0; k < 100 && f->source != NULL; k++) {
            loopback_pass(f->base, 5);
        }
        assert_null(f->source);
        loopback_pass(f->base, 10);
        assert_int_equal(loopback_open(f->server), 0);
    }
    f->status = 401;
    static const enum when failing[] = {IN_CONNECTED, IN_STATE, IN_TOLD};
    for (size_t i = 0; i < 6; i++) {
        f->free_when = failing[i % 3];
        begin(f, (struct launchdarkly_options){.never_stop = i < 3}, serve_status);
        for (unsigned k = 0; k < 100 && f->source != NULL; k++) {
            loopback_pass(f->base, 5);
        }
        assert_null(f->source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_request_is_what_launchdarkly_expects),
        TEST(a_base_may_have_a_path_and_a_slash),
        TEST(a_put_is_handed_over_as_it_was_written),
        TEST(patches_and_deletes_are_items),
        TEST(what_is_not_known_is_ignored),
        TEST(redirects_are_followed_and_the_key_stays),
        TEST(malformed_data_means_to_connect_again),
        TEST(what_the_owner_cannot_take_is_asked_for_again),
        TEST(recoverable_statuses_are_tried_again),
        TEST(unrecoverable_statuses_stop_it_for_good),
        TEST(one_that_never_stops_slows_down),
        TEST(a_bad_certificate_is_a_network_error),
        TEST(a_refused_connection_is_tried_again),
        TEST(a_broken_stream_is_connected_again),
        TEST(a_silent_stream_is_connected_again),
        TEST(comments_keep_a_stream_alive),
        TEST(an_event_without_end_is_given_up),
        TEST(short_streams_back_off),
        TEST(healthy_streams_begin_to_back_off_anew),
        TEST(the_delay_is_the_one_that_was_asked_for),
        TEST(a_huge_put_in_small_pieces_is_taken),
        TEST(its_end_closes_the_connection_at_once),
        TEST(it_may_be_freed_by_whatever_it_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
