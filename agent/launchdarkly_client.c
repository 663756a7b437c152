#include "launchdarkly_client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "deliver/launchdarkly_events.h"
#include "ffshm.h"
#include "hash.h"
#include "http/http.h"
#include "launchdarkly_diagnostics.h"
#include "launchdarkly_headers.h"
#include "launchdarkly_kept.h"
#include "launchdarkly_levels.h"
#include "launchdarkly_settings.h"
#include "launchdarkly_store.h"
#include "source/launchdarkly.h"
#include "storage/storage.h"

#define REPORT_MS 1000

struct launchdarkly_client {
    struct event_base *base;
    const struct config *config;
    struct pipeline *pipeline;
    struct publisher *publisher;
    struct storage *storage; /* in memory where nothing is to be kept */
    struct http *http;
    struct launchdarkly_headers headers;
    struct launchdarkly *source;
    struct deliver *events;
    struct collection *collection;    /* NULL: not yet */
    struct event *report;             /* once a second: the levels, into the control page */
    struct launchdarkly_store *store; /* NULL: none in Redis is in use */
    struct launchdarkly_kept kept;
    struct launchdarkly_levels levels;
    char state_name[LAUNCHDARKLY_KEPT_NAME];  /* of this key's and filter's definitions in storage,
                                                 or of this store's */
    char environment[LAUNCHDARKLY_KEPT_NAME]; /* of this key: events and counts are of one */
    char trouble[256];       /* what the source said last that is wrong; "": nothing is */
    void (*news)(void *arg); /* of trouble; NULL: nobody asks */
    void *news_arg;
    void (*looked)(void *arg); /* asked for a look at the store; NULL: nobody waits */
    void *looked_arg;
    bool restored;
    bool keeps;   /* storage is a file */
    bool adopted; /* an earlier agent's snapshot was found */
    bool fresh;   /* the source's own state was here in this run */
    bool stopped; /* it will not be asked again */
    bool forgets; /* what was told with another SDK key */
};

/* How its definitions are called in the log. */
static const char *source_name(const struct launchdarkly_client *c)
{
    return config_reads_store(c->config) ? "launchdarkly-store" : "launchdarkly";
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_offline(const struct launchdarkly_client *c)
{
    return config_bool(c->config, CONFIG_OFFLINE);
}

static bool has_events(const struct launchdarkly_client *c)
{
    return c->config->sdk_key && config_bool(c->config, CONFIG_EVENTS_ENABLED) && !is_offline(c) &&
           !c->config->once;
}

static void state_failed(const char *event, const struct fault *fault)
{
    log_fault(LOG_LEVEL_ERROR, event, fault);
}

/* ---- last known good ---------------------------------------------------------------------- */

#define ANY "*" /* no filter has this name */

/* What is of the SDK key, without writing it down. */
static int name_of_key(const struct launchdarkly_client *c, const char *kind, const char *text,
                       char name[LAUNCHDARKLY_KEPT_NAME])
{
    struct ffshm_context who;
    char hash[65];
    ffshm_context_init(&who, kind, text);
    if (ffshm_secure_mode_hash(secret_text(c->config->sdk_key), &who, hash) != FFSHM_OK) {
        return -1;
    }
    snprintf(name, LAUNCHDARKLY_KEPT_NAME, "launchdarkly/%s", hash);
    return 0;
}

/* A store has no key that would have to stay a secret. */
static int name_of_store(struct launchdarkly_client *c)
{
    char place[LAUNCHDARKLY_STORE_PLACE];
    if (launchdarkly_store_place(c->config, place) != 0) {
        return -1;
    }
    const XXH128_hash_t hash = XXH3_128bits(place, strlen(place));
    snprintf(c->state_name, sizeof c->state_name, "launchdarkly-store/%016" PRIx64 "%016" PRIx64,
             hash.high64, hash.low64);
    return 0;
}

/* The definitions of one SDK key and filter, or store, must never be served for another. */
static int name_state(struct launchdarkly_client *c)
{
    const char *filter = config_text(c->config, CONFIG_LD_FILTER);
    if (c->config->sdk_key && name_of_key(c, "ffshm-events", ANY, c->environment) != 0) {
        return -1;
    }
    return config_reads_store(c->config)
               ? name_of_store(c)
               : name_of_key(c, "ffshm-state", *filter ? filter : ANY, c->state_name);
}

/* The levels that are on this host. */
static void restore_state(struct launchdarkly_client *c)
{
    struct launchdarkly_kept_found found;
    struct publisher_stats published;
    publisher_stats(c->publisher, &published);
    launchdarkly_kept_open(&c->kept);
    c->adopted = published.generation != 0;
    if (c->adopted) {
        launchdarkly_levels_hit(&c->levels, IMAGE_LEVEL_MEMORY,
                                (uint64_t)published.flags + published.segments);
    }
    launchdarkly_kept_restore(&c->kept, &found);
    if (found.newest_ms == 0) {
        return; /* nothing is kept */
    }
    const struct source_state state = {.state = IMAGE_SOURCE_INTERRUPTED};
    c->restored = true;
    c->levels.of[IMAGE_LEVEL_DISK].older = found.older;
    launchdarkly_levels_hit(&c->levels, IMAGE_LEVEL_DISK, found.items - found.older);
    pipeline_data_as_of(c->pipeline, CATALOG_LAUNCHDARKLY, (uint64_t)found.newest_ms);
    pipeline_source_state(c->pipeline, CATALOG_LAUNCHDARKLY, &state);
    LOG_EVENT(LOG_LEVEL_INFO, "restored", log_text("source", source_name(c)),
              log_number("items", (int64_t)found.items), log_number("older", (int64_t)found.older),
              log_number("age_s", (now_ms() - found.newest_ms) / 1000));
}

/* Also once a second: into the control page. */
static void report_levels(const struct launchdarkly_client *c)
{
    struct launchdarkly_store_stats store = {0};
    struct image_levels_report report;
    if (c->store) {
        launchdarkly_store_stats(c->store, &store);
    }
    launchdarkly_levels_report(&c->levels, store.writes ? &store.written : NULL, &report);
    publisher_levels_report(c->publisher, &report);
}

/* ---- what the source says ------------------------------------------------------------------ */

static int on_put(void *arg, struct model_item **items, size_t count, const char *json,
                  size_t length)
{
    struct launchdarkly_client *c = arg;
    launchdarkly_keep_whole(&c->kept, json, length);
    LOG_EVENT(LOG_LEVEL_INFO, "received", log_text("source", "launchdarkly"),
              log_number("items", (int64_t)count), log_number("bytes", (int64_t)length));
    if (pipeline_replace(c->pipeline, CATALOG_LAUNCHDARKLY, items, count) != 0) {
        return -1;
    }
    pipeline_data_as_of(c->pipeline, CATALOG_LAUNCHDARKLY, 0);
    launchdarkly_levels_hit(&c->levels, IMAGE_LEVEL_LAUNCHDARKLY, count);
    if (c->store) {
        launchdarkly_store_whole(c->store);
    }
    c->fresh = true;
    report_levels(c);
    return 0;
}

static int on_patch(void *arg, struct model_item *item, const char *path, const char *json,
                    size_t length)
{
    struct launchdarkly_client *c = arg;
    const struct model_item *old = pipeline_item(c->pipeline, CATALOG_LAUNCHDARKLY, item->kind,
                                                 item->key.text, item->key.length);
    if (old && old->version >= item->version) {
        model_free(item); /* late: what is there is newer */
        return 0;
    }
    launchdarkly_keep_item(&c->kept, path, json, length);
    if (pipeline_put(c->pipeline, CATALOG_LAUNCHDARKLY, item) != 0) {
        return -1;
    }
    launchdarkly_levels_hit(&c->levels, IMAGE_LEVEL_LAUNCHDARKLY, 1);
    if (c->store) {
        launchdarkly_store_item(c->store, path, json, length);
    }
    return 0;
}

/* One line when something goes wrong, and one when it is right again; the same again only for who
   wants to know everything. */
static void tell_state(struct launchdarkly_client *c, const struct source_state *told)
{
    char trouble[sizeof c->trouble] = "";
    if (told->error != IMAGE_SOURCE_NO_ERROR) {
        snprintf(trouble, sizeof trouble, "%s", told->error_text ? told->error_text : "");
        const bool repeated = strcmp(trouble, c->trouble) == 0;
        const bool is_off = told->state == IMAGE_SOURCE_OFF;
        c->stopped = is_off;
        LOG_EVENT(repeated ? LOG_LEVEL_DEBUG
                  : is_off ? LOG_LEVEL_ERROR
                           : LOG_LEVEL_WARNING,
                  is_off ? "source-stopped" : "source-interrupted",
                  log_text("source", source_name(c)), log_number("status", told->error_status),
                  log_text("cause", told->error_text),
                  log_text("effect", c->fresh || c->restored
                                         ? "the last definitions stay in force"
                                         : "nothing is known of LaunchDarkly's flags yet"));
    } else if (told->state == IMAGE_SOURCE_VALID && c->trouble[0]) {
        LOG_EVENT(LOG_LEVEL_INFO, "source-valid", log_text("source", source_name(c)));
    } else if (told->state != IMAGE_SOURCE_VALID) {
        return;
    }
    const bool is_news = strcmp(trouble, c->trouble) != 0 || c->stopped;
    memcpy(c->trouble, trouble, sizeof trouble);
    if (is_news && c->news) {
        c->news(c->news_arg);
    }
}

static void on_state(void *arg, enum image_source_state state, enum image_source_error error,
                     long status, const char *text)
{
    struct launchdarkly_client *c = arg;
    const struct source_state told = {
        /* What an earlier run received is served: no longer initializing. */
        .state =
            state == IMAGE_SOURCE_INITIALIZING && c->restored ? IMAGE_SOURCE_INTERRUPTED : state,
        .error = error,
        .error_status = (int32_t)status,
        .error_text = text,
    };
    tell_state(c, &told);
    pipeline_source_state(c->pipeline, CATALOG_LAUNCHDARKLY, &told);
    if (c->store) {
        launchdarkly_store_follow(c->store, state != IMAGE_SOURCE_VALID);
    }
}

/* ---- what a store says --------------------------------------------------------------------- */

static void on_store_state(void *arg, enum image_source_state state, enum image_source_error error,
                           const char *text, int64_t read_ms)
{
    struct launchdarkly_client *c = arg;
    const struct source_state told = {
        .state = state == IMAGE_SOURCE_INITIALIZING && (c->restored || c->fresh)
                     ? IMAGE_SOURCE_INTERRUPTED
                     : state,
        .error = error,
        .error_text = text,
    };
    if (state == IMAGE_SOURCE_VALID) {
        pipeline_data_as_of(c->pipeline, CATALOG_LAUNCHDARKLY, 0);
    } else if (read_ms > 0) {
        pipeline_data_as_of(c->pipeline, CATALOG_LAUNCHDARKLY, (uint64_t)read_ms);
    }
    tell_state(c, &told);
    pipeline_source_state(c->pipeline, CATALOG_LAUNCHDARKLY, &told);
}

/* While LaunchDarkly is away (the source is told of as it is), or instead of it. */
static void on_store_taken(void *arg, bool whole)
{
    struct launchdarkly_client *c = arg;
    report_levels(c);
    if (config_reads_store(c->config)) {
        c->fresh = c->fresh || whole;
        return;
    }
    if (!c->restored && !c->fresh) {
        const struct source_state state = {.state = IMAGE_SOURCE_INTERRUPTED};
        c->restored = true; /* from another host */
        pipeline_source_state(c->pipeline, CATALOG_LAUNCHDARKLY, &state);
    }
    pipeline_data_as_of(c->pipeline, CATALOG_LAUNCHDARKLY, (uint64_t)now_ms());
    LOG_EVENT(
        LOG_LEVEL_INFO, "store-followed",
        log_text("text", "LaunchDarkly has not answered, or is away; what the store has is newer"));
}

static void on_store_looked(void *arg)
{
    struct launchdarkly_client *c = arg;
    void (*const looked)(void *arg) = c->looked;
    c->looked = NULL;
    if (looked) {
        looked(c->looked_arg);
    }
}

bool launchdarkly_client_look(struct launchdarkly_client *c, void (*done)(void *arg), void *arg)
{
    if (!c->store || !launchdarkly_store_look(c->store)) {
        return false;
    }
    c->looked = done;
    c->looked_arg = arg;
    return true;
}

static bool on_store_serves(void *arg)
{
    const struct launchdarkly_client *c = arg;
    return c->adopted || c->restored || c->fresh;
}

static void on_environment(void *arg, const char *id)
{
    struct launchdarkly_client *c = arg;
    pipeline_environment_id(c->pipeline, id);
}

static void on_connected(void *arg, int64_t time_ms, bool failed, int64_t duration_ms)
{
    struct launchdarkly_client *c = arg;
    if (c->events) {
        launchdarkly_events_stream_init(c->events, time_ms, failed, duration_ms);
    }
}

static void on_told(void *arg, bool error, const char *event, const char *text)
{
    (void)arg;
    LOG_EVENT(error ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, event, log_text("source", "launchdarkly"),
              log_text("text", text));
}

/* ---- the way back -------------------------------------------------------------------------- */

static json_t *on_value(void *arg, const char *key, int64_t version, int64_t variation)
{
    const struct launchdarkly_client *c = arg;
    return pipeline_value(c->pipeline, key, version, variation);
}

static void on_contexts_forgotten(void *arg)
{
    const struct launchdarkly_client *c = arg;
    if (c->collection) {
        collection_forget_contexts(c->collection);
    }
}

/* What an earlier agent did not deliver, and what programs told it, is of its SDK key's environment
   and must not go to another one. Remembered when it is gone: killed before, the next agent drops
   it. */
static const char events_of[] = "events-of";

static int keep_environments_apart(struct launchdarkly_client *c, struct fault *fault)
{
    char *of = NULL;
    if (storage_get(c->storage, events_of, &of, fault) != 0) {
        return -1;
    }
    c->forgets = of && strcmp(of, c->environment) != 0;
    const bool is_known = of && !c->forgets;
    free(of);
    if (!c->forgets) {
        return is_known ? 0 : storage_set(c->storage, events_of, c->environment, fault);
    }
    LOG_EVENT(LOG_LEVEL_WARNING, "sdk-key-changed",
              log_text("effect", "events that were not delivered with the old key are dropped"));
    return launchdarkly_events_forget(c->storage, fault);
}

/* What programs told was passed over, too; only now nothing is left of the other environment. */
static void finish_forgetting(struct launchdarkly_client *c)
{
    struct fault fault = {0};
    if (c->forgets && collection_flush(c->collection) == 0 &&
        storage_set(c->storage, events_of, c->environment, &fault) != 0) {
        state_failed("state-not-kept", &fault);
    }
    c->forgets = false;
}

static int start_events(struct launchdarkly_client *c)
{
    const struct config *config = c->config;
    const char *key = secret_text(config->sdk_key);
    const size_t length = strlen(key);
    const char **private_attributes =
        launchdarkly_texts(&config->settings[CONFIG_EVENTS_PRIVATE_ATTRIBUTES]);
    json_t *init = launchdarkly_diagnostics(config);
    struct fault fault = {0};
    const struct launchdarkly_events_options options = {
        .base_uri = config_text(config, CONFIG_LD_EVENTS_URI),
        .headers = c->headers.list,
        .capacity = (unsigned)config_number(config, CONFIG_EVENTS_CAPACITY),
        .all_private = config_bool(config, CONFIG_EVENTS_ALL_PRIVATE),
        .private_attributes = private_attributes,
        .omit_anonymous = config_bool(config, CONFIG_EVENTS_OMIT_ANONYMOUS),
        .gzip = config_bool(config, CONFIG_EVENTS_GZIP),
        .diagnostics = config_bool(config, CONFIG_EVENTS_DIAGNOSTICS),
        .diagnostic_init = init,
        .sdk_key_suffix = length > 6 ? key + length - 6 : "",
        .value = on_value,
        .contexts_forgotten = on_contexts_forgotten,
        .arg = c,
    };
    if (private_attributes && init && keep_environments_apart(c, &fault) == 0) {
        c->events = launchdarkly_events_new(c->base, c->http, c->storage, &options, &fault);
    }
    free(private_attributes);
    json_decref(init);
    if (!c->events) {
        state_failed("events-failed", &fault);
    }
    return c->events ? 0 : -1;
}

static void on_report(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    report_levels(arg);
}

static int start_report(struct launchdarkly_client *c)
{
    const struct timeval every = {REPORT_MS / 1000, REPORT_MS % 1000 * 1000L};
    report_levels(c);
    c->report = event_new(c->base, -1, EV_PERSIST, on_report, c);
    return c->report ? event_add(c->report, &every) : -1;
}

/* Definitions matter more: whatever keeps events from being delivered, they come. */
static void start_way_back(struct launchdarkly_client *c)
{
    if (start_events(c) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "events-off",
                  log_text("effect", "nothing that programs evaluate is told to LaunchDarkly"),
                  log_text("hint", "put right what is said above, and restart the agent"));
    }
}

/* ---- the source ---------------------------------------------------------------------------- */

static int start_source(struct launchdarkly_client *c)
{
    const struct launchdarkly_owner owner = {on_put,       on_patch, on_state, on_environment,
                                             on_connected, on_told,  c};
    const bool poll = launchdarkly_has_mode(c->config, "poll");
    const struct launchdarkly_options options = {
        .base_uri = config_text(c->config, poll ? CONFIG_LD_POLL_URI : CONFIG_LD_STREAM_URI),
        .headers = c->headers.list,
        .filter = launchdarkly_filter_of(c->config),
        .polling = poll,
        .accept_gzip = true,
        .poll_interval_ms = launchdarkly_poll_interval(c->config),
        .initial_delay_ms = config_number(c->config, CONFIG_LD_INITIAL_RETRY_MS),
        .never_stop = strcasecmp(config_text(c->config, CONFIG_LD_ON_REFUSAL), "slow") == 0 &&
                      !c->config->once,
    };
    c->source = launchdarkly_new(c->base, c->http, &options, &owner);
    return c->source ? 0 : -1;
}

/* Written to only where LaunchDarkly is asked, and not by who is gone in a moment. */
static int start_store(struct launchdarkly_client *c)
{
    const bool reads = config_reads_store(c->config);
    const bool writes = config_writes_store(c->config) &&
                        !launchdarkly_has_mode(c->config, "off") && !c->config->once;
    const struct launchdarkly_store_owner owner = {.config = c->config,
                                                   .pipeline = c->pipeline,
                                                   .kept = &c->kept,
                                                   .levels = &c->levels,
                                                   .state = on_store_state,
                                                   .taken = on_store_taken,
                                                   .serves = on_store_serves,
                                                   .looked = on_store_looked,
                                                   .arg = c};
    if (!reads && !writes) {
        return 0;
    }
    c->store = launchdarkly_store_new(c->base, &owner);
    if (!c->store) {
        return -1;
    }
    if (reads) {
        return launchdarkly_store_read(c->store);
    }
    if (launchdarkly_store_write(c->store) != 0) {
        return -1;
    }
    launchdarkly_store_follow(c->store, true); /* until LaunchDarkly answers */
    return 0;
}

/* ---- life ---------------------------------------------------------------------------------- */

static int open_state(struct launchdarkly_client *c)
{
    const char *path = config_text(c->config, CONFIG_STATE);
    struct fault fault = {0};
    if (*path && strcmp(path, CONFIG_NO_STATE) != 0) {
        c->storage = storage_open(path, &fault);
        if (c->storage) {
            c->keeps = true;
            return 0;
        }
        log_fault(LOG_LEVEL_ERROR, "state-failed", &fault);
        LOG_EVENT(LOG_LEVEL_WARNING, "nothing-kept",
                  log_text("text", "after a restart there are no definitions before LaunchDarkly "
                                   "answers, and events that are not delivered by then are lost"));
    }
    c->storage = storage_open(":memory:", &fault);
    return c->storage ? 0 : -1;
}

static int make(struct launchdarkly_client *c)
{
    const char *proxy = config_text(c->config, CONFIG_LD_PROXY);
    const char *ca_file = config_text(c->config, CONFIG_LD_CA_FILE);
    const struct http_options options = {
        .user_agent = "FfshmAgent/" FFSHM_VERSION,
        .proxy = *proxy ? proxy : NULL,
        .ca_file = *ca_file ? ca_file : NULL,
        .skip_verify = config_bool(c->config, CONFIG_LD_SKIP_VERIFY),
    };
    if (name_state(c) != 0) {
        return -1;
    }
    if (!c->config->sdk_key) {
        return 0; /* nobody is asked, nobody is told */
    }
    if (launchdarkly_headers_make(&c->headers, c->config) != 0 ||
        pipeline_keep_values(c->pipeline) != 0) {
        return -1;
    }
    c->http = http_new(c->base, &options);
    return c->http ? 0 : -1;
}

struct launchdarkly_client *launchdarkly_client_new(struct event_base *base,
                                                    const struct config *config,
                                                    struct pipeline *pipeline,
                                                    struct publisher *publisher)
{
    struct launchdarkly_client *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    c->base = base;
    c->config = config;
    c->pipeline = pipeline;
    c->publisher = publisher;
    if (make(c) != 0 || open_state(c) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "start-failed", log_text("cause", "out of memory"));
        launchdarkly_client_free(c);
        return NULL;
    }
    c->kept = (struct launchdarkly_kept){
        .storage = c->storage, .pipeline = pipeline, .publisher = publisher, .name = c->state_name};
    if (launchdarkly_client_asks(c) || is_offline(c)) {
        pipeline_expect(pipeline, CATALOG_LAUNCHDARKLY);
        restore_state(c);
    }
    return c;
}

struct storage *launchdarkly_client_storage(const struct launchdarkly_client *c)
{
    return c->keeps ? c->storage : NULL;
}

struct storage *launchdarkly_client_queue(const struct launchdarkly_client *c)
{
    return c->storage;
}

struct deliver *launchdarkly_client_deliver(const struct launchdarkly_client *c)
{
    return c->events;
}

bool launchdarkly_client_forgets(const struct launchdarkly_client *c)
{
    return c->forgets;
}

void launchdarkly_client_collected_by(struct launchdarkly_client *c, struct collection *collection)
{
    c->collection = collection;
    finish_forgetting(c);
}

int launchdarkly_client_start(struct launchdarkly_client *c)
{
    if (is_offline(c)) {
        LOG_EVENT(LOG_LEVEL_WARNING, "offline",
                  log_text("text", c->restored ? "serving what LaunchDarkly last said"
                                               : "nothing is known of LaunchDarkly's flags"));
        const struct source_state off = {.state = IMAGE_SOURCE_OFF};
        pipeline_source_state(c->pipeline, CATALOG_LAUNCHDARKLY, &off);
        return 0;
    }
    if (c->config->sdk_key) {
        launchdarkly_check_uris(c->config);
    }
    if (has_events(c)) {
        start_way_back(c);
    }
    if (start_store(c) != 0 || start_report(c) != 0) {
        return -1;
    }
    return config_reads_store(c->config) || launchdarkly_has_mode(c->config, "off")
               ? 0
               : start_source(c);
}

void launchdarkly_client_stats(const struct launchdarkly_client *c,
                               struct launchdarkly_client_stats *out)
{
    *out = (struct launchdarkly_client_stats){.delivers = c->events != NULL};
    if (c->events) {
        launchdarkly_events_stats(c->events, &out->delivered);
    }
    out->levels = &c->levels;
    if (c->store) {
        launchdarkly_store_stats(c->store, &out->store);
    }
}

void launchdarkly_client_finish(struct launchdarkly_client *c)
{
    launchdarkly_free(c->source);
    c->source = NULL;
    if (c->collection) {
        collection_flush(c->collection);
    }
}

bool launchdarkly_client_finished(const struct launchdarkly_client *c)
{
    return (!c->events || launchdarkly_events_idle(c->events)) &&
           (!c->store || launchdarkly_store_idle(c->store));
}

bool launchdarkly_client_asks(const struct launchdarkly_client *c)
{
    return (config_reads_store(c->config) || !launchdarkly_has_mode(c->config, "off")) &&
           !is_offline(c);
}

bool launchdarkly_client_fresh(const struct launchdarkly_client *c)
{
    return c->fresh;
}

bool launchdarkly_client_stopped(const struct launchdarkly_client *c)
{
    return c->stopped;
}

const char *launchdarkly_client_trouble(const struct launchdarkly_client *c)
{
    return c->trouble;
}

void launchdarkly_client_on_news(struct launchdarkly_client *c, void (*news)(void *arg), void *arg)
{
    c->news = news;
    c->news_arg = arg;
}

bool launchdarkly_client_restored(const struct launchdarkly_client *c)
{
    return c->restored;
}

void launchdarkly_client_free(struct launchdarkly_client *c)
{
    if (!c) {
        return;
    }
    launchdarkly_free(c->source);
    if (c->report) {
        report_levels(c);
        event_free(c->report);
    }
    launchdarkly_store_free(c->store);
    launchdarkly_events_free(c->events);
    http_free(c->http);
    storage_close(c->storage);
    launchdarkly_headers_free(&c->headers);
    free(c);
}
