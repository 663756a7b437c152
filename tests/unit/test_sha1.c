/* SHA-1: FIPS vectors, and every implementation against a plain one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sha1.h"

#define LONGEST 300

/* What the library chose. */
static struct sha1_variant chosen;

static void use(const struct sha1_variant *v)
{
    sha1_compress = v->compress;
    sha1_first60 = v->first60;
}

static void hex_of(const char *text, size_t length, char out[41])
{
    uint8_t digest[20];
    sha1(text, length, digest);
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(&out[(size_t)i * 2], 3, "%02x", digest[i]);
    }
}

static void check(const char *text, const char *hex)
{
    char got[41];
    hex_of(text, strlen(text), got);
    assert_string_equal(got, hex);
}

static void check_vectors(void)
{
    check("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    check("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    check("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
          "lmn"
          "opqrsmnopqrstnopqrstu",
          "a49b2446a02c645bf419f995b67091253a04a259");
    static char million[1000000];
    char got[41];
    memset(million, 'a', sizeof million);
    hex_of(million, sizeof million, got);
    assert_string_equal(got, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void every_implementation_passes_the_fips_vectors(void **state)
{
    (void)state;
    for (const struct sha1_variant *v = sha1_variants(); v->name; v++) {
        print_message("%s\n", v->name);
        use(v);
        check_vectors();
    }
    use(&chosen);
}

static void message_of(char *message, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        message[i] = (char)(i * 131 + length * 7);
    }
}

static void implementations_agree_for_all_lengths(void **state)
{
    (void)state;
    char message[LONGEST + 1];
    for (size_t length = 0; length <= LONGEST; length++) {
        char want[41];
        message_of(message, length);
        use(&sha1_variants()[0]);
        hex_of(message, length, want);
        for (const struct sha1_variant *v = sha1_variants(); v->name; v++) {
            char got[41];
            use(v);
            hex_of(message, length, got);
            assert_string_equal(got, want);
        }
    }
    use(&chosen);
}

static uint64_t first60_of_digest(const char *message, size_t length)
{
    uint8_t digest[20];
    uint64_t n = 0;
    sha1(message, length, digest);
    for (unsigned i = 0; i < 8; i++) {
        n = n << 8 | digest[i];
    }
    return n >> 4;
}

/* However a message is cut into prefix and value. What is behind the prefix is not part of it. */
static void check_cuts(void)
{
    char message[LONGEST + 1];
    char prefix[LONGEST + 64];
    for (size_t length = 0; length <= LONGEST; length++) {
        message_of(message, length);
        const uint64_t want = first60_of_digest(message, length);
        for (size_t cut = 0; cut <= length; cut += length < 200 ? 1 : 13) {
            memset(prefix, 0xee, sizeof prefix);
            memcpy(prefix, message, cut);
            assert_true(sha1_first60(prefix, cut, message + cut, length - cut) == want);
        }
    }
}

static void first60_is_the_digest_s_first_60_bits(void **state)
{
    (void)state;
    for (const struct sha1_variant *v = sha1_variants(); v->name; v++) {
        use(v);
        check_cuts();
    }
    use(&chosen);
}

/* The value between two pages that cannot be read, at the start and at the end of its own. */
static void no_byte_around_the_value_is_touched(void **state)
{
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char message[LONGEST];
    assert_ptr_not_equal(pages, MAP_FAILED);
    message_of(message, LONGEST);
    assert_int_equal(mprotect(pages, page, PROT_NONE), 0);
    assert_int_equal(mprotect(pages + 2 * page, page, PROT_NONE), 0);
    for (const struct sha1_variant *v = sha1_variants(); v->name; v++) {
        use(v);
        for (size_t length = 0; length < 200; length++) {
            const uint64_t want = first60_of_digest(message, 20 + length);
            char *first = pages + page;
            char *last = pages + 2 * page - length;
            memcpy(first, message + 20, length);
            assert_true(sha1_first60(message, 20, first, length) == want);
            memcpy(last, message + 20, length);
            assert_true(sha1_first60(message, 20, last, length) == want);
        }
        for (size_t length = 64; length < 200; length++) {
            char *last = pages + 2 * page - length;
            memcpy(last, message, length);
            assert_true(sha1_first60(last, length, message + length, 20) ==
                        first60_of_digest(message, length + 20));
        }
    }
    use(&chosen);
    assert_int_equal(munmap(pages, 3 * page), 0);
}

static void golden_vectors_hold(void **state)
{
    (void)state;
    static const struct {
        char prefix[80];
        const char *value;
        uint64_t first60;
    } golden[] = {
        {"hashKey.saltyA.", "userKeyA", 0x6bec658111d6ad9},
        {"hashKey.saltyA.", "userKeyB", 0xabbcba2157240ad},
        {"hashKey.saltyA.", "userKeyC", 0x1a7a754382d1e86},
        {"61.", "userKeyA", 0x19175196da26483},
        {"61.", "userKeyB", 0x2514169d979b419},
        {"61.", "userKeyC", 0xec9c925acc68fc9},
        {"hashKey.saltyA.", "33333", 0x8c37000519e66b0},
        {"hashKey.saltyA.", "99999", 0xbb2093103e3a1a5},
        {"segment3.salty.", "user-key", 0x2645c56765f3e0d},
        {"segment3.salty.", "unmatching-key", 0x5d9a4bf386a64b4},
    };
    for (const struct sha1_variant *v = sha1_variants(); v->name; v++) {
        use(v);
        for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
            assert_true(sha1_first60(golden[i].prefix, strlen(golden[i].prefix), golden[i].value,
                                     strlen(golden[i].value)) == golden[i].first60);
        }
    }
    use(&chosen);
}

static void the_implementation_in_use_is_the_last_one_listed(void **state)
{
    (void)state;
    const struct sha1_variant *last = sha1_variants();
    assert_string_equal(last->name, "portable");
    while (last[1].name) {
        last++;
    }
    assert_string_equal(sha1_implementation(), last->name);
    assert_true(sha1_compress == last->compress);
    assert_true(sha1_first60 == last->first60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_implementation_passes_the_fips_vectors),
        cmocka_unit_test(implementations_agree_for_all_lengths),
        cmocka_unit_test(first60_is_the_digest_s_first_60_bits),
        cmocka_unit_test(no_byte_around_the_value_is_touched),
        cmocka_unit_test(golden_vectors_hold),
        cmocka_unit_test(the_implementation_in_use_is_the_last_one_listed),
    };
    chosen = (struct sha1_variant){sha1_implementation(), sha1_compress, sha1_first60};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
