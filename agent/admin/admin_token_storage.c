#include "admin_token_storage.h"

#include <stdlib.h>
#include <string.h>

#include "audit.h"

/* ---- loading -------------------------------------------------------------------------------- */

struct loading {
    int (*each)(void *arg, const struct admin_token *token);
    void *arg;
};

static void copy(char *to, size_t capacity, const char *from)
{
    const size_t length = from ? strnlen(from, capacity - 1) : 0;
    memcpy(to, from ? from : "", length);
    to[length] = '\0';
}

/* Limits that cannot be read must not become none: the token is left out. */
static int on_row(void *arg, const struct storage_token *row)
{
    const struct loading *l = arg;
    struct admin_token token = {
        .role = row->role >= ADMIN_ROLE_VIEWER && row->role <= ADMIN_ROLE_ADMIN
                    ? (enum admin_role)row->role
                    : ADMIN_ROLE_NONE,
        .created_ms = row->created_ms,
        .expires_ms = row->expires_ms,
        .last_used_ms = row->last_used_ms,
        .revoked_ms = row->revoked_ms,
    };
    copy(token.id, sizeof token.id, row->id);
    copy(token.name, sizeof token.name, row->name);
    copy(token.created_by, sizeof token.created_by, row->created_by);
    copy(token.successor, sizeof token.successor, row->successor);
    memcpy(token.hash, row->secret, sizeof token.hash);
    if (row->limits) {
        struct fault fault = {0};
        token.limits = json_loads(row->limits, 0, NULL);
        if (!token.limits || admin_token_limits_check(token.limits, &fault) != 0) {
            json_decref(token.limits);
            return 0;
        }
    }
    const int result = l->each(l->arg, &token);
    json_decref(token.limits);
    return result;
}

static int load(void *arg, int (*each)(void *each_arg, const struct admin_token *token),
                void *each_arg, struct fault *fault)
{
    struct storage *s = state_file_storage(arg);
    struct loading l = {each, each_arg};
    return s ? storage_token_list(s, NULL, 0, on_row, &l, fault) : 0;
}

/* ---- changing ------------------------------------------------------------------------------- */

/* NULL, or the storage with a transaction. */
static struct storage *begin(struct state_file *file, struct fault *fault)
{
    struct storage *s = state_file_make(file, fault);
    return s && storage_begin_durable(s, fault) == 0 ? s : NULL;
}

/* What is there afterwards, without the secret's hash. */
static char *describe(const struct admin_token *token)
{
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:I}", "id", token->id, "name", token->name, "role",
                  admin_role_name(token->role), "expiresMs", (json_int_t)token->expires_ms);
    if (body && token->limits) {
        json_object_set(body, "limits", token->limits);
    }
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

/* Ends the transaction: with the audit entry, or, when result is not 0, not at all. */
static int finish(struct storage *s, int result, const struct admin_change *change,
                  const char *after, struct fault *fault)
{
    struct storage_audit entry = {
        .time_ms = change->time_ms,
        .actor = change->actor,
        .authenticated = change->authenticated,
        .action = change->action,
        .target = change->target,
        .after = after,
        .reason = change->reason,
    };
    if (result == 0 && audit_append(s, &entry, fault) == 0 && storage_commit(s, fault) == 0) {
        return 0;
    }
    storage_rollback(s);
    if (result == STORAGE_CONFLICT) {
        fault_set(fault, "", "ask again", "the token is not what it was");
    }
    return -1;
}

/* The row of a token; *limits to be freed. -1: no memory. */
static int row_of(const struct admin_token *token, struct storage_token *row, char **limits,
                  struct fault *fault)
{
    *limits = token->limits ? json_dumps(token->limits, JSON_COMPACT) : NULL;
    *row = (struct storage_token){
        .id = token->id,
        .name = token->name,
        .role = (int)token->role,
        .limits = *limits,
        .created_ms = token->created_ms,
        .created_by = token->created_by,
        .expires_ms = token->expires_ms,
    };
    memcpy(row->secret, token->hash, sizeof row->secret);
    if (token->limits && !*limits) {
        fault_set(fault, "", NULL, "out of memory");
        return -1;
    }
    return 0;
}

static int add(void *arg, const struct admin_token *token, const struct admin_change *change,
               struct fault *fault)
{
    struct storage *s = NULL;
    struct storage_token row;
    char *limits;
    char *after = describe(token);
    int result = row_of(token, &row, &limits, fault);
    if (result == 0 && (s = begin(arg, fault)) != NULL) {
        result = finish(s, storage_token_add(s, &row, fault), change, after, fault);
    } else {
        result = -1;
    }
    free(limits);
    free(after);
    return result;
}

static int rotate(void *arg, const char *id, const struct admin_token *next, int64_t until_ms,
                  const struct admin_change *change, struct fault *fault)
{
    struct storage *s = NULL;
    struct storage_token row;
    char *limits;
    char *after = describe(next);
    int result = row_of(next, &row, &limits, fault);
    if (result == 0 && (s = begin(arg, fault)) != NULL) {
        result =
            finish(s, storage_token_rotate(s, id, &row, until_ms, fault), change, after, fault);
    } else {
        result = -1;
    }
    free(limits);
    free(after);
    return result;
}

static int revoke_token(void *arg, const char *id, int64_t revoked_ms,
                        const struct admin_change *change, struct fault *fault)
{
    struct storage *s = begin(arg, fault);
    return s ? finish(s, storage_token_revoke(s, id, revoked_ms, fault), change, NULL, fault) : -1;
}

static int used(void *arg, const char *id, int64_t used_ms, struct fault *fault)
{
    return storage_token_used(state_file_storage(arg), id, used_ms, fault);
}

void admin_token_storage(struct state_file *file, struct admin_token_store *store)
{
    *store = (struct admin_token_store){file, load, add, rotate, revoke_token, used};
}
