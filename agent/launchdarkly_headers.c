#include "launchdarkly_headers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "source/launchdarkly.h"

/* The setting's text where it is a tag, else "". */
static const char *tag(const struct config *config, enum config_setting setting, const char *name)
{
    const char *text = config_text(config, setting);
    if (!*text || launchdarkly_tag_valid(text)) {
        return text;
    }
    LOG_EVENT(LOG_LEVEL_WARNING, "setting-ignored", log_text("setting", name),
              log_text("cause", "letters, digits, '.', '_' and '-', at most 64"));
    return "";
}

static void make_tags(struct launchdarkly_headers *h, const struct config *config)
{
    const char *id = tag(config, CONFIG_LD_APPLICATION_ID, "launchdarkly.application_id");
    const char *version =
        tag(config, CONFIG_LD_APPLICATION_VERSION, "launchdarkly.application_version");
    if (*id || *version) {
        snprintf(h->tags, sizeof h->tags, "X-LaunchDarkly-Tags: %s%s%s%s%s",
                 *id ? "application-id/" : "", id, *id && *version ? " " : "",
                 *version ? "application-version/" : "", version);
    }
}

static bool is_header_text(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text == 0x7f) {
            return false;
        }
    }
    return true;
}

/* A version without a name means nothing. */
static void make_wrapper(struct launchdarkly_headers *h, const struct config *config)
{
    const char *name = config_text(config, CONFIG_LD_WRAPPER_NAME);
    const char *version = config_text(config, CONFIG_LD_WRAPPER_VERSION);
    if (*name && is_header_text(name) && is_header_text(version)) {
        snprintf(h->wrapper, sizeof h->wrapper, "X-LaunchDarkly-Wrapper: %.64s%s%.64s", name,
                 *version ? "/" : "", version);
    }
}

/* A random UUID (version 4): which client this is, for as long as it runs. */
static int make_instance(struct launchdarkly_headers *h)
{
    uint8_t b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) {
        return -1;
    }
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(h->instance, sizeof h->instance,
             "X-LaunchDarkly-Instance-Id: "
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
    return 0;
}

int launchdarkly_headers_make(struct launchdarkly_headers *h, const struct config *config)
{
    *h = (struct launchdarkly_headers){0};
    char line[1200];
    const int length =
        snprintf(line, sizeof line, "Authorization: %s", secret_text(config->sdk_key));
    if (length > 0 && (size_t)length < sizeof line) {
        h->authorization = secret_new(line, (size_t)length);
    }
    secret_wipe(line, sizeof line);
    if (!h->authorization || make_instance(h) != 0) {
        launchdarkly_headers_free(h);
        return -1;
    }
    make_tags(h, config);
    make_wrapper(h, config);
    size_t count = 0;
    h->list[count++] = secret_text(h->authorization);
    h->list[count++] = h->instance;
    if (h->tags[0]) {
        h->list[count++] = h->tags;
    }
    if (h->wrapper[0]) {
        h->list[count++] = h->wrapper;
    }
    return 0;
}

void launchdarkly_headers_free(struct launchdarkly_headers *h)
{
    secret_free(h->authorization);
    *h = (struct launchdarkly_headers){0};
}
