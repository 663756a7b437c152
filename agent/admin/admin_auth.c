#include "admin_auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool admin_actor_may(const struct admin_actor *actor, const char *key, const char *const *tags,
                     size_t tag_count)
{
    return !actor->limits || admin_token_limits_allow(actor->limits, key, tags, tag_count);
}

static void be_nobody(struct admin_actor *actor)
{
    *actor = (struct admin_actor){.name = "nobody", .authenticated = "nobody"};
}

static void be_peer(const struct admin_auth *a, const struct admin_peer *peer,
                    struct admin_actor *actor)
{
    const char *name;
    actor->role = admin_peer_role(peer, a->rules, a->rule_count, &name);
    actor->how = ADMIN_BY_PEER;
    if (name || peer->uid == 0) {
        snprintf(actor->name, sizeof actor->name, "%s", name ? name : "root");
    } else {
        snprintf(actor->name, sizeof actor->name, "uid %u", (unsigned)peer->uid);
    }
    snprintf(actor->authenticated, sizeof actor->authenticated, "unix uid %u pid %d",
             (unsigned)peer->uid, (int)peer->pid);
}

static void be_token(const struct admin_token *token, struct admin_actor *actor)
{
    snprintf(actor->name, sizeof actor->name, "%s", token->name);
    snprintf(actor->authenticated, sizeof actor->authenticated, "token %s", token->id);
    memcpy(actor->token_id, token->id, sizeof actor->token_id);
}

static int refuse(enum admin_token_verdict verdict, struct admin_error *error)
{
    static const char again[] = "ask an admin for a token";
    switch (verdict) {
    case ADMIN_TOKEN_EXPIRED:
        return admin_error_set(error, 401, "token_expired", "Authorization", again,
                               "the token has expired");
    case ADMIN_TOKEN_REVOKED:
        return admin_error_set(error, 401, "token_revoked", "Authorization", again,
                               "the token was revoked");
    case ADMIN_TOKEN_MALFORMED:
        return admin_error_set(error, 401, "token_malformed", "Authorization",
                               "send: Authorization: Bearer ffs_...", "this is not a token");
    default:
        return admin_error_set(error, 401, "token_unknown", "Authorization", again,
                               "no such token");
    }
}

int admin_auth_identify(struct admin_auth *a, const struct admin_peer *peer,
                        const char *authorization, int64_t now_ms, int64_t monotonic_ms,
                        struct admin_actor *actor, int64_t *wait_ms, struct admin_error *error)
{
    be_nobody(actor);
    if (!authorization) {
        if (peer->local) {
            be_peer(a, peer, actor);
        }
        return 0;
    }
    const struct admin_token *token = NULL;
    enum admin_token_verdict verdict = ADMIN_TOKEN_MALFORMED;
    if (strncasecmp(authorization, "Bearer ", 7) == 0) {
        verdict = admin_tokens_check(a->tokens, authorization + 7 + strspn(authorization + 7, " "),
                                     now_ms, &token);
    }
    if (token) {
        be_token(token, actor);
    }
    if (verdict != ADMIN_TOKEN_GOOD || !token) {
        *wait_ms = admin_delay_failed(&a->delays, peer->source, monotonic_ms);
        return refuse(verdict, error);
    }
    actor->how = ADMIN_BY_TOKEN;
    actor->role = token->role;
    actor->limits = token->limits;
    admin_tokens_used(a->tokens, token->id, now_ms);
    return 0;
}

int admin_auth_allow(const struct admin_actor *actor, const struct admin_route *route,
                     struct admin_error *error)
{
    if (actor->role >= route->least) {
        return 0;
    }
    const char *needed = admin_role_name(route->least);
    if (actor->how == ADMIN_BY_NOBODY) {
        return admin_error_set(error, 401, "unauthenticated", "Authorization",
                               "send: Authorization: Bearer ffs_..., or use the unix socket",
                               "the role %s is needed, and nobody in particular asks", needed);
    }
    return admin_error_set(error, 403, "forbidden", NULL,
                           "ask somebody who has it, or an admin for a token",
                           "the role %s is needed, and %.90s has the role %s", needed, actor->name,
                           admin_role_name(actor->role));
}
