/*
 * agent_config.c - from the harness's configuration of a client to ffagent's configuration file.
 *
 * The file is JSON, which YAML contains.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service.h"

/* An absent or empty value sets nothing. */
static void set_text(json_t *object, const char *name, const char *text)
{
    if (text && *text) {
        json_object_set_new(object, name, json_string(text));
    }
}

static void set_copy(json_t *object, const char *name, const json_t *value)
{
    if (value) {
        json_object_set_new(object, name, json_deep_copy(value));
    }
}

/* The harness's numbers may have a fraction that is 0. */
static void set_integer(json_t *object, const char *name, const json_t *value)
{
    if (json_is_number(value)) {
        json_object_set_new(object, name, json_integer((json_int_t)json_number_value(value)));
    }
}

/* A component's own address wins over the common one. */
static const char *base_uri(const json_t *component, const json_t *endpoints, const char *name)
{
    const char *own = member_text(component, "baseUri");
    return own && *own ? own : member_text(endpoints, name);
}

static json_t *source_settings(const json_t *configuration)
{
    const json_t *endpoints = member(configuration, "serviceEndpoints");
    const json_t *streaming = member(configuration, "streaming");
    const json_t *polling = member(configuration, "polling");
    const bool streams = streaming || !polling;
    const json_t *component = streams ? streaming : polling;
    json_t *settings = json_pack("{s:s}", "mode", streams ? "stream" : "poll");
    set_text(settings, "stream_uri", base_uri(streaming, endpoints, "streaming"));
    set_text(settings, "poll_uri", base_uri(polling, endpoints, "polling"));
    set_text(settings, "events_uri",
             base_uri(member(configuration, "events"), endpoints, "events"));
    set_text(settings, "filter", member_text(component, "filter"));
    set_integer(settings, "poll_interval_ms", member(polling, "pollIntervalMs"));
    set_integer(settings, "initial_retry_ms", member(streaming, "initialRetryDelayMs"));
    return settings;
}

#define NEVER_S 86400 /* seconds: longer than any check */

static void set_store(json_t *settings, const json_t *configuration)
{
    const json_t *wanted = member(configuration, "persistentDataStore");
    const json_t *store = member(wanted, "store");
    const json_t *cache = member(wanted, "cache");
    const char *mode = member_text(cache, "mode");
    if (!wanted) {
        return;
    }
    set_text(settings, "store", member_text(store, "dsn"));
    set_text(settings, "store_mode", store_is_all(configuration) ? "source" : "sink");
    set_text(settings, "store_prefix", member_text(store, "prefix"));
    set_text(settings, "store_emptied", "follow");
    if (mode && strcmp(mode, "infinite") == 0) {
        json_object_set_new(settings, "store_ttl_seconds", json_integer(NEVER_S));
    } else if (mode && strcmp(mode, "off") == 0) {
        json_object_set_new(settings, "store_ttl_seconds", json_integer(0));
    } else {
        set_integer(settings, "store_ttl_seconds", member(cache, "ttl"));
    }
}

static json_t *launchdarkly_settings(const json_t *configuration)
{
    const json_t *tags = member(configuration, "tags");
    const json_t *wrapper = member(configuration, "wrapper");
    const json_t *tls = member(configuration, "tls");
    json_t *settings = source_settings(configuration);
    set_store(settings, configuration);
    set_text(settings, "application_id", member_text(tags, "applicationId"));
    set_text(settings, "application_version", member_text(tags, "applicationVersion"));
    set_text(settings, "wrapper_name", member_text(wrapper, "name"));
    set_text(settings, "wrapper_version", member_text(wrapper, "version"));
    set_text(settings, "ca_file", member_text(tls, "customCAFile"));
    if (member_true(tls, "skipVerifyPeer")) {
        json_object_set_new(settings, "skip_verify", json_true());
    }
    set_text(settings, "proxy", member_text(member(configuration, "proxy"), "httpProxy"));
    return settings;
}

static json_t *events_settings(const json_t *configuration)
{
    const json_t *events = member(configuration, "events");
    const json_t *gzip = member(events, "enableGzip");
    json_t *settings = json_pack("{s:b}", "enabled", events != NULL);
    set_integer(settings, "capacity", member(events, "capacity"));
    set_integer(settings, "flush_ms", member(events, "flushIntervalMs"));
    set_copy(settings, "all_private", member(events, "allAttributesPrivate"));
    set_copy(settings, "private_attributes", member(events, "globalPrivateAttributes"));
    set_copy(settings, "omit_anonymous", member(events, "omitAnonymousContexts"));
    /* The service says that it can ("event-gzip"): then the harness wants it unless it says no. */
    json_object_set_new(settings, "gzip", json_boolean(!json_is_false(gzip)));
    json_object_set_new(settings, "diagnostics",
                        json_boolean(member_true(events, "enableDiagnostics")));
    return settings;
}

/* NULL: no store, and so no settings. */
static json_t *big_segments_settings(const struct client *c, const json_t *configuration)
{
    const json_t *wanted = member(configuration, "bigSegments");
    char url[CLIENT_PATH + 32];
    if (!wanted) {
        return NULL;
    }
    client_big_segments_url(c, url);
    json_t *settings = json_pack("{s:s}", "store", url);
    set_integer(settings, "cache_size", member(wanted, "userCacheSize"));
    set_integer(settings, "cache_ms", member(wanted, "userCacheTimeMs"));
    set_integer(settings, "status_poll_ms", member(wanted, "statusPollIntervalMs"));
    set_integer(settings, "stale_after_ms", member(wanted, "staleAfterMs"));
    return settings;
}

static json_t *settings_of(const struct client *c, const json_t *configuration)
{
    char store[CLIENT_PATH + 16], state[CLIENT_PATH + 16];
    snprintf(store, sizeof store, "%s/store", c->dir);
    snprintf(state, sizeof state, "%s/state.db", c->dir);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o*}", "dir", store, "state", state,
                     "log_level", "debug", "sdk_key", c->sdk_key, "launchdarkly",
                     launchdarkly_settings(configuration), "events", events_settings(configuration),
                     "big_segments", big_segments_settings(c, configuration));
}

static int write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -1;
    }
    const size_t length = strlen(text);
    const ssize_t written = write(fd, text, length);
    return close(fd) == 0 && written == (ssize_t)length ? 0 : -1;
}

int agent_config_write(const struct client *c, const json_t *configuration, char *path,
                       size_t capacity, struct outcome *outcome)
{
    json_t *settings = settings_of(c, configuration);
    char *text = settings ? json_dumps(settings, JSON_INDENT(2)) : NULL;
    snprintf(path, capacity, "%s/ffagent.yaml", c->dir);
    const int result = text ? write_file(path, text) : -1;
    if (result) {
        outcome_fail(outcome, 500, "%s: cannot be written", path);
    }
    free(text);
    json_decref(settings);
    return result;
}
