/*
 * fuzz_admin_connection.c - the HTTP server as a whole on any bytes, in pieces, over a real socket:
 * whatever comes, what it answers is HTTP, and nothing of the connection stays.
 *
 * The first byte chooses where the input is cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_builtin.h"
#include "admin/admin_connection.h"
#include "admin/admin_server_state.h"
#include "fuzz.h"

#define TURNS_MOST 2000

static struct event_base *base;
static struct admin_server *server;
static struct admin_builtin builtin;

static bool ready(void *arg, const char **why)
{
    (void)arg, (void)why;
    return true;
}

static json_t *status(void *arg)
{
    (void)arg;
    return json_object();
}

static void echo(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    (void)arg;
    admin_answer_etag(answer, "v1");
    admin_answer_header(answer, "X-Key", admin_request_value(r, "key"));
    admin_answer_json(answer, 200, r->json ? json_incref(r->json) : json_object());
}

static void more(void *arg, struct admin_stream *stream)
{
    (void)arg;
    FUZZ_REQUIRE(admin_stream_line(stream, "{}", 2) == 0);
    admin_stream_end(stream);
}

static void lines(void *arg, struct admin_request *r, struct admin_answer *answer)
{
    const struct admin_stream_owner owner = {more, NULL, NULL};
    (void)arg, (void)r;
    (void)admin_stream_begin(answer, ADMIN_NDJSON, &owner);
}

static const struct admin_route routes[] = {
    {.method = ADMIN_PUT,
     .pattern = ADMIN_ROOT "/flags/{key}",
     .least = ADMIN_ROLE_EDITOR,
     .handler = echo,
     .summary = "",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = 500,
     .changes = true},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/lines",
     .least = ADMIN_ROLE_VIEWER,
     .handler = lines,
     .summary = "",
     .answers = ADMIN_NDJSON},
};

static void start(void)
{
    struct fault fault = {0};
    const struct admin_options options = {.limits = {.head_most = 1000, .linger_ms = 1}};
    (void)signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    FUZZ_REQUIRE(base);
    server = admin_server_new(base, &options, &fault);
    FUZZ_REQUIRE(server);
    builtin = (struct admin_builtin){server, {NULL, ready, status}};
    FUZZ_REQUIRE(admin_builtin_add(&builtin) == 0 &&
                 admin_server_add(server, routes, 2, NULL) == 0);
}

/* Takes what was answered; at the beginning of the connection that is a status line. */
static void take(int fd, bool *first)
{
    char text[4096];
    ssize_t got;
    while ((got = recv(fd, text, sizeof text, MSG_DONTWAIT)) > 0) {
        FUZZ_REQUIRE(!*first || (got > 12 && memcmp(text, "HTTP/1.1 ", 9) == 0));
        *first = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    struct admin_peer peer;
    bool first = true;
    if (!server) {
        start();
    }
    FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    FUZZ_REQUIRE(admin_peer_of(fds[0], &peer) == 0);
    admin_connection_new(server, fds[0], &peer, NULL);
    const size_t step = size > 0 && data[0] ? (size_t)data[0] * 4 : size + 1;
    for (size_t at = 1; at < size; at += step) {
        const size_t count = size - at < step ? size - at : step;
        (void)send(fds[1], data + at, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        FUZZ_REQUIRE(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
        take(fds[1], &first);
    }
    (void)shutdown(fds[1], SHUT_WR);
    /* A wrong token's answer waits: not here. */
    for (unsigned i = 0;
         i < TURNS_MOST && server->first && server->first->state != CONNECTION_WAITING; i++) {
        FUZZ_REQUIRE(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
        take(fds[1], &first);
    }
    FUZZ_REQUIRE(!server->first || server->first->state == CONNECTION_WAITING);
    while (server->first) {
        admin_connection_free(server->first);
    }
    FUZZ_REQUIRE(server->bodies == 0 && server->stats.connections == 0 &&
                 server->stats.streams == 0);
    (void)close(fds[1]);
    return 0;
}
