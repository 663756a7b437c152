#include "store_look.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDARD_PREFIX "launchdarkly"
#define PIECE_BYTES (UINT64_C(1) << 20) /* of a hash, about */
#define PIECE_LEAST 10u                 /* items */
#define PIECE_MOST 1000u
#define ITEM_BYTES UINT64_C(2048) /* where Redis does not say */
#define TRIES 3u                  /* in pieces, while others write */
#define EXPECTED 16u              /* answers that are due at a time; a power of two */

typedef void take_fn(struct store_look *l, const struct redisReply *reply);

struct store_look {
    struct redis_link *link;
    struct store_look_owner owner;
    const struct store_keys *keys;
    uint64_t most_bytes;
    uint64_t most_items;
    bool exec_follows;

    take_fn *expected[EXPECTED]; /* what takes each answer that is due */
    unsigned first, due;
    bool busy;
    bool finished;
    bool failed;
    bool silent;
    bool watching; /* what was read last, on this connection */
    bool untold;   /* the server does not say whether what is watched has changed */
    unsigned tries;
    bool section; /* false: features; true: segments */
    uint64_t counts[2];
    uint64_t sizes[2];
    uint64_t seen_bytes;
    struct store_look_result result;
    struct fault fault;
};

/* ---- the keys ------------------------------------------------------------------------------ */

int store_keys_make(struct store_keys *keys, const char *prefix)
{
    const char *p = prefix && *prefix ? prefix : STANDARD_PREFIX;
    *keys = (struct store_keys){0};
    if (asprintf(&keys->features, "%s:features", p) < 0) {
        keys->features = NULL;
    }
    if (asprintf(&keys->segments, "%s:segments", p) < 0) {
        keys->segments = NULL;
    }
    if (asprintf(&keys->inited, "%s:$inited", p) < 0) {
        keys->inited = NULL;
    }
    if (keys->features && keys->segments && keys->inited) {
        return 0;
    }
    store_keys_free(keys);
    return -1;
}

void store_keys_free(struct store_keys *keys)
{
    free(keys->features);
    free(keys->segments);
    free(keys->inited);
    *keys = (struct store_keys){0};
}

/* ---- questions and answers ----------------------------------------------------------------- */

static void fail(struct store_look *l, const struct fault *fault)
{
    if (!l->failed) {
        l->failed = true;
        l->fault = *fault;
    }
}

static void fail_with(struct store_look *l, const char *hint, const char *cause)
{
    struct fault fault = {0};
    fault_set(&fault, "", hint, "%s", cause);
    fail(l, &fault);
}

static void finish(struct store_look *l)
{
    l->busy = false;
    l->watching = l->watching && !l->failed;
    l->result.fault = l->failed ? &l->fault : NULL;
    if (!l->silent) {
        l->owner.done(l->owner.arg, &l->result);
    }
}

static bool is_error(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR;
}

/* Answers that were not expected are for take_* to look at; an error is one that only some do. */
static bool tolerates(take_fn *take);

static void on_reply(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    struct store_look *l = arg;
    take_fn *take = l->expected[l->first];
    l->first = (l->first + 1) % EXPECTED;
    l->due--;
    if (!reply) {
        fail(l, fault);
    } else if (is_error(reply) && !tolerates(take)) {
        struct fault refusal = {0};
        redis_link_refusal(l->link, reply, &refusal);
        fail(l, &refusal);
    } else if (!l->failed) {
        take(l, reply);
    }
    if (l->due == 0 && (l->failed || l->finished)) {
        finish(l); /* perhaps the end of it */
    }
}

static void ask(struct store_look *l, take_fn *take, int argc, const char *const *argv)
{
    if (l->failed) {
        return;
    }
    if (l->due == EXPECTED || redis_link_send(l->link, on_reply, l, argc, argv, NULL) != 0) {
        const struct fault *trouble = redis_link_trouble(l->link);
        if (trouble) {
            fail(l, trouble);
        } else {
            fail_with(l, "", "Redis answers too slowly");
        }
        return;
    }
    l->expected[(l->first + l->due) % EXPECTED] = take;
    l->due++;
}

#define ASK(l, take, ...)                                                                          \
    ask((l), (take), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),          \
        (const char *[]){__VA_ARGS__})

static void take_nothing(struct store_look *l, const struct redisReply *reply)
{
    (void)l, (void)reply;
}

static uint64_t number_of(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer > 0 ? (uint64_t)reply->integer : 0;
}

static const char *hash_of(const struct store_look *l, bool segments)
{
    return segments ? l->keys->segments : l->keys->features;
}

/* ---- what is in it ------------------------------------------------------------------------- */

/* Fields and values of HSCAN or HGETALL. */
static void see_pairs(struct store_look *l, bool segments, const struct redisReply *pairs)
{
    if (pairs->type != REDIS_REPLY_ARRAY) {
        fail_with(l, "", "Redis answers with what is not a list of fields and values");
        return;
    }
    for (size_t i = 0; i + 1 < pairs->elements; i += 2) {
        const struct redisReply *field = pairs->element[i];
        const struct redisReply *value = pairs->element[i + 1];
        if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) {
            continue;
        }
        l->seen_bytes += (uint64_t)field->len + (uint64_t)value->len;
        if (!l->owner.see(l->owner.arg, segments ? IMAGE_SEGMENT : IMAGE_FLAG, field->str,
                          (size_t)field->len, value->str, (size_t)value->len)) {
            fail_with(l, "give the agent more memory", "out of memory");
            return;
        }
    }
    if (l->seen_bytes > l->most_bytes) {
        fail_with(l, "is it the right prefix?", "the store is too large");
    }
}

/* ---- in one MULTI -------------------------------------------------------------------------- */

static void take_exec(struct store_look *l, const struct redisReply *reply)
{
    enum { INITED, FEATURES, SEGMENTS, ALL };
    l->finished = true;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != ALL) {
        fail_with(l, "", "Redis did not carry out what was asked in one MULTI");
        return;
    }
    for (size_t i = 0; i < ALL; i++) {
        if (is_error(reply->element[i])) {
            struct fault refusal = {0};
            redis_link_refusal(l->link, reply->element[i], &refusal);
            fail(l, &refusal);
            return;
        }
    }
    l->result.inited = number_of(reply->element[INITED]) > 0;
    see_pairs(l, false, reply->element[FEATURES]);
    see_pairs(l, true, reply->element[SEGMENTS]);
    l->result.items = (reply->element[FEATURES]->elements + reply->element[SEGMENTS]->elements) / 2;
}

static void read_at_once(struct store_look *l)
{
    l->owner.began(l->owner.arg);
    l->watching = false;
    l->seen_bytes = 0;
    ASK(l, take_nothing, "UNWATCH");
    ASK(l, take_nothing, "MULTI");
    ASK(l, take_nothing, "EXISTS", l->keys->inited);
    ASK(l, take_nothing, "HGETALL", l->keys->features);
    ASK(l, take_nothing, "HGETALL", l->keys->segments);
    ASK(l, take_exec, "EXEC");
}

/* ---- in pieces, watched -------------------------------------------------------------------- */

static void look_anew(struct store_look *l);

/* What CLIENT INFO says: has anything that is watched changed? -1: nothing. */
static int is_dirty(const struct redisReply *reply)
{
    const char *flags = is_error(reply) || !reply->str ? NULL : strstr(reply->str, " flags=");
    if (!flags) {
        return -1;
    }
    flags += strlen(" flags=");
    return memchr(flags, 'd', strcspn(flags, " ")) != NULL;
}

static void take_end(struct store_look *l, const struct redisReply *reply)
{
    const int dirty = is_dirty(reply);
    if (dirty == 0) {
        l->watching = true;
        l->finished = true;
        return;
    }
    l->untold = dirty < 0;
    l->tries++;
    if (l->untold || l->tries >= TRIES) {
        read_at_once(l);
    } else {
        look_anew(l);
    }
}

static void scan(struct store_look *l, const char *cursor);

static void next_hash(struct store_look *l)
{
    while (!l->section && l->counts[l->section] == 0) {
        l->section = true;
    }
    if (l->counts[l->section] > 0) {
        scan(l, "0");
    } else if (l->exec_follows) {
        l->watching = true;
        l->finished = true;
    } else {
        ASK(l, take_end, "CLIENT", "INFO");
    }
}

static void take_piece(struct store_look *l, const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str) {
        fail_with(l, "", "Redis does not answer HSCAN as it should");
        return;
    }
    see_pairs(l, l->section, reply->element[1]);
    if (l->failed) {
        return;
    }
    if (strcmp(reply->element[0]->str, "0") != 0) {
        scan(l, reply->element[0]->str);
        return;
    }
    l->counts[l->section] = 0; /* of what is left */
    next_hash(l);
}

static void scan(struct store_look *l, const char *cursor)
{
    const uint64_t size = l->sizes[l->section] > 0 ? l->sizes[l->section] : ITEM_BYTES;
    const uint64_t most = PIECE_BYTES / size;
    char count[24];
    snprintf(count, sizeof count, "%u",
             most < PIECE_LEAST  ? PIECE_LEAST
             : most > PIECE_MOST ? PIECE_MOST
                                 : (unsigned)most);
    ASK(l, take_piece, "HSCAN", hash_of(l, l->section), cursor, "COUNT", count);
}

static void take_inited(struct store_look *l, const struct redisReply *reply)
{
    l->result.inited = number_of(reply) > 0;
}

static void take_count(struct store_look *l, const struct redisReply *reply)
{
    l->counts[l->section] = number_of(reply);
    l->section = !l->section;
}

static void take_size(struct store_look *l, const struct redisReply *reply)
{
    const uint64_t bytes = number_of(reply);
    const uint64_t count = l->counts[l->section];
    l->sizes[l->section] = count > 0 ? bytes / count : 0;
    l->section = !l->section;
    l->seen_bytes += bytes; /* of what may be read */
}

static void take_bounds(struct store_look *l, const struct redisReply *reply)
{
    char cause[128];
    take_size(l, reply);
    l->result.items = l->counts[0] + l->counts[1];
    if (l->result.items > l->most_items || l->seen_bytes > l->most_bytes) {
        snprintf(cause, sizeof cause, "the store is too large: %llu items, %llu bytes",
                 (unsigned long long)l->result.items, (unsigned long long)l->seen_bytes);
        fail_with(l, "is it the right prefix?", cause);
        return;
    }
    l->seen_bytes = 0;
    l->section = false;
    if (l->untold && !l->exec_follows) {
        read_at_once(l);
    } else {
        next_hash(l);
    }
}

static void look_anew(struct store_look *l)
{
    l->owner.began(l->owner.arg);
    l->watching = false;
    l->section = false;
    l->seen_bytes = 0;
    ASK(l, take_nothing, "UNWATCH");
    ASK(l, take_nothing, "WATCH", l->keys->features, l->keys->segments, l->keys->inited);
    ASK(l, take_inited, "EXISTS", l->keys->inited);
    ASK(l, take_count, "HLEN", l->keys->features);
    ASK(l, take_count, "HLEN", l->keys->segments);
    ASK(l, take_size, "MEMORY", "USAGE", l->keys->features);
    ASK(l, take_bounds, "MEMORY", "USAGE", l->keys->segments);
}

static void take_check(struct store_look *l, const struct redisReply *reply)
{
    const int dirty = is_dirty(reply);
    l->untold = dirty < 0;
    if (dirty == 0) {
        l->result.unchanged = true;
        l->finished = true;
    } else {
        look_anew(l);
    }
}

static bool tolerates(take_fn *take)
{
    return take == take_size || take == take_bounds || take == take_end || take == take_check;
}

/* ---- life ---------------------------------------------------------------------------------- */

struct store_look *store_look_new(const struct store_look_options *options,
                                  const struct store_look_owner *owner)
{
    struct store_look *l = calloc(1, sizeof *l);
    if (l) {
        l->link = options->link;
        l->keys = options->keys;
        l->most_bytes = options->most_bytes;
        l->most_items = options->most_items;
        l->exec_follows = options->exec_follows;
        l->owner = *owner;
    }
    return l;
}

void store_look_free(struct store_look *l)
{
    free(l);
}

void store_look_silence(struct store_look *l)
{
    if (l) {
        l->silent = true;
    }
}

int store_look_start(struct store_look *l, bool whole)
{
    if (l->busy || l->due > 0 || !redis_link_is_up(l->link)) {
        return -1;
    }
    l->failed = l->finished = false;
    l->tries = 0;
    l->result = (struct store_look_result){0};
    l->busy = true;
    if (l->watching && !whole) {
        ASK(l, take_check, "CLIENT", "INFO");
    } else {
        look_anew(l);
    }
    if (l->due == 0) { /* nothing could be asked */
        l->busy = false;
        return -1;
    }
    return 0;
}

bool store_look_busy(const struct store_look *l)
{
    return l->busy;
}

void store_look_unwatched(struct store_look *l)
{
    l->watching = false;
}
