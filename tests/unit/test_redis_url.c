/* Where a Redis is, as people write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "redis/redis_url.h"

static struct redis_url parsed(const char *text)
{
    struct redis_url url;
    struct fault fault = {0};
    if (redis_url_parse(text, &url, &fault) != 0) {
        fail_msg("%s: %s", text, fault.cause);
    }
    return url;
}

static void expect_place(const char *text, const char *place)
{
    char buffer[REDIS_PLACE];
    struct redis_url url = parsed(text);
    assert_string_equal(redis_url_place(&url, buffer), place);
    redis_url_free(&url);
}

static void a_host_alone_is_enough(void **state)
{
    (void)state;
    struct redis_url url = parsed("redis://cache.example");
    assert_string_equal(url.host, "cache.example");
    assert_int_equal(url.port, 6379);
    assert_int_equal(url.database, 0);
    assert_null(url.user);
    assert_null(url.password);
    assert_null(url.path);
    assert_false(url.tls);
    redis_url_free(&url);
}

static void every_part_is_read(void **state)
{
    (void)state;
    struct redis_url url = parsed("rediss://fleet:p%40ss%3Aw%2Frd@10.0.0.7:6380/12");
    assert_string_equal(url.user, "fleet");
    assert_string_equal(url.password, "p@ss:w/rd");
    assert_string_equal(url.host, "10.0.0.7");
    assert_int_equal(url.port, 6380);
    assert_int_equal(url.database, 12);
    assert_true(url.tls);
    redis_url_free(&url);
}

static void a_password_needs_no_user(void **state)
{
    (void)state;
    struct redis_url url = parsed("redis://:secret@h");
    assert_null(url.user);
    assert_string_equal(url.password, "secret");
    redis_url_free(&url);
    url = parsed("redis://fleet@h");
    assert_string_equal(url.user, "fleet");
    assert_null(url.password);
    redis_url_free(&url);
    url = parsed("redis://:a@b@h:7");
    assert_string_equal(url.password, "a@b");
    assert_string_equal(url.host, "h");
    redis_url_free(&url);
}

static void a_socket_is_a_path(void **state)
{
    (void)state;
    struct redis_url url = parsed("unix://:secret@/run/redis/redis.sock?db=3");
    assert_string_equal(url.path, "/run/redis/redis.sock");
    assert_null(url.host);
    assert_string_equal(url.password, "secret");
    assert_int_equal(url.database, 3);
    redis_url_free(&url);
}

static void the_place_shows_no_user_and_no_password(void **state)
{
    (void)state;
    expect_place("redis://fleet:secret@h:1/2", "redis://h:1/2");
    expect_place("valkey://h", "redis://h:6379/0");
    expect_place("valkeys://h/", "rediss://h:6379/0");
    expect_place("REDIS://[::1]:7", "redis://[::1]:7/0");
    expect_place("redis://[2001:db8::1]", "redis://[2001:db8::1]:6379/0");
    expect_place("redis://h?db=4", "redis://h:6379/4");
    expect_place("unix://u:p@/s", "unix:///s?db=0");
}

static void what_is_wrong_is_told_without_the_secret(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "redis",
        "http://h",
        "redis:/h",
        "redis://",
        "redis://:hunter2@",
        "redis://u:hunter2@h:0",
        "redis://u:hunter2@h:65536",
        "redis://u:hunter2@h:x",
        "redis://u:hunter2@h:6379x",
        "redis://u:hunter2@h/x",
        "redis://u:hunter2@h/1/2",
        "redis://u:hunter2@h/99999999999999999999",
        "redis://u:hunter2%zz@h",
        "redis://u:hunter2%0@h",
        "redis://u:hunter2%00@h",
        "redis://u:hunter2@h?name=x",
        "redis://u:hunter2@h?db=",
        "redis://u:hunter2@[::1",
        "redis://u:hunter2@[::1]x",
        "redis://u:hunter2@a b",
        "unix://u:hunter2@relative",
        "unix://",
        "unix:///run/0123456789012345678901234567890123456789012345678901234567890123456789"
        "01234567890123456789012345678901234567890",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct redis_url url;
        struct fault fault = {0};
        if (redis_url_parse(wrong[i], &url, &fault) == 0) {
            fail_msg("accepted: %s", wrong[i]);
        }
        assert_true(fault.cause[0] != '\0' && fault.hint[0] != '\0');
        assert_null(strstr(fault.cause, "hunter2"));
        assert_null(strstr(fault.hint, "hunter2"));
        redis_url_free(&url);
    }
}

static void a_copy_stands_alone(void **state)
{
    (void)state;
    struct redis_url url = parsed("redis://fleet:secret@h:1/2");
    struct redis_url copy;
    assert_int_equal(redis_url_copy(&url, &copy), 0);
    redis_url_free(&url);
    redis_url_free(&url);
    assert_string_equal(copy.user, "fleet");
    assert_string_equal(copy.password, "secret");
    assert_string_equal(copy.host, "h");
    assert_int_equal(copy.port, 1);
    assert_int_equal(copy.database, 2);
    redis_url_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_alone_is_enough),
        cmocka_unit_test(every_part_is_read),
        cmocka_unit_test(a_password_needs_no_user),
        cmocka_unit_test(a_socket_is_a_path),
        cmocka_unit_test(the_place_shows_no_user_and_no_password),
        cmocka_unit_test(what_is_wrong_is_told_without_the_secret),
        cmocka_unit_test(a_copy_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
