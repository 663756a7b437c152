/* The HTTP server's connections: keep-alive, pipelining, streams, and clients that are slow, many,
   gone or malicious. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin_fixture.h"

#define WAIT_MS 10000
#define HOST "Host: t\r\n"
#define HEALTH "GET /api/v1/health HTTP/1.1\r\n" HOST "\r\n"

static void setup(struct admin_fixture *f)
{
    admin_fixture_init(f);
    admin_fixture_start(f);
}

static void say(struct admin_fixture *f, int fd, const char *text)
{
    admin_send(f, fd, text, strlen(text));
}

/* The next answer has this status. */
static void hear(struct admin_fixture *f, int fd, unsigned status)
{
    struct admin_reply reply;
    assert_true(admin_receive(f, fd, false, WAIT_MS, &reply));
    assert_int_equal(reply.status, status);
    admin_reply_free(&reply);
}

static unsigned connections(const struct admin_fixture *f)
{
    struct admin_server_stats stats;
    admin_server_stats(f->server, &stats);
    return stats.connections;
}

/* ---- one after another ---------------------------------------------------------------------- */

static void a_connection_serves_many_requests(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    for (unsigned i = 0; i < 100; i++) {
        say(&f, fd, i % 3 == 0 ? "GET /api/v1/none HTTP/1.1\r\n" HOST "\r\n" : HEALTH);
        hear(&f, fd, i % 3 == 0 ? 404 : 200);
    }
    say(&f, fd, "\r\n\r\n" HEALTH); /* empty lines before a request */
    hear(&f, fd, 200);
    say(&f, fd,
        "GET /api/v1/health HTTP/1.1\r\n" HOST
        "Connection: x, close\r\nConnection: keep-alive\r\n\r\n");
    hear(&f, fd, 200);
    assert_true(admin_closed(&f, fd, WAIT_MS));
    (void)close(fd);
    admin_fixture_free(&f);
}

static void requests_that_are_sent_ahead_are_answered_in_order(void **state)
{
    static const char *const methods[] = {"GET", "PUT", "HEAD"};
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    for (unsigned i = 0; i < 60; i++) {
        char text[256];
        const char *method = methods[i % 3];
        const char *body =
            i % 3 == 1 ? "Content-Type: application/json\r\nContent-Length: 2\r\n" : "";
        (void)snprintf(text, sizeof text, "%s /api/v1/things/k%u HTTP/1.1\r\n" HOST "%s\r\n%s",
                       method, i, body, *body ? "{}" : "");
        say(&f, fd, text);
    }
    (void)shutdown(fd, SHUT_WR);
    for (unsigned i = 0; i < 60; i++) {
        struct admin_reply reply;
        char key[16];
        (void)snprintf(key, sizeof key, "k%u", i);
        assert_true(admin_receive(&f, fd, i % 3 == 2, WAIT_MS, &reply));
        assert_int_equal(reply.status, 200);
        assert_string_equal(admin_member(&reply, "key"), i % 3 == 2 ? "" : key);
        admin_reply_free(&reply);
    }
    assert_true(admin_closed(&f, fd, WAIT_MS));
    (void)close(fd);
    admin_fixture_free(&f);
}

static void a_body_may_come_byte_by_byte_and_in_chunks(void **state)
{
    static const char text[] =
        "PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\n{\"a\r\n3\r\n\":1\r\n01\r\n}\r\n0\r\nTrailer: x\r\n\r\n" HEALTH;
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    for (const char *at = text; *at; at++) {
        admin_send(&f, fd, at, 1);
        admin_pass(&f, 0);
    }
    hear(&f, fd, 200);
    hear(&f, fd, 200);
    (void)close(fd);
    admin_fixture_free(&f);
}

static void a_client_that_expects_continue_gets_it_only_where_the_body_is_wanted(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    say(&f, fd,
        "PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
        "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    hear(&f, fd, 100);
    say(&f, fd, "{}");
    hear(&f, fd, 200);
    say(&f, fd,
        "PUT /api/v1/none HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    hear(&f, fd, 404);
    assert_true(admin_closed(&f, fd, WAIT_MS));
    (void)close(fd);
    admin_fixture_free(&f);
}

static void head_has_the_headers_of_get_and_options_tells_the_methods(void **state)
{
    struct admin_fixture f;
    struct admin_reply get;
    struct admin_reply head;
    (void)state;
    setup(&f);
    admin_ask(&f, "GET /api/v1/things/a", &get);
    admin_ask(&f, "HEAD /api/v1/things/a", &head);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.length, 0);
    char length[64];
    (void)snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n", get.length);
    assert_non_null(strstr(head.head, length));
    assert_non_null(strstr(head.head, "\r\nETag: \"v1\"\r\n"));
    admin_reply_free(&get);
    admin_reply_free(&head);
    admin_ask(&f, "OPTIONS /api/v1/things/a", &get);
    assert_int_equal(get.status, 204);
    assert_non_null(strstr(get.head, "\r\nAllow: GET, HEAD, PUT, PATCH, DELETE, OPTIONS\r\n"));
    admin_reply_free(&get);
    admin_ask(&f, "HEAD /api/v1/lines?count=3", &get);
    assert_int_equal(get.status, 200);
    admin_reply_free(&get);
    admin_ask(&f, "HEAD /api/v1/events", &get);
    assert_int_equal(get.status, 200);
    assert_int_equal(f.stream_count, 0);
    admin_reply_free(&get);
    admin_fixture_free(&f);
}

static void what_the_client_has_already_is_not_sent_again(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask(&f, "GET /api/v1/things/a\nIf-None-Match: \"v0\", \"v1\"", &reply);
    assert_int_equal(reply.status, 304);
    assert_non_null(strstr(reply.head, "\r\nETag: \"v1\"\r\n"));
    admin_reply_free(&reply);
    admin_ask(&f, "GET /api/v1/things/a\nIf-None-Match: \"v10\"", &reply);
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void a_client_of_http_1_0_is_served_and_closed(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    int fd = admin_connect(&f);
    say(&f, fd, "GET /api/v1/health HTTP/1.0\r\n\r\n");
    hear(&f, fd, 200);
    assert_true(admin_closed(&f, fd, WAIT_MS));
    (void)close(fd);
    fd = admin_connect(&f);
    say(&f, fd, "GET /api/v1/lines?count=2 HTTP/1.0\r\n\r\n");
    assert_true(admin_receive(&f, fd, false, WAIT_MS, &reply));
    assert_null(strstr(reply.head, "chunked"));
    assert_string_equal(reply.body, "{\"line\":2}\n{\"line\":1}\n");
    admin_reply_free(&reply);
    (void)close(fd);
    admin_fixture_free(&f);
}

/* ---- slow, large, broken -------------------------------------------------------------------- */

static void a_client_that_drips_its_request_is_told_so_and_closed(void **state)
{
    struct admin_fixture f;
    (void)state;
    admin_fixture_init(&f);
    f.options.limits.request_ms = 150;
    f.options.limits.body_ms = 150;
    admin_fixture_start(&f);
    int fd = admin_connect(&f);
    say(&f, fd, "GET /api/v1/health HTTP/1.1\r\n");
    for (unsigned i = 0; i < 40; i++) { /* each byte comes in time; the whole does not */
        say(&f, fd, "X");
        admin_pass(&f, 5);
    }
    hear(&f, fd, 408);
    assert_true(admin_closed(&f, fd, WAIT_MS));
    (void)close(fd);
    fd = admin_connect(&f);
    say(&f, fd,
        "PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
        "Content-Length: 2000\r\n\r\n{");
    hear(&f, fd, 408);
    assert_true(admin_closed(&f, fd, WAIT_MS));
    (void)close(fd);
    admin_fixture_free(&f);
}

static void who_says_nothing_is_closed(void **state)
{
    struct admin_fixture f;
    (void)state;
    admin_fixture_init(&f);
    f.options.limits.request_ms = 50;
    f.options.limits.idle_ms = 50;
    admin_fixture_start(&f);
    const int silent = admin_connect(&f);
    assert_true(admin_closed(&f, silent, WAIT_MS));
    const int idle = admin_connect(&f);
    say(&f, idle, HEALTH);
    hear(&f, idle, 200);
    assert_true(admin_closed(&f, idle, WAIT_MS));
    assert_int_equal(connections(&f), 0);
    (void)close(silent);
    (void)close(idle);
    admin_fixture_free(&f);
}

static void a_head_without_end_is_cut_off(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    char *block = malloc(1 << 20);
    assert_non_null(block);
    memset(block, 'x', 1 << 20);
    say(&f, fd, "GET /api/v1/health HTTP/1.1\r\nX: ");
    admin_send(&f, fd, block, 1 << 20);
    assert_true(admin_receive(&f, fd, false, WAIT_MS, &reply));
    assert_int_equal(reply.status, 431);
    assert_string_equal(admin_member(&reply, "code"), "head_too_large");
    admin_reply_free(&reply);
    free(block);
    (void)close(fd);
    admin_fixture_free(&f);
}

/* The answer must reach a client that is still sending what nobody wants. */
static void a_body_that_is_too_large_is_refused_before_it_is_read(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    char *block = calloc(1, 300000);
    assert_non_null(block);
    say(&f, fd,
        "PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
        "Content-Length: 300000\r\n\r\n");
    admin_send(&f, fd, block, 300000);
    hear(&f, fd, 413);
    free(block);
    (void)close(fd);
    admin_fixture_free(&f);
}

static void bodies_are_bounded_all_together(void **state)
{
    struct admin_fixture f;
    (void)state;
    admin_fixture_init(&f);
    f.options.limits.bodies_most = 3000;
    admin_fixture_start(&f);
    char half[2100];
    memset(half, ' ', sizeof half);
    const char *head = "PUT /api/v1/things/a HTTP/1.1\r\n" HOST
                       "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n";
    const int first = admin_connect(&f);
    say(&f, first, head);
    admin_send(&f, first, half, sizeof half);
    admin_pass(&f, 20);
    const int second = admin_connect(&f);
    say(&f, second, head);
    admin_send(&f, second, half, sizeof half);
    hear(&f, second, 503);
    (void)close(first);
    admin_pass(&f, 20);
    const int third = admin_connect(&f); /* what the first one held is free again */
    say(&f, third,
        "PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
        "Content-Length: 2\r\n\r\n{}");
    hear(&f, third, 200);
    (void)close(second);
    (void)close(third);
    admin_fixture_free(&f);
}

static void answers_that_nobody_takes_are_bounded_all_together(void **state)
{
    struct admin_fixture f;
    (void)state;
    admin_fixture_init(&f);
    f.options.limits.answers_most = 1000;
    admin_fixture_start(&f);
    const int greedy = admin_connect(&f);
    say(&f, greedy, "GET /api/v1/lines?count=10000000 HTTP/1.1\r\n" HOST "\r\n");
    admin_pass(&f, 50);
    const int other = admin_connect(&f);
    say(&f, other, HEALTH);
    hear(&f, other, 503);
    (void)close(greedy);
    (void)close(other);
    admin_pass(&f, 50);
    struct admin_reply reply;
    admin_ask(&f, "GET /api/v1/health", &reply);
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void clients_that_go_at_any_byte_leave_nothing_behind(void **state)
{
    static const char text[] =
        "PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
        "Content-Length: 8\r\n\r\n{\"a\": 1}" HEALTH;
    struct admin_fixture f;
    (void)state;
    setup(&f);
    for (size_t length = 0; length < sizeof text; length++) {
        const int fd = admin_connect(&f);
        admin_send(&f, fd, text, length);
        if (length % 2) {
            admin_pass(&f, 0);
        }
        (void)close(fd);
    }
    admin_pass(&f, 50);
    assert_int_equal(connections(&f), 0);
    struct admin_reply reply;
    admin_ask(&f, "GET /api/v1/health", &reply);
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

/* ---- many ----------------------------------------------------------------------------------- */

static void two_hundred_clients_are_served_side_by_side(void **state)
{
    struct admin_fixture f;
    int fds[200];
    (void)state;
    admin_fixture_init(&f);
    f.options.limits.connections_of_one = 200;
    admin_fixture_start(&f);
    for (unsigned i = 0; i < 200; i++) {
        fds[i] = admin_connect(&f);
        say(&f, fds[i], "GET /api/v1/things/a HTTP/1.1\r\n");
        admin_pass(&f, 0);
    }
    assert_int_equal(connections(&f), 200);
    for (unsigned i = 0; i < 200; i++) {
        say(&f, fds[i], HOST "\r\n");
    }
    for (unsigned i = 0; i < 200; i++) {
        hear(&f, fds[i], 200);
    }
    const int one_more = admin_connect(&f);
    hear(&f, one_more, 503);
    assert_true(admin_closed(&f, one_more, WAIT_MS));
    (void)close(one_more);
    (void)close(fds[0]);
    admin_pass(&f, 20);
    const int again = admin_connect(&f);
    say(&f, again, HEALTH);
    hear(&f, again, 200);
    (void)close(again);
    for (unsigned i = 1; i < 200; i++) {
        (void)close(fds[i]);
    }
    admin_fixture_free(&f);
}

static void many_of_one_source_leave_room_for_others(void **state)
{
    static const char *const address = "127.0.0.1:0";
    struct admin_fixture f;
    int fds[5];
    (void)state;
    admin_fixture_init(&f);
    f.options.addresses = &address;
    f.options.address_count = 1;
    f.options.limits.connections_of_one = 4;
    admin_fixture_start(&f);
    for (unsigned i = 0; i < 4; i++) {
        fds[i] = admin_connect_tcp(&f, 0);
    }
    admin_pass(&f, 20);
    fds[4] = admin_connect_tcp(&f, 0);
    hear(&f, fds[4], 503);
    const int local = admin_connect(&f);
    say(&f, local, HEALTH);
    hear(&f, local, 200);
    (void)close(local);
    for (unsigned i = 0; i < 5; i++) {
        (void)close(fds[i]);
    }
    admin_fixture_free(&f);
}

/* ---- streams -------------------------------------------------------------------------------- */

static void lines_come_as_fast_as_the_client_takes_them(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask(&f, "GET /api/v1/lines?count=5000", &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.head, "\r\nContent-Type: application/x-ndjson\r\n"));
    size_t count = 0;
    for (const char *at = reply.body; (at = strchr(at, '\n')) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, 5000);
    admin_reply_free(&reply);
    admin_ask(&f, "GET /api/v1/lines?count=0", &reply);
    assert_int_equal(reply.length, 0);
    admin_reply_free(&reply);
    /* A client that does not read: what waits for it is bounded. */
    const int fd = admin_connect(&f);
    f.lines = 0;
    say(&f, fd, "GET /api/v1/lines?count=10000000 HTTP/1.1\r\n" HOST "\r\n");
    admin_pass(&f, 100);
    assert_in_range(f.lines, 1, 200000);
    (void)close(fd);
    admin_pass(&f, 50);
    assert_int_equal(f.closed, 1);
    admin_fixture_free(&f);
}

static void after_a_stream_the_connection_goes_on(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    say(&f, fd, "GET /api/v1/lines?count=3 HTTP/1.1\r\n" HOST "\r\n" HEALTH);
    hear(&f, fd, 200);
    hear(&f, fd, 200);
    say(&f, fd, HEALTH);
    hear(&f, fd, 200);
    (void)close(fd);
    admin_fixture_free(&f);
}

static void hear_text(struct admin_fixture *f, int fd, const char *wanted)
{
    char text[4096] = "";
    size_t length = 0;
    for (unsigned i = 0; i < 5000 && !strstr(text, wanted); i++) {
        const ssize_t got = recv(fd, text + length, sizeof text - 1 - length, MSG_DONTWAIT);
        length += got > 0 ? (size_t)got : 0;
        text[length] = '\0';
        admin_pass(f, 0);
    }
    if (!strstr(text, wanted)) {
        print_error("wanted %s\ngot %s\n", wanted, text);
    }
    assert_non_null(strstr(text, wanted));
}

static void events_reach_their_clients_until_these_are_gone(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    say(&f, fd, "GET /api/v1/events HTTP/1.1\r\n" HOST "\r\n");
    hear_text(&f, fd, "\r\nContent-Type: text/event-stream\r\n");
    assert_int_equal(f.stream_count, 1);
    assert_int_equal(admin_stream_event(f.streams[0], "published", "7", "a\nb", 3), 0);
    hear_text(&f, fd, "id: 7\nevent: published\ndata: a\ndata: b\n\n\r\n");
    assert_int_equal(admin_stream_event(f.streams[0], NULL, NULL, "", 0), 0);
    hear_text(&f, fd, "data: \n\n");
    (void)close(fd); /* noticed although nothing is sent to it */
    admin_pass(&f, 50);
    assert_int_equal(f.closed, 1);
    assert_int_equal(connections(&f), 0);
    admin_fixture_free(&f);
}

static void a_client_that_does_not_take_its_events_is_dropped(void **state)
{
    struct admin_fixture f;
    char event[1000];
    (void)state;
    memset(event, 'x', sizeof event);
    setup(&f);
    const int slow = admin_connect(&f);
    const int quick = admin_connect(&f);
    say(&f, slow, "GET /api/v1/events HTTP/1.1\r\n" HOST "\r\n");
    admin_pass(&f, 10);
    say(&f, quick, "GET /api/v1/events HTTP/1.1\r\n" HOST "\r\n");
    admin_pass(&f, 10);
    assert_int_equal(f.stream_count, 2);
    unsigned sent = 0;
    while (f.closed == 0 && sent < 5000) {
        char taken[65536];
        (void)admin_stream_event(f.streams[0], NULL, NULL, event, sizeof event);
        assert_int_equal(admin_stream_event(f.streams[1], NULL, NULL, event, sizeof event), 0);
        sent++;
        admin_pass(&f, 0);
        while (recv(quick, taken, sizeof taken, MSG_DONTWAIT) > 0) {
        }
    }
    assert_int_equal(f.closed, 1);
    assert_in_range(sent, 200, 4999);
    assert_int_equal(connections(&f), 1);
    admin_stream_end(f.streams[1]);
    assert_false(admin_closed(&f, quick, 50)); /* the connection goes on */
    (void)close(slow);
    (void)close(quick);
    admin_fixture_free(&f);
}

static void a_server_that_stops_ends_its_streams(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    const int fd = admin_connect(&f);
    say(&f, fd, "GET /api/v1/events HTTP/1.1\r\n" HOST "\r\n");
    admin_pass(&f, 20);
    admin_fixture_stop(&f);
    assert_int_equal(f.closed, 1);
    (void)close(fd);
    admin_fixture_free(&f);
}

/* ---- where it listens ----------------------------------------------------------------------- */

static void the_socket_is_for_everybody_and_goes_with_the_server(void **state)
{
    struct admin_fixture f;
    struct stat status;
    char path[128];
    (void)state;
    setup(&f);
    (void)snprintf(path, sizeof path, "%s/" ADMIN_SOCKET, f.dir);
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0666);
    admin_fixture_stop(&f);
    assert_int_not_equal(stat(path, &status), 0);
    admin_fixture_free(&f);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    struct admin_fixture f;
    struct fault fault = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    admin_fixture_init(&f);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/" ADMIN_SOCKET, f.dir);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (const struct sockaddr *)&address, sizeof address), 0);
    (void)close(dead); /* as kill -9 leaves it */
    admin_fixture_start(&f);
    struct admin_server *second = admin_server_new(f.base, &f.options, &fault);
    assert_non_null(second);
    assert_int_equal(admin_server_listen_unix(second, &fault), -1);
    assert_non_null(strstr(fault.cause, "another process listens there"));
    admin_server_free(second);
    struct admin_reply reply;
    admin_ask(&f, "GET /api/v1/health", &reply); /* the first one still answers */
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void what_is_not_a_socket_is_left_alone(void **state)
{
    struct admin_fixture f;
    struct fault fault = {0};
    char path[128];
    (void)state;
    admin_fixture_init(&f);
    (void)snprintf(path, sizeof path, "%s/" ADMIN_SOCKET, f.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    f.server = admin_server_new(f.base, &f.options, &fault);
    assert_non_null(f.server);
    assert_int_equal(admin_server_listen_unix(f.server, &fault), -1);
    assert_string_equal(fault.cause, "is there, and is not a socket");
    assert_int_equal(unlink(path), 0);
    admin_fixture_free(&f);
}

static void an_address_that_others_reach_needs_tls(void **state)
{
    static const struct {
        const char *text;
        int result;
        bool loopback;
    } addresses[] = {
        {"127.0.0.1:80", 0, true},     {"127.9.9.9:0", 0, true},       {"[::1]:443", 0, true},
        {"0.0.0.0:80", 0, false},      {"[::]:80", 0, false},          {"192.0.2.1:80", 0, false},
        {"127.0.0.1", -1, false},      {"127.0.0.1:65536", -1, false}, {"localhost:80", -1, false},
        {"::1:80", -1, false},         {"[::1]", -1, false},           {":80", -1, false},
        {"127.0.0.1:", -1, false},     {"127.0.0.1:8x", -1, false},    {"", -1, false},
        {"[127.0.0.1]:80", -1, false},
    };
    static const char *const open = "0.0.0.0:0";
    struct admin_fixture f;
    struct fault fault = {0};
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        bool loopback = false;
        assert_int_equal(admin_address_check(addresses[i].text, &loopback, &fault),
                         addresses[i].result);
        assert_int_equal(loopback, addresses[i].loopback);
    }
    admin_fixture_init(&f);
    f.options.addresses = &open;
    f.options.address_count = 1;
    f.server = admin_server_new(f.base, &f.options, &fault);
    assert_non_null(f.server);
    assert_int_equal(admin_server_listen_tcp(f.server, &fault), -1);
    assert_non_null(strstr(fault.cause, "can be reached from other hosts"));
    assert_non_null(strstr(fault.hint, "admin.tls_certificate"));
    admin_fixture_free(&f);
}

#define MAKE_CERTIFICATE                                                                           \
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "           \
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "                       \
    "-keyout %s/key.pem -out %s/cert.pem 2>/dev/null"

static void tls_is_spoken_where_there_is_a_certificate(void **state)
{
    static const char *const open = "0.0.0.0:0";
    struct admin_fixture f;
    struct fault fault = {0};
    char certificate[128];
    char key[128];
    char command[512];
    int code;
    (void)state;
    admin_fixture_init(&f);
    (void)snprintf(command, sizeof command, MAKE_CERTIFICATE, f.dir, f.dir);
    if (system("command -v openssl >/dev/null && command -v curl >/dev/null") != 0) {
        print_message("no openssl or curl command\n");
        admin_fixture_free(&f);
        skip();
    }
    assert_int_equal(system(command), 0);
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", f.dir);
    (void)snprintf(key, sizeof key, "%s/key.pem", f.dir);
    f.options.addresses = &open;
    f.options.address_count = 1;
    f.options.tls_certificate = certificate;
    f.options.tls_key = certificate; /* has no key */
    assert_null(admin_server_new(f.base, &f.options, &fault));
    assert_non_null(strstr(fault.cause, "cannot use the key"));
    f.options.tls_key = key;
    f.options.limits.request_ms = 2000;
    admin_fixture_start(&f);
    const unsigned port = admin_server_port(f.server, 0);
    (void)snprintf(command, sizeof command,
                   "curl -sS --max-time 9 --cacert %s https://localhost:%u/api/v1/health "
                   "https://localhost:%u/api/v1/whoami 2>&1",
                   certificate, port, port);
    char *text = admin_command(&f, command, &code);
    assert_int_equal(code, 0);
    assert_string_equal(text, "{\"status\":\"ok\"}{\"actor\":\"nobody\",\"role\":\"none\","
                              "\"authenticated\":\"nobody\"}");
    free(text);
    struct admin_reply made;
    admin_ask(&f,
              "POST /api/v1/tokens\nContent-Type: application/json\n\n"
              "{\"name\":\"x\",\"role\":\"viewer\"}",
              &made);
    (void)snprintf(command, sizeof command,
                   "curl -sS --max-time 9 --cacert %s --oauth2-bearer %s "
                   "'https://localhost:%u/api/v1/lines?count=30000' | tail -n 1",
                   certificate, admin_member(&made, "token"), port);
    admin_reply_free(&made);
    text = admin_command(&f, command, &code);
    assert_string_equal(text, "{\"line\":1}\n");
    free(text);
    (void)snprintf(command, sizeof command,
                   "curl -s --max-time 9 --tls-max 1.1 -k https://localhost:%u/api/v1/health",
                   port);
    text = admin_command(&f, command, &code);
    assert_int_not_equal(code, 0);
    free(text);
    /* In the clear: no answer. Silence: closed in time. */
    const int clear = admin_connect_tcp(&f, 0);
    say(&f, clear, HEALTH);
    const int silent = admin_connect_tcp(&f, 0);
    assert_true(admin_closed(&f, clear, WAIT_MS));
    assert_true(admin_closed(&f, silent, WAIT_MS));
    (void)close(clear);
    (void)close(silent);
    /* A new certificate is for new connections; what is none changes nothing. */
    (void)snprintf(command, sizeof command, MAKE_CERTIFICATE, f.dir, f.dir);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command,
                   "curl -sS --max-time 9 --cacert %s https://localhost:%u/api/v1/health 2>&1",
                   certificate, port);
    free(admin_command(&f, command, &code));
    assert_int_not_equal(code, 0);
    assert_int_equal(admin_server_reload(f.server, &fault), 0);
    free(admin_command(&f, command, &code));
    assert_int_equal(code, 0);
    FILE *broken = fopen(key, "w");
    assert_non_null(broken);
    (void)fclose(broken);
    assert_int_equal(admin_server_reload(f.server, &fault), -1);
    free(admin_command(&f, command, &code));
    assert_int_equal(code, 0);
    (void)snprintf(command, sizeof command, "rm %s %s", certificate, key);
    assert_int_equal(system(command), 0);
    admin_fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_many_requests),
        cmocka_unit_test(requests_that_are_sent_ahead_are_answered_in_order),
        cmocka_unit_test(a_body_may_come_byte_by_byte_and_in_chunks),
        cmocka_unit_test(a_client_that_expects_continue_gets_it_only_where_the_body_is_wanted),
        cmocka_unit_test(head_has_the_headers_of_get_and_options_tells_the_methods),
        cmocka_unit_test(what_the_client_has_already_is_not_sent_again),
        cmocka_unit_test(a_client_of_http_1_0_is_served_and_closed),
        cmocka_unit_test(a_client_that_drips_its_request_is_told_so_and_closed),
        cmocka_unit_test(who_says_nothing_is_closed),
        cmocka_unit_test(a_head_without_end_is_cut_off),
        cmocka_unit_test(a_body_that_is_too_large_is_refused_before_it_is_read),
        cmocka_unit_test(bodies_are_bounded_all_together),
        cmocka_unit_test(answers_that_nobody_takes_are_bounded_all_together),
        cmocka_unit_test(clients_that_go_at_any_byte_leave_nothing_behind),
        cmocka_unit_test(two_hundred_clients_are_served_side_by_side),
        cmocka_unit_test(many_of_one_source_leave_room_for_others),
        cmocka_unit_test(lines_come_as_fast_as_the_client_takes_them),
        cmocka_unit_test(after_a_stream_the_connection_goes_on),
        cmocka_unit_test(events_reach_their_clients_until_these_are_gone),
        cmocka_unit_test(a_client_that_does_not_take_its_events_is_dropped),
        cmocka_unit_test(a_server_that_stops_ends_its_streams),
        cmocka_unit_test(the_socket_is_for_everybody_and_goes_with_the_server),
        cmocka_unit_test(a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(what_is_not_a_socket_is_left_alone),
        cmocka_unit_test(an_address_that_others_reach_needs_tls),
        cmocka_unit_test(tls_is_spoken_where_there_is_a_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
