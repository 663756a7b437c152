#include "admin_builtin.h"

#include "../catalog/document.h"
#include "admin_answer.h"
#include "admin_openapi.h"
#include "admin_request.h"

static void health(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    (void)arg, (void)request;
    admin_answer_json(answer, 200, json_pack("{s:s}", "status", "ok"));
}

static void ready(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct admin_builtin *b = arg;
    const char *why = "";
    (void)request;
    if (b->agent.ready(b->agent.arg, &why)) {
        admin_answer_json(answer, 200, json_pack("{s:s}", "status", "ready"));
    } else {
        admin_answer_refuse(answer, 503, "not_ready", "there is no snapshot yet%s%s",
                            *why ? ": " : "", why);
    }
}

static void whoami(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct admin_actor *actor = request->actor;
    (void)arg;
    json_t *body = json_pack("{s:s, s:s, s:s}", "actor", actor->name, "role",
                             admin_role_name(actor->role), "authenticated", actor->authenticated);
    if (body && actor->token_id[0]) {
        json_object_set_new(body, "token", json_string(actor->token_id));
    }
    if (body && actor->limits) {
        json_object_set(body, "limits", actor->limits);
    }
    admin_answer_json(answer, 200, body);
}

static void status(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct admin_builtin *b = arg;
    struct admin_server_stats s;
    (void)request;
    admin_server_stats(b->server, &s);
    json_t *body = b->agent.status(b->agent.arg);
    json_t *admin = json_pack(
        "{s:I, s:i, s:i, s:I, s:I, s:I, s:b}", "requests", (json_int_t)s.requests, "connections",
        (int)s.connections, "streams", (int)s.streams, "accepted", (json_int_t)s.accepted,
        "refusedConnections", (json_int_t)s.refused_connections, "failedAuthentications",
        (json_int_t)s.failures, "keepsTokens", admin_tokens_kept(admin_server_tokens(b->server)));
    if (body) {
        json_object_set_new(body, "admin", admin);
    } else {
        json_decref(admin);
    }
    admin_answer_json(answer, 200, body);
}

static void openapi(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct admin_builtin *b = arg;
    (void)request;
    admin_answer_json(answer, 200, admin_openapi(admin_server_routes(b->server)));
}

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/health",
     .least = ADMIN_ROLE_NONE,
     .handler = health,
     .summary = "Does the agent run"},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/ready",
     .least = ADMIN_ROLE_NONE,
     .handler = ready,
     .summary = "Is there a snapshot that programs can evaluate from (else 503)"},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/whoami",
     .least = ADMIN_ROLE_NONE,
     .handler = whoami,
     .summary = "Who asks, and what role that is"},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/status",
     .least = ADMIN_ROLE_VIEWER,
     .handler = status,
     .summary = "How the agent fares"},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/openapi.json",
     .least = ADMIN_ROLE_NONE,
     .handler = openapi,
     .summary = "This description"},
};

int admin_builtin_add(struct admin_builtin *b)
{
    if (admin_server_add(b->server, routes, sizeof routes / sizeof *routes, b) != 0) {
        return -1;
    }
    return admin_token_routes_add(b->server);
}
