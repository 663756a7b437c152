/*
 * admin_token.h - bearer tokens, "ffs_<id>_<secret>": who may what by a secret.
 *
 * A secret is 256 random bits, shown once; only its SHA-256 is kept. The table is in memory; what
 * changes in it is first kept by a store (storage, with its audit entry in one transaction), and
 * when that fails nothing has changed.
 */
#ifndef FFSHM_AGENT_ADMIN_TOKEN_H
#define FFSHM_AGENT_ADMIN_TOKEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin_route.h"

#define ADMIN_TOKEN_ID 13   /* 12 hexadecimal digits and a NUL */
#define ADMIN_TOKEN_TEXT 82 /* the whole token and a NUL */
#define ADMIN_TOKEN_NAME 65 /* with its NUL */
#define ADMIN_TOKEN_HASH 32
#define ADMIN_TOKENS_MOST 1000u
#define ADMIN_ACTOR 96 /* what an actor is called, with its NUL */
/* Last use is kept at most so often: a write each. */
#define ADMIN_TOKEN_USED_EVERY_MS 60000

struct admin_token {
    char id[ADMIN_TOKEN_ID];
    char name[ADMIN_TOKEN_NAME]; /* for people */
    enum admin_role role;
    uint8_t hash[ADMIN_TOKEN_HASH]; /* SHA-256 of the secret's text */
    json_t *limits; /* {"tags": [...], "prefixes": [...]}; NULL: none; a reference of the token */
    int64_t created_ms; /* times of the wall clock; 0: never */
    char created_by[ADMIN_ACTOR];
    int64_t expires_ms;
    int64_t last_used_ms;
    int64_t revoked_ms;
    char successor[ADMIN_TOKEN_ID]; /* what it was rotated to; "": nothing */
};

/* Who changes something, for the audit entry of the change. */
struct admin_change {
    const char *action; /* "token.create" */
    const char *target; /* the token's id, the flag's key */
    const char *actor;
    const char *authenticated; /* how: "unix", "token 0123456789ab" */
    const char *reason;        /* NULL: none */
    int64_t time_ms;
};

/* Keeps tokens. All return 0, or -1 with *fault and nothing changed. */
struct admin_token_store {
    void *arg;
    /* Every token, to each(): what it returns other than 0 stops. */
    int (*load)(void *arg, int (*each)(void *each_arg, const struct admin_token *token),
                void *each_arg, struct fault *fault);
    int (*add)(void *arg, const struct admin_token *token, const struct admin_change *change,
               struct fault *fault);
    int (*rotate)(void *arg, const char *id, const struct admin_token *next, int64_t until_ms,
                  const struct admin_change *change, struct fault *fault);
    int (*revoke)(void *arg, const char *id, int64_t revoked_ms, const struct admin_change *change,
                  struct fault *fault);
    int (*used)(void *arg, const char *id, int64_t used_ms, struct fault *fault);
};

struct admin_tokens;

/* store (copied) NULL: there is nothing to keep tokens, so there are none. NULL: no memory, or
 *fault: what the store says. */
struct admin_tokens *admin_tokens_new(const struct admin_token_store *store, struct fault *fault);
/* What the store has now: it was changed by others. -1 with *fault: they are as they were. */
int admin_tokens_reload(struct admin_tokens *t, struct fault *fault);
void admin_tokens_free(struct admin_tokens *t);
bool admin_tokens_kept(const struct admin_tokens *t); /* is there a store? */

enum admin_token_verdict {
    ADMIN_TOKEN_GOOD,
    ADMIN_TOKEN_MALFORMED,
    ADMIN_TOKEN_UNKNOWN, /* no such id, or another secret: not told apart */
    ADMIN_TOKEN_EXPIRED, /* only told who knows the secret */
    ADMIN_TOKEN_REVOKED,
};
/* Checks "ffs_..."; *token (borrowed until the next change) when it is GOOD, EXPIRED or REVOKED.
   Takes as long for a wrong secret whatever is wrong with it. */
enum admin_token_verdict admin_tokens_check(const struct admin_tokens *t, const char *text,
                                            int64_t now_ms, const struct admin_token **token);
/* Notes a use, at most once in ADMIN_TOKEN_USED_EVERY_MS. What fails is only logged. */
void admin_tokens_used(struct admin_tokens *t, const char *id, int64_t now_ms);

/* Makes one: name, role, limits (a reference is taken), expires_ms of `wanted` count. The whole
   token, for once, is put into text: wipe it. 0, or -1 with *error. *token: borrowed. */
int admin_tokens_create(struct admin_tokens *t, const struct admin_token *wanted,
                        struct admin_change *change, char text[ADMIN_TOKEN_TEXT],
                        const struct admin_token **token, struct admin_error *error);
/* A new one in place of an old one, which goes on for overlap_ms at most. expires_ms 0: as far in
   the future as the old one's was from its making. */
int admin_tokens_rotate(struct admin_tokens *t, const char *id, int64_t overlap_ms,
                        struct admin_change *change, char text[ADMIN_TOKEN_TEXT],
                        const struct admin_token **token, struct admin_error *error);
int admin_tokens_revoke(struct admin_tokens *t, const char *id, struct admin_change *change,
                        const struct admin_token **token, struct admin_error *error);

const struct admin_token *admin_tokens_find(const struct admin_tokens *t, const char *id);
/* In the order of their making. */
size_t admin_tokens_count(const struct admin_tokens *t);
const struct admin_token *admin_tokens_at(const struct admin_tokens *t, size_t at);

/* Is it in order, as limits of a token? -1: *fault has the member. */
int admin_token_limits_check(const json_t *limits, struct fault *fault);
/* May somebody with these limits touch this key with these tags? Both kinds of limits hold at once
   where both are given; a key without tags is beyond every limit to tags. */
bool admin_token_limits_allow(const json_t *limits, const char *key, const char *const *tags,
                              size_t tag_count);

#endif
