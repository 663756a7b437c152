/* Text of others at a terminal: nothing in it is obeyed, and it takes the columns that it is said
 * to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inspect/inspect_emit.h"
#include "inspect/inspect_shown.h"

typedef void write_fn(FILE *out, const char *text, size_t length);

static void writes(write_fn *write, const char *text, const char *expected)
{
    char *got = NULL;
    size_t length;
    FILE *out = open_memstream(&got, &length);
    assert_non_null(out);
    write(out, text, strlen(text));
    fclose(out);
    assert_string_equal(got, expected);
    free(got);
}

static void nothing_in_it_is_obeyed(void **state)
{
    (void)state;
    writes(shown_write, "plain \xc3\xbc \xe6\x97\xa5 \xf0\x9f\x98\x80",
           "plain \xc3\xbc \xe6\x97\xa5 \xf0\x9f\x98\x80");
    writes(shown_write, "a\x1b[2J\n\x7f", "a\\x1b[2J\\x0a\\x7f");
    writes(shown_write,
           "csi \xc2\x9b"
           "2J nel \xc2\x85",
           "csi \\xc2\\x9b2J nel \\xc2\\x85");
    writes(shown_write,
           "\xe2\x80\xae"
           "abc\xe2\x81\xa6",
           "\\xe2\\x80\\xaeabc\\xe2\\x81\\xa6");
    writes(shown_write, "raw \x9b cut \xe6\x97", "raw \\x9b cut \\xe6\\x97");
}

static void json_is_the_same_json(void **state)
{
    (void)state;
    writes(shown_write_json,
           "{\"a\": \"\xc3\xbc\xc2\x9b"
           "2J\x7f\xe2\x80\xae\"}\n",
           "{\"a\": \"\xc3\xbc\\u009b2J\\u007f\\u202e\"}\n");
    writes(shown_write_json,
           "\"0123456789abcdef\x7f"
           "ghijklmnopqr\x1f\"",
           "\"0123456789abcdef\\u007fghijklmnopqr\\u001f\"");
    writes(emit_string,
           "\xc3\xbc\xc2\x9b"
           "2J\x7f\xe2\x80\xae\x1b\xff",
           "\"\xc3\xbc\\u009b2J\\u007f\\u202e\\u001b\xef\xbf\xbd\"");
}

static void columns_are_those_of_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(shown_width(""), 0);
    assert_int_equal(shown_width("abc \xc3\xbc"), 5);
    assert_int_equal(shown_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
    assert_int_equal(shown_width("e\xcc\x81"), 1);
    assert_int_equal(shown_width("\xf0\x9f\x98\x80"), 2);
    assert_int_equal(shown_width("\x1b\xc2\x9b"), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_it_is_obeyed),
        cmocka_unit_test(json_is_the_same_json),
        cmocka_unit_test(columns_are_those_of_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
