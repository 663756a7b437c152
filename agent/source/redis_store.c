/* A store's life as a source: looks, what comes of them, and when there is another one. */
#include "redis_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../redis/redis_link.h"
#include "../redis/store_look.h"
#include "redis_store_take.h"
#include "store_items.h"

#define TTL_MS 15000
#define RETRY_MS 1000 /* after a look that failed, where the TTL is longer */
#define MOST_BYTES (UINT64_C(512) << 20)
#define MOST_ITEMS UINT64_C(1000000)
#define ANSWER_MS 5000
#define WHOLE_MS 600000 /* then it is read, whatever is said of changes */

struct redis_store {
    struct redis_store_owner owner;
    struct store_keys keys;
    struct redis_link *link;
    struct store_look *look;
    struct event *timer;
    struct redis_store_take take;
    int64_t ttl_ms;
    int64_t began_ms; /* the last look: CLOCK_MONOTONIC */
    int64_t whole_ms; /* when it was last read on principle: CLOCK_MONOTONIC */
    bool empty_counts;
    bool was_good;
    enum { NOT_ASKED, ASKED, ASKED_UNDER_WAY } asked; /* for a look; under way is the one meant */
    struct redis_store_stats stats;
    unsigned busy; /* callbacks are on the stack: nothing is destroyed */
    bool freed;    /* by one of them */
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void arm(struct redis_store *s, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(s->timer, &wait);
}

static void destroy(struct redis_store *s)
{
    store_look_silence(s->look);
    redis_link_free(s->link);
    store_look_free(s->look);
    if (s->timer) {
        event_free(s->timer);
    }
    store_keys_free(&s->keys);
    store_items_free(s->take.items);
    free(s);
}

static void enter(struct redis_store *s)
{
    s->busy++;
}

static void leave(struct redis_store *s)
{
    if (--s->busy == 0 && s->freed) {
        destroy(s);
    }
}

/* ---- what is told -------------------------------------------------------------------------- */

static void tell_failed(struct redis_store *s, enum image_source_error error, const char *text)
{
    const enum image_source_state state =
        s->was_good ? IMAGE_SOURCE_INTERRUPTED : IMAGE_SOURCE_INITIALIZING;
    s->owner.state(s->owner.arg, state, error, text, s->stats.read_ms);
}

static void tell_fault(struct redis_store *s, const struct fault *fault)
{
    char text[1200];
    (void)fault_text(fault, text, sizeof text);
    tell_failed(s, IMAGE_SOURCE_STORE_ERROR, text);
}

static void tell_valid(struct redis_store *s)
{
    s->was_good = true;
    s->stats.read_ms = clock_ms(CLOCK_REALTIME);
    s->owner.state(s->owner.arg, IMAGE_SOURCE_VALID, IMAGE_SOURCE_NO_ERROR, "", s->stats.read_ms);
}

static void tell_unfilled(struct redis_store *s, bool has_items)
{
    char text[512];
    snprintf(text, sizeof text,
             has_items ? "the store is not initialized: there is no key %.100s"
                       : "nobody has filled the store, or it was emptied: there is nothing in "
                         "%.100s, and no key %.100s",
             has_items ? s->keys.inited : s->keys.features, s->keys.inited);
    tell_failed(s, IMAGE_SOURCE_STORE_ERROR, text);
}

/* ---- looks --------------------------------------------------------------------------------- */

static void next_look(struct redis_store *s, bool failed)
{
    const int64_t every = failed && s->ttl_ms > RETRY_MS ? RETRY_MS : s->ttl_ms;
    const int64_t since = clock_ms(CLOCK_MONOTONIC) - s->began_ms;
    arm(s, since < every ? every - since : 0);
}

static void look(struct redis_store *s)
{
    s->began_ms = clock_ms(CLOCK_MONOTONIC);
    const bool whole = s->began_ms - s->whole_ms >= WHOLE_MS;
    if (store_look_start(s->look, whole) == 0 && whole) {
        s->whole_ms = s->began_ms;
    }
}

static void on_began(void *arg)
{
    struct redis_store *s = arg;
    if (s->take.whole || s->take.follows) {
        store_items_drop(s->take.items);
    } else {
        store_items_forget(s->take.items); /* a whole state has all of them */
    }
    store_items_begin(s->take.items);
}

static bool on_see(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                   const char *json, size_t length)
{
    struct redis_store *s = arg;
    return store_items_see(s->take.items, kind, key, key_length, json, length);
}

/* false: nothing of it may be taken, or could be. */
static bool take(struct redis_store *s, const struct store_look_result *result)
{
    const bool unfilled =
        !result->inited && (s->take.follows || (result->items == 0 && !s->empty_counts));
    const bool keeps = unfilled && (s->take.follows || s->owner.serves(s->owner.arg));
    bool taken = true;
    if (keeps) {
        store_items_drop(s->take.items);
        store_look_unwatched(s->look); /* what was seen is not known: see it again */
    } else {
        taken = redis_store_take(&s->take, &s->owner);
    }
    if (s->freed) {
        return false;
    }
    if (!taken) {
        store_look_unwatched(s->look);
        tell_failed(s, IMAGE_SOURCE_STORE_ERROR, "the data cannot be taken");
    } else if (unfilled) {
        tell_unfilled(s, result->items > 0);
    }
    return taken && !unfilled;
}

/* Whoever asked for a look has it, or has it begun now. true: it was. */
static bool serve_asked(struct redis_store *s)
{
    if (s->asked == ASKED && store_look_start(s->look, false) == 0) {
        s->began_ms = clock_ms(CLOCK_MONOTONIC);
        s->asked = ASKED_UNDER_WAY;
        return true;
    }
    if (s->asked != NOT_ASKED) {
        s->asked = NOT_ASKED;
        s->owner.looked(s->owner.arg);
    }
    return false;
}

static void on_done(void *arg, const struct store_look_result *result)
{
    struct redis_store *s = arg;
    enter(s);
    bool good = result->fault == NULL;
    if (!good) {
        s->stats.failures++;
        store_items_drop(s->take.items);
        tell_fault(s, result->fault);
    } else {
        s->stats.looks++;
        s->stats.reads += !result->unchanged;
        good = result->unchanged || take(s, result);
    }
    if (good && !s->freed) {
        tell_valid(s);
    }
    if (!s->freed && !serve_asked(s) && !s->freed) {
        next_look(s, !good);
    }
    leave(s);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct redis_store *s = arg;
    (void)fd, (void)what;
    enter(s);
    if (s->asked == NOT_ASKED) {
        look(s); /* or the link is down: its coming back is what starts the next one */
    } else if (!serve_asked(s) && !s->freed) {
        next_look(s, true);
    }
    leave(s);
}

static void on_up(void *arg)
{
    struct redis_store *s = arg;
    store_look_unwatched(s->look);
    look(s);
}

static void on_down(void *arg, const struct fault *fault)
{
    struct redis_store *s = arg;
    enter(s);
    (void)event_del(s->timer);
    store_look_unwatched(s->look);
    s->stats.failures++;
    tell_fault(s, fault);
    if (!s->freed) {
        (void)serve_asked(s);
    }
    leave(s);
}

bool redis_store_look(struct redis_store *s)
{
    if (!redis_link_is_up(s->link)) {
        return false;
    }
    s->asked = ASKED;
    if (!store_look_busy(s->look)) {
        (void)event_del(s->timer);
        event_active(s->timer, EV_TIMEOUT, 0); /* later: whoever asks is not called from here */
    }
    return true;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int make(struct redis_store *s, struct event_base *base,
                const struct redis_store_options *options, struct fault *fault)
{
    const struct redis_link_options link = {.url = options->url,
                                            .name = options->name,
                                            .answer_ms = ANSWER_MS,
                                            .ca_file = options->ca_file};
    const struct redis_link_owner link_owner = {on_up, on_down, s};
    const struct store_look_owner look_owner = {on_began, on_see, on_done, s};
    s->ttl_ms = options->ttl_ms > 0 ? options->ttl_ms : TTL_MS;
    s->ttl_ms = s->ttl_ms < REDIS_STORE_LEAST_TTL_MS ? REDIS_STORE_LEAST_TTL_MS : s->ttl_ms;
    s->take.follows = options->follows;
    s->empty_counts = options->empty_counts;
    s->take.stats = &s->stats;
    s->take.items = store_items_new();
    s->timer = evtimer_new(base, on_timer, s);
    if (!s->take.items || !s->timer || store_keys_make(&s->keys, options->prefix) != 0) {
        return -1;
    }
    s->link = redis_link_new(base, &link, &link_owner, fault);
    if (!s->link) {
        return -1;
    }
    const struct store_look_options look = {
        .link = s->link,
        .keys = &s->keys,
        .most_bytes = options->most_bytes ? options->most_bytes : MOST_BYTES,
        .most_items = options->most_items ? options->most_items : MOST_ITEMS,
    };
    s->look = store_look_new(&look, &look_owner);
    return s->look ? 0 : -1;
}

struct redis_store *redis_store_new(struct event_base *base,
                                    const struct redis_store_options *options,
                                    const struct redis_store_owner *owner, struct fault *fault)
{
    struct redis_store *s = calloc(1, sizeof *s);
    fault_set(fault, "", "give the agent more memory", "out of memory");
    if (s) {
        s->owner = *owner;
        if (make(s, base, options, fault) != 0) {
            destroy(s);
            s = NULL;
        }
    }
    return s;
}

void redis_store_free(struct redis_store *s)
{
    if (!s) {
        return;
    }
    s->freed = true;
    store_look_silence(s->look);
    (void)event_del(s->timer);
    if (s->busy == 0) {
        destroy(s);
    }
}

void redis_store_stats(const struct redis_store *s, struct redis_store_stats *out)
{
    *out = s->stats;
    out->items = store_items_count(s->take.items);
}
