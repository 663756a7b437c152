/*
 * hash.h - the one hash of ffshm: XXH3 (xxHash 0.8 specification), inlined from libxxhash.
 *
 * Keys, kinds, attribute names and checksums: XXH3-64. Members of sets: XXH3-128 seeded per store,
 * so that nobody outside the host can construct a key that collides with another one.
 */
#ifndef FFSHM_HASH_H
#define FFSHM_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct hash128 {
    uint64_t lo;
    uint64_t hi;
};

#define HASH_KIND_USER 0x99e389d25c10af32ull /* hash_bytes("user", 4): see test_context.c */

static inline uint64_t hash_bytes(const void *bytes, size_t length)
{
    return XXH3_64bits(bytes, length);
}

/* The same for at most 32 bytes, in line: of XXH3 only what so few bytes need, by inner names that
   xxHash 0.8 has. */
static inline __attribute__((always_inline)) uint64_t hash_short(const void *bytes, size_t length)
{
    if (length > 32) {
        __builtin_unreachable();
    }
    return XXH3_64bits_internal(bytes, length, 0, XXH3_kSecret, sizeof(XXH3_kSecret),
                                XXH3_hashLong_64b_default);
}

/* An attribute's hash: the name, seeded with the kind (0 for "user"): see struct image_selector. */
static inline uint64_t hash_attribute(const char *name, size_t length, uint64_t kind_hash)
{
    return XXH3_64bits_withSeed(name, length, kind_hash == HASH_KIND_USER ? 0 : kind_hash);
}

/* A set member's hash; never {0, 0}, which marks an empty entry. */
static inline struct hash128 hash_member(const char *key, size_t length, uint64_t set_seed)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(key, length, set_seed);
    return (struct hash128){h.low64 | (uint64_t)((h.low64 | h.high64) == 0), h.high64};
}

#endif
