/*
 * What the sink does, and when: with `due` a whole state is to be looked after as soon as the link
 * is up; else single items go as they come. Never both at a time on the connection, because a look
 * watches, and a transaction must have nothing else in it.
 */
#include "redis_store_sink.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../log.h"
#include "../redis/redis_link.h"
#include "../redis/store_look.h"
#include "store_compare.h"
#include "store_set.h"
#include "store_write.h"

#define MOST_BYTES (UINT64_C(512) << 20)
#define MOST_ITEMS UINT64_C(1000000)
#define ANSWER_MS 5000
#define RETRY_FIRST_MS 250
#define RETRY_MOST_MS 30000
#define RACES 10u              /* others write all the time: then after a pause */
#define QUEUE_ITEMS 1024u      /* more changes than that at once are a whole state */
#define QUEUE_BYTES (8u << 20) /* likewise */

/* Compares versions where no other command comes in between. 1: written; 0: what is there is as
   new; 2: written over what could not be read. */
static const char script[] =
    "local stored = redis.call('HGET', KEYS[1], ARGV[1])\n"
    "local good = true\n"
    "if stored then\n"
    "  local item\n"
    "  good, item = pcall(cjson.decode, stored)\n"
    "  good = good and type(item) == 'table'\n"
    "  if good and (tonumber(item.version) or 0) >= tonumber(ARGV[2]) then return 0 end\n"
    "end\n"
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])\n"
    "return good and 1 or 2\n";

struct upsert {
    struct upsert *next;
    struct redis_store_sink *sink;
    enum image_blob_kind kind;
    int64_t version;
    size_t key_length;
    size_t length;
    char bytes[]; /* key, json */
};

struct redis_store_sink {
    struct redis_store_sink_owner owner;
    struct store_keys keys;
    struct redis_link *link;
    struct store_look *look;
    struct store_write *write; /* under way; NULL: not */
    struct event *retry;
    int64_t retry_ms; /* of the last failure; 0: none */
    bool has;         /* a whole state came in this run */
    bool due;         /* it is to be looked after */
    bool current;     /* and LaunchDarkly did not leave since */
    unsigned races;
    struct store_set set; /* while one is looked after */
    struct store_compare compare;
    struct upsert *first; /* single items that were not sent */
    struct upsert **end;
    size_t queued, queued_bytes;
    unsigned under_way; /* that were sent and not answered */
    bool silent;
    struct redis_store_sink_stats stats;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void go_on(struct redis_store_sink *s);

/* ---- what is told -------------------------------------------------------------------------- */

static void tell_trouble(struct redis_store_sink *s, const char *text)
{
    const bool same = strncmp(s->stats.trouble, text, sizeof s->stats.trouble - 1) == 0;
    snprintf(s->stats.trouble, sizeof s->stats.trouble, "%s", text);
    LOG_EVENT(
        same ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "store-not-written", log_text("cause", text),
        log_text("effect", "programs evaluate as ever; the store is written when it is back"));
    if (!same && s->owner.news) {
        s->owner.news(s->owner.arg);
    }
}

static void tell_written(struct redis_store_sink *s)
{
    const bool was_trouble = s->stats.trouble[0] != '\0';
    s->retry_ms = 0;
    s->races = 0;
    s->stats.written_ms = now_ms();
    s->stats.trouble[0] = '\0';
    if (was_trouble) {
        LOG_EVENT(LOG_LEVEL_INFO, "store-written-again", log_text("store", s->keys.features));
        if (s->owner.news) {
            s->owner.news(s->owner.arg);
        }
    }
}

static void retry_later(struct redis_store_sink *s)
{
    s->due = s->has;
    if (event_pending(s->retry, EV_TIMEOUT, NULL)) {
        return; /* many failed at once */
    }
    s->retry_ms = s->retry_ms == 0                  ? RETRY_FIRST_MS
                  : s->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS
                                                    : s->retry_ms * 2;
    const struct timeval wait = {(time_t)(s->retry_ms / 1000),
                                 (suseconds_t)(s->retry_ms % 1000 * 1000)};
    (void)event_add(s->retry, &wait);
}

static void failed(struct redis_store_sink *s, const struct fault *fault)
{
    char text[1024];
    (void)fault_text(fault, text, sizeof text);
    s->stats.failures++;
    tell_trouble(s, text);
    retry_later(s);
}

/* ---- single items -------------------------------------------------------------------------- */

static void drop_queue(struct redis_store_sink *s)
{
    while (s->first) {
        struct upsert *u = s->first;
        s->first = u->next;
        free(u);
    }
    s->end = &s->first;
    s->queued = s->queued_bytes = 0;
}

static void on_upserted(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    struct upsert *u = arg;
    struct redis_store_sink *s = u->sink;
    struct fault refusal = {0};
    s->under_way--;
    if (s->silent) {
        free(u);
        return;
    }
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        if (reply) {
            redis_link_refusal(s->link, reply, &refusal);
        }
        failed(s, reply ? &refusal : fault);
    } else {
        const bool written = reply->integer != 0;
        s->stats.items += written;
        s->stats.not_newer += !written;
        s->stats.bytes += written ? u->length : 0;
        if (reply->integer == 2) {
            LOG_EVENT(LOG_LEVEL_WARNING, "store-item-unreadable",
                      log_text("path", u->kind == IMAGE_FLAG ? s->keys.features : s->keys.segments),
                      log_text("effect", "it was written over"));
        }
        if (!s->due) {
            tell_written(s);
        }
    }
    free(u);
    go_on(s);
}

static int send_upsert(struct redis_store_sink *s, struct upsert *u)
{
    char version[24];
    snprintf(version, sizeof version, "%lld", (long long)u->version);
    const char *hash = u->kind == IMAGE_FLAG ? s->keys.features : s->keys.segments;
    const char *const argv[] = {
        "EVAL", script, "1", hash, u->bytes, version, u->bytes + u->key_length};
    const size_t lengths[] = {
        4, sizeof script - 1, 1, strlen(hash), u->key_length, strlen(version), u->length};
    if (redis_link_send(s->link, on_upserted, u, 7, argv, lengths) != 0) {
        return -1;
    }
    s->under_way++;
    return 0;
}

static void send_queue(struct redis_store_sink *s)
{
    while (s->first) {
        struct upsert *u = s->first;
        if (send_upsert(s, u) != 0) {
            return; /* full: answers make room; down: what comes back is a whole state */
        }
        s->first = u->next;
        s->end = s->first ? s->end : &s->first;
        s->queued--;
        s->queued_bytes -= u->length;
    }
}

void redis_store_sink_item(struct redis_store_sink *s, const struct model_item *item,
                           const char *json, size_t length)
{
    if (!s->has || s->due) {
        return; /* load has it */
    }
    struct upsert *u = malloc(sizeof *u + item->key.length + length);
    if (!u || !redis_link_is_up(s->link) || s->queued >= QUEUE_ITEMS ||
        s->queued_bytes + length > QUEUE_BYTES) {
        free(u);
        drop_queue(s);
        s->due = true;
        go_on(s);
        return;
    }
    *u = (struct upsert){.sink = s,
                         .kind = item->kind,
                         .version = item->version,
                         .key_length = item->key.length,
                         .length = length};
    memcpy(mempcpy(u->bytes, item->key.text, item->key.length), json, length);
    *s->end = u;
    s->end = &u->next;
    s->queued++;
    s->queued_bytes += length;
    go_on(s);
}

/* ---- a whole state ------------------------------------------------------------------------- */

static void end_whole(struct redis_store_sink *s)
{
    store_write_free(s->write);
    s->write = NULL;
    store_set_free(&s->set);
}

static void on_wrote(void *arg, enum store_write_end end, const struct fault *fault)
{
    struct redis_store_sink *s = arg;
    const uint64_t bytes = store_write_bytes(s->write);
    const size_t items = s->set.count;
    store_look_unwatched(s->look);
    switch (end) {
    case STORE_WRITE_DONE:
        s->stats.wholes++;
        s->stats.bytes += bytes;
        LOG_EVENT(LOG_LEVEL_INFO, "store-written", log_text("store", s->keys.features),
                  log_number("items", (int64_t)items), log_number("bytes", (int64_t)bytes));
        tell_written(s);
        break;
    case STORE_WRITE_RACED:
        s->stats.raced++;
        s->due = true;
        if (++s->races >= RACES) {
            s->races = 0;
            retry_later(s);
        }
        break;
    case STORE_WRITE_FAILED:
        failed(s, fault);
        break;
    }
    end_whole(s);
    go_on(s);
}

static void on_began(void *arg)
{
    struct redis_store_sink *s = arg;
    store_compare_begin(&s->compare, &s->set, s->current);
}

static bool on_see(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                   const char *json, size_t length)
{
    struct redis_store_sink *s = arg;
    return store_compare_see(&s->compare, kind, key, key_length, json, length);
}

static void begin_write(struct redis_store_sink *s)
{
    struct fault fault = {0};
    fault_set(&fault, "", "give the agent more memory", "out of memory");
    s->write = store_write_new(s->link, &s->keys, &s->set, on_wrote, s);
    if (!s->write) {
        end_whole(s);
        failed(s, &fault);
    }
}

static void on_looked(void *arg, const struct store_look_result *result)
{
    struct redis_store_sink *s = arg;
    if (result->fault) {
        end_whole(s);
        failed(s, result->fault);
    } else if (result->inited && store_compare_equal(&s->compare)) {
        s->stats.found++;
        LOG_EVENT(LOG_LEVEL_DEBUG, "store-found", log_text("store", s->keys.features),
                  log_number("items", (int64_t)s->set.count),
                  log_number("newer", (int64_t)s->compare.newer));
        end_whole(s);
        tell_written(s);
    } else {
        begin_write(s);
    }
    go_on(s);
}

static void look(struct redis_store_sink *s)
{
    s->due = false;
    if (s->owner.load(s->owner.arg, &s->set) != 0) {
        store_set_free(&s->set); /* the next whole state makes it due again */
        s->has = false;
        return;
    }
    if (!store_set_order(&s->set) || store_look_start(s->look, true) != 0) {
        store_set_free(&s->set);
        retry_later(s);
    }
}

void redis_store_sink_whole(struct redis_store_sink *s)
{
    s->has = true;
    s->due = true;
    s->current = true;
    drop_queue(s);
    go_on(s);
}

void redis_store_sink_away(struct redis_store_sink *s, bool away)
{
    s->current = !away;
}

/* ---- what is next -------------------------------------------------------------------------- */

static bool is_working(const struct redis_store_sink *s)
{
    return s->write || store_look_busy(s->look);
}

static void go_on(struct redis_store_sink *s)
{
    if (s->silent || is_working(s) || !redis_link_is_up(s->link)) {
        return;
    }
    if (!s->due) {
        send_queue(s);
    } else if (s->under_way == 0 && !event_pending(s->retry, EV_TIMEOUT, NULL)) {
        look(s);
    }
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    go_on(arg);
}

static void on_up(void *arg)
{
    struct redis_store_sink *s = arg;
    store_look_unwatched(s->look);
    (void)event_del(s->retry);
    s->due = s->has;
    if (!s->has) {
        s->stats.trouble[0] = '\0'; /* there is nothing to be written yet */
    }
    go_on(s);
}

static void on_down(void *arg, const struct fault *fault)
{
    struct redis_store_sink *s = arg;
    char text[1024];
    store_look_unwatched(s->look);
    drop_queue(s);
    s->due = s->has;
    s->stats.failures++;
    (void)fault_text(fault, text, sizeof text);
    tell_trouble(s, text);
}

bool redis_store_sink_idle(const struct redis_store_sink *s)
{
    return !redis_link_is_up(s->link) || event_pending(s->retry, EV_TIMEOUT, NULL) ||
           (!s->due && !is_working(s) && !s->first && s->under_way == 0);
}

void redis_store_sink_stats(const struct redis_store_sink *s, struct redis_store_sink_stats *out)
{
    *out = s->stats;
    out->state = s->stats.trouble[0]       ? REDIS_STORE_SINK_INTERRUPTED
                 : !s->has                 ? REDIS_STORE_SINK_WAITING
                 : s->due || is_working(s) ? REDIS_STORE_SINK_WRITING
                                           : REDIS_STORE_SINK_VALID;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int make(struct redis_store_sink *s, struct event_base *base,
                const struct redis_store_sink_options *options, struct fault *fault)
{
    const struct redis_link_options link = {.url = options->url,
                                            .name = options->name,
                                            .answer_ms = ANSWER_MS,
                                            .ca_file = options->ca_file};
    const struct redis_link_owner link_owner = {on_up, on_down, s};
    const struct store_look_owner look_owner = {on_began, on_see, on_looked, s};
    s->end = &s->first;
    s->retry = evtimer_new(base, on_retry, s);
    if (!s->retry || store_keys_make(&s->keys, options->prefix) != 0) {
        return -1;
    }
    s->link = redis_link_new(base, &link, &link_owner, fault);
    if (!s->link) {
        return -1;
    }
    const struct store_look_options look_options = {
        .link = s->link,
        .keys = &s->keys,
        .most_bytes = options->most_bytes ? options->most_bytes : MOST_BYTES,
        .most_items = MOST_ITEMS,
        .exec_follows = true,
    };
    s->look = store_look_new(&look_options, &look_owner);
    return s->look ? 0 : -1;
}

struct redis_store_sink *redis_store_sink_new(struct event_base *base,
                                              const struct redis_store_sink_options *options,
                                              const struct redis_store_sink_owner *owner,
                                              struct fault *fault)
{
    struct redis_store_sink *s = calloc(1, sizeof *s);
    fault_set(fault, "", "give the agent more memory", "out of memory");
    if (s) {
        s->owner = *owner;
        if (make(s, base, options, fault) != 0) {
            redis_store_sink_free(s);
            s = NULL;
        }
    }
    return s;
}

void redis_store_sink_free(struct redis_store_sink *s)
{
    if (!s) {
        return;
    }
    s->silent = true;
    store_look_silence(s->look);
    store_write_silence(s->write);
    redis_link_free(s->link);
    end_whole(s);
    store_look_free(s->look);
    drop_queue(s);
    if (s->retry) {
        event_free(s->retry);
    }
    store_keys_free(&s->keys);
    free(s);
}
