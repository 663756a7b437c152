/* checksum_avx2.c - XXH3-64 compiled for AVX2 (-mavx2, lib/CMakeLists.txt); called only where
 * checksum.c found it. */
#if defined(__AVX2__)

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t checksum_avx2(const void *bytes, size_t length);

uint64_t checksum_avx2(const void *bytes, size_t length)
{
    return XXH3_64bits(bytes, length);
}

#else
typedef int checksum_avx2_is_not_for_this_machine;
#endif
