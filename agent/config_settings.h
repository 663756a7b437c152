/*
 * config_settings.h - the table of settings, and how the layers put values in. For config*.c.
 */
#ifndef FFSHM_AGENT_CONFIG_SETTINGS_H
#define FFSHM_AGENT_CONFIG_SETTINGS_H

#include "config.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_PATH, /* relative to the configuration file that names it */
    CONFIG_NUMBER,
    CONFIG_BOOL,
    CONFIG_CHOICE,
    CONFIG_SECRET, /* never kept as a text, never shown; no option: everybody sees those */
    CONFIG_REDIS,  /* a URL, or one of the choices, where "redis" stands for redis.url; user and
                      password are never shown */
};

struct config_setting_info {
    const char *member;   /* of the configuration file; "events.gzip" is in the mapping "events" */
    const char *option;   /* "--dir"; NULL: none */
    const char *argument; /* "DIR" */
    const char *variable;
    enum config_type type;
    bool list;
    char separator;       /* of a list's variable; 0: ':' */
    const char *standard; /* the default; NULL: none, or worked out (config.c: finish) */
    int64_t least, most;  /* CONFIG_NUMBER */
    const char *choices;  /* CONFIG_CHOICE: "stream poll off"; CONFIG_REDIS: NULL: a URL alone */
    const char *help;     /* lines after the first are indented by config_help */
};

#define CONFIG_CHOICES 64    /* bytes of the longest list of choices */
#define CONFIG_KEY_MOST 1000 /* of the SDK key; LaunchDarkly's have 40 */

extern const struct config_setting_info config_settings[CONFIG_SETTINGS];

/* Puts a value into a layer: replaces what lower layers said, adds to a list of the same layer.
   text and origin are copied. 0; or -1 with cause and hint (and member, as given) in *fault, whose
   place is the caller's to fill in and who reports it with config_problem. */
int config_set(struct config *c, enum config_setting setting, enum config_layer layer,
               const char *text, const char *origin, const char *member, struct fault *fault);

/* The setting of a member; CONFIG_SETTINGS: there is none. */
enum config_setting config_setting_named(const char *member);

/* What a value looks like, for messages: "a whole number from 1 to 1000". */
#define CONFIG_WANTED 96
const char *config_wanted(enum config_setting setting, char text[CONFIG_WANTED]);

/* Is the text good for the setting, beyond its type? 0; or -1 with cause, hint and member. */
int config_check_text(enum config_setting setting, const char *text, const char *member,
                      struct fault *fault);

/* The same of admin.listen and admin.peers; and what the API's settings say together, after all
   layers. */
int config_check_admin_text(enum config_setting setting, const char *text, const char *member,
                            struct fault *fault);
void config_check_admin(struct config *c);

/* The same of redis.prefix and of everything of type CONFIG_REDIS. */
int config_check_redis_text(enum config_setting setting, const char *text, const char *member,
                            struct fault *fault);
void config_check_redis(struct config *c);

/* What launchdarkly.store and the others of its kind say together. */
void config_check_store(struct config *c);
int config_check_store_prefix(const char *text, const char *member, struct fault *fault);

/* Is it one of the setting's words? */
bool config_is_choice(enum config_setting setting, const char *text);

/* A value of type CONFIG_REDIS, with *** for user and password. */
#define CONFIG_REDIS_SHOWN (REDIS_PLACE + 8)
const char *config_redis_shown(const char *text, char shown[CONFIG_REDIS_SHOWN]);

/* Tells of something that has no effect. The text never shows a secret. */
void config_notice(struct config *c, const char *variable, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Keeps a copy of the fault. */
void config_problem(struct config *c, const struct fault *fault);

/* A copy, or NULL and c->no_memory. */
char *config_copy(struct config *c, const char *text);

/* The layers. */
void config_read_file(struct config *c, const char *path, bool must_exist);
void config_read_environment(struct config *c);
/* The SDK key of CONFIG_SDK_KEY_FILE, unless the key itself is given in the same layer or above;
   the password of CONFIG_REDIS_PASSWORD_FILE. */
void config_read_key_file(struct config *c);
void config_read_password_file(struct config *c);
/* The variables that have no effect in this version; after all layers. */
void config_read_announced(struct config *c);
/* In two steps: what to do and which configuration file (NULL: not said), then the settings. */
const char *config_read_actions(struct config *c, int argc, char *const *argv);
void config_read_options(struct config *c, int argc, char *const *argv);

/* What is left of an error message after "unknown ...": "did you mean NAME?" with the nearest of
   names[0..count), or `otherwise` when none is near. */
void config_suggest(char *hint, size_t capacity, const char *wrong, const char *const *names,
                    size_t count, const char *otherwise);

#endif
