/*
 * contract_service - the REST side of the contract-test service (service.h).
 *
 *   contract_service --agent PATH [--port N] [--loud] [--until-eof]
 *
 * Listens on 127.0.0.1 (port 0, the default: any) and says where on stdout. Ends on DELETE /,
 * SIGTERM, SIGINT or, with --until-eof, when stdin ends, that is, when who started it is gone.
 * Leaves no agent and no directory behind.
 */
#include <curl/curl.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service.h"

struct service {
    struct event_base *base;
    const char *agent;
    bool loud;
    unsigned last_id;
    struct client *clients;
};

static const char *const capabilities[] = {
    "server-side",
    "strongly-typed",
    "user-type",
    "all-flags-with-reasons",
    "all-flags-client-side-only",
    "all-flags-details-only-for-tracked-flags",
    "client-prereq-events",
    "secure-mode-hash",
    "context-type",
    "context-comparison",
    "server-side-polling",
    "polling-gzip",
    "service-endpoints",
    "tags",
    "wrapper",
    "instance-id",
    "filtering",
    "filtering-strict",
    "event-sampling",
    "event-gzip",
    "optional-event-gzip",
    "inline-context-all",
    "anonymous-redaction",
    "omit-anonymous-contexts",
    "tls:verify-peer",
    "tls:skip-verify-peer",
    "tls:custom-ca",
    "http-proxy",
    "migrations",
    "evaluation-hooks",
    "track-hooks",
    "hook-environment-id",
    "retry-conformance-fdv1-streaming",
    "retry-conformance-fdv1-polling",
    "persistent-data-store-redis",
    "big-segments",
};

static void reply(struct evhttp_request *request, struct outcome *outcome)
{
    struct evbuffer *body = evbuffer_new();
    char *text = outcome->answer ? json_dumps(outcome->answer, JSON_COMPACT) : NULL;
    if (text) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                          "application/json");
    }
    evbuffer_add_printf(body, "%s", text ? text : outcome->text);
    evhttp_send_reply(request, outcome->status, "", body);
    evbuffer_free(body);
    free(text);
    json_decref(outcome->answer);
}

/* NULL and *outcome when it is none. */
static json_t *body_of(struct evhttp_request *request, struct outcome *outcome)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    const size_t length = evbuffer_get_length(body);
    const char *text = (const char *)evbuffer_pullup(body, -1);
    json_error_t error;
    json_t *json = json_loadb(text ? text : "", text ? length : 0, JSON_ALLOW_NUL, &error);
    if (!json) {
        outcome_fail(outcome, 400, "the body is no JSON: %s", error.text);
    }
    return json;
}

static void describe(struct outcome *outcome)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++) {
        json_array_append_new(list, json_string(capabilities[i]));
    }
    outcome->answer = json_pack("{s:s, s:s, s:o}", "name", "ffshm", "clientVersion", FFSHM_VERSION,
                                "capabilities", list);
}

static void create(struct service *s, struct evhttp_request *request, struct outcome *outcome)
{
    json_t *body = body_of(request, outcome);
    struct client *c =
        body ? client_new(s->last_id + 1, s->agent, s->loud, member(body, "configuration"), outcome)
             : NULL;
    if (c) {
        char location[32];
        c->next = s->clients;
        s->clients = c;
        s->last_id = c->id;
        snprintf(location, sizeof location, "/clients/%u", c->id);
        evhttp_add_header(evhttp_request_get_output_headers(request), "Location", location);
    }
    json_decref(body);
}

static struct client **find(struct service *s, const char *path)
{
    static const char prefix[] = "/clients/";
    struct client **c = &s->clients;
    const bool has_id = strncmp(path, prefix, sizeof prefix - 1) == 0;
    const unsigned long id = has_id ? strtoul(path + sizeof prefix - 1, NULL, 10) : 0;
    while (*c && (*c)->id != id) {
        c = &(*c)->next;
    }
    return c;
}

static bool remove_client(struct client **place)
{
    struct client *c = *place;
    *place = c->next;
    return client_free(c);
}

static void on_client(struct service *s, struct evhttp_request *request, const char *path,
                      struct outcome *outcome)
{
    const enum evhttp_cmd_type method = evhttp_request_get_command(request);
    struct client **c = find(s, path);
    if (!*c) {
        outcome_fail(outcome, 404, "no such client");
    } else if (method == EVHTTP_REQ_DELETE) {
        if (!remove_client(c)) {
            outcome_fail(outcome, 500, "the agent did not end as it should; its log is on stderr");
        }
    } else if (method == EVHTTP_REQ_POST) {
        json_t *body = body_of(request, outcome);
        if (body) {
            command_run(*c, body, outcome);
        }
        json_decref(body);
    } else {
        outcome_fail(outcome, 405, "POST and DELETE only");
    }
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct service *s = arg;
    struct outcome outcome = {.status = 200};
    const enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    const bool root = !path || !*path || strcmp(path, "/") == 0;
    if (!root) {
        on_client(s, request, path, &outcome);
    } else if (method == EVHTTP_REQ_GET) {
        describe(&outcome);
    } else if (method == EVHTTP_REQ_POST) {
        create(s, request, &outcome);
    } else if (method == EVHTTP_REQ_DELETE) {
        const struct timeval until_answered = {.tv_usec = 50000};
        event_base_loopexit(s->base, &until_answered);
    } else {
        outcome_fail(&outcome, 405, "GET, POST and DELETE only");
    }
    reply(request, &outcome);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    event_base_loopbreak(arg);
}

static void on_stdin(evutil_socket_t fd, short what, void *arg)
{
    char ignored[256];
    (void)what;
    if (read((int)fd, ignored, sizeof ignored) <= 0) {
        event_base_loopbreak(arg);
    }
}

/* Says where it listens; -1: it does not. */
static int listen_on(struct evhttp *http, uint16_t port)
{
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", port);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    if (!bound ||
        getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &length)) {
        fprintf(stderr, "contract_service: cannot listen on 127.0.0.1:%u\n", port);
        return -1;
    }
    printf("contract_service: listening on http://127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return 0;
}

static int serve(struct service *s, uint16_t port, bool until_eof)
{
    struct evhttp *http = evhttp_new(s->base);
    struct event *term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
    struct event *interrupt = evsignal_new(s->base, SIGINT, on_signal, s->base);
    struct event *input = event_new(s->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, s->base);
    evhttp_set_gencb(http, on_request, s);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_DELETE);
    event_add(term, NULL);
    event_add(interrupt, NULL);
    if (until_eof) {
        event_add(input, NULL);
    }
    const int result = listen_on(http, port);
    if (result == 0) {
        event_base_dispatch(s->base);
    }
    while (s->clients) {
        remove_client(&s->clients);
    }
    event_free(input);
    event_free(interrupt);
    event_free(term);
    evhttp_free(http);
    return result == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"agent", required_argument, NULL, 'a'},
        {"port", required_argument, NULL, 'p'},
        {"loud", no_argument, NULL, 'l'},
        {"until-eof", no_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
    };
    struct service s = {.agent = NULL};
    unsigned long port = 0;
    bool until_eof = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'a':
            s.agent = optarg;
            break;
        case 'p':
            port = strtoul(optarg, NULL, 10);
            break;
        case 'l':
            s.loud = true;
            break;
        case 'e':
            until_eof = true;
            break;
        default:
            return 2;
        }
    }
    if (!s.agent || optind < argc || port > 65535) {
        fprintf(stderr, "usage: contract_service --agent PATH [--port N] [--loud] [--until-eof]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    s.base = event_base_new();
    const int result = s.base ? serve(&s, (uint16_t)port, until_eof) : 1;
    event_base_free(s.base);
    curl_global_cleanup();
    return result;
}
