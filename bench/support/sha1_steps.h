/*
 * sha1_steps.h - the shortest that a block of SHA-1 can take: the machine's instruction for four of
 * the 80 rounds, twenty times, each with what the one before gave.
 *
 * Whatever a program does beside that (putting the block together, the words of the later rounds)
 * can run at the same time; the twenty cannot. So this is nobody's SHA-1, neither ours nor
 * OpenSSL's, but a bound for all of them. Without such an instruction there is no bound that
 * simple, and none is given: sha1_steps_supported() is false.
 */
#ifndef FFSHM_BENCH_SHA1_STEPS_H
#define FFSHM_BENCH_SHA1_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#define SHA1_STEPS_FOUR(x) x x x x
#define SHA1_STEPS_TWENTY(x) SHA1_STEPS_FOUR(x x x x x)

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define SHA1_STEPS_TARGET __attribute__((target("sha,sse4.1")))

static inline bool sha1_steps_supported(void)
{
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

SHA1_STEPS_TARGET static inline uint64_t sha1_steps(uint64_t state, unsigned blocks)
{
    const __m128i words = _mm_set_epi64x(0x0123456789abcdef, 0x7edcba9876543210);
    __m128i abcd = _mm_set1_epi64x((long long)state);
    for (unsigned i = 0; i < blocks; i++) {
        SHA1_STEPS_TWENTY(abcd = _mm_sha1rnds4_epu32(abcd, words, 1);)
    }
    return (uint64_t)_mm_cvtsi128_si64(abcd);
}

#elif defined(__aarch64__) &&                                                                      \
    (defined(__ARM_FEATURE_SHA2) || !defined(__clang__) || __clang_major__ >= 16)
#include <arm_neon.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

#if defined(__clang__)
#define SHA1_STEPS_TARGET __attribute__((target("sha2")))
#else
#define SHA1_STEPS_TARGET __attribute__((target("+crypto")))
#endif

static inline bool sha1_steps_supported(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_SHA1) != 0;
}

SHA1_STEPS_TARGET static inline uint64_t sha1_steps(uint64_t state, unsigned blocks)
{
    const uint32x4_t words = vdupq_n_u32(0x89abcdef);
    uint32x4_t abcd = vreinterpretq_u32_u64(vdupq_n_u64(state));
    for (unsigned i = 0; i < blocks; i++) {
        SHA1_STEPS_TWENTY(abcd = vsha1pq_u32(abcd, 1, words);)
    }
    return vgetq_lane_u64(vreinterpretq_u64_u32(abcd), 0);
}

#else
#define SHA1_STEPS_TARGET

static inline bool sha1_steps_supported(void)
{
    return false;
}

static inline uint64_t sha1_steps(uint64_t state, unsigned blocks)
{
    return state + blocks;
}
#endif

#endif
