/*
 * Who owns which slot reference:
 *
 *   an item in use      one on its own slot, from the first put until its removal is published
 *   a published blob    one for each slot that it names (items[].references), until it is replaced
 *   a blob to be put    the same (struct blob), handed on to the item when it is published
 *   an open change      what it took out of use, until it is kept: a blob that was to be put, and
 *                       the slot of an item that was to come
 */
#include "live.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct live *live_new(void)
{
    struct live *const l = calloc(1, sizeof *l);
    if (!l) {
        return NULL;
    }
    l->slots = slots_new();
    if (!l->slots || live_reserve(l, 64) != 0) {
        live_free(l);
        return NULL;
    }
    return l;
}

static void unmap(const struct live_extent *e)
{
    munmap((void *)(uintptr_t)e->image, (size_t)e->ref.size);
}

static void free_put(struct live_item *item)
{
    if (item->put) {
        blob_free(item->put);
        free(item->put);
        item->put = NULL;
    }
}

void live_free(struct live *l)
{
    if (!l) {
        return;
    }
    for (size_t i = 0; i < l->undo_count; i++) {
        if (l->undo[i].put) {
            blob_free(l->undo[i].put);
            free(l->undo[i].put);
        }
    }
    free(l->undo);
    for (uint32_t i = 0; i < l->capacity; i++) {
        free(l->items[i].references);
        free_put(&l->items[i]);
    }
    for (uint32_t i = 0; i < l->now.extent_count; i++) {
        unmap(&l->now.extents[i]);
    }
    slots_free(l->slots);
    free(l->now.table);
    free(l->next.table);
    free(l->items);
    free(l->changed);
    free(l);
}

/* Arrays that have grown stay so when a later one cannot: capacity says what all of them have. */
static int grow(void *array_pointer, size_t element, uint32_t capacity)
{
    void *array;
    memcpy(&array, array_pointer, sizeof array);
    array = realloc(array, element * capacity);
    if (!array) {
        return -1;
    }
    memcpy(array_pointer, &array, sizeof array);
    return 0;
}

int live_reserve(struct live *l, uint32_t count)
{
    if (count <= l->capacity) {
        return 0;
    }
    uint32_t capacity = l->capacity ? l->capacity : 64;
    while (capacity < count) {
        capacity *= 2; /* count <= IMAGE_MAX_SLOTS */
    }
    if (grow(&l->items, sizeof *l->items, capacity) != 0 ||
        grow(&l->changed, sizeof *l->changed, capacity) != 0 ||
        grow(&l->now.table, sizeof *l->now.table, capacity) != 0 ||
        grow(&l->next.table, sizeof *l->next.table, capacity) != 0) {
        return -1;
    }
    memset(l->items + l->capacity, 0, (capacity - l->capacity) * sizeof *l->items);
    l->capacity = capacity;
    return 0;
}

const struct image_blob *live_published(const struct live *l, uint32_t slot)
{
    if (slot >= l->now.slot_count || l->now.table[slot].offset == 0) {
        return NULL;
    }
    const struct image_slot at = l->now.table[slot];
    const void *const blob = (const uint8_t *)l->now.extents[at.extent].image + at.offset;
    return blob;
}

const uint64_t *live_digest(const struct image_blob *b)
{
    const void *const blob = b;
    return b->kind == IMAGE_FLAG ? ((const struct image_flag *)blob)->digest
                                 : ((const struct image_segment *)blob)->digest;
}

const struct image_blob *live_coming(const struct live *l, uint32_t slot)
{
    switch (l->items[slot].pending) {
    case LIVE_PUT: {
        const void *const bytes = l->items[slot].put->bytes;
        return bytes;
    }
    case LIVE_REMOVE:
        return NULL;
    default:
        return live_published(l, slot);
    }
}

static void drop_references(struct live *l, const uint32_t *references, size_t count,
                            uint64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        slots_drop(l->slots, references[i], now_ms);
    }
}

static void discard(struct live *l, struct blob *blob, uint64_t now_ms)
{
    drop_references(l, blob->references, blob->reference_count, now_ms);
    blob_free(blob);
    *blob = (struct blob){0};
}

static void set_pending(struct live *l, uint32_t slot, enum live_pending pending)
{
    struct live_item *const item = &l->items[slot];
    l->pending_count += (uint32_t)(pending != LIVE_UNCHANGED);
    l->pending_count -= (uint32_t)(item->pending != LIVE_UNCHANGED);
    item->pending = (uint8_t)pending;
    if (pending != LIVE_UNCHANGED && !item->listed) {
        item->listed = true;
        l->changed[l->changed_count++] = slot;
    }
}

/* Forgets a blob that was to be put. */
static void cancel_put(struct live *l, uint32_t slot, uint64_t now_ms)
{
    struct live_item *const item = &l->items[slot];
    if (item->put) {
        discard(l, item->put, now_ms);
        free_put(item);
    }
}

/* The item is about to change: in an open change its state goes into the list, the blob with it. */
static void leave(struct live *l, uint32_t slot, uint64_t now_ms)
{
    struct live_item *const item = &l->items[slot];
    if (l->undo_count == l->undo_capacity) { /* no change is open: it has room for all its steps */
        cancel_put(l, slot, now_ms);
        return;
    }
    l->undo[l->undo_count++] = (struct live_undo){
        .put = item->put, .slot = slot, .kind = item->kind, .pending = item->pending};
    item->put = NULL;
}

/* The item's slot when it is in use, else IMAGE_NO_SLOT. */
static uint32_t find(const struct live *l, enum image_blob_kind kind, const char *key,
                     size_t length)
{
    const uint32_t slot = slots_find(l->slots, kind, key, length);
    return slot < l->capacity && l->items[slot].kind == kind ? slot : IMAGE_NO_SLOT;
}

/* A slot for an item that was not in use, with room for it. */
static uint32_t begin_use(struct live *l, enum image_blob_kind kind, const char *key, size_t length,
                          uint64_t now_ms)
{
    const uint32_t slot = slots_take(l->slots, kind, key, length, now_ms);
    if (slot == IMAGE_NO_SLOT) {
        return slot;
    }
    if (live_reserve(l, slot + 1) != 0) {
        slots_drop(l->slots, slot, now_ms);
        return IMAGE_NO_SLOT;
    }
    return slot;
}

static int64_t version_of(const struct blob *blob)
{
    return ((const struct image_blob *)(const void *)blob->bytes)->version;
}

/* Of the same content, and of the version that is stated: digests may leave that out. */
static bool same_item(const struct image_blob *b, const struct blob *new)
{
    return b && memcmp(live_digest(b), new->digest, sizeof new->digest) == 0 &&
           (version_of(new) <= 0 || version_of(new) == b->version);
}

bool live_put(struct live *l, enum image_blob_kind kind, const char *key, size_t length,
              bool auto_version, struct blob *blob, uint64_t now_ms)
{
    uint32_t slot = find(l, kind, key, length);
    const struct image_blob *const published =
        slot == IMAGE_NO_SLOT ? NULL : live_published(l, slot);
    if (slot != IMAGE_NO_SLOT && same_item(live_coming(l, slot), blob)) {
        discard(l, blob, now_ms);
        return false;
    }
    if (same_item(published, blob)) { /* back to what is published */
        leave(l, slot, now_ms);
        set_pending(l, slot, LIVE_UNCHANGED);
        discard(l, blob, now_ms);
        return true;
    }
    struct blob *const put = malloc(sizeof *put);
    if (!put) {
        return false;
    }
    if (slot == IMAGE_NO_SLOT) {
        slot = begin_use(l, kind, key, length, now_ms);
        if (slot == IMAGE_NO_SLOT) {
            free(put);
            return false;
        }
    }
    if (auto_version && version_of(blob) <= 0) {
        const int64_t last = published ? published->version : 0;
        blob_set_version(blob, last < INT64_MAX ? last + 1 : last);
    }
    leave(l, slot, now_ms);
    const void *const bytes = blob->bytes;
    l->items[slot].kind = (uint8_t)kind;
    l->items[slot].key_hash = ((const struct image_blob *)bytes)->key_hash;
    *put = *blob;
    l->items[slot].put = put;
    set_pending(l, slot, LIVE_PUT);
    *blob = (struct blob){0};
    return true;
}

bool live_remove(struct live *l, enum image_blob_kind kind, const char *key, size_t length,
                 uint64_t now_ms)
{
    const uint32_t slot = find(l, kind, key, length);
    if (slot == IMAGE_NO_SLOT || l->items[slot].pending == LIVE_REMOVE) {
        return false;
    }
    const bool recorded = l->undo_count < l->undo_capacity;
    leave(l, slot, now_ms);
    if (live_published(l, slot)) {
        set_pending(l, slot, LIVE_REMOVE);
    } else {
        set_pending(l, slot, LIVE_UNCHANGED);
        l->items[slot].kind = 0;
        if (recorded) {
            l->undo[l->undo_count - 1].slot_left = true;
        } else {
            slots_drop(l->slots, slot, now_ms);
        }
    }
    return true;
}

/* ---- a change that can be taken back ---- */

int live_change(struct live *l, size_t steps)
{
    const size_t capacity = l->undo_count + steps;
    if (capacity > l->undo_capacity) {
        struct live_undo *const undo = realloc(l->undo, capacity * sizeof *undo);
        if (!undo) {
            return -1;
        }
        l->undo = undo;
        l->undo_capacity = capacity;
    }
    return 0;
}

static void end_change(struct live *l)
{
    free(l->undo);
    l->undo = NULL;
    l->undo_count = 0;
    l->undo_capacity = 0;
}

void live_change_keep(struct live *l, uint64_t now_ms)
{
    for (size_t i = 0; i < l->undo_count; i++) {
        struct live_undo *const u = &l->undo[i];
        if (u->put) {
            discard(l, u->put, now_ms);
            free(u->put);
        }
        if (u->slot_left) {
            slots_drop(l->slots, u->slot, now_ms);
        }
    }
    end_change(l);
}

void live_change_undo(struct live *l, uint64_t now_ms)
{
    for (size_t i = l->undo_count; i-- > 0;) {
        const struct live_undo *const u = &l->undo[i];
        struct live_item *const item = &l->items[u->slot];
        cancel_put(l, u->slot, now_ms);
        item->put = u->put;
        set_pending(l, u->slot, u->pending);
        if (u->kind == 0) { /* it came into use in this step */
            slots_drop(l->slots, u->slot, now_ms);
        }
        item->kind = u->kind;
    }
    end_change(l);
}

static void commit_item(struct live *l, uint32_t slot, uint64_t now_ms)
{
    struct live_item *const item = &l->items[slot];
    const uint8_t pending = item->pending;
    item->listed = false;
    item->pending = LIVE_UNCHANGED;
    if (pending == LIVE_UNCHANGED) {
        return;
    }
    drop_references(l, item->references, item->reference_count, now_ms);
    free(item->references);
    item->references = NULL;
    item->reference_count = 0;
    if (pending == LIVE_PUT) {
        item->references = item->put->references;
        item->reference_count = item->put->reference_count;
        item->put->references = NULL;
        item->put->reference_count = 0;
        free_put(item);
    } else {
        item->kind = 0;
        slots_drop(l->slots, slot, now_ms);
    }
}

void live_commit(struct live *l, bool with_changes, uint64_t now_ms)
{
    for (uint32_t i = 0; i < l->now.extent_count; i++) {
        bool stays = false;
        for (uint32_t j = 0; j < l->next.extent_count && !stays; j++) {
            stays = l->next.extents[j].ref.id == l->now.extents[i].ref.id;
        }
        if (!stays) {
            unmap(&l->now.extents[i]);
        }
    }
    struct image_slot *const scratch = l->now.table;
    l->now = l->next;
    l->next.table = scratch;
    if (with_changes) {
        for (uint32_t i = 0; i < l->changed_count; i++) {
            commit_item(l, l->changed[i], now_ms);
        }
        l->changed_count = 0;
        l->pending_count = 0;
    }
}
