#include "ctl_compile.h"

#include <stdlib.h>
#include <time.h>

#include "compile/blob.h"
#include "compile/slots.h"
#include "hash.h"
#include "image.h"
#include "source/definitions.h"
#include "store.h"

#define MEMORY_GENERATION 1 /* of a store that nobody published */
#define MEMORY_EPOCH 1
#define MEMORY_SEED 0 /* what store_of_memory assumes */
#define MEMORY_EXTENT 1

static uint64_t realtime_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What is made of the items on the way to the image; arrays of capacity elements. */
struct work {
    struct slots *slots;
    size_t capacity; /* items, and one more for the key index */
    size_t count;    /* blobs made */
    struct blob *blobs;
    uint32_t *numbers; /* the blobs' slots */
    struct assemble_blob *placed;
    struct index_key *keys;
    uint32_t flag_count;
    struct image_slot *table;
    uint64_t digest[2];
};

static bool work_begin(struct work *w, size_t item_count)
{
    w->capacity = item_count + 1;
    w->slots = slots_new();
    w->blobs = calloc(w->capacity, sizeof *w->blobs);
    w->numbers = calloc(w->capacity, sizeof *w->numbers);
    w->placed = calloc(w->capacity, sizeof *w->placed);
    w->keys = calloc(w->capacity, sizeof *w->keys);
    return w->slots && w->blobs && w->numbers && w->placed && w->keys;
}

static void work_end(struct work *w)
{
    for (size_t i = 0; i < w->count; i++) {
        blob_free(&w->blobs[i]);
    }
    free(w->blobs);
    free(w->numbers);
    free(w->placed);
    free(w->keys);
    free(w->table);
    if (w->slots) {
        slots_free(w->slots);
    }
}

static int no_memory(struct fault *fault)
{
    fault_set(fault, "", "raise the process's memory limit", "out of memory");
    return -1;
}

static int compile_item(struct work *w, const struct model_item *item, struct fault *fault)
{
    const uint32_t slot = slots_take(w->slots, item->kind, item->key.text, item->key.length, 0);
    if (slot == IMAGE_NO_SLOT) {
        return no_memory(fault);
    }
    struct blob *const blob = &w->blobs[w->count];
    if (blob_compile(item, w->slots, MEMORY_SEED, 0, NULL, NULL, blob, fault) != 0) {
        return -1;
    }
    if (item->auto_version) {
        blob_set_version(blob, 1); /* as an agent that sees it for the first time */
    }
    if (item->kind == IMAGE_FLAG) {
        w->keys[w->flag_count++] =
            (struct index_key){hash_bytes(item->key.text, item->key.length), slot};
    }
    w->numbers[w->count] = slot;
    digest_add(w->digest, blob->digest);
    w->count++;
    return 0;
}

static int make_extent(struct work *w, struct assembled *extent, struct fault *fault)
{
    struct blob *const index = &w->blobs[w->count];
    if (blob_index(w->keys, w->flag_count, index, fault) != 0) {
        return -1;
    }
    w->count++;
    for (size_t i = 0; i < w->count; i++) {
        w->placed[i] = (struct assemble_blob){.bytes = w->blobs[i].bytes, .size = w->blobs[i].size};
    }
    if (assemble_extent(w->placed, w->count, MEMORY_EXTENT, MEMORY_EPOCH, extent) != 0) {
        fault_set(fault, "", "split the definitions", "larger than an extent may be, or no memory");
        return -1;
    }
    return 0;
}

static int make_head(struct work *w, const struct assembled *extent, struct assembled *head,
                     struct fault *fault)
{
    const uint32_t slot_count = slots_count(w->slots);
    w->table = calloc(slot_count ? slot_count : 1, sizeof *w->table);
    if (!w->table) {
        return no_memory(fault);
    }
    uint64_t live_bytes = 0;
    for (size_t i = 0; i + 1 < w->count; i++) {
        w->table[w->numbers[i]] = (struct image_slot){0, w->placed[i].offset};
        live_bytes += w->placed[i].size;
    }
    const struct assemble_blob *const index = &w->placed[w->count - 1];
    const struct image_extent *const header = (const void *)extent->bytes;
    const struct image_extent_ref ref = {MEMORY_EXTENT, extent->size, header->header_checksum,
                                         live_bytes + index->size};
    const struct assemble_head parts = {
        .generation = MEMORY_GENERATION,
        .store_epoch = MEMORY_EPOCH,
        .created_ms = realtime_ms(),
        .digest = {w->digest[0], w->digest[1]},
        .flag_count = w->flag_count,
        .segment_count = (uint32_t)(w->count - 1 - w->flag_count),
        .extents = &ref,
        .extent_count = 1,
        .slots = w->table,
        .slot_count = slot_count,
        .index = {0, index->offset},
    };
    return assemble_head(&parts, head) == 0 ? 0 : no_memory(fault);
}

static int compile_items(struct work *w, const struct definitions *definitions,
                         struct compiled *out, struct fault *fault)
{
    if (!work_begin(w, definitions->count)) {
        return no_memory(fault);
    }
    for (size_t i = 0; i < definitions->count; i++) {
        const struct model_item *const item = definitions->items[i];
        if (!item->deleted && compile_item(w, item, fault) != 0) {
            return -1;
        }
    }
    if (make_extent(w, &out->extent, fault) != 0 ||
        make_head(w, &out->extent, &out->head, fault) != 0) {
        return -1;
    }
    const void *const extents[] = {out->extent.bytes};
    const size_t sizes[] = {out->extent.size};
    const char *why = "";
    out->store = store_of_memory(out->head.bytes, out->head.size, extents, sizes, 1, &why);
    if (!out->store) {
        fault_set(fault, "", "report it, with the definitions", "the image is refused: %s", why);
        return -1;
    }
    return 0;
}

int compile_files(const char *const *files, size_t count, struct compiled *out, struct fault *fault)
{
    *out = (struct compiled){0};
    *fault = (struct fault){0};
    struct definitions definitions = {0};
    if (definitions_load(files, count, (int64_t)realtime_ms(), NULL, &definitions, fault) != 0) {
        return -1;
    }
    struct work work = {0};
    const int result = compile_items(&work, &definitions, out, fault);
    work_end(&work);
    definitions_free(&definitions);
    if (result != 0) {
        compile_free(out);
    }
    return result;
}

void compile_free(struct compiled *c)
{
    ffshm_close(c->store);
    assemble_free(&c->head);
    assemble_free(&c->extent);
    *c = (struct compiled){0};
}
