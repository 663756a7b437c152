/* From a request to its handler: path, route, actor, role, in this order; then what it says. */
#include "admin_connection.h"

#include <stdio.h>
#include <string.h>

#include "admin_server_state.h"

/* A refusal is told with who, from where and what. */
static void tell_refused(struct admin_connection *c)
{
    const struct admin_refusal refusal = {&c->actor, c->peer.text, c->head.method, c->request.path,
                                          &c->error};
    admin_server_refused(c->server, &refusal);
}

static int find_route(struct admin_connection *c, struct admin_route_match *match)
{
    const struct admin_request *r = &c->request;
    char text[ADMIN_ALLOW];
    char hint[256];
    *match = admin_routes_find(c->server->routes, r->method, r->segments, r->segment_count);
    if (!match->allowed) {
        admin_routes_hint(c->server->routes, r->segments, r->segment_count, hint, sizeof hint);
        return admin_error_set(&c->error, 404, "not_found", "path", hint,
                               "there is nothing at %.200s", r->path);
    }
    if (match->route || r->method == ADMIN_OPTIONS) {
        return 0;
    }
    admin_answer_header(&c->answer, "Allow", admin_allow_text(match->allowed, text));
    snprintf(hint, sizeof hint, "it understands %s", text);
    return admin_error_set(&c->error, 405, "method_not_allowed", "method", hint,
                           "%.200s does not understand %s", r->path, c->head.method);
}

static int identify(struct admin_connection *c, int64_t *wait_ms)
{
    if (admin_auth_identify(&c->server->auth, &c->peer, admin_head_value(&c->head, "Authorization"),
                            admin_wall_ms(), admin_now_ms(), &c->actor, wait_ms, &c->error) != 0) {
        tell_refused(c);
        return -1;
    }
    return 0;
}

int admin_dispatch_head(struct admin_connection *c, int64_t *wait_ms)
{
    struct admin_request *r = &c->request;
    struct admin_route_match match;
    const int begun = admin_request_begin(r, &c->head, &c->error);
    snprintf(r->id, sizeof r->id, "%08x-%llx", (unsigned)c->server->run,
             (unsigned long long)c->server->stats.requests);
    c->answer.request_id = r->id;
    c->answer.head_only = r->head_only;
    c->answer.http10 = c->head.http10;
    c->answer.if_none_match = admin_head_value(&c->head, "If-None-Match");
    r->actor = &c->actor;
    if (begun != 0 || find_route(c, &match) != 0 || identify(c, wait_ms) != 0) {
        return -1;
    }
    if (!match.route) { /* OPTIONS */
        char text[ADMIN_ALLOW];
        admin_answer_header(&c->answer, "Allow", admin_allow_text(match.allowed, text));
        c->body_most = 0;
        return 0;
    }
    if (admin_auth_allow(&c->actor, match.route, &c->error) != 0) {
        tell_refused(c);
        return -1;
    }
    if (admin_request_take(r, match.route, &c->error) != 0) {
        return -1;
    }
    c->handler_arg = match.arg;
    c->body_most = match.route->body == ADMIN_BODY_NONE ? 0
                   : match.route->body_most             ? match.route->body_most
                                                        : ADMIN_BODY_MOST;
    return 0;
}

static bool refuse_limited(struct admin_answer *a, const char *what)
{
    struct admin_connection *c = a->connection;
    admin_error_set(&c->error, 403, "beyond_limits", NULL,
                    "GET " ADMIN_ROOT "/whoami tells the limits", "%.90s is limited, and %.200s %s",
                    c->actor.name, what, "is beyond that");
    tell_refused(c);
    admin_answer_error(a, &c->error);
    return false;
}

bool admin_answer_allowed(struct admin_answer *a, const struct admin_request *request,
                          const char *key, const char *const *tags, size_t tag_count)
{
    return admin_actor_may(request->actor, key, tags, tag_count) || refuse_limited(a, key);
}

bool admin_answer_unlimited(struct admin_answer *a, const struct admin_request *request)
{
    return !request->actor->limits || refuse_limited(a, "what concerns everything");
}

void admin_dispatch(struct admin_connection *c, const char *body, size_t length)
{
    if (!c->request.route) {
        admin_answer_nothing(&c->answer, 204);
    } else if (admin_request_body(&c->request, body, length, &c->error) != 0) {
        admin_answer_error(&c->answer, &c->error);
    } else {
        c->request.route->handler(c->handler_arg, &c->request, &c->answer);
    }
}
