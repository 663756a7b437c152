#include "loopback.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct loopback {
    struct event_base *base;
    struct evconnlistener *listener;
    loopback_serve *serve;
    void *arg;
    struct loopback_peer *peers;
    unsigned port;
    unsigned accepted;
    unsigned open;
    unsigned requests;
};

struct loopback_peer {
    struct loopback *server;
    struct loopback_peer *next;
    struct bufferevent *stream;
    struct bufferevent *beyond; /* the other end of a tunnel */
    bool ending;
};

static void drop(struct loopback_peer *peer)
{
    struct loopback_peer **at = &peer->server->peers;
    while (*at != peer) {
        at = &(*at)->next;
    }
    *at = peer->next;
    peer->server->open--;
    bufferevent_free(peer->stream);
    if (peer->beyond != NULL) {
        bufferevent_free(peer->beyond);
    }
    free(peer);
}

/* The first whole request in the input, taken out; NULL: there is none yet. */
static char *take_request(struct evbuffer *input, struct loopback_request *request)
{
    const struct evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    if (end.pos < 0) {
        return NULL;
    }
    const size_t head_length = (size_t)end.pos + 4;
    char *text = calloc(1, evbuffer_get_length(input) + 2);
    evbuffer_copyout(input, text, head_length);
    const char *length = loopback_header(text, "Content-Length");
    const size_t body_length = length != NULL ? strtoul(length, NULL, 10) : 0;
    if (evbuffer_get_length(input) < head_length + body_length) {
        free(text);
        return NULL;
    }
    evbuffer_drain(input, head_length);
    evbuffer_remove(input, text + head_length + 1, body_length);
    request->head = text;
    request->body = text + head_length + 1;
    request->body_length = body_length;
    return text;
}

static void on_read(struct bufferevent *stream, void *arg)
{
    struct loopback_peer *peer = arg;
    struct evbuffer *input = bufferevent_get_input(stream);
    struct loopback_request request = {0};
    char *text;
    if (peer->beyond != NULL) {
        bufferevent_write_buffer(peer->beyond, input);
    } else if ((text = take_request(input, &request)) != NULL) {
        request.number = ++peer->server->requests;
        peer->server->serve(peer->server->arg, peer, &request);
        free(text);
    }
}

static void on_end(struct bufferevent *stream, short what, void *arg)
{
    (void)stream;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0) {
        drop(arg);
    }
}

static void on_written(struct bufferevent *stream, void *arg)
{
    struct loopback_peer *peer = arg;
    (void)stream;
    if (peer->ending) {
        drop(peer);
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int length, void *arg)
{
    struct loopback *server = arg;
    (void)listener, (void)address, (void)length;
    struct loopback_peer *peer = calloc(1, sizeof *peer);
    peer->server = server;
    peer->next = server->peers;
    server->peers = peer;
    server->accepted++;
    server->open++;
    peer->stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(peer->stream, on_read, on_written, on_end, peer);
    bufferevent_enable(peer->stream, EV_READ | EV_WRITE);
}

static struct sockaddr_in local(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static unsigned port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin_port) : 0;
}

struct loopback *loopback_new(struct event_base *base, loopback_serve *serve, void *arg)
{
    struct loopback *server = calloc(1, sizeof *server);
    const struct sockaddr_in address = local(0);
    *server = (struct loopback){.base = base, .serve = serve, .arg = arg};
    server->listener =
        evconnlistener_new_bind(base, on_accept, server, LEV_OPT_CLOSE_ON_FREE, -1,
                                (const struct sockaddr *)&address, (int)sizeof address);
    server->port = port_of(evconnlistener_get_fd(server->listener));
    return server;
}

void loopback_free(struct loopback *server)
{
    while (server->peers != NULL) {
        drop(server->peers);
    }
    evconnlistener_free(server->listener);
    free(server);
}

unsigned loopback_port(const struct loopback *server)
{
    return server->port;
}

unsigned loopback_accepted(const struct loopback *server)
{
    return server->accepted;
}

unsigned loopback_open(const struct loopback *server)
{
    return server->open;
}

unsigned loopback_requests(const struct loopback *server)
{
    return server->requests;
}

void loopback_send(struct loopback_peer *peer, const void *bytes, size_t length)
{
    bufferevent_write(peer->stream, bytes, length);
}

void loopback_print(struct loopback_peer *peer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    evbuffer_add_vprintf(bufferevent_get_output(peer->stream), format, arguments);
    va_end(arguments);
}

void loopback_answer(struct loopback_peer *peer, unsigned status, const char *headers,
                     const char *body)
{
    loopback_print(peer, "HTTP/1.1 %u Whatever\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                   strlen(body), headers, body);
}

void loopback_end(struct loopback_peer *peer)
{
    peer->ending = true;
    if (evbuffer_get_length(bufferevent_get_output(peer->stream)) == 0) {
        bufferevent_trigger(peer->stream, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
    }
}

void loopback_reset(struct loopback_peer *peer)
{
    const struct linger linger = {1, 0};
    (void)setsockopt(bufferevent_getfd(peer->stream), SOL_SOCKET, SO_LINGER, &linger,
                     sizeof linger);
    drop(peer);
}

static void on_beyond(struct bufferevent *beyond, void *arg)
{
    struct loopback_peer *peer = arg;
    bufferevent_write_buffer(peer->stream, bufferevent_get_input(beyond));
}

void loopback_tunnel(struct loopback_peer *peer, unsigned port)
{
    const struct sockaddr_in address = local(port);
    peer->beyond = bufferevent_socket_new(peer->server->base, -1, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(peer->beyond, on_beyond, NULL, on_end, peer);
    bufferevent_enable(peer->beyond, EV_READ | EV_WRITE);
    bufferevent_socket_connect(peer->beyond, (const struct sockaddr *)&address,
                               (int)sizeof address);
}

struct bufferevent *loopback_stream(struct loopback_peer *peer)
{
    return peer->stream;
}

const char *loopback_header(const char *head, const char *name)
{
    static char value[1024];
    const size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(line + length + 2, "\r"),
                           line + length + 2);
            return value;
        }
    }
    return NULL;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    bool *over = arg;
    (void)fd, (void)what;
    *over = true;
}

bool loopback_wait(struct event_base *base, const bool *flag, unsigned timeout_ms)
{
    bool over = false;
    const struct timeval wait = {timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000 * 1000)};
    struct event *timer = evtimer_new(base, on_time, &over);
    evtimer_add(timer, &wait);
    while (!*flag && !over) {
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(timer);
    return *flag;
}

void loopback_pass(struct event_base *base, unsigned ms)
{
    const bool never = false;
    (void)loopback_wait(base, &never, ms);
}

unsigned loopback_closed_port(void)
{
    const struct sockaddr_in address = local(0);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)bind(fd, (const struct sockaddr *)&address, sizeof address);
    const unsigned port = port_of(fd);
    close(fd);
    return port;
}
