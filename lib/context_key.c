/* context_key.c - the fully qualified key of a context, and the secure mode hash, which is made of
 * it.
 */
#include <string.h>

#include "context.h"
#include "hash.h"
#include "json_write.h"
#include "sha256.h"

/* Where the key goes, piece by piece: it has no bound. */
struct sink {
    void (*put)(void *to, const char *bytes, size_t count);
    void *to;
};

static void put(const struct sink *sink, const char *bytes, size_t count)
{
    sink->put(sink->to, bytes, count);
}

/* '%' and ':' would be taken for what joins the parts. */
static void put_escaped(const struct sink *sink, const char *key, size_t length)
{
    const char *const end = key + length;
    while (key < end) {
        const char *plain = key;
        while (plain < end && *plain != '%' && *plain != ':') {
            plain++;
        }
        put(sink, key, (size_t)(plain - key));
        if (plain < end) {
            put(sink, *plain == '%' ? "%25" : "%3A", 3);
            plain++;
        }
        key = plain;
    }
}

static int compare_kinds(const struct ffshm_context *c, unsigned a, unsigned b)
{
    const size_t x = c->kinds[a].kind_length;
    const size_t y = c->kinds[b].kind_length;
    const int order = memcmp(c->kinds[a].kind, c->kinds[b].kind, x < y ? x : y);
    return order != 0 ? order : (x > y) - (x < y);
}

/* The kinds in the order of their bytes. */
static void sort_kinds(const struct ffshm_context *c, unsigned order[FFSHM_CONTEXT_KINDS])
{
    for (unsigned i = 0; i < c->kind_count; i++) {
        unsigned at = i;
        for (; at > 0 && compare_kinds(c, i, order[at - 1]) < 0; at--) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static void put_key(const struct sink *sink, const struct ffshm_context *c)
{
    if (c->kind_count == 1 && c->kinds[0].kind_hash == HASH_KIND_USER) {
        put(sink, c->kinds[0].key, c->kinds[0].key_length);
        return;
    }
    unsigned order[FFSHM_CONTEXT_KINDS];
    sort_kinds(c, order);
    for (unsigned i = 0; i < c->kind_count; i++) {
        const unsigned k = order[i];
        put(sink, ":", i > 0);
        put(sink, c->kinds[k].kind, c->kinds[k].kind_length);
        put(sink, ":", 1);
        put_escaped(sink, c->kinds[k].key, c->kinds[k].key_length);
    }
}

static void to_text(void *to, const char *bytes, size_t count)
{
    json_put(to, bytes, count);
}

size_t ffshm_context_key(const struct ffshm_context *c, char *buffer, size_t capacity)
{
    struct json_text out = {buffer, capacity, 0};
    if (context_valid(c)) {
        put_key(&(const struct sink){to_text, &out}, c);
    }
    return json_end(&out);
}

static void to_hmac(void *to, const char *bytes, size_t count)
{
    hmac_sha256_add(to, bytes, count);
}

int ffshm_secure_mode_hash(const char *sdk_key, const struct ffshm_context *c,
                           char hash[FFSHM_SECURE_MODE_HASH])
{
    static const char hex[] = "0123456789abcdef";
    if (!hash) {
        return FFSHM_INVALID_ARGUMENT;
    }
    hash[0] = '\0';
    if (!sdk_key || !*sdk_key) {
        return FFSHM_INVALID_ARGUMENT;
    }
    if (!context_valid(c)) {
        return FFSHM_INVALID_CONTEXT;
    }
    struct hmac_sha256 m;
    uint8_t digest[SHA256_DIGEST];
    hmac_sha256_begin(&m, sdk_key, strlen(sdk_key));
    put_key(&(const struct sink){to_hmac, &m}, c);
    hmac_sha256_end(&m, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        hash[2 * i] = hex[digest[i] >> 4];
        hash[2 * i + 1] = hex[digest[i] & 15];
    }
    hash[2 * sizeof digest] = '\0';
    return FFSHM_OK;
}
