#include "backoff.h"

#include <sys/random.h>
#include <time.h>

static struct backoff_regime sound(struct backoff_regime regime)
{
    if (regime.ceiling_ms < regime.base_ms) {
        regime.ceiling_ms = regime.base_ms;
    }
    return regime;
}

void backoff_init(struct backoff *b, struct backoff_regime normal, struct backoff_regime extended)
{
    *b = (struct backoff){.normal = sound(normal), .extended = sound(extended)};
    if (getrandom(&b->random, sizeof b->random, GRND_NONBLOCK) != (ssize_t)sizeof b->random) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        b->random = (uint64_t)now.tv_nsec;
    }
}

/* splitmix64 */
static uint64_t next_random(struct backoff *b)
{
    uint64_t x = b->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int64_t backoff_failed(struct backoff *b, bool unexpected)
{
    if (unexpected && !b->is_extended) {
        b->is_extended = true;
        b->failures = 0; /* the delays begin anew, once */
    }
    const struct backoff_regime regime = b->is_extended ? b->extended : b->normal;
    int64_t delay = regime.base_ms;
    for (unsigned i = 0; i < b->failures && delay < regime.ceiling_ms; i++) {
        delay = delay > regime.ceiling_ms / 2 ? regime.ceiling_ms : delay * 2;
    }
    if (delay > regime.ceiling_ms) {
        delay = regime.ceiling_ms;
    }
    if (delay < regime.ceiling_ms) {
        b->failures++;
    }
    return delay - (int64_t)(next_random(b) % ((uint64_t)delay / 2 + 1));
}

void backoff_reset(struct backoff *b)
{
    b->is_extended = false;
    b->failures = 0;
}

void backoff_rebase(struct backoff *b, int64_t base_ms)
{
    /* 0 would never double. */
    b->normal.base_ms = base_ms < 1                      ? 1
                        : base_ms > b->normal.ceiling_ms ? b->normal.ceiling_ms
                                                         : base_ms;
    b->failures = 0;
}
