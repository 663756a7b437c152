/*
 * sha256.h - SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104), for the secure mode hash and, in the
 * agent, the audit: plain C, not tuned. What depended on a key is wiped from the stack.
 */
#ifndef FFSHM_SHA256_H
#define FFSHM_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_DIGEST 32
#define SHA256_BLOCK 64

struct sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes taken so far */
    uint8_t block[SHA256_BLOCK];
};

void sha256_begin(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *bytes, size_t count);
/* Ends; wipes h. */
void sha256_end(struct sha256 *h, uint8_t digest[SHA256_DIGEST]);

struct hmac_sha256 {
    struct sha256 inner;
    struct sha256 outer;
};

void hmac_sha256_begin(struct hmac_sha256 *m, const void *key, size_t length);
void hmac_sha256_add(struct hmac_sha256 *m, const void *bytes, size_t count);
/* Ends; wipes m. */
void hmac_sha256_end(struct hmac_sha256 *m, uint8_t digest[SHA256_DIGEST]);

/* Overwrites memory, also where the compiler sees that nobody reads it any more. */
void sha256_wipe(void *memory, size_t length);

#endif
