/* SHA-256 and HMAC-SHA256: the vectors of FIPS 180-4 and RFC 4231. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sha256.h"

static void hex_of(const uint8_t digest[SHA256_DIGEST], char out[65])
{
    for (size_t i = 0; i < SHA256_DIGEST; i++) {
        (void)snprintf(&out[i * 2], 3, "%02x", digest[i]);
    }
}

/* In pieces of `step` bytes. */
static void check(const char *text, size_t length, size_t step, const char *hex)
{
    struct sha256 h;
    uint8_t digest[SHA256_DIGEST];
    char got[65];
    sha256_begin(&h);
    for (size_t at = 0; at < length; at += step) {
        sha256_add(&h, text + at, length - at < step ? length - at : step);
    }
    sha256_end(&h, digest);
    hex_of(digest, got);
    assert_string_equal(got, hex);
}

static void the_fips_vectors_come_out_in_pieces_of_any_size(void **state)
{
    (void)state;
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static const char four[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                               "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    for (size_t step = 1; step < 130; step++) {
        check("", 0, step, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        check("abc", 3, step, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check(two, sizeof two - 1, step,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        check(four, sizeof four - 1, step,
              "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    }
    static char million[1000000];
    memset(million, 'a', sizeof million);
    check(million, sizeof million, 4099,
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void check_hmac(const void *key, size_t key_length, const void *data, size_t data_length,
                       const char *hex)
{
    struct hmac_sha256 m;
    uint8_t digest[SHA256_DIGEST];
    char got[65];
    hmac_sha256_begin(&m, key, key_length);
    hmac_sha256_add(&m, data, data_length / 2);
    hmac_sha256_add(&m, (const char *)data + data_length / 2, data_length - data_length / 2);
    hmac_sha256_end(&m, digest);
    hex_of(digest, got);
    got[strlen(hex)] = '\0'; /* RFC 4231 has one that is truncated */
    assert_string_equal(got, hex);
}

static void the_vectors_of_rfc_4231_come_out(void **state)
{
    (void)state;
    uint8_t key[131];
    uint8_t data[50];
    memset(key, 0x0b, 20);
    check_hmac(key, 20, "Hi There", 8,
               "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check_hmac("Jefe", 4, "what do ya want for nothing?", 28,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 20);
    memset(data, 0xdd, 50);
    check_hmac(key, 20, data, 50,
               "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (uint8_t i = 0; i < 25; i++) {
        key[i] = (uint8_t)(i + 1);
    }
    memset(data, 0xcd, 50);
    check_hmac(key, 25, data, 50,
               "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    memset(key, 0x0c, 20);
    check_hmac(key, 20, "Test With Truncation", 20, "a3b6167473100ee06e0c796c2955552b");
    memset(key, 0xaa, sizeof key);
    static const char larger_key[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    check_hmac(key, sizeof key, larger_key, sizeof larger_key - 1,
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    static const char both[] =
        "This is a test using a larger than block-size key and a larger than block-size data. The "
        "key needs to be hashed before being used by the HMAC algorithm.";
    check_hmac(key, sizeof key, both, sizeof both - 1,
               "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void what_depended_on_the_key_is_wiped(void **state)
{
    (void)state;
    struct hmac_sha256 m;
    uint8_t digest[SHA256_DIGEST];
    static const struct hmac_sha256 zeros;
    hmac_sha256_begin(&m, "secret", 6);
    hmac_sha256_end(&m, digest);
    assert_memory_equal(&m, &zeros, sizeof m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fips_vectors_come_out_in_pieces_of_any_size),
        cmocka_unit_test(the_vectors_of_rfc_4231_come_out),
        cmocka_unit_test(what_depended_on_the_key_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
