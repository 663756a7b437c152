/*
 * sha1.h - SHA-1 (FIPS 180-4) of short messages, for bucketing only.
 *
 * Compression by SHA-NI, ARMv8 SHA or portable C, and how a message becomes blocks, are chosen when
 * the library is loaded; see sha1.c.
 */
#ifndef FFSHM_SHA1_H
#define FFSHM_SHA1_H

#include <stddef.h>
#include <stdint.h>

/* One 64-byte block into the state. Set before main. */
extern void (*sha1_compress)(uint32_t state[5], const uint8_t block[64]);

/* Which one runs: "sha-ni, avx512", "sha-ni", "armv8", "portable". */
const char *sha1_implementation(void);

/* The first 60 bits of SHA-1(prefix, value), as an integer. The prefix is readable for 64 bytes
 * from its start. */
extern uint64_t (*sha1_first60)(const char *prefix, size_t prefix_length, const char *value,
                                size_t value_length);

/* The whole digest, for tests and explain. */
void sha1(const void *message, size_t length, uint8_t digest[20]);

/* Every implementation that this machine can run, for tests: NULL ends. */
struct sha1_variant {
    const char *name;
    void (*compress)(uint32_t state[5], const uint8_t block[64]);
    uint64_t (*first60)(const char *prefix, size_t prefix_length, const char *value,
                        size_t value_length);
};
const struct sha1_variant *sha1_variants(void);

#endif
