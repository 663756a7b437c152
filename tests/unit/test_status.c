/* What a program learns of the agent's sources, through a control page that is written meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"

static struct live_store store;
static struct ffshm *ff;
static struct image_control *page; /* as the agent has it */

static int set_up(void **state)
{
    (void)state;
    char path[128];
    live_store_open(&store);
    live_store_put_text(&store, IMAGE_FLAG, "a",
                        "{\"version\":1,\"on\":false,\"offVariation\":0,\"variations\":[true]}");
    live_store_publish(&store);
    ff = ffshm_open(store.dir, NULL);
    (void)snprintf(path, sizeof path, "%s/ctl", store.dir);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    return ff == NULL || page == MAP_FAILED;
}

static int tear_down(void **state)
{
    (void)state;
    (void)munmap(page, sizeof *page);
    ffshm_close(ff);
    live_store_close(&store);
    return 0;
}

static void report(uint32_t error, int32_t status, uint64_t ms, const char *text, const char *id)
{
    struct image_source_report *const r = &page->source;
    const uint32_t sequence = atomic_load(&r->sequence);
    atomic_exchange(&r->sequence, sequence + 1); /* before all that follows */
    r->error = error;
    r->error_status = status;
    r->since_ms = ms;
    r->error_ms = ms + 1;
    r->data_ms = ms + 2;
    (void)snprintf(r->error_text, sizeof r->error_text, "%s", text);
    (void)snprintf(r->environment_id, sizeof r->environment_id, "%s", id);
    atomic_store_explicit(&r->sequence, sequence + 2, memory_order_release);
}

static void an_agent_that_reported_nothing_has_no_error(void **state)
{
    (void)state;
    struct ffshm_status s;
    char id[8] = "x";
    ffshm_status(ff, &s);
    assert_int_equal(s.source_error, FFSHM_SOURCE_NO_ERROR);
    assert_int_equal(s.source_since_ms, 0);
    assert_int_equal(s.source_error_ms, 0);
    assert_int_equal(s.data_as_of_ms, 0);
    assert_string_equal(s.source_error_text, "");
    assert_false(s.telemetry);
    assert_int_equal(ffshm_environment_id(ff, id, sizeof id), 0);
    assert_string_equal(id, "");
}

static void what_the_agent_reports_is_told(void **state)
{
    (void)state;
    struct ffshm_status s;
    char id[16];
    report(FFSHM_SOURCE_ERROR_RESPONSE, 503, 1000, "busy", "environment-1");
    atomic_store(&page->telemetry_window, 1);
    ffshm_status(ff, &s);
    assert_int_equal(s.source_error, FFSHM_SOURCE_ERROR_RESPONSE);
    assert_int_equal(s.source_error_status, 503);
    assert_int_equal(s.source_since_ms, 1000);
    assert_int_equal(s.source_error_ms, 1001);
    assert_int_equal(s.data_as_of_ms, 1002);
    assert_string_equal(s.source_error_text, "busy");
    assert_true(s.telemetry);
    assert_int_equal(ffshm_environment_id(ff, id, sizeof id), 13);
    assert_string_equal(id, "environment-1");
    assert_int_equal(ffshm_environment_id(ff, id, 5), 13);
    assert_string_equal(id, "envi");
    assert_int_equal(ffshm_environment_id(ff, NULL, 0), 13);
    assert_int_equal(ffshm_environment_id(NULL, id, sizeof id), 0);
    assert_string_equal(id, "");
}

static void a_text_without_an_end_is_cut(void **state)
{
    (void)state;
    struct ffshm_status s;
    char id[128];
    memset(page->source.error_text, 'x', sizeof page->source.error_text);
    memset(page->source.environment_id, 'y', sizeof page->source.environment_id);
    ffshm_status(ff, &s);
    assert_int_equal(strlen(s.source_error_text), sizeof s.source_error_text - 1);
    assert_int_equal(ffshm_environment_id(ff, id, sizeof id),
                     sizeof page->source.environment_id - 1);
}

static void a_report_that_was_never_finished_is_no_report(void **state)
{
    (void)state;
    struct ffshm_status s;
    report(FFSHM_SOURCE_NETWORK_ERROR, 0, 1000, "refused", "e");
    atomic_fetch_add(&page->source.sequence, 1);
    ffshm_status(ff, &s);
    assert_int_equal(s.source_error, FFSHM_SOURCE_NO_ERROR);
    assert_string_equal(s.source_error_text, "");
    assert_int_equal(ffshm_environment_id(ff, NULL, 0), 0);
    atomic_fetch_add(&page->source.sequence, 1);
    assert_int_equal(ffshm_environment_id(ff, NULL, 0), 1);
}

static void *write_reports(void *arg)
{
    atomic_bool *const done = arg;
    for (unsigned i = 0; i < 200000; i++) {
        report(1 + i % 2, (int)(1 + i % 2), i % 2 ? 20 : 10, i % 2 ? "two" : "one", "e");
    }
    atomic_store(done, true);
    return NULL;
}

static void a_report_is_never_half_of_two(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_bool done = false;
    unsigned seen = 0;
    assert_int_equal(pthread_create(&thread, NULL, write_reports, &done), 0);
    while (!atomic_load(&done)) {
        struct ffshm_status s;
        ffshm_status(ff, &s);
        if (s.source_error == FFSHM_SOURCE_NO_ERROR) {
            continue; /* it was written in all of the tries */
        }
        seen++;
        assert_int_equal(s.source_error_status, s.source_error);
        assert_int_equal(s.source_since_ms, 10 * s.source_error);
        assert_int_equal(s.data_as_of_ms, 10 * s.source_error + 2);
        assert_string_equal(s.source_error_text, s.source_error == 1 ? "one" : "two");
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(seen > 0);
}

static void errors_of_sources_have_launchdarklys_names(void **state)
{
    (void)state;
    assert_string_equal(ffshm_source_error_name(FFSHM_SOURCE_NO_ERROR), "");
    assert_string_equal(ffshm_source_error_name(FFSHM_SOURCE_NETWORK_ERROR), "NETWORK_ERROR");
    assert_string_equal(ffshm_source_error_name(FFSHM_SOURCE_ERROR_RESPONSE), "ERROR_RESPONSE");
    assert_string_equal(ffshm_source_error_name(FFSHM_SOURCE_INVALID_DATA), "INVALID_DATA");
    assert_string_equal(ffshm_source_error_name(FFSHM_SOURCE_STORE_ERROR), "STORE_ERROR");
    assert_string_equal(ffshm_source_error_name(FFSHM_SOURCE_UNKNOWN_ERROR), "UNKNOWN");
    assert_string_equal(ffshm_source_error_name(99), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_agent_that_reported_nothing_has_no_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_the_agent_reports_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_without_an_end_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_report_that_was_never_finished_is_no_report, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_report_is_never_half_of_two, set_up, tear_down),
        cmocka_unit_test(errors_of_sources_have_launchdarklys_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
