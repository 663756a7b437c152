#include "membership_queries.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../log.h"
#include "membership_key.h"

#define BUCKETS 1024u /* a power of two */
#define TICK_MOST_MS 1000
#define TICK_LEAST_MS 50
#define KEY_MOST 512 /* bytes of a key in the store; a longer prefix is refused */

/* One context that is asked for. */
struct query {
    struct membership_queries *owner; /* NULL: it is gone */
    struct query *in_bucket;
    struct query *next; /* of those that wait */
    struct hash128 key;
    char hash[MEMBERSHIP_HASH];
    unsigned answers; /* that are still to come */
    bool failed;
    int64_t asked_us;
    uint64_t *references;
    size_t count;
};

struct membership_queries {
    struct event_base *base;
    struct membership_queries_options options; /* what it points to is not looked at again */
    char *prefix;
    struct redis_link *link;
    bool settled; /* the first connection came about, or did not: nobody need wait for it */
    struct query *buckets[BUCKETS];
    struct query *first; /* of those that wait */
    struct query **last;
    size_t sent;
    size_t waiting;
    struct event *age_timer;
    struct event *tick_timer;
    struct event *poll_timer;
    bool polling;
    bool failing; /* the last query failed, and that was told */
    enum big_segments_status status;
    uint64_t last_up_to_date_ms;
    uint64_t since_ms;
    char trouble[512];
    struct memberships_counts counts;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t realtime_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(timer, &wait);
}

/* NULL: it is being freed. */
static bool is_up(const struct membership_queries *q)
{
    return q->link && redis_link_is_up(q->link);
}

/* ---- age ----------------------------------------------------------------------------------- */

static void let_age(struct membership_queries *q)
{
    const int64_t next_ms = memberships_age(q->options.memberships, now_us() / 1000);
    if (next_ms >= 0) {
        arm(q->age_timer, next_ms);
    } else {
        event_del(q->age_timer);
    }
}

static void on_age(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    let_age(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    const struct membership_queries *q = arg;
    (void)fd, (void)what;
    memberships_tick(q->options.memberships);
}

/* ---- the status ---------------------------------------------------------------------------- */

static void log_status(const struct membership_queries *q, const struct fault *fault)
{
    switch (q->status) {
    case BIG_SEGMENTS_UNAVAILABLE:
        LOG_EVENT(LOG_LEVEL_WARNING, "big-segments-unavailable", log_text("cause", q->trouble),
                  log_text("hint", fault ? fault->hint : ""),
                  log_text("effect", "memberships that are not known are STORE_ERROR"));
        break;
    case BIG_SEGMENTS_STALE:
        LOG_EVENT(LOG_LEVEL_WARNING, "big-segments-stale",
                  log_number("last_up_to_date_ms", (int64_t)q->last_up_to_date_ms),
                  log_text("cause", q->last_up_to_date_ms
                                        ? "the store was not brought up to date for too long"
                                        : "the store was never brought up to date"),
                  log_text("hint", "look at what fills it: LaunchDarkly's Relay Proxy"));
        break;
    default:
        LOG_EVENT(LOG_LEVEL_INFO, "big-segments-available",
                  log_number("last_up_to_date_ms", (int64_t)q->last_up_to_date_ms));
        break;
    }
}

static void set_status(struct membership_queries *q, enum big_segments_status status,
                       uint64_t last_up_to_date_ms, const struct fault *fault)
{
    const bool changed = status != q->status;
    q->status = status;
    q->last_up_to_date_ms = last_up_to_date_ms;
    snprintf(q->trouble, sizeof q->trouble, "%s", fault ? fault->cause : "");
    memberships_set_status(q->options.memberships, status, last_up_to_date_ms);
    if (changed) {
        q->since_ms = realtime_ms();
        log_status(q, fault);
    }
}

static void set_unavailable(struct membership_queries *q, const struct fault *fault)
{
    set_status(q, BIG_SEGMENTS_UNAVAILABLE, 0, fault);
}

/* Decimal milliseconds; whatever is none, and what is missing: never. */
static uint64_t time_of(const struct redisReply *reply)
{
    if (reply->type == REDIS_REPLY_INTEGER) {
        return reply->integer > 0 ? (uint64_t)reply->integer : 0;
    }
    char text[24];
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0 || reply->len >= sizeof text) {
        return 0;
    }
    memcpy(text, reply->str, reply->len);
    text[reply->len] = '\0';
    return strspn(text, "0123456789") == reply->len ? strtoull(text, NULL, 10) : 0;
}

static void on_synchronized(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    struct membership_queries *q = arg;
    q->polling = false;
    if (!reply && q->link) {
        set_unavailable(q, fault);
    }
    if (!reply) {
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        struct fault refusal = {0};
        redis_link_refusal(q->link, reply, &refusal);
        set_unavailable(q, &refusal);
        return;
    }
    const uint64_t last_ms = time_of(reply);
    const uint64_t now = realtime_ms();
    const uint64_t age_ms = now > last_ms ? now - last_ms : 0;
    const bool stale = last_ms == 0 || age_ms >= (uint64_t)q->options.stale_after_ms;
    set_status(q, stale ? BIG_SEGMENTS_STALE : BIG_SEGMENTS_HEALTHY, last_ms, NULL);
}

static void poll_status(struct membership_queries *q)
{
    if (!q->polling && is_up(q)) {
        q->polling = redis_link_command(q->link, on_synchronized, q, "GET %s:%s", q->prefix,
                                        MEMBERSHIP_SYNCHRONIZED) == 0;
    }
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    poll_status(arg);
}

/* ---- queries ------------------------------------------------------------------------------- */

static struct query **find(struct membership_queries *q, struct hash128 key)
{
    struct query **at = &q->buckets[key.lo % BUCKETS];
    while (*at && ((*at)->key.lo != key.lo || (*at)->key.hi != key.hi)) {
        at = &(*at)->in_bucket;
    }
    return at;
}

/* From here on somebody else may ask for the same. */
static void forget(struct query *one)
{
    *find(one->owner, one->key) = one->in_bucket;
    free(one->references);
    free(one);
}

static void tell_counts(struct membership_queries *q)
{
    memberships_set_counts(q->options.memberships, &q->counts);
}

/* Once, until one succeeds. */
static void tell_failing(struct membership_queries *q, const struct fault *fault)
{
    if (!q->failing) {
        q->failing = true;
        log_fault(LOG_LEVEL_WARNING, "big-segments-failing", fault);
    }
}

static void fail(struct membership_queries *q, struct hash128 key)
{
    q->counts.failures++;
    memberships_fail(q->options.memberships, key);
    tell_counts(q);
}

static void learn(struct membership_queries *q, const struct query *one)
{
    const int64_t now = now_us();
    q->counts.answer_us = (uint64_t)(now - one->asked_us);
    if (memberships_put(q->options.memberships, one->key, one->references, one->count,
                        now / 1000) != 0) {
        struct fault fault = {0};
        fault_set(&fault, "",
                  "keep more contexts (big_segments.cache_size): there is more room then",
                  "a context is in %zu big segments, which is more than fit", one->count);
        q->counts.failures++;
        tell_failing(q, &fault);
    } else if (q->failing) {
        q->failing = false;
        LOG_EVENT(LOG_LEVEL_INFO, "big-segments-answer",
                  log_number("failures", (int64_t)q->counts.failures));
    }
    tell_counts(q);
    let_age(q);
}

static void send_waiting(struct membership_queries *q);

static void finish(struct query *one)
{
    struct membership_queries *const q = one->owner;
    q->sent--;
    if (one->failed) {
        fail(q, one->key);
    } else {
        learn(q, one);
    }
    forget(one);
    send_waiting(q);
}

static void add_references(struct query *one, const struct redisReply *reply, uint64_t included)
{
    uint64_t *const grown =
        realloc(one->references, (one->count + reply->elements + 1) * sizeof *one->references);
    if (!grown) {
        one->failed = true;
        return;
    }
    one->references = grown;
    for (size_t i = 0; i < reply->elements; i++) {
        const struct redisReply *const text = reply->element[i];
        if (text->type == REDIS_REPLY_STRING) {
            grown[one->count++] =
                big_segments_reference(text->str, text->len, one->owner->options.set_seed) |
                included;
        }
    }
}

static void on_members(struct query *one, const struct redisReply *reply, uint64_t included,
                       const struct fault *fault)
{
    struct membership_queries *const q = one->owner;
    struct fault refusal = {0};
    one->answers--;
    if (!reply && q->link) {
        tell_failing(q, fault);
    } else if (reply && reply->type == REDIS_REPLY_ERROR) {
        redis_link_refusal(q->link, reply, &refusal);
        tell_failing(q, &refusal);
    }
    if (!reply || (reply->type != REDIS_REPLY_ARRAY && reply->type != REDIS_REPLY_NIL)) {
        one->failed = true;
    } else if (reply->type == REDIS_REPLY_ARRAY && !one->failed) {
        add_references(one, reply, included);
    }
    if (one->answers == 0) {
        finish(one);
    }
}

/* The first of the two answers: where both have a reference, included counts. */
static void on_included(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    on_members(arg, reply, BIG_SEGMENTS_INCLUDED, fault);
}

static void on_excluded(void *arg, const struct redisReply *reply, const struct fault *fault)
{
    on_members(arg, reply, 0, fault);
}

static bool ask_for(struct query *one, redis_reply_fn *fn, const char *set)
{
    struct membership_queries *const q = one->owner;
    char key[KEY_MOST];
    const int length = snprintf(key, sizeof key, "%s:%s:%s", q->prefix, set, one->hash);
    const char *const words[] = {"SMEMBERS", key};
    const size_t lengths[] = {8, (size_t)length};
    const bool sent = redis_link_send(q->link, fn, one, 2, words, lengths) == 0;
    one->answers += sent;
    return sent;
}

static void send_waiting(struct membership_queries *q)
{
    while (q->first && q->sent < MEMBERSHIP_QUERIES_SENT && is_up(q)) {
        struct query *const one = q->first;
        q->first = one->next;
        q->last = q->first ? q->last : &q->first;
        q->waiting--;
        q->sent++;
        q->counts.queries++;
        one->failed = !ask_for(one, on_included, MEMBERSHIP_INCLUDE) ||
                      !ask_for(one, on_excluded, MEMBERSHIP_EXCLUDE);
        if (one->answers == 0) {
            q->sent--;
            fail(q, one->key);
            forget(one);
        }
    }
}

static void fail_waiting(struct membership_queries *q)
{
    while (q->first) {
        struct query *const one = q->first;
        q->first = one->next;
        q->waiting--;
        fail(q, one->key);
        forget(one);
    }
    q->last = &q->first;
}

static bool enqueue(struct membership_queries *q, const char *key, size_t length,
                    struct hash128 hash)
{
    struct query *const one = calloc(1, sizeof *one);
    if (!one) {
        return false;
    }
    one->owner = q;
    one->key = hash;
    one->asked_us = now_us();
    membership_hash(key, length, one->hash);
    one->in_bucket = NULL;
    *find(q, hash) = one;
    *q->last = one;
    q->last = &one->next;
    q->waiting++;
    return true;
}

void membership_queries_ask(struct membership_queries *q, const char *key, size_t length)
{
    if (length == 0 || length > BIG_SEGMENTS_KEY_MOST) {
        return;
    }
    const struct hash128 hash = hash_member(key, length, q->options.set_seed);
    q->counts.asks++;
    if (memberships_state(q->options.memberships, hash) == BIG_SEGMENTS_KNOWN || *find(q, hash)) {
        return; /* it is there by now, or under way */
    }
    if (q->settled && !is_up(q)) {
        fail(q, hash);
    } else if (q->waiting >= MEMBERSHIP_QUERIES_WAITING || !enqueue(q, key, length, hash)) {
        q->counts.dropped_asks++;
        fail(q, hash);
    } else {
        send_waiting(q);
    }
}

/* ---- the connection ------------------------------------------------------------------------ */

static void on_up(void *arg)
{
    struct membership_queries *q = arg;
    q->settled = true;
    /* Before the queries: who learns a membership learns the status that goes with it. */
    poll_status(q);
    arm(q->poll_timer, q->options.status_poll_ms);
    send_waiting(q);
}

static void on_down(void *arg, const struct fault *fault)
{
    struct membership_queries *q = arg;
    q->settled = true;
    set_unavailable(q, fault);
    fail_waiting(q);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
    return -1;
}

static int make_timers(struct membership_queries *q, struct fault *fault)
{
    int64_t tick_ms = q->options.cache_ms / 2;
    tick_ms = tick_ms > TICK_MOST_MS ? TICK_MOST_MS : tick_ms;
    tick_ms = tick_ms < TICK_LEAST_MS ? TICK_LEAST_MS : tick_ms;
    q->age_timer = evtimer_new(q->base, on_age, q);
    q->tick_timer = event_new(q->base, -1, EV_PERSIST, on_tick, q);
    q->poll_timer = event_new(q->base, -1, EV_PERSIST, on_poll, q);
    if (!q->age_timer || !q->tick_timer || !q->poll_timer) {
        return no_memory(fault);
    }
    arm(q->tick_timer, tick_ms);
    arm(q->poll_timer, q->options.status_poll_ms);
    return 0;
}

static int start(struct membership_queries *q, struct fault *fault)
{
    const struct redis_link_owner owner = {on_up, on_down, q};
    const struct redis_link_options link = {
        .url = q->options.url,
        .name = q->options.name,
        .ca_file = q->options.ca_file,
        .waiting_most = 2 * MEMBERSHIP_QUERIES_SENT + 2,
    };
    const char *prefix = *q->options.prefix ? q->options.prefix : "launchdarkly";
    if (strlen(prefix) + sizeof(MEMBERSHIP_SYNCHRONIZED) + MEMBERSHIP_HASH + 2 > KEY_MOST) {
        fault_set(fault, "big_segments.prefix", "use a shorter one", "%s", "is too long");
        return -1;
    }
    q->prefix = strdup(prefix);
    if (!q->prefix) {
        return no_memory(fault);
    }
    if (make_timers(q, fault) != 0) {
        return -1;
    }
    q->link = redis_link_new(q->base, &link, &owner, fault);
    let_age(q); /* what an earlier agent has left */
    return q->link ? 0 : -1;
}

struct membership_queries *membership_queries_new(struct event_base *base,
                                                  const struct membership_queries_options *options,
                                                  struct fault *fault)
{
    struct membership_queries *const q = calloc(1, sizeof *q);
    if (!q) {
        no_memory(fault);
        return NULL;
    }
    q->base = base;
    q->options = *options;
    q->last = &q->first;
    q->since_ms = realtime_ms();
    if (start(q, fault) != 0) {
        membership_queries_free(q);
        return NULL;
    }
    q->options.url = NULL;
    return q;
}

static void free_event(struct event *event)
{
    if (event) {
        event_free(event);
    }
}

void membership_queries_free(struct membership_queries *q)
{
    if (!q) {
        return;
    }
    struct redis_link *const link = q->link;
    q->link = NULL;
    redis_link_free(link); /* what is under way fails now */
    fail_waiting(q);
    free_event(q->age_timer);
    free_event(q->tick_timer);
    free_event(q->poll_timer);
    free(q->prefix);
    free(q);
}

void membership_queries_status(const struct membership_queries *q,
                               struct membership_queries_status *out)
{
    *out = (struct membership_queries_status){
        .status = q->status,
        .last_up_to_date_ms = q->last_up_to_date_ms,
        .since_ms = q->since_ms,
        .trouble = q->trouble,
        .counts = q->counts,
        .under_way = q->sent + q->waiting,
    };
}
