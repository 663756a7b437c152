#include "store_write.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES ((size_t)256 << 10)
#define PIECE_ITEMS 500u
#define AHEAD 4u /* pieces that Redis has not queued yet */

struct store_write {
    struct redis_link *link;
    const struct store_keys *keys;
    const struct store_set *set;
    store_write_end_fn *end;
    void *arg;
    size_t next;  /* in the set's order */
    unsigned due; /* answers */
    bool closed;  /* EXEC or DISCARD was sent */
    bool failed;
    bool raced;
    bool silent;
    uint64_t bytes;
    struct fault fault;
    const char **argv; /* of a piece */
    size_t *lengths;
};

static void fail(struct store_write *w, const struct fault *fault)
{
    if (!w->failed) {
        w->failed = true;
        w->fault = *fault;
    }
}

static void fail_by(struct store_write *w, const struct redisReply *reply)
{
    struct fault refusal = {0};
    if (reply->type == REDIS_REPLY_ERROR) {
        redis_link_refusal(w->link, reply, &refusal);
        fail(w, &refusal);
    }
}

/* An error of what is only queued makes the transaction fail, so it is discarded. */
static void note(struct store_write *w, const struct redisReply *reply, const struct fault *fault)
{
    if (reply) {
        fail_by(w, reply);
    } else {
        fail(w, fault);
        w->closed = true; /* with the connection */
    }
}

static void send_more(struct store_write *w);

static void answered(struct store_write *w)
{
    w->due--;
    if (!w->closed) {
        send_more(w);
    }
    if (w->closed && w->due == 0 && !w->silent) {
        w->end(w->arg,
               w->failed  ? STORE_WRITE_FAILED
               : w->raced ? STORE_WRITE_RACED
                          : STORE_WRITE_DONE,
               w->failed ? &w->fault : NULL); /* perhaps the end of it */
    }
}

static void on_queued(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    struct store_write *w = arg;
    note(w, reply, fault);
    answered(w);
}

static void on_executed(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    struct store_write *w = arg;
    note(w, reply, fault);
    if (reply) {
        w->raced = reply->type == REDIS_REPLY_NIL;
        for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
            fail_by(w, reply->element[i]);
        }
    }
    answered(w);
}

static void send_one(struct store_write *w, redis_reply_fn *fn, int argc, const char *const *argv,
                     const size_t *lengths)
{
    if (redis_link_send(w->link, fn, w, argc, argv, lengths) == 0) {
        w->due++;
        return;
    }
    const struct fault *trouble = redis_link_trouble(w->link);
    struct fault fault = {0};
    fault_set(&fault, "", "", "Redis answers too slowly");
    fail(w, trouble ? trouble : &fault);
    w->closed = w->closed || trouble != NULL;
}

#define SEND(w, fn, ...)                                                                           \
    send_one((w), (fn), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *)),       \
             (const char *[]){__VA_ARGS__}, NULL)

/* As many items of one hash as a piece may have. */
static void send_piece(struct store_write *w)
{
    const enum image_blob_kind kind = store_set_at(w->set, w->next)->kind;
    int count = 2;
    size_t bytes = 0;
    w->argv[0] = "HSET";
    w->argv[1] = kind == IMAGE_FLAG ? w->keys->features : w->keys->segments;
    w->lengths[0] = strlen(w->argv[0]);
    w->lengths[1] = strlen(w->argv[1]);
    for (; w->next < w->set->count && bytes < PIECE_BYTES && count < 2 + 2 * (int)PIECE_ITEMS;
         w->next++) {
        const struct store_set_item *item = store_set_at(w->set, w->next);
        if (item->kind != kind) {
            break;
        }
        w->argv[count] = item->key;
        w->lengths[count++] = item->key_length;
        w->argv[count] = item->newer ? item->newer : item->json;
        w->lengths[count] = item->newer ? item->newer_length : item->length;
        bytes += w->lengths[count++];
    }
    w->bytes += bytes;
    send_one(w, on_queued, count, w->argv, w->lengths);
}

static void send_more(struct store_write *w)
{
    while (!w->failed && w->next < w->set->count && w->due < AHEAD) {
        send_piece(w);
    }
    if (w->failed && !w->closed) {
        w->closed = true;
        SEND(w, on_queued, "DISCARD");
    } else if (w->next == w->set->count && !w->closed) {
        w->closed = true;
        SEND(w, on_queued, "SET", w->keys->inited, "");
        SEND(w, on_executed, "EXEC");
    }
}

struct store_write *store_write_new(struct redis_link *link, const struct store_keys *keys,
                                    const struct store_set *set, store_write_end_fn *end, void *arg)
{
    struct store_write *w = calloc(1, sizeof *w);
    if (!w) {
        return NULL;
    }
    *w = (struct store_write){.link = link, .keys = keys, .set = set, .end = end, .arg = arg};
    w->argv = calloc(2 + 2 * (PIECE_ITEMS + 1), sizeof(const char *));
    w->lengths = calloc(2 + 2 * (PIECE_ITEMS + 1), sizeof *w->lengths);
    if (!w->argv || !w->lengths || !redis_link_is_up(link)) {
        store_write_free(w);
        return NULL;
    }
    SEND(w, on_queued, "MULTI");
    SEND(w, on_queued, "DEL", keys->features);
    SEND(w, on_queued, "DEL", keys->segments);
    if (w->due == 0) {
        store_write_free(w);
        return NULL;
    }
    return w;
}

void store_write_free(struct store_write *w)
{
    if (w) {
        free(w->argv);
        free(w->lengths);
        free(w);
    }
}

void store_write_silence(struct store_write *w)
{
    if (w) {
        w->silent = true;
    }
}

uint64_t store_write_bytes(const struct store_write *w)
{
    return w->bytes;
}
