/* text.c - see text.h. */
#include "text.h"

#include <stdlib.h>

#if defined(__SSE2__) && !defined(TEXT_SANITIZED)
uint32_t text_short_starts = 4096 - TEXT_SHORT;

/* Its core is loaded into every program that it runs. */
__attribute__((constructor)) static void look_for_memcheck(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    if (preloaded && strstr(preloaded, "vgpreload_memcheck")) {
        text_short_starts = 0;
    }
}
#endif
