#include "launchdarkly_diagnostics.h"

#include <strings.h>
#include <sys/utsname.h>

#include "ffshm.h"

static json_t *is_custom(const struct config *config, enum config_setting setting)
{
    return json_boolean(config->settings[setting].layer != CONFIG_BY_DEFAULT);
}

static json_t *configuration(const struct config *config)
{
    const bool streaming = strcasecmp(config_text(config, CONFIG_LD_MODE), "stream") == 0;
    return json_pack(
        "{s:i, s:i, s:i, s:b, s:o, s:o, s:o, s:b, s:I, s:I, s:b, s:s, s:b, s:I, s:I, s:i, s:i, "
        "s:i}",
        "startWaitMillis", 0, "connectTimeoutMillis", 10000, "socketTimeoutMillis", 300000,
        "usingProxy", *config_text(config, CONFIG_LD_PROXY) != '\0', "customBaseURI",
        is_custom(config, CONFIG_LD_POLL_URI), "customStreamURI",
        is_custom(config, CONFIG_LD_STREAM_URI), "customEventsURI",
        is_custom(config, CONFIG_LD_EVENTS_URI), "streamingDisabled", !streaming,
        "reconnectTimeMillis", (json_int_t)config_number(config, CONFIG_LD_INITIAL_RETRY_MS),
        "pollingIntervalMillis", (json_int_t)config_number(config, CONFIG_LD_POLL_INTERVAL_MS),
        "usingRelayDaemon", false, "dataStoreType", "memory", "allAttributesPrivate",
        config_bool(config, CONFIG_EVENTS_ALL_PRIVATE), "eventsCapacity",
        (json_int_t)config_number(config, CONFIG_EVENTS_CAPACITY), "eventsFlushIntervalMillis",
        (json_int_t)config_number(config, CONFIG_EVENTS_FLUSH_MS), "userKeysCapacity", 1000,
        "userKeysFlushIntervalMillis", 300000, "diagnosticRecordingIntervalMillis", 900000);
}

static json_t *sdk(const struct config *config)
{
    const char *name = config_text(config, CONFIG_LD_WRAPPER_NAME);
    const char *version = config_text(config, CONFIG_LD_WRAPPER_VERSION);
    return json_pack("{s:s, s:s, s:s*, s:s*}", "name", "ffshm", "version", FFSHM_VERSION,
                     "wrapperName", *name ? name : NULL, "wrapperVersion",
                     *name && *version ? version : NULL);
}

static json_t *platform(void)
{
    struct utsname system;
    if (uname(&system) != 0) {
        return json_pack("{s:s, s:s}", "name", "C", "osName", "Linux");
    }
    return json_pack("{s:s, s:s, s:s, s:s}", "name", "C", "osName", "Linux", "osArch",
                     system.machine, "osVersion", system.release);
}

json_t *launchdarkly_diagnostics(const struct config *config)
{
    return json_pack("{s:o, s:o, s:o}", "sdk", sdk(config), "configuration", configuration(config),
                     "platform", platform());
}
