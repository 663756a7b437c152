/*
 * test_golden.c - files of format version 1, as an earlier build made them, are read by this one
 * and mean what they meant. tests/golden/v1/ is never changed; a new format version gets a folder
 * of its own (make_golden.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ffshm.h"
#include "memory_image.h"

#define GOLDEN FFSHM_SOURCE_DIR "/tests/golden/v1"

static char directory[64];
static struct ffshm *store;

static void copy_file(const char *name)
{
    char path[512];
    static char bytes[1 << 20];
    snprintf(path, sizeof(path), "%s/%s", GOLDEN, name);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(from, bytes, sizeof(bytes));
    assert_in_range(size, 1, sizeof(bytes) - 1);
    close(from);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_int_equal(write(to, bytes, (size_t)size), size);
    assert_int_equal(fchmod(to, strcmp(name, "ctl") == 0 ? 0644 : 0444), 0);
    close(to);
}

static int copy_and_open(void **state)
{
    (void)state;
    strcpy(directory, "/dev/shm/ffshm-golden.XXXXXX");
    assert_non_null(mkdtemp(directory));
    DIR *d = opendir(GOLDEN);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, "ctl") == 0 || strncmp(e->d_name, "s.", 2) == 0 ||
            strncmp(e->d_name, "x.", 2) == 0) {
            copy_file(e->d_name);
        }
    }
    closedir(d);
    store = ffshm_open(directory, NULL);
    return store ? 0 : -1;
}

static int close_and_remove(void **state)
{
    (void)state;
    ffshm_close(store);
    DIR *d = opendir(directory);
    for (const struct dirent *e; d && (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
        unlink(path);
    }
    if (d) {
        closedir(d);
    }
    return rmdir(directory);
}

static void the_golden_store_opens_complete(void **state)
{
    (void)state;
    struct ffshm_status status = {0};
    assert_int_equal(ffshm_wait_ready(store, 0), FFSHM_OK);
    ffshm_status(store, &status);
    assert_true(status.generation == UINT64_C(0x0000000100000002));
    assert_int_equal(status.flags, 14);
    assert_int_equal(status.segments, 3);
    assert_int_equal(status.refused, 0);
}

#define USER(members) "{\"kind\":\"user\"," members "}"
#define KEY(key) USER("\"key\":\"" key "\"")
#define WITH(members) USER("\"key\":\"user-2\"," members)

/* What facts about LaunchDarkly's semantics and SHA-1 say, not what some build gave. */
static const struct expectation {
    const char *flag;
    const char *context;
    int variation;
    const char *json; /* NULL: the fallback */
    int reason;
    const char *tells; /* rule id or prerequisite */
} expectations[] = {
    {"off", KEY("u"), 1, "false", FFSHM_REASON_OFF, ""},
    {"off-nothing", KEY("u"), -1, NULL, FFSHM_REASON_OFF, ""},
    {"fixed", KEY("u"), 0, "true", FFSHM_REASON_FALLTHROUGH, ""},
    {"gone", KEY("u"), -1, NULL, FFSHM_REASON_ERROR, ""},
    {"malformed", KEY("u"), -1, NULL, FFSHM_REASON_ERROR, ""},
    {"cycle-a", KEY("u"), -1, NULL, FFSHM_REASON_ERROR, ""},
    {"client", KEY("u"), 0, "true", FFSHM_REASON_FALLTHROUGH, ""},
    /* buckets 0.0295, 0.4699, 0.7452, 0.9562 */
    {"values", KEY("user-1"), 0, "null", FFSHM_REASON_FALLTHROUGH, ""},
    {"values", KEY("user-4"), 3, "\"text \xc3\xbc \\\"quoted\\\"\"", FFSHM_REASON_FALLTHROUGH, ""},
    {"values", KEY("user-7"), 5, "{\"a\":{\"b\":[true]}}", FFSHM_REASON_FALLTHROUGH, ""},
    {"values", KEY("user-9"), 6, "-7", FFSHM_REASON_FALLTHROUGH, ""},
    {"experiment", KEY("userKeyA"), 0, "\"control\"", FFSHM_REASON_FALLTHROUGH, ""},
    {"experiment", KEY("userKeyC"), 1, "\"treatment\"", FFSHM_REASON_FALLTHROUGH, ""},
    /* buckets 0.0735 and 0.3550; a missing kind is bucket 0 */
    {"by-company", "{\"kind\":\"org\",\"key\":\"o\",\"address\":{\"country\":\"US\"}}", 0, "1",
     FFSHM_REASON_FALLTHROUGH, ""},
    {"by-company", "{\"kind\":\"org\",\"key\":\"o\",\"address\":{\"country\":\"CH\"}}", 1, "2",
     FFSHM_REASON_FALLTHROUGH, ""},
    {"by-company", KEY("u"), 0, "1", FFSHM_REASON_FALLTHROUGH, ""},
    {"targets", KEY("user-3"), 1, "\"b\"", FFSHM_REASON_TARGET_MATCH, ""},
    {"targets", KEY("user-1"), 2, "\"c\"", FFSHM_REASON_FALLTHROUGH, ""},
    {"targets", "{\"kind\":\"org\",\"key\":\"acme\"}", 0, "\"a\"", FFSHM_REASON_TARGET_MATCH, ""},
    {"operators", WITH("\"country\":\"CH\""), 1, "1", FFSHM_REASON_RULE_MATCH, "in-many"},
    {"operators", WITH("\"country\":7.0"), 1, "1", FFSHM_REASON_RULE_MATCH, "in-many"},
    {"operators", WITH("\"email\":\"root@x\""), 2, "2", FFSHM_REASON_RULE_MATCH, "starts"},
    {"operators", WITH("\"email\":\"x+beta@example.com\""), 3, "3", FFSHM_REASON_RULE_MATCH,
     "ends"},
    {"operators", WITH("\"name\":\"Jan\""), 4, "4", FFSHM_REASON_RULE_MATCH, "regex"},
    {"operators", WITH("\"age\":21"), 5, "5", FFSHM_REASON_RULE_MATCH, "numbers"},
    {"operators", WITH("\"age\":21.5"), 0, "0", FFSHM_REASON_FALLTHROUGH, ""},
    {"operators", WITH("\"born\":\"1970-06-01T00:00:00Z\""), 6, "6", FFSHM_REASON_RULE_MATCH,
     "dates"},
    {"operators", WITH("\"app\":\"2.5\""), 7, "7", FFSHM_REASON_RULE_MATCH, "semver"},
    {"operators", WITH("\"app\":\"2.1.0-beta\""), 0, "0", FFSHM_REASON_FALLTHROUGH, ""},
    {"operators",
     "{\"kind\":\"multi\",\"user\":{\"key\":\"u\",\"groups\":[]},\"org\":{\"key\":\"o\"}}", 8, "8",
     FFSHM_REASON_RULE_MATCH, "negated"},
    {"operators", "{\"kind\":\"org\",\"key\":\"o\",\"address\":{\"country\":\"US\"}}", 9, "9",
     FFSHM_REASON_RULE_MATCH, "path"},
    {"operators", KEY("user-7"), 10, "10", FFSHM_REASON_RULE_MATCH, "segments"},
    {"operators", WITH("\"vip\":true"), 10, "10", FFSHM_REASON_RULE_MATCH, "segments"},
    {"operators", USER("\"key\":\"user-9\",\"vip\":true"), 0, "0", FFSHM_REASON_FALLTHROUGH, ""},
    /* buckets 0.2530 and 0.5304 of a share of 0.4 */
    {"operators", WITH("\"badge\":{}"), 11, "11", FFSHM_REASON_RULE_MATCH, "ours"},
    {"operators", USER("\"key\":\"user-1\",\"badge\":{}"), 0, "0", FFSHM_REASON_FALLTHROUGH, ""},
    {"operators", USER("\"key\":\"user-1\",\"anonymous\":true"), 12, "12", FFSHM_REASON_RULE_MATCH,
     "unknown"},
    {"needs", KEY("user-1"), 0, "true", FFSHM_REASON_FALLTHROUGH, ""},
    {"needs", KEY("user-3"), 1, "false", FFSHM_REASON_PREREQUISITE_FAILED, "targets"},
    {"needs-missing", KEY("u"), 1, "false", FFSHM_REASON_PREREQUISITE_FAILED, "not-there"},
};

static void golden_flags_evaluate_as_ever(void **state)
{
    (void)state;
    struct ffshm_view view;
    ffshm_pin(store, &view);
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        const struct expectation *x = &expectations[i];
        char scratch[512];
        struct ffshm_context c;
        assert_int_equal(
            ffshm_context_parse(&c, x->context, strlen(x->context), scratch, sizeof(scratch)),
            FFSHM_OK);
        const struct ffshm_result r = ffshm_evaluate(&view, x->flag, &c);
        const bool same = r.variation == x->variation && r.reason == x->reason &&
                          strcmp(r.json ? r.json : "none", x->json ? x->json : "none") == 0 &&
                          strcmp(r.rule_id[0] ? r.rule_id : r.prerequisite_key, x->tells) == 0;
        if (!same) {
            fail_msg("%s for %s: variation %d %s, reason %s, %s%s", x->flag, x->context,
                     r.variation, r.json ? r.json : "none", ffshm_reason_name(r.reason), r.rule_id,
                     r.prerequisite_key);
        }
    }
    ffshm_unpin(&view);
}

static void golden_variants_tags_and_experiments_are_kept(void **state)
{
    (void)state;
    struct ffshm_detail detail;
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "userKeyA");
    assert_true(ffshm_bool_detail(store, "fixed", &c, false, &detail));
    assert_string_equal(detail.variant, "yes");
    assert_int_equal(detail.flag_version, 7);
    char buffer[32];
    ffshm_string_detail(store, "experiment", &c, "", buffer, sizeof(buffer), &detail);
    assert_true(detail.in_experiment);
    ffshm_context_init(&c, NULL, "userKeyC");
    ffshm_string_detail(store, "experiment", &c, "", buffer, sizeof(buffer), &detail);
    assert_false(detail.in_experiment);
}

struct comparison {
    const struct ffshm_view *today;
    const struct ffshm_view *golden;
};

static bool compare_flag(void *arg, const struct ffshm_flag_info *info)
{
    const struct comparison *views = arg;
    size_t count;
    const struct ffshm_context *contexts = memory_image_contexts(&count);
    for (size_t i = 0; i < count; i++) {
        const struct ffshm_result a = ffshm_evaluate(views->golden, info->key, &contexts[i]);
        const struct ffshm_result b = ffshm_evaluate(views->today, info->key, &contexts[i]);
        if (a.variation != b.variation || a.reason != b.reason || a.error != b.error ||
            a.rule_index != b.rule_index || a.in_experiment != b.in_experiment ||
            a.flag_version != b.flag_version || a.big_segments != b.big_segments ||
            strcmp(a.json ? a.json : "", b.json ? b.json : "") != 0 ||
            strcmp(a.variant, b.variant) != 0 || strcmp(a.rule_id, b.rule_id) != 0) {
            fail_msg("%s differs for context %zu", info->key, i);
        }
    }
    return true;
}

static void the_same_definitions_compiled_today_mean_the_same(void **state)
{
    (void)state;
    struct memory_image image;
    memory_image_load(GOLDEN "/definitions.json", &image);
    struct ffshm_view golden;
    struct ffshm_view today;
    ffshm_pin(store, &golden);
    ffshm_pin(image.store, &today);
    struct comparison views = {&today, &golden};
    assert_int_equal(ffshm_each(&golden, compare_flag, &views), 14);
    assert_int_equal(ffshm_each(&today, compare_flag, &views), 14);
    ffshm_unpin(&today);
    ffshm_unpin(&golden);
    memory_image_free(&image);
}

static bool is_overridden(void *arg, const struct ffshm_flag_info *flag)
{
    *(int *)arg += flag->overridden;
    return true;
}

static void no_flag_is_overridden_in_files_that_know_no_overrides(void **state)
{
    (void)state;
    struct ffshm_view view;
    int overridden = 0;
    ffshm_pin(store, &view);
    assert_int_equal(ffshm_each(&view, is_overridden, &overridden), 14);
    assert_int_equal(overridden, 0);
    ffshm_unpin(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_store_opens_complete),
        cmocka_unit_test(no_flag_is_overridden_in_files_that_know_no_overrides),
        cmocka_unit_test(golden_flags_evaluate_as_ever),
        cmocka_unit_test(golden_variants_tags_and_experiments_are_kept),
        cmocka_unit_test(the_same_definitions_compiled_today_mean_the_same),
    };
    return cmocka_run_group_tests(tests, copy_and_open, close_and_remove);
}
