/* LaunchDarkly's persistent store in Redis: what its settings say together. */
#include "config_settings.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LONGEST_PREFIX 128

/* Braces are for clusters: "{ld}" keeps the keys together. */
int config_check_store_prefix(const char *text, const char *member, struct fault *fault)
{
    bool good = strlen(text) <= LONGEST_PREFIX;
    for (const char *c = text; *c; c++) {
        good = good && isgraph((unsigned char)*c);
    }
    if (!good) {
        fault_set(fault, member, "write it as the other SDKs have it",
                  "cannot begin the names of keys: at most %d characters, no spaces",
                  LONGEST_PREFIX);
    }
    return good ? 0 : -1;
}

static bool has_store(const struct config *c)
{
    const char *text = config_text(c, CONFIG_LD_STORE);
    return *text && strcasecmp(text, "none") != 0;
}

static bool has_mode(const struct config *c, const char *mode)
{
    return strcasecmp(config_text(c, CONFIG_LD_STORE_MODE), mode) == 0;
}

bool config_reads_store(const struct config *c)
{
    return has_store(c) && has_mode(c, "source");
}

bool config_writes_store(const struct config *c)
{
    return has_store(c) && has_mode(c, "sink");
}

static void nothing_to_write(struct config *c, const char *why)
{
    struct fault fault = {0};
    fault_set(&fault, config_settings[CONFIG_LD_STORE].member,
              "or say launchdarkly.store_mode source, when flags are to come from the store",
              "(%.200s) is for what LaunchDarkly sends, and %s",
              c->settings[CONFIG_LD_STORE].values[0].origin, why);
    config_problem(c, &fault);
}

void config_check_store(struct config *c)
{
    const struct config_values *ttl = &c->settings[CONFIG_LD_STORE_TTL_SECONDS];
    if (config_writes_store(c) && !c->sdk_key && c->problem_count == 0) {
        nothing_to_write(c, "no SDK key is given");
    } else if (config_writes_store(c) && strcasecmp(config_text(c, CONFIG_LD_MODE), "off") == 0) {
        nothing_to_write(c, "launchdarkly.mode is off");
    }
    if (ttl->layer == CONFIG_BY_ENVIRONMENT && !has_store(c)) {
        config_notice(c, config_settings[CONFIG_LD_STORE_TTL_SECONDS].variable,
                      "a cache lifetime (%.8s s) is for launchdarkly.store, which is not given; a "
                      "change reaches every process at its next evaluation",
                      ttl->values[0].text);
    }
}
