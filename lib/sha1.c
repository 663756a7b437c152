/*
 * sha1.c - SHA-1 by FIPS 180-4, section 6.1. See sha1.h.
 *
 * The instruction sets work on groups of four rounds. Group t (0..19) needs the message words
 * 4t..4t+3; from group 4 on they follow from the four groups before, so a ring of four suffices.
 */
#include "sha1.h"

#include <stdbool.h>
#include <string.h>

#define BLOCK 64
#define LENGTH_AT 56 /* of the message's bit length, in its last block */

static const uint32_t initial[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
                                    0xc3d2e1f0u};

/* ---- portable ------------------------------------------------------------------------------ */

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

/* Word t of the message schedule; w holds the last 16. */
static uint32_t schedule(uint32_t w[16], unsigned t)
{
    uint32_t x = w[(t + 13) & 15] ^ w[(t + 8) & 15] ^ w[(t + 2) & 15] ^ w[t & 15];
    return w[t & 15] = rotate(x, 1);
}

static void compress_portable(uint32_t state[5], const uint8_t block[BLOCK])
{
    uint32_t w[16];
    memcpy(w, block, BLOCK);
    for (unsigned t = 0; t < 16; t++) {
        w[t] = __builtin_bswap32(w[t]);
    }
    uint32_t a = state[0];
    uint32_t b = state[1];
    uint32_t c = state[2];
    uint32_t d = state[3];
    uint32_t e = state[4];
    for (unsigned t = 0; t < 80; t++) {
        uint32_t mix;
        if (t < 20) {
            mix = (d ^ (b & (c ^ d))) + 0x5a827999u;
        } else if (t < 40) {
            mix = (b ^ c ^ d) + 0x6ed9eba1u;
        } else if (t < 60) {
            mix = ((b & c) | (d & (b | c))) + 0x8f1bbcdcu;
        } else {
            mix = (b ^ c ^ d) + 0xca62c1d6u;
        }
        uint32_t next = rotate(a, 5) + mix + e + (t < 16 ? w[t] : schedule(w, t));
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

/* ---- x86: SHA-NI --------------------------------------------------------------------------- */

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define ACCELERATED_NAME "sha-ni"

static bool accelerated_supported(void)
{
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) {
        return false;
    }
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

/* Four rounds. sha1nexte adds `before`'s first word, rotated: the e of four rounds ago. */
#define ROUNDS(t, function)                                                                        \
    do {                                                                                           \
        e = _mm_sha1nexte_epu32(before, m[(t)&3]);                                                 \
        before = abcd;                                                                             \
        abcd = _mm_sha1rnds4_epu32(abcd, e, function);                                             \
    } while (0)

#define SCHEDULED_ROUNDS(t, function)                                                              \
    do {                                                                                           \
        m[(t)&3] = _mm_sha1msg2_epu32(                                                             \
            _mm_xor_si128(_mm_sha1msg1_epu32(m[(t)&3], m[((t) + 1) & 3]), m[((t) + 2) & 3]),       \
            m[((t) + 3) & 3]);                                                                     \
        ROUNDS(t, function);                                                                       \
    } while (0)

#define TARGET_SHA "sha,sse4.1,ssse3"

/* All eighty rounds. `before` rotated: see the first group. Gives abcd, not yet added to what it
   was; *last: that of the group before, for e. */
__attribute__((always_inline, target(TARGET_SHA))) static inline __m128i
all_rounds(__m128i abcd, __m128i before, __m128i m[4], __m128i *last)
{
    __m128i e;
    ROUNDS(0, 0);
    ROUNDS(1, 0);
    ROUNDS(2, 0);
    ROUNDS(3, 0);
    SCHEDULED_ROUNDS(4, 0);
    SCHEDULED_ROUNDS(5, 1);
    SCHEDULED_ROUNDS(6, 1);
    SCHEDULED_ROUNDS(7, 1);
    SCHEDULED_ROUNDS(8, 1);
    SCHEDULED_ROUNDS(9, 1);
    SCHEDULED_ROUNDS(10, 2);
    SCHEDULED_ROUNDS(11, 2);
    SCHEDULED_ROUNDS(12, 2);
    SCHEDULED_ROUNDS(13, 2);
    SCHEDULED_ROUNDS(14, 2);
    SCHEDULED_ROUNDS(15, 3);
    SCHEDULED_ROUNDS(16, 3);
    SCHEDULED_ROUNDS(17, 3);
    SCHEDULED_ROUNDS(18, 3);
    SCHEDULED_ROUNDS(19, 3);
    *last = before;
    return abcd;
}

__attribute__((target(TARGET_SHA))) static void compress_accelerated(uint32_t state[5],
                                                                     const uint8_t block[BLOCK])
{
    const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i words;
    memcpy(&words, state, sizeof words);
    const __m128i abcd_in = _mm_shuffle_epi32(words, 0x1b);
    const __m128i e_in = _mm_set_epi32((int)state[4], 0, 0, 0);
    /* sha1nexte rotates left by 30: undone here, so that the first group is like the others. */
    const __m128i before = _mm_set_epi32((int)rotate(state[4], 2), 0, 0, 0);
    __m128i m[4];
    for (unsigned i = 0; i < 4; i++) {
        memcpy(&words, block + i * sizeof words, sizeof words);
        m[i] = _mm_shuffle_epi8(words, swap);
    }
    __m128i last;
    const __m128i abcd = all_rounds(abcd_in, before, m, &last);
    const __m128i e = _mm_sha1nexte_epu32(last, e_in);
    words = _mm_shuffle_epi32(_mm_add_epi32(abcd, abcd_in), 0x1b);
    memcpy(state, &words, sizeof words);
    state[4] = (uint32_t)_mm_extract_epi32(e, 3);
}

/* ---- ARMv8: cryptographic extension -------------------------------------------------------- */

/* Older clang offers the intrinsics only where the whole build targets the extension. */
#elif defined(__aarch64__) &&                                                                      \
    (defined(__ARM_FEATURE_SHA2) || !defined(__clang__) || __clang_major__ >= 16)
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#define ACCELERATED_NAME "armv8"

static bool accelerated_supported(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_SHA1) != 0;
}

/* Four rounds: `function` is vsha1cq_u32 (choose), vsha1pq_u32 (parity) or vsha1mq_u32 (majority).
 */
#define ROUNDS(t, function, constant)                                                              \
    do {                                                                                           \
        uint32x4_t sum = vaddq_u32(m[(t)&3], vdupq_n_u32(constant));                               \
        uint32_t next = vsha1h_u32(vgetq_lane_u32(abcd, 0));                                       \
        abcd = function(abcd, e, sum);                                                             \
        e = next;                                                                                  \
    } while (0)

#define SCHEDULED_ROUNDS(t, function, constant)                                                    \
    do {                                                                                           \
        m[(t)&3] = vsha1su1q_u32(vsha1su0q_u32(m[(t)&3], m[((t) + 1) & 3], m[((t) + 2) & 3]),      \
                                 m[((t) + 3) & 3]);                                                \
        ROUNDS(t, function, constant);                                                             \
    } while (0)

#if defined(__clang__)
#define TARGET_SHA __attribute__((target("sha2")))
#else
#define TARGET_SHA __attribute__((target("+crypto")))
#endif

TARGET_SHA static void compress_accelerated(uint32_t state[5], const uint8_t block[BLOCK])
{
    const uint32x4_t abcd_in = vld1q_u32(state);
    uint32x4_t abcd = abcd_in;
    uint32_t e = state[4];
    uint32x4_t m[4];
    for (unsigned i = 0; i < 4; i++) {
        m[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + i * sizeof m[i])));
    }
    ROUNDS(0, vsha1cq_u32, 0x5a827999u);
    ROUNDS(1, vsha1cq_u32, 0x5a827999u);
    ROUNDS(2, vsha1cq_u32, 0x5a827999u);
    ROUNDS(3, vsha1cq_u32, 0x5a827999u);
    SCHEDULED_ROUNDS(4, vsha1cq_u32, 0x5a827999u);
    SCHEDULED_ROUNDS(5, vsha1pq_u32, 0x6ed9eba1u);
    SCHEDULED_ROUNDS(6, vsha1pq_u32, 0x6ed9eba1u);
    SCHEDULED_ROUNDS(7, vsha1pq_u32, 0x6ed9eba1u);
    SCHEDULED_ROUNDS(8, vsha1pq_u32, 0x6ed9eba1u);
    SCHEDULED_ROUNDS(9, vsha1pq_u32, 0x6ed9eba1u);
    SCHEDULED_ROUNDS(10, vsha1mq_u32, 0x8f1bbcdcu);
    SCHEDULED_ROUNDS(11, vsha1mq_u32, 0x8f1bbcdcu);
    SCHEDULED_ROUNDS(12, vsha1mq_u32, 0x8f1bbcdcu);
    SCHEDULED_ROUNDS(13, vsha1mq_u32, 0x8f1bbcdcu);
    SCHEDULED_ROUNDS(14, vsha1mq_u32, 0x8f1bbcdcu);
    SCHEDULED_ROUNDS(15, vsha1pq_u32, 0xca62c1d6u);
    SCHEDULED_ROUNDS(16, vsha1pq_u32, 0xca62c1d6u);
    SCHEDULED_ROUNDS(17, vsha1pq_u32, 0xca62c1d6u);
    SCHEDULED_ROUNDS(18, vsha1pq_u32, 0xca62c1d6u);
    SCHEDULED_ROUNDS(19, vsha1pq_u32, 0xca62c1d6u);
    vst1q_u32(state, vaddq_u32(abcd, abcd_in));
    state[4] += e;
}
#endif

/* ---- messages ------------------------------------------------------------------------------ */

struct stream {
    uint32_t state[5];
    size_t used;   /* bytes in block */
    size_t length; /* of the message so far */
    uint8_t block[BLOCK];
};

static void start(struct stream *s)
{
    memcpy(s->state, initial, sizeof initial);
    s->used = 0;
    s->length = 0;
}

static void absorb(struct stream *s, const void *bytes, size_t count)
{
    const uint8_t *p = bytes;
    s->length += count;
    while (count > 0) {
        size_t part = BLOCK - s->used < count ? BLOCK - s->used : count;
        memcpy(s->block + s->used, p, part);
        p += part;
        count -= part;
        s->used += part;
        if (s->used == BLOCK) {
            sha1_compress(s->state, s->block);
            s->used = 0;
        }
    }
}

static void finish(struct stream *s)
{
    const uint64_t bits = __builtin_bswap64((uint64_t)s->length * 8);
    s->block[s->used++] = 0x80;
    if (s->used > LENGTH_AT) {
        memset(s->block + s->used, 0, BLOCK - s->used);
        sha1_compress(s->state, s->block);
        s->used = 0;
    }
    memset(s->block + s->used, 0, LENGTH_AT - s->used);
    memcpy(s->block + LENGTH_AT, &bits, sizeof bits);
    sha1_compress(s->state, s->block);
}

static uint64_t first60(const uint32_t state[5])
{
    return ((uint64_t)state[0] << 32 | state[1]) >> 4;
}

/* memcpy of a few bytes, without the call: the two halves overlap. */
static inline void copy_short(uint8_t *to, const char *from, size_t count)
{
    if (count >= 8) {
        const size_t last = count - 8;
        for (size_t i = 0; i < last; i += 8) {
            memcpy(to + i, from + i, 8);
        }
        memcpy(to + last, from + last, 8);
    } else if (count >= 4) {
        memcpy(to, from, 4);
        memcpy(to + count - 4, from + count - 4, 4);
    } else {
        for (size_t i = 0; i < count; i++) {
            to[i] = (uint8_t)from[i];
        }
    }
}

/* A message that fits, with its padding, into so many blocks: one or two. Constant-size copies to
   variable places are a few moves: 64 bytes of the prefix, zeros behind it, then the value. */
static inline uint64_t first60_of_blocks(const char *prefix, size_t prefix_length,
                                         const char *value, size_t value_length, size_t blocks)
{
    _Alignas(16) uint8_t text[4 * BLOCK]; /* a prefix of up to 119 bytes and two blocks of zeros */
    const size_t length = prefix_length + value_length;
    memcpy(text, prefix, BLOCK);
    if (prefix_length > BLOCK) {
        copy_short(text + BLOCK, prefix + BLOCK, prefix_length - BLOCK);
    }
    memset(text + prefix_length, 0, blocks * BLOCK);
    copy_short(text + prefix_length, value, value_length);
    text[length] = 0x80;
    const uint16_t bits = __builtin_bswap16((uint16_t)(length * 8));
    memcpy(text + blocks * BLOCK - sizeof bits, &bits, sizeof bits);
    uint32_t state[5];
    memcpy(state, initial, sizeof state);
    for (size_t i = 0; i < blocks; i++) {
        sha1_compress(state, text + i * BLOCK);
    }
    return first60(state);
}

/* Lengths of objects are below SIZE_MAX / 2: their sum cannot overflow. */
static uint64_t first60_copying(const char *prefix, size_t prefix_length, const char *value,
                                size_t value_length)
{
    const size_t length = prefix_length + value_length;
    if (length < LENGTH_AT) {
        return first60_of_blocks(prefix, prefix_length, value, value_length, 1);
    }
    if (length < BLOCK + LENGTH_AT) {
        return first60_of_blocks(prefix, prefix_length, value, value_length, 2);
    }
    struct stream s;
    start(&s);
    absorb(&s, prefix, prefix_length);
    absorb(&s, value, value_length);
    finish(&s);
    return first60(s.state);
}

/* With AVX-512 a block is put together in a register, by masked loads, which touch no byte outside
   the mask, and goes from there into the rounds: memory that was written in small pieces could not
   be read back at once (14 of 49 ns). */
#if defined(__x86_64__)
#define TARGET_MASKED TARGET_SHA ",avx512f,avx512bw,avx512vl"

/* The first `count` bits; count is at most 64. */
static inline uint64_t ones(size_t count)
{
    return count < BLOCK ? (UINT64_C(1) << count) - 1 : UINT64_MAX;
}

/* The positions from..to-1 of the message as far as they are in the block that begins at `at`. */
static inline uint64_t span(size_t from, size_t to, size_t at)
{
    return ones(to > at ? to - at : 0) & ~ones(from > at ? from - at : 0);
}

/* Adds the rounds of a block to abcd and e; e is at the top of its register. */
__attribute__((always_inline, target(TARGET_MASKED))) static inline void
add_block(__m128i *abcd, __m128i *e, __m512i block)
{
    const __m512i swap =
        _mm512_broadcast_i32x4(_mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f));
    const __m512i words = _mm512_shuffle_epi8(block, swap);
    __m128i m[4] = {_mm512_castsi512_si128(words), _mm512_extracti32x4_epi32(words, 1),
                    _mm512_extracti32x4_epi32(words, 2), _mm512_extracti32x4_epi32(words, 3)};
    __m128i last;
    const __m128i after = all_rounds(*abcd, _mm_rol_epi32(*e, 2), m, &last);
    *abcd = _mm_add_epi32(*abcd, after);
    *e = _mm_sha1nexte_epu32(last, *e);
}

struct masked_state {
    __m128i abcd;
    __m128i e;
};

static inline struct masked_state masked_start(void)
{
    return (struct masked_state){
        _mm_set_epi32((int)initial[0], (int)initial[1], (int)initial[2], (int)initial[3]),
        _mm_set_epi32((int)initial[4], 0, 0, 0)};
}

__attribute__((noinline, target(TARGET_MASKED))) static uint64_t
first60_of_many(const char *prefix, size_t prefix_length, const char *value, size_t value_length)
{
    const size_t length = prefix_length + value_length;
    const size_t blocks = (length + BLOCK - LENGTH_AT) / BLOCK + 1;
    struct masked_state s = masked_start();
    for (size_t at = 0; at < blocks * BLOCK; at += BLOCK) {
        /* Addresses as integers: where the mask is zero there may be no object. */
        const void *from_prefix = (const void *)((uintptr_t)prefix + at);
        const void *from_value = (const void *)((uintptr_t)value + at - prefix_length);
        __m512i m = _mm512_maskz_loadu_epi8(span(0, prefix_length, at), from_prefix);
        m = _mm512_mask_loadu_epi8(m, span(prefix_length, length, at), from_value);
        m = _mm512_mask_set1_epi8(m, span(length, length + 1, at), (char)0x80);
        if (at == (blocks - 1) * BLOCK) {
            const uint64_t bits = __builtin_bswap64((uint64_t)length * 8);
            m = _mm512_mask_set1_epi64(m, 0x80, (long long)bits);
        }
        add_block(&s.abcd, &s.e, m);
    }
    return (uint64_t)_mm_extract_epi64(s.abcd, 1) >> 4;
}

__attribute__((target(TARGET_MASKED))) static uint64_t
first60_masked(const char *prefix, size_t prefix_length, const char *value, size_t value_length)
{
    const size_t length = prefix_length + value_length;
    if (__builtin_expect(length >= LENGTH_AT, 0)) {
        return first60_of_many(prefix, prefix_length, value, value_length);
    }
    const uint64_t before = (UINT64_C(1) << prefix_length) - 1;
    const uint64_t whole = (UINT64_C(1) << length) - 1;
    const uint64_t bits = __builtin_bswap64((uint64_t)length * 8);
    struct masked_state s = masked_start();
    __m512i m = _mm512_maskz_loadu_epi8(before, prefix);
    m = _mm512_mask_loadu_epi8(m, whole ^ before, (const void *)((uintptr_t)value - prefix_length));
    m = _mm512_mask_set1_epi8(m, whole + 1, (char)0x80);
    m = _mm512_mask_set1_epi64(m, 0x80, (long long)bits);
    add_block(&s.abcd, &s.e, m);
    return (uint64_t)_mm_extract_epi64(s.abcd, 1) >> 4;
}
#endif

void sha1(const void *message, size_t length, uint8_t digest[20])
{
    struct stream s;
    start(&s);
    absorb(&s, message, length);
    finish(&s);
    for (unsigned i = 0; i < 5; i++) {
        const uint32_t word = __builtin_bswap32(s.state[i]);
        memcpy(digest + i * sizeof word, &word, sizeof word);
    }
}

/* ---- choice -------------------------------------------------------------------------------- */

/* Usable, if slow, even from a constructor that runs before choose(). */
void (*sha1_compress)(uint32_t state[5], const uint8_t block[BLOCK]) = compress_portable;
uint64_t (*sha1_first60)(const char *prefix, size_t prefix_length, const char *value,
                         size_t value_length) = first60_copying;
static struct sha1_variant variants[4] = {{"portable", compress_portable, first60_copying}};
static const struct sha1_variant *chosen = variants;

#if defined(ACCELERATED_NAME)
static struct sha1_variant *add_variant(const char *name, __typeof__(sha1_first60) first60_of)
{
    struct sha1_variant *v = variants;
    while (v->name) {
        v++;
    }
    *v = (struct sha1_variant){name, compress_accelerated, first60_of};
    return v;
}

__attribute__((constructor)) static void choose(void)
{
    if (!accelerated_supported()) {
        return;
    }
    chosen = add_variant(ACCELERATED_NAME, first60_copying);
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        chosen = add_variant(ACCELERATED_NAME ", avx512", first60_masked);
    }
#endif
    sha1_compress = chosen->compress;
    sha1_first60 = chosen->first60;
}
#endif

const char *sha1_implementation(void)
{
    return chosen->name;
}

const struct sha1_variant *sha1_variants(void)
{
    return variants;
}
