/* Server-sent events, as the HTML standard has them, in whatever pieces they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/sse.h"

#define MOST 1000

/* All that was told, as text: "name=data;", and "retry=7;". */
struct log {
    char text[4096];
    size_t length;
    unsigned events;
    bool stop;
};

static void write_log(struct log *log, const char *text, size_t length)
{
    assert_true(log->length + length < sizeof log->text);
    memcpy(log->text + log->length, text, length);
    log->length += length;
}

static bool on_event(void *arg, const char *name, const char *data, size_t length)
{
    struct log *log = arg;
    log->events++;
    if (length < 1000) {
        write_log(log, name, strlen(name));
        write_log(log, "=", 1);
        write_log(log, data, length);
        write_log(log, ";", 1);
    }
    return !log->stop;
}

static void on_retry(void *arg, int64_t ms)
{
    char text[32];
    write_log(arg, text, (size_t)snprintf(text, sizeof text, "retry=%lld;", (long long)ms));
}

static enum sse_verdict feed(struct sse *sse, const char *text, size_t length, size_t piece)
{
    enum sse_verdict verdict = SSE_MORE;
    for (size_t at = 0; at < length && verdict == SSE_MORE; at += piece) {
        verdict = sse_feed(sse, text + at, length - at < piece ? length - at : piece);
    }
    return verdict;
}

/* Reads the text in pieces of every size up to its own. */
static void check_text(const char *text, size_t length, const char *expected)
{
    struct log log = {0};
    struct sse *sse = sse_new(MOST, &(struct sse_handler){on_event, on_retry, &log});
    assert_non_null(sse);
    for (size_t piece = 1; piece <= length + 1; piece++) {
        memset(&log, 0, sizeof log);
        sse_begin(sse);
        assert_int_equal(feed(sse, text, length, piece), SSE_MORE);
        assert_string_equal(log.text, expected);
    }
    sse_free(sse);
}

#define CHECK(text, expected) check_text(text, sizeof(text) - 1, expected)

static void lines_end_in_lf_cr_or_both(void **state)
{
    (void)state;
    CHECK("event: put\ndata: 1\n\nevent: put\ndata: 2\n\n", "put=1;put=2;");
    CHECK("event: put\r\ndata: 1\r\n\r\nevent: put\r\ndata: 2\r\n\r\n", "put=1;put=2;");
    CHECK("event: put\rdata: 1\r\revent: put\rdata: 2\r\r", "put=1;put=2;");
    CHECK("data: 1\r\n\ndata: 2\n\r\ndata: 3\r\n\r", "message=1;message=2;message=3;");
    CHECK("data: 1\n\n\r\n\r\r\n\n", "message=1;"); /* empty lines dispatch nothing twice */
}

static void data_lines_are_joined(void **state)
{
    (void)state;
    CHECK("data: a\ndata: b\n\n", "message=a\nb;");
    CHECK("data\ndata:\ndata: \n\n", "message=\n\n;");
    CHECK("data:  two\ndata:none\n\n", "message= two\nnone;");
}

static void an_event_without_data_is_none(void **state)
{
    (void)state;
    CHECK("event: put\n\ndata: 1\n\n", "message=1;"); /* and its name is forgotten */
    CHECK("data:\n\n", "message=;");
    CHECK("data: cut off", "");
    CHECK("data: cut off\n", "");
    CHECK("", "");
}

static void what_is_not_known_is_passed_over(void **state)
{
    (void)state;
    CHECK(":\n: comment\n\nid: 7\nid\nfoo: bar\nDATA: x\n data: y\ndatas: z\ndat: z\ndata: 1\n\n",
          "message=1;");
    CHECK("event: a\nevent: b\ndata: 1\n\n", "b=1;");
    CHECK("event: nu\0l\ndata: 1\n\n", "nu?l=1;");
}

static void a_mark_is_skipped_at_the_beginning_alone(void **state)
{
    (void)state;
    CHECK("\xef\xbb\xbf"
          "data: 1\n\n",
          "message=1;");
    CHECK("\xef\xbb\xbf\xef\xbb\xbf"
          "data: 1\n\ndata: 2\n\n",
          "message=2;");
    CHECK("\xef\xbb"
          "data: 1\n\ndata: 2\n\n",
          "message=2;");
    CHECK("\xef\ndata: 2\n\n", "message=2;");
}

static void retry_is_told_when_it_is_a_number(void **state)
{
    (void)state;
    CHECK("retry: 250\n", "retry=250;");
    CHECK("retry:007\r\nretry: 0\r\n", "retry=7;retry=0;");
    CHECK("retry: 1x\nretry:\nretry\nretry: -1\nretry:  1\nretry: 1234567890\n", "");
}

static void a_long_name_is_cut_and_none_of_the_known(void **state)
{
    struct log log = {0};
    struct sse *sse = sse_new(MOST, &(struct sse_handler){on_event, on_retry, &log});
    char text[200];
    (void)state;
    const int length = snprintf(text, sizeof text, "event: %0100d\ndata: 1\n\n", 0);
    assert_int_equal(feed(sse, text, (size_t)length, 9), SSE_MORE);
    assert_int_equal(strcspn(log.text, "="), SSE_NAME_MOST);
    sse_free(sse);
}

static void the_data_of_an_event_is_bounded(void **state)
{
    struct log log = {0};
    struct sse *sse = sse_new(MOST, &(struct sse_handler){on_event, NULL, &log});
    char line[MOST + 1];
    (void)state;
    memset(line, 'x', sizeof line);
    assert_int_equal(sse_feed(sse, "data: ", 6), SSE_MORE);
    assert_int_equal(sse_feed(sse, line, MOST), SSE_MORE);
    assert_int_equal(sse_feed(sse, "\n\n", 2), SSE_MORE);
    assert_int_equal(log.events, 1);
    assert_int_equal(sse_feed(sse, "data: ", 6), SSE_MORE);
    assert_int_equal(sse_feed(sse, line, MOST + 1), SSE_TOO_LARGE);
    /* The line break between two lines counts; comments and other fields do not. */
    sse_begin(sse);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(sse_feed(sse, ":", 1), SSE_MORE);
        assert_int_equal(sse_feed(sse, line, MOST), SSE_MORE);
        assert_int_equal(sse_feed(sse, "\nfoo:", 5), SSE_MORE);
        assert_int_equal(sse_feed(sse, line, MOST), SSE_MORE);
        assert_int_equal(sse_feed(sse, "\n", 1), SSE_MORE);
    }
    for (unsigned i = 0; i <= MOST; i++) {
        assert_int_equal(sse_feed(sse, "data\n", 5), SSE_MORE);
    }
    assert_int_equal(sse_feed(sse, "data\n", 5), SSE_TOO_LARGE);
    sse_free(sse);
}

static void the_handler_may_stop(void **state)
{
    struct log log = {.stop = true};
    struct sse *sse = sse_new(MOST, &(struct sse_handler){on_event, NULL, &log});
    static const char text[] = "data: 1\n\ndata: 2\n\n";
    (void)state;
    assert_int_equal(sse_feed(sse, text, sizeof text - 1), SSE_STOPPED);
    assert_string_equal(log.text, "message=1;");
    log = (struct log){0};
    sse_begin(sse);
    assert_int_equal(sse_feed(sse, text, sizeof text - 1), SSE_MORE);
    assert_string_equal(log.text, "message=1;message=2;");
    sse_free(sse);
}

/* If every piece were read or copied again and again, this would take minutes. */
static void a_huge_event_in_small_pieces_costs_what_it_is_long(void **state)
{
    struct log log = {0};
    struct sse *sse = sse_new(UINT64_C(1) << 30, &(struct sse_handler){on_event, NULL, &log});
    enum { SIZE = 64 << 20 };
    char *text = malloc(SIZE);
    (void)state;
    assert_non_null(text);
    memset(text, 'x', SIZE);
    memcpy(text, "data: ", 6);
    memcpy(text + SIZE - 2, "\n\n", 2);
    assert_int_equal(feed(sse, text, SIZE, 1000), SSE_MORE);
    memset(text, '\r', SIZE); /* 64 Mi empty lines */
    assert_int_equal(sse_feed(sse, text, SIZE / 8), SSE_MORE);
    assert_int_equal(log.events, 1);
    free(text);
    sse_free(sse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_in_lf_cr_or_both),
        cmocka_unit_test(data_lines_are_joined),
        cmocka_unit_test(an_event_without_data_is_none),
        cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(a_mark_is_skipped_at_the_beginning_alone),
        cmocka_unit_test(retry_is_told_when_it_is_a_number),
        cmocka_unit_test(a_long_name_is_cut_and_none_of_the_known),
        cmocka_unit_test(the_data_of_an_event_is_bounded),
        cmocka_unit_test(the_handler_may_stop),
        cmocka_unit_test(a_huge_event_in_small_pieces_costs_what_it_is_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
