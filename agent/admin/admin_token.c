#include "admin_token.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "../catalog/document.h"
#include "../log.h"
#include "sha256.h"

#define ID_BYTES 6
#define SECRET_BYTES 32u
#define SECRET_TEXT 64u /* two digits a byte */
#define PREFIX "ffs_"

struct admin_tokens {
    struct admin_token *all; /* ADMIN_TOKENS_MOST of them: they stay where they are */
    size_t count;
    bool kept;
    struct admin_token_store store;
    json_t *retired; /* limits of tokens that are gone */
};

/* ---- secrets -------------------------------------------------------------------------------- */

static void to_hex(const uint8_t *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

static int random_bytes(uint8_t *bytes, size_t count)
{
    ssize_t got;
    do {
        got = getrandom(bytes, count, 0);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)count ? 0 : -1;
}

static void hash_secret(const char *secret, uint8_t hash[ADMIN_TOKEN_HASH])
{
    struct sha256 h;
    sha256_begin(&h);
    sha256_add(&h, secret, SECRET_TEXT);
    sha256_end(&h, hash);
}

/* Looks at every byte, whatever the first ones are. */
static bool same_hash(const uint8_t a[ADMIN_TOKEN_HASH], const uint8_t b[ADMIN_TOKEN_HASH])
{
    volatile uint8_t different = 0;
    for (size_t i = 0; i < ADMIN_TOKEN_HASH; i++) {
        different |= a[i] ^ b[i];
    }
    return different == 0;
}

/* A new id and secret: into the token, and the whole text. */
static int make_secret(struct admin_token *token, char text[ADMIN_TOKEN_TEXT])
{
    uint8_t id[ID_BYTES];
    uint8_t secret[SECRET_BYTES];
    if (random_bytes(id, sizeof id) != 0 || random_bytes(secret, sizeof secret) != 0) {
        return -1;
    }
    to_hex(id, sizeof id, token->id);
    memcpy(text, PREFIX, sizeof PREFIX - 1);
    memcpy(text + sizeof PREFIX - 1, token->id, ADMIN_TOKEN_ID - 1);
    char *at = text + sizeof PREFIX - 1 + ADMIN_TOKEN_ID - 1;
    *at++ = '_';
    to_hex(secret, sizeof secret, at);
    hash_secret(at, token->hash);
    sha256_wipe(secret, sizeof secret);
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------ */

static int take(struct admin_tokens *t, const struct admin_token *token)
{
    if (t->count == ADMIN_TOKENS_MOST) {
        return -1;
    }
    t->all[t->count] = *token;
    json_incref(t->all[t->count++].limits);
    return 0;
}

static int on_loaded(void *arg, const struct admin_token *token)
{
    (void)take(arg, token); /* more than there can be are not made */
    return 0;
}

struct admin_tokens *admin_tokens_new(const struct admin_token_store *store, struct fault *fault)
{
    struct admin_tokens *t = calloc(1, sizeof *t);
    struct admin_token *all = calloc(ADMIN_TOKENS_MOST, sizeof *all);
    if (!t || !all) {
        free(t);
        free(all);
        fault_set(fault, "", NULL, "out of memory");
        return NULL;
    }
    t->all = all;
    t->retired = json_array();
    if (store) {
        t->store = *store;
        t->kept = true;
        if (store->load(store->arg, on_loaded, t, fault) != 0) {
            admin_tokens_free(t);
            return NULL;
        }
    }
    return t;
}

static void drop_all(struct admin_token *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(all[i].limits);
    }
    free(all);
}

/* Actors borrow limits: those of a token never change, and the object stays the same one. */
static void keep_limits(struct admin_tokens *t, struct admin_tokens *loaded)
{
    for (size_t i = 0; i < t->count; i++) {
        struct admin_token *old = &t->all[i];
        size_t at = 0;
        while (at < loaded->count && strcmp(old->id, loaded->all[at].id) != 0) {
            at++;
        }
        if (at < loaded->count) {
            json_t *const fresh = loaded->all[at].limits;
            loaded->all[at].limits = old->limits;
            old->limits = fresh;
        } else if (old->limits) { /* of one that is gone: somebody may look at them still */
            json_array_append(t->retired, old->limits);
        }
    }
}

int admin_tokens_reload(struct admin_tokens *t, struct fault *fault)
{
    struct admin_tokens loaded = {.all = calloc(ADMIN_TOKENS_MOST, sizeof *loaded.all)};
    if (!loaded.all) {
        fault_set(fault, "", NULL, "out of memory");
        return -1;
    }
    if (t->kept && t->store.load(t->store.arg, on_loaded, &loaded, fault) != 0) {
        drop_all(loaded.all, loaded.count);
        return -1;
    }
    keep_limits(t, &loaded);
    drop_all(t->all, t->count);
    t->all = loaded.all;
    t->count = loaded.count;
    return 0;
}

void admin_tokens_free(struct admin_tokens *t)
{
    if (t) {
        drop_all(t->all, t->count);
        json_decref(t->retired);
        free(t);
    }
}

bool admin_tokens_kept(const struct admin_tokens *t)
{
    return t->kept;
}

size_t admin_tokens_count(const struct admin_tokens *t)
{
    return t->count;
}

const struct admin_token *admin_tokens_at(const struct admin_tokens *t, size_t at)
{
    return &t->all[at];
}

static struct admin_token *find(const struct admin_tokens *t, const char *id, size_t length)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strlen(t->all[i].id) == length && memcmp(t->all[i].id, id, length) == 0) {
            return &t->all[i];
        }
    }
    return NULL;
}

const struct admin_token *admin_tokens_find(const struct admin_tokens *t, const char *id)
{
    return find(t, id, strlen(id));
}

/* ---- checking ------------------------------------------------------------------------------- */

static bool is_well_formed(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    const char *id = text + sizeof PREFIX - 1;
    return strlen(text) == ADMIN_TOKEN_TEXT - 1 && strncmp(text, PREFIX, sizeof PREFIX - 1) == 0 &&
           strspn(id, digits) == ADMIN_TOKEN_ID - 1 && id[ADMIN_TOKEN_ID - 1] == '_' &&
           strspn(id + ADMIN_TOKEN_ID, digits) == SECRET_TEXT;
}

enum admin_token_verdict admin_tokens_check(const struct admin_tokens *t, const char *text,
                                            int64_t now_ms, const struct admin_token **token)
{
    static const uint8_t nobody[ADMIN_TOKEN_HASH];
    *token = NULL;
    if (!is_well_formed(text)) {
        return ADMIN_TOKEN_MALFORMED;
    }
    const char *id = text + sizeof PREFIX - 1;
    const struct admin_token *found = find(t, id, ADMIN_TOKEN_ID - 1);
    uint8_t hash[ADMIN_TOKEN_HASH];
    hash_secret(id + ADMIN_TOKEN_ID, hash);
    const bool same = same_hash(hash, found ? found->hash : nobody);
    if (!found || !same) {
        return ADMIN_TOKEN_UNKNOWN;
    }
    *token = found;
    if (found->revoked_ms) {
        return ADMIN_TOKEN_REVOKED;
    }
    return found->expires_ms && now_ms >= found->expires_ms ? ADMIN_TOKEN_EXPIRED
                                                            : ADMIN_TOKEN_GOOD;
}

void admin_tokens_used(struct admin_tokens *t, const char *id, int64_t now_ms)
{
    struct admin_token *token = find(t, id, strlen(id));
    struct fault fault = {0};
    /* A clock that went back counts as a new minute, too. */
    if (!token || (token->last_used_ms && now_ms >= token->last_used_ms &&
                   now_ms - token->last_used_ms < ADMIN_TOKEN_USED_EVERY_MS)) {
        return;
    }
    token->last_used_ms = now_ms;
    if (t->store.used(t->store.arg, id, now_ms, &fault) != 0) {
        log_fault(LOG_LEVEL_WARNING, "token-use-not-kept", &fault);
    }
}

/* ---- changing ------------------------------------------------------------------------------- */

static int no_store(struct admin_error *error)
{
    return admin_error_set(error, 503, "no_storage", NULL,
                           "give the agent a state file (setting state)",
                           "there is nothing to keep tokens in");
}

static int prepare(const struct admin_tokens *t, struct admin_token *token,
                   char text[ADMIN_TOKEN_TEXT], struct admin_error *error)
{
    if (!t->kept) {
        return no_store(error);
    }
    if (t->count == ADMIN_TOKENS_MOST) {
        return admin_error_set(error, 507, "too_many_tokens", NULL, NULL,
                               "there are %u tokens, as many as there can be", ADMIN_TOKENS_MOST);
    }
    do {
        if (make_secret(token, text) != 0) {
            return admin_error_set(error, 503, "no_random", NULL, "try again",
                                   "the system gives no random bytes");
        }
    } while (find(t, token->id, ADMIN_TOKEN_ID - 1));
    return 0;
}

int admin_tokens_create(struct admin_tokens *t, const struct admin_token *wanted,
                        struct admin_change *change, char text[ADMIN_TOKEN_TEXT],
                        const struct admin_token **token, struct admin_error *error)
{
    struct admin_token made = *wanted;
    struct fault fault = {0};
    if (prepare(t, &made, text, error) != 0) {
        return -1;
    }
    made.created_ms = change->time_ms;
    snprintf(made.created_by, sizeof made.created_by, "%s", change->actor);
    change->target = made.id;
    if (t->store.add(t->store.arg, &made, change, &fault) != 0) {
        return admin_error_not_stored(error, &fault);
    }
    (void)take(t, &made); /* there is room */
    *token = &t->all[t->count - 1];
    change->target = (*token)->id;
    return 0;
}

/* Of a token that can still be changed; NULL with *error. */
static struct admin_token *changeable(const struct admin_tokens *t, const char *id,
                                      struct admin_error *error)
{
    struct admin_token *token = find(t, id, strlen(id));
    if (!t->kept) {
        no_store(error);
    } else if (!token) {
        admin_error_set(error, 404, "not_found", "id", "GET " ADMIN_ROOT "/tokens lists them",
                        "there is no token \"%.32s\"", id);
    } else if (token->revoked_ms) {
        admin_error_set(error, 409, "conflict", "id", NULL, "token %s is revoked", token->id);
    } else {
        return token;
    }
    return NULL;
}

int admin_tokens_rotate(struct admin_tokens *t, const char *id, int64_t overlap_ms,
                        struct admin_change *change, char text[ADMIN_TOKEN_TEXT],
                        const struct admin_token **token, struct admin_error *error)
{
    struct admin_token *old = changeable(t, id, error);
    struct fault fault = {0};
    const int64_t now = change->time_ms;
    if (!old) {
        return -1;
    }
    if (old->successor[0]) {
        return admin_error_set(error, 409, "conflict", "id", "rotate that one",
                               "token %s was rotated to %s already", old->id, old->successor);
    }
    struct admin_token next = *old;
    if (prepare(t, &next, text, error) != 0) {
        return -1;
    }
    const int64_t lifetime = old->expires_ms ? old->expires_ms - old->created_ms : 0;
    next.created_ms = now;
    next.expires_ms = lifetime > 0 ? now + lifetime : 0;
    next.last_used_ms = 0;
    snprintf(next.created_by, sizeof next.created_by, "%s", change->actor);
    int64_t until = now + overlap_ms;
    until = old->expires_ms && old->expires_ms < until ? old->expires_ms : until;
    change->target = old->id;
    if (t->store.rotate(t->store.arg, old->id, &next, until, change, &fault) != 0) {
        return admin_error_not_stored(error, &fault);
    }
    (void)take(t, &next);
    old->expires_ms = until;
    memcpy(old->successor, next.id, sizeof old->successor);
    *token = &t->all[t->count - 1];
    return 0;
}

int admin_tokens_revoke(struct admin_tokens *t, const char *id, struct admin_change *change,
                        const struct admin_token **token, struct admin_error *error)
{
    struct admin_token *found = changeable(t, id, error);
    struct fault fault = {0};
    if (!found) {
        return -1;
    }
    change->target = found->id;
    if (t->store.revoke(t->store.arg, found->id, change->time_ms, change, &fault) != 0) {
        return admin_error_not_stored(error, &fault);
    }
    found->revoked_ms = change->time_ms;
    *token = found;
    return 0;
}

/* ---- limits --------------------------------------------------------------------------------- */

#define LIMITS_MOST 64u
#define LIMIT_LONGEST 256u

static int check_list(const char *name, const json_t *list, struct fault *fault)
{
    char member[64];
    snprintf(member, sizeof member, "limits.%s", name);
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > LIMITS_MOST) {
        fault_set(fault, member, "leave it out for no limit", "must be a list of 1 to %u strings",
                  LIMITS_MOST);
        return -1;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        const size_t length = json_string_length(text); /* 0: no string */
        if (length == 0 || length > LIMIT_LONGEST || strlen(json_string_value(text)) < length) {
            snprintf(member, sizeof member, "limits.%s[%zu]", name, i);
            fault_set(fault, member, NULL, "must be a string of 1 to %u bytes, none of them NUL",
                      LIMIT_LONGEST);
            return -1;
        }
    }
    return 0;
}

int admin_token_limits_check(const json_t *limits, struct fault *fault)
{
    if (!json_is_object(limits)) {
        fault_set(fault, "limits", NULL, "must be an object, not %s", document_type_name(limits));
        return -1;
    }
    json_t *object = (json_t *)(uintptr_t)limits; /* iterating does not change it */
    const char *name;
    json_t *list;
    json_object_foreach(object, name, list)
    {
        if (strcmp(name, "tags") != 0 && strcmp(name, "prefixes") != 0) {
            char member[96];
            snprintf(member, sizeof member, "limits.%.80s", name);
            fault_set(fault, member, "limits are tags and prefixes", "unknown member");
            return -1;
        }
        if (check_list(name, list, fault) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool begins_with_one(const json_t *prefixes, const char *key)
{
    for (size_t i = 0; i < json_array_size(prefixes); i++) {
        const json_t *prefix = json_array_get(prefixes, i);
        if (strncmp(key, json_string_value(prefix), json_string_length(prefix)) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_one(const json_t *wanted, const char *const *tags, size_t count)
{
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        for (size_t k = 0; k < count; k++) {
            if (strcmp(json_string_value(json_array_get(wanted, i)), tags[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

bool admin_token_limits_allow(const json_t *limits, const char *key, const char *const *tags,
                              size_t tag_count)
{
    const json_t *prefixes = json_object_get(limits, "prefixes");
    const json_t *wanted = json_object_get(limits, "tags");
    return (!prefixes || begins_with_one(prefixes, key)) &&
           (!wanted || has_one(wanted, tags, tag_count));
}
