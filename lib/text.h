/*
 * text.h - the two string operations that every evaluation pays for, inlined.
 */
#ifndef FFSHM_TEXT_H
#define FFSHM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t text_differs_8(const char *a, const char *b)
{
    uint64_t x;
    uint64_t y;
    memcpy(&x, a, 8);
    memcpy(&y, b, 8);
    return x ^ y;
}

static inline uint32_t text_differs_4(const char *a, const char *b)
{
    uint32_t x;
    uint32_t y;
    memcpy(&x, a, 4);
    memcpy(&y, b, 4);
    return x ^ y;
}

/* Exact comparison of two strings of one length, faster than memcmp for the short ones that flags
   are about: the ends overlap where the length is no power of two. */
static inline bool text_equal(const char *a, const char *b, size_t length)
{
    if (length >= 8) {
        const size_t last = length - 8;
        if (text_differs_8(a, b) | text_differs_8(a + last, b + last)) {
            return false;
        }
        for (size_t i = 8; i < last; i += 8) {
            if (text_differs_8(a + i, b + i)) {
                return false;
            }
        }
        return true;
    }
    if (length >= 4) {
        return (text_differs_4(a, b) | text_differs_4(a + length - 4, b + length - 4)) == 0;
    }
    return length == 0 || /* 1 to 3: first, middle and last are all there is */
           ((a[0] ^ b[0]) | (a[length / 2] ^ b[length / 2]) | (a[length - 1] ^ b[length - 1])) == 0;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||                         \
    __has_feature(thread_sanitizer)
#define TEXT_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEXT_SANITIZED 1
#endif

#if defined(__SSE2__) && !defined(TEXT_SANITIZED)
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

/* A text of at most TEXT_SHORT bytes, in registers. */
struct text_short {
    __m128i low;
    __m128i high;
    uint32_t length; /* more than TEXT_SHORT: the text is longer, or lies where it cannot be read in
                        two */
};
#define TEXT_SHORT 31u

static inline uint32_t text_same(__m128i low_a, __m128i high_a, __m128i low_b, __m128i high_b)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(low_a, low_b)) |
           (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(high_a, high_b)) << 16;
}

/* Texts that begin at so many bytes of a page can be read in two: 4096 - TEXT_SHORT; none (0) where
   Valgrind's memcheck would tell the program's author of it. */
extern uint32_t text_short_starts;

/* Without a branch for the length. Reads 32 bytes where all of them are in one page. */
static inline struct text_short text_short(const char *text)
{
    struct text_short t = {.length = TEXT_SHORT + 1};
    if (__builtin_expect(((uintptr_t)text & 4095) < text_short_starts, 1)) {
        const __m128i zero = _mm_setzero_si128();
        t.low = _mm_loadu_si128((const void *)text);
        t.high = _mm_loadu_si128((const void *)(text + 16));
        const uint32_t zeros = text_same(t.low, t.high, zero, zero);
        t.length = zeros ? (uint32_t)__builtin_ctz(zeros) : TEXT_SHORT + 1;
    }
    return t;
}

/* Is it the NUL-terminated text of the same length at `other`, where 32 bytes can be read? */
static inline bool text_short_equal(const struct text_short *t, const char *text, const char *other)
{
    (void)text;
    const uint32_t same = text_same(t->low, t->high, _mm_loadu_si128((const void *)other),
                                    _mm_loadu_si128((const void *)(other + 16)));
    return (~same << (31 - t->length)) == 0; /* the NUL too */
}
#else
static inline size_t text_length(const char *text)
{
    return strlen(text);
}

struct text_short {
    uint32_t length;
};
#define TEXT_SHORT 31u

static inline struct text_short text_short(const char *text)
{
    const size_t length = strlen(text);
    return (struct text_short){length <= TEXT_SHORT ? (uint32_t)length : TEXT_SHORT + 1};
}

static inline bool text_short_equal(const struct text_short *t, const char *text, const char *other)
{
    return text_equal(text, other, t->length);
}
#endif

#endif
