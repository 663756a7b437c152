/* The settings: their names in each layer, what they may be, and what they are when nobody says. */
#include "config_settings.h"

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

const struct config_setting_info config_settings[CONFIG_SETTINGS] = {
    [CONFIG_DIR] = {"dir", "--dir", "DIR", "FFSHM_DIR", CONFIG_PATH,
                    .help = "where to publish; on tmpfs. Default: /run/ffshm/ENVIRONMENT when\n"
                            "/run/ffshm is there and writable, else /dev/shm/ffshm/ENVIRONMENT"},
    [CONFIG_ENVIRONMENT] = {"environment", "--environment", "NAME", "LAUNCHDARKLY_ENVIRONMENT",
                            CONFIG_TEXT, .standard = "default",
                            .help = "the last part of the default directory. Default: default"},
    [CONFIG_FLAGS] = {"flags", "--flags", "FILE", "FFSHM_FLAGS", CONFIG_PATH, .list = true,
                      .help = "a flag file, YAML or JSON; may be given several times. In the\n"
                              "variable several files are separated by colons; in the\n"
                              "configuration file they are a list, relative to that file.\n"
                              "What a file defines wins over LaunchDarkly's definition"},
    [CONFIG_LOG_LEVEL] = {"log_level", "--log-level", "LEVEL", "FF_LOG_LEVEL", CONFIG_CHOICE,
                          .standard = "info", .choices = "error warning info debug",
                          .help = "error, warning, info or debug. Default: info"},
    [CONFIG_RETAIN] = {"retain", "--retain", "COUNT", "FFSHM_RETAIN", CONFIG_NUMBER,
                       .standard = "16", .least = 1, .most = 1000,
                       .help = "published snapshots that are kept for inspection, 1 to 1000.\n"
                               "Default: 16"},
    [CONFIG_STATE] = {"state", "--state", "FILE", "FFSHM_STATE", CONFIG_PATH,
                      .help =
                          "what is kept over restarts: LaunchDarkly's last definitions, events\n"
                          "that are not delivered yet, kill switches, tokens, the audit trail.\n"
                          "On a disk; \"none\": nothing is kept.\n"
                          "Default: ENVIRONMENT.db in $STATE_DIRECTORY, else in\n"
                          "/var/lib/ffshm, else in ~/.local/state/ffshm. Made with the\n"
                          "first publish; without HTTP API and LaunchDarkly it is not"},
    [CONFIG_STORAGE] = {"storage", "--storage", "WHERE", "FFSHM_STORAGE", CONFIG_REDIS,
                        .standard = "sqlite", .choices = "sqlite redis",
                        .help =
                            "whose flags, overrides, schedules, tokens and audit trail these\n"
                            "are: this host's alone (sqlite, in the state file), or those of a\n"
                            "fleet, in the Redis of redis.url (redis) or of a URL.\n"
                            "Default: sqlite"},
    [CONFIG_OFFLINE] = {"offline", "--offline", "BOOL", "LAUNCHDARKLY_OFFLINE", CONFIG_BOOL,
                        .standard = "false",
                        .help = "no network at all: LaunchDarkly's last definitions are served,\n"
                                "events are not collected. Default: false"},
    [CONFIG_SDK_KEY] = {"sdk_key", NULL, NULL, "LAUNCHDARKLY_SDK_KEY", CONFIG_SECRET,
                        .help = "LaunchDarkly's SDK key. No option: everybody sees those. The\n"
                                "variable is taken out of the environment at the start"},
    [CONFIG_SDK_KEY_FILE] = {"sdk_key_file", "--sdk-key-file", "FILE", "LAUNCHDARKLY_SDK_KEY_FILE",
                             CONFIG_PATH, .help = "a file whose first line is the SDK key"},
    [CONFIG_LD_MODE] = {"launchdarkly.mode", "--launchdarkly-mode", "MODE", "LAUNCHDARKLY_MODE",
                        CONFIG_CHOICE, .standard = "stream", .choices = "stream poll off",
                        .help = "how definitions come: stream (within milliseconds), poll, or off\n"
                                "(not from LaunchDarkly; events still go there). Default: stream"},
    [CONFIG_LD_STREAM_URI] = {"launchdarkly.stream_uri", "--launchdarkly-stream-uri", "URL",
                              "LAUNCHDARKLY_STREAM_URI", CONFIG_TEXT,
                              .standard = "https://stream.launchdarkly.com",
                              .help = "where to stream from: a relay, a proxy"},
    [CONFIG_LD_POLL_URI] = {"launchdarkly.poll_uri", "--launchdarkly-poll-uri", "URL",
                            "LAUNCHDARKLY_POLL_URI", CONFIG_TEXT,
                            .standard = "https://sdk.launchdarkly.com", .help = "where to poll"},
    [CONFIG_LD_EVENTS_URI] = {"launchdarkly.events_uri", "--launchdarkly-events-uri", "URL",
                              "LAUNCHDARKLY_EVENTS_URI", CONFIG_TEXT,
                              .standard = "https://events.launchdarkly.com",
                              .help = "where events go"},
    [CONFIG_LD_FILTER] = {"launchdarkly.filter", "--launchdarkly-filter", "KEY",
                          "LAUNCHDARKLY_FILTER", CONFIG_TEXT,
                          .help = "the key of a payload filter: only its part of the environment"},
    [CONFIG_LD_POLL_INTERVAL_MS] =
        {"launchdarkly.poll_interval_ms", "--launchdarkly-poll-interval-ms", "MS",
         "LAUNCHDARKLY_POLL_INTERVAL_MS", CONFIG_NUMBER, .standard = "30000", .least = 1,
         .most = DAY_MS, .help = "between two polls; at least 30000. Default: 30000"},
    [CONFIG_LD_INITIAL_RETRY_MS] = {"launchdarkly.initial_retry_ms",
                                    "--launchdarkly-initial-retry-ms", "MS",
                                    "LAUNCHDARKLY_INITIAL_RETRY_MS", CONFIG_NUMBER,
                                    .standard = "1000", .least = 1, .most = 30000,
                                    .help = "before the stream is opened again; doubles with each\n"
                                            "failure, up to 30 s. Default: 1000"},
    [CONFIG_LD_ON_REFUSAL] = {"launchdarkly.on_refusal", "--launchdarkly-on-refusal", "WHAT",
                              "LAUNCHDARKLY_ON_REFUSAL", CONFIG_CHOICE, .standard = "slow",
                              .choices = "slow stop",
                              .help =
                                  "after an answer like 401 or 403: slow asks again after some\n"
                                  "5 minutes, stop never does. Default: slow"},
    [CONFIG_LD_APPLICATION_ID] = {"launchdarkly.application_id", "--launchdarkly-application-id",
                                  "ID", "LAUNCHDARKLY_APPLICATION_ID", CONFIG_TEXT,
                                  .help = "told to LaunchDarkly; letters, digits, '.', '_', '-'"},
    [CONFIG_LD_APPLICATION_VERSION] = {"launchdarkly.application_version",
                                       "--launchdarkly-application-version", "VERSION",
                                       "LAUNCHDARKLY_APPLICATION_VERSION", CONFIG_TEXT,
                                       .help = "the same"},
    [CONFIG_LD_WRAPPER_NAME] = {"launchdarkly.wrapper_name", "--launchdarkly-wrapper-name", "NAME",
                                "LAUNCHDARKLY_WRAPPER_NAME", CONFIG_TEXT,
                                .help = "what runs the agent; told to LaunchDarkly"},
    [CONFIG_LD_WRAPPER_VERSION] = {"launchdarkly.wrapper_version", "--launchdarkly-wrapper-version",
                                   "VERSION", "LAUNCHDARKLY_WRAPPER_VERSION", CONFIG_TEXT,
                                   .help = "its version"},
    [CONFIG_LD_CA_FILE] = {"launchdarkly.ca_file", "--launchdarkly-ca-file", "FILE",
                           "LAUNCHDARKLY_CA_FILE", CONFIG_PATH,
                           .help = "PEM certificates to trust instead of the system's"},
    [CONFIG_LD_SKIP_VERIFY] = {"launchdarkly.skip_verify", "--launchdarkly-skip-verify", "BOOL",
                               "LAUNCHDARKLY_SKIP_VERIFY", CONFIG_BOOL, .standard = "false",
                               .help = "accept any certificate: for tests only. Default: false"},
    [CONFIG_LD_PROXY] = {"launchdarkly.proxy", "--launchdarkly-proxy", "URL", "LAUNCHDARKLY_PROXY",
                         CONFIG_TEXT,
                         .help = "an HTTP proxy, http://host:port. Default: the usual variables\n"
                                 "(https_proxy, no_proxy, ...)"},
    [CONFIG_LD_STORE] = {"launchdarkly.store", "--launchdarkly-store", "WHERE",
                         "LAUNCHDARKLY_STORE", CONFIG_REDIS, .standard = "none",
                         .choices = "none redis",
                         .help =
                             "LaunchDarkly's persistent store, in the Redis of redis.url (redis)\n"
                             "or of a URL, for its other SDKs and its Relay Proxy. Default: none"},
    [CONFIG_LD_STORE_MODE] = {"launchdarkly.store_mode", "--launchdarkly-store-mode", "MODE",
                              "LAUNCHDARKLY_STORE_MODE", CONFIG_CHOICE, .standard = "sink",
                              .choices = "sink source",
                              .help =
                                  "sink: what LaunchDarkly sends is written there, too.\n"
                                  "source: definitions come from there, not from LaunchDarkly;\n"
                                  "no SDK key is needed for them. Default: sink"},
    [CONFIG_LD_STORE_PREFIX] = {"launchdarkly.store_prefix", "--launchdarkly-store-prefix", "TEXT",
                                "LAUNCHDARKLY_STORE_PREFIX", CONFIG_TEXT,
                                .standard = "launchdarkly",
                                .help = "what the names of its keys begin with, a colon follows.\n"
                                        "Default: launchdarkly"},
    [CONFIG_LD_STORE_TTL_SECONDS] =
        {"launchdarkly.store_ttl_seconds", "--launchdarkly-store-ttl", "SECONDS",
         "FF_CACHE_TTL_SECONDS", CONFIG_NUMBER, .standard = "15", .least = 0, .most = 86400,
         .help = "between two looks at the store as a source; 0: ten times\n"
                 "a second. Default: 15"},
    [CONFIG_LD_STORE_EMPTIED] = {"launchdarkly.store_emptied", "--launchdarkly-store-emptied",
                                 "WHAT", "LAUNCHDARKLY_STORE_EMPTIED", CONFIG_CHOICE,
                                 .standard = "keep", .choices = "keep follow",
                                 .help =
                                     "when a store that was a source has nothing any more, not\n"
                                     "even $inited. keep: serve what it had. follow: serve no\n"
                                     "flags, as the SDKs do. Default: keep"},
    [CONFIG_EVENTS_ENABLED] = {"events.enabled", "--events", "BOOL", "FFSHM_EVENTS", CONFIG_BOOL,
                               .standard = "true",
                               .help =
                                   "collect what programs evaluate; with an SDK key whole events,\n"
                                   "too, which are delivered to LaunchDarkly. Default: true"},
    [CONFIG_EVENTS_CAPACITY] = {"events.capacity", "--events-capacity", "COUNT",
                                "FFSHM_EVENTS_CAPACITY", CONFIG_NUMBER, .standard = "10000",
                                .least = 1, .most = 1000000,
                                .help = "events between two flushes; more are dropped and counted\n"
                                        "(counts of evaluations never are). Default: 10000"},
    [CONFIG_EVENTS_FLUSH_MS] = {"events.flush_ms", "--events-flush-ms", "MS",
                                "FFSHM_EVENTS_FLUSH_MS", CONFIG_NUMBER, .standard = "5000",
                                .least = 10, .most = DAY_MS,
                                .help = "between two deliveries. Default: 5000"},
    [CONFIG_EVENTS_ALL_PRIVATE] = {"events.all_private", "--events-all-private", "BOOL",
                                   "FFSHM_EVENTS_ALL_PRIVATE", CONFIG_BOOL, .standard = "false",
                                   .help =
                                       "no attribute but the key leaves the host. Default: false"},
    [CONFIG_EVENTS_PRIVATE_ATTRIBUTES] = {"events.private_attributes", "--events-private-attribute",
                                          "REFERENCE", "FFSHM_EVENTS_PRIVATE_ATTRIBUTES",
                                          CONFIG_TEXT, .list = true,
                                          .help = "an attribute that does not leave the host: a\n"
                                                  "name, or /a/path; may be given several times,\n"
                                                  "in the variable separated by colons"},
    [CONFIG_EVENTS_OMIT_ANONYMOUS] = {"events.omit_anonymous", "--events-omit-anonymous", "BOOL",
                                      "FFSHM_EVENTS_OMIT_ANONYMOUS", CONFIG_BOOL,
                                      .standard = "false",
                                      .help =
                                          "no index and identify events of anonymous contexts.\n"
                                          "Default: false"},
    [CONFIG_EVENTS_GZIP] = {"events.gzip", "--events-gzip", "BOOL", "FFSHM_EVENTS_GZIP",
                            CONFIG_BOOL, .standard = "true",
                            .help = "compress what is sent. Default: true"},
    [CONFIG_EVENTS_DIAGNOSTICS] = {"events.diagnostics", "--events-diagnostics", "BOOL",
                                   "FFSHM_EVENTS_DIAGNOSTICS", CONFIG_BOOL, .standard = "true",
                                   .help = "tell LaunchDarkly how the agent is set up and fares.\n"
                                           "Default: true"},
    [CONFIG_EVENTS_RING_KIB] = {"events.ring_kib", "--events-ring-kib", "KIB",
                                "FFSHM_EVENTS_RING_KIB", CONFIG_NUMBER, .standard = "128",
                                .least = 16, .most = 16384,
                                .help =
                                    "memory of each program for events on their way to the\n"
                                    "agent, in KiB, rounded up to a power of two. Default: 128"},
    [CONFIG_BIG_SEGMENTS_STORE] = {"big_segments.store", "--big-segments-store", "URL",
                                   "FFSHM_BIG_SEGMENTS_STORE", CONFIG_REDIS, .choices = "redis",
                                   .help =
                                       "the Redis that has the memberships of LaunchDarkly's big\n"
                                       "segments. Default: none, and nobody is in a big segment"},
    [CONFIG_BIG_SEGMENTS_PREFIX] = {"big_segments.prefix", "--big-segments-prefix", "TEXT",
                                    "FFSHM_BIG_SEGMENTS_PREFIX", CONFIG_TEXT,
                                    .standard = "launchdarkly",
                                    .help = "of its keys there. Default: launchdarkly"},
    [CONFIG_BIG_SEGMENTS_CACHE_SIZE] =
        {"big_segments.cache_size", "--big-segments-cache-size", "COUNT",
         "FFSHM_BIG_SEGMENTS_CACHE_SIZE", CONFIG_NUMBER, .standard = "1000", .least = 0,
         .most = 1000000,
         .help = "contexts whose memberships are kept in shared memory; 0: the\n"
                 "default. Default: 1000"},
    [CONFIG_BIG_SEGMENTS_CACHE_MS] =
        {"big_segments.cache_ms", "--big-segments-cache-ms", "MS", "FFSHM_BIG_SEGMENTS_CACHE_MS",
         CONFIG_NUMBER, .standard = "5000", .least = 0, .most = DAY_MS,
         .help = "after which a membership is asked for again; 0: the default.\n"
                 "Default: 5000"},
    [CONFIG_BIG_SEGMENTS_STATUS_POLL_MS] =
        {"big_segments.status_poll_ms", "--big-segments-status-poll-ms", "MS",
         "FFSHM_BIG_SEGMENTS_STATUS_POLL_MS", CONFIG_NUMBER, .standard = "5000", .least = 0,
         .most = DAY_MS,
         .help = "between two looks whether the store is up to date; 0: the\n"
                 "default. Default: 5000"},
    [CONFIG_BIG_SEGMENTS_STALE_AFTER_MS] =
        {"big_segments.stale_after_ms", "--big-segments-stale-after-ms", "MS",
         "FFSHM_BIG_SEGMENTS_STALE_AFTER_MS", CONFIG_NUMBER, .standard = "120000", .least = 0,
         .most = DAY_MS,
         .help = "since the store was brought up to date, after which it is\n"
                 "stale; 0: the default. Default: 120000"},
    [CONFIG_ADMIN_ENABLED] = {"admin.enabled", "--admin", "BOOL", "FFSHM_ADMIN", CONFIG_BOOL,
                              .standard = "true",
                              .help = "the HTTP API, on the unix socket agent.sock in the store's\n"
                                      "directory. Default: true"},
    [CONFIG_ADMIN_LISTEN] = {"admin.listen", "--admin-listen", "ADDRESS", "FFSHM_ADMIN_LISTEN",
                             CONFIG_TEXT, .list = true, .separator = ',',
                             .help =
                                 "a TCP address for it, too: 127.0.0.1:PORT, [::1]:PORT; may be\n"
                                 "given several times, in the variable separated by commas.\n"
                                 "One that other hosts can reach needs TLS"},
    [CONFIG_ADMIN_TLS_CERTIFICATE] = {"admin.tls_certificate", "--admin-tls-certificate", "FILE",
                                      "FFSHM_ADMIN_TLS_CERTIFICATE", CONFIG_PATH,
                                      .help =
                                          "PEM, with its chain: all TCP addresses are TLS then"},
    [CONFIG_ADMIN_TLS_KEY] = {"admin.tls_key", "--admin-tls-key", "FILE", "FFSHM_ADMIN_TLS_KEY",
                              CONFIG_PATH, .help = "the certificate's key, PEM"},
    [CONFIG_ADMIN_PEERS] = {"admin.peers", "--admin-peer", "RULE", "FFSHM_ADMIN_PEERS", CONFIG_TEXT,
                            .list = true, .separator = ',',
                            .help = "what a user of this host may on the unix socket: USER=ROLE,\n"
                                    "@GROUP=ROLE or *=ROLE; roles are none, viewer, editor and\n"
                                    "admin; in the variable separated by commas. Root and the\n"
                                    "agent's user are admins, others viewers unless said here"},
    [CONFIG_REDIS_URL] =
        {"redis.url", "--redis-url", "URL", "REDIS_URL", CONFIG_REDIS,
         .help = "the Redis or Valkey that other settings call redis:\n"
                 "redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], rediss:// with TLS,\n"
                 "or unix:///PATH?db=DATABASE. A password is not for the option:\n"
                 "everybody sees those. Alone it turns nothing on"},
    [CONFIG_REDIS_PREFIX] = {"redis.prefix", "--redis-prefix", "TEXT", "FFSHM_REDIS_PREFIX",
                             CONFIG_TEXT, .standard = "ffshm",
                             .help =
                                 "what the names of a fleet's keys begin with; the environment\n"
                                 "follows. Default: ffshm"},
    [CONFIG_REDIS_PASSWORD_FILE] = {"redis.password_file", "--redis-password-file", "FILE",
                                    "FFSHM_REDIS_PASSWORD_FILE", CONFIG_PATH,
                                    .help =
                                        "a file whose first line is the password of redis.url,\n"
                                        "unless that has one"},
    [CONFIG_REDIS_CA_FILE] = {"redis.ca_file", "--redis-ca-file", "FILE", "FFSHM_REDIS_CA_FILE",
                              CONFIG_PATH,
                              .help = "PEM certificates to trust with rediss:// instead of the\n"
                                      "system's"},
};
