#include "adopt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_verify.h"

struct adoption {
    struct live *live;
    const struct store_dir *dir;
    uint64_t store_epoch;
    uint64_t now_ms;
    struct fault *fault;
};

/* The results of everything here: 0; 1, refused; -1, could not be tried. */

static int refuse(struct adoption *a, const char *why)
{
    fault_set(a->fault, "", "nothing to do: everything is published anew",
              "the last snapshot cannot be taken over: %s", why);
    return 1;
}

/* A file that cannot be mapped: which of head and extent it is, and what is wrong with it. */
static int refuse_file(struct adoption *a, const char *what, const char *name)
{
    char state[64];
    char why[96];
    store_file_why(a->dir, name, state, sizeof state);
    snprintf(why, sizeof why, "%s %s", what, state);
    return refuse(a, why);
}

static int no_memory(struct adoption *a)
{
    store_fault(a->fault, a->dir, NULL, "cannot take the last snapshot over", ENOMEM);
    return -1;
}

static const struct image_clause *clauses_at(const void *blob, uint32_t offset)
{
    const void *const at = (const uint8_t *)blob + offset;
    return at;
}

/* ---- the slots that a blob names ---- */

static int take_name(struct adoption *a, struct live_item *item, size_t *capacity, uint32_t slot,
                     enum image_blob_kind kind, const char *key, size_t length)
{
    struct live *const l = a->live;
    const uint32_t found = slots_find(l->slots, kind, key, length);
    if (slot >= l->now.slot_count || (found != IMAGE_NO_SLOT && found != slot)) {
        return refuse(a, "a blob refers to another slot than its name has");
    }
    if (item->reference_count == *capacity) {
        const size_t more = *capacity ? *capacity * 2 : 4;
        uint32_t *const references = realloc(item->references, more * sizeof *references);
        if (!references) {
            return no_memory(a);
        }
        item->references = references;
        *capacity = more;
    }
    if ((found == IMAGE_NO_SLOT && slots_adopt(l->slots, slot, kind, key, length) != 0) ||
        slots_take(l->slots, kind, key, length, a->now_ms) != slot) {
        return refuse(a, "a slot that a blob refers to is another name's");
    }
    item->references[item->reference_count++] = slot;
    return 0;
}

static int take_segments(struct adoption *a, struct live_item *item, size_t *capacity,
                         const void *blob, uint32_t offset, uint32_t count)
{
    const struct image_clause *const clauses = clauses_at(blob, offset);
    for (uint32_t i = 0; i < count; i++) {
        if (clauses[i].op != IMAGE_OP_SEGMENT_MATCH) {
            continue;
        }
        const void *const at = (const uint8_t *)blob + clauses[i].values_offset;
        const struct image_value *const values = at;
        for (uint32_t j = 0; j < clauses[i].value_count; j++) {
            const char *const key = (const char *)blob + values[j].offset;
            const int result =
                take_name(a, item, capacity, values[j].length, IMAGE_SEGMENT, key, strlen(key));
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

static int take_of_flag(struct adoption *a, struct live_item *item, const void *blob)
{
    const struct image_flag *const f = blob;
    const uint8_t *const base = blob;
    size_t capacity = 0;
    const void *const prerequisites_at = base + f->prerequisites_offset;
    const struct image_prerequisite *const prerequisites = prerequisites_at;
    for (uint32_t i = 0; i < f->prerequisite_count; i++) {
        const int result = take_name(a, item, &capacity, prerequisites[i].slot, IMAGE_FLAG,
                                     (const char *)base + prerequisites[i].key.offset,
                                     prerequisites[i].key.length);
        if (result != 0) {
            return result;
        }
    }
    const void *const rules_at = base + f->rules_offset;
    const struct image_rule *const rules = rules_at;
    for (uint32_t i = 0; i < f->rule_count; i++) {
        const int result =
            take_segments(a, item, &capacity, blob, rules[i].clauses_offset, rules[i].clause_count);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int take_of_segment(struct adoption *a, struct live_item *item, const void *blob)
{
    const struct image_segment *const s = blob;
    size_t capacity = 0;
    const void *const rules_at = (const uint8_t *)blob + s->rules_offset;
    const struct image_segment_rule *const rules = rules_at;
    for (uint32_t i = 0; i < s->rule_count; i++) {
        const int result =
            take_segments(a, item, &capacity, blob, rules[i].clauses_offset, rules[i].clause_count);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* ---- the files ---- */

static int map_extents(struct adoption *a, const struct image_head *h,
                       const struct image_extent *images[IMAGE_MAX_EXTENTS])
{
    struct live_state *const now = &a->live->now;
    const void *const at = (const uint8_t *)h + h->extents_offset;
    const struct image_extent_ref *const refs = at;
    for (uint32_t i = 0; i < h->extent_count; i++) {
        char name[STORE_NAME];
        struct store_file file;
        store_name(name, STORE_EXTENT, refs[i].id);
        const int mapped = store_file_map(a->dir, name, &file, a->fault);
        if (mapped != 0) {
            return mapped < 0 ? -1 : refuse_file(a, "an extent", name);
        }
        const char *why = "an extent has another size";
        if (file.size != refs[i].size || image_verify_extent(file.bytes, file.size, &why) != 0) {
            store_file_close(&file);
            return refuse(a, why);
        }
        const void *const bytes = file.bytes;
        images[i] = bytes;
        now->extents[now->extent_count++] = (struct live_extent){
            .ref = {.id = refs[i].id, .size = refs[i].size, .checksum = refs[i].checksum},
            .image = images[i]};
    }
    return 0;
}

/* Items and slots, the digest and what is live in each extent. */
static int adopt_items(struct adoption *a, const struct image_head *h)
{
    struct live *const l = a->live;
    struct live_state *const now = &l->now;
    for (uint32_t slot = 0; slot < now->slot_count; slot++) {
        const struct image_blob *const b = live_published(l, slot);
        if (!b) {
            now->table[slot] = (struct image_slot){0, 0};
            continue;
        }
        const char *const key = (const char *)b + b->key.offset;
        if (b->kind == IMAGE_INDEX ||
            slots_adopt(l->slots, slot, (enum image_blob_kind)b->kind, key, b->key.length) != 0 ||
            slots_take(l->slots, (enum image_blob_kind)b->kind, key, b->key.length, a->now_ms) !=
                slot) {
            return refuse(a, "a slot cannot be taken over");
        }
        l->items[slot].kind = (uint8_t)b->kind;
        l->items[slot].key_hash = b->key_hash;
        struct live_extent *const e = &now->extents[now->table[slot].extent];
        e->live_blobs++;
        e->ref.live_bytes += b->size;
        digest_add(now->digest, live_digest(b));
        if (b->kind == IMAGE_FLAG) {
            now->flag_count++;
        } else {
            now->segment_count++;
        }
    }
    if (memcmp(now->digest, h->digest, sizeof now->digest) != 0 ||
        now->flag_count != h->flag_count) {
        return refuse(a, "the digest is not that of the content");
    }
    return 0;
}

static int adopt_references(struct adoption *a)
{
    struct live *const l = a->live;
    for (uint32_t slot = 0; slot < l->now.slot_count; slot++) {
        const struct image_blob *const b = live_published(l, slot);
        const int result = !b                      ? 0
                           : b->kind == IMAGE_FLAG ? take_of_flag(a, &l->items[slot], b)
                                                   : take_of_segment(a, &l->items[slot], b);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

static int adopt_head(struct adoption *a, const struct store_file *file, uint64_t generation)
{
    struct live *const l = a->live;
    const void *const bytes = file->bytes;
    const struct image_head *const h = bytes;
    const struct image_extent *images[IMAGE_MAX_EXTENTS];
    const char *why = NULL;
    if (image_verify_head_header(bytes, file->size, &why) != 0) {
        return refuse(a, why);
    }
    if (h->generation != generation || h->store_epoch != a->store_epoch) {
        return refuse(a, "the head is another store's");
    }
    int result = map_extents(a, h, images);
    if (result != 0) {
        return result;
    }
    if (image_verify_head(bytes, file->size, images, &why) != 0) {
        return refuse(a, why);
    }
    if (live_reserve(l, h->slot_count) != 0) {
        return no_memory(a);
    }
    memcpy(l->now.table, file->bytes + h->slots_offset, h->slot_count * sizeof *l->now.table);
    l->now.slot_count = h->slot_count;
    l->now.index = (struct image_slot){h->index_extent, h->index_offset};
    struct live_extent *const e = &l->now.extents[h->index_extent];
    const void *const index = (const uint8_t *)e->image + h->index_offset;
    e->live_blobs++;
    e->ref.live_bytes += ((const struct image_blob *)index)->size;
    result = adopt_items(a, h);
    if (result == 0) {
        result = adopt_references(a);
    }
    if (result == 0) {
        slots_release_unused(l->slots, a->now_ms);
    }
    return result;
}

int adopt_snapshot(struct live *l, const struct store_dir *dir, uint64_t store_epoch,
                   uint64_t generation, uint64_t now_ms, struct fault *fault)
{
    struct adoption a = {l, dir, store_epoch, now_ms, fault};
    char name[STORE_NAME];
    struct store_file file;
    store_name(name, STORE_HEAD, generation);
    const int mapped = store_file_map(dir, name, &file, fault);
    int result = mapped;
    if (mapped == 0) {
        result = adopt_head(&a, &file, generation);
        store_file_close(&file);
    } else if (mapped > 0) {
        result = refuse_file(&a, "its head", name);
    }
    if (result > 0) {
        snprintf(fault->file, sizeof fault->file, "%s/%s", dir->path, name);
    }
    return result;
}
