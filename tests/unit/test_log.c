/* A log line is one line, whatever is in it; the level and journald's form. */
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

#include "log.h"

static int saved_stderr;
static int reading;
static char text[8192];

/* stderr is a pipe during a test. */
static int set_up(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    reading = ends[0];
    unsetenv("JOURNAL_STREAM");
    log_setup(LOG_LEVEL_INFO);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(reading);
    return 0;
}

/* What was logged since the last call, without the time. */
static const char *logged(void)
{
    const ssize_t length = read(reading, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    const char *level = strstr(text, "level=");
    return level ? level : text;
}

static void a_line_has_time_level_event_and_fields(void **state)
{
    (void)state;
    LOG_EVENT(LOG_LEVEL_INFO, "published", log_number("flags", 12), log_text("dir", "/run/x"),
              log_number("least", INT64_MIN));
    assert_string_equal(
        logged(), "level=info event=published flags=12 dir=/run/x least=-9223372036854775808\n");
    int year, month, day, hour, minute, second, ms;
    char zone;
    assert_int_equal(sscanf(text, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3d%c ", &year, &month, &day, &hour,
                            &minute, &second, &ms, &zone),
                     8);
    assert_int_equal(zone, 'Z');
}

static void values_are_quoted_where_they_need_it(void **state)
{
    static const struct {
        const char *value;
        const char *shown;
    } cases[] = {
        {"plain-text:1/2", "plain-text:1/2"},
        {"two words", "\"two words\""},
        {"", "\"\""},
        {"a=b", "\"a=b\""},
        {"say \"no\"", "\"say \\\"no\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"line\nlevel=error event=forged", "\"line\\nlevel=error event=forged\""},
        {"\x1b[31m\r\x7f", "\"\\u001b[31m\\u000d\\u007f\""},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[256];
        LOG_EVENT(LOG_LEVEL_ERROR, "e", log_text("v", cases[i].value));
        snprintf(expected, sizeof expected, "level=error event=e v=%s\n", cases[i].shown);
        assert_string_equal(logged(), expected);
    }
}

static void a_missing_text_is_an_empty_one(void **state)
{
    (void)state;
    LOG_EVENT(LOG_LEVEL_INFO, "e", log_text("v", NULL));
    assert_string_equal(logged(), "level=info event=e v=\"\"\n");
}

static void a_line_that_is_too_long_is_cut_and_still_one_line(void **state)
{
    (void)state;
    char *value = malloc(100001);
    assert_non_null(value);
    memset(value, '\n', 100000);
    value[100000] = '\0';
    LOG_EVENT(LOG_LEVEL_INFO, "long", log_text("v", value), log_text("w", value));
    free(value);
    logged();
    assert_int_equal(strlen(text), 4096);
    assert_ptr_equal(strchr(text, '\n'), text + 4095);
}

static void lines_above_the_level_are_dropped(void **state)
{
    (void)state;
    LOG_EVENT(LOG_LEVEL_DEBUG, "e", log_number("n", 1));
    assert_string_equal(logged(), "");
    log_setup(LOG_LEVEL_ERROR);
    LOG_EVENT(LOG_LEVEL_WARNING, "e", log_number("n", 1));
    assert_string_equal(logged(), "");
    LOG_EVENT(LOG_LEVEL_ERROR, "e", log_number("n", 1));
    assert_string_equal(logged(), "level=error event=e n=1\n");
    log_setup(LOG_LEVEL_DEBUG);
    LOG_EVENT(LOG_LEVEL_DEBUG, "e", log_number("n", 1));
    assert_string_equal(logged(), "level=debug event=e n=1\n");
}

static void the_journal_gets_the_priority_and_nobody_else(void **state)
{
    (void)state;
    struct stat st;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_setup(LOG_LEVEL_INFO);
    LOG_EVENT(LOG_LEVEL_WARNING, "e", log_number("n", 1));
    logged();
    assert_string_equal(text, "<4>level=warning event=e n=1\n");
    setenv("JOURNAL_STREAM", "1:1", 1); /* inherited, but stderr was redirected */
    log_setup(LOG_LEVEL_INFO);
    LOG_EVENT(LOG_LEVEL_WARNING, "e", log_number("n", 1));
    logged();
    assert_int_equal(strncmp(text, "time=", 5), 0);
}

static void a_fault_shows_what_it_knows(void **state)
{
    (void)state;
    struct fault fault = {.line = 3, .column = 5};
    snprintf(fault.file, sizeof fault.file, "f.yaml");
    fault_set(&fault, "flags.a", "do this", "is wrong");
    log_fault(LOG_LEVEL_ERROR, "load-failed", &fault);
    assert_string_equal(logged(), "level=error event=load-failed file=f.yaml line=3 column=5 "
                                  "member=flags.a cause=\"is wrong\" hint=\"do this\"\n");
    fault = (struct fault){0};
    fault_set(&fault, "", "", "out of memory");
    log_fault(LOG_LEVEL_ERROR, "load-failed", &fault);
    assert_string_equal(logged(), "level=error event=load-failed cause=\"out of memory\"\n");
}

static void a_log_that_cannot_be_written_is_no_harm(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) { /* fills the pipe; nobody reads */
        LOG_EVENT(LOG_LEVEL_INFO, "e", log_text("v", "some text of a usual length, repeated"));
    }
}

static void level_names_are_read_in_any_case(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_INFO;
    assert_int_equal(log_level_parse("ERROR", &level), 0);
    assert_int_equal(level, LOG_LEVEL_ERROR);
    assert_int_equal(log_level_parse("Debug", &level), 0);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_int_equal(log_level_parse("", &level), -1);
    assert_int_equal(log_level_parse("infos", &level), -1);
    assert_int_equal(level, LOG_LEVEL_DEBUG);
}

static void a_log_that_nobody_reads_stops_nobody(void **state)
{
    (void)state;
    const int flags = fcntl(STDERR_FILENO, F_GETFL);
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, flags & ~O_NONBLOCK), 0);
    for (unsigned i = 0; i < 5000; i++) { /* a pipe holds far less */
        LOG_EVENT(LOG_LEVEL_INFO, "published", log_number("generation", i));
    }
    while (read(reading, text, sizeof text) > 0) {
    }
    LOG_EVENT(LOG_LEVEL_INFO, "next");
    const char *first = logged();
    assert_int_equal(strncmp(first, "level=warning event=log-lost lines=",
                             strlen("level=warning event=log-lost lines=")),
                     0);
    assert_non_null(strstr(first, "level=info event=next\n"));
    LOG_EVENT(LOG_LEVEL_INFO, "after");
    assert_string_equal(logged(), "level=info event=after\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_time_level_event_and_fields),
        TEST(values_are_quoted_where_they_need_it),
        TEST(a_missing_text_is_an_empty_one),
        TEST(a_line_that_is_too_long_is_cut_and_still_one_line),
        TEST(lines_above_the_level_are_dropped),
        TEST(the_journal_gets_the_priority_and_nobody_else),
        TEST(a_fault_shows_what_it_knows),
        TEST(a_log_that_cannot_be_written_is_no_harm),
        TEST(level_names_are_read_in_any_case),
        TEST(a_log_that_nobody_reads_stops_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
