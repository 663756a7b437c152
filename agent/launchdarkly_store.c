#include "launchdarkly_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "deliver/store_set.h"
#include "log.h"
#include "source/launchdarkly_items.h"

/* LaunchDarkly comes back by itself in a second or two: only then is it away. With nothing to serve
   there is nothing to wait for. */
#define AWAY_MS 5000

struct launchdarkly_store {
    struct event_base *base;
    struct launchdarkly_store_owner owner;
    struct redis_url url;
    char name[128]; /* of the connections */
    struct redis_store *source;
    struct redis_store_sink *sink;
    struct event *away;
    bool follows;    /* the source is one that LaunchDarkly comes before */
    bool own;        /* what is kept is LaunchDarkly's own whole state, and its changes since */
    uint64_t before; /* the level's items, when patches began */
    uint64_t older;  /* that the level knows of, of the source's */
};

static const char *ca_file(const struct config *config)
{
    const char *file = config_text(config, CONFIG_REDIS_CA_FILE);
    return *file ? file : NULL;
}

/* 0 s is as often as it can be. */
static int64_t ttl_ms(const struct config *config)
{
    const int64_t ms = config_number(config, CONFIG_LD_STORE_TTL_SECONDS) * 1000;
    return ms > 0 ? ms : REDIS_STORE_LEAST_TTL_MS;
}

static void failed(const char *event, const struct fault *fault)
{
    log_fault(LOG_LEVEL_ERROR, event, fault);
}

/* ---- the source ---------------------------------------------------------------------------- */

static int on_put(void *arg, struct model_item **items, size_t count, const char *json,
                  size_t length)
{
    struct launchdarkly_store *s = arg;
    launchdarkly_keep_whole(s->owner.kept, json, length);
    LOG_EVENT(LOG_LEVEL_INFO, "received", log_text("source", "launchdarkly-store"),
              log_number("items", (int64_t)count), log_number("bytes", (int64_t)length));
    if (pipeline_replace(s->owner.pipeline, CATALOG_LAUNCHDARKLY, items, count) != 0) {
        return -1;
    }
    launchdarkly_levels_hit(s->owner.levels, IMAGE_LEVEL_REDIS, count);
    s->owner.taken(s->owner.arg, true);
    return 0;
}

static int on_patch(void *arg, struct model_item *item, const char *path, const char *json,
                    size_t length)
{
    struct launchdarkly_store *s = arg;
    launchdarkly_keep_item(s->owner.kept, path, json, length);
    if (pipeline_put(s->owner.pipeline, CATALOG_LAUNCHDARKLY, item) != 0) {
        return -1;
    }
    s->own = false;
    s->owner.levels->of[IMAGE_LEVEL_REDIS].items++;
    return 0;
}

static void on_patches(void *arg, bool begin)
{
    struct launchdarkly_store *s = arg;
    const uint64_t items = s->owner.levels->of[IMAGE_LEVEL_REDIS].items;
    launchdarkly_keep_many(s->owner.kept, begin);
    if (begin) {
        s->before = items;
    } else if (items > s->before) {
        launchdarkly_levels_hit(s->owner.levels, IMAGE_LEVEL_REDIS, 0);
        s->owner.taken(s->owner.arg, false);
    }
}

static bool on_served(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                      struct redis_store_served *out)
{
    const struct launchdarkly_store *s = arg;
    return launchdarkly_served(s->owner.kept, kind, key, length, out);
}

static bool on_serves(void *arg)
{
    const struct launchdarkly_store *s = arg;
    return s->owner.serves(s->owner.arg);
}

static void on_looked(void *arg)
{
    const struct launchdarkly_store *s = arg;
    if (!s->follows) {
        s->owner.looked(s->owner.arg);
    }
}

static void note_older(struct launchdarkly_store *s)
{
    struct redis_store_stats stats;
    if (s->source) {
        redis_store_stats(s->source, &stats);
        s->owner.levels->of[IMAGE_LEVEL_REDIS].older += stats.older - s->older;
        s->older = stats.older;
    }
}

static void on_state(void *arg, enum image_source_state state, enum image_source_error error,
                     const char *text, int64_t read_ms)
{
    struct launchdarkly_store *s = arg;
    note_older(s);
    if (!s->follows) {
        s->owner.state(s->owner.arg, state, error, text, read_ms);
    } else if (state != IMAGE_SOURCE_VALID) {
        LOG_EVENT(LOG_LEVEL_DEBUG, "store-not-followed", log_text("cause", text));
    }
}

static int read_store(struct launchdarkly_store *s, bool follows)
{
    const struct config *c = s->owner.config;
    struct fault fault = {0};
    const struct redis_store_options options = {
        .url = &s->url,
        .name = s->name,
        .prefix = config_text(c, CONFIG_LD_STORE_PREFIX),
        .ca_file = ca_file(c),
        .ttl_ms = ttl_ms(c),
        .follows = follows,
        .empty_counts =
            !follows && strcasecmp(config_text(c, CONFIG_LD_STORE_EMPTIED), "follow") == 0,
    };
    const struct redis_store_owner owner = {on_put,    on_patch, on_patches, on_served,
                                            on_serves, on_state, on_looked,  s};
    s->follows = follows;
    s->older = 0;
    s->source = redis_store_new(s->base, &options, &owner, &fault);
    if (!s->source) {
        failed("store-failed", &fault);
    }
    return s->source ? 0 : -1;
}

int launchdarkly_store_read(struct launchdarkly_store *s)
{
    return read_store(s, false);
}

bool launchdarkly_store_look(struct launchdarkly_store *s)
{
    return s->source && !s->follows && redis_store_look(s->source);
}

/* ---- the sink ------------------------------------------------------------------------------ */

struct loading {
    struct launchdarkly_store *s;
    struct store_set *set;
    bool found;
};

static bool load_item(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                      const char *json, size_t length)
{
    const struct loading *l = arg;
    return store_set_add(
        l->set, kind, key, key_length, json, length,
        pipeline_item(l->s->owner.pipeline, CATALOG_LAUNCHDARKLY, kind, key, key_length));
}

static int load(void *arg, const char *path, const void *bytes, size_t length, int64_t received_ms)
{
    struct loading *l = arg;
    struct fault fault = {0};
    enum image_blob_kind kind;
    (void)received_ms;
    if (!path) {
        l->found = true;
        return launchdarkly_each_item(bytes, length, load_item, l, &fault);
    }
    const char *key = launchdarkly_path_key(path, &kind);
    return load_item(l, kind, key, strlen(key), bytes, length) ? 0 : -1;
}

/* What is kept is what LaunchDarkly has sent, byte for byte, whether in a file or in memory. */
static int on_load(void *arg, struct store_set *set)
{
    struct launchdarkly_store *s = arg;
    struct loading l = {s, set, false};
    struct fault fault = {0};
    if (!s->own || s->owner.kept->unkept) {
        return -1;
    }
    if (storage_state_load(s->owner.kept->storage, s->owner.kept->name, load, &l, &fault) != 0) {
        failed("store-not-written", &fault);
        return -1;
    }
    return l.found ? 0 : -1;
}

int launchdarkly_store_write(struct launchdarkly_store *s)
{
    const struct config *c = s->owner.config;
    struct fault fault = {0};
    const struct redis_store_sink_options options = {
        .url = &s->url,
        .name = s->name,
        .prefix = config_text(c, CONFIG_LD_STORE_PREFIX),
        .ca_file = ca_file(c),
    };
    const struct redis_store_sink_owner owner = {on_load, NULL, s};
    s->sink = redis_store_sink_new(s->base, &options, &owner, &fault);
    if (!s->sink) {
        failed("store-failed", &fault);
    }
    return s->sink ? 0 : -1;
}

void launchdarkly_store_whole(struct launchdarkly_store *s)
{
    s->own = true;
    if (s->sink) {
        redis_store_sink_whole(s->sink);
    }
}

void launchdarkly_store_item(struct launchdarkly_store *s, const char *path, const char *json,
                             size_t length)
{
    enum image_blob_kind kind;
    const char *key = launchdarkly_path_key(path, &kind);
    const struct model_item *item =
        pipeline_item(s->owner.pipeline, CATALOG_LAUNCHDARKLY, kind, key, strlen(key));
    if (s->sink && s->own && item) {
        redis_store_sink_item(s->sink, item, json, length);
    }
}

bool launchdarkly_store_idle(const struct launchdarkly_store *s)
{
    return !s->sink || redis_store_sink_idle(s->sink);
}

/* ---- following ----------------------------------------------------------------------------- */

static void on_away(evutil_socket_t fd, short what, void *arg)
{
    struct launchdarkly_store *s = arg;
    (void)fd, (void)what;
    if (!s->source) {
        (void)read_store(s, true);
    }
}

void launchdarkly_store_follow(struct launchdarkly_store *s, bool away)
{
    const int64_t ms = s->owner.serves(s->owner.arg) ? AWAY_MS : 0;
    const struct timeval wait = {(time_t)(ms / 1000), 0};
    if (!s->sink) {
        return;
    }
    redis_store_sink_away(s->sink, away);
    if (!away) {
        (void)event_del(s->away);
        redis_store_free(s->source);
        s->source = NULL;
        return;
    }
    if (!s->source && !event_pending(s->away, EV_TIMEOUT, NULL)) {
        (void)event_add(s->away, &wait);
    }
}

/* ---- life ---------------------------------------------------------------------------------- */

static int resolve(const struct config *config, struct redis_url *url)
{
    struct fault fault = {0};
    const int result = config_redis_url(config, CONFIG_LD_STORE, url, &fault);
    if (result < 0) {
        failed("store-failed", &fault);
    }
    return result == 0 ? 0 : -1;
}

int launchdarkly_store_place(const struct config *config, char text[LAUNCHDARKLY_STORE_PLACE])
{
    struct redis_url url;
    char place[REDIS_PLACE];
    if (resolve(config, &url) != 0) {
        return -1;
    }
    snprintf(text, LAUNCHDARKLY_STORE_PLACE, "%.350s %.150s", redis_url_place(&url, place),
             config_text(config, CONFIG_LD_STORE_PREFIX));
    redis_url_free(&url);
    return 0;
}

struct launchdarkly_store *launchdarkly_store_new(struct event_base *base,
                                                  const struct launchdarkly_store_owner *owner)
{
    struct launchdarkly_store *s = calloc(1, sizeof *s);
    char host[64] = "";
    if (!s) {
        return NULL;
    }
    s->base = base;
    s->owner = *owner;
    (void)gethostname(host, sizeof host - 1);
    snprintf(s->name, sizeof s->name, "ffshm:store:%s", host);
    s->away = evtimer_new(base, on_away, s);
    if (!s->away || resolve(owner->config, &s->url) != 0) {
        launchdarkly_store_free(s);
        return NULL;
    }
    return s;
}

void launchdarkly_store_free(struct launchdarkly_store *s)
{
    if (!s) {
        return;
    }
    redis_store_free(s->source);
    redis_store_sink_free(s->sink);
    if (s->away) {
        event_free(s->away);
    }
    redis_url_free(&s->url);
    free(s);
}

void launchdarkly_store_stats(const struct launchdarkly_store *s,
                              struct launchdarkly_store_stats *out)
{
    *out = (struct launchdarkly_store_stats){.reads = s->source && !s->follows,
                                             .writes = s->sink != NULL};
    if (out->reads) {
        redis_store_stats(s->source, &out->read);
    }
    if (out->writes) {
        redis_store_sink_stats(s->sink, &out->written);
    }
}
