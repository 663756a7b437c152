/* GET /rates: what it tells, to whom; and when there is nothing to tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin_fixture.h"
#include "live_store.h"
#include "routes/routes_rates.h"
#include "telemetry_writer.h"

struct fixture {
    struct admin_fixture admin;
    struct live_store live;
    struct state_file file;
    struct evaluate_store store;
    struct routes_rates rates;
    struct admin_reply reply;
    struct telemetry_writer writer;
    struct telemetry_block *shop, *gate, *none;
};

static struct fixture f;

static void make_directory(void)
{
    char path[96];
    snprintf(path, sizeof path, "%s/" TELEMETRY_DIRECTORY, f.live.dir);
    assert_int_equal(mkdir(path, 0755), 0);
    writer_open(&f.writer, f.live.dir, 7, TELEMETRY_RING_LEAST);
    f.shop = writer_block(&f.writer, TELEMETRY_FLAG, "web-shop", 1, 2, 2);
    f.gate = writer_block(&f.writer, TELEMETRY_FLAG, "gate", 1, 1, 2);
    f.none = writer_block(&f.writer, TELEMETRY_UNKNOWN, "web-none", 0, 0, 2);
    writer_count(f.shop, 0, 1000);
}

static int set_up(void **state)
{
    (void)state;
    live_store_open(&f.live);
    live_store_put_text(&f.live, IMAGE_FLAG, "web-shop",
                        "{\"version\":1,\"on\":false,\"variations\":[1,2],"
                        "\"ffshm\":{\"variants\":[\"one\",\"two\"],\"tags\":[\"web\"]}}");
    live_store_put_text(&f.live, IMAGE_FLAG, "gate",
                        "{\"version\":1,\"on\":false,\"variations\":[1]}");
    live_store_publish(&f.live);
    admin_fixture_init(&f.admin);
    admin_fixture_start(&f.admin);
    f.store = (struct evaluate_store){.base = f.admin.base,
                                      .dir = f.live.dir,
                                      .log = &f.file,
                                      .epoch = publisher_epoch(f.live.publisher)};
    f.rates = (struct routes_rates){.store = &f.store};
    return routes_rates_add(&f.rates, f.admin.server);
}

static int tear_down(void **state)
{
    char command[96];
    (void)state;
    writer_die(&f.writer);
    admin_reply_free(&f.reply);
    admin_fixture_free(&f.admin);
    routes_rates_close(&f.rates);
    evaluate_store_close(&f.store);
    snprintf(command, sizeof command, "rm -rf '%s/" TELEMETRY_DIRECTORY "'", f.live.dir);
    const int result = system(command);
    live_store_close(&f.live);
    memset(&f, 0, sizeof f);
    return result;
}

static void ask_as(const char *token, const char *path)
{
    char text[256];
    snprintf(text, sizeof text, "GET /api/v1%s%s%s", path, *token ? "\nAuthorization: Bearer " : "",
             token);
    admin_reply_free(&f.reply);
    memset(&f.reply, 0, sizeof f.reply);
    admin_ask(&f.admin, text, &f.reply);
}

static void answered(unsigned status, const char *text)
{
    if (f.reply.status != status || !strstr(f.reply.body, text)) {
        fail_msg("%u, not %u with %s: %s", f.reply.status, status, text, f.reply.body);
    }
}

static json_int_t evaluations_of(const char *key)
{
    size_t at;
    const json_t *item;
    json_array_foreach(json_object_get(f.reply.json, "items"), at, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "flag")), key) == 0) {
            return json_integer_value(json_object_get(item, "evaluations"));
        }
    }
    return -1;
}

/* A sample is of 100 ms before at most. */
static void count_some(void)
{
    ask_as("", "/rates");
    assert_int_equal(f.reply.status, 200);
    writer_count(f.shop, 1, 10);
    writer_count(f.gate, 0, 20);
    writer_count(f.none, -1, 30);
    admin_pass(&f.admin, 120);
}

static void counting_begins_with_the_first_question(void **state)
{
    (void)state;
    ask_as("", "/rates");
    answered(503, "\"code\":\"not_collected\"");
    make_directory();
    ask_as("", "/rates");
    answered(200, "{\"elapsedMs\":0,\"processes\":1,\"unreadable\":0,\"cut\":false,"
                  "\"evaluations\":0,\"items\":[],\"sinceMs\":");
    answered(200, "\"collecting\":false}"); /* the window is closed */
    count_some();
    ask_as("", "/rates");
    answered(200, "\"variations\":[{\"variation\":1,\"variant\":\"two\",\"count\":10}]");
    assert_int_equal(evaluations_of("web-shop"), 10);
    assert_int_equal(evaluations_of("gate"), 20);
    assert_int_equal(evaluations_of("web-none"), 30);
    ask_as("", "/rates?prefix=web-");
    assert_int_equal(evaluations_of("gate"), -1);
    assert_int_equal(evaluations_of("web-none"), 30);
    ask_as("", "/rates?Prefix=web-");
    answered(400, "did you mean prefix?");
}

static void two_questions_at_once_are_one_sample(void **state)
{
    (void)state;
    make_directory();
    count_some();
    ask_as("", "/rates");
    assert_int_equal(evaluations_of("web-shop"), 10);
    const json_int_t elapsed_ms = json_integer_value(json_object_get(f.reply.json, "elapsedMs"));
    const int64_t sampled_ms = f.rates.sampled_ms;
    writer_count(f.shop, 1, 1);
    ask_as("", "/rates");
    if (f.rates.sampled_ms == sampled_ms) { /* within 100 ms, but on a machine that is busy */
        assert_int_equal(evaluations_of("web-shop"), 10);
        assert_int_equal(json_integer_value(json_object_get(f.reply.json, "elapsedMs")),
                         elapsed_ms);
    }
}

static void a_limited_token_is_told_of_its_own_flags(void **state)
{
    (void)state;
    char token[128];
    make_directory();
    count_some();
    admin_reply_free(&f.reply);
    admin_ask(&f.admin,
              "POST /api/v1/tokens\nContent-Type: application/json\n\n"
              "{\"name\":\"x\",\"role\":\"viewer\",\"limits\":{\"tags\":[\"web\"]}}",
              &f.reply);
    snprintf(token, sizeof token, "%s", admin_member(&f.reply, "token"));
    ask_as(token, "/rates");
    answered(200, "\"evaluations\":10,\"items\":[{");
    assert_int_equal(evaluations_of("web-shop"), 10);
    assert_int_equal(evaluations_of("gate"), -1);
    assert_int_equal(evaluations_of("web-none"), -1);
    ask_as("ffs_0123456789ab_x", "/rates");
    assert_int_equal(f.reply.status, 401);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(counting_begins_with_the_first_question),
        TEST(two_questions_at_once_are_one_sample),
        TEST(a_limited_token_is_told_of_its_own_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
