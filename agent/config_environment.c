#include "config_settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL; /* set to nothing counts as not set */
}

static void set(struct config *c, enum config_setting setting, const char *value)
{
    const char *name = config_settings[setting].variable;
    char origin[64];
    struct fault fault = {0};
    snprintf(origin, sizeof origin, "environment %s", name);
    if (config_set(c, setting, CONFIG_BY_ENVIRONMENT, value, origin, name, &fault) != 0) {
        config_problem(c, &fault);
    }
}

/* "a.yaml:b.yaml", or with the setting's own separator; empty parts are skipped. */
static void set_list(struct config *c, enum config_setting setting, const char *value)
{
    const char own = config_settings[setting].separator;
    const char separator[] = {own ? own : ':', '\0'};
    char *copy = config_copy(c, value);
    char *rest = copy;
    while (rest) {
        const char *part = strsep(&rest, separator);
        if (*part) {
            set(c, setting, part);
        }
    }
    free(copy);
}

/* ---- variables whose feature is not there yet -------------------------------------------- */

#define IGNORED "not available in this version: ignored"

static void notice(struct config *c, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void notice(struct config *c, const char *name, const char *format, ...)
{
    struct config_notice *n = &c->notices[c->notice_count++];
    va_list arguments;
    n->variable = name;
    va_start(arguments, format);
    vsnprintf(n->text, sizeof n->text, format, arguments);
    va_end(arguments);
}

static bool is_printable(const char *text)
{
    for (; *text; text++) {
        if (!isgraph((unsigned char)*text)) {
            return false;
        }
    }
    return true;
}

/* Scheme, host and port of a URL; what may hold a password (user information, path, query) is left
   out. -1: not a Redis URL. */
static int redis_place(const char *url, char *place, size_t capacity)
{
    static const char *const schemes[] = {"redis://", "rediss://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const size_t length = strlen(schemes[i]);
        if (strncasecmp(url, schemes[i], length) != 0) {
            continue;
        }
        const char *authority = url + length;
        const char *end = authority + strcspn(authority, "/?#");
        const char *at = memrchr(authority, '@', (size_t)(end - authority));
        const char *host = at ? at + 1 : authority;
        if (!is_printable(url) || host == end) {
            return -1;
        }
        /* An '@' further on: perhaps a password with an unescaped '/', and no host before it. */
        const bool unsure = strchr(end, '@') != NULL;
        const int shown = unsure ? 0 : end - host > 100 ? 100 : (int)(end - host);
        snprintf(place, capacity, "%s%.*s", schemes[i], shown, host);
        return 0;
    }
    return -1;
}

static void redis_url(struct config *c, const char *name, const char *value)
{
    char place[128];
    if (redis_place(value, place, sizeof place) == 0) {
        notice(c, name, "Redis (%s) is " IGNORED, place);
    } else {
        notice(c, name,
               "not a URL of the form redis://[user:password@]host[:port][/database]; Redis "
               "is " IGNORED);
    }
}

static void cache_ttl(struct config *c, const char *name, const char *value)
{
    char *end;
    errno = 0;
    const unsigned long seconds = strtoul(value, &end, 10);
    if (isdigit((unsigned char)value[0]) && !*end && !errno && seconds > 0) {
        notice(c, name,
               "a cache lifetime (%lu s) is " IGNORED
               "; a change reaches every process at its next evaluation",
               seconds);
    } else {
        notice(c, name, "not a whole number of seconds: \"%.16s\"; a cache lifetime is " IGNORED,
               value);
    }
}

static void metrics(struct config *c, const char *name, const char *value)
{
    static const char *const words[] = {"true", "false", "1", "0", "yes", "no", "on", "off"};
    bool good = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        good = good || strcasecmp(value, words[i]) == 0;
    }
    notice(c, name, "%s\"%.16s\"; metrics are " IGNORED, good ? "" : "not true or false: ", value);
}

static const struct {
    const char *name;
    void (*tell)(struct config *c, const char *name, const char *value);
} announced[CONFIG_NOTICES] = {
    {"REDIS_URL", redis_url},
    {"FF_CACHE_TTL_SECONDS", cache_ttl},
    {"FF_ENABLE_METRICS", metrics},
};

void config_read_environment(struct config *c)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        const char *value = variable(config_settings[i].variable);
        if (value && config_settings[i].list) {
            set_list(c, (enum config_setting)i, value);
        } else if (value) {
            set(c, (enum config_setting)i, value);
        }
        if (value && config_settings[i].type == CONFIG_SECRET) {
            secret_take_variable(config_settings[i].variable);
        }
    }
}

void config_read_announced(struct config *c)
{
    for (size_t i = 0; i < CONFIG_NOTICES; i++) {
        const char *value = variable(announced[i].name);
        if (value) {
            announced[i].tell(c, announced[i].name, value);
        }
    }
}
