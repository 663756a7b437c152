/* ctest: merge
   What the collector waits for before it gives up: leftovers, and records that nobody finishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "collect_fixture.h"

static int set_up(void **state)
{
    struct collect_fixture *const f = malloc(sizeof *f);
    assert_non_null(f);
    fixture_init(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct collect_fixture *const f = *state;
    fixture_free(f);
    free(f);
    return 0;
}

static bool has_event(struct collect_fixture *f, void *key)
{
    return recorded_events(f->sink.committed, key) > 0;
}

static bool is_gone(struct collect_fixture *f, void *path)
{
    return !fixture_exists(f, path);
}

static int make(const struct collect_fixture *f, const char *name, char path[512])
{
    snprintf(path, 512, "%s/telemetry/%s", f->dir, name);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void leftovers_are_removed_when_nobody_holds_them(void **state)
{
    struct collect_fixture *const f = *state;
    char left[512];
    char held[512];
    fixture_start(f);
    close(make(f, "tmp.0000000000000001000000000000000a", left));
    const int fd = make(f, "tmp.0000000000000001000000000000000b", held);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    fixture_run(f, 9000);
    assert_true(fixture_exists(f, left));
    assert_true(fixture_run_until(f, is_gone, left, 15000));
    fixture_run(f, 1000);
    assert_true(fixture_exists(f, held));
    close(fd);
}

/* A thread ended in the middle of a record; its process lives, and others go on. */
static void a_record_that_nobody_finishes_is_given_up(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, TELEMETRY_RING_LEAST);
    writer_claim(&w, 100);
    writer_put_event(&w, "behind");
    fixture_run(f, 8000);
    assert_false(has_event(f, (void *)"behind"));
    assert_true(fixture_run_until(f, has_event, (void *)"behind", 8000));
    assert_int_equal(fixture_stats(f).malformed, 1);
    /* It was only this one. */
    writer_claim(&w, 100);
    writer_put_event(&w, "second");
    fixture_run(f, 2500);
    assert_false(has_event(f, (void *)"second"));
    writer_die(&w);
}

/* A stopped process writes nothing behind: it is waited for as long as it takes. */
static void a_record_at_the_end_is_waited_for(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    size_t length;
    void *const payload = writer_pack("[1,[[\"user\",\"u\",null,false,[],[]]]]", &length);
    fixture_start(f);
    writer_open(&w, f->dir, 0, TELEMETRY_RING_LEAST);
    const uint64_t position = writer_claim(&w, length);
    fixture_run(f, 12000);
    writer_finish(&w, position, TELEMETRY_IDENTIFY, 0, payload, length);
    assert_true(fixture_run_until(f, has_event, NULL, 5000));
    assert_int_equal(fixture_stats(f).malformed, 0);
    writer_die(&w);
    free(payload);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(leftovers_are_removed_when_nobody_holds_them),
        TEST(a_record_that_nobody_finishes_is_given_up),
        TEST(a_record_at_the_end_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
