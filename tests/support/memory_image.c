#include "memory_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/blob.h"
#include "evaluate.h"
#include "explain.h"
#include "hash.h"
#include "source/definitions.h"
#include "store.h"

/* On the way to the image; arrays of one more than there are items, for the key index. */
struct work {
    struct slots *slots;
    size_t count; /* blobs made */
    struct blob *blobs;
    uint32_t *numbers; /* the blobs' slots */
    struct assemble_blob *placed;
    struct index_key *keys;
    uint32_t flag_count;
    struct image_slot *table;
};

static void *checked(void *memory)
{
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        abort();
    }
    return memory;
}

static void work_begin(struct work *w, size_t count)
{
    w->slots = checked(slots_new());
    w->blobs = checked(calloc(count + 1, sizeof(*w->blobs)));
    w->numbers = checked(calloc(count + 1, sizeof(*w->numbers)));
    w->placed = checked(calloc(count + 1, sizeof(*w->placed)));
    w->keys = checked(calloc(count + 1, sizeof(*w->keys)));
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
    slots_free(w->slots);
}

static bool compile_all(struct work *w, struct model_item *const *items, size_t count,
                        struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        const struct model_item *item = items[i];
        if (item->deleted) {
            continue;
        }
        uint32_t slot = slots_take(w->slots, item->kind, item->key.text, item->key.length, 0);
        if (blob_compile(item, w->slots, 0, 0, NULL, NULL, &w->blobs[w->count], fault) != 0) {
            return false;
        }
        if (item->kind == IMAGE_FLAG) {
            w->keys[w->flag_count++] =
                (struct index_key){hash_bytes(item->key.text, item->key.length), slot};
        }
        w->numbers[w->count++] = slot;
    }
    return blob_index(w->keys, w->flag_count, &w->blobs[w->count++], fault) == 0;
}

static bool assemble(struct work *w, struct memory_image *out)
{
    size_t last = w->count - 1;
    for (size_t i = 0; i < w->count; i++) {
        w->placed[i] = (struct assemble_blob){.bytes = w->blobs[i].bytes, .size = w->blobs[i].size};
    }
    if (assemble_extent(w->placed, w->count, 1, 1, &out->extent) != 0) {
        return false;
    }
    uint32_t slot_count = slots_count(w->slots);
    w->table = checked(calloc(slot_count + 1, sizeof(*w->table)));
    for (size_t i = 0; i < last; i++) {
        w->table[w->numbers[i]] = (struct image_slot){0, w->placed[i].offset};
    }
    const struct image_extent *header = (const void *)out->extent.bytes;
    const struct image_extent_ref ref = {1, out->extent.size, header->header_checksum, 0};
    const struct assemble_head head = {
        .generation = 1,
        .store_epoch = 1,
        .created_ms = 1,
        .flag_count = w->flag_count,
        .segment_count = (uint32_t)last - w->flag_count,
        .extents = &ref,
        .extent_count = 1,
        .slots = w->table,
        .slot_count = slot_count,
        .index = {0, w->placed[last].offset},
    };
    return assemble_head(&head, &out->head) == 0;
}

bool memory_image_make(struct model_item *const *items, size_t count, struct memory_image *out,
                       struct fault *fault)
{
    struct work work = {0};
    *out = (struct memory_image){0};
    work_begin(&work, count);
    bool made = compile_all(&work, items, count, fault);
    if (made && !assemble(&work, out)) {
        fault_set(fault, "", "", "cannot be assembled");
        made = false;
    }
    work_end(&work);
    if (!made) {
        memory_image_free(out);
        return false;
    }
    const char *why = "";
    out->store = store_of_memory(out->head.bytes, out->head.size,
                                 (const void *[]){out->extent.bytes}, &out->extent.size, 1, &why);
    if (!out->store) {
        fprintf(stderr, "the verifier refuses what the compiler made: %s\n", why);
        abort();
    }
    return true;
}

void memory_image_load(const char *path, struct memory_image *out)
{
    struct definitions definitions;
    struct fault fault;
    if (definitions_load(&path, 1, 0, NULL, &definitions, &fault) != 0 ||
        !memory_image_make(definitions.items, definitions.count, out, &fault)) {
        char text[2048];
        fault_text(&fault, text, sizeof(text));
        fprintf(stderr, "%s\n", text);
        exit(1);
    }
    definitions_free(&definitions);
}

void memory_image_free(struct memory_image *image)
{
    ffshm_close(image->store);
    assemble_free(&image->head);
    assemble_free(&image->extent);
    *image = (struct memory_image){0};
}

/* ---- evaluating ---- */

struct round {
    const struct ffshm_view *view;
    const struct ffshm_context *contexts;
    size_t count;
    uint64_t digest;
};

static uint64_t text_digest(const char *text)
{
    return text ? hash_bytes(text, strlen(text)) : 1;
}

static volatile size_t sink; /* what was looked at only to see that it can be */

/* The strings of a step end where they say. */
static void touch_step(struct narrator *self, const struct explain_step *step)
{
    (void)self;
    sink = step->note ? strlen(step->note) : 0;
    if (step->hash_input_length > 0) {
        sink = (size_t)hash_bytes(step->hash_input, step->hash_input_length);
    }
}

/* The narrated evaluator does what the plain one does. */
static void narrate(const struct ffshm_view *view, const char *key, const struct ffshm_context *c,
                    const struct ffshm_result *plain)
{
    const struct snapshot *snapshot = view->snapshot;
    const size_t length = strlen(key);
    const struct snapshot_blob flag = snapshot_find(snapshot, key, length, hash_bytes(key, length));
    if (!flag.blob || c->error != FFSHM_OK) {
        return;
    }
    struct evaluation told;
    struct narrator narrator = {touch_step, 0};
    evaluate_narrated(snapshot, flag, c, &told, &narrator);
    if (told.variation != plain->variation || told.reason != plain->reason ||
        told.error != plain->error || told.rule_index != plain->rule_index ||
        told.in_experiment != plain->in_experiment || told.big_segments != plain->big_segments) {
        fprintf(stderr, "%s: told variation %d, reason %d; did variation %d, reason %d\n", key,
                told.variation, told.reason, plain->variation, plain->reason);
        abort();
    }
}

static bool evaluate_flag(void *arg, const struct ffshm_flag_info *info)
{
    struct round *round = arg;
    uint64_t sum = text_digest(info->key) + (text_digest(info->provenance) == 0);
    for (size_t i = 0; i < info->tag_count; i++) {
        sum = sum * 31 + text_digest(ffshm_flag_tag(info, i));
    }
    for (size_t i = 0; i < round->count; i++) {
        struct ffshm_result r = ffshm_evaluate(round->view, info->key, &round->contexts[i]);
        sum = sum * 31 + (uint64_t)r.reason * 7 + (uint64_t)r.error * 11 + (uint64_t)r.variation;
        sum = sum * 31 + (uint64_t)r.rule_index + (uint64_t)r.in_experiment * 3 +
              (uint64_t)r.big_segments;
        sum = sum * 31 + text_digest(r.json) + text_digest(r.string) + text_digest(r.variant);
        sum = sum * 31 + text_digest(r.rule_id) + text_digest(r.prerequisite_key);
        narrate(round->view, info->key, &round->contexts[i], &r);
    }
    round->digest += sum; /* in any order */
    return true;
}

uint64_t memory_image_evaluate(struct ffshm *store, const struct ffshm_context *contexts,
                               size_t count)
{
    struct ffshm_view view;
    ffshm_pin(store, &view);
    struct round round = {&view, contexts, count, 0};
    ffshm_each(&view, evaluate_flag, &round);
    ffshm_unpin(&view);
    return round.digest;
}

const struct ffshm_context *memory_image_contexts(size_t *count)
{
    static const char *const texts[] = {
        "{\"kind\":\"user\",\"key\":\"user-1\",\"country\":\"DE\",\"email\":\"admin@example.com\"}",
        "{\"kind\":\"user\",\"key\":\"user-7\",\"name\":\"Jan\",\"age\":20,\"logins\":90}",
        "{\"kind\":\"multi\",\"user\":{\"key\":\"user-9\",\"born\":\"1970-06-01T00:00:00Z\","
        "\"app\":\"2.5.0\",\"groups\":[\"a\",\"b\"],\"email\":\"x+beta@example.com\"},"
        "\"org\":{\"key\":\"acme\",\"address\":{\"country\":\"US\"}}}",
        "{\"key\":\"\",\"anonymous\":true,\"name\":\"Joan\",\"custom\":{\"badge\":{\"a\":1}}}",
    };
    enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
    static struct ffshm_context contexts[COUNT];
    static char scratch[COUNT][512];
    for (size_t i = 0; i < COUNT && contexts[i].kind_count == 0; i++) {
        ffshm_context_parse(&contexts[i], texts[i], strlen(texts[i]), scratch[i],
                            sizeof(scratch[i]));
    }
    *count = COUNT;
    return contexts;
}
