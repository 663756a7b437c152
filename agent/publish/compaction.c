/*
 * Geometric merging, like carrying in a binary counter: an extent is rewritten only together with
 * about as many bytes as it has itself, so that a byte is moved about log2(live bytes / bytes of
 * one change) times before it comes to rest. Rewriting everything at each compaction would move all
 * bytes every 16 changes.
 */
#include "compaction.h"

/* Live bytes of a merged extent: room for its bitmap. */
#define LARGEST ((uint64_t)IMAGE_MAX_FILE / 16 * 15)

static bool mostly_garbage(const struct live_extent *e)
{
    return e->ref.live_bytes < e->ref.size / 2;
}

/* Extents by size, smallest first; those that are gone already are left out. */
static uint32_t by_size(const struct live_state *s, uint8_t order[IMAGE_MAX_EXTENTS])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->extent_count; i++) {
        if (s->extents[i].live_blobs == 0) {
            continue;
        }
        uint32_t at = n++;
        while (at > 0 && s->extents[order[at - 1]].ref.size > s->extents[i].ref.size) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = (uint8_t)i;
    }
    return n;
}

uint64_t compaction_choose(const struct live_state *s)
{
    uint8_t order[IMAGE_MAX_EXTENTS];
    const uint32_t n = by_size(s, order);
    uint64_t mask = 0;
    uint64_t bytes = 0;
    uint32_t chosen = 0;
    bool garbage = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct live_extent *const e = &s->extents[order[i]];
        if (mostly_garbage(e) && bytes + e->ref.live_bytes <= LARGEST) {
            mask |= UINT64_C(1) << order[i];
            bytes += e->ref.live_bytes;
            chosen++;
            garbage = true;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct live_extent *const e = &s->extents[order[i]];
        if ((mask >> order[i]) & 1) {
            continue;
        }
        const bool too_many = n - chosen + (chosen != 0) > COMPACTION_TARGET;
        if (!too_many && (chosen == 0 || bytes < e->ref.size / 2)) {
            break;
        }
        if (bytes + e->ref.live_bytes > LARGEST) {
            break;
        }
        mask |= UINT64_C(1) << order[i];
        bytes += e->ref.live_bytes;
        chosen++;
    }
    return chosen >= 2 || garbage ? mask : 0;
}

bool compaction_wanted(const struct live_state *s)
{
    uint64_t live = 0;
    uint64_t all = 0;
    for (uint32_t i = 0; i < s->extent_count; i++) {
        live += s->extents[i].ref.live_bytes;
        all += s->extents[i].ref.size;
    }
    const uint64_t garbage = all - live;
    return (s->extent_count > COMPACTION_EXTENTS ||
            (garbage > all / 2 && garbage > COMPACTION_GARBAGE)) &&
           compaction_choose(s) != 0;
}
