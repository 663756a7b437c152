/* HTTP requests on the event loop, against servers that behave and servers that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "http/http.h"
#include "loopback.h"
#include "tls_server.h"

#define WAIT_MS 10000

struct fixture {
    struct event_base *base;
    struct http *http;
    struct loopback *server;
    loopback_serve *serve;
    char head[2048]; /* of the last request */
    char body[256];
    struct loopback_peer *peer;
    unsigned value; /* for what answers: a status, a size, a port */
    const char *location;
    const char *bytes;
};

/* What became of one request. */
struct outcome {
    struct fixture *f;
    struct http_request *request;
    bool done;
    unsigned done_count;
    unsigned head_count;
    long head_status;
    char etag[64];
    char body[256];
    size_t length;
    size_t most; /* refuses more */
    bool cancel_in_head, cancel_in_data, free_in_data;
    enum http_outcome outcome;
    long status;
    char error[512];
};

static void on_request(void *arg, struct loopback_peer *peer,
                       const struct loopback_request *request)
{
    struct fixture *f = arg;
    (void)snprintf(f->head, sizeof f->head, "%s", request->head);
    (void)snprintf(f->body, sizeof f->body, "%.*s", (int)request->body_length, request->body);
    f->peer = peer;
    f->serve(f, peer, request);
}

static void answer_hello(void *arg, struct loopback_peer *peer,
                         const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_answer(peer, 200, "ETag: \"abc\"\r\n", "hello");
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->base = event_base_new();
    f->server = loopback_new(f->base, on_request, f);
    f->http = http_new(f->base, &(struct http_options){.user_agent = "ffshm/test"});
    f->serve = answer_hello;
    assert_non_null(f->http);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    http_free(f->http);
    loopback_free(f->server);
    event_base_free(f->base);
    free(f);
    return 0;
}

static void renew(struct fixture *f, const struct http_options *options)
{
    http_free(f->http);
    f->http = http_new(f->base, options);
    assert_non_null(f->http);
}

/* ---- one request -------------------------------------------------------------------------- */

static void on_head(void *arg, struct http_request *request, long status)
{
    struct outcome *o = arg;
    o->head_count++;
    o->head_status = status;
    const char *etag = http_header(request, "etag");
    (void)snprintf(o->etag, sizeof o->etag, "%s", etag != NULL ? etag : "");
    if (o->cancel_in_head) {
        http_cancel(o->request);
    }
}

static bool on_data(void *arg, const char *bytes, size_t length)
{
    struct outcome *o = arg;
    for (size_t i = 0; i < length && o->length + i + 1 < sizeof o->body; i++) {
        o->body[o->length + i] = bytes[i];
    }
    o->length += length;
    if (o->cancel_in_data) {
        http_cancel(o->request);
    }
    if (o->free_in_data) {
        http_free(o->f->http);
        o->f->http = NULL;
    }
    return o->most == 0 || o->length <= o->most;
}

static void on_done(void *arg, const struct http_result *result)
{
    struct outcome *o = arg;
    o->done = true;
    o->done_count++;
    o->outcome = result->outcome;
    o->status = result->status;
    assert_non_null(result->error);
    (void)snprintf(o->error, sizeof o->error, "%s", result->error);
    if (o->outcome != HTTP_DONE) {
        assert_string_not_equal(o->error, "");
    }
    assert_null(strpbrk(o->error, "\r\n"));
}

static const char *url(const struct fixture *f, const char *path)
{
    static char text[256];
    (void)snprintf(text, sizeof text, "http://127.0.0.1:%u%s", loopback_port(f->server), path);
    return text;
}

static void start(struct fixture *f, struct http_spec spec, struct outcome *o)
{
    const struct http_handler handler = {on_head, on_data, on_done, o};
    if (spec.method == NULL) {
        spec.method = "GET";
    }
    o->f = f;
    o->request = http_start(f->http, &spec, &handler);
    assert_non_null(o->request);
    assert_false(o->done); /* never from within */
}

static struct outcome fetch_with(struct fixture *f, struct http_spec spec)
{
    struct outcome o = {0};
    start(f, spec, &o);
    assert_true(loopback_wait(f->base, &o.done, WAIT_MS));
    assert_int_equal(o.done_count, 1);
    return o;
}

static struct outcome fetch(struct fixture *f, const char *path)
{
    return fetch_with(f, (struct http_spec){.url = url(f, path)});
}

/* ---- what works --------------------------------------------------------------------------- */

static void a_get_has_its_headers_and_gets_the_body(void **state)
{
    struct fixture *f = *state;
    const char *const headers[] = {"Authorization: sdk-1", "X-Some: thing", NULL};
    const struct outcome o =
        fetch_with(f, (struct http_spec){.url = url(f, "/path?a=b"), .headers = headers});
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.status, 200);
    assert_int_equal(o.head_count, 1);
    assert_int_equal(o.head_status, 200);
    assert_string_equal(o.etag, "\"abc\"");
    assert_string_equal(o.body, "hello");
    assert_string_equal(o.error, "");
    assert_memory_equal(f->head, "GET /path?a=b HTTP/1.1\r\n", 24);
    assert_string_equal(loopback_header(f->head, "Authorization"), "sdk-1");
    assert_string_equal(loopback_header(f->head, "X-Some"), "thing");
    assert_string_equal(loopback_header(f->head, "User-Agent"), "ffshm/test");
    assert_null(loopback_header(f->head, "Accept-Encoding"));
}

static void post_and_report_send_their_body_at_once(void **state)
{
    struct fixture *f = *state;
    const char *const headers[] = {"Content-Type: application/json", NULL};
    const char *const methods[] = {"POST", "REPORT"};
    for (size_t i = 0; i < 2; i++) {
        const struct outcome o = fetch_with(f, (struct http_spec){.url = url(f, "/bulk"),
                                                                  .method = methods[i],
                                                                  .headers = headers,
                                                                  .body = "[1,2]",
                                                                  .body_length = 5});
        assert_int_equal(o.outcome, HTTP_DONE);
        assert_string_equal(f->body, "[1,2]");
        assert_memory_equal(f->head, methods[i], strlen(methods[i]));
        assert_string_equal(loopback_header(f->head, "Content-Type"), "application/json");
        assert_null(loopback_header(f->head, "Expect"));
    }
}

static void connections_are_kept_unless_a_fresh_one_is_wanted(void **state)
{
    struct fixture *f = *state;
    fetch(f, "/1");
    fetch(f, "/2");
    assert_int_equal(loopback_accepted(f->server), 1);
    fetch_with(f, (struct http_spec){.url = url(f, "/3"), .fresh_connection = true});
    assert_int_equal(loopback_accepted(f->server), 2);
    loopback_pass(f->base, 20);
    assert_int_equal(loopback_open(f->server), 1);
}

static void answer_value(void *arg, struct loopback_peer *peer,
                         const struct loopback_request *request)
{
    const struct fixture *f = arg;
    (void)request;
    loopback_answer(peer, f->value, "", f->value == 304 ? "" : "because");
}

static void an_error_status_is_a_whole_response(void **state)
{
    struct fixture *f = *state;
    static const unsigned statuses[] = {304, 401, 404, 429, 500, 503};
    f->serve = answer_value;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        f->value = statuses[i];
        const struct outcome o = fetch(f, "/");
        assert_int_equal(o.outcome, HTTP_DONE);
        assert_int_equal(o.status, statuses[i]);
        assert_int_equal(o.head_status, statuses[i]);
        assert_string_equal(o.body, statuses[i] == 304 ? "" : "because");
    }
}

static void answer_in_chunks(void *arg, struct loopback_peer *peer,
                             const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_print(peer, "HTTP/1.1 100 Continue\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nhel\r\n2\r\nlo\r\n0\r\nETag: trailing\r\n\r\n");
}

static void chunks_and_what_is_around_them_are_understood(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_in_chunks;
    const struct outcome o = fetch(f, "/");
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.head_count, 1);
    assert_int_equal(o.head_status, 200);
    assert_string_equal(o.etag, "");
    assert_string_equal(o.body, "hello");
}

static void answer_head_only(void *arg, struct loopback_peer *peer,
                             const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_print(peer, "HTTP/1.1 200 OK\r\nETag: early\r\n\r\n");
}

static void the_head_is_told_before_there_is_a_body(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    f->serve = answer_head_only;
    start(f, (struct http_spec){.url = url(f, "/")}, &o);
    while (o.head_count == 0) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    assert_string_equal(o.etag, "early");
    assert_false(o.done);
    loopback_print(f->peer, "hello");
    loopback_end(f->peer);
    assert_true(loopback_wait(f->base, &o.done, WAIT_MS));
    assert_int_equal(o.outcome, HTTP_DONE); /* its end is the connection's */
    assert_string_equal(o.body, "hello");
}

/* ---- redirects ---------------------------------------------------------------------------- */

static void answer_redirects(void *arg, struct loopback_peer *peer,
                             const struct loopback_request *request)
{
    const struct fixture *f = arg;
    char location[128];
    if (strncmp(strchr(request->head, ' '), " /there", 7) == 0) {
        loopback_answer(peer, 200, "ETag: there\r\n", "there");
        return;
    }
    (void)snprintf(location, sizeof location, "Location: %s\r\nETag: here\r\n", f->location);
    loopback_answer(peer, f->value, location, "elsewhere");
}

static void a_get_is_redirected(void **state)
{
    struct fixture *f = *state;
    static const unsigned statuses[] = {301, 302, 307, 308};
    const char *const headers[] = {"Authorization: sdk-1", NULL};
    f->serve = answer_redirects;
    f->location = "/there";
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        f->value = statuses[i];
        const struct outcome o =
            fetch_with(f, (struct http_spec){.url = url(f, "/here"), .headers = headers});
        assert_int_equal(o.outcome, HTTP_DONE);
        assert_int_equal(o.status, 200);
        assert_int_equal(o.head_count, 1);
        assert_string_equal(o.etag, "there");
        assert_string_equal(o.body, "there");
        assert_string_equal(loopback_header(f->head, "Authorization"), "sdk-1");
    }
}

static void a_post_is_not_redirected(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_redirects;
    f->location = "/there";
    f->value = 307;
    const struct outcome o = fetch_with(
        f, (struct http_spec){.url = url(f, "/"), .method = "POST", .body = "x", .body_length = 1});
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.status, 307);
    assert_int_equal(loopback_requests(f->server), 1);
}

static void authorization_stays_with_its_origin(void **state)
{
    struct fixture *f = *state;
    const char *const headers[] = {"Authorization: sdk-1", "X-Some: thing", NULL};
    char location[64];
    struct loopback *other = loopback_new(f->base, on_request, f);
    f->serve = answer_redirects;
    f->value = 302;
    f->location = location;
    /* Another port is another origin; so is another name of the same address. */
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(location, sizeof location, "http://%s:%u/there", hosts[i],
                       loopback_port(i == 0 ? other : f->server));
        const struct outcome o =
            fetch_with(f, (struct http_spec){.url = url(f, "/here"), .headers = headers});
        assert_int_equal(o.status, 200);
        assert_string_equal(o.body, "there");
        assert_string_equal(loopback_header(f->head, "X-Some"), "thing");
        assert_null(loopback_header(f->head, "Authorization"));
    }
    loopback_free(other);
}

static void redirects_in_a_loop_end(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_redirects;
    f->location = "/round";
    f->value = 302;
    const struct outcome o = fetch(f, "/round");
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_int_equal(o.head_count, 0);
    assert_int_equal(loopback_requests(f->server), 11);
}

static void a_redirect_leads_to_http_only(void **state)
{
    struct fixture *f = *state;
    static const char *const places[] = {"file:///etc/hostname", "ftp://127.0.0.1/", "dict://x:1/",
                                         "http://[", "//"};
    f->serve = answer_redirects;
    f->value = 302;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        f->location = places[i];
        const struct outcome o = fetch(f, "/");
        assert_int_equal(o.outcome, HTTP_NETWORK);
        assert_string_equal(o.body, "");
    }
    f->location = ""; /* leads nowhere: is what it is */
    const struct outcome o = fetch(f, "/");
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.status, 302);
    assert_int_equal(o.head_count, 1);
}

/* ---- what fails --------------------------------------------------------------------------- */

static void an_url_that_is_none_fails(void **state)
{
    struct fixture *f = *state;
    static const char *const urls[] = {"",
                                       "http://",
                                       "file:///etc/hostname",
                                       "http://a b/",
                                       "gopher://127.0.0.1/",
                                       "http://127.0.0.1:99999/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const struct outcome o = fetch_with(f, (struct http_spec){.url = urls[i]});
        assert_int_equal(o.outcome, HTTP_NETWORK);
        assert_int_equal(o.status, 0);
    }
}

static void a_header_with_a_line_break_is_not_sent(void **state)
{
    struct fixture *f = *state;
    const char *const headers[] = {"Authorization: sdk-1\r\nX-Evil: 1", NULL};
    const struct outcome o =
        fetch_with(f, (struct http_spec){.url = url(f, "/"), .headers = headers});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_string_equal(o.error, "a header contains a line break");
    assert_int_equal(loopback_requests(f->server), 0);
}

static void a_refused_connection_says_so_without_the_password(void **state)
{
    struct fixture *f = *state;
    char text[128];
    (void)snprintf(text, sizeof text, "http://someone:s3cr%%65t@127.0.0.1:%u/",
                   loopback_closed_port());
    struct outcome o = fetch_with(f, (struct http_spec){.url = text});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_non_null(strstr(o.error, "127.0.0.1"));
    assert_null(strstr(o.error, "s3cr"));
    /* curl names the host that it cannot resolve: here that is the user, too. */
    o = fetch_with(f, (struct http_spec){.url = "http://nobody:pw@nobody.invalid./"});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_null(strstr(o.error, "nobody"));
}

/* Answers with the fixture's bytes, and ends or resets the connection. */
static void answer_bytes(void *arg, struct loopback_peer *peer,
                         const struct loopback_request *request)
{
    const struct fixture *f = arg;
    (void)request;
    loopback_send(peer, f->bytes, strlen(f->bytes));
    loopback_end(peer);
}

static void a_response_that_is_none_or_cut_off_is_a_network_error(void **state)
{
    struct fixture *f = *state;
    static const char *const responses[] = {
        "",
        "\x01\x02\xff garbage\r\nmore\r\n\r\n",
        "HTTP/1.1 ",
        "HTTP/9.9 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Len",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nl",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n",
    };
    f->serve = answer_bytes;
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++) {
        f->bytes = responses[i];
        const struct outcome o = fetch(f, "/");
        if (o.outcome != HTTP_NETWORK) {
            fail_msg("outcome %d, status %ld of %s", (int)o.outcome, o.status, f->bytes);
        }
    }
    f->serve = answer_hello;
    assert_int_equal(fetch(f, "/").outcome, HTTP_DONE); /* and the next one is served */
}

static void answer_half_and_reset(void *arg, struct loopback_peer *peer,
                                  const struct loopback_request *request)
{
    (void)arg, (void)request;
    static const char half[] = "HTTP/1.1 200 OK\r\n\r\nhel";
    const int fd = bufferevent_getfd(loopback_stream(peer));
    assert_int_equal(send(fd, half, sizeof half - 1, 0), sizeof half - 1);
    loopback_reset(peer);
}

static void a_reset_in_the_body_is_a_network_error(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_half_and_reset;
    assert_int_equal(fetch(f, "/").outcome, HTTP_NETWORK);
}

static void answer_nothing(void *arg, struct loopback_peer *peer,
                           const struct loopback_request *request)
{
    (void)arg, (void)peer, (void)request;
}

static void a_silent_server_is_given_up(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_nothing;
    struct outcome o =
        fetch_with(f, (struct http_spec){.url = url(f, "/"), .total_timeout_ms = 30});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    o = fetch_with(f, (struct http_spec){.url = url(f, "/"), .idle_timeout_ms = 30});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_string_equal(o.error, "not a byte for 30 ms");
    f->serve = answer_head_only;
    o = fetch_with(f, (struct http_spec){.url = url(f, "/"), .idle_timeout_ms = 30});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_int_equal(o.status, 200);
    loopback_pass(f->base, 20);
    assert_int_equal(loopback_open(f->server), 0);
}

static void a_slow_server_is_not_idle(void **state)
{
    struct fixture *f = *state;
    struct outcome o = {0};
    f->serve = answer_head_only;
    start(f, (struct http_spec){.url = url(f, "/"), .idle_timeout_ms = 200}, &o);
    for (unsigned i = 0; i < 10; i++) {
        loopback_pass(f->base, 40);
        loopback_print(f->peer, "x");
    }
    assert_false(o.done);
    loopback_end(f->peer);
    assert_true(loopback_wait(f->base, &o.done, WAIT_MS));
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.length, 10);
}

/* ---- bounds ------------------------------------------------------------------------------- */

/* What the heap has in use, in bytes; 0 where nobody counts (sanitizers). */
static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

static void fill(struct bufferevent *stream, void *arg)
{
    static char zeros[1 << 14];
    (void)arg;
    bufferevent_write(stream, zeros, sizeof zeros);
}

static void answer_without_end(void *arg, struct loopback_peer *peer,
                               const struct loopback_request *request)
{
    (void)arg, (void)request;
    bufferevent_data_cb read;
    bufferevent_event_cb event;
    void *context;
    bufferevent_getcb(loopback_stream(peer), &read, NULL, &event, &context);
    bufferevent_setcb(loopback_stream(peer), read, fill, event, context);
    loopback_print(peer, "HTTP/1.1 200 OK\r\n\r\n");
}

static void a_body_without_end_is_stopped(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_without_end;
    const size_t before = heap_bytes();
    struct outcome o = fetch_with(f, (struct http_spec){.url = url(f, "/"), .most_bytes = 1 << 20});
    assert_int_equal(o.outcome, HTTP_STOPPED);
    assert_string_equal(o.error, "the response is larger than 1048576 bytes");
    assert_true(o.length <= 1 << 20);
    loopback_pass(f->base, 20);
    assert_int_equal(loopback_open(f->server), 0);
    assert_true(heap_bytes() < before + (1 << 20));

    o = (struct outcome){.most = 1000};
    start(f, (struct http_spec){.url = url(f, "/")}, &o);
    assert_true(loopback_wait(f->base, &o.done, WAIT_MS));
    assert_int_equal(o.outcome, HTTP_STOPPED);
}

/* count zeros, gzipped: a thousandth of that. */
static size_t gzip_zeros(size_t count, unsigned char *to, size_t capacity)
{
    static unsigned char zeros[1 << 14];
    z_stream z = {.next_out = to, .avail_out = (uInt)capacity};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (size_t done = 0; done < count; done += sizeof zeros) {
        z.next_in = zeros;
        z.avail_in = sizeof zeros;
        assert_int_equal(deflate(&z, done + sizeof zeros < count ? Z_NO_FLUSH : Z_FINISH),
                         done + sizeof zeros < count ? Z_OK : Z_STREAM_END);
    }
    deflateEnd(&z);
    return capacity - z.avail_out;
}

static void answer_gzip(void *arg, struct loopback_peer *peer,
                        const struct loopback_request *request)
{
    static unsigned char packed[1 << 17];
    const struct fixture *f = arg;
    (void)request;
    const size_t length = gzip_zeros(f->value, packed, sizeof packed);
    loopback_print(peer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                   length);
    loopback_send(peer, packed, length);
}

static void gzip_is_asked_for_and_its_bombs_are_stopped(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_gzip;
    f->value = 1 << 15;
    struct outcome o = fetch_with(
        f, (struct http_spec){.url = url(f, "/"), .accept_gzip = true, .most_bytes = 1 << 20});
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.length, 1 << 15);
    assert_string_equal(loopback_header(f->head, "Accept-Encoding"), "gzip");
    f->value = 64 << 20;
    o = fetch_with(
        f, (struct http_spec){.url = url(f, "/"), .accept_gzip = true, .most_bytes = 1 << 20});
    assert_int_equal(o.outcome, HTTP_STOPPED);
    assert_true(o.length <= 1 << 20);
}

static void answer_many_headers(void *arg, struct loopback_peer *peer,
                                const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_print(peer, "HTTP/1.1 200 OK\r\n");
    for (unsigned i = 0; i < 1000; i++) {
        loopback_print(peer, "X-%u: %01000u\r\n", i, i);
    }
}

static void headers_are_bounded(void **state)
{
    struct fixture *f = *state;
    f->serve = answer_many_headers;
    const struct outcome o = fetch(f, "/");
    assert_int_equal(o.outcome, HTTP_STOPPED);
    assert_string_equal(o.error, "the response's headers are larger than 256 KiB");
}

#define REQUESTS 100
#define CONNECTIONS 32

static struct loopback_peer *held[REQUESTS];

static void answer_later(void *arg, struct loopback_peer *peer,
                         const struct loopback_request *request)
{
    (void)arg;
    held[request->number - 1] = peer;
}

static void more_requests_than_connections_wait_their_turn(void **state)
{
    struct fixture *f = *state;
    static struct outcome outcomes[REQUESTS];
    memset(outcomes, 0, sizeof outcomes);
    f->serve = answer_later;
    for (size_t i = 0; i < REQUESTS; i++) {
        start(f, (struct http_spec){.url = url(f, "/")}, &outcomes[i]);
    }
    for (unsigned i = 0; i < 1000 && loopback_requests(f->server) < CONNECTIONS; i++) {
        loopback_pass(f->base, 5);
    }
    loopback_pass(f->base, 50);
    assert_int_equal(loopback_requests(f->server), CONNECTIONS);
    assert_int_equal(loopback_accepted(f->server), CONNECTIONS);
    f->serve = answer_hello;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        loopback_answer(held[i], 200, "", "hello");
    }
    for (size_t i = 0; i < REQUESTS; i++) {
        assert_true(loopback_wait(f->base, &outcomes[i].done, WAIT_MS));
        assert_int_equal(outcomes[i].outcome, HTTP_DONE);
        assert_string_equal(outcomes[i].body, "hello");
    }
}

/* ---- cancelling --------------------------------------------------------------------------- */

static void nothing_is_told_after_cancelling(void **state)
{
    struct fixture *f = *state;
    struct outcome at_once = {0};
    start(f, (struct http_spec){.url = url(f, "/")}, &at_once);
    http_cancel(at_once.request);
    http_cancel(NULL);
    struct outcome in_head = {.cancel_in_head = true};
    struct outcome in_data = {.cancel_in_data = true};
    struct outcome streaming = {0};
    f->serve = answer_head_only;
    start(f, (struct http_spec){.url = url(f, "/"), .idle_timeout_ms = 60000}, &streaming);
    while (streaming.head_count == 0) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    http_cancel(streaming.request);
    f->serve = answer_hello;
    start(f, (struct http_spec){.url = url(f, "/")}, &in_head);
    start(f, (struct http_spec){.url = url(f, "/")}, &in_data);
    loopback_pass(f->base, 100);
    assert_int_equal(at_once.done_count + at_once.head_count, 0);
    assert_int_equal(in_head.head_count, 1);
    assert_int_equal(in_head.done_count + in_head.length, 0);
    assert_int_equal(in_data.length, 5);
    assert_int_equal(in_data.done_count, 0);
    assert_int_equal(streaming.done_count, 0);
    assert_int_equal(loopback_open(f->server), 0); /* all were closed */
}

static void all_may_be_freed_from_within_a_callback(void **state)
{
    struct fixture *f = *state;
    struct outcome other = {0};
    struct outcome o = {.free_in_data = true};
    f->serve = answer_hello;
    start(f, (struct http_spec){.url = url(f, "/")}, &o);
    start(f, (struct http_spec){.url = url(f, "/")}, &other);
    loopback_pass(f->base, 50);
    assert_null(f->http);
    assert_int_equal(o.done_count + other.done_count, 0);
    assert_int_equal(loopback_open(f->server), 0);
}

/* ---- proxies ------------------------------------------------------------------------------ */

static void serve_proxy(void *arg, struct loopback_peer *peer,
                        const struct loopback_request *request)
{
    const struct fixture *f = arg;
    if (strncmp(request->head, "CONNECT ", 8) == 0) {
        loopback_print(peer, "HTTP/1.1 200 Yes\r\nETag: of-the-proxy\r\n\r\n");
        loopback_tunnel(peer, f->value);
    } else {
        loopback_answer(peer, 200, "", "by proxy");
    }
}

static void proxy_options(const struct fixture *f, const char *user, char *text, size_t size)
{
    (void)snprintf(text, size, "http://%s127.0.0.1:%u", user, loopback_port(f->server));
}

static void a_proxy_gets_the_whole_url(void **state)
{
    struct fixture *f = *state;
    char proxy[64];
    proxy_options(f, "user:pw@", proxy, sizeof proxy);
    setenv("no_proxy", "*", 1); /* is about the environment's proxy */
    renew(f, &(struct http_options){.proxy = proxy});
    f->serve = serve_proxy;
    const struct outcome o =
        fetch_with(f, (struct http_spec){.url = "http://flags.invalid/all?filter=a"});
    unsetenv("no_proxy");
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_string_equal(o.body, "by proxy");
    assert_memory_equal(f->head, "GET http://flags.invalid/all?filter=a HTTP/1.1\r\n", 48);
    assert_string_equal(loopback_header(f->head, "Host"), "flags.invalid");
    assert_string_equal(loopback_header(f->head, "Proxy-Authorization"), "Basic dXNlcjpwdw==");
}

static void the_environments_proxy_is_used(void **state)
{
    struct fixture *f = *state;
    char proxy[64];
    proxy_options(f, "", proxy, sizeof proxy);
    setenv("http_proxy", proxy, 1);
    f->serve = serve_proxy;
    const struct outcome o = fetch_with(f, (struct http_spec){.url = "http://flags.invalid/"});
    unsetenv("http_proxy");
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_string_equal(o.body, "by proxy");
}

static void refuse_connect(void *arg, struct loopback_peer *peer,
                           const struct loopback_request *request)
{
    (void)arg, (void)request;
    loopback_answer(peer, 403, "", "no");
}

static void a_proxy_that_refuses_is_a_network_error(void **state)
{
    struct fixture *f = *state;
    char proxy[64];
    proxy_options(f, "user:pw@", proxy, sizeof proxy);
    renew(f, &(struct http_options){.proxy = proxy});
    f->serve = refuse_connect;
    struct outcome o = fetch_with(f, (struct http_spec){.url = "https://flags.invalid/"});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_int_equal(o.status, 0);
    assert_null(strstr(o.error, "pw"));
    (void)snprintf(proxy, sizeof proxy, "http://user:pw@127.0.0.1:%u", loopback_closed_port());
    renew(f, &(struct http_options){.proxy = proxy});
    o = fetch_with(f, (struct http_spec){.url = "http://flags.invalid/"});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_null(strstr(o.error, "pw"));
}

/* ---- TLS ---------------------------------------------------------------------------------- */

static struct outcome fetch_tls(struct fixture *f, const struct tls_server *t, const char *host)
{
    char text[128];
    (void)snprintf(text, sizeof text, "https://%s:%u/hello", host, tls_server_port(t));
    return fetch_with(f, (struct http_spec){.url = text});
}

static void check_trust(struct fixture *f, const struct tls_server *t)
{
    char ca[96];
    char other[96];
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", tls_server_dir(t));
    (void)snprintf(other, sizeof other, "%s/other.pem", tls_server_dir(t));
    assert_int_equal(fetch_tls(f, t, "localhost").outcome, HTTP_CERTIFICATE);
    renew(f, &(struct http_options){.ca_file = ca});
    struct outcome o = fetch_tls(f, t, "localhost");
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.status, 200);
    assert_string_equal(o.body, "hello");
    o = fetch_tls(f, t, "127.0.0.1"); /* is not the name in the certificate */
    assert_int_equal(o.outcome, HTTP_CERTIFICATE);
    assert_int_equal(o.head_count, 0);
    renew(f, &(struct http_options){.ca_file = other});
    assert_int_equal(fetch_tls(f, t, "localhost").outcome, HTTP_CERTIFICATE);
    renew(f, &(struct http_options){.ca_file = "/nowhere/ca.pem"});
    assert_int_equal(fetch_tls(f, t, "localhost").outcome, HTTP_CERTIFICATE);
    renew(f, &(struct http_options){.skip_verify = true});
    assert_int_equal(fetch_tls(f, t, "localhost").outcome, HTTP_DONE);
    assert_int_equal(fetch_tls(f, t, "127.0.0.1").outcome, HTTP_DONE);
}

static void check_tunnel(struct fixture *f, const struct tls_server *t)
{
    char ca[96];
    char proxy[64];
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", tls_server_dir(t));
    proxy_options(f, "", proxy, sizeof proxy);
    renew(f, &(struct http_options){.ca_file = ca, .proxy = proxy});
    f->serve = serve_proxy;
    f->value = tls_server_port(t);
    const char *const headers[] = {"Authorization: sdk-1", NULL};
    const struct outcome o = fetch_with(
        f, (struct http_spec){.url = "https://localhost:4443/hello", .headers = headers});
    assert_int_equal(o.outcome, HTTP_DONE);
    assert_int_equal(o.status, 200);
    assert_string_equal(o.etag, "");
    assert_memory_equal(f->head, "CONNECT localhost:4443 HTTP/1.1\r\n", 33);
    assert_null(loopback_header(f->head, "Authorization")); /* is the server's, not the proxy's */
}

/* What was asked for under TLS is not fetched without it. */
static void check_downgrade(struct fixture *f, const struct tls_server *t)
{
    char name[96];
    char text[64];
    (void)snprintf(name, sizeof name, "%s/away", tls_server_dir(t));
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fprintf(file, "HTTP/1.0 302 Found\r\nLocation: %s\r\n\r\n", url(f, "/"));
    assert_int_equal(fclose(file), 0);
    (void)snprintf(text, sizeof text, "https://localhost:%u/away", tls_server_port(t));
    renew(f, &(struct http_options){.skip_verify = true});
    const unsigned requests = loopback_requests(f->server);
    const struct outcome o = fetch_with(f, (struct http_spec){.url = text});
    assert_int_equal(o.outcome, HTTP_NETWORK);
    assert_int_equal(o.status, 302);
    assert_int_equal(loopback_requests(f->server), requests);
}

static void certificates_are_verified_as_told(void **state)
{
    struct fixture *f = *state;
    struct tls_server *t = tls_server_start();
    if (t == NULL) {
        print_message("skipped: there is no openssl command\n");
        skip();
    }
    check_trust(f, t);
    check_tunnel(f, t);
    check_downgrade(f, t);
    tls_server_stop(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_get_has_its_headers_and_gets_the_body),
        TEST(post_and_report_send_their_body_at_once),
        TEST(connections_are_kept_unless_a_fresh_one_is_wanted),
        TEST(an_error_status_is_a_whole_response),
        TEST(chunks_and_what_is_around_them_are_understood),
        TEST(the_head_is_told_before_there_is_a_body),
        TEST(a_get_is_redirected),
        TEST(a_post_is_not_redirected),
        TEST(authorization_stays_with_its_origin),
        TEST(redirects_in_a_loop_end),
        TEST(a_redirect_leads_to_http_only),
        TEST(an_url_that_is_none_fails),
        TEST(a_header_with_a_line_break_is_not_sent),
        TEST(a_refused_connection_says_so_without_the_password),
        TEST(a_response_that_is_none_or_cut_off_is_a_network_error),
        TEST(a_reset_in_the_body_is_a_network_error),
        TEST(a_silent_server_is_given_up),
        TEST(a_slow_server_is_not_idle),
        TEST(a_body_without_end_is_stopped),
        TEST(gzip_is_asked_for_and_its_bombs_are_stopped),
        TEST(headers_are_bounded),
        TEST(more_requests_than_connections_wait_their_turn),
        TEST(nothing_is_told_after_cancelling),
        TEST(all_may_be_freed_from_within_a_callback),
        TEST(a_proxy_gets_the_whole_url),
        TEST(the_environments_proxy_is_used),
        TEST(a_proxy_that_refuses_is_a_network_error),
        TEST(certificates_are_verified_as_told),
    };
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
