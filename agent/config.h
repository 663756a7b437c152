/*
 * config.h - what the agent is told to do: defaults < configuration file < environment < options.
 *
 * Every setting can be said in each of the three ways (config_settings.h has the table, `ffagent
 * --help` prints it, docs/ffagent.md is the reference). Nothing is fatal while reading: every
 * problem is collected, so that one run tells all of them.
 */
#ifndef FFSHM_AGENT_CONFIG_H
#define FFSHM_AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "catalog/fault.h"
#include "log.h"
#include "redis/redis_url.h"
#include "secret.h"

#define CONFIG_NO_STATE "none"
#define CONFIG_DEFAULT_FILE "/etc/ffshm/ffagent.yaml"

enum config_action { CONFIG_RUN, CONFIG_CHECK, CONFIG_CHECK_STORAGE, CONFIG_HELP, CONFIG_VERSION };

enum config_setting {
    CONFIG_DIR,
    CONFIG_ENVIRONMENT,
    CONFIG_FLAGS,
    CONFIG_LOG_LEVEL,
    CONFIG_RETAIN,
    CONFIG_STATE,
    CONFIG_STORAGE,
    CONFIG_OFFLINE,
    CONFIG_SDK_KEY,
    CONFIG_SDK_KEY_FILE,
    CONFIG_LD_MODE,
    CONFIG_LD_STREAM_URI,
    CONFIG_LD_POLL_URI,
    CONFIG_LD_EVENTS_URI,
    CONFIG_LD_FILTER,
    CONFIG_LD_POLL_INTERVAL_MS,
    CONFIG_LD_INITIAL_RETRY_MS,
    CONFIG_LD_ON_REFUSAL,
    CONFIG_LD_APPLICATION_ID,
    CONFIG_LD_APPLICATION_VERSION,
    CONFIG_LD_WRAPPER_NAME,
    CONFIG_LD_WRAPPER_VERSION,
    CONFIG_LD_CA_FILE,
    CONFIG_LD_SKIP_VERIFY,
    CONFIG_LD_PROXY,
    CONFIG_LD_STORE,
    CONFIG_LD_STORE_MODE,
    CONFIG_LD_STORE_PREFIX,
    CONFIG_LD_STORE_TTL_SECONDS,
    CONFIG_LD_STORE_EMPTIED,
    CONFIG_EVENTS_ENABLED,
    CONFIG_EVENTS_CAPACITY,
    CONFIG_EVENTS_FLUSH_MS,
    CONFIG_EVENTS_ALL_PRIVATE,
    CONFIG_EVENTS_PRIVATE_ATTRIBUTES,
    CONFIG_EVENTS_OMIT_ANONYMOUS,
    CONFIG_EVENTS_GZIP,
    CONFIG_EVENTS_DIAGNOSTICS,
    CONFIG_EVENTS_RING_KIB,
    CONFIG_BIG_SEGMENTS_STORE,
    CONFIG_BIG_SEGMENTS_PREFIX,
    CONFIG_BIG_SEGMENTS_CACHE_SIZE,
    CONFIG_BIG_SEGMENTS_CACHE_MS,
    CONFIG_BIG_SEGMENTS_STATUS_POLL_MS,
    CONFIG_BIG_SEGMENTS_STALE_AFTER_MS,
    CONFIG_ADMIN_ENABLED,
    CONFIG_ADMIN_LISTEN,
    CONFIG_ADMIN_TLS_CERTIFICATE,
    CONFIG_ADMIN_TLS_KEY,
    CONFIG_ADMIN_PEERS,
    CONFIG_REDIS_URL,
    CONFIG_REDIS_PREFIX,
    CONFIG_REDIS_PASSWORD_FILE,
    CONFIG_REDIS_CA_FILE,
    CONFIG_SETTINGS
};

/* Later wins. */
enum config_layer { CONFIG_BY_DEFAULT, CONFIG_BY_FILE, CONFIG_BY_ENVIRONMENT, CONFIG_BY_OPTION };

struct config_value {
    char *text;
    char *origin; /* "default", "/etc/ffshm/ffagent.yaml:3:1", "environment FFSHM_DIR", "option
                     --dir" */
};

struct config_values {
    enum config_layer layer;
    struct config_value *values; /* one, except for lists */
    size_t count;
};

/* A variable that is understood but has no effect: in this version, or by itself. */
struct config_notice {
    const char *variable;
    char text[256]; /* never a secret */
};
#define CONFIG_NOTICES 3

struct config {
    enum config_action action;
    bool once;
    bool no_memory;
    char *checked;  /* --check-storage FILE; NULL: the state file, as configured */
    char *file;     /* the configuration file; NULL: none */
    bool file_read; /* false: the default one, and it is not there */
    struct config_values settings[CONFIG_SETTINGS];
    enum log_level log_level;
    struct secret *sdk_key;        /* NULL: LaunchDarkly is not in use */
    struct secret *redis_password; /* of redis.password_file; NULL: none */
    const char **flag_paths;       /* CONFIG_FLAGS as definitions_load wants it; borrowed texts */
    size_t flag_count;
    struct config_notice notices[CONFIG_NOTICES];
    size_t notice_count;
    struct fault *problems;
    size_t problem_count;
};

/* Reads all layers. 0, or -1 when there are problems (c->problems, or c->no_memory). c is to be
   freed in any case. argv and the environment are read during the call only. */
int config_load(struct config *c, int argc, char *const *argv);
void config_free(struct config *c);

/* The one text of a setting that is not a list; "" where none is given. Never the SDK key, which is
   in c->sdk_key alone. The URL of a Redis may have a password in it: config_redis_url(). */
const char *config_text(const struct config *c, enum config_setting setting);
/* The same of one that is a number, or true or false. */
int64_t config_number(const struct config *c, enum config_setting setting);
bool config_bool(const struct config *c, enum config_setting setting);

/* The Redis that a setting names: by its own URL, or by the word "redis" for redis.url with
   redis.password_file. 0: *url is the caller's to free. 1: it names none ("sqlite", not given),
   *url is zeroed. -1: *fault, without a secret. */
int config_redis_url(const struct config *c, enum config_setting setting, struct redis_url *url,
                     struct fault *fault);

/* LaunchDarkly's store in Redis: is there one, and is it where definitions come from ("daemon
   mode"), or where they go? */
bool config_reads_store(const struct config *c);
bool config_writes_store(const struct config *c);

/* The effective configuration as a configuration file, with the origins as comments. */
void config_print(const struct config *c, FILE *out);
/* "ffagent: flags.yaml:12:7: ...", one line each. */
void config_print_problems(const struct config *c, FILE *out);
void config_help(FILE *out);

/* --check-config: prints the configuration, loads and compiles the flag files, prints every
   problem. The exit code: 0, or 2 when there are problems. */
int config_check(struct config *c, FILE *out, FILE *errors);

#endif
