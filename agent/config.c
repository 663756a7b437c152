#include "config_settings.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

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
        secret_wipe(v->values[i].text, strlen(v->values[i].text)); /* of a Redis, perhaps */
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

static int64_t number_of(const char *text)
{
    return strtoll(text, NULL, 10);
}

static bool is_number(const struct config_setting_info *s, const char *text)
{
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && number >= s->least &&
           number <= s->most;
}

/* true and false as people and YAML write them; -1: neither. */
static int truth(const char *text)
{
    static const char *const words[2][4] = {{"false", "no", "off", "0"},
                                            {"true", "yes", "on", "1"}};
    for (int value = 0; value < 2; value++) {
        for (size_t i = 0; i < 4; i++) {
            if (strcasecmp(text, words[value][i]) == 0) {
                return value;
            }
        }
    }
    return -1;
}

/* Splits "stream poll off"; the number of words. */
static size_t choices_of(const struct config_setting_info *s, char *copy, const char **words,
                         size_t most)
{
    size_t count = 0;
    snprintf(copy, CONFIG_CHOICES, "%s", s->choices); /* the table's own, and short */
    for (char *rest = copy, *word; count < most && (word = strsep(&rest, " ")) != NULL;) {
        words[count++] = word;
    }
    return count;
}

bool config_is_choice(enum config_setting setting, const char *text)
{
    const struct config_setting_info *s = &config_settings[setting];
    if (!s->choices) {
        return false;
    }
    char copy[CONFIG_CHOICES];
    const char *words[CONFIG_CHOICES / 2];
    const size_t count = choices_of(s, copy, words, CONFIG_CHOICES / 2);
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(words[i], text) == 0) {
            return true;
        }
    }
    return false;
}

const char *config_wanted(enum config_setting setting, char text[CONFIG_WANTED])
{
    const struct config_setting_info *s = &config_settings[setting];
    switch (s->type) {
    case CONFIG_NUMBER:
        snprintf(text, CONFIG_WANTED, "a whole number from %" PRId64 " to %" PRId64, s->least,
                 s->most);
        break;
    case CONFIG_BOOL:
        snprintf(text, CONFIG_WANTED, "true or false");
        break;
    case CONFIG_CHOICE: {
        char copy[CONFIG_CHOICES];
        const char *words[CONFIG_CHOICES / 2];
        const size_t count = choices_of(s, copy, words, CONFIG_CHOICES / 2);
        size_t used = 0;
        for (size_t i = 0; i < count; i++) {
            used += (size_t)snprintf(text + used, CONFIG_WANTED - used, "%s%s",
                                     i == 0           ? ""
                                     : i + 1 == count ? " or "
                                                      : ", ",
                                     words[i]);
        }
        break;
    }
    default:
        snprintf(text, CONFIG_WANTED, "a string");
    }
    return text;
}

static bool is_value(enum config_setting setting, const char *text)
{
    const struct config_setting_info *s = &config_settings[setting];
    switch (s->type) {
    case CONFIG_NUMBER:
        return is_number(s, text);
    case CONFIG_BOOL:
        return truth(text) >= 0;
    case CONFIG_CHOICE:
        return config_is_choice(setting, text);
    default:
        return true;
    }
}

/* The next step after a value that is none: the default, and of words the one that was meant. */
static void hint_of(const struct config_setting_info *s, const char *text, char *hint,
                    size_t capacity)
{
    char otherwise[96] = "see ffagent --help";
    if (s->standard) {
        snprintf(otherwise, sizeof otherwise, "the default is %s", s->standard);
    }
    char copy[CONFIG_CHOICES];
    const char *words[CONFIG_CHOICES / 2];
    const size_t count =
        s->type == CONFIG_CHOICE ? choices_of(s, copy, words, CONFIG_CHOICES / 2) : 0;
    config_suggest(hint, capacity, text, words, count, otherwise);
}

/* 0 when the text is a value of the setting. */
static int check(enum config_setting setting, const char *text, const char *member,
                 struct fault *fault)
{
    const struct config_setting_info *s = &config_settings[setting];
    if (!*text) {
        fault_set(fault, member, "give a value, or leave the setting out", "is empty");
        return -1;
    }
    if (!is_value(setting, text)) {
        char wanted[CONFIG_WANTED];
        char hint[128];
        hint_of(s, text, hint, sizeof hint);
        fault_set(fault, member, hint, "must be %s, not \"%.64s\"", config_wanted(setting, wanted),
                  text);
        return -1;
    }
    return config_check_text(setting, text, member, fault);
}

/* The SDK key goes to its own place; of its value only the origin stays. */
static int set_key(struct config *c, const char *text, const char *member, struct fault *fault)
{
    const size_t length = strlen(text);
    if (length > CONFIG_KEY_MOST) {
        fault_set(fault, member, "copy the SDK key again; it is not shown here",
                  "is not an SDK key: it is longer than %d bytes", CONFIG_KEY_MOST);
        return -1;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isgraph((unsigned char)text[i])) {
            fault_set(fault, member, "copy the SDK key again; it is not shown here",
                      "is not an SDK key: it contains spaces or control characters");
            return -1;
        }
    }
    secret_free(c->sdk_key);
    c->sdk_key = secret_new(text, length);
    c->no_memory = c->no_memory || !c->sdk_key;
    return 0;
}

int config_set(struct config *c, enum config_setting setting, enum config_layer layer,
               const char *text, const char *origin, const char *member, struct fault *fault)
{
    struct config_values *v = &c->settings[setting];
    if (check(setting, text, member, fault) != 0) {
        return -1;
    }
    if (config_settings[setting].type == CONFIG_SECRET) {
        if (set_key(c, text, member, fault) != 0) {
            return -1;
        }
        text = "";
    }
    if (config_settings[setting].type == CONFIG_REDIS && strchr(text, '@')) {
        secret_guard_process();
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

int64_t config_number(const struct config *c, enum config_setting setting)
{
    return number_of(config_text(c, setting));
}

bool config_bool(const struct config *c, enum config_setting setting)
{
    return truth(config_text(c, setting)) == 1;
}

enum config_setting config_setting_named(const char *member)
{
    unsigned i = 0;
    while (i < CONFIG_SETTINGS && strcmp(member, config_settings[i].member) != 0) {
        i++;
    }
    return (enum config_setting)i;
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

/* Where the state is kept when nobody said so: systemd's StateDirectory, else /var/lib/ffshm for
   who may write there, else the user's own place. */
#define STATE_NAME 200

/* Two stores do not share what is kept of them: of a directory that was named, its path, with
   dashes
   ("/dev/shm/demo": "dev-shm-demo"); of a default one, its last part. */
static void state_name(const struct config *c, char name[STATE_NAME])
{
    static const char *const parents[] = {"/run/ffshm/", "/dev/shm/ffshm/"};
    const char *dir = config_text(c, CONFIG_DIR);
    char absolute[2 * PATH_MAX];
    char here[PATH_MAX];
    if (c->settings[CONFIG_DIR].layer == CONFIG_BY_DEFAULT) {
        snprintf(name, STATE_NAME, "%s", config_text(c, CONFIG_ENVIRONMENT));
        return;
    }
    snprintf(absolute, sizeof absolute, "%s%s%s",
             dir[0] == '/' || !getcwd(here, sizeof here) ? "" : here, dir[0] == '/' ? "" : "/",
             dir);
    size_t length = strlen(absolute);
    while (length > 1 && absolute[length - 1] == '/') {
        absolute[--length] = '\0';
    }
    const char *last = strrchr(absolute, '/') + 1;
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        if (strncmp(absolute, parents[i], (size_t)(last - absolute)) == 0 &&
            strlen(parents[i]) == (size_t)(last - absolute)) {
            snprintf(name, STATE_NAME, "%s", last);
            return;
        }
    }
    const char *from =
        length > STATE_NAME - 1 ? absolute + length - (STATE_NAME - 1) : absolute + 1;
    snprintf(name, STATE_NAME, "%.*s", STATE_NAME - 1, from);
    for (char *slash = strchr(name, '/'); slash; slash = strchr(slash, '/')) {
        *slash = '-';
    }
}

static void default_state(struct config *c)
{
    const char *environment = config_text(c, CONFIG_ENVIRONMENT);
    char name[STATE_NAME];
    const char *given = getenv("STATE_DIRECTORY");
    const char *home = getenv("HOME");
    const char *xdg = getenv("XDG_STATE_HOME");
    char path[PATH_MAX];
    const bool named = c->settings[CONFIG_DIR].layer != CONFIG_BY_DEFAULT;
    if (!named && !is_environment_name(environment)) {
        return; /* reported by default_dir */
    }
    state_name(c, name);
    if (given && *given) {
        snprintf(path, sizeof path, "%.*s/%s.db", (int)strcspn(given, ":"), given, name);
    } else if (geteuid() == 0 || access("/var/lib/ffshm", W_OK | X_OK) == 0) {
        snprintf(path, sizeof path, "/var/lib/ffshm/%s.db", name);
    } else if (xdg && *xdg) {
        snprintf(path, sizeof path, "%s/ffshm/%s.db", xdg, name);
    } else if (home && *home) {
        snprintf(path, sizeof path, "%s/.local/state/ffshm/%s.db", home, name);
    } else {
        return;
    }
    set_default(c, CONFIG_STATE, path);
}

/* An SDK key brings definitions, too, unless it is for events alone; a store without one. */
static bool asks_launchdarkly(const struct config *c)
{
    return config_reads_store(c) ||
           (c->sdk_key && strcasecmp(config_text(c, CONFIG_LD_MODE), "off") != 0);
}

static void no_definitions(struct config *c)
{
    struct fault fault = {0};
    fault_set(
        &fault, "flags",
        "give --flags FILE, FFSHM_FLAGS or the member \"flags\" of the configuration file; or "
        "LaunchDarkly's SDK key (LAUNCHDARKLY_SDK_KEY, --sdk-key-file)",
        "no flag file is given%s, and nobody can make flags here (that takes admin.enabled and a "
        "state file)",
        c->sdk_key ? ", launchdarkly.mode is off" : "");
    config_problem(c, &fault);
}

/* Then flags are made over the API, and kept: no other source is needed. */
static bool operators_can_write(const struct config *c)
{
    const char *state = config_text(c, CONFIG_STATE);
    return config_bool(c, CONFIG_ADMIN_ENABLED) && *state && strcmp(state, CONFIG_NO_STATE) != 0 &&
           !c->once;
}

static void finish(struct config *c)
{
    config_check_admin(c);
    if (!c->settings[CONFIG_DIR].count) {
        default_dir(c);
    }
    if (!c->settings[CONFIG_STATE].count) {
        default_state(c);
    }
    config_read_key_file(c);
    config_read_password_file(c);
    config_check_redis(c);
    config_check_store(c);
    log_level_parse(config_text(c, CONFIG_LOG_LEVEL), &c->log_level);
    const struct config_values *flags = &c->settings[CONFIG_FLAGS];
    if (!flags->count && !asks_launchdarkly(c) && !operators_can_write(c) && !c->problem_count &&
        c->action != CONFIG_CHECK_STORAGE) {
        no_definitions(c);
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

static void set_defaults(struct config *c)
{
    for (unsigned i = 0; i < CONFIG_SETTINGS; i++) {
        if (config_settings[i].standard) {
            set_default(c, (enum config_setting)i, config_settings[i].standard);
        }
    }
}

int config_load(struct config *c, int argc, char *const *argv)
{
    *c = (struct config){0};
    set_defaults(c);
    const char *file = config_read_actions(c, argc, argv);
    if (c->action == CONFIG_HELP || c->action == CONFIG_VERSION) {
        return 0;
    }
    if (!file || !*file) {
        file = getenv("FFSHM_CONFIG");
    }
    const bool given = file && *file;
    if (!c->checked) { /* of a file that is named, settings say nothing */
        config_read_file(c, given ? file : CONFIG_DEFAULT_FILE, given);
        config_read_environment(c);
    }
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
    secret_free(c->sdk_key);
    secret_free(c->redis_password);
    free(c->checked);
    free(c->file);
    free(c->flag_paths);
    free(c->problems);
    *c = (struct config){0};
}
