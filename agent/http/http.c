/*
 * The requests of one loop: curl says which sockets and which time it waits for, libevent waits.
 *
 * curl calls back from within curl_multi_socket_action, and takes no request and gives none up
 * until that returns. So a request begins at the next turn of the loop, and one that is cancelled
 * while anything of ours is on the stack is only marked; leave() destroys it.
 */
#include "http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http_request.h"

/* Streams hold one each, and events are few. What is more waits. */
#define CONNECTIONS_MOST 32L
#define CONNECTIONS_KEPT 8L

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(timer, &wait);
}

/* ---- the list ----------------------------------------------------------------------------- */

static void append(struct http *http, struct http_request *request)
{
    request->previous = http->last;
    *(http->last != NULL ? &http->last->next : &http->first) = request;
    http->last = request;
}

static void unlink_request(struct http *http, struct http_request *request)
{
    *(request->previous != NULL ? &request->previous->next : &http->first) = request->next;
    *(request->next != NULL ? &request->next->previous : &http->last) = request->previous;
}

/* Its connection is closed with it, unless the response is complete. */
static void take_out(struct http_request *request)
{
    (void)curl_multi_remove_handle(request->http->multi, request->easy); /* harmless if not in it */
    if (request->idle != NULL) {
        (void)event_del(request->idle);
    }
}

static void destroy_request(struct http_request *request)
{
    take_out(request);
    unlink_request(request->http, request);
    http_request_free(request);
}

static void destroy(struct http *http)
{
    while (http->first != NULL) {
        destroy_request(http->first);
    }
    if (http->multi != NULL) {
        (void)curl_multi_cleanup(http->multi); /* closes what is kept: its sockets' events end */
    }
    if (http->timer != NULL) {
        event_free(http->timer);
    }
    if (http->starter != NULL) {
        event_free(http->starter);
    }
    free(http->user_agent);
    free(http->proxy);
    free(http->ca_file);
    free(http);
}

/* Around everything that calls back. */
static void enter(struct http *http)
{
    http->busy++;
}

static void leave(struct http *http)
{
    if (--http->busy > 0) {
        return;
    }
    if (http->freed) {
        destroy(http);
        return;
    }
    struct http_request *next;
    for (struct http_request *r = http->first; r != NULL; r = next) {
        next = r->next;
        if (r->progress == HTTP_CANCELLED) {
            destroy_request(r);
        }
    }
}

/* ---- the end of a request ----------------------------------------------------------------- */

static void finish(struct http_request *request, CURLcode code)
{
    struct http_result result;
    if (code == CURLE_OK && request->whole_head) {
        http_request_tell_head(request); /* an empty Location: leads nowhere */
    }
    http_request_result(request, code, &result);
    take_out(request);
    if (request->progress != HTTP_CANCELLED) {
        request->progress = HTTP_ENDED;
        request->handler.done(request->handler.arg, &result);
    }
    destroy_request(request);
}

/* Tells of those that curl has finished. */
static void collect(struct http *http)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct http_request *request = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        if (message->msg == CURLMSG_DONE && request->progress == HTTP_RUNNING) {
            finish(request, message->data.result);
        }
    }
}

static void act(struct http *http, curl_socket_t fd, int events)
{
    int running;
    enter(http);
    (void)curl_multi_socket_action(http->multi, fd, events, &running);
    collect(http);
    leave(http);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    struct http_request *request = arg;
    struct http *http = request->http;
    (void)fd, (void)what;
    const int64_t left = http_request_patience(request);
    if (left > 0) {
        arm(request->idle, left);
        return;
    }
    enter(http);
    request->silent = true;
    finish(request, CURLE_OPERATION_TIMEDOUT);
    leave(http);
}

static void on_start(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;
    (void)fd, (void)what;
    enter(http);
    struct http_request *next;
    for (struct http_request *r = http->first; r != NULL; r = next) {
        if (r->progress == HTTP_WAITING) {
            r->progress = HTTP_RUNNING;
            const bool added =
                r->fault == NULL && curl_multi_add_handle(http->multi, r->easy) == CURLM_OK;
            if (added && r->idle != NULL) {
                arm(r->idle, http_request_patience(r));
            }
            next = r->next;
            if (!added) {
                finish(r, CURLE_FAILED_INIT);
            }
        } else {
            next = r->next;
        }
    }
    leave(http);
}

/* ---- curl's wishes ------------------------------------------------------------------------ */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    act(arg, fd,
        ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
            ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* CURLMOPT_SOCKETFUNCTION: an event for each socket, curl keeps the pointer. */
static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *event)
{
    struct http *http = arg;
    struct event *old = event;
    (void)easy;
    if (old != NULL) {
        event_free(old);
        (void)curl_multi_assign(http->multi, fd, NULL);
    }
    if (what == CURL_POLL_REMOVE) {
        return 0;
    }
    const short events = (short)(EV_PERSIST | ((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                                 ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0));
    struct event *made = event_new(http->base, fd, events, on_socket, http);
    if (made == NULL || event_add(made, NULL) != 0) {
        if (made != NULL) {
            event_free(made);
        }
        return -1; /* curl fails all its requests, which start again */
    }
    (void)curl_multi_assign(http->multi, fd, made);
    return 0;
}

/* CURLMOPT_TIMERFUNCTION. */
static int want_timer(CURLM *multi, long ms, void *arg)
{
    const struct http *http = arg;
    (void)multi;
    if (ms < 0) {
        (void)event_del(http->timer);
    } else {
        arm(http->timer, ms);
    }
    return 0;
}

/* ---- what is offered ---------------------------------------------------------------------- */

static bool curl_is_ready;

static void initialize_curl(void)
{
    curl_is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* NULL stays NULL. */
static bool copy(char **to, const char *text)
{
    *to = text != NULL ? strdup(text) : NULL;
    return text == NULL || *to != NULL;
}

static bool set_up(struct http *http, const struct http_options *options)
{
    http->multi = curl_multi_init();
    http->timer = evtimer_new(http->base, on_timer, http);
    http->starter = evtimer_new(http->base, on_start, http);
    if (http->multi == NULL || http->timer == NULL || http->starter == NULL ||
        !copy(&http->user_agent, options->user_agent) || !copy(&http->proxy, options->proxy) ||
        !copy(&http->ca_file, options->ca_file)) {
        return false;
    }
    http->skip_verify = options->skip_verify;
    CURLM *const multi = http->multi;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MOST) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) == CURLM_OK;
}

struct http *http_new(struct event_base *base, const struct http_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (pthread_once(&once, initialize_curl) != 0 || !curl_is_ready) {
        return NULL;
    }
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL) {
        return NULL;
    }
    http->base = base;
    if (!set_up(http, options)) {
        destroy(http);
        return NULL;
    }
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    if (http->busy == 0) {
        destroy(http);
        return;
    }
    http->freed = true;
    for (struct http_request *r = http->first; r != NULL; r = r->next) {
        http_cancel(r); /* only marks them now */
    }
}

struct http_request *http_start(struct http *http, const struct http_spec *spec,
                                const struct http_handler *handler)
{
    struct http_request *request = http_request_new(http, spec, handler);
    if (request == NULL) {
        return NULL;
    }
    if (spec->idle_timeout_ms > 0) {
        request->idle = evtimer_new(http->base, on_idle, request);
        if (request->idle == NULL) {
            http_request_free(request);
            return NULL;
        }
    }
    append(http, request);
    arm(http->starter, 0);
    return request;
}

void http_cancel(struct http_request *request)
{
    if (request == NULL || request->progress == HTTP_ENDED) {
        return;
    }
    request->progress = HTTP_CANCELLED;
    if (request->idle != NULL) {
        (void)event_del(request->idle);
    }
    if (request->http->busy == 0) {
        destroy_request(request);
    }
}

const char *http_header(const struct http_request *request, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}
