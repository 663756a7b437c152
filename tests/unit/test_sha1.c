/* SHA-1: FIPS vectors, and every implementation against a plain one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sha1.h"

#define LONGEST 300

static void (*chosen)(uint32_t state[5], const uint8_t block[64]);

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
        sha1_compress = v->compress;
        check_vectors();
    }
    sha1_compress = chosen;
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
        sha1_compress = sha1_variants()[0].compress;
        hex_of(message, length, want);
        for (const struct sha1_variant *v = sha1_variants(); v->name; v++) {
            char got[41];
            sha1_compress = v->compress;
            hex_of(message, length, got);
            assert_string_equal(got, want);
        }
    }
    sha1_compress = chosen;
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
static void first60_is_the_digest_s_first_60_bits(void **state)
{
    (void)state;
    char message[LONGEST + 1];
    char prefix[LONGEST + 64];
    for (size_t length = 0; length <= LONGEST; length++) {
        message_of(message, length);
        const uint64_t want = first60_of_digest(message, length);
        for (size_t cut = 0; cut <= length; cut += length < 70 ? 1 : 13) {
            memset(prefix, 0xee, sizeof prefix);
            memcpy(prefix, message, cut);
            assert_true(sha1_first60(prefix, cut, message + cut, length - cut) == want);
        }
    }
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
        sha1_compress = v->compress;
        for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
            assert_true(sha1_first60(golden[i].prefix, strlen(golden[i].prefix), golden[i].value,
                                     strlen(golden[i].value)) == golden[i].first60);
        }
    }
    sha1_compress = chosen;
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_implementation_passes_the_fips_vectors),
        cmocka_unit_test(implementations_agree_for_all_lengths),
        cmocka_unit_test(first60_is_the_digest_s_first_60_bits),
        cmocka_unit_test(golden_vectors_hold),
        cmocka_unit_test(the_implementation_in_use_is_the_last_one_listed),
    };
    chosen = sha1_compress;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
