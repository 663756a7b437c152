#include "admin_api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin_builtin.h"
#include "admin/admin_token_storage.h"
#include "ffshm.h"
#include "operate/refusal_trail.h"
#include "routes/routes_audit.h"
#include "routes/routes_backup.h"
#include "routes/routes_changes.h"
#include "routes/routes_definitions.h"
#include "routes/routes_evaluate.h"
#include "routes/routes_fleet.h"
#include "routes/routes_history.h"
#include "routes/routes_import.h"
#include "routes/routes_overrides.h"
#include "routes/routes_rates.h"
#include "routes/routes_schedules.h"
#include "routes/routes_snapshots.h"

struct admin_api {
    struct admin_api_agent agent;
    struct admin_server *server;
    struct admin_builtin builtin;
    struct routes_overrides overrides;
    struct routes_definitions definitions;
    struct routes_schedules schedules;
    struct routes_changes *changes;
    struct routes_snapshots snapshots;
    struct evaluate_store store;
    struct routes_rates rates;
    struct routes_fleet fleet;
    struct routes_audit audit;
    struct routes_backup backup;
    struct refusal_trail *refusals;
    struct admin_token_store tokens;
    struct admin_peer_rule *rules;
    size_t rule_count;
    const char **addresses;
    int64_t started_ms;
};

/* ---- status --------------------------------------------------------------------------------- */

static json_t *time_or_null(uint64_t ms)
{
    return ms ? json_integer((json_int_t)ms) : json_null();
}

static json_t *source(const struct source_states_one *one, const char *name)
{
    static const char *const states[] = {"initializing", "valid", "interrupted", "off"};
    json_t *body =
        json_pack("{s:s, s:s, s:o, s:o}", "name", name, "state", states[one->state], "sinceMs",
                  time_or_null(one->since_ms), "dataAsOfMs", time_or_null(one->data_ms));
    if (body && one->error_ms) {
        json_object_set_new(body, "error",
                            json_pack("{s:s, s:i, s:I, s:s%}", "kind",
                                      ffshm_source_error_name((int)one->error), "status",
                                      (int)one->error_status, "atMs", (json_int_t)one->error_ms,
                                      "text", one->error_text, strlen(one->error_text)));
    }
    return body;
}

json_t *admin_api_sources(const struct source_states *states)
{
    static const char *const names[CATALOG_LAYERS] = {
        [CATALOG_LAUNCHDARKLY] = "launchdarkly",
        [CATALOG_FILE] = "files",
    };
    json_t *list = json_array();
    for (unsigned i = 0; i < CATALOG_LAYERS; i++) {
        if (states->of[i].expected && names[i]) {
            json_array_append_new(list, source(&states->of[i], names[i]));
        }
    }
    return list;
}

static json_t *snapshot(const struct publisher_stats *s)
{
    char generation[LOG_GENERATION];
    char digest[33];
    snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, s->digest[1], s->digest[0]);
    return json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "generation",
                     (json_int_t)s->generation, "generationText",
                     log_generation(s->generation, generation), "digest", digest, "flags",
                     (json_int_t)s->flags, "segments", (json_int_t)s->segments, "extents",
                     (json_int_t)s->extents, "liveBytes", (json_int_t)s->live_bytes, "publishes",
                     (json_int_t)s->publishes, "failures", (json_int_t)s->failures, "retained",
                     (json_int_t)s->retained_heads);
}

static json_t *collected(const struct collector_stats *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i}", "rounds",
                     (json_int_t)s->rounds, "flushes", (json_int_t)s->flushes, "records",
                     (json_int_t)s->records, "malformed", (json_int_t)s->malformed, "evaluations",
                     (json_int_t)s->evaluations, "droppedEvents", (json_int_t)s->dropped_events,
                     "droppedCounts", (json_int_t)s->dropped_counts, "files", (int)s->files,
                     "refusedFiles", (int)s->refused_files);
}

static json_t *delivered(const struct launchdarkly_events_stats *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:s%}", "events",
                     (json_int_t)s->events, "payloads", (json_int_t)s->payloads, "failures",
                     (json_int_t)s->failures, "droppedEvents", (json_int_t)s->dropped_events,
                     "droppedPayloads", (json_int_t)s->dropped_payloads, "outboxBytes",
                     (json_int_t)s->outbox_bytes, "stopped", s->stopped, "lastStatus",
                     (json_int_t)s->last_status, "lastError", s->last_error, strlen(s->last_error));
}

static json_t *milliseconds(int64_t ms)
{
    return time_or_null(ms > 0 ? (uint64_t)ms : 0);
}

/* LaunchDarkly's store in Redis, read or written. */
static json_t *store(const struct launchdarkly_store_stats *s)
{
    static const char *const states[] = {"waiting", "writing", "valid", "interrupted"};
    const struct redis_store_stats *r = &s->read;
    const struct redis_store_sink_stats *w = &s->written;
    if (s->reads) {
        return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "mode", "source", "looks",
                         (json_int_t)r->looks, "reads", (json_int_t)r->reads, "changes",
                         (json_int_t)r->changes, "invalid", (json_int_t)r->invalid, "older",
                         (json_int_t)r->older, "failures", (json_int_t)r->failures, "items",
                         (json_int_t)r->items, "readMs", milliseconds(r->read_ms));
    }
    json_t *body =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "mode", "sink", "state",
                  states[w->state], "wholes", (json_int_t)w->wholes, "found", (json_int_t)w->found,
                  "raced", (json_int_t)w->raced, "items", (json_int_t)w->items, "notNewer",
                  (json_int_t)w->not_newer, "failures", (json_int_t)w->failures, "bytes",
                  (json_int_t)w->bytes, "writtenMs", milliseconds(w->written_ms));
    if (body && w->trouble[0]) {
        json_object_set_new(body, "trouble", json_string(w->trouble));
    }
    return body;
}

static void add_launchdarkly(json_t *body, const struct launchdarkly_client *client)
{
    struct launchdarkly_client_stats told;
    launchdarkly_client_stats(client, &told);
    if (told.delivers) {
        json_object_set_new(body, "events", delivered(&told.delivered));
    }
    json_object_set_new(body, "levels", launchdarkly_levels_json(told.levels));
    if (told.store.reads || told.store.writes) {
        json_object_set_new(body, "store", store(&told.store));
    }
}

static json_t *status(void *arg)
{
    const struct admin_api *api = arg;
    const struct admin_api_agent *agent = &api->agent;
    struct publisher_stats published;
    struct collector_stats told;
    publisher_stats(agent->publisher, &published);
    json_t *body = json_pack("{s:s, s:i, s:I, s:s, s:b, s:o, s:o}", "version", FFSHM_VERSION, "pid",
                             (int)getpid(), "startedMs", (json_int_t)api->started_ms, "dir",
                             config_text(agent->config, CONFIG_DIR), "ready",
                             published.generation != 0, "snapshot", snapshot(&published), "sources",
                             admin_api_sources(pipeline_sources(agent->pipeline)));
    if (body && agent->collection && collection_stats(agent->collection, &told)) {
        json_object_set_new(body, "telemetry", collected(&told));
    }
    if (body && agent->client) {
        add_launchdarkly(body, agent->client);
    }
    if (body && agent->fleet) {
        json_object_set_new(body, "fleet", fleet_client_json(agent->fleet));
    }
    if (body && agent->big_segments) {
        json_object_set_new(body, "bigSegments", big_segments_client_json(agent->big_segments));
    }
    return body;
}

static bool is_ready(void *arg, const char **why)
{
    const struct admin_api *api = arg;
    struct publisher_stats stats;
    publisher_stats(api->agent.publisher, &stats);
    *why = "no definitions have been published";
    return stats.generation != 0;
}

/* ---- making it ------------------------------------------------------------------------------ */

static const char *text_or_null(const struct config *c, enum config_setting setting)
{
    const char *text = config_text(c, setting);
    return *text ? text : NULL;
}

/* The configuration has checked the texts already; what the host's users are may have changed. */
static int read_lists(struct admin_api *api)
{
    const struct config_values *peers = &api->agent.config->settings[CONFIG_ADMIN_PEERS];
    const struct config_values *listen = &api->agent.config->settings[CONFIG_ADMIN_LISTEN];
    api->rules = calloc(peers->count + 1, sizeof *api->rules);
    api->addresses = calloc(listen->count + 1, sizeof *api->addresses);
    if (!api->rules || !api->addresses) {
        return -1;
    }
    for (size_t i = 0; i < peers->count; i++) {
        struct fault fault = {0};
        if (admin_peer_rule_parse(peers->values[i].text, &api->rules[api->rule_count], &fault) ==
            0) {
            api->rule_count++;
        } else {
            log_fault(LOG_LEVEL_ERROR, "admin-peer-ignored", &fault);
        }
    }
    for (size_t i = 0; i < listen->count; i++) {
        api->addresses[i] = listen->values[i].text;
    }
    return 0;
}

/* The API goes on without tokens where they cannot be kept: users of this host need none. */
static const struct admin_token_store *tokens_of(struct admin_api *api)
{
    if (!state_file_keeps(api->agent.state)) {
        return NULL;
    }
    admin_token_storage(api->agent.state, &api->tokens);
    return &api->tokens;
}

static int add_routes(struct admin_api *api)
{
    struct admin_server *server = api->server;
    const bool added = api->changes && admin_builtin_add(&api->builtin) == 0 &&
                       routes_overrides_add(&api->overrides, server) == 0 &&
                       routes_definitions_add(&api->definitions, server) == 0 &&
                       routes_schedules_add(&api->schedules, server) == 0 &&
                       routes_history_add(&api->definitions, server) == 0 &&
                       routes_import_add(&api->definitions, server) == 0 &&
                       routes_export_add(&api->definitions, server) == 0 &&
                       routes_snapshots_add(&api->snapshots, server) == 0 &&
                       routes_changes_add(api->changes, server) == 0 &&
                       routes_evaluate_add(&api->store, server) == 0 &&
                       routes_rates_add(&api->rates, server) == 0 &&
                       routes_fleet_add(&api->fleet, server) == 0 &&
                       routes_audit_add(&api->audit) == 0 && routes_backup_add(&api->backup) == 0;
    return added ? 0 : -1;
}

static bool is_reached(const void *arg)
{
    return fleet_client_reached(arg);
}

/* What the fleet has agreed on is published by now. */
static void agreed(void *arg, json_t *body)
{
    const struct admin_api *api = arg;
    struct publisher_stats stats;
    char text[LOG_GENERATION];
    if (json_object_get(body, "generation")) {
        publisher_stats(api->agent.publisher, &stats);
        json_object_set_new(body, "generation", json_integer((json_int_t)stats.generation));
        json_object_set_new(body, "generationText",
                            json_string(log_generation(stats.generation, text)));
    }
}

static int make(struct admin_api *api, struct event_base *base, struct fault *fault)
{
    const struct config *c = api->agent.config;
    fault_set(fault, "admin", NULL, "out of memory");
    api->refusals = refusal_trail_new(base, api->agent.own_state, &refusal_limits_standard);
    if (!api->refusals || read_lists(api) != 0) {
        return -1;
    }
    const struct admin_options options = {
        .dir = config_text(c, CONFIG_DIR),
        .addresses = api->addresses,
        .address_count = c->settings[CONFIG_ADMIN_LISTEN].count,
        .tls_certificate = text_or_null(c, CONFIG_ADMIN_TLS_CERTIFICATE),
        .tls_key = text_or_null(c, CONFIG_ADMIN_TLS_KEY),
        .rules = api->rules,
        .rule_count = api->rule_count,
        .tokens = tokens_of(api),
        .turns = api->agent.fleet ? fleet_client_turns(api->agent.fleet) : NULL,
        .agreed = agreed,
        .agreed_arg = api,
        .refused = refusal_trail_refused,
        .arg = api->refusals,
    };
    api->server = admin_server_new(base, &options, fault);
    if (!api->server) {
        return -1;
    }
    api->builtin = (struct admin_builtin){api->server, {api, is_ready, status}};
    api->overrides = (struct routes_overrides){
        .pipeline = api->agent.pipeline,
        .keeper = api->agent.overrides,
        .host = api->agent.fleet ? fleet_client_overrides(api->agent.fleet) : NULL,
        .fleet = api->agent.fleet ? fleet_client_kills(api->agent.fleet) : NULL,
        .reached = is_reached,
        .arg = api->agent.fleet,
    };
    api->definitions = (struct routes_definitions){
        {api->agent.pipeline, api->agent.publisher, api->agent.state}, api->agent.definitions};
    api->schedules = (struct routes_schedules){&api->definitions, api->agent.schedules};
    api->snapshots = (struct routes_snapshots){api->agent.publisher, api->agent.state};
    api->changes =
        routes_changes_new(base, api->agent.pipeline, api->agent.publisher, api->agent.state);
    api->store = (struct evaluate_store){.base = base,
                                         .dir = options.dir,
                                         .log = api->agent.state,
                                         .epoch = publisher_epoch(api->agent.publisher)};
    api->rates = (struct routes_rates){.store = &api->store};
    api->fleet = (struct routes_fleet){&api->store, api->agent.hosts, api->agent.sums};
    api->audit = (struct routes_audit){.state = api->agent.state, .server = api->server};
    api->backup = (struct routes_backup){.state = api->agent.state,
                                         .own = api->agent.own_state,
                                         .server = api->server,
                                         .dir = options.dir};
    return add_routes(api);
}

struct admin_api *admin_api_new(struct event_base *base, const struct admin_api_agent *agent)
{
    struct fault fault = {0};
    struct timespec now;
    if (!config_bool(agent->config, CONFIG_ADMIN_ENABLED)) {
        return NULL;
    }
    struct admin_api *api = calloc(1, sizeof *api);
    if (api) {
        clock_gettime(CLOCK_REALTIME, &now);
        api->agent = *agent;
        api->started_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    }
    if (!api || make(api, base, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "admin-failed", &fault);
        admin_api_free(api);
        return NULL;
    }
    return api;
}

void admin_api_free(struct admin_api *api)
{
    if (api) {
        admin_server_free(api->server);
        routes_changes_free(api->changes);
        routes_rates_close(&api->rates);
        evaluate_store_close(&api->store);
        refusal_trail_free(api->refusals);
        free(api->rules);
        free(api->addresses);
        free(api);
    }
}

struct admin_server *admin_api_server(struct admin_api *api)
{
    return api->server;
}

void admin_api_start(struct admin_api *api)
{
    struct fault fault = {0};
    const struct config_values *listen = &api->agent.config->settings[CONFIG_ADMIN_LISTEN];
    if (admin_server_listen_unix(api->server, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "admin-failed", &fault);
    }
    fault = (struct fault){0};
    if (listen->count > 0 && admin_server_listen_tcp(api->server, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "admin-failed", &fault);
        return;
    }
    for (size_t i = 0; i < listen->count; i++) {
        LOG_EVENT(LOG_LEVEL_INFO, "admin-listening", log_text("address", listen->values[i].text),
                  log_number("port", admin_server_port(api->server, i)),
                  log_text("tls", *config_text(api->agent.config, CONFIG_ADMIN_TLS_CERTIFICATE)
                                      ? "yes"
                                      : "no"));
    }
}

void admin_api_tokens(struct admin_api *api)
{
    struct fault fault = {0};
    if (admin_server_reload_tokens(api->server, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "admin-tokens-failed", &fault);
    }
}

void admin_api_reload(struct admin_api *api)
{
    struct fault fault = {0};
    if (admin_server_reload(api->server, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "admin-reload-failed", &fault);
    }
}
