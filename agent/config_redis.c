/* Where Redis is: redis.url, the settings that say "redis" for it or a URL of their own, and the
   password from a file. What may be a password is never shown. */
#include "config_settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LONGEST_PREFIX 64
#define THE_ONE "redis" /* what stands for redis.url */

static int check_prefix(const char *text, const char *member, struct fault *fault)
{
    bool good = strlen(text) <= LONGEST_PREFIX;
    for (const char *c = text; *c; c++) {
        good = good && isgraph((unsigned char)*c) && !strchr("{}*?[]\\", *c);
    }
    if (good) {
        return 0;
    }
    fault_set(fault, member, "letters, digits, '.', ':', '_' and '-'",
              "cannot begin the names of keys: at most %d characters, no spaces, none of {}*?[]\\",
              LONGEST_PREFIX);
    return -1;
}

int config_check_redis_text(enum config_setting setting, const char *text, const char *member,
                            struct fault *fault)
{
    struct redis_url url;
    if (setting == CONFIG_REDIS_PREFIX) {
        return check_prefix(text, member, fault);
    }
    if (config_is_choice(setting, text)) {
        return 0;
    }
    if (redis_url_parse(text, &url, fault) != 0) {
        snprintf(fault->member, sizeof fault->member, "%s", member);
        return -1;
    }
    const bool seen = url.password && strncmp(member, "--", 2) == 0;
    redis_url_free(&url);
    if (seen) {
        fault_set(fault, member, "give it with redis.password_file, in REDIS_URL or in the file",
                  "has a password: everybody on this host sees options");
        return -1;
    }
    return 0;
}

static bool says(const struct config *c, enum config_setting setting, const char *word)
{
    return strcasecmp(config_text(c, setting), word) == 0;
}

int config_redis_url(const struct config *c, enum config_setting setting, struct redis_url *url,
                     struct fault *fault)
{
    const bool the_one = setting == CONFIG_REDIS_URL || says(c, setting, THE_ONE);
    const char *text = config_text(c, the_one ? CONFIG_REDIS_URL : setting);
    *url = (struct redis_url){0};
    if (!*text || (!the_one && config_is_choice(setting, text))) {
        return 1;
    }
    if (redis_url_parse(text, url, fault) != 0) {
        return -1;
    }
    if (the_one && !url->password && c->redis_password) {
        url->password = strdup(secret_text(c->redis_password));
        if (!url->password) {
            redis_url_free(url);
            fault_set(fault, config_settings[setting].member, "", "no memory");
            return -1;
        }
    }
    return 0;
}

const char *config_redis_shown(const char *text, char shown[CONFIG_REDIS_SHOWN])
{
    struct redis_url url;
    struct fault fault;
    char place[REDIS_PLACE];
    if (redis_url_parse(text, &url, &fault) != 0) {
        snprintf(shown, CONFIG_REDIS_SHOWN, "%s", text); /* a word of the setting */
        return shown;
    }
    redis_url_place(&url, place);
    const char *host = strstr(place, "://") + 3;
    snprintf(shown, CONFIG_REDIS_SHOWN, "%.*s%s%s", (int)(host - place), place,
             url.password || url.user ? "***@" : "", host);
    redis_url_free(&url);
    return shown;
}

/* One that says "redis" where there is no redis.url. */
static void check_named(struct config *c, enum config_setting setting)
{
    struct fault fault = {0};
    fault_set(&fault, config_settings[setting].member,
              "give redis.url (REDIS_URL), or write the URL here",
              "is redis (%.200s), and redis.url is not given",
              c->settings[setting].values[0].origin);
    config_problem(c, &fault);
}

/* Does a setting say "redis"? With check: and is there one? */
static bool check_users(struct config *c, bool given)
{
    bool used = false;
    for (unsigned i = 0; i < CONFIG_SETTINGS; i++) {
        const enum config_setting setting = (enum config_setting)i;
        if (config_settings[i].type == CONFIG_REDIS && says(c, setting, THE_ONE)) {
            used = true;
            if (!given) {
                check_named(c, setting);
            }
        }
    }
    return used;
}

void config_check_redis(struct config *c)
{
    const struct config_values *url = &c->settings[CONFIG_REDIS_URL];
    const struct config_values *file = &c->settings[CONFIG_REDIS_PASSWORD_FILE];
    char shown[CONFIG_REDIS_SHOWN];
    const bool used = check_users(c, url->count > 0);
    if (url->count && !used) {
        config_notice(c, config_settings[CONFIG_REDIS_URL].variable,
                      "%.160s (%.40s) is not used: no setting says redis, as storage does for a "
                      "fleet",
                      config_redis_shown(url->values[0].text, shown), url->values[0].origin);
    }
    if (file->count && !url->count) {
        struct fault fault = {0};
        fault_set(&fault, "redis.password_file", "give redis.url (REDIS_URL), or leave it out",
                  "is the password of redis.url, which is not given");
        config_problem(c, &fault);
    }
}
