/*
 * A connection is a small machine: HEAD -> BODY -> (handler) -> FLUSHING -> HEAD, with STREAM,
 * WAITING, LATER and LINGERING aside. One request at a time: what a client sends ahead stays in the
 * input until the answer before it is taken, so that nobody makes us queue answers.
 */
#include "admin_connection.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin_server_state.h"

#define READ_AHEAD (64u << 10) /* bytes that are taken from the socket before they are wanted */
#define LINGER_MOST (1u << 20) /* bytes that are read only to be thrown away */
#define ANSWER_DEADLINES 10    /* an answer that is taken slowly, as a multiple of no progress */

static struct evbuffer *input(const struct admin_connection *c)
{
    return bufferevent_get_input(c->stream);
}

static size_t unsent(const struct admin_connection *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->stream));
}

static void arm(struct admin_connection *c, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    c->due_ms = admin_now_ms() + ms;
    (void)event_add(c->deadline, &wait);
}

void admin_connection_wake(struct admin_connection *c)
{
    event_active(c->deadline, EV_READ, 0); /* not TIMEOUT: arming it anew would undo that */
}

void admin_connection_drop(struct admin_connection *c)
{
    c->dropped = true;
    admin_connection_wake(c);
}

/* ---- the request's memory ------------------------------------------------------------------- */

static void forget_body(struct admin_connection *c)
{
    if (c->body) {
        c->server->bodies -= evbuffer_get_length(c->body);
        evbuffer_free(c->body);
        c->body = NULL;
    }
}

static void forget_request(struct admin_connection *c)
{
    admin_turn_free(c);
    admin_answer_retract(&c->answer);
    forget_body(c);
    admin_request_free(&c->request);
    free(c->head_text);
    c->head_text = NULL;
    c->answer = (struct admin_answer){.connection = c, .request_id = ""};
    c->chunked = (struct admin_chunked){0};
    c->body_wanted = 0;
    c->begun = false;
}

void admin_connection_free(struct admin_connection *c)
{
    struct admin_server *s = c->server;
    const struct admin_stream_owner owner = c->events.owner;
    const struct admin_later later = c->later;
    const bool streams = c->state == CONNECTION_STREAM;
    const bool waits = c->state == CONNECTION_LATER;
    if (c->previous) {
        c->previous->next = c->next;
    } else {
        s->first = c->next;
    }
    if (c->next) {
        c->next->previous = c->previous;
    }
    s->stats.connections--;
    s->stats.streams -= streams;
    forget_request(c);
    event_free(c->deadline);
    bufferevent_free(c->stream);
    free(c);
    if (streams && owner.closed) {
        owner.closed(owner.arg);
    }
    if (waits) {
        later.gone(later.arg);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

/* All is sent. Closing at once would, where the client is still sending, destroy what it has not
   read yet; so we say that nothing more comes, and read on for a while. */
static void linger(struct admin_connection *c)
{
    const int fd = (int)bufferevent_getfd(c->stream);
    if (c->tls) {
        (void)SSL_shutdown(bufferevent_openssl_get_ssl(c->stream));
    }
    (void)shutdown(fd, SHUT_WR);
    if (c->ended) {
        admin_connection_free(c);
        return;
    }
    c->state = CONNECTION_LINGERING;
    evbuffer_drain(input(c), evbuffer_get_length(input(c)));
    bufferevent_enable(c->stream, EV_READ);
    arm(c, c->server->limits.linger_ms);
}

static void throw_away(struct admin_connection *c)
{
    c->lingered += evbuffer_get_length(input(c));
    evbuffer_drain(input(c), evbuffer_get_length(input(c)));
    if (c->lingered > LINGER_MOST) {
        admin_connection_free(c);
    }
}

/* ---- answering ------------------------------------------------------------------------------ */

static void flush_answer(struct admin_connection *c)
{
    c->state = CONNECTION_FLUSHING;
    forget_body(c);
    arm(c, ANSWER_DEADLINES * c->server->limits.answer_ms);
}

static void answer_error(struct admin_connection *c, const struct admin_error *error)
{
    admin_answer_error(&c->answer, error);
    flush_answer(c);
}

/* The rest of the request is not read. */
static void break_off(struct admin_connection *c, unsigned status, const char *code,
                      const char *member, const char *hint, const char *cause)
{
    struct admin_error error;
    admin_error_set(&error, status, code, member, hint, "%s", cause);
    c->closing = true;
    answer_error(c, &error);
}

/* What all clients have not taken yet: one that asks for much and reads nothing must not cost the
   agent its memory. */
static size_t unsent_of_all(const struct admin_server *s)
{
    size_t sum = 0;
    for (const struct admin_connection *c = s->first; c; c = c->next) {
        sum += unsent(c);
    }
    return sum;
}

/* The handler answers, or begins a stream or an answer that comes later. */
void admin_connection_flush(struct admin_connection *c)
{
    c->state = CONNECTION_FLUSHING;
    admin_connection_wake(c); /* sets its deadline */
}

void admin_connection_dispatch(struct admin_connection *c)
{
    const size_t length = c->body ? evbuffer_get_length(c->body) : 0;
    admin_dispatch(c, length > 0 ? (const char *)evbuffer_pullup(c->body, -1) : "", length);
}

static void run(struct admin_connection *c)
{
    if (unsent_of_all(c->server) > c->server->limits.answers_most) {
        break_off(c, 503, "too_busy", NULL, "try again", "too many answers have not been taken");
        return;
    }
    size_t length = c->body ? evbuffer_get_length(c->body) : 0;
    const char *body = length > 0 ? (const char *)evbuffer_pullup(c->body, -1) : "";
    if (!body) {
        break_off(c, 503, "no_memory", NULL, "try again", "out of memory");
        return;
    }
    if (admin_turn_begin(c)) {              /* the body is still needed */
        if (c->state == CONNECTION_LATER) { /* else it is over already */
            arm(c, c->server->limits.later_ms);
        }
        return;
    }
    c->state = CONNECTION_FLUSHING; /* a stream changes it */
    admin_dispatch(c, body, length);
    if (c->state == CONNECTION_STREAM || c->state == CONNECTION_LATER) {
        forget_body(c);
        arm(c, c->state == CONNECTION_LATER ? c->server->limits.later_ms : ADMIN_STREAM_CALM_MS);
        return;
    }
    if (!c->answer.begun) {
        admin_answer_refuse(&c->answer, 500, "no_answer", "nothing was answered");
    }
    flush_answer(c);
}

/* ---- the body ------------------------------------------------------------------------------- */

static bool has_room(struct admin_connection *c, size_t more)
{
    return c->server->bodies + more <= c->server->limits.bodies_most;
}

static void too_large(struct admin_connection *c)
{
    struct admin_error error;
    c->closing = true;
    if (c->body_most == 0) {
        admin_error_set(&error, 400, "no_body", "body", "leave it out", "this request has no body");
    } else {
        admin_error_set(&error, 413, "body_too_large", "body", NULL,
                        "is larger than %zu bytes, which this route takes at most", c->body_most);
    }
    answer_error(c, &error);
}

/* true: the body is whole. */
static bool read_counted(struct admin_connection *c)
{
    const size_t have = evbuffer_get_length(c->body);
    const size_t left = c->body_wanted - have;
    const int got = evbuffer_remove_buffer(input(c), c->body, left);
    c->server->bodies += got > 0 ? (size_t)got : 0;
    return have + (size_t)(got > 0 ? got : 0) == c->body_wanted;
}

static bool read_chunks(struct admin_connection *c)
{
    struct evbuffer *in = input(c);
    while (evbuffer_get_length(in) > 0 && c->chunked.state != CHUNKED_DONE) {
        const char *data;
        size_t data_length;
        const size_t have = evbuffer_get_length(c->body);
        const size_t first = evbuffer_get_contiguous_space(in);
        const char *bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)first);
        const size_t taken =
            admin_chunked_take(&c->chunked, bytes, first, SIZE_MAX, &data, &data_length);
        if (c->chunked.state == CHUNKED_BAD) {
            break_off(c, 400, "malformed_request", "body", "send a Content-Length instead",
                      admin_chunked_why(&c->chunked));
            return false;
        }
        const uint64_t left = c->chunked.state == CHUNKED_DATA ? c->chunked.left : 0;
        if (have + data_length > c->body_most || have + left > c->body_most) {
            too_large(c);
            return false;
        }
        if (evbuffer_add(c->body, data, data_length) != 0) {
            break_off(c, 503, "no_memory", NULL, "try again", "out of memory");
            return false;
        }
        c->server->bodies += data_length;
        evbuffer_drain(in, taken);
    }
    return c->chunked.state == CHUNKED_DONE;
}

static void read_body(struct admin_connection *c)
{
    if (!has_room(c, evbuffer_get_length(input(c)))) {
        break_off(c, 503, "too_busy", "body", "try again", "too much is being received");
        return;
    }
    if (c->head.chunked ? read_chunks(c) : read_counted(c)) {
        run(c);
    }
}

static void begin_body(struct admin_connection *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    c->body_wanted = (size_t)c->head.length;
    c->body = evbuffer_new();
    c->state = CONNECTION_BODY;
    if (!c->body) {
        break_off(c, 503, "no_memory", NULL, "try again", "out of memory");
        return;
    }
    arm(c, c->server->limits.body_ms);
    if (c->head.expects_continue && evbuffer_get_length(input(c)) == 0) {
        bufferevent_write(c->stream, go_on, sizeof go_on - 1);
    }
    read_body(c);
}

/* ---- the head ------------------------------------------------------------------------------- */

static void refuse_head(struct admin_connection *c, int64_t wait_ms)
{
    /* What follows may be a body that nobody wants to read. */
    c->closing = c->closing || c->head.chunked || c->head.length > 0;
    if (wait_ms > 0) {
        c->state = CONNECTION_WAITING;
        arm(c, wait_ms);
        return;
    }
    answer_error(c, &c->error);
}

static void take_head(struct admin_connection *c, size_t length)
{
    int64_t wait_ms = 0;
    c->server->stats.requests++;
    c->head_text = malloc(length + 1);
    if (!c->head_text || evbuffer_remove(input(c), c->head_text, length) != (int)length) {
        break_off(c, 503, "no_memory", NULL, "try again", "out of memory");
        return;
    }
    if (admin_head_parse(c->head_text, length, &c->head, &c->error) != 0) {
        c->closing = true; /* who knows where the next one would begin */
        c->answer.head_only = c->head.method && strcmp(c->head.method, "HEAD") == 0;
        answer_error(c, &c->error);
        return;
    }
    c->closing = c->closing || !c->head.keep_alive;
    if (admin_dispatch_head(c, &wait_ms) != 0) {
        refuse_head(c, wait_ms);
        return;
    }
    if (c->head.length > c->body_most || (c->head.chunked && c->body_most == 0)) {
        too_large(c);
    } else if (c->head.chunked || c->head.length > 0) {
        begin_body(c);
    } else {
        run(c);
    }
}

/* Lines that are empty before a request are passed over: some clients end a body so. */
static void skip_empty_lines(struct admin_connection *c)
{
    char two[2];
    while (evbuffer_copyout(input(c), two, 2) == 2 && two[0] == '\r' && two[1] == '\n') {
        evbuffer_drain(input(c), 2);
    }
}

static void read_head(struct admin_connection *c)
{
    skip_empty_lines(c);
    const size_t length = evbuffer_get_length(input(c));
    const size_t most = c->server->limits.head_most;
    if (length == 0) {
        if (c->ended) {
            linger(c);
        }
        return;
    }
    if (!c->begun) {
        c->begun = true;
        arm(c, c->server->limits.request_ms);
    }
    const size_t looked = length < most ? length : most;
    const char *bytes = (const char *)evbuffer_pullup(input(c), (ev_ssize_t)looked);
    const size_t head = bytes ? admin_head_end(bytes, looked) : 0;
    if (bytes && !admin_head_may_begin(*bytes)) {
        break_off(c, 400, "malformed_request", "request line",
                  *bytes == 0x16 ? "speak HTTP without TLS here, or give the agent a certificate"
                                 : "a request begins with: METHOD /path HTTP/1.1",
                  *bytes == 0x16 ? "this is TLS" : "this is not HTTP");
    } else if (head > 0) {
        take_head(c, head);
    } else if (length >= most) {
        break_off(c, 431, "head_too_large", "headers", NULL,
                  "request line and headers are too large");
    } else if (c->ended) {
        break_off(c, 400, "malformed_request", "headers", NULL,
                  "the request ends within its headers");
    }
}

/* ---- the loop's callbacks ------------------------------------------------------------------- */

static void on_read(struct bufferevent *stream, void *arg)
{
    struct admin_connection *c = arg;
    (void)stream;
    switch (c->state) {
    case CONNECTION_HEAD:
        read_head(c);
        break;
    case CONNECTION_BODY:
        read_body(c);
        break;
    case CONNECTION_LINGERING:
        throw_away(c);
        break;
    default:
        break; /* it stays where it is; beyond READ_AHEAD nothing more is taken from the socket */
    }
}

/* The answer is sent. */
static void next_request(struct admin_connection *c)
{
    if (c->closing) {
        linger(c);
        return;
    }
    forget_request(c);
    c->state = CONNECTION_HEAD;
    arm(c, c->server->limits.idle_ms);
    if (evbuffer_get_length(input(c)) > 0 || c->ended) {
        admin_connection_wake(c);
    }
}

static void on_written(struct bufferevent *stream, void *arg)
{
    struct admin_connection *c = arg;
    (void)stream;
    if (c->state == CONNECTION_FLUSHING) {
        next_request(c);
    } else if (c->state == CONNECTION_STREAM && c->events.owner.more && !c->dropped) {
        c->events.owner.more(c->events.owner.arg, &c->events);
    }
}

/* Who has only ended its half still reads. A unix socket tells the one from the other; of TCP it
   shows when the answer is sent. */
static bool is_gone(const struct admin_connection *c)
{
    struct pollfd p = {.fd = (int)bufferevent_getfd(c->stream)};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static void on_end(struct admin_connection *c)
{
    c->ended = true;
    switch (c->state) {
    case CONNECTION_HEAD:
        read_head(c);
        break;
    case CONNECTION_BODY:
        break_off(c, 400, "malformed_request", "body", NULL, "the request ends within its body");
        break;
    case CONNECTION_WAITING:
    case CONNECTION_FLUSHING:
        break; /* it may still read */
    case CONNECTION_LATER:
        if (is_gone(c)) {
            admin_connection_free(c);
        }
        break;
    case CONNECTION_STREAM:
        if (c->events.media != ADMIN_EVENTS) {
            break; /* the same: who is gone does not take the lines either */
        }
        admin_connection_free(c); /* nothing may be sent for hours: taken for gone */
        break;
    default:
        admin_connection_free(c);
    }
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct admin_connection *c = arg;
    (void)stream;
    if (what & BEV_EVENT_EOF) {
        on_end(c);
    } else if (what & (BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) {
        admin_connection_free(c);
    } /* else CONNECTED: the handshake is done */
}

static void answer_too_long(struct admin_connection *c)
{
    const struct admin_later later = c->later;
    c->later = (struct admin_later){0};
    admin_turn_free(c);
    admin_answer_retract(&c->answer);
    break_off(c, 503, "too_long", NULL, NULL, "it took too long, and was given up");
    later.gone(later.arg);
}

static void on_late(struct admin_connection *c)
{
    switch (c->state) {
    case CONNECTION_HEAD:
        if (c->begun) {
            break_off(c, 408, "too_slow", "headers", NULL,
                      "the request's head did not come in time");
        } else {
            admin_connection_free(c); /* idle; or it never said anything */
        }
        break;
    case CONNECTION_BODY:
        break_off(c, 408, "too_slow", "body", NULL, "the request's body did not come in time");
        break;
    case CONNECTION_WAITING:
        answer_error(c, &c->error);
        break;
    case CONNECTION_LATER:
        answer_too_long(c);
        break;
    case CONNECTION_STREAM:
        if (c->events.media == ADMIN_EVENTS && unsent(c) == 0) {
            bufferevent_write(c->stream, c->events.chunked ? "3\r\n:\n\n\r\n" : ":\n\n",
                              c->events.chunked ? 8 : 3);
        }
        arm(c, ADMIN_STREAM_CALM_MS);
        break;
    default:
        admin_connection_free(c);
    }
}

/* Its time is over, or it was woken. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct admin_connection *c = arg;
    (void)fd, (void)what;
    if (c->dropped) {
        admin_connection_free(c);
        return;
    }
    const int64_t left = c->due_ms - admin_now_ms();
    if (left <= 0) {
        on_late(c);
        return;
    }
    arm(c, left); /* waking took the timer away */
    if (c->state == CONNECTION_FLUSHING && unsent(c) == 0) {
        next_request(c);
    } else if (c->state == CONNECTION_FLUSHING) { /* a stream has ended */
        flush_answer(c);
    } else if (c->state == CONNECTION_HEAD) {
        read_head(c);
    }
}

/* ---- the beginning -------------------------------------------------------------------------- */

static struct bufferevent *make_stream(struct event_base *base, int fd, struct ssl_st *ssl)
{
    struct bufferevent *stream =
        ssl ? bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!stream) {
        (void)close(fd);
        admin_tls_drop(ssl);
    } else if (ssl) {
        bufferevent_openssl_set_allow_dirty_shutdown(stream, 1); /* HTTP knows its own ends */
    }
    return stream;
}

void admin_connection_new(struct admin_server *s, int fd, const struct admin_peer *peer,
                          struct ssl_st *ssl)
{
    struct admin_connection *c = calloc(1, sizeof *c);
    struct bufferevent *stream = make_stream(s->base, fd, ssl);
    struct event *deadline = c ? evtimer_new(s->base, on_deadline, c) : NULL;
    if (!c || !stream || !deadline) {
        if (stream) {
            bufferevent_free(stream);
        }
        if (deadline) {
            event_free(deadline);
        }
        free(c);
        return;
    }
    c->server = s;
    c->stream = stream;
    c->deadline = deadline;
    c->peer = *peer;
    c->tls = ssl != NULL;
    c->answer = (struct admin_answer){.connection = c, .request_id = ""};
    c->next = s->first;
    if (s->first) {
        s->first->previous = c;
    }
    s->first = c;
    s->stats.connections++;
    bufferevent_setcb(stream, on_read, on_written, on_event, c);
    bufferevent_setwatermark(stream, EV_READ, 0, READ_AHEAD);
    const struct timeval stall = {(time_t)(s->limits.answer_ms / 1000),
                                  (suseconds_t)(s->limits.answer_ms % 1000 * 1000)};
    bufferevent_set_timeouts(stream, NULL, &stall);
    arm(c, s->limits.request_ms);
    bufferevent_enable(stream, EV_READ | EV_WRITE);
}
