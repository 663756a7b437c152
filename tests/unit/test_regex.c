/* The patterns of an extent: found, compiled, matched without allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "regex.h"

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
/* A sanitizer has its own malloc and most of the address space. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define PATTERNS 200 /* at most, in a flag */
#define TEXT 16384

/* A flag of one rule with one clause whose values are patterns. */
struct flag_blob {
    struct image_flag flag;
    struct image_rule rule;
    struct image_clause clause;
    struct image_value values[PATTERNS];
    char text[TEXT];
    uint8_t tail[64 + IMAGE_TAIL];
};

struct segment_blob {
    struct image_segment segment;
    struct image_segment_rule rule;
    struct image_clause clause;
    char text[256];
    uint8_t tail[64 + IMAGE_TAIL];
};

static struct {
    _Alignas(64) struct image_extent header;
    _Alignas(64) struct flag_blob flag;
    _Alignas(64) struct segment_blob segment;
    _Alignas(64) uint8_t end;
} extent;

static struct regexes *compiled;

static void clause_of(struct image_clause *clause, uint32_t count, uint32_t values)
{
    clause->op = IMAGE_OP_MATCHES;
    clause->value_count = count;
    clause->values_offset = values;
}

/* An extent of a flag with these patterns, and of a segment with the pattern "^segment$". */
static void compile(const char *const *patterns, uint32_t count, bool jit)
{
    memset(&extent, 0, sizeof extent);
    extent.header.header_size = sizeof extent.header;
    extent.header.blob_count = 2;
    extent.header.regex_count = count + 1;

    struct flag_blob *f = &extent.flag;
    f->flag.blob.kind = IMAGE_FLAG;
    f->flag.blob.size = (uint32_t)((uint8_t *)&extent.segment - (uint8_t *)f);
    f->flag.rule_count = 1;
    f->flag.rules_offset = offsetof(struct flag_blob, rule);
    f->rule.clause_count = 1;
    f->rule.clauses_offset = offsetof(struct flag_blob, clause);
    clause_of(&f->clause, count, offsetof(struct flag_blob, values));
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const size_t length = strlen(patterns[i]);
        assert_true(at + length < TEXT);
        memcpy(f->text + at, patterns[i], length + 1);
        f->values[i].type = IMAGE_VALUE_REGEX;
        f->values[i].length = (uint32_t)length;
        f->values[i].offset = (uint32_t)(offsetof(struct flag_blob, text) + at);
        at += length + 1;
    }

    struct segment_blob *s = &extent.segment;
    s->segment.blob.kind = IMAGE_SEGMENT;
    s->segment.blob.size = (uint32_t)(&extent.end - (uint8_t *)s);
    s->segment.rule_count = 1;
    s->segment.rules_offset = offsetof(struct segment_blob, rule);
    s->rule.clause_count = 1;
    s->rule.clauses_offset = offsetof(struct segment_blob, clause);
    clause_of(&s->clause, 1,
              offsetof(struct segment_blob, clause) + offsetof(struct image_clause, first));
    memcpy(s->text, "^segment$", 10);
    s->clause.first.type = IMAGE_VALUE_REGEX;
    s->clause.first.length = 9;
    s->clause.first.offset = offsetof(struct segment_blob, text);

    compiled = regexes_compile(&extent.header, jit);
    assert_non_null(compiled);
}

static uint32_t offset_of(uint32_t pattern)
{
    return (uint32_t)((uint8_t *)&extent.flag - (uint8_t *)&extent) +
           extent.flag.values[pattern].offset;
}

static bool match(uint32_t pattern, const char *subject)
{
    return regex_match(compiled, offset_of(pattern), subject, strlen(subject));
}

static int release(void **state)
{
    (void)state;
    regexes_free(compiled);
    compiled = NULL;
    return 0;
}

static bool matches_with(bool jit, const char *pattern, const char *subject)
{
    compile(&pattern, 1, jit);
    const bool matched = match(0, subject);
    (void)release(NULL);
    return matched;
}

static void patterns_are_searched_anywhere(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *subject;
        bool matches;
    } cases[] = {
        {"ab+c", "xxabbbcyy", true},
        {"ab+c", "xxacyy", false},
        {"^ab", "xab", false},
        {"", "", true},
        {"", "x", true},
        {"[0-9]{3}-\\d+", "tel 123-4", true},
        {"(?i)HELLO|world", "hello", true},
        {"@example\\.com$", "a@example.com", true},
        {"@example\\.com$", "a@example.com\n", false},
        {"a.c", "a\nc", false},
        {"a.c", "a\rc", true},
        {"^.$", "\xc3\xa9", true},
        {"^..$", "\xc3\xa9", false},
        {"\\p{Lu}", "\xc3\x89", true},
        {"(?P<year>\\d{4})", "in 2024", true},
        {"\\bword\\b", "a word here", true},
        {"(a)\\1", "aa", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int jit = 0; jit < 2; jit++) {
            if (matches_with(jit, cases[i].pattern, cases[i].subject) != cases[i].matches) {
                fail_msg("/%s/ on \"%s\", jit %d", cases[i].pattern, cases[i].subject, jit);
            }
        }
    }
}

static void every_pattern_of_flags_and_segments_is_compiled(void **state)
{
    (void)state;
    static char texts[PATTERNS][16];
    const char *patterns[PATTERNS];
    for (int i = 0; i < PATTERNS; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "^p%d$", i);
        patterns[i] = texts[i];
    }
    compile(patterns, PATTERNS, false);
    for (uint32_t i = 0; i < PATTERNS; i++) {
        char subject[16];
        (void)snprintf(subject, sizeof subject, "p%u", i);
        assert_true(match(i, subject));
        assert_false(match(i, "p"));
    }
    const uint32_t segment = (uint32_t)((uint8_t *)&extent.segment.text - (uint8_t *)&extent);
    assert_true(regex_match(compiled, segment, "segment", 7));
    assert_false(regex_match(compiled, segment, "segments", 8));
}

static void what_does_not_compile_never_matches(void **state)
{
    (void)state;
    static const char *const bad[] = {"***not a regex", "(", "[a", "a{2,1}", "\\C", "(?<x", "\xff"};
    for (int jit = 0; jit < 2; jit++) {
        compile(bad, sizeof bad / sizeof bad[0], jit);
        for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            assert_false(match(i, "a"));
            assert_false(match(i, bad[i]));
        }
        (void)release(NULL);
    }
}

static void unknown_offsets_and_no_patterns_match_nothing(void **state)
{
    (void)state;
    static const char *const patterns[] = {"a"};
    compile(patterns, 1, false);
    assert_false(regex_match(compiled, 0, "a", 1));
    assert_false(regex_match(compiled, offset_of(0) + 1, "a", 1));
    assert_false(regex_match(compiled, UINT32_MAX, "a", 1));
    assert_false(regex_match(NULL, offset_of(0), "a", 1));
    struct image_extent none;
    memset(&none, 0, sizeof none);
    assert_null(regexes_compile(&none, true));
    regexes_free(NULL);
}

static void subjects_may_hold_any_bytes(void **state)
{
    (void)state;
    static const char *const patterns[] = {"b.d", "\\x00", "^$"};
    for (int jit = 0; jit < 2; jit++) {
        compile(patterns, 3, jit);
        assert_true(regex_match(compiled, offset_of(0),
                                "\xff\xfe b\xc3\xa9"
                                "d \xc3",
                                10));
        assert_false(regex_match(compiled, offset_of(0),
                                 "b\xff"
                                 "d",
                                 3));
        assert_true(regex_match(compiled, offset_of(1), "a\0b", 3));
        assert_false(regex_match(compiled, offset_of(1), "ab", 2));
        assert_true(regex_match(compiled, offset_of(2), NULL, 0));
        (void)release(NULL);
    }
}

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void hostile_patterns_are_cut_short(void **state)
{
    (void)state;
    static const char *const patterns[] = {"^(a+)+$", "^(a|aa)*b", "(?:(?:a?){30}){30}x",
                                           "^((a)*)*$", "^(?:a|(?R))*$"};
    char subject[64];
    memset(subject, 'a', sizeof subject);
    subject[63] = '!';
    for (int jit = 0; jit < 2; jit++) {
        compile(patterns, sizeof patterns / sizeof patterns[0], jit);
        for (uint32_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
            const double start = now_ms();
            assert_false(regex_match(compiled, offset_of(i), subject, sizeof subject));
            assert_true(now_ms() - start < 1000);
        }
        (void)release(NULL);
    }
}

/* A frame for each of many characters: more than PCRE2 has at first, or JIT code on the stack. */
static void deep_backtracking_has_room(void **state)
{
    (void)state;
    static const char *const patterns[] = {"^(?:a|b)*c$"};
    static char subject[3001];
    memset(subject, 'a', 3000);
    subject[3000] = 'c';
    for (int jit = 0; jit < 2; jit++) {
        compile(patterns, 1, jit);
        assert_true(regex_match(compiled, offset_of(0), subject, sizeof subject));
        assert_false(regex_match(compiled, offset_of(0), subject, sizeof subject - 1));
        (void)release(NULL);
    }
}

static size_t in_use(void)
{
    return SANITIZED ? 0 : mallinfo2().uordblks;
}

static void neither_compiling_nor_matching_takes_memory_of_malloc(void **state)
{
    (void)state;
    static const char *const patterns[] = {"^(a|b)+c$", "[[:alpha:]]+@\\w+", "(", "(?<n>x)(?&n)"};
    const size_t before = in_use();
    compile(patterns, 4, false);
    for (uint32_t i = 0; i < 4; i++) {
        (void)match(i, "abababc someone@example.com");
    }
    assert_int_equal(in_use(), before);
}

static void *match_often(void *arg)
{
    size_t *wrong = arg;
    for (int i = 0; i < 2000; i++) {
        const bool right = match(0, "xx abababababababababc") && !match(0, "abababababababababab");
        *wrong += right ? 0 : 1;
    }
    return NULL;
}

static void many_threads_match_at_once(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a|b)+c"};
    enum { THREADS = 24 };
    pthread_t threads[THREADS];
    size_t wrong[THREADS] = {0};
    compile(patterns, 1, false);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, match_often, &wrong[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
}

static void a_forked_child_matches(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a|b)+c"};
    compile(patterns, 1, true);
    assert_true(match(0, "abc"));
    const pid_t child = fork();
    if (child == 0) {
        _exit(match(0, "abc") && !match(0, "ab") ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* In a child that has no address space left for the work spaces. First of all tests, for they are
   mapped once a process. */
static void without_work_spaces_the_stack_serves(void **state)
{
    (void)state;
    if (SANITIZED) {
        skip();
    }
    const pid_t child = fork();
    if (child == 0) {
        static const char *const patterns[] = {"^(a|b)+c$", "^(?:a|b)*c$"};
        char text[64] = "";
        FILE *statm = fopen("/proc/self/statm", "r");
        if (!statm || !fgets(text, sizeof text, statm)) {
            _exit(2);
        }
        (void)fclose(statm);
        const rlim_t limit = strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE) + (16u << 20);
        (void)setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit});
        if (mmap(NULL, 64u << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
            _exit(77); /* an emulator that does not enforce it */
        }
        static char subject[3001];
        memset(subject, 'a', sizeof subject - 1);
        subject[sizeof subject - 1] = 'c';
        compile(patterns, 2, false);
        const bool right = match(0, "ababababc") && !match(0, "ababababa") &&
                           !regex_match(compiled, offset_of(1), subject, sizeof subject);
        _exit(right ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void lint_is_told_what_is_wrong(void **state)
{
    (void)state;
    char text[128] = "untouched";
    size_t at = 99;
    assert_true(regex_valid("a(b|c)*", 7, text, sizeof text, &at));
    assert_string_equal(text, "untouched");
    assert_int_equal(at, 99);
    assert_false(regex_valid("ab(c", 4, text, sizeof text, &at));
    assert_string_equal(text, "missing closing parenthesis");
    assert_int_equal(at, 4);
    assert_false(regex_valid("a\\C", 3, text, sizeof text, &at));
    assert_false(regex_valid("[", 1, text, 5, &at));
    assert_int_equal(strlen(text), 4);
    assert_false(regex_valid("[", 1, NULL, 0, &at));
    assert_true(regex_valid("", 0, text, sizeof text, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_work_spaces_the_stack_serves),
        cmocka_unit_test(patterns_are_searched_anywhere),
        cmocka_unit_test_teardown(every_pattern_of_flags_and_segments_is_compiled, release),
        cmocka_unit_test(what_does_not_compile_never_matches),
        cmocka_unit_test_teardown(unknown_offsets_and_no_patterns_match_nothing, release),
        cmocka_unit_test(subjects_may_hold_any_bytes),
        cmocka_unit_test(hostile_patterns_are_cut_short),
        cmocka_unit_test(deep_backtracking_has_room),
        cmocka_unit_test_teardown(neither_compiling_nor_matching_takes_memory_of_malloc, release),
        cmocka_unit_test_teardown(many_threads_match_at_once, release),
        cmocka_unit_test_teardown(a_forked_child_matches, release),
        cmocka_unit_test(lint_is_told_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
