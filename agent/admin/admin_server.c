#include "admin_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "admin_server_state.h"

static const struct admin_limits standard = {
    .head_most = 16u << 10,
    .bodies_most = 64u << 20,
    .answers_most = 64u << 20,
    .connections = 512,
    .connections_of_one = 128,
    .request_ms = 10000,
    .body_ms = 30000,
    .idle_ms = 60000,
    .answer_ms = 30000,
    .later_ms = 600000,
    .linger_ms = 1000,
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t admin_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t admin_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

static void complete(struct admin_limits *l)
{
    l->head_most = l->head_most ? l->head_most : standard.head_most;
    l->bodies_most = l->bodies_most ? l->bodies_most : standard.bodies_most;
    l->answers_most = l->answers_most ? l->answers_most : standard.answers_most;
    l->connections = l->connections ? l->connections : standard.connections;
    l->connections_of_one =
        l->connections_of_one ? l->connections_of_one : standard.connections_of_one;
    l->request_ms = l->request_ms ? l->request_ms : standard.request_ms;
    l->body_ms = l->body_ms ? l->body_ms : standard.body_ms;
    l->idle_ms = l->idle_ms ? l->idle_ms : standard.idle_ms;
    l->answer_ms = l->answer_ms ? l->answer_ms : standard.answer_ms;
    l->later_ms = l->later_ms ? l->later_ms : standard.later_ms;
    l->linger_ms = l->linger_ms ? l->linger_ms : standard.linger_ms;
}

struct admin_server *admin_server_new(struct event_base *base, const struct admin_options *options,
                                      struct fault *fault)
{
    struct admin_server *s = calloc(1, sizeof *s);
    if (!s) {
        fault_set(fault, "admin", NULL, "out of memory");
        return NULL;
    }
    s->base = base;
    s->options = *options;
    s->limits = options->limits;
    complete(&s->limits);
    s->auth.rules = options->rules;
    s->auth.rule_count = options->rule_count;
    if (getrandom(&s->auth.delays.seed, sizeof s->auth.delays.seed, GRND_NONBLOCK) < 0 ||
        getrandom(&s->run, sizeof s->run, GRND_NONBLOCK) < 0) {
        s->run = (uint32_t)admin_wall_ms(); /* early in the system's life */
    }
    s->routes = admin_routes_new();
    s->works = admin_works_new(base);
    s->tokens = s->routes && s->works ? admin_tokens_new(options->tokens, fault) : NULL;
    s->auth.tokens = s->tokens;
    if (!s->tokens) {
        admin_server_free(s);
        return NULL;
    }
    if (options->tls_certificate && options->address_count > 0) {
        s->tls = admin_tls_new(options->tls_certificate, options->tls_key, fault);
        if (!s->tls) {
            admin_server_free(s);
            return NULL;
        }
    }
    return s;
}

void admin_server_free(struct admin_server *s)
{
    if (!s) {
        return;
    }
    admin_server_stop_listening(s);
    while (s->first) {
        admin_connection_free(s->first);
    }
    admin_tls_free(s->tls);
    admin_tokens_free(s->tokens);
    admin_works_free(s->works);
    admin_routes_free(s->routes);
    free(s);
}

int admin_server_add(struct admin_server *s, const struct admin_route *routes, size_t count,
                     void *arg)
{
    return admin_routes_add(s->routes, routes, count, arg);
}

int admin_server_reload(struct admin_server *s, struct fault *fault)
{
    if (!s->tls) {
        return 0;
    }
    struct ssl_ctx_st *tls = admin_tls_new(s->options.tls_certificate, s->options.tls_key, fault);
    if (!tls) {
        return -1;
    }
    admin_tls_free(s->tls); /* connections have references of their own */
    s->tls = tls;
    return 0;
}

const struct admin_routes *admin_server_routes(const struct admin_server *s)
{
    return s->routes;
}

struct admin_tokens *admin_server_tokens(struct admin_server *s)
{
    return s->tokens;
}

struct admin_works *admin_server_works(struct admin_server *s)
{
    return s->works;
}

void admin_server_stats(const struct admin_server *s, struct admin_server_stats *out)
{
    *out = s->stats;
    out->failures = s->auth.delays.failures;
}

void admin_server_refused(struct admin_server *s, const struct admin_refusal *refusal)
{
    if (s->options.refused) {
        s->options.refused(s->options.arg, refusal);
    }
}

/* ---- new connections ------------------------------------------------------------------------ */

/* Local ones and others do not take each other's places. */
static const char *why_not(const struct admin_server *s, const struct admin_peer *peer)
{
    unsigned all = 0;
    unsigned same = 0;
    for (const struct admin_connection *c = s->first; c; c = c->next) {
        all += c->peer.local == peer->local;
        same += memcmp(c->peer.source, peer->source, ADMIN_SOURCE) == 0;
    }
    return all >= s->limits.connections           ? "too many connections"
           : same >= s->limits.connections_of_one ? "too many connections from here"
                                                  : NULL;
}

static void turn_away(int fd, bool tls, const char *why)
{
    char text[512];
    const int body =
        (int)(sizeof "{\"code\":\"too_many_connections\",\"message\":\"\"}" - 1 + strlen(why));
    const int length = snprintf(text, sizeof text,
                                "HTTP/1.1 503 Service Unavailable\r\n"
                                "Content-Type: application/json\r\nContent-Length: %d\r\n"
                                "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
                                "{\"code\":\"too_many_connections\",\"message\":\"%s\"}",
                                body, why);
    if (!tls) {
        (void)send(fd, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        /* What the client has sent by now: unread, it would make the close a reset. */
        (void)recv(fd, text, sizeof text, MSG_DONTWAIT);
    }
    (void)close(fd);
}

void admin_server_take(struct admin_listener *l, int fd)
{
    struct admin_server *s = l->server;
    struct admin_peer peer;
    if (admin_peer_of(fd, &peer) != 0) {
        (void)close(fd); /* it is gone already */
        return;
    }
    s->stats.accepted++;
    const char *why = why_not(s, &peer);
    struct ssl_st *ssl = l->tls && !why ? admin_tls_connection(s->tls) : NULL;
    if (why || (l->tls && !ssl)) {
        s->stats.refused_connections++;
        turn_away(fd, l->tls, why ? why : "out of memory");
        return;
    }
    if (!peer.local) { /* events are small, and are to be there at once */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    admin_connection_new(s, fd, &peer, ssl);
}

int admin_server_reload_tokens(struct admin_server *s, struct fault *fault)
{
    return admin_tokens_reload(s->tokens, fault);
}
