/* Tokens over the API: made, rotated, revoked, listed; the secret is in one answer only. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin_answer.h"
#include "admin_builtin.h"
#include "admin_request.h"
#include "admin_server_state.h"

#define DAY_S INT64_C(86400)
#define LIFETIME_MOST_S (3660 * DAY_S)
#define OVERLAP_MOST_S (30 * DAY_S)
#define OVERLAP_S DAY_S

/* null: never. */
static json_t *time_or_null(int64_t ms)
{
    return ms ? json_integer(ms) : json_null();
}

static const char *state_of(const struct admin_token *t, int64_t now_ms)
{
    return t->revoked_ms                              ? "revoked"
           : t->expires_ms && now_ms >= t->expires_ms ? "expired"
           : t->successor[0]                          ? "rotated"
                                                      : "active";
}

static json_t *describe(const struct admin_token *t)
{
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o}", "id", t->id, "name", t->name, "role",
                  admin_role_name(t->role), "state", state_of(t, admin_wall_ms()), "createdMs",
                  (json_int_t)t->created_ms, "createdBy", t->created_by, "expiresMs",
                  time_or_null(t->expires_ms), "lastUsedMs", time_or_null(t->last_used_ms));
    if (body && t->revoked_ms) {
        json_object_set_new(body, "revokedMs", json_integer(t->revoked_ms));
    }
    if (body && t->successor[0]) {
        json_object_set_new(body, "successor", json_string(t->successor));
    }
    if (body && t->limits) {
        json_object_set(body, "limits", t->limits);
    }
    return body;
}

/* Of what changes of a token; not of its last use. */
static void etag_of(const struct admin_token *t, char etag[ADMIN_ETAG_MOST])
{
    snprintf(etag, ADMIN_ETAG_MOST, "%" PRIx64 "-%" PRIx64 "%s%s", (uint64_t)t->expires_ms,
             (uint64_t)t->revoked_ms, t->successor[0] ? "-" : "", t->successor);
}

static int check_match(const struct admin_request *r, const struct admin_token *t,
                       struct admin_error *error)
{
    char etag[ADMIN_ETAG_MOST];
    etag_of(t, etag);
    return admin_request_check_match(r, etag, error);
}

static void answer_one(struct admin_answer *answer, const struct admin_token *t)
{
    char etag[ADMIN_ETAG_MOST];
    etag_of(t, etag);
    admin_answer_etag(answer, etag);
    admin_answer_json(answer, 200, describe(t));
}

static void list(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct admin_tokens *tokens = admin_server_tokens(arg);
    json_t *items = json_array();
    (void)request;
    for (size_t i = 0; i < admin_tokens_count(tokens); i++) {
        json_array_append_new(items, describe(admin_tokens_at(tokens, i)));
    }
    admin_answer_json(answer, 200, json_pack("{s:o}", "items", items));
}

/* A number of seconds among the body's members; *seconds stays when it is not there. */
static int seconds_of(const struct admin_request *r, const char *name, int64_t least, int64_t most,
                      int64_t *seconds, struct admin_error *error)
{
    const json_t *value = json_object_get(r->json, name);
    if (!value || json_is_null(value)) {
        return 0;
    }
    *seconds = json_is_integer(value) ? json_integer_value(value) : least - 1;
    if (*seconds < least || *seconds > most) {
        admin_error_set(error, 422, "invalid", name, NULL,
                        "must be a whole number of seconds from %" PRId64 " to %" PRId64, least,
                        most);
        admin_request_locate(r, &error->fault);
        return -1;
    }
    return 0;
}

/* It is who did what, in logs and on terminals. */
static int check_name(const struct admin_request *r, const char *name, struct admin_error *error)
{
    bool blank = true;
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            admin_error_set(error, 422, "invalid", "name", NULL,
                            "has a control character (byte 0x%02x)", (unsigned)(unsigned char)*c);
            admin_request_locate(r, &error->fault);
            return -1;
        }
        blank = blank && *c == ' ';
    }
    if (blank) {
        admin_error_set(error, 422, "invalid", "name", "name who uses it, or what for", "is blank");
        admin_request_locate(r, &error->fault);
        return -1;
    }
    return 0;
}

/* What is wanted, out of the body. */
static int read_wanted(const struct admin_request *r, struct admin_token *wanted,
                       struct admin_error *error)
{
    static const char *const members[] = {"name", "role", "expiresInSeconds", "limits", NULL};
    struct fault fault = {0};
    int64_t seconds = 0;
    if (admin_request_members(r, members, error) != 0) {
        return -1;
    }
    const char *name = admin_request_string(r, "name", ADMIN_TOKEN_NAME - 1, true, error);
    const bool named = name && check_name(r, name, error) == 0;
    const char *role = named ? admin_request_string(r, "role", 16, true, error) : NULL;
    if (!role || seconds_of(r, "expiresInSeconds", 1, LIFETIME_MOST_S, &seconds, error) != 0) {
        return -1;
    }
    snprintf(wanted->name, sizeof wanted->name, "%s", name);
    if (admin_role_parse(role, &wanted->role) != 0 || wanted->role == ADMIN_ROLE_NONE) {
        admin_error_set(error, 422, "invalid", "role", NULL,
                        "must be viewer, editor or admin, not \"%s\"", role);
        admin_request_locate(r, &error->fault);
        return -1;
    }
    wanted->expires_ms = seconds ? admin_wall_ms() + seconds * 1000 : 0;
    wanted->limits = json_object_get(r->json, "limits");
    if (wanted->limits && admin_token_limits_check(wanted->limits, &fault) != 0) {
        *error = (struct admin_error){422, "invalid", fault};
        admin_request_locate(r, &error->fault);
        return -1;
    }
    return 0;
}

/* With the whole token, which is nowhere else. */
static void answer_token(struct admin_answer *answer, unsigned status,
                         const struct admin_token *token, char text[ADMIN_TOKEN_TEXT])
{
    json_t *body = describe(token);
    if (body) {
        json_object_set_new(body, "token", json_string(text));
    }
    explicit_bzero(text, ADMIN_TOKEN_TEXT);
    admin_answer_json(answer, status, body);
}

static void create(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    struct admin_token wanted = {0};
    struct admin_change change = admin_request_change(request, "token.create");
    const struct admin_token *token;
    struct admin_error error = {0};
    char text[ADMIN_TOKEN_TEXT];
    /* Else it could make itself one without limits. So, too, below. */
    if (!admin_answer_unlimited(answer, request)) {
        return;
    }
    if (read_wanted(request, &wanted, &error) != 0 ||
        admin_request_check_match(request, NULL, &error) != 0 ||
        (!request->dry_run && admin_tokens_create(admin_server_tokens(arg), &wanted, &change, text,
                                                  &token, &error) != 0)) {
        admin_answer_error(answer, &error);
    } else if (request->dry_run) {
        admin_answer_json(answer, 200,
                          json_pack("{s:b, s:s, s:s}", "dryRun", 1, "name", wanted.name, "role",
                                    admin_role_name(wanted.role)));
    } else {
        answer_token(answer, 201, token, text);
    }
}

/* The token of {id}; NULL: answered. */
static const struct admin_token *token_of(struct admin_server *server,
                                          const struct admin_request *request,
                                          struct admin_answer *answer)
{
    const char *id = admin_request_value(request, "id");
    const struct admin_token *token = admin_tokens_find(admin_server_tokens(server), id);
    if (!token) {
        struct admin_error error;
        admin_error_set(&error, 404, "not_found", "id", "GET " ADMIN_ROOT "/tokens lists them",
                        "there is no token \"%.32s\"", id);
        admin_answer_error(answer, &error);
    }
    return token;
}

static void get(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    const struct admin_token *token = token_of(arg, request, answer);
    if (token) {
        answer_one(answer, token);
    }
}

static void rotate(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {"overlapSeconds", NULL};
    struct admin_change change = admin_request_change(request, "token.rotate");
    const struct admin_token *token = token_of(arg, request, answer);
    struct admin_error error = {0};
    char text[ADMIN_TOKEN_TEXT];
    int64_t overlap = OVERLAP_S;
    if (!token || !admin_answer_unlimited(answer, request)) {
        return;
    }
    if (admin_request_members(request, members, &error) != 0 ||
        seconds_of(request, "overlapSeconds", 0, OVERLAP_MOST_S, &overlap, &error) != 0 ||
        check_match(request, token, &error) != 0 ||
        (!request->dry_run &&
         admin_tokens_rotate(admin_server_tokens(arg), token->id, overlap * 1000, &change, text,
                             &token, &error) != 0)) {
        admin_answer_error(answer, &error);
    } else if (request->dry_run) {
        admin_answer_json(answer, 200, json_pack("{s:b, s:s}", "dryRun", 1, "id", token->id));
    } else {
        answer_token(answer, 201, token, text);
    }
}

static void revoke(void *arg, struct admin_request *request, struct admin_answer *answer)
{
    static const char *const members[] = {NULL};
    struct admin_change change = admin_request_change(request, "token.revoke");
    const struct admin_token *token = token_of(arg, request, answer);
    struct admin_error error = {0};
    if (!token || !admin_answer_unlimited(answer, request)) {
        return;
    }
    if (admin_request_members(request, members, &error) != 0 ||
        check_match(request, token, &error) != 0 ||
        (!request->dry_run &&
         admin_tokens_revoke(admin_server_tokens(arg), token->id, &change, &token, &error) != 0)) {
        admin_answer_error(answer, &error);
    } else if (request->dry_run) {
        admin_answer_json(answer, 200, json_pack("{s:b, s:s}", "dryRun", 1, "id", token->id));
    } else {
        answer_one(answer, token);
    }
}

static const struct admin_route routes[] = {
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/tokens",
     .least = ADMIN_ROLE_ADMIN,
     .handler = list,
     .summary = "All tokens, without their secrets"},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/tokens",
     .least = ADMIN_ROLE_ADMIN,
     .handler = create,
     .summary =
         "Make a token: name, role, expiresInSeconds, limits {tags, prefixes}; it is shown once",
     .body = ADMIN_BODY_REQUIRED,
     .body_most = 64u << 10,
     .changes = true,
     .creates = true},
    {.method = ADMIN_GET,
     .pattern = ADMIN_ROOT "/tokens/{id}",
     .least = ADMIN_ROLE_ADMIN,
     .handler = get,
     .summary = "One token"},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/tokens/{id}/rotate",
     .least = ADMIN_ROLE_ADMIN,
     .handler = rotate,
     .summary = "A new token in place of this one, which goes on for overlapSeconds (a day)",
     .body = ADMIN_BODY_OPTIONAL,
     .body_most = 64u << 10,
     .changes = true,
     .creates = true},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/tokens/{id}/revoke",
     .least = ADMIN_ROLE_ADMIN,
     .handler = revoke,
     .summary = "End a token at once",
     .body = ADMIN_BODY_OPTIONAL,
     .body_most = 64u << 10,
     .changes = true},
};

int admin_token_routes_add(struct admin_server *server)
{
    return admin_server_add(server, routes, sizeof routes / sizeof *routes, server);
}
