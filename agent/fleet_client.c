#include "fleet_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define HOST_MOST 256

struct fleet_client {
    struct state_file state; /* the replica */
    char *path;
    struct fleet *fleet;
    bool known;
    struct fleet_client_parts parts;
    struct override_keeper *host; /* kills of this host alone */
    struct override_fleet *kills;
    bool tokens_changed;
    bool schedules_changed;
    void (*tokens)(void *arg);
    void *tokens_arg;
    void (*on_known)(void *arg);
    void *known_arg;
};

/* ---- what others change --------------------------------------------------------------------- */

static void renew_definition(struct fleet_client *c, const struct row_change *change)
{
    struct rows_key key[2];
    if (rows_key_read(change->key, change->key_length, key, 2) == 2) {
        char *name = rows_text(&key[1]);
        if (name) {
            definition_keeper_renew(c->parts.definitions, (enum storage_kind)key[0].number, name);
        }
        free(name);
    }
}

static void renew_override(struct fleet_client *c, const struct row_change *change)
{
    struct rows_key key;
    if (rows_key_read(change->key, change->key_length, &key, 1) == 1) {
        char *name = rows_text(&key);
        if (name) {
            override_fleet_renew(c->kills, name);
        }
        free(name);
    }
}

static int on_changed(void *arg, const struct row_change *change)
{
    struct fleet_client *c = arg;
    switch (change->table) {
    case ROWS_DEFINITION:
        renew_definition(c, change);
        break;
    case ROWS_OVERRIDE:
        renew_override(c, change);
        break;
    case ROWS_TOKEN:
        c->tokens_changed = true;
        break;
    case ROWS_SCHEDULE:
        c->schedules_changed = true;
        break;
    default: /* versions are read when they are asked for, as the audit is */
        break;
    }
    return 0;
}

static void tell_known(struct fleet_client *c)
{
    if (!c->known) {
        c->known = true;
        if (c->on_known) {
            c->on_known(c->known_arg);
        }
    }
}

static void on_applied(void *arg)
{
    struct fleet_client *c = arg;
    (void)pipeline_publish_agreed(c->parts.pipeline); /* what fails is logged, and tried again */
    if (c->tokens_changed && c->tokens) {
        c->tokens(c->tokens_arg);
    }
    if (c->schedules_changed) {
        schedule_keeper_renew(c->parts.schedules);
    }
    c->tokens_changed = false;
    c->schedules_changed = false;
}

static void on_replaced(void *arg)
{
    struct fleet_client *c = arg;
    definition_keeper_reload(c->parts.definitions);
    override_fleet_reload(c->kills);
    c->tokens_changed = true;
    c->schedules_changed = true;
    on_applied(c);
    tell_known(c);
}

static void on_following(void *arg)
{
    struct fleet_client *c = arg;
    tell_known(c);
    override_fleet_bring(c->kills);
    schedule_keeper_renew(c->parts.schedules);
}

static void on_leading(void *arg)
{
    const struct fleet_client *c = arg;
    schedule_keeper_renew(c->parts.schedules);
}

static bool leads(const void *arg)
{
    const struct fleet_client *c = arg;
    return fleet_leads(c->fleet);
}

/* ---- opening -------------------------------------------------------------------------------- */

/* "/var/lib/ffshm/default.db" -> "/var/lib/ffshm/default-fleet.db". */
static char *replica_path(const char *state)
{
    char *path;
    const size_t length = strlen(state);
    const size_t stem = length > 3 && strcmp(state + length - 3, ".db") == 0 ? length - 3 : length;
    return asprintf(&path, "%.*s-fleet.db", (int)stem, state) < 0 ? NULL : path;
}

static int open_replica(struct fleet_client *c, const char *state, struct fault *fault)
{
    if (!*state || strcmp(state, CONFIG_NO_STATE) == 0) {
        fault_set(fault, "storage", "give the agent a state file (setting state)",
                  "a host of a fleet keeps a copy of the fleet's state, and has no place for it");
        return -1;
    }
    c->path = replica_path(state);
    if (!c->path) {
        fault_set(fault, "storage", "give the agent more memory", "out of memory");
        return -1;
    }
    c->state.path = c->path;
    return state_file_make(&c->state, fault) ? 0 : -1;
}

static int open_fleet(struct fleet_client *c, struct event_base *base, const struct config *config,
                      const struct redis_url *url, struct fault *fault)
{
    char host[HOST_MOST] = "";
    const char *ca = config_text(config, CONFIG_REDIS_CA_FILE);
    const struct fleet_owner owner = {on_changed,   on_applied, on_replaced,
                                      on_following, on_leading, c};
    (void)gethostname(host, sizeof host - 1);
    const struct fleet_options options = {
        .url = url,
        .ca_file = *ca ? ca : NULL,
        .prefix = config_text(config, CONFIG_REDIS_PREFIX),
        .environment = config_text(config, CONFIG_ENVIRONMENT),
        .host = host,
        .replica = state_file_storage(&c->state),
    };
    c->fleet = fleet_new(base, &options, &owner, fault);
    return c->fleet ? 0 : -1;
}

int fleet_client_open(struct event_base *base, const struct config *config,
                      struct fleet_client **client)
{
    struct redis_url url;
    struct fault fault = {0};
    *client = NULL;
    const int wanted = config_redis_url(config, CONFIG_STORAGE, &url, &fault);
    if (wanted > 0) {
        return 0;
    }
    struct fleet_client *c = wanted < 0 ? NULL : calloc(1, sizeof *c);
    if (wanted == 0 && !c) {
        fault_set(&fault, "storage", "give the agent more memory", "out of memory");
    }
    if (!c || open_replica(c, config_text(config, CONFIG_STATE), &fault) != 0 ||
        open_fleet(c, base, config, &url, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "fleet-failed", &fault);
        fleet_client_free(c);
        if (wanted == 0) {
            redis_url_free(&url);
        }
        return -1;
    }
    redis_url_free(&url);
    c->known = fleet_known(c->fleet);
    *client = c;
    return 0;
}

int fleet_client_attach(struct fleet_client *c, struct event_base *base,
                        const struct fleet_client_parts *parts)
{
    const struct operations own = {parts->pipeline, parts->publisher, parts->own_state};
    const struct operations fleet = {parts->pipeline, parts->publisher, &c->state};
    char host[HOST_MOST] = "";
    (void)gethostname(host, sizeof host - 1);
    c->parts = *parts;
    c->host = override_keeper_new(base, &own);
    if (!c->host) {
        return -1;
    }
    override_keeper_of_fleet(parts->overrides, fleet_turns(c->fleet), leads, c);
    schedule_keeper_of_fleet(parts->schedules, fleet_turns(c->fleet), leads, c);
    override_keeper_load(c->host);
    c->kills = override_fleet_new(base, c->host, parts->overrides, &own, &fleet,
                                  fleet_turns(c->fleet), host);
    return c->kills ? 0 : -1;
}

int fleet_client_start(struct fleet_client *c)
{
    struct fault fault = {0};
    if (fleet_start(c->fleet, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "fleet-failed", &fault);
        return -1;
    }
    return 0;
}

void fleet_client_detach(struct fleet_client *c)
{
    if (c) {
        override_fleet_free(c->kills);
        override_keeper_free(c->host);
        c->kills = NULL;
        c->host = NULL;
    }
}

void fleet_client_free(struct fleet_client *c)
{
    if (c) {
        fleet_client_detach(c);
        fleet_free(c->fleet);
        state_file_close(&c->state);
        free(c->path);
        free(c);
    }
}

/* ---- what others ask ------------------------------------------------------------------------ */

struct state_file *fleet_client_state(struct fleet_client *c)
{
    return &c->state;
}

bool fleet_client_known(const struct fleet_client *c)
{
    return c->known;
}

void fleet_client_on_tokens(struct fleet_client *c, void (*tokens)(void *arg), void *arg)
{
    c->tokens = tokens;
    c->tokens_arg = arg;
}

void fleet_client_on_known(struct fleet_client *c, void (*known)(void *arg), void *arg)
{
    c->on_known = known;
    c->known_arg = arg;
}

const struct turns *fleet_client_turns(const struct fleet_client *c)
{
    return fleet_turns(c->fleet);
}

struct override_keeper *fleet_client_overrides(struct fleet_client *c)
{
    return c->host;
}

struct override_fleet *fleet_client_kills(struct fleet_client *c)
{
    return c->kills;
}

bool fleet_client_reached(const struct fleet_client *c)
{
    return fleet_follows(c->fleet);
}

struct fleet *fleet_client_fleet(struct fleet_client *c)
{
    return c->fleet;
}

json_t *fleet_client_json(const struct fleet_client *c)
{
    json_t *body = fleet_json(c->fleet);
    json_object_set_new(body, "waitingKills",
                        json_integer((json_int_t)override_fleet_waiting(c->kills)));
    return body;
}
