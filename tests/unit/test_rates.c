/* Rates: what processes count, read by a second reader that changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/rates_json.h"
#include "ffshm.h"
#include "live_store.h"
#include "telemetry_writer.h"

struct fixture {
    struct live_store live;
    struct ffshm *ff;
    struct ffshm_view view;
    struct telemetry_writer writer;
};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    char path[96];
    live_store_open(&f.live);
    live_store_put_text(&f.live, IMAGE_FLAG, "shop",
                        "{\"version\":1,\"on\":false,\"variations\":[1,2,3],"
                        "\"ffshm\":{\"variants\":[\"one\",\"two\",\"three\"]}}");
    live_store_publish(&f.live);
    snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY, f.live.dir);
    f.ff = ffshm_open(f.live.dir, NULL);
    ffshm_pin(f.ff, &f.view);
    return mkdir(path, 0755);
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    ffshm_unpin(&f.view);
    ffshm_close(f.ff);
    snprintf(command, sizeof command, "rm -rf '%s/" TELEMETRY_DIRECTORY "'", f.live.dir);
    const int result = system(command);
    live_store_close(&f.live);
    return result;
}

static struct rates *begin(void)
{
    struct fault fault = {0};
    int error = 0;
    struct rates *const r = rates_open(f.live.dir, &error, &fault);
    if (!r) {
        fail_msg("%s: %s", fault.file, fault.cause);
    }
    return r;
}

/* What it says of a flag; all zero: nothing. */
static struct rates_flag of(const struct rates *r, const char *key)
{
    struct rates_flag flag;
    for (size_t i = 0; i < rates_count(r); i++) {
        rates_at(r, i, &flag);
        if (strcmp(flag.key, key) == 0) {
            return flag;
        }
    }
    return (struct rates_flag){.key = key};
}

static struct rates_stats stats_of(const struct rates *r)
{
    struct rates_stats stats;
    rates_stats(r, &stats);
    return stats;
}

static void what_was_counted_before_does_not_count(void **state)
{
    (void)state;
    writer_open(&f.writer, f.live.dir, 7, TELEMETRY_RING_LEAST);
    struct telemetry_block *const shop = writer_block(&f.writer, TELEMETRY_FLAG, "shop", 1, 3, 2);
    struct telemetry_block *const none =
        writer_block(&f.writer, TELEMETRY_UNKNOWN, "none", 0, 0, 2);
    writer_count(shop, 0, 1000000);
    struct rates *const r = begin();
    assert_int_equal(rates_count(r), 0);
    writer_count(shop, 0, 5);
    writer_count(shop, 2, 7);
    writer_count(shop, -1, 2);
    writer_count(none, -1, 3);
    rates_sample(r);
    const struct rates_flag flag = of(r, "shop");
    assert_int_equal(flag.evaluations, 14);
    assert_int_equal(flag.fallback, 2);
    assert_int_equal(flag.unknown, 0);
    assert_int_equal(flag.variations, 3);
    assert_int_equal(flag.counts[0], 5);
    assert_int_equal(flag.counts[1], 0);
    assert_int_equal(flag.counts[2], 7);
    assert_int_equal(of(r, "none").unknown, 3);
    assert_int_equal(stats_of(r).evaluations, 17);
    assert_int_equal(stats_of(r).processes, 1);
    rates_sample(r);
    assert_int_equal(stats_of(r).evaluations, 17);
    writer_count(shop, 1, 1);
    rates_sample(r);
    assert_int_equal(of(r, "shop").counts[1], 1);
    assert_int_equal(stats_of(r).evaluations, 18);
    rates_free(r);
    writer_die(&f.writer);
}

static void processes_and_versions_come_and_go(void **state)
{
    (void)state;
    struct telemetry_writer second;
    struct rates *const r = begin();
    writer_open(&f.writer, f.live.dir, 7, TELEMETRY_RING_LEAST);
    writer_count(writer_block(&f.writer, TELEMETRY_FLAG, "shop", 1, 3, 2), 0, 10);
    writer_count(writer_block(&f.writer, TELEMETRY_FLAG, "shop", 2, 5, 3), 4, 20);
    rates_sample(r);
    assert_int_equal(of(r, "shop").evaluations, 30);
    assert_int_equal(of(r, "shop").counts[4], 20);
    writer_open(&second, f.live.dir, 7 + 4096, TELEMETRY_RING_LEAST); /* in the same bucket */
    struct telemetry_block *const shop = writer_block(&second, TELEMETRY_FLAG, "shop", 2, 5, 2);
    writer_count(shop, 0, 1);
    rates_sample(r);
    assert_int_equal(of(r, "shop").evaluations, 31);
    assert_int_equal(stats_of(r).processes, 2);
    writer_die(&f.writer);
    assert_int_equal(unlink(f.writer.path), 0);
    writer_count(shop, 0, 1);
    rates_sample(r);
    assert_int_equal(of(r, "shop").evaluations, 32);
    assert_int_equal(stats_of(r).processes, 1);
    writer_die(&second);
    rates_free(r);
}

/* Whatever a file says, it is bounded, and what is sound beside it counts. */
static void nothing_in_a_file_is_believed(void **state)
{
    (void)state;
    struct telemetry_writer bad;
    char path[320];
    writer_open(&f.writer, f.live.dir, 7, TELEMETRY_RING_LEAST);
    writer_open(&bad, f.live.dir, 8, TELEMETRY_RING_LEAST);
    struct telemetry_block *const good = writer_block(&f.writer, TELEMETRY_FLAG, "shop", 1, 3, 2);
    struct telemetry_block *const odd = writer_block(&bad, TELEMETRY_FLAG, "odd", 1, 3, 2);
    struct rates *const r = begin();
    writer_count(good, 0, 4);
    writer_count(odd, 0, 4);
    odd->counter_count = 60000;
    rates_sample(r);
    assert_int_equal(of(r, "odd").evaluations, 0);
    odd->counter_count = 4;
    bad.header->arena_used = UINT64_MAX;
    rates_sample(r);
    bad.header->arena_used = 1;
    rates_sample(r);
    assert_int_equal(ftruncate(bad.fd, 100), 0);
    rates_sample(r);
    assert_int_equal(of(r, "shop").evaluations, 4);
    snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY "/%032x", f.live.dir, 9);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY "/%032x", f.live.dir, 10);
    assert_int_equal(symlink(f.writer.path, path), 0);
    snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY "/%032x", f.live.dir, 11);
    assert_int_equal(mkfifo(path, 0644), 0);
    snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY "/tmp.%032x", f.live.dir, 12);
    assert_int_equal(link(f.writer.path, path), 0);
    snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY "/%032x", f.live.dir, 13);
    assert_int_equal(link(f.writer.path, path), 0); /* it says that it is another one */
    rates_sample(r);
    assert_int_equal(of(r, "shop").evaluations, 4);
    assert_int_equal(stats_of(r).processes, 2);
    rates_free(r);
    writer_die(&f.writer);
    writer_die(&bad);
}

static void looking_on_changes_nothing(void **state)
{
    (void)state;
    struct stat before;
    struct stat after;
    writer_open(&f.writer, f.live.dir, 7, TELEMETRY_RING_LEAST);
    struct telemetry_block *const shop = writer_block(&f.writer, TELEMETRY_FLAG, "shop", 1, 3, 2);
    uint8_t *const bytes = malloc(f.writer.size);
    memcpy(bytes, f.writer.bytes, f.writer.size);
    assert_int_equal(stat(f.writer.path, &before), 0);
    struct rates *const r = begin();
    for (int i = 0; i < 3; i++) {
        rates_sample(r);
    }
    assert_memory_equal(bytes, f.writer.bytes, f.writer.size);
    assert_int_equal(stat(f.writer.path, &after), 0);
    assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    assert_memory_equal(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim);
    writer_count(shop, 0, 1);
    writer_die(&f.writer);
    rates_sample(r); /* of a process that is dead: its lock is free for the agent */
    const int fd = open(f.writer.path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    rates_sample(r);
    assert_int_equal(of(r, "shop").evaluations, 1);
    close(fd);
    free(bytes);
    rates_free(r);
}

static void where_nobody_tells_there_are_no_rates(void **state)
{
    (void)state;
    struct fault fault = {0};
    int error = 0;
    assert_null(rates_open("/nonexistent/ffshm", &error, &fault));
    assert_int_equal(error, ENOENT);
    assert_non_null(strstr(fault.file, "/nonexistent/ffshm/telemetry"));
    struct rates *const r = begin();
    rates_sample(r);
    assert_int_equal(rates_count(r), 0);
    assert_int_equal(stats_of(r).processes, 0);
    rates_free(r);
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static bool no_shop(void *arg, const struct ffshm_view *view, const char *key)
{
    assert_ptr_equal(view, &f.view);
    assert_string_equal(arg, "arg");
    return strcmp(key, "shop") != 0;
}

static json_t *json_of(const struct rates *r, const struct rates_filter *filter)
{
    json_t *const body = rates_json(r, &f.view, filter);
    assert_non_null(body);
    json_object_set_new(body, "elapsedMs", json_integer(0)); /* as it happens */
    return body;
}

static void same(json_t *body, const char *expected)
{
    char *const text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (strcmp(text, expected) != 0) {
        fail_msg("%s\nis not\n%s", text, expected);
    }
    free(text);
    json_decref(body);
}

static void rates_are_told_by_key_with_the_variants_of_the_snapshot(void **state)
{
    (void)state;
    char arg[] = "arg";
    struct rates *const r = begin();
    writer_open(&f.writer, f.live.dir, 7, TELEMETRY_RING_LEAST);
    struct telemetry_block *const shop = writer_block(&f.writer, TELEMETRY_FLAG, "shop", 1, 5, 2);
    writer_count(shop, 1, 3);
    writer_count(shop, 4, 1); /* of an older version: there is no such variant */
    writer_count(shop, -1, 2);
    writer_count(writer_block(&f.writer, TELEMETRY_UNKNOWN, "b", 0, 0, 2), -1, 5);
    writer_count(writer_block(&f.writer, TELEMETRY_FLAG, "a", 1, 1, 2), 0, 4);
    rates_sample(r);
    same(json_of(r, &(struct rates_filter){NULL}),
         "{\"elapsedMs\":0,\"processes\":1,\"unreadable\":0,\"cut\":false,\"evaluations\":15,"
         "\"items\":[{\"flag\":\"a\",\"evaluations\":4,\"variations\":[{\"variation\":0,"
         "\"variant\":null,\"count\":4}],\"unknown\":0},{\"flag\":\"b\",\"evaluations\":5,"
         "\"variations\":[],\"unknown\":5},{\"flag\":\"shop\",\"evaluations\":6,\"variations\":["
         "{\"variation\":1,\"variant\":\"two\",\"count\":3},{\"variation\":4,\"variant\":null,"
         "\"count\":1},{\"variation\":null,\"variant\":null,\"count\":2}],\"unknown\":0}]}");
    same(json_of(r, &(struct rates_filter){.prefix = "a"}),
         "{\"elapsedMs\":0,\"processes\":1,\"unreadable\":0,\"cut\":false,\"evaluations\":4,"
         "\"items\":[{\"flag\":\"a\",\"evaluations\":4,\"variations\":[{\"variation\":0,"
         "\"variant\":null,\"count\":4}],\"unknown\":0}]}");
    same(json_of(r, &(struct rates_filter){.prefix = "s", .shows = no_shop, .arg = arg}),
         "{\"elapsedMs\":0,\"processes\":1,\"unreadable\":0,\"cut\":false,\"evaluations\":0,"
         "\"items\":[]}");
    rates_free(r);
    writer_die(&f.writer);
}

static json_t *parsed(const char *text)
{
    json_t *const json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static const char first[] =
    "{\"sinceMs\":1,\"elapsedMs\":1000,\"processes\":2,\"unreadable\":0,\"cut\":false,\"items\":["
    "{\"flag\":\"b\",\"evaluations\":10,\"variations\":[{\"variation\":0,\"variant\":\"on\","
    "\"count\":10}],\"unknown\":0},"
    "{\"flag\":\"c\",\"evaluations\":5,\"variations\":[{\"variation\":0,\"variant\":null,"
    "\"count\":5}],\"unknown\":0}]}";
static const char second[] =
    "{\"sinceMs\":1,\"elapsedMs\":3000,\"processes\":3,\"unreadable\":1,\"cut\":true,\"items\":["
    "{\"flag\":\"a\",\"evaluations\":4,\"variations\":[],\"unknown\":4},"
    "{\"flag\":\"b\",\"evaluations\":40,\"variations\":[{\"variation\":0,\"variant\":\"on\","
    "\"count\":20},{\"variation\":1,\"variant\":\"off\",\"count\":18},{\"variation\":null,"
    "\"variant\":null,\"count\":2}],\"unknown\":0},"
    "{\"flag\":\"c\",\"evaluations\":5,\"variations\":[{\"variation\":0,\"variant\":null,"
    "\"count\":5}],\"unknown\":0}]}";

static void what_happened_between_two_answers_is_their_difference(void **state)
{
    (void)state;
    json_t *const before = parsed(first);
    json_t *const after = parsed(second);
    static const char a[] = "{\"flag\":\"a\",\"count\":4,\"rate\":2.0,\"variations\":[],"
                            "\"unknown\":2.0}";
    static const char b[] =
        "{\"flag\":\"b\",\"count\":30,\"rate\":15.0,\"variations\":[{\"variation\":0,\"variant\":"
        "\"on\",\"count\":10,\"rate\":5.0,\"share\":0.3333},{\"variation\":1,\"variant\":\"off\","
        "\"count\":18,\"rate\":9.0,\"share\":0.6},{\"variation\":null,\"variant\":null,\"count\":2,"
        "\"rate\":1.0,\"share\":0.0667}],\"unknown\":0.0}";
    static const char head[] = "{\"intervalMs\":2000,\"processes\":3,\"unreadable\":1,\"cut\":true,"
                               "\"rate\":17.0,\"items\":[";
    char expected[2048];
    snprintf(expected, sizeof expected, "%s%s,%s]}", head, b, a);
    same(rates_between(before, after, false), expected);
    snprintf(expected, sizeof expected, "%s%s,%s]}", head, a, b);
    same(rates_between(before, after, true), expected);
    same(rates_between(after, after, true),
         "{\"intervalMs\":0,\"processes\":3,\"unreadable\":1,\"cut\":true,\"rate\":0.0,"
         "\"items\":[]}");
    json_decref(before);
    json_decref(after);
}

static void an_answer_of_another_beginning_counts_from_there(void **state)
{
    (void)state;
    json_t *const before = parsed(second);
    json_t *const after = parsed(first);
    json_object_set_new(after, "sinceMs", json_integer(2));
    json_t *const between = rates_between(before, after, false);
    json_t *const alone = rates_between(NULL, after, false);
    assert_true(json_equal(between, alone));
    assert_int_equal(json_integer_value(json_object_get(between, "intervalMs")), 1000);
    assert_int_equal(json_array_size(json_object_get(between, "items")), 2);
    json_decref(between);
    json_decref(alone);
    json_decref(before);
    json_decref(after);
}

/* Whoever answers at FFSHM_URL: nothing is taken for granted. */
static void odd_answers_do_no_harm(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"items\":{},\"processes\":null}",
        "{\"items\":[1,null,[],{}],\"processes\":1,\"unreadable\":1,\"cut\":false}",
        "{\"items\":[{\"flag\":1,\"evaluations\":1}],\"processes\":1,\"unreadable\":0,\"cut\":0}",
        "{\"items\":[{\"flag\":\"z\",\"evaluations\":\"x\"},{\"flag\":\"a\",\"evaluations\":-5}],"
        "\"processes\":1,\"unreadable\":0,\"cut\":0,\"elapsedMs\":-1}",
        "{\"items\":[{\"flag\":\"z\",\"evaluations\":3,\"variations\":[1,{},{\"count\":3}]}],"
        "\"processes\":1,\"unreadable\":0,\"cut\":0}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++) {
            json_t *const before = parsed(texts[i]);
            json_t *const after = parsed(texts[j]);
            json_decref(rates_between(before, after, false));
            json_decref(before);
            json_decref(after);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_counted_before_does_not_count),
        TEST(processes_and_versions_come_and_go),
        TEST(nothing_in_a_file_is_believed),
        TEST(looking_on_changes_nothing),
        TEST(where_nobody_tells_there_are_no_rates),
        TEST(rates_are_told_by_key_with_the_variants_of_the_snapshot),
        cmocka_unit_test(what_happened_between_two_answers_is_their_difference),
        cmocka_unit_test(an_answer_of_another_beginning_counts_from_there),
        cmocka_unit_test(odd_answers_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
