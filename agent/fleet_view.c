#include "fleet_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "admin_api.h"
#include "ffshm.h"
#include "inspect/inspect_readers.h"
#include "log.h"
#include "sha256.h"

#define HOST_MOST 256
#define ID 33
#define LATE_MOST 50 /* processes that are behind, told one by one */

struct fleet_view {
    struct fleet_view_parts parts;
    char host[HOST_MOST];
    int64_t started_ms;
    struct fleet_totals *totals;
    struct fleet_sums *sums;
    struct fleet_hosts *hosts;
};

static struct redis_link *link_of_fleet(void *arg)
{
    const struct fleet_view *v = arg;
    return fleet_link(fleet_client_fleet(v->parts.fleet));
}

/* ---- what a host tells ---------------------------------------------------------------------- */

static json_t *counts(const struct fleet_view *v)
{
    struct fleet_totals_stats totals;
    fleet_totals_stats(v->totals, &totals);
    return json_pack("{s:I, s:I, s:I}", "counted", (json_int_t)totals.counted, "dropped",
                     (json_int_t)totals.dropped, "waitingBytes", (json_int_t)totals.waiting_bytes);
}

static json_t *describe(void *arg)
{
    const struct fleet_view *v = arg;
    struct publisher_stats published;
    struct collector_stats collected = {0};
    char generation[LOG_GENERATION];
    char digest[33];
    publisher_stats(v->parts.publisher, &published);
    (void)collection_stats(v->parts.collection, &collected);
    snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, published.digest[1],
             published.digest[0]);
    json_t *body = json_pack(
        "{s:s%, s:s, s:i, s:I, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "name", v->host,
        strlen(v->host), "version", FFSHM_VERSION, "pid", (int)getpid(), "startedMs",
        (json_int_t)v->started_ms, "generation", (json_int_t)published.generation, "generationText",
        log_generation(published.generation, generation), "digest", digest, "publishedMs",
        (json_int_t)published.published_ms, "flags", (json_int_t)published.flags, "segments",
        (json_int_t)published.segments, "processes", (json_int_t)collected.files, "sources",
        admin_api_sources(pipeline_sources(v->parts.pipeline)), "fleet",
        fleet_client_json(v->parts.fleet), "counts", counts(v));
    return body ? body : json_object();
}

static json_t *late_reader(const struct reader *r, uint64_t newest)
{
    char generation[LOG_GENERATION];
    json_t *command = json_string(r->command);
    return json_pack("{s:i, s:I, s:o, s:s}", "pid", (int)r->pid, "uid", (json_int_t)r->uid,
                     "command", command ? command : json_string("?"), "generationText",
                     log_generation(newest, generation));
}

/* Who maps which generation here, in numbers; who is behind, by name. */
static json_t *describe_readers(void *arg)
{
    const struct fleet_view *v = arg;
    struct readers found;
    struct publisher_stats published;
    char generation[LOG_GENERATION];
    json_int_t processes = 0;
    json_int_t behind = 0;
    json_t *late = json_array();
    publisher_stats(v->parts.publisher, &published);
    if (readers_find("/proc", config_text(v->parts.config, CONFIG_DIR), &found) != 0) {
        found.count = 0;
    }
    for (size_t i = 0; i < found.count; i++) {
        const struct reader *r = &found.of[i];
        const uint64_t newest = r->count > 0 ? r->generations[r->count - 1] : 0;
        const bool is_behind = r->replaced || newest != published.generation;
        if (r->writes) {
            continue; /* the agent itself */
        }
        processes++;
        behind += is_behind;
        if (is_behind && json_array_size(late) < LATE_MOST) {
            json_array_append_new(late, late_reader(r, newest));
        }
    }
    json_t *body =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "processes", processes, "current",
                  processes - behind, "behind", behind, "unseen", (json_int_t)found.unseen,
                  "generation", (json_int_t)published.generation, "generationText",
                  log_generation(published.generation, generation), "late", late);
    readers_free(&found);
    return body;
}

/* ---- who this host is ----------------------------------------------------------------------- */

/* A random text, the same as long as there is the state file. */
static void own_secret(struct storage *storage, char text[ID])
{
    static const char name[] = "host-id";
    uint64_t random[2] = {0};
    char *kept = NULL;
    struct fault fault = {0};
    if (storage && storage_get(storage, name, &kept, &fault) == 0 && kept) {
        snprintf(text, ID, "%s", kept);
    } else {
        (void)!getrandom(random, sizeof random, 0);
        snprintf(text, ID, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
        if (storage && storage_set(storage, name, text, &fault) != 0) {
            log_fault(LOG_LEVEL_WARNING, "state-not-kept", &fault);
        }
    }
    free(kept);
}

/* With the host's name and directory: the state file may have been copied with a whole machine. */
static void host_id(const struct fleet_view *v, char id[ID])
{
    const char *dir = config_text(v->parts.config, CONFIG_DIR);
    char secret[ID];
    uint8_t digest[SHA256_DIGEST];
    struct sha256 hash;
    own_secret(v->parts.storage, secret);
    sha256_begin(&hash);
    sha256_add(&hash, secret, strlen(secret) + 1);
    sha256_add(&hash, v->host, strlen(v->host) + 1);
    sha256_add(&hash, dir, strlen(dir) + 1);
    sha256_end(&hash, digest);
    for (size_t i = 0; i < (ID - 1) / 2; i++) {
        snprintf(id + 2 * i, 3, "%02x", digest[i]);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static int make(struct fleet_view *v, struct event_base *base, struct fault *fault)
{
    const struct config *config = v->parts.config;
    char id[ID];
    const struct fleet_totals_options totals = {
        .link = link_of_fleet,
        .arg = v,
        .prefix = config_text(config, CONFIG_REDIS_PREFIX),
        .environment = config_text(config, CONFIG_ENVIRONMENT),
        .storage = v->parts.storage,
    };
    v->totals = fleet_totals_new(base, &totals, fault);
    if (!v->totals) {
        return -1;
    }
    fault_set(fault, "storage", "give the agent more memory", "out of memory");
    host_id(v, id);
    const struct fleet_hosts_options hosts = {
        .link = link_of_fleet,
        .prefix = totals.prefix,
        .environment = totals.environment,
        .id = id,
        .describe = describe,
        .readers = describe_readers,
        .arg = v,
    };
    v->sums = fleet_sums_new(base, &totals);
    v->hosts = v->sums ? fleet_hosts_new(base, &hosts) : NULL;
    return v->hosts ? 0 : -1;
}

struct fleet_view *fleet_view_new(struct event_base *base, const struct fleet_view_parts *parts)
{
    struct fault fault = {0};
    struct timespec now;
    struct fleet_view *v = calloc(1, sizeof *v);
    if (v) {
        v->parts = *parts;
        clock_gettime(CLOCK_REALTIME, &now);
        v->started_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
        (void)gethostname(v->host, sizeof v->host - 1);
    }
    if (!v || make(v, base, &fault) != 0) {
        log_fault(LOG_LEVEL_ERROR, "fleet-view-failed", &fault);
        fleet_view_free(v);
        return NULL;
    }
    return v;
}

void fleet_view_free(struct fleet_view *v)
{
    if (v) {
        fleet_hosts_free(v->hosts);
        fleet_sums_free(v->sums);
        fleet_totals_free(v->totals);
        free(v);
    }
}

void fleet_view_news(struct fleet_view *v)
{
    fleet_hosts_news(v->hosts);
}

struct fleet_totals *fleet_view_totals(struct fleet_view *v)
{
    return v->totals;
}

struct fleet_sums *fleet_view_sums(struct fleet_view *v)
{
    return v->sums;
}

struct fleet_hosts *fleet_view_hosts(struct fleet_view *v)
{
    return v->hosts;
}
