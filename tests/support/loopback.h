/*
 * loopback.h - a server on the test's own event loop that answers whatever the test wants, byte for
 * byte.
 */
#ifndef FFSHM_TESTS_LOOPBACK_H
#define FFSHM_TESTS_LOOPBACK_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct loopback;
struct loopback_peer;

struct loopback_request {
    const char *head; /* request line and headers, NUL-terminated */
    const char *body;
    size_t body_length;
    unsigned number; /* of all that came, from 1 */
};

/* For each whole request; answers with the functions below, now or later. */
typedef void loopback_serve(void *arg, struct loopback_peer *peer,
                            const struct loopback_request *request);

struct loopback *loopback_new(struct event_base *base, loopback_serve *serve, void *arg);
void loopback_free(struct loopback *server);
unsigned loopback_port(const struct loopback *server);
unsigned loopback_accepted(const struct loopback *server); /* connections so far */
unsigned loopback_open(const struct loopback *server);     /* connections now */
unsigned loopback_requests(const struct loopback *server);

void loopback_send(struct loopback_peer *peer, const void *bytes, size_t length);
void loopback_print(struct loopback_peer *peer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A whole response; headers: whole lines, or "". */
void loopback_answer(struct loopback_peer *peer, unsigned status, const char *headers,
                     const char *body);
/* Closes when all is sent. */
void loopback_end(struct loopback_peer *peer);
/* Closes at once, with RST. */
void loopback_reset(struct loopback_peer *peer);
/* Passes on whatever comes from now on to a port of this host, and back: CONNECT. */
void loopback_tunnel(struct loopback_peer *peer, unsigned port);
/* The connection; for tests that fill it as it drains. */
struct bufferevent *loopback_stream(struct loopback_peer *peer);

/* The value of a header in a request's head, in a buffer of the function's; NULL: not there. */
const char *loopback_header(const char *head, const char *name);

/* Turns the loop until *flag, or for timeout_ms. */
bool loopback_wait(struct event_base *base, const bool *flag, unsigned timeout_ms);
/* Turns the loop for so long. */
void loopback_pass(struct event_base *base, unsigned ms);
/* A port of this host that refuses connections. */
unsigned loopback_closed_port(void);

#endif
