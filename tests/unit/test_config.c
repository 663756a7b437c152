/* The agent's configuration: layers, places of problems, suggestions, and that no secret is shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static const char *const variables[] = {
    "FFSHM_DIR",
    "FFSHM_FLAGS",
    "FF_LOG_LEVEL",
    "FFSHM_RETAIN",
    "FFSHM_CONFIG",
    "REDIS_URL",
    "FF_CACHE_TTL_SECONDS",
    "LAUNCHDARKLY_STORE",
    "LAUNCHDARKLY_ENVIRONMENT",
    "FF_ENABLE_METRICS",
    "LAUNCHDARKLY_SDK_KEY",
    "FFSHM_ADMIN_LISTEN",
    "FFSHM_ADMIN_PEERS",
    "FFSHM_STORAGE",
};

/* A configuration file of the test's own, and the configuration that is loaded from it. */
struct fixture {
    char path[64];
    struct config config;
    bool loaded;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->path, sizeof f->path, "/tmp/ffshm-config-XXXXXX");
    const int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        unsetenv(variables[i]);
    }
    setenv("FFSHM_CONFIG", f->path, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f->loaded) {
        config_free(&f->config);
    }
    unlink(f->path);
    free(f);
    return 0;
}

static void write_file(const struct fixture *f, const char *text)
{
    FILE *out = fopen(f->path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, strlen(text), out), strlen(text));
    assert_int_equal(fclose(out), 0);
}

/* Loads with these options, separated by spaces. */
static const struct config *load(struct fixture *f, const char *options)
{
    char *argv[24] = {(char[]){"ffagent"}};
    int argc = 1;
    char copy[512];
    snprintf(copy, sizeof copy, "%s", options);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;) {
        if (*word) {
            argv[argc++] = word;
        }
    }
    if (f->loaded) {
        config_free(&f->config);
    }
    f->loaded = true;
    const int result = config_load(&f->config, argc, argv);
    assert_int_equal(result, f->config.problem_count ? -1 : 0);
    return &f->config;
}

static const char *problem(const struct config *c, size_t n)
{
    static char text[2048];
    assert_true(n < c->problem_count);
    fault_text(&c->problems[n], text, sizeof text);
    return text;
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("\"%s\" does not contain \"%s\"", text, part);
    }
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part)) {
        fail_msg("\"%s\" contains \"%s\"", text, part);
    }
}

/* What config_print writes; freed by the caller. */
static char *printed(const struct config *c)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_print(c, out);
    fclose(out);
    return text;
}

static void one_flag_file_is_all_that_is_needed(void **state)
{
    const struct config *c = load(*state, "--flags a.yaml");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->action, CONFIG_RUN);
    assert_int_equal(c->flag_count, 1);
    assert_string_equal(c->flag_paths[0], "a.yaml");
    assert_int_equal(config_number(c, CONFIG_RETAIN), 16);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_contains(config_text(c, CONFIG_DIR), "/ffshm/default");
    assert_false(c->once);
}

static void without_a_flag_file_it_says_how_to_give_one(void **state)
{
    static const char *const without[] = {"--once", "--admin false", "--state none"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        const struct config *c = load(*state, without[i]);
        assert_int_equal(c->problem_count, 1);
        assert_contains(problem(c, 0), "no flag file");
        assert_contains(problem(c, 0), "--flags FILE");
    }
    const struct config *c = load(*state, ""); /* flags are made over the API */
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->flag_count, 0);
}

/* Else a second agent would take over what was kept of the first one's flags. */
static void two_stores_do_not_share_their_state(void **state)
{
    static const char *const cases[][2] = {
        {"", "/s/default.db"},
        {"--environment shop", "/s/shop.db"},
        {"--dir /run/ffshm/shop", "/s/shop.db"},
        {"--dir /dev/shm/ffshm/shop/", "/s/shop.db"},
        {"--dir /dev/shm/demo", "/s/dev-shm-demo.db"},
        {"--dir /dev/shm/demo/ --environment shop", "/s/dev-shm-demo.db"},
        {"--dir /dev/shm/demo --state /x.db", "/x.db"},
    };
    setenv("STATE_DIRECTORY", "/s", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct config *c = load(*state, cases[i][0]);
        assert_int_equal(c->problem_count, 0);
        assert_string_equal(config_text(c, CONFIG_STATE), cases[i][1]);
    }
    char option[400];
    snprintf(option, sizeof option, "--dir /%0300d", 7);
    assert_in_range(strlen(config_text(load(*state, option), CONFIG_STATE)), 100, 210);
    unsetenv("STATE_DIRECTORY");
}

static void file_is_below_environment_is_below_options(void **state)
{
    struct fixture *f = *state;
    write_file(f, "dir: /file\nretain: 3\nlog_level: debug\nflags: [file.yaml]\n");
    setenv("FFSHM_DIR", "/environment", 1);
    setenv("FF_LOG_LEVEL", "WARNING", 1);
    const struct config *c = load(f, "--dir /option");
    assert_string_equal(config_text(c, CONFIG_DIR), "/option");
    assert_int_equal(c->log_level, LOG_LEVEL_WARNING);
    assert_int_equal(config_number(c, CONFIG_RETAIN), 3);
    c = load(f, "");
    assert_string_equal(config_text(c, CONFIG_DIR), "/environment");
}

static void a_higher_layer_replaces_the_flag_files_of_a_lower_one(void **state)
{
    struct fixture *f = *state;
    write_file(f, "flags: [one.yaml, /two.yaml]\n");
    const struct config *c = load(f, "");
    assert_int_equal(c->flag_count, 2);
    assert_string_equal(c->flag_paths[0], "/tmp/one.yaml"); /* beside the configuration file */
    assert_string_equal(c->flag_paths[1], "/two.yaml");
    setenv("FFSHM_FLAGS", "e1.yaml::e2.yaml:", 1);
    c = load(f, "");
    assert_int_equal(c->flag_count, 2);
    assert_string_equal(c->flag_paths[0], "e1.yaml");
    assert_string_equal(c->flag_paths[1], "e2.yaml");
    c = load(f, "--flags o1.yaml --flags=o2.yaml --flags o3.yaml");
    assert_int_equal(c->flag_count, 3);
    assert_string_equal(c->flag_paths[2], "o3.yaml");
}

static void flags_may_be_one_string(void **state)
{
    write_file(*state, "flags: /one.yaml\n");
    const struct config *c = load(*state, "");
    assert_int_equal(c->flag_count, 1);
    assert_string_equal(c->flag_paths[0], "/one.yaml");
}

static void an_option_given_twice_counts_the_second_time(void **state)
{
    const struct config *c = load(*state, "--flags a --retain 2 --retain=5");
    assert_int_equal(config_number(c, CONFIG_RETAIN), 5);
}

static void json_is_a_configuration_file_too(void **state)
{
    write_file(*state, "{\"flags\": [\"/a.json\"], \"retain\": 2}\n");
    const struct config *c = load(*state, "");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(config_number(c, CONFIG_RETAIN), 2);
}

static void a_file_of_comments_is_an_empty_configuration(void **state)
{
    write_file(*state, "# flags: [a.yaml]\n\n   # retain: 3\n");
    assert_int_equal(load(*state, "--flags a.yaml")->problem_count, 0);
}

static void an_unknown_member_is_named_with_its_place_and_what_was_meant(void **state)
{
    struct fixture *f = *state;
    write_file(f, "flags: [a.yaml]\nlog-level: info\nretian: 3\nqueue: 1\n");
    const struct config *c = load(f, "");
    assert_int_equal(c->problem_count, 3);
    char place[128];
    snprintf(place, sizeof place, "%s:2:1: log-level: unknown member", f->path);
    assert_contains(problem(c, 0), place);
    assert_contains(problem(c, 0), "did you mean log_level?");
    assert_contains(problem(c, 1), ":3:1:");
    assert_contains(problem(c, 1), "did you mean retain?");
    assert_contains(problem(c, 2), "--help");
}

static void a_wrong_type_is_named_with_its_place(void **state)
{
    write_file(*state, "flags: [a.yaml, 7]\nretain: \"3\"\nlog_level: true\ndir: null\n");
    const struct config *c = load(*state, "");
    assert_int_equal(c->problem_count, 4);
    assert_contains(problem(c, 0), "flags[1]: must be a string, not a number");
    assert_contains(problem(c, 1), ":2:");
    assert_contains(problem(c, 1), "retain: must be a whole number, not a string");
    assert_contains(problem(c, 2), "log_level: must be a string, not a boolean");
    assert_contains(problem(c, 3), "dir: must be a string, not null");
}

static void a_file_that_is_no_mapping_or_no_yaml_is_refused(void **state)
{
    write_file(*state, "[a, b]\n");
    assert_contains(problem(load(*state, "--flags a"), 0), "must be a mapping");
    write_file(*state, "flags: [a\nretain: 3\n");
    assert_contains(problem(load(*state, "--flags a"), 0), ":2:");
    write_file(*state, "retain: 3\nretain: 4\n");
    assert_int_equal(load(*state, "--flags a")->problem_count, 1);
}

static void a_configuration_file_that_was_asked_for_must_be_there(void **state)
{
    const struct config *c = load(*state, "--config /nonexistent/ffagent.yaml --flags a");
    assert_int_equal(c->problem_count, 1);
    assert_contains(problem(c, 0), "/nonexistent/ffagent.yaml");
    assert_contains(problem(c, 0), "No such file");
    assert_int_equal(load(*state, "--config /tmp --flags a")->problem_count, 1);
}

static void values_out_of_range_are_refused_wherever_they_come_from(void **state)
{
    const char *const wrong[] = {"0", "1001", "-1", "3x", "99999999999999999999", "0x10"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char options[64];
        snprintf(options, sizeof options, "--flags a --retain %s", wrong[i]);
        const struct config *c = load(*state, options);
        assert_int_equal(c->problem_count, 1);
        assert_contains(problem(c, 0), "--retain: must be a whole number from 1 to 1000");
    }
    assert_int_equal(config_number(load(*state, "--flags a --retain 1000"), CONFIG_RETAIN), 1000);
    setenv("FF_LOG_LEVEL", "WARN", 1);
    assert_contains(problem(load(*state, "--flags a"), 0), "FF_LOG_LEVEL: must be error, warning");
    setenv("FF_LOG_LEVEL", "eror", 1);
    assert_contains(problem(load(*state, "--flags a"), 0), "did you mean error?");
    setenv("FF_LOG_LEVEL", "", 1); /* set to nothing: not set */
    write_file(*state, "retain: 0\nflags: [a]\n");
    const struct config *c = load(*state, "");
    assert_int_equal(c->problem_count, 1);
    assert_contains(problem(c, 0), ":1:");
}

static void every_wrong_option_is_told_with_what_was_meant(void **state)
{
    const struct config *c = load(*state, "--flag a --dri=/x flags.yaml --once=1 --qqqqqqqq --dir");
    assert_int_equal(c->problem_count, 6);
    assert_contains(problem(c, 0), "--flag: unknown option");
    assert_contains(problem(c, 0), "did you mean --flags?");
    assert_contains(problem(c, 1), "--dri: unknown option");
    assert_contains(problem(c, 1), "did you mean --dir?");
    assert_contains(problem(c, 2), "flags.yaml: unexpected argument");
    assert_contains(problem(c, 3), "--once: takes no value");
    assert_contains(problem(c, 4), "--qqqqqqqq: unknown option");
    assert_contains(problem(c, 5), "--dir: needs a value");
    c = load(*state, "--flags a --dir");
    assert_int_equal(c->problem_count, 1);
    assert_contains(problem(c, 0), "--dir: needs a value");
    assert_contains(problem(load(*state, "--flags a --dir="), 0), "is empty");
}

static void help_and_version_ask_for_nothing_else(void **state)
{
    assert_int_equal(load(*state, "--help --nonsense")->action, CONFIG_HELP);
    assert_int_equal(load(*state, "-V")->action, CONFIG_VERSION);
    assert_int_equal(load(*state, "--version -h")->action, CONFIG_HELP);
    assert_int_equal(load(*state, "--check-config --flags a --once")->action, CONFIG_CHECK);
    assert_int_equal(load(*state, "--check-storage")->action, CONFIG_CHECK_STORAGE);
    assert_null(load(*state, "--check-storage --state x")->checked);
    assert_string_equal(load(*state, "--check-storage a.db")->checked, "a.db");
    assert_string_equal(load(*state, "--check-storage=-a")->checked, "-a");
    assert_true(load(*state, "--once --flags a")->once);
}

static void the_environment_names_the_default_directory(void **state)
{
    setenv("LAUNCHDARKLY_ENVIRONMENT", "production", 1);
    const struct config *c = load(*state, "--flags a");
    assert_contains(config_text(c, CONFIG_DIR), "/ffshm/production");
    assert_int_equal(c->notice_count, 0);
    c = load(*state, "--flags a --environment staging");
    assert_contains(config_text(c, CONFIG_DIR), "/ffshm/staging");
    c = load(*state, "--flags a --dir /d");
    assert_string_equal(config_text(c, CONFIG_DIR), "/d");
}

static void an_environment_that_is_no_file_name_cannot_name_the_directory(void **state)
{
    const char *const wrong[] = {"../etc", "a/b", ".", "..", "caf\xc3\xa9", "a b", "a\nb"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("LAUNCHDARKLY_ENVIRONMENT", wrong[i], 1);
        const struct config *c = load(*state, "--flags a");
        assert_int_equal(c->problem_count, 1);
        assert_contains(problem(c, 0), "cannot name a directory");
        assert_int_equal(load(*state, "--flags a --dir /d")->problem_count, 0);
    }
}

static void what_is_not_available_is_reported_once_each(void **state)
{
    setenv("FF_ENABLE_METRICS", "true", 1);
    const struct config *c = load(*state, "--flags a");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->notice_count, 1);
    assert_contains(c->notices[0].text, "not available in this version: ignored");
    assert_lacks(c->notices[0].text, "not a ");
    setenv("FF_ENABLE_METRICS", "maybe", 1);
    c = load(*state, "--flags a");
    assert_int_equal(c->problem_count, 0); /* what has no effect does not keep the agent down */
    assert_contains(c->notices[0].text, "not true or false");
}

static void a_cache_lifetime_is_a_stores(void **state)
{
    setenv("FF_CACHE_TTL_SECONDS", "300", 1);
    const struct config *c = load(*state, "--flags a");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->notice_count, 1);
    assert_contains(c->notices[0].text, "a cache lifetime (300 s) is for launchdarkly.store");
    c = load(*state, "--launchdarkly-store redis://h --launchdarkly-store-mode source");
    assert_int_equal(c->problem_count + c->notice_count, 0);
    assert_int_equal(config_number(c, CONFIG_LD_STORE_TTL_SECONDS), 300);
    setenv("FF_CACHE_TTL_SECONDS", "5 minutes", 1); /* other programs may understand it */
    c = load(*state, "--launchdarkly-store redis://h --launchdarkly-store-mode source");
    assert_int_equal(c->problem_count, 0);
    assert_contains(c->notices[0].text, "must be a whole number from 0 to 86400");
    assert_int_equal(config_number(c, CONFIG_LD_STORE_TTL_SECONDS), 15);
}

static void a_store_is_a_source_without_a_key_and_a_sink_with_one(void **state)
{
    const struct config *c = load(*state, "--flags a");
    assert_false(config_reads_store(c) || config_writes_store(c));
    c = load(*state, "--launchdarkly-store redis://h --launchdarkly-store-mode source");
    assert_int_equal(c->problem_count, 0); /* no flag file, no key */
    assert_true(config_reads_store(c));
    assert_string_equal(config_text(c, CONFIG_LD_STORE_PREFIX), "launchdarkly");
    c = load(*state, "--flags a --launchdarkly-store redis://h");
    assert_contains(problem(c, 0), "launchdarkly.store: (option --launchdarkly-store) is for what "
                                   "LaunchDarkly sends, and no SDK key is given; or say "
                                   "launchdarkly.store_mode source");
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk-1", 1);
    c = load(*state, "--launchdarkly-store redis://h");
    assert_int_equal(c->problem_count, 0);
    assert_true(config_writes_store(c));
    assert_false(config_reads_store(c));
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk-1", 1);
    c = load(*state, "--flags a --launchdarkly-store redis://h --launchdarkly-mode off");
    assert_contains(problem(c, 0), "launchdarkly.mode is off");
    c = load(*state, "--flags a --launchdarkly-store none");
    assert_int_equal(c->problem_count, 0);
    assert_false(config_reads_store(c) || config_writes_store(c));
    c = load(*state, "--launchdarkly-store redis --launchdarkly-store-mode source");
    assert_contains(problem(c, 0), "redis.url is not given");
    c = load(*state, "--flags a --launchdarkly-store-prefix a\tb");
    assert_contains(problem(c, 0), "cannot begin the names of keys");
}

static void a_redis_that_nothing_uses_is_reported(void **state)
{
    setenv("REDIS_URL", "redis://:hunter2@localhost:6379/1", 1);
    const struct config *c = load(*state, "--flags a");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->notice_count, 1);
    assert_contains(c->notices[0].text, "redis://***@localhost:6379/1 (environment REDIS_URL) is "
                                        "not used");
    assert_null(getenv("REDIS_URL")); /* nobody who looks at the process sees it */
    setenv("REDIS_URL", "localhost:6379", 1);
    c = load(*state, "--flags a");
    assert_int_equal(c->problem_count, 0);
    assert_contains(c->notices[0].text, "is not the URL of a Redis");
    c = load(*state, "--flags a --storage redis");
    assert_contains(problem(c, 0), "storage: is redis (option --storage), and redis.url is not "
                                   "given; give redis.url (REDIS_URL)");
    c = load(*state, "--flags a --storage redis --redis-url redis://h");
    assert_int_equal(c->problem_count + c->notice_count, 1); /* REDIS_URL alone is no URL */
}

static void expect_redis(const struct config *c, enum config_setting setting, const char *place,
                         const char *password)
{
    struct redis_url url;
    struct fault fault = {0};
    char text[REDIS_PLACE];
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(config_redis_url(c, setting, &url, &fault), 0);
    assert_string_equal(redis_url_place(&url, text), place);
    assert_int_equal(password == NULL, url.password == NULL);
    if (password != NULL) {
        assert_string_equal(url.password, password);
    }
    redis_url_free(&url);
}

static void redis_stands_for_its_url_or_for_one_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct redis_url url;
    struct fault fault = {0};
    char options[128];
    write_file(f, "open sesame\n");
    (void)snprintf(options, sizeof options, "--config /dev/null --flags a --redis-password-file %s",
                   f->path);
    setenv("REDIS_URL", "redis://me@h/1", 1);
    const struct config *c = load(f, options);
    assert_int_equal(config_redis_url(c, CONFIG_STORAGE, &url, &fault), 1); /* sqlite */
    assert_null(url.host);
    setenv("FFSHM_STORAGE", "REDIS", 1);
    setenv("REDIS_URL", "redis://me@h/1", 1);
    expect_redis(load(f, options), CONFIG_STORAGE, "redis://h:6379/1", "open sesame");
    setenv("REDIS_URL", "redis://me:other@h/1", 1);
    expect_redis(load(f, options), CONFIG_STORAGE, "redis://h:6379/1", "other");
    setenv("REDIS_URL", "redis://h/1", 1);
    setenv("FFSHM_STORAGE", "unix:///run/redis.sock", 1);
    expect_redis(load(f, options), CONFIG_STORAGE, "unix:///run/redis.sock?db=0", NULL);
    unsetenv("FFSHM_STORAGE");
    unsetenv("REDIS_URL");
    assert_contains(problem(load(f, options), 0), "is the password of redis.url, which is not");
    assert_int_equal(config_redis_url(&f->config, CONFIG_REDIS_URL, &url, &fault), 1);
    write_file(f, "");
    setenv("REDIS_URL", "redis://h/1", 1);
    assert_contains(problem(load(f, options), 0), "the file has no password");
}

static void what_redis_is_told_wrongly_is_told_without_the_password(void **state)
{
    struct fixture *f = *state;
    const char *text = problem(load(f, "--flags a --redis-url redis://:hunter2@h"), 0);
    assert_contains(text, "--redis-url: has a password: everybody on this host sees options");
    assert_lacks(text, "hunter2");
    text = problem(load(f, "--flags a --storage redis://:hunter2@h:x"), 0);
    assert_contains(text, "--storage: is not the URL of a Redis: its port is not one");
    assert_lacks(text, "hunter2");
    text = problem(load(f, "--flags a --storage sqlit"), 0);
    assert_contains(text, "does not begin like one");
    write_file(f, "redis:\n  url: redis://:hunter2@h:x\n");
    text = problem(load(f, "--flags a"), 0);
    assert_contains(text, ":2:3: redis.url: is not the URL of a Redis: its port is not one");
    assert_lacks(text, "hunter2");
    write_file(f, "");
    assert_contains(problem(load(f, "--flags a --redis-prefix {a}"), 0), "none of {}");
}

static void no_secret_is_ever_shown(void **state)
{
    const char *const urls[] = {
        "redis://:hunter2@host:6379/0",
        "rediss://user:hunter2@host",
        "redis://user:hun/ter2@host/0",
        "redis://host/0?password=hunter2",
        "redis://host/0?password=hu@nter2",
        "redis://user:hu@nter2@host",
        "redis://user:ter2#hunter2@host/",
        "hunter2",
        "redis://hunter2 @host",
        "redis://@/hunter2",
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        setenv("LAUNCHDARKLY_SDK_KEY", "sdk-hunter2-ter2", 1);
        setenv("REDIS_URL", urls[i], 1);
        const struct config *c = load(*state, "--flags a");
        char *text = printed(c);
        assert_lacks(text, "hunter2");
        assert_lacks(text, "ter2");
        assert_contains(text, "REDIS_URL");
        assert_contains(text, "LAUNCHDARKLY_SDK_KEY");
        free(text);
    }
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk hunter2", 1);
    const struct config *c = load(*state, "--flags a");
    assert_int_equal(c->problem_count, 1);
    assert_lacks(problem(c, 0), "hunter2");
    char *text = printed(load(*state, "--launchdarkly-proxy http://me:hunter2@proxy:3128"));
    assert_lacks(text, "hunter2");
    assert_contains(text, "http://***@proxy:3128");
    free(text);
}

static void an_sdk_key_takes_the_place_of_flag_files(void **state)
{
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk-1234", 1);
    const struct config *c = load(*state, "--dir /d");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->flag_count, 0);
    assert_string_equal(secret_text(c->sdk_key), "sdk-1234");
    assert_string_equal(config_text(c, CONFIG_SDK_KEY), "");
    assert_null(getenv("LAUNCHDARKLY_SDK_KEY")); /* nobody who looks at the process sees it */
}

static void an_sdk_key_for_events_alone_brings_no_flags(void **state)
{
    struct fixture *f = *state;
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk-0", 1);
    const struct config *c = load(f, "--launchdarkly-mode OFF --admin false");
    assert_int_equal(c->problem_count, 1);
    assert_contains(problem(c, 0), "no flag file is given, launchdarkly.mode is off");
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk-0", 1);
    c = load(f, "--launchdarkly-mode poll");
    assert_int_equal(c->problem_count, 0);
}

static void the_sdk_key_may_be_in_a_file_of_its_own(void **state)
{
    struct fixture *f = *state;
    char options[128];
    write_file(f, "sdk-in-file \n\n");
    snprintf(options, sizeof options, "--config /dev/null --sdk-key-file %s", f->path);
    const struct config *c = load(f, options);
    assert_int_equal(c->problem_count, 0);
    assert_string_equal(secret_text(c->sdk_key), "sdk-in-file");
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk-of-environment", 1); /* the option is above it */
    assert_string_equal(secret_text(load(f, options)->sdk_key), "sdk-in-file");
    write_file(f, "");
    assert_contains(problem(load(f, options), 0), "the file has no SDK key");
    assert_contains(problem(load(f, "--sdk-key-file /nowhere/key"), 0), "No such file");
}

static void a_url_needs_a_scheme_or_the_key_would_go_out_in_clear(void **state)
{
    static const char *const bad[] = {"relay.example",     "127.0.0.1:80", "ftp://a",
                                      "https://",          "http:///all",  "https://a?b",
                                      "file:///etc/passwd"};
    char options[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(options, sizeof options, "--flags a --launchdarkly-stream-uri %s", bad[i]);
        const struct config *c = load(*state, options);
        assert_int_equal(c->problem_count, 1);
        assert_contains(problem(c, 0), "must be a URL that begins with https://");
    }
    const struct config *c = load(*state, "--flags a --launchdarkly-stream-uri HTTPS://a:1/b/ "
                                          "--launchdarkly-events-uri http://u:p@[::1]:80");
    assert_int_equal(c->problem_count, 0);
    c = load(*state, "--flags a --launchdarkly-events-uri u:hunter2@a");
    assert_lacks(problem(c, 0), "hunter2");
    char *text = printed(load(*state, "--launchdarkly-proxy http://me:hunt/er2@proxy:3128"));
    assert_lacks(text, "er2");
    free(text);
}

static void a_private_attribute_that_names_nothing_is_refused(void **state)
{
    static const char *const bad[] = {"/", "/a//b", "/a/", "/a~2", "/~"};
    char options[128];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(options, sizeof options, "--flags a --events-private-attribute %s", bad[i]);
        const struct config *c = load(*state, options);
        assert_int_equal(c->problem_count, 1);
        assert_contains(problem(c, 0), "must be the name of an attribute");
    }
    const struct config *c = load(*state, "--flags a --events-private-attribute a~2 "
                                          "--events-private-attribute /a~1b/c");
    assert_int_equal(c->problem_count, 0);
}

static void what_cannot_be_an_sdk_key_is_neither_shown_nor_used(void **state)
{
    static const char key[] = "sdk-11111111-2222-4333-8444-c0ffee5ec4e7";
    struct fixture *f = *state;
    char options[128];
    char line[2048];
    snprintf(options, sizeof options, "--sdk-key-file %s", key);
    const struct config *c = load(f, options);
    assert_contains(problem(c, 0), "is the SDK key itself, not a file that has it");
    assert_lacks(problem(c, 0), "c0ffee");
    char *text = printed(c);
    assert_lacks(text, "c0ffee");
    free(text);
    memset(line, 'k', sizeof line);
    line[sizeof line - 1] = '\0';
    write_file(f, line);
    snprintf(options, sizeof options, "--config /dev/null --sdk-key-file %s", f->path);
    assert_contains(problem(load(f, options), 0), "it is longer than 1000 bytes");
}

static void checking_tells_what_launchdarkly_would_not_get(void **state)
{
    struct fixture *f = *state;
    char *errors;
    size_t size;
    setenv("LAUNCHDARKLY_SDK_KEY", "sdk-1", 1);
    load(f, "--launchdarkly-filter a/b --launchdarkly-ca-file /nowhere.pem "
            "--launchdarkly-application-id a:b");
    FILE *out = fopen("/dev/null", "w");
    FILE *to = open_memstream(&errors, &size);
    assert_non_null(out);
    assert_non_null(to);
    assert_int_equal(config_check(&f->config, out, to), 2);
    fclose(out);
    fclose(to);
    assert_contains(errors, "launchdarkly.filter: is not the key of a filter");
    assert_contains(errors, "launchdarkly.ca_file: cannot be read: No such file");
    assert_contains(errors, "launchdarkly.application_id: cannot be told");
    assert_contains(errors, "(option --launchdarkly-application-id)");
    free(errors);
}

static void settings_of_a_group_are_members_of_a_mapping(void **state)
{
    struct fixture *f = *state;
    write_file(f, "sdk_key: sdk-1\nlaunchdarkly: {mode: POLL, filter: a}\n"
                  "events:\n  gzip: false\n  flush_ms: 50\n  private_attributes: [a, /b/c]\n");
    const struct config *c = load(f, "--events-capacity 5");
    assert_int_equal(c->problem_count, 0);
    assert_string_equal(config_text(c, CONFIG_LD_MODE), "POLL");
    assert_false(config_bool(c, CONFIG_EVENTS_GZIP));
    assert_true(config_bool(c, CONFIG_EVENTS_ENABLED));
    assert_int_equal(config_number(c, CONFIG_EVENTS_FLUSH_MS), 50);
    assert_int_equal(config_number(c, CONFIG_EVENTS_CAPACITY), 5);
    assert_int_equal(c->settings[CONFIG_EVENTS_PRIVATE_ATTRIBUTES].count, 2);
    write_file(f, "sdk_key: sdk-1\nlaunchdarkly: {mdoe: poll}\nevents: true\n"
                  "events.gzip: true\n");
    c = load(f, "");
    assert_int_equal(c->problem_count, 3);
    assert_contains(problem(c, 0), ":2:16: launchdarkly.mdoe: unknown member");
    assert_contains(problem(c, 0), "did you mean launchdarkly.mode?");
    assert_contains(problem(c, 1), "events: must be a mapping of settings, not a boolean");
    write_file(f, "sdk_key: sdk-1\nlaunchdarkly: {mode: steam}\nevents: {gzip: \"true\"}\n");
    c = load(f, "");
    assert_contains(problem(c, 0),
                    "must be stream, poll or off, not \"steam\"; did you mean stream?");
    assert_contains(problem(c, 1), "events.gzip: must be true or false, not a string");
}

static void what_the_api_is_to_listen_on_and_who_may_is_checked_at_once(void **state)
{
    struct fixture *f = *state;
    write_file(f, "flags: [a.yaml]\nadmin:\n  listen: [\"127.0.0.1:1\", \"[::1]:2\"]\n"
                  "  peers: root=admin\n");
    const struct config *c = load(f, "");
    assert_int_equal(c->problem_count, 0);
    assert_true(config_bool(c, CONFIG_ADMIN_ENABLED));
    assert_int_equal(c->settings[CONFIG_ADMIN_LISTEN].count, 2);
    assert_string_equal(config_text(c, CONFIG_ADMIN_PEERS), "root=admin");
    setenv("FFSHM_ADMIN_LISTEN", "127.0.0.1:1,[::1]:2,,127.0.0.2:3", 1); /* colons are in them */
    setenv("FFSHM_ADMIN_PEERS", "root=admin,@0=viewer,*=none", 1);
    c = load(f, "");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->settings[CONFIG_ADMIN_LISTEN].count, 3);
    assert_int_equal(c->settings[CONFIG_ADMIN_PEERS].count, 3);
    unsetenv("FFSHM_ADMIN_LISTEN");
    unsetenv("FFSHM_ADMIN_PEERS");
    write_file(f, "flags: [a.yaml]\nadmin:\n  listen: [8080, \"localhost:1\", \"[::]:1\"]\n"
                  "  peers: [root]\n");
    c = load(f, "");
    assert_int_equal(c->problem_count, 4);
    assert_contains(problem(c, 0), "admin.listen[0]: must be a string, not a number; an address");
    assert_contains(problem(c, 1), ":3:18: admin.listen[1]: \"localhost:1\" is not an address");
    assert_contains(problem(c, 2), "admin.peers[0]: \"root\" gives no role");
    assert_contains(problem(c, 3), "can be reached from other hosts");
    c = load(f, "--admin-listen [::]:1 --admin-tls-key /k --admin-peer root=admin");
    assert_contains(problem(c, c->problem_count - 1),
                    "admin.tls_certificate: is missing: the other one is given (option "
                    "--admin-tls-key)");
}

static void what_is_printed_says_where_each_value_comes_from(void **state)
{
    struct fixture *f = *state;
    write_file(f, "retain: 3\nflags:\n  - \"a \\\"b\\\".yaml\"\n");
    setenv("FF_LOG_LEVEL", "debug", 1);
    char *text = printed(load(f, "--dir /d"));
    char expected[256];
    snprintf(expected, sizeof expected, "retain: 3  # %s:1:", f->path);
    assert_contains(text, expected);
    assert_contains(text, "dir: \"/d\"  # option --dir\n");
    assert_contains(text, "log_level: \"debug\"  # environment FF_LOG_LEVEL\n");
    assert_contains(text, "environment: \"default\"  # default\n");
    assert_contains(text, "  - \"/tmp/a \\\"b\\\".yaml\"  # ");
    free(text);
}

static void what_is_printed_is_a_configuration_file(void **state)
{
    struct fixture *f = *state;
    char *text = printed(load(f, "--flags /a.yaml --flags /b.yaml --retain 7 --log-level error "
                                 "--launchdarkly-mode poll --events-private-attribute a"));
    write_file(f, text);
    free(text);
    const struct config *c = load(f, "");
    assert_int_equal(c->problem_count, 0);
    assert_int_equal(c->flag_count, 2);
    assert_string_equal(c->flag_paths[1], "/b.yaml");
    assert_int_equal(config_number(c, CONFIG_RETAIN), 7);
    assert_int_equal(c->log_level, LOG_LEVEL_ERROR);
    assert_string_equal(config_text(c, CONFIG_LD_MODE), "poll");
    assert_int_equal(c->settings[CONFIG_EVENTS_PRIVATE_ATTRIBUTES].count, 1);
}

static void the_help_names_every_way_to_say_every_setting(void **state)
{
    static const char *const words[] = {
        "--dir DIR",
        "FFSHM_DIR",
        "--flags FILE",
        "FFSHM_FLAGS",
        "--config",
        "--once",
        "--check-config",
        "--log-level",
        "FF_LOG_LEVEL",
        "log_level",
        "--retain",
        "FFSHM_RETAIN",
        "--environment",
        "FFSHM_CONFIG",
        "REDIS_URL",
        "--storage WHERE",
        "redis.password_file",
        "SIGHUP",
        "SIGTERM, SIGINT",
        "Exit codes",
        "NOTIFY_SOCKET",
        "--version",
        "FF_CACHE_TTL_SECONDS",
        "FF_ENABLE_METRICS",
        "LAUNCHDARKLY_STORE",
        "LAUNCHDARKLY_SDK_KEY",
        "FFSHM_ADMIN_LISTEN",
        "FFSHM_ADMIN_PEERS",
        "--sdk-key-file FILE",
        "launchdarkly.mode",
        "--events-flush-ms MS",
        "FFSHM_EVENTS_RING_KIB",
        "--big-segments-store URL",
        "FFSHM_BIG_SEGMENTS_STALE_AFTER_MS",
    };
    (void)state;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_help(out);
    fclose(out);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_contains(text, words[i]);
    }
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 100);
    }
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_flag_file_is_all_that_is_needed),
        TEST(without_a_flag_file_it_says_how_to_give_one),
        TEST(two_stores_do_not_share_their_state),
        TEST(file_is_below_environment_is_below_options),
        TEST(a_higher_layer_replaces_the_flag_files_of_a_lower_one),
        TEST(flags_may_be_one_string),
        TEST(an_option_given_twice_counts_the_second_time),
        TEST(json_is_a_configuration_file_too),
        TEST(a_file_of_comments_is_an_empty_configuration),
        TEST(an_unknown_member_is_named_with_its_place_and_what_was_meant),
        TEST(a_wrong_type_is_named_with_its_place),
        TEST(a_file_that_is_no_mapping_or_no_yaml_is_refused),
        TEST(a_configuration_file_that_was_asked_for_must_be_there),
        TEST(values_out_of_range_are_refused_wherever_they_come_from),
        TEST(every_wrong_option_is_told_with_what_was_meant),
        TEST(help_and_version_ask_for_nothing_else),
        TEST(the_environment_names_the_default_directory),
        TEST(an_environment_that_is_no_file_name_cannot_name_the_directory),
        TEST(what_is_not_available_is_reported_once_each),
        TEST(a_cache_lifetime_is_a_stores),
        TEST(a_store_is_a_source_without_a_key_and_a_sink_with_one),
        TEST(a_redis_that_nothing_uses_is_reported),
        TEST(redis_stands_for_its_url_or_for_one_of_its_own),
        TEST(what_redis_is_told_wrongly_is_told_without_the_password),
        TEST(no_secret_is_ever_shown),
        TEST(an_sdk_key_takes_the_place_of_flag_files),
        TEST(an_sdk_key_for_events_alone_brings_no_flags),
        TEST(the_sdk_key_may_be_in_a_file_of_its_own),
        TEST(a_url_needs_a_scheme_or_the_key_would_go_out_in_clear),
        TEST(a_private_attribute_that_names_nothing_is_refused),
        TEST(what_cannot_be_an_sdk_key_is_neither_shown_nor_used),
        TEST(checking_tells_what_launchdarkly_would_not_get),
        TEST(settings_of_a_group_are_members_of_a_mapping),
        TEST(what_the_api_is_to_listen_on_and_who_may_is_checked_at_once),
        TEST(what_is_printed_says_where_each_value_comes_from),
        TEST(what_is_printed_is_a_configuration_file),
        TEST(the_help_names_every_way_to_say_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
