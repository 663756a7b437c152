/*
 * The cost of a draft: one copy of the slot table, and what changed. Everything else is looked at
 * only when it has to be: all slots for a new key index (flags come or go), for moved blobs (a
 * merge), and when an extent goes without another taking its number.
 */
#include "draft.h"

#include <stdlib.h>
#include <string.h>

static int add(struct draft *d, const void *bytes, uint32_t size, uint32_t slot)
{
    if (d->count == d->capacity) {
        const size_t capacity = d->capacity ? d->capacity * 2 : 16;
        struct assemble_blob *const blobs = realloc(d->blobs, capacity * sizeof *blobs);
        if (!blobs) {
            return -1;
        }
        d->blobs = blobs;
        uint32_t *const slots = realloc(d->slots, capacity * sizeof *slots);
        if (!slots) {
            return -1;
        }
        d->slots = slots;
        d->capacity = capacity;
    }
    d->blobs[d->count] = (struct assemble_blob){bytes, size, 0};
    d->slots[d->count++] = slot;
    return 0;
}

static const struct image_blob *blob_at(const struct live_state *s, struct image_slot at)
{
    const void *const blob = (const uint8_t *)s->extents[at.extent].image + at.offset;
    return blob;
}

/* The blob is no longer needed where it is. */
static void take_out(struct live_state *s, struct image_slot *at)
{
    struct live_extent *const e = &s->extents[at->extent];
    e->ref.live_bytes -= blob_at(s, *at)->size;
    e->live_blobs--;
    *at = (struct image_slot){0, 0};
}

static void count(struct live_state *s, uint8_t kind, uint32_t change)
{
    if (kind == IMAGE_FLAG) {
        s->flag_count += change;
    } else {
        s->segment_count += change;
    }
}

/* *index: a flag comes or goes. */
static int apply(struct draft *d, uint32_t slot, bool *index)
{
    struct live *const l = d->live;
    struct live_state *const s = &l->next;
    const struct live_item *const item = &l->items[slot];
    if (item->pending == LIVE_UNCHANGED) {
        return 0;
    }
    const bool was = s->table[slot].offset != 0;
    const bool is = item->pending == LIVE_PUT;
    if (was) {
        digest_sub(s->digest, live_digest(blob_at(s, s->table[slot])));
        take_out(s, &s->table[slot]);
        count(s, item->kind, UINT32_MAX);
    }
    if (is) {
        digest_add(s->digest, item->put->digest);
        count(s, item->kind, 1);
    }
    *index |= was != is && item->kind == IMAGE_FLAG;
    return is ? add(d, item->put->bytes, item->put->size, slot) : 0;
}

static int write_index(struct draft *d, bool with_changes, struct fault *fault)
{
    struct live *const l = d->live;
    struct live_state *const s = &l->next;
    struct index_key *const keys = malloc(((size_t)s->flag_count + 1) * sizeof *keys);
    if (!keys) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        return -1;
    }
    size_t n = 0;
    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        const struct live_item *const item = &l->items[slot];
        if (item->kind == IMAGE_FLAG &&
            (s->table[slot].offset != 0 || (with_changes && item->pending == LIVE_PUT))) {
            keys[n++] = (struct index_key){item->key_hash, slot};
        }
    }
    const int result = blob_index(keys, n, &d->index, fault);
    free(keys);
    if (result != 0) {
        return -1;
    }
    if (s->index.offset != 0) {
        take_out(s, &s->index);
    }
    if (add(d, d->index.bytes, d->index.size, IMAGE_NO_SLOT) != 0) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        return -1;
    }
    return 0;
}

int draft_begin(struct draft *d, struct live *live, bool with_changes, struct fault *fault)
{
    *d = (struct draft){.live = live};
    uint32_t slot_count = slots_count(live->slots);
    if (slot_count < live->now.slot_count) {
        slot_count = live->now.slot_count;
    }
    bool index = live->now.index.offset == 0;
    int result = live_reserve(live, slot_count);
    if (result == 0) {
        struct live_state *const next = &live->next;
        struct image_slot *const table = next->table;
        *next = live->now;
        next->table = table;
        memcpy(table, live->now.table, live->now.slot_count * sizeof *table);
        memset(table + live->now.slot_count, 0,
               (slot_count - live->now.slot_count) * sizeof *table);
        next->slot_count = slot_count;
    }
    for (uint32_t i = 0; with_changes && result == 0 && i < live->changed_count; i++) {
        result = apply(d, live->changed[i], &index);
    }
    if (result != 0) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        return -1;
    }
    return index ? write_index(d, with_changes, fault) : 0;
}

uint32_t draft_extents(const struct draft *d)
{
    const struct live_state *const s = &d->live->next;
    uint32_t n = d->count != 0;
    for (uint32_t i = 0; i < s->extent_count; i++) {
        n += s->extents[i].live_blobs != 0;
    }
    return n;
}

int draft_merge(struct draft *d, uint64_t mask)
{
    struct live_state *const s = &d->live->next;
    for (uint32_t slot = 0; mask != 0 && slot < s->slot_count; slot++) {
        struct image_slot *const at = &s->table[slot];
        if (at->offset != 0 && ((mask >> at->extent) & 1) != 0) {
            const struct image_blob *const b = blob_at(s, *at);
            if (add(d, b, b->size, slot) != 0) {
                return -1;
            }
            take_out(s, at);
        }
    }
    if (s->index.offset != 0 && ((mask >> s->index.extent) & 1) != 0) {
        const struct image_blob *const b = blob_at(s, s->index);
        if (add(d, b, b->size, IMAGE_NO_SLOT) != 0) {
            return -1;
        }
        take_out(s, &s->index);
    }
    return 0;
}

int draft_place(struct draft *d, const struct image_extent *image)
{
    struct live_state *const s = &d->live->next;
    /* The number of an extent that goes is the cheapest one: no slot has to be renumbered. */
    uint32_t n = 0;
    while (n < s->extent_count && s->extents[n].live_blobs != 0) {
        n++;
    }
    if (n == IMAGE_MAX_EXTENTS) {
        return -1;
    }
    if (n == s->extent_count) {
        s->extent_count++;
    }
    struct live_extent *const e = &s->extents[n];
    *e = (struct live_extent){
        .ref = {.id = image->id, .size = image->file_size, .checksum = image->header_checksum},
        .image = image,
        .live_blobs = (uint32_t)d->count};
    for (size_t i = 0; i < d->count; i++) {
        const struct image_slot at = {n, d->blobs[i].offset};
        if (d->slots[i] == IMAGE_NO_SLOT) {
            s->index = at;
        } else {
            s->table[d->slots[i]] = at;
        }
        e->ref.live_bytes += d->blobs[i].size;
    }
    return 0;
}

void draft_drop_dead(struct draft *d)
{
    struct live_state *const s = &d->live->next;
    uint32_t number[IMAGE_MAX_EXTENTS];
    uint32_t kept = 0;
    bool moved = false;
    for (uint32_t i = 0; i < s->extent_count; i++) {
        number[i] = kept;
        if (s->extents[i].live_blobs != 0) {
            moved |= kept != i;
            s->extents[kept++] = s->extents[i];
        }
    }
    s->extent_count = kept;
    if (!moved) {
        return;
    }
    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        if (s->table[slot].offset != 0) {
            s->table[slot].extent = number[s->table[slot].extent];
        }
    }
    s->index.extent = number[s->index.extent];
}

int draft_head(const struct draft *d, uint64_t generation, uint64_t store_epoch,
               uint64_t created_ms, struct assembled *out)
{
    const struct live_state *const s = &d->live->next;
    struct image_extent_ref refs[IMAGE_MAX_EXTENTS];
    for (uint32_t i = 0; i < s->extent_count; i++) {
        refs[i] = s->extents[i].ref;
    }
    const struct assemble_head head = {
        .generation = generation,
        .store_epoch = store_epoch,
        .created_ms = created_ms,
        .digest = {s->digest[0], s->digest[1]},
        .flag_count = s->flag_count,
        .segment_count = s->segment_count,
        .extents = refs,
        .extent_count = s->extent_count,
        .slots = s->table,
        .slot_count = s->slot_count,
        .index = s->index,
    };
    return assemble_head(&head, out);
}

void draft_free(struct draft *d)
{
    free(d->blobs);
    free(d->slots);
    blob_free(&d->index);
    *d = (struct draft){0};
}
