/* sha256.c - see sha256.h. Names of variables and functions are those of FIPS 180-4. */
#include "sha256.h"

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

void sha256_wipe(void *memory, size_t length)
{
    memset(memory, 0, length);
    __asm__ volatile("" : : "r"(memory) : "memory"); /* somebody might read it */
}

static inline uint32_t rotate_right(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static inline uint32_t load_big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store_big_endian(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

static void schedule(uint32_t W[64], const uint8_t block[SHA256_BLOCK])
{
    for (unsigned t = 0; t < 16; t++) {
        W[t] = load_big_endian(block + (size_t)4 * t);
    }
    for (unsigned t = 16; t < 64; t++) {
        const uint32_t a = W[t - 15];
        const uint32_t b = W[t - 2];
        const uint32_t sigma0 = rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3;
        const uint32_t sigma1 = rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10;
        W[t] = sigma1 + W[t - 7] + sigma0 + W[t - 16];
    }
}

static void compress(uint32_t state[8], const uint8_t block[SHA256_BLOCK])
{
    uint32_t W[64];
    uint32_t s[8]; /* a to h */
    schedule(W, block);
    memcpy(s, state, sizeof s);
    for (unsigned t = 0; t < 64; t++) {
        const uint32_t a = s[0];
        const uint32_t e = s[4];
        const uint32_t Sigma0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        const uint32_t Sigma1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        const uint32_t Ch = (e & s[5]) ^ (~e & s[6]);
        const uint32_t Maj = (a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]);
        const uint32_t T1 = s[7] + Sigma1 + Ch + K[t] + W[t];
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += T1;
        s[0] = T1 + Sigma0 + Maj;
    }
    for (unsigned i = 0; i < 8; i++) {
        state[i] += s[i];
    }
    sha256_wipe(W, sizeof W);
    sha256_wipe(s, sizeof s);
}

void sha256_begin(struct sha256 *h)
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, first, sizeof first);
    h->length = 0;
}

void sha256_add(struct sha256 *h, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    while (count > 0) {
        const size_t used = h->length % SHA256_BLOCK;
        const size_t room = SHA256_BLOCK - used;
        const size_t n = count < room ? count : room;
        memcpy(h->block + used, at, n);
        h->length += n;
        at += n;
        count -= n;
        if (n == room) {
            compress(h->state, h->block);
        }
    }
}

void sha256_end(struct sha256 *h, uint8_t digest[SHA256_DIGEST])
{
    static const uint8_t padding[SHA256_BLOCK] = {0x80};
    uint8_t bits[8];
    store_big_endian(bits, (uint32_t)(h->length >> 29));
    store_big_endian(bits + 4, (uint32_t)(h->length << 3));
    const size_t used = h->length % SHA256_BLOCK;
    sha256_add(h, padding, (used < 56 ? 56 : 56 + SHA256_BLOCK) - used);
    sha256_add(h, bits, sizeof bits);
    for (unsigned i = 0; i < 8; i++) {
        store_big_endian(digest + (size_t)4 * i, h->state[i]);
    }
    sha256_wipe(h, sizeof *h);
}

/* ---- HMAC ---------------------------------------------------------------------------------- */

static void begin_padded(struct sha256 *h, const uint8_t key[SHA256_BLOCK], uint8_t pad)
{
    uint8_t block[SHA256_BLOCK];
    for (unsigned i = 0; i < SHA256_BLOCK; i++) {
        block[i] = key[i] ^ pad;
    }
    sha256_begin(h);
    sha256_add(h, block, sizeof block);
    sha256_wipe(block, sizeof block);
}

void hmac_sha256_begin(struct hmac_sha256 *m, const void *key, size_t length)
{
    uint8_t block[SHA256_BLOCK] = {0};
    if (length > SHA256_BLOCK) {
        sha256_begin(&m->inner);
        sha256_add(&m->inner, key, length);
        sha256_end(&m->inner, block);
    } else {
        memcpy(block, key, length);
    }
    begin_padded(&m->inner, block, 0x36);
    begin_padded(&m->outer, block, 0x5c);
    sha256_wipe(block, sizeof block);
}

void hmac_sha256_add(struct hmac_sha256 *m, const void *bytes, size_t count)
{
    sha256_add(&m->inner, bytes, count);
}

void hmac_sha256_end(struct hmac_sha256 *m, uint8_t digest[SHA256_DIGEST])
{
    sha256_end(&m->inner, digest);
    sha256_add(&m->outer, digest, SHA256_DIGEST);
    sha256_end(&m->outer, digest);
    sha256_wipe(m, sizeof *m);
}
