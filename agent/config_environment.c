#include "config_settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A URL of a Redis may have a password. */
static bool is_secret(enum config_setting setting, const char *value)
{
    const enum config_type type = config_settings[setting].type;
    return type == CONFIG_SECRET || (type == CONFIG_REDIS && strchr(value, '@'));
}

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
    if (config_set(c, setting, CONFIG_BY_ENVIRONMENT, value, origin, name, &fault) == 0) {
        return;
    }
    if (setting == CONFIG_REDIS_URL || setting == CONFIG_LD_STORE_TTL_SECONDS) {
        /* Others read these, too: what they take for one does not keep the agent down. */
        config_notice(c, name, "%.120s; it is ignored", fault.cause);
    } else {
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

void config_notice(struct config *c, const char *variable, const char *format, ...)
{
    struct config_notice *n = &c->notices[c->notice_count++];
    va_list arguments;
    n->variable = variable;
    va_start(arguments, format);
    vsnprintf(n->text, sizeof n->text, format, arguments);
    va_end(arguments);
}

static void metrics(struct config *c, const char *name, const char *value)
{
    static const char *const words[] = {"true", "false", "1", "0", "yes", "no", "on", "off"};
    bool good = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        good = good || strcasecmp(value, words[i]) == 0;
    }
    config_notice(c, name, "%s\"%.16s\"; metrics are " IGNORED,
                  good ? "" : "not true or false: ", value);
}

static const struct {
    const char *name;
    void (*tell)(struct config *c, const char *name, const char *value);
} announced[] = {
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
        if (value && is_secret((enum config_setting)i, value)) {
            secret_take_variable(config_settings[i].variable);
        }
    }
}

void config_read_announced(struct config *c)
{
    for (size_t i = 0; i < sizeof announced / sizeof *announced; i++) {
        const char *value = variable(announced[i].name);
        if (value) {
            announced[i].tell(c, announced[i].name, value);
        }
    }
}
