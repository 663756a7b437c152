/*
 * reference.h - what jansson makes of a JSON text, as a digest to compare ours with.
 *
 * In a file of its own: jansson.h and json.h name things alike.
 */
#ifndef FFSHM_FUZZ_REFERENCE_H
#define FFSHM_FUZZ_REFERENCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hash.h"

enum reference_verdict {
    REFERENCE_REFUSED,
    REFERENCE_ACCEPTED,
    REFERENCE_UNKNOWN, /* jansson has limits of its own: large numbers, NUL in names */
};

struct reference {
    enum reference_verdict verdict;
    uint64_t digest;
    unsigned depth;
};

struct reference reference_parse(const char *text, size_t length);

/* Both sides build the digest with these; objects add their members up, in any order. */
static inline uint64_t reference_text(const char *text, size_t length)
{
    return hash_bytes(text, length) ^ 0x5;
}

static inline uint64_t reference_number(double number)
{
    uint64_t bits;
    number += 0.0; /* -0 is 0 */
    memcpy(&bits, &number, sizeof(bits));
    return hash_bytes(&bits, sizeof(bits));
}

static inline uint64_t reference_element(uint64_t before, uint64_t element)
{
    return (before + 1) * 0x9e3779b97f4a7c15u + element;
}

static inline uint64_t reference_member(uint64_t name, uint64_t value)
{
    return hash_bytes((uint64_t[]){name, value}, 16);
}

enum {
    REFERENCE_NULL = 101,
    REFERENCE_TRUE = 102,
    REFERENCE_FALSE = 103,
    REFERENCE_ARRAY = 104,
    REFERENCE_OBJECT = 105
};

#endif
