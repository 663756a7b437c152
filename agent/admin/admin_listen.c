/* Where the server listens: the unix socket and TCP addresses. */
#include "admin_server_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../log.h"

#define BACKLOG 128
#define ACCEPT_PAUSE_US 50000
#define TELL_EVERY_MS 60000

/* ---- addresses ------------------------------------------------------------------------------ */

struct address {
    struct sockaddr_storage of;
    socklen_t length;
    bool loopback;
};

static bool parse_port(const char *text, in_port_t *port)
{
    const size_t digits = strspn(text, "0123456789");
    const unsigned long number =
        digits > 0 && digits < 6 && !text[digits] ? strtoul(text, NULL, 10) : 65536;
    *port = htons((in_port_t)number);
    return number < 65536;
}

static bool parse_ipv4(const char *host, in_port_t port, struct address *out)
{
    struct sockaddr_in *in = (void *)&out->of;
    if (inet_pton(AF_INET, host, &in->sin_addr) != 1) {
        return false;
    }
    in->sin_family = AF_INET;
    in->sin_port = port;
    out->length = sizeof *in;
    out->loopback = ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return true;
}

static bool parse_ipv6(const char *host, in_port_t port, struct address *out)
{
    struct sockaddr_in6 *in6 = (void *)&out->of;
    if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1) {
        return false;
    }
    in6->sin6_family = AF_INET6;
    in6->sin6_port = port;
    out->length = sizeof *in6;
    out->loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    return true;
}

static int parse_address(const char *text, struct address *out, struct fault *fault)
{
    char host[64];
    in_port_t port;
    const char *colon = strrchr(text, ':');
    const bool six = *text == '[';
    *out = (struct address){0};
    if (colon && (size_t)(colon - text) < sizeof host && parse_port(colon + 1, &port)) {
        const size_t length = (size_t)(colon - text);
        const bool closed = six && length > 2 && text[length - 1] == ']';
        snprintf(host, sizeof host, "%.*s", (int)(closed ? length - 2 : length),
                 text + (closed ? 1 : 0));
        if (closed ? parse_ipv6(host, port, out) : parse_ipv4(host, port, out)) {
            return 0;
        }
    }
    fault_set(fault, "", "for example 127.0.0.1:8080 or [::1]:8080",
              "\"%.64s\" is not an address and a port", text);
    return -1;
}

int admin_address_check(const char *text, bool *loopback, struct fault *fault)
{
    struct address address;
    if (parse_address(text, &address, fault) != 0) {
        return -1;
    }
    *loopback = address.loopback;
    return 0;
}

/* ---- accepting ------------------------------------------------------------------------------ */

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int length, void *arg)
{
    (void)listener, (void)from, (void)length;
    admin_server_take(arg, (int)fd);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct admin_listener *l = arg;
    (void)fd, (void)what;
    (void)evconnlistener_enable(l->listener);
}

/* Out of descriptors, as a rule: those who wait are taken when some are free again. Without a pause
   the loop would spin. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    struct admin_listener *l = arg;
    const int error = errno;
    const int64_t now = admin_now_ms();
    const struct timeval pause = {0, ACCEPT_PAUSE_US};
    if (!l->told_ms || now - l->told_ms > TELL_EVERY_MS) {
        l->told_ms = now;
        LOG_EVENT(LOG_LEVEL_WARNING, "admin-accept-failed", log_text("cause", strerror(error)));
    }
    if (event_add(l->pause, &pause) == 0) {
        (void)evconnlistener_disable(listener);
    }
}

static void stop_listener(struct admin_listener *l)
{
    if (l->listener) {
        evconnlistener_free(l->listener);
    }
    if (l->pause) {
        event_free(l->pause);
    }
    *l = (struct admin_listener){0};
}

/* Takes fd over. */
static int listen_on(struct admin_listener *l, int fd, struct fault *fault)
{
    l->pause = evtimer_new(l->server->base, on_pause_over, l);
    l->listener =
        l->pause ? evconnlistener_new(l->server->base, on_accept, l,
                                      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd)
                 : NULL;
    if (!l->listener) {
        fault_set(fault, "admin", NULL, "cannot listen: %s", strerror(errno));
        close(fd);
        stop_listener(l);
        return -1;
    }
    evconnlistener_set_error_cb(l->listener, on_accept_failed);
    return 0;
}

/* ---- TCP ------------------------------------------------------------------------------------ */

static int bind_tcp(const char *text, const struct address *address, struct fault *fault)
{
    const int on = 1;
    const int fd =
        socket(address->of.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (address->of.ss_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, (const struct sockaddr *)&address->of, address->length) == 0) {
        return fd;
    }
    const int error = errno;
    fault_set(fault, "admin.listen",
              error == EADDRINUSE ? "is another agent running? else choose another port" : NULL,
              "cannot listen on %.64s: %s", text, strerror(error));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static int listen_tcp(struct admin_server *s, const char *text, struct fault *fault)
{
    struct address address;
    struct admin_listener *l = &s->listeners[s->listener_count];
    if (parse_address(text, &address, fault) != 0) {
        snprintf(fault->member, sizeof fault->member, "admin.listen");
        return -1;
    }
    if (!address.loopback && !s->tls) {
        fault_set(fault, "admin.listen",
                  "give admin.tls_certificate and admin.tls_key, or listen on 127.0.0.1",
                  "%.64s can be reached from other hosts: tokens would be sent in the clear", text);
        return -1;
    }
    *l = (struct admin_listener){.server = s, .tls = s->tls != NULL};
    const int fd = bind_tcp(text, &address, fault);
    if (fd < 0 || listen_on(l, fd, fault) != 0) {
        return -1;
    }
    s->listener_count++;
    return 0;
}

static void stop_tcp(struct admin_server *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        stop_listener(&s->listeners[i]);
    }
    free(s->listeners);
    s->listeners = NULL;
    s->listener_count = 0;
}

int admin_server_listen_tcp(struct admin_server *s, struct fault *fault)
{
    stop_tcp(s);
    s->listeners = calloc(s->options.address_count + 1, sizeof *s->listeners);
    if (!s->listeners) {
        fault_set(fault, "admin.listen", NULL, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < s->options.address_count; i++) {
        if (listen_tcp(s, s->options.addresses[i], fault) != 0) {
            stop_tcp(s);
            return -1;
        }
    }
    return 0;
}

unsigned admin_server_port(const struct admin_server *s, size_t at)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in; /* IPv6 has its port at the same place */
        struct sockaddr_in6 in6;
    } address = {0};
    socklen_t length = sizeof address;
    if (at >= s->listener_count ||
        getsockname((int)evconnlistener_get_fd(s->listeners[at].listener), &address.any, &length) !=
            0) {
        return 0;
    }
    return ntohs(address.in.sin_port);
}

/* ---- the unix socket ------------------------------------------------------------------------ */

static int fail_unix(struct fault *fault, const char *path, const char *hint, const char *what,
                     int error)
{
    fault_set(fault, "admin", hint, "%s%s%s", what, error ? ": " : "",
              error ? strerror(error) : "");
    snprintf(fault->file, sizeof fault->file, "%s", path);
    return -1;
}

/* Does nobody answer on it? What is not a socket, or not ours to judge, is left alone. */
static int remove_stale(const char *path, const struct sockaddr_un *address, struct fault *fault)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT ? 0 : fail_unix(fault, path, NULL, "cannot look at it", errno);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return fail_unix(fault, path, "remove it", "is there, and is not a socket", 0);
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail_unix(fault, path, NULL, "cannot make a socket", errno);
    }
    const int result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    const int error = result == 0 ? 0 : errno;
    close(fd);
    if (error != ECONNREFUSED) { /* EAGAIN: somebody whose queue is full */
        return fail_unix(fault, path, "stop the other process, or use another directory",
                         "another process listens there", 0);
    }
    return unlink(path) == 0 || errno == ENOENT
               ? 0
               : fail_unix(fault, path, NULL, "cannot remove the stale socket", errno);
}

/* Bound under another name first, so that nobody meets it before it has its mode and listens. */
static int bind_unix(const char *path, struct fault *fault)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct sockaddr_un draft = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >=
            sizeof address.sun_path ||
        (size_t)snprintf(draft.sun_path, sizeof draft.sun_path, "%s.new", path) >=
            sizeof draft.sun_path) {
        return fail_unix(fault, path, "use a shorter directory",
                         "a socket's path has at most 107 bytes", 0);
    }
    if (remove_stale(draft.sun_path, &draft, fault) != 0 ||
        remove_stale(path, &address, fault) != 0) {
        return -1;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&draft, sizeof draft) == 0) {
        if (chmod(draft.sun_path, 0666) == 0 && listen(fd, BACKLOG) == 0 &&
            rename(draft.sun_path, path) == 0) {
            return fd;
        }
        fail_unix(fault, path, NULL, "cannot listen", errno);
        unlink(draft.sun_path);
    } else {
        fail_unix(fault, path, NULL, "cannot make the socket", errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

int admin_server_listen_unix(struct admin_server *s, struct fault *fault)
{
    struct stat status;
    if (asprintf(&s->socket_path, "%s/" ADMIN_SOCKET, s->options.dir) < 0) {
        s->socket_path = NULL;
        fault_set(fault, "admin", NULL, "out of memory");
        return -1;
    }
    const int fd = bind_unix(s->socket_path, fault);
    s->unix_listener.server = s;
    if (fd < 0 || listen_on(&s->unix_listener, fd, fault) != 0) {
        return -1;
    }
    s->socket_inode = lstat(s->socket_path, &status) == 0 ? status.st_ino : 0;
    return 0;
}

void admin_server_stop_listening(struct admin_server *s)
{
    struct stat status;
    stop_tcp(s);
    if (s->unix_listener.listener) {
        /* Another agent's is left alone, if one has replaced ours. */
        if (lstat(s->socket_path, &status) == 0 && status.st_ino == s->socket_inode) {
            unlink(s->socket_path);
        }
        stop_listener(&s->unix_listener);
    }
    free(s->socket_path);
    s->socket_path = NULL;
}
