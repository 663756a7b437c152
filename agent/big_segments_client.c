#include "big_segments_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "big_segments/membership_door.h"
#include "redis/redis_url.h"

/* What LaunchDarkly's SDKs have, where 0 is configured. */
#define CACHE_SIZE 1000
#define CACHE_MS 5000
#define STATUS_POLL_MS 5000
#define STALE_AFTER_MS 120000

#define AGEING_LEAST_MS 1000 /* a shorter cache time is over before anything could be renewed */
#define HOST_MOST 65
#define NO_SUCH_FILE 1 /* an id: readers find no file, and know nothing */

struct big_segments_client {
    struct event_base *base;
    const struct config *config;
    struct publisher *publisher;
    struct memberships *memberships;
    struct membership_queries *queries;
    struct membership_door *door;
    char place[REDIS_PLACE];
};

static int64_t setting(const struct config *c, enum config_setting which, int64_t standard)
{
    const int64_t given = config_number(c, which);
    return given > 0 ? given : standard;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void on_asked(void *arg, const char *key)
{
    const struct big_segments_client *b = arg;
    membership_queries_ask(b->queries, key, strlen(key));
}

/* ---- start ---------------------------------------------------------------------------------- */

static int open_memberships(struct big_segments_client *b, struct fault *fault)
{
    const int64_t cache_ms = setting(b->config, CONFIG_BIG_SEGMENTS_CACHE_MS, CACHE_MS);
    const int64_t stale_ms = setting(b->config, CONFIG_BIG_SEGMENTS_STALE_AFTER_MS, STALE_AFTER_MS);
    const struct memberships_options options = {
        .dir = publisher_dir(b->publisher),
        .store_epoch = publisher_epoch(b->publisher),
        .contexts = (unsigned)setting(b->config, CONFIG_BIG_SEGMENTS_CACHE_SIZE, CACHE_SIZE),
        .ageing_ms = cache_ms >= AGEING_LEAST_MS ? cache_ms / 2 : 0,
        .old_ms = cache_ms,
        .gone_ms = stale_ms > cache_ms ? stale_ms : cache_ms,
    };
    b->memberships = memberships_open(&options, now_ms(), fault);
    return b->memberships ? 0 : -1;
}

static int open_queries(struct big_segments_client *b, const struct redis_url *url,
                        struct fault *fault)
{
    char host[HOST_MOST] = "";
    char name[HOST_MOST + 32];
    const char *ca = config_text(b->config, CONFIG_REDIS_CA_FILE);
    (void)gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "ffshm:big-segments:%s", host);
    const struct membership_queries_options options = {
        .memberships = b->memberships,
        .set_seed = publisher_seed(b->publisher),
        .url = url,
        .ca_file = *ca ? ca : NULL,
        .name = name,
        .prefix = config_text(b->config, CONFIG_BIG_SEGMENTS_PREFIX),
        .cache_ms = setting(b->config, CONFIG_BIG_SEGMENTS_CACHE_MS, CACHE_MS),
        .status_poll_ms = setting(b->config, CONFIG_BIG_SEGMENTS_STATUS_POLL_MS, STATUS_POLL_MS),
        .stale_after_ms = setting(b->config, CONFIG_BIG_SEGMENTS_STALE_AFTER_MS, STALE_AFTER_MS),
    };
    b->queries = membership_queries_new(b->base, &options, fault);
    return b->queries ? 0 : -1;
}

static int open_all(struct big_segments_client *b, const struct redis_url *url, struct fault *fault)
{
    const struct store_dir dir = publisher_dir(b->publisher);
    if (open_memberships(b, fault) != 0 || open_queries(b, url, fault) != 0) {
        return -1;
    }
    b->door = membership_door_new(b->base, &dir, b->queries, fault);
    return b->door ? 0 : -1;
}

/* Nobody asks, and readers know it. */
static void have_none(struct publisher *publisher)
{
    const struct store_dir dir = publisher_dir(publisher);
    publisher_big_segments(publisher, 0);
    memberships_remove(&dir);
}

static struct big_segments_client *open_client(const struct big_segments_client *from,
                                               const struct redis_url *url, struct fault *fault)
{
    struct big_segments_client *b = calloc(1, sizeof *b);
    if (!b) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        return NULL;
    }
    *b = *from;
    redis_url_place(url, b->place);
    if (open_all(b, url, fault) != 0) {
        big_segments_client_free(b);
        return NULL;
    }
    return b;
}

struct big_segments_client *big_segments_client_new(struct event_base *base,
                                                    const struct config *config,
                                                    struct publisher *publisher,
                                                    struct collection *collection)
{
    const struct big_segments_client from = {
        .base = base, .config = config, .publisher = publisher};
    struct redis_url url = {.host = NULL};
    struct fault fault = {0};
    const bool off = config->once || config_bool(config, CONFIG_OFFLINE);
    const int wanted = off ? 1 : config_redis_url(config, CONFIG_BIG_SEGMENTS_STORE, &url, &fault);
    if (wanted > 0) {
        have_none(publisher);
        return NULL;
    }
    struct big_segments_client *b = wanted == 0 ? open_client(&from, &url, &fault) : NULL;
    if (!b) {
        log_fault(LOG_LEVEL_ERROR, "big-segments-failed", &fault);
        publisher_big_segments(publisher, NO_SUCH_FILE);
    } else {
        struct memberships_stats stats;
        memberships_stats(b->memberships, &stats);
        publisher_big_segments(publisher, memberships_id(b->memberships));
        LOG_EVENT(LOG_LEVEL_INFO, "big-segments", log_text("store", b->place),
                  log_number("adopted_contexts", (int64_t)stats.adopted),
                  log_number("bytes", (int64_t)stats.bytes));
        collection_on_asks(collection, on_asked, b);
    }
    if (wanted == 0) {
        redis_url_free(&url);
    }
    return b;
}

/* ---- what others ask ------------------------------------------------------------------------ */

static const char *word(enum big_segments_status status)
{
    static const char *const words[] = {"UNKNOWN", "HEALTHY", "STALE", "UNAVAILABLE"};
    return words[status];
}

static json_t *or_null(uint64_t ms)
{
    return ms ? json_integer((json_int_t)ms) : json_null();
}

json_t *big_segments_client_json(const struct big_segments_client *b)
{
    struct membership_queries_status s;
    struct memberships_stats m;
    membership_queries_status(b->queries, &s);
    memberships_stats(b->memberships, &m);
    return json_pack(
        "{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "store",
        b->place, "status", word(s.status), "available",
        s.status == BIG_SEGMENTS_HEALTHY || s.status == BIG_SEGMENTS_STALE, "stale",
        s.status == BIG_SEGMENTS_STALE, "lastUpToDate", or_null(s.last_up_to_date_ms), "since",
        or_null(s.since_ms), "cause", *s.trouble ? json_string(s.trouble) : json_null(), "contexts",
        (json_int_t)m.contexts, "evictions", (json_int_t)m.evictions, "asks",
        (json_int_t)s.counts.asks, "droppedAsks", (json_int_t)s.counts.dropped_asks, "queries",
        (json_int_t)s.counts.queries, "failures", (json_int_t)s.counts.failures, "underWay",
        (json_int_t)s.under_way, "answerUs", or_null(s.counts.answer_us));
}

void big_segments_client_free(struct big_segments_client *b)
{
    if (!b) {
        return;
    }
    membership_door_free(b->door);
    membership_queries_free(b->queries);
    memberships_close(b->memberships);
    free(b);
}
