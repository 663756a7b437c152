#include "checksum.h"

#include "hash.h"

static uint64_t baseline(const void *bytes, size_t length)
{
    return hash_bytes(bytes, length);
}

uint64_t (*checksum_bytes)(const void *bytes, size_t length) = baseline;

#if defined(__x86_64__)
uint64_t checksum_avx2(const void *bytes, size_t length); /* checksum_avx2.c */

__attribute__((constructor)) static void choose(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) {
        checksum_bytes = checksum_avx2;
    }
}
#endif
