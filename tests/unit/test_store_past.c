/* Snapshots that are not current any more: listed, pinned, evaluated, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"
#include "store.h"

#define FLAG                                                                                       \
    "{\"key\":\"n\",\"version\":%d,\"on\":true,\"salt\":\"s\",\"variations\":[%d,-2],"             \
    "\"targets\":[{\"variation\":1,\"values\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\","   \
    "\"i\",\"j\"]}],\"rules\":[{\"variation\":1,\"clauses\":[{\"attribute\":\"mail\",\"op\":"      \
    "\"matches\",\"values\":[\"^x%d$\"]}]}],\"fallthrough\":{\"variation\":0}}"

static struct live_store store;
static struct ffshm *ff;

static void publish(int n)
{
    char text[512];
    snprintf(text, sizeof text, FLAG, n, n, n);
    live_store_put_text(&store, IMAGE_FLAG, "n", text);
    live_store_publish(&store);
}

static int set_up(void **state)
{
    (void)state;
    const struct ffshm_options how = {.size = sizeof how, .no_telemetry = true};
    live_store_open(&store);
    ff = ffshm_open(store.dir, &how);
    return ff == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    ffshm_close(ff);
    live_store_close(&store);
    return 0;
}

static double evaluate(const struct ffshm_view *view, const char *key, const char *mail)
{
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, key);
    ffshm_context_string(&who, "mail", mail);
    const struct ffshm_result r = ffshm_evaluate(view, "n", &who);
    assert_int_equal(r.error, FFSHM_OK);
    return r.number;
}

/* at < 0: from the end. */
static void damage(uint64_t generation, off_t at)
{
    char path[128];
    snprintf(path, sizeof path, "%s/s.%016" PRIx64, store.dir, generation);
    assert_int_equal(chmod(path, 0644), 0);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(lseek(fd, at, at < 0 ? SEEK_END : SEEK_SET) >= 0);
    assert_int_equal(write(fd, "\xff", 1), 1);
    close(fd);
}

/* Each of a store's generations gives its own answers: values, patterns, target lists. */
static void an_old_snapshot_answers_as_it_did(void **state)
{
    (void)state;
    struct store_past past[8];
    for (int n = 1; n <= 5; n++) {
        publish(n);
    }
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    const size_t count = store_retained(ff, past, 8);
    assert_int_equal(count, 5);
    for (int n = 1; n <= 5; n++) {
        struct ffshm_view view;
        const char *why = "";
        char mail[8];
        snprintf(mail, sizeof mail, "x%d", n);
        if (n > 1) {
            assert_true(past[n - 1].generation > past[n - 2].generation);
            assert_true(past[n - 1].created_ms >= past[n - 2].created_ms);
            assert_memory_not_equal(past[n - 1].digest, past[n - 2].digest, 16);
        }
        assert_int_equal(store_pin_past(ff, past[n - 1].generation, &view, &why), FFSHM_OK);
        assert_int_equal((int)evaluate(&view, "z", "x"), n);
        assert_int_equal((int)evaluate(&view, "z", mail), -2); /* its own pattern */
        assert_int_equal((int)evaluate(&view, "j", "x"), -2);  /* the set's seed is the store's */
        ffshm_unpin(&view);
    }
}

static void a_pinned_one_outlives_its_files(void **state)
{
    (void)state;
    struct store_past past[2];
    struct ffshm_view view;
    const char *why = "";
    publish(1);
    publish(2);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_int_equal(store_retained(ff, past, 2), 2);
    assert_int_equal(store_pin_past(ff, past[0].generation, &view, &why), FFSHM_OK);
    for (int n = 3; n < 40; n++) {
        publish(n);
        assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    }
    assert_int_equal((int)evaluate(&view, "z", "x"), 1);
    ffshm_unpin(&view);
    assert_int_equal(store_pin_past(ff, past[0].generation, &view, &why), FFSHM_BAD_FILE);
    assert_string_equal(why, "a file of the snapshot is not there");
    assert_null(view.snapshot);
    ffshm_unpin(&view); /* harmless */
}

static void of_more_than_asked_for_the_newest_are_told(void **state)
{
    (void)state;
    struct store_past all[16];
    struct store_past three[3];
    for (int n = 1; n <= 9; n++) {
        publish(n);
    }
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    const size_t count = store_retained(ff, all, 16);
    assert_true(count >= 9);
    assert_int_equal(store_retained(ff, three, 3), 3);
    assert_memory_equal(three, all + count - 3, sizeof three);
}

static void what_is_no_head_of_the_store_is_not_told(void **state)
{
    (void)state;
    static const char *const names[] = {"s.000000000000000",
                                        "s.00000000000000001",
                                        "s.000000000000000G",
                                        "s.00000000000000FF",
                                        "s.",
                                        "s.00000000000000ff"};
    struct store_past past[8];
    char path[128];
    publish(1);
    publish(2);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", store.dir, names[i]);
        const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "head", 4), 4);
        close(fd);
    }
    assert_int_equal(store_retained(ff, past, 8), 2);
    damage(past[0].generation, 24); /* another generation than its name says */
    assert_int_equal(store_retained(ff, past, 8), 1);
}

static void a_damaged_one_is_refused_as_readers_refuse_it(void **state)
{
    (void)state;
    struct store_past past[2];
    struct ffshm_view view;
    const char *why = "";
    publish(1);
    publish(2);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
    assert_int_equal(store_retained(ff, past, 2), 2);
    damage(past[0].generation, -1); /* in its tables: the header is sound */
    assert_int_equal(store_pin_past(ff, past[0].generation, &view, &why), FFSHM_BAD_CHECKSUM);
    assert_null(view.snapshot);
    assert_int_equal(store_pin_past(ff, past[1].generation, &view, &why), FFSHM_OK);
    assert_int_equal((int)evaluate(&view, "z", "x"), 2);
    ffshm_unpin(&view);
}

static void without_a_snapshot_there_is_no_past(void **state)
{
    (void)state;
    struct store_past past[2];
    struct ffshm_view view;
    const char *why = "";
    struct ffshm *const none = ffshm_open("/nonexistent/ffshm", NULL);
    assert_int_equal(store_retained(none, past, 2), 0);
    assert_int_equal(store_pin_past(none, 1, &view, &why), FFSHM_NOT_READY);
    ffshm_close(none);
    assert_int_equal(store_pin_past(ff, 0, &view, &why), FFSHM_BAD_FILE);
    assert_true(store_try_lock(ff));
    assert_int_equal(store_pin_past(ff, 1, &view, &why), FFSHM_BUSY);
    store_unlock(ff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_old_snapshot_answers_as_it_did, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pinned_one_outlives_its_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_more_than_asked_for_the_newest_are_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_head_of_the_store_is_not_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_one_is_refused_as_readers_refuse_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_snapshot_there_is_no_past, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
