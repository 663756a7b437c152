#include "launchdarkly_settings.h"

#include <stdlib.h>
#include <strings.h>

#include "log.h"
#include "source/launchdarkly.h"

#define POLL_LEAST_MS 30000

bool launchdarkly_has_mode(const struct config *c, const char *mode)
{
    return strcasecmp(config_text(c, CONFIG_LD_MODE), mode) == 0;
}

/* LaunchDarkly's three services go together: a relay that has one has all. */
void launchdarkly_check_uris(const struct config *c)
{
    static const enum config_setting uris[] = {CONFIG_LD_STREAM_URI, CONFIG_LD_POLL_URI,
                                               CONFIG_LD_EVENTS_URI};
    const bool poll = launchdarkly_has_mode(c, "poll");
    unsigned given = 0;
    unsigned used = 0;
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        const bool is_used = uris[i] == CONFIG_LD_EVENTS_URI
                                 ? config_bool(c, CONFIG_EVENTS_ENABLED)
                                 : (uris[i] == CONFIG_LD_POLL_URI) == poll;
        used += is_used;
        given += is_used && c->settings[uris[i]].layer != CONFIG_BY_DEFAULT;
    }
    if (given > 0 && given < used) {
        LOG_EVENT(LOG_LEVEL_WARNING, "uris",
                  log_text("text", "only some of LaunchDarkly's services have an address of their "
                                   "own; the others are asked at LaunchDarkly's"));
    }
}

const char *launchdarkly_filter_of(const struct config *c)
{
    const char *filter = config_text(c, CONFIG_LD_FILTER);
    if (!*filter || launchdarkly_filter_valid(filter)) {
        return *filter ? filter : NULL;
    }
    LOG_EVENT(LOG_LEVEL_ERROR, "setting-ignored", log_text("setting", "launchdarkly.filter"),
              log_text("cause", "a filter's key has letters, digits, '.', '_' and '-', the first a "
                                "letter or digit; everything is asked for instead"));
    return NULL;
}

int64_t launchdarkly_poll_interval(const struct config *c)
{
    const int64_t ms = config_number(c, CONFIG_LD_POLL_INTERVAL_MS);
    if (ms < POLL_LEAST_MS && launchdarkly_has_mode(c, "poll")) {
        LOG_EVENT(LOG_LEVEL_WARNING, "setting-raised",
                  log_text("setting", "launchdarkly.poll_interval_ms"),
                  log_number("to", POLL_LEAST_MS));
    }
    return ms < POLL_LEAST_MS ? POLL_LEAST_MS : ms;
}

const char **launchdarkly_texts(const struct config_values *v)
{
    const char **list = calloc(v->count + 1, sizeof *list);
    for (size_t i = 0; list && i < v->count; i++) {
        list[i] = v->values[i].text;
    }
    return list;
}

/* How LaunchDarkly takes part. */
const char *launchdarkly_part(const struct config *c)
{
    return !c->sdk_key && !config_reads_store(c) ? "none"
           : config_bool(c, CONFIG_OFFLINE)      ? "offline"
           : config_reads_store(c)               ? "store"
                                                 : config_text(c, CONFIG_LD_MODE);
}
