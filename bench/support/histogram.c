#include "histogram.h"

/* The largest value in a slot. */
static uint64_t top_of(unsigned slot)
{
    const unsigned shift = slot < 2 * HISTOGRAM_HALF ? 0 : slot / HISTOGRAM_HALF - 1;
    const uint64_t first = slot - (uint64_t)shift * HISTOGRAM_HALF;
    return ((first + 1) << shift) - 1;
}

uint64_t histogram_at(const struct histogram *h, double fraction)
{
    const double wanted = fraction * (double)h->total;
    uint64_t below = 0;
    for (unsigned slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
        below += h->counts[slot];
        if (below > 0 && (double)below >= wanted) {
            const uint64_t top = top_of(slot);
            return top < h->max ? top : h->max;
        }
    }
    return h->max;
}

uint64_t histogram_above(const struct histogram *h, uint64_t value)
{
    uint64_t above = 0;
    const unsigned last = histogram_slot(value < HISTOGRAM_MOST ? value : HISTOGRAM_MOST);
    for (unsigned slot = last + 1; slot < HISTOGRAM_SLOTS; slot++) {
        above += h->counts[slot];
    }
    return above;
}
