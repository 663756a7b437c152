/*
 * text.h - the two string operations that every evaluation pays for, inlined.
 */
#ifndef FFSHM_TEXT_H
#define FFSHM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Exact comparison of two strings of one length, faster than memcmp for the short ones that flags
 * are about. */
static inline bool text_equal(const char *a, const char *b, size_t length)
{
    if (length >= 8) {
        uint64_t x;
        uint64_t y;
        for (size_t i = 0; i + 8 < length; i += 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            if (x != y) {
                return false;
            }
        }
        memcpy(&x, a + length - 8, 8);
        memcpy(&y, b + length - 8, 8);
        return x == y;
    }
    if (length >= 4) {
        uint32_t x[2];
        uint32_t y[2];
        memcpy(&x[0], a, 4);
        memcpy(&y[0], b, 4);
        memcpy(&x[1], a + length - 4, 4);
        memcpy(&y[1], b + length - 4, 4);
        return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
    }
    for (size_t i = 0; i < length; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

#if defined(__SSE2__) && !defined(__SANITIZE_ADDRESS__)
#include <emmintrin.h>

/* strlen without the call. Reads whole aligned 16-byte words, which never cross into a page that
   the string is not in. (Valgrind and ASan see reads beyond the terminator; the sanitizer builds
   use strlen.) */
static inline size_t text_length(const char *text)
{
    uintptr_t misaligned = (uintptr_t)text & 15;
    const __m128i *at = (const void *)(text - misaligned);
    const __m128i zero = _mm_setzero_si128();
    uint32_t zeros = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(at), zero));
    zeros >>= misaligned;
    if (zeros) {
        return (size_t)__builtin_ctz(zeros);
    }
    size_t length = 16 - misaligned;
    for (;;) {
        zeros = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(++at), zero));
        if (zeros) {
            return length + (size_t)__builtin_ctz(zeros);
        }
        length += 16;
    }
}
#else
static inline size_t text_length(const char *text)
{
    return strlen(text);
}
#endif

#endif
