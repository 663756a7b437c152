#include "config_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "publish/publisher.h"

#define RETAIN_MOST 1000

const struct config_setting_info config_settings[CONFIG_SETTINGS] = {
    [CONFIG_DIR] = {"dir", "--dir", "DIR", "FFSHM_DIR", false,
                    "where to publish; on tmpfs. Default: /run/ffshm/ENVIRONMENT when\n"
                    "/run/ffshm is there and writable, else /dev/shm/ffshm/ENVIRONMENT"},
    [CONFIG_ENVIRONMENT] = {"environment", "--environment", "NAME", "LAUNCHDARKLY_ENVIRONMENT",
                            false, "the last part of the default directory. Default: default"},
    [CONFIG_FLAGS] = {"flags", "--flags", "FILE", "FFSHM_FLAGS", true,
                      "a flag file, YAML or JSON; may be given several times. In the\n"
                      "variable several files are separated by colons; in the\n"
                      "configuration file they are a list, relative to that file"},
    [CONFIG_LOG_LEVEL] = {"log_level", "--log-level", "LEVEL", "FF_LOG_LEVEL", false,
                          "error, warning, info or debug. Default: info"},
    [CONFIG_RETAIN] = {"retain", "--retain", "COUNT", "FFSHM_RETAIN", false,
                       "published snapshots that are kept for inspection, 1 to 1000.\n"
                       "Default: 16"},
};

void config_problem(struct config *c, const struct fault *fault)
{
    struct fault *grown = realloc(c->problems, (c->problem_count + 1) * sizeof *grown);
    if (!grown) {
        c->no_memory = true;
        return;
    }
    c->problems = grown;
    c->problems[c->problem_count++] = *fault;
}

char *config_copy(struct config *c, const char *text)
{
    char *copy = strdup(text);
    if (!copy) {
        c->no_memory = true;
    }
    return copy;
}

static void clear(struct config_values *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->values[i].text);
        free(v->values[i].origin);
    }
    free(v->values);
    v->values = NULL;
    v->count = 0;
}

static void add(struct config *c, struct config_values *v, const char *text, const char *origin)
{
    struct config_value *grown = realloc(v->values, (v->count + 1) * sizeof *grown);
    if (!grown) {
        c->no_memory = true;
        return;
    }
    v->values = grown;
    const struct config_value value = {config_copy(c, text), config_copy(c, origin)};
    if (value.text && value.origin) {
        v->values[v->count++] = value;
    } else {
        free(value.text);
        free(value.origin);
    }
}

static int parse_retain(const char *text, unsigned *out)
{
    char *end;
    errno = 0;
    const unsigned long number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || number < 1 || number > RETAIN_MOST) {
        return -1;
    }
    *out = (unsigned)number;
    return 0;
}

/* 0 when the text is a value of the setting; a number or level is also taken over. */
static int check(struct config *c, enum config_setting setting, const char *text,
                 const char *member, struct fault *fault)
{
    if (!*text) {
        fault_set(fault, member, "give a value, or leave the setting out", "is empty");
        return -1;
    }
    if (setting == CONFIG_LOG_LEVEL && log_level_parse(text, &c->log_level) != 0) {
        static const char *const names[] = {"error", "warning", "info", "debug"};
        char hint[64];
        config_suggest(hint, sizeof hint, text, names, sizeof names / sizeof *names,
                       "the default is info");
        fault_set(fault, member, hint, "must be error, warning, info or debug, not \"%.64s\"",
                  text);
        return -1;
    }
    if (setting == CONFIG_RETAIN && parse_retain(text, &c->retain) != 0) {
        fault_set(fault, member, "the default is 16",
                  "must be a whole number from 1 to %d, not \"%.64s\"", RETAIN_MOST, text);
        return -1;
    }
    return 0;
}

int config_set(struct config *c, enum config_setting setting, enum config_layer layer,
               const char *text, const char *origin, const char *member, struct fault *fault)
{
    struct config_values *v = &c->settings[setting];
    if (check(c, setting, text, member, fault) != 0) {
        return -1;
    }
    if (layer != v->layer || !config_settings[setting].list) {
        clear(v);
    }
    v->layer = layer;
    add(c, v, text, origin);
    return 0;
}

const char *config_text(const struct config *c, enum config_setting setting)
{
    const struct config_values *v = &c->settings[setting];
    return v->count ? v->values[0].text : "";
}

static void set_default(struct config *c, enum config_setting setting, const char *text)
{
    struct fault fault;
    config_set(c, setting, CONFIG_BY_DEFAULT, text, "default", config_settings[setting].member,
               &fault);
}

/* One path component of tame characters: it becomes a directory's name. */
static bool is_environment_name(const char *name)
{
    return *name && strlen(name) <= 64 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               strlen(name);
}

static void default_dir(struct config *c)
{
    const char *environment = config_text(c, CONFIG_ENVIRONMENT);
    if (!is_environment_name(environment)) {
        struct fault fault = {0};
        const struct config_values *v = &c->settings[CONFIG_ENVIRONMENT];
        fault_set(&fault, "environment", "use another name, or say the whole directory with --dir",
                  "\"%.80s\" (%.200s) cannot name a directory: letters, digits, '.', '_' and '-', "
                  "at most 64, the first not '.'",
                  environment, v->count ? v->values[0].origin : "default");
        config_problem(c, &fault);
        return;
    }
    char dir[128];
    snprintf(dir, sizeof dir, "%s/%s",
             access("/run/ffshm", W_OK | X_OK) == 0 ? "/run/ffshm" : "/dev/shm/ffshm", environment);
    set_default(c, CONFIG_DIR, dir);
}

static void finish(struct config *c)
{
    if (!c->settings[CONFIG_DIR].count) {
        default_dir(c);
    }
    const struct config_values *flags = &c->settings[CONFIG_FLAGS];
    if (!flags->count && !c->problem_count) {
        struct fault fault = {0};
        fault_set(
            &fault, "flags",
            "give --flags FILE, FFSHM_FLAGS or the member \"flags\" of the configuration file",
            "no flag file is given");
        config_problem(c, &fault);
        return;
    }
    c->flag_paths = calloc(flags->count + 1, sizeof *c->flag_paths);
    if (!c->flag_paths) {
        c->no_memory = true;
        return;
    }
    for (size_t i = 0; i < flags->count; i++) {
        c->flag_paths[c->flag_count++] = flags->values[i].text;
    }
}

int config_load(struct config *c, int argc, char *const *argv)
{
    *c = (struct config){0};
    set_default(c, CONFIG_ENVIRONMENT, "default");
    set_default(c, CONFIG_LOG_LEVEL, "info");
    char retain[16];
    snprintf(retain, sizeof retain, "%d", PUBLISH_RETAINED);
    set_default(c, CONFIG_RETAIN, retain);

    const char *file = config_read_actions(c, argc, argv);
    if (c->action == CONFIG_HELP || c->action == CONFIG_VERSION) {
        return 0;
    }
    if (!file || !*file) {
        file = getenv("FFSHM_CONFIG");
    }
    const bool given = file && *file;
    config_read_file(c, given ? file : CONFIG_DEFAULT_FILE, given);
    config_read_environment(c);
    config_read_options(c, argc, argv);
    finish(c);
    config_read_announced(c);
    return c->problem_count || c->no_memory ? -1 : 0;
}

void config_free(struct config *c)
{
    for (size_t i = 0; i < CONFIG_SETTINGS; i++) {
        clear(&c->settings[i]);
    }
    free(c->file);
    free(c->flag_paths);
    free(c->problems);
    *c = (struct config){0};
}
