/* Polling LaunchDarkly, and all that can happen to it. */
#include "launchdarkly_fixture.h"

#include <zlib.h>

#include "tls_server.h"

static void serve_body(void *arg, struct loopback_peer *peer,
                       const struct loopback_request *request)
{
    const struct fixture *f = arg;
    (void)request;
    loopback_answer(peer, f->status != 0 ? f->status : 200, f->headers, f->body);
}

/* The source has its data, and goes on polling. */
static void begin_good(struct fixture *f, struct launchdarkly_options options)
{
    options.polling = true;
    f->body = PUT_1;
    begin(f, options, serve_body);
    await(f, &f->told.states, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    assert_int_equal(f->told.puts, 1);
}

static void serve_etag(void *arg, struct loopback_peer *peer,
                       const struct loopback_request *request)
{
    const struct fixture *f = arg;
    const char *etag = loopback_header(request->head, "If-None-Match");
    char expected[64];
    (void)snprintf(expected, sizeof expected, "ETag: %s\r\n", etag != NULL ? etag : "");
    const bool same = strcmp(expected, f->headers) == 0;
    loopback_answer(peer, same ? 304 : 200, f->headers, same ? "" : f->body);
}

/* ---- what works --------------------------------------------------------------------------- */

static void the_request_is_what_launchdarkly_expects(void **state)
{
    struct fixture *f = *state;
    char base[64];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u/prefix//", loopback_port(f->server));
    begin_good(f, (struct launchdarkly_options){.base_uri = base, .filter = "a&b"});
    assert_memory_equal(f->head, "GET /prefix/sdk/latest-all?filter=a%26b HTTP/1.1\r\n", 50);
    assert_string_equal(loopback_header(f->head, "Authorization"), "sdk-1");
    assert_string_equal(loopback_header(f->head, "X-LaunchDarkly-Tags"), "a/b");
    assert_null(loopback_header(f->head, "Accept-Encoding"));
    assert_null(loopback_header(f->head, "If-None-Match"));
}

static void a_poll_is_a_whole_state_as_it_was_written(void **state)
{
    struct fixture *f = *state;
    f->headers = "X-LD-EnvID: env-1\r\n";
    begin_good(f, (struct launchdarkly_options){0});
    assert_int_equal(f->told.count, 2);
    assert_string_equal(f->told.json, PUT_1);
    assert_string_equal(f->told.environment, "env-1");
    f->body = " {} ";
    await(f, &f->told.puts, f->told.puts + 2);
    assert_int_equal(f->told.count, 0);
    assert_string_equal(f->told.json, " {} ");
    assert_int_equal(f->told.states, 1); /* nothing new about it */
    assert_int_equal(f->told.connections, 0);
    assert_int_equal(loopback_accepted(f->server), 1); /* one connection for all */
}

static void what_has_not_changed_is_not_sent_again(void **state)
{
    struct fixture *f = *state;
    f->headers = "ETag: \"one\"\r\n";
    f->body = PUT_1;
    begin(f, (struct launchdarkly_options){.polling = true}, serve_etag);
    await_requests(f, 5);
    assert_string_equal(loopback_header(f->head, "If-None-Match"), "\"one\"");
    assert_int_equal(f->told.puts, 1);
    assert_int_equal(f->told.states, 1);
    f->body = "{}";
    f->headers = "ETag: \"two\"\r\n";
    await(f, &f->told.puts, 2);
    await_requests(f, loopback_requests(f->server) + 3);
    assert_string_equal(loopback_header(f->head, "If-None-Match"), "\"two\"");
    assert_int_equal(f->told.puts, 2);
}

static void data_that_was_not_taken_is_not_known(void **state)
{
    struct fixture *f = *state;
    f->headers = "ETag: \"one\"\r\n";
    f->body = PUT_1;
    f->result = -1;
    begin(f, (struct launchdarkly_options){.polling = true}, serve_etag);
    await(f, &f->told.states, 2);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->told.error, IMAGE_SOURCE_STORE_ERROR);
    assert_null(loopback_header(f->head, "If-None-Match"));
    f->result = 0;
    await(f, &f->told.states, 3);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    f->body = "{sorry";
    f->headers = "ETag: \"two\"\r\n";
    await(f, &f->told.states, 5);
    assert_int_equal(f->told.error, IMAGE_SOURCE_INVALID_DATA);
    assert_string_equal(loopback_header(f->head, "If-None-Match"), "\"one\"");
    f->headers = "ETag: \"one\"\r\n"; /* what is in force */
    await(f, &f->told.states, 6);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
}

static void nobody_who_has_nothing_is_told_that_it_is_unchanged(void **state)
{
    struct fixture *f = *state;
    f->status = 304;
    f->body = "";
    begin(f, (struct launchdarkly_options){.polling = true}, serve_body);
    await(f, &f->told.states, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->told.status, 304);
    f->status = 200;
    f->body = PUT_1;
    await(f, &f->told.puts, 1);
}

static void serve_gzip(void *arg, struct loopback_peer *peer,
                       const struct loopback_request *request)
{
    const struct fixture *f = arg;
    static unsigned char packed[1 << 16];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)f->body,
                  .avail_in = (uInt)strlen(f->body),
                  .next_out = packed,
                  .avail_out = sizeof packed};
    (void)request;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    const size_t length = sizeof packed - z.avail_out;
    loopback_print(peer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                   length);
    loopback_send(peer, packed, length);
}

static void gzip_is_understood_and_its_bombs_are_given_up(void **state)
{
    struct fixture *f = *state;
    char *bomb = malloc((8 << 20) + 1);
    assert_non_null(bomb);
    memset(bomb, ' ', 8 << 20);
    bomb[8 << 20] = '\0';
    f->body = PUT_1;
    const struct launchdarkly_options options = {
        .polling = true, .accept_gzip = true, .most_bytes = 1 << 20};
    begin(f, options, serve_gzip);
    await(f, &f->told.puts, 1);
    assert_string_equal(f->told.json, PUT_1);
    assert_string_equal(loopback_header(f->head, "Accept-Encoding"), "gzip");
    f->body = bomb;
    await(f, &f->told.states, 2);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
    assert_int_equal(f->told.error, IMAGE_SOURCE_INVALID_DATA);
    assert_string_equal(f->told.text, "the response is larger than 1048576 bytes");
    f->body = PUT_1;
    await(f, &f->told.states, 3);
    assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    free(bomb);
}

static void a_huge_state_is_taken(void **state)
{
    struct fixture *f = *state;
    size_t length;
    char *text = make_state(10000, &length);
    f->body = text;
    begin(f, (struct launchdarkly_options){.polling = true, .poll_interval_ms = 100000},
          serve_body);
    await(f, &f->told.puts, 1);
    assert_int_equal(f->told.count, 10000);
    assert_int_equal(f->told.length, length);
    free(text);
}

static void polls_leave_nothing_behind(void **state)
{
    struct fixture *f = *state;
    size_t length;
    char *text = make_state(100, &length);
    f->body = text;
    begin(f, (struct launchdarkly_options){.polling = true, .poll_interval_ms = 1}, serve_body);
    await(f, &f->told.puts, 5);
    const size_t before = heap_bytes();
    await(f, &f->told.puts, 50);
    assert_true(heap_bytes() < before + length);
    free(text);
}

static void serve_redirect(void *arg, struct loopback_peer *peer,
                           const struct loopback_request *request)
{
    if (strncmp(request->head, "GET /sdk/", 9) == 0) {
        loopback_answer(peer, 301, "Location: /there\r\n", "");
    } else {
        serve_body(arg, peer, request);
    }
}

static void redirects_are_followed(void **state)
{
    struct fixture *f = *state;
    f->body = PUT_1;
    begin(f, (struct launchdarkly_options){.polling = true}, serve_redirect);
    await(f, &f->told.puts, 1);
    assert_memory_equal(f->head, "GET /there HTTP/1.1\r\n", 21);
}

/* ---- what fails, and mends by itself ------------------------------------------------------- */

static void malformed_bodies_change_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "{sorry",
        "flags: {}",
        "[]",
        "null",
        "<html>hello</html>",
        "{\"flags\":true}",
        "{\"flags\":null}",
        "{\"segments\":[]}",
        "{\"flags\":{\"a\":7}}",
        "{\"flags\":{\"a\":{\"on\":\"yes\"}}}",
        "{\"flags\":{\"a\":{\"variations\":[\"AB\xff"
        "CD\"]}}}",
        "{\"flags\":{}} more",
    };
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){0});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const unsigned states = f->told.states;
        f->body = bad[i];
        await(f, &f->told.states, states + 1);
        assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
        assert_int_equal(f->told.error, IMAGE_SOURCE_INVALID_DATA);
        const unsigned puts = f->told.puts;
        f->body = PUT_1;
        await(f, &f->told.states, states + 2);
        assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
        assert_int_equal(f->told.puts, puts + 1);
    }
}

static void recoverable_statuses_are_polled_again(void **state)
{
    static const unsigned statuses[] = {204, 302, 400, 408, 429, 500, 503};
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){0});
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        const unsigned states = f->told.states;
        f->status = statuses[i];
        f->body = "";
        await(f, &f->told.states, states + 2);
        assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
        assert_int_equal(f->told.error, IMAGE_SOURCE_ERROR_RESPONSE);
        assert_int_equal(f->told.status, statuses[i]);
        f->status = 200;
        f->body = PUT_1;
        await(f, &f->told.states, states + 3);
        assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
    }
}

static void unrecoverable_statuses_stop_it_for_good(void **state)
{
    static const unsigned statuses[] = {401, 403, 404, 405};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        f->status = 200;
        begin_good(f, (struct launchdarkly_options){0});
        f->status = statuses[i];
        await(f, &f->told.events, 1);
        assert_int_equal(f->told.state, IMAGE_SOURCE_OFF);
        assert_int_equal(f->told.status, statuses[i]);
        assert_string_equal(f->told.event, "launchdarkly-stopped");
        const unsigned requests = loopback_requests(f->server);
        loopback_pass(f->base, 50);
        assert_int_equal(loopback_requests(f->server), requests);
    }
}

static void one_that_never_stops_slows_down_until_two_good_polls(void **state)
{
    struct fixture *f = *state;
    const struct launchdarkly_options options = {
        .polling = true, .never_stop = true, .poll_interval_ms = 5, .extended_delay_ms = 60};
    f->status = 401;
    f->body = PUT_1;
    int64_t start = clock_ms();
    begin(f, options, serve_body);
    await(f, &f->told.states, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    await_requests(f, 2);
    assert_true(clock_ms() - start >= 30);
    assert_string_equal(f->told.event, "launchdarkly-slowed");
    f->status = 200;
    await(f, &f->told.puts, 1); /* one good poll does not end it */
    f->status = 500;
    const unsigned states = f->told.states;
    await(f, &f->told.states, states + 1);
    start = clock_ms();
    await(f, &f->told.states, states + 2);
    assert_true(clock_ms() - start >= 55); /* the third delay: 240 ms, less a half */
    f->status = 200;
    await(f, &f->told.puts, f->told.puts + 2);
    assert_int_equal(f->told.events, 1);
    f->status = 403;
    await(f, &f->told.events, 2); /* it begins again */
}

static void its_delay_is_never_below_the_interval(void **state)
{
    struct fixture *f = *state;
    f->status = 401;
    f->body = "";
    const int64_t start = clock_ms();
    begin(f,
          (struct launchdarkly_options){
              .polling = true, .never_stop = true, .poll_interval_ms = 50, .extended_delay_ms = 1},
          serve_body);
    await_requests(f, 3);
    assert_true(clock_ms() - start >= 100);
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
    begin(f, (struct launchdarkly_options){.base_uri = base, .polling = true, .never_stop = true},
          serve_body);
    await(f, &f->told.events, 1);
    assert_int_equal(f->told.state, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->told.error, IMAGE_SOURCE_NETWORK_ERROR);
    assert_string_equal(f->told.event, "launchdarkly-slowed");
    tls_server_stop(server);
}

static void serve_cut(void *arg, struct loopback_peer *peer, const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_print(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}");
    loopback_end(peer);
}

static void a_broken_poll_changes_nothing(void **state)
{
    struct fixture *f = *state;
    static loopback_serve *const serves[] = {serve_reset, serve_cut, serve_silence};
    for (size_t i = 0; i < sizeof serves / sizeof *serves; i++) {
        begin_good(f, (struct launchdarkly_options){.idle_timeout_ms = 200});
        f->serve = serves[i];
        const unsigned puts = f->told.puts;
        await(f, &f->told.states, 2);
        assert_int_equal(f->told.state, IMAGE_SOURCE_INTERRUPTED);
        assert_int_equal(f->told.error, IMAGE_SOURCE_NETWORK_ERROR);
        f->serve = serve_body;
        await(f, &f->told.states, 3);
        assert_int_equal(f->told.state, IMAGE_SOURCE_VALID);
        assert_true(f->told.puts > puts);
    }
}

/* ---- its end ------------------------------------------------------------------------------ */

static void its_end_closes_the_connection(void **state)
{
    struct fixture *f = *state;
    begin_good(f, (struct launchdarkly_options){.idle_timeout_ms = 60000});
    f->serve = serve_silence;
    await_requests(f, loopback_requests(f->server) + 1);
    launchdarkly_free(f->source); /* in the middle of a request */
    f->source = NULL;
    while (loopback_open(f->server) > 0) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
}

static void it_may_be_freed_by_whatever_it_calls(void **state)
{
    static const enum when whens[] = {IN_PUT, IN_STATE, IN_ENVIRONMENT, IN_TOLD, IN_STATE};
    struct fixture *f = *state;
    f->headers = "X-LD-EnvID: env-1\r\n";
    f->body = PUT_1;
    for (size_t i = 0; i < sizeof whens / sizeof *whens; i++) {
        f->free_when = whens[i];
        f->status = i < 3 ? 200 : 401;
        begin(f, (struct launchdarkly_options){.polling = true}, serve_body);
        for (unsigned k = 0; k < 100 && f->source != NULL; k++) {
            loopback_pass(f->base, 5);
        }
        assert_null(f->source);
        const unsigned requests = loopback_requests(f->server);
        loopback_pass(f->base, 30);
        assert_int_equal(loopback_requests(f->server), requests);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_request_is_what_launchdarkly_expects),
        TEST(a_poll_is_a_whole_state_as_it_was_written),
        TEST(what_has_not_changed_is_not_sent_again),
        TEST(data_that_was_not_taken_is_not_known),
        TEST(nobody_who_has_nothing_is_told_that_it_is_unchanged),
        TEST(gzip_is_understood_and_its_bombs_are_given_up),
        TEST(a_huge_state_is_taken),
        TEST(polls_leave_nothing_behind),
        TEST(redirects_are_followed),
        TEST(malformed_bodies_change_nothing),
        TEST(recoverable_statuses_are_polled_again),
        TEST(unrecoverable_statuses_stop_it_for_good),
        TEST(one_that_never_stops_slows_down_until_two_good_polls),
        TEST(its_delay_is_never_below_the_interval),
        TEST(a_bad_certificate_is_a_network_error),
        TEST(a_broken_poll_changes_nothing),
        TEST(its_end_closes_the_connection),
        TEST(it_may_be_freed_by_whatever_it_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
