/*
 * test_visits.c - definitions that refer to one another by ever more ways: the work is bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"

static void prerequisites_that_multiply_are_given_up(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    for (int i = 0; i < 40; i++) {
        char key[16];
        char text[512];
        snprintf(key, sizeof key, i ? "p%d" : "n", i);
        snprintf(text, sizeof text,
                 "{\"key\":\"%s\",\"version\":1,\"on\":true,\"variations\":[7],\"fallthrough\":{"
                 "\"variation\":0},\"salt\":\"s\",\"prerequisites\":[{\"key\":\"p%d\","
                 "\"variation\":0},{\"key\":\"p%d\",\"variation\":0}]}",
                 key, i + 1, i + 1);
        live_store_put_text(&s, IMAGE_FLAG, key, text);
    }
    live_store_put_text(&s, IMAGE_FLAG, "p40",
                        "{\"key\":\"p40\",\"version\":1,\"on\":true,\"variations\":[7],"
                        "\"fallthrough\":{\"variation\":0},\"salt\":\"s\"}");
    live_store_publish(&s);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    struct ffshm_context c;
    struct ffshm_detail detail;
    ffshm_context_init(&c, NULL, "k");
    alarm(20);
    assert_int_equal(ffshm_int_detail(ff, "n", &c, -1, &detail), -1);
    alarm(0);
    assert_int_equal(detail.error, FFSHM_MALFORMED_FLAG);
    assert_int_equal(ffshm_int(ff, "p30", &c, -1), 7);
    ffshm_close(ff);
    live_store_close(&s);
}

static void segments_that_multiply_are_given_up(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    for (int i = 0; i <= 40; i++) {
        char key[16];
        char text[512];
        snprintf(key, sizeof key, "s%d", i);
        snprintf(text, sizeof text,
                 "{\"key\":\"%s\",\"version\":1,\"included\":[],\"excluded\":[],\"salt\":\"s\","
                 "\"rules\":[{\"clauses\":[{\"attribute\":\"\",\"op\":\"segmentMatch\",\"values\":["
                 "\"s%d\",\"s%d\"],\"negate\":false}]}]}",
                 key, i + 1, i + 1);
        live_store_put_text(&s, IMAGE_SEGMENT, key, text);
    }
    live_store_put_text(&s, IMAGE_FLAG, "n",
                        "{\"key\":\"n\",\"version\":1,\"on\":true,\"variations\":[7],"
                        "\"fallthrough\":{\"variation\":0},\"salt\":\"s\",\"rules\":[{"
                        "\"variation\":0,\"clauses\":[{\"attribute\":\"\",\"op\":\"segmentMatch\","
                        "\"values\":[\"s0\"],\"negate\":false}]}]}");
    live_store_publish(&s);
    struct ffshm *ff = ffshm_open(s.dir, NULL);
    alarm(20);
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "k");
    assert_int_equal(ffshm_int(ff, "n", &c, -1), -1);
    alarm(0);
    ffshm_close(ff);
    live_store_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prerequisites_that_multiply_are_given_up),
        cmocka_unit_test(segments_that_multiply_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
