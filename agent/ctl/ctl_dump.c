#include "ctl_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_output.h"

static int by_kind_and_key(const void *a, const void *b)
{
    const struct image_blob *const x = *(const struct image_blob *const *)a;
    const struct image_blob *const y = *(const struct image_blob *const *)b;
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    const uint32_t shorter = x->key.length < y->key.length ? x->key.length : y->key.length;
    const int order = memcmp(image_text(x, x->key), image_text(y, y->key), shorter);
    return order != 0 ? order : (x->key.length > y->key.length) - (x->key.length < y->key.length);
}

/* The blobs of all slots in use, by kind and key; malloc'ed. NULL: no memory. */
static const struct image_blob **collect(const struct snapshot *s, size_t *count)
{
    const struct image_blob **const blobs = calloc((size_t)s->slot_count + 1, sizeof(void *));
    *count = 0;
    for (uint32_t i = 0; blobs && i < s->slot_count; i++) {
        if (s->slots[i].offset != 0) {
            const struct image_slot at = s->slots[i];
            blobs[(*count)++] = (const void *)(s->bases[at.extent] + at.offset);
        }
    }
    if (blobs) {
        qsort(blobs, *count, sizeof(void *), by_kind_and_key);
    }
    return blobs;
}

static void json_strings(const void *blob, const struct image_string *strings, uint32_t count)
{
    output_text("[");
    for (uint32_t i = 0; i < count; i++) {
        output_text(i ? "," : "");
        output_string(image_text(blob, strings[i]), strings[i].length);
    }
    output_text("]");
}

static void json_flag(const struct image_flag *flag)
{
    const struct image_variation *const variations = image_at(flag, flag->variations_offset);
    bool named = false;
    printf(",\"on\":%s,\"variations\":[", flag->steps & IMAGE_STEP_OFF ? "false" : "true");
    for (uint32_t i = 0; i < flag->variation_count; i++) {
        output_text(i ? "," : "");
        output_json(image_text(flag, variations[i].json), variations[i].json.length);
        named = named || variations[i].key.length > 0;
    }
    output_text("]");
    if (named) {
        output_text(",\"variants\":[");
        for (uint32_t i = 0; i < flag->variation_count; i++) {
            const struct image_string key = variations[i].key;
            output_text(i ? "," : "");
            if (key.length) {
                output_string(image_text(flag, key), key.length);
            } else {
                output_text("null");
            }
        }
        output_text("]");
    }
    printf(",\"prerequisites\":%" PRIu32 ",\"targets\":%" PRIu32 ",\"rules\":%" PRIu32 ",\"tags\":",
           flag->prerequisite_count, flag->target_count, flag->rule_count);
    json_strings(flag, image_at(flag, flag->tags_offset), flag->tag_count);
}

static void json_end(const void *blob, struct image_string provenance, const uint64_t digest[2],
                     uint32_t size)
{
    char text[OUTPUT_DIGEST];
    output_text(",\"provenance\":");
    output_string(image_text(blob, provenance), provenance.length);
    printf(",\"bytes\":%" PRIu32 ",\"digest\":\"%s\"}\n", size, output_digest(digest, text));
}

static void json_item(const struct image_blob *blob)
{
    const bool is_flag = blob->kind == IMAGE_FLAG;
    printf("{\"kind\":\"%s\",\"key\":", is_flag ? "flag" : "segment");
    output_string(image_text(blob, blob->key), blob->key.length);
    printf(",\"version\":%" PRId64, blob->version);
    if (is_flag) {
        const struct image_flag *const flag = (const void *)blob;
        json_flag(flag);
        printf(",\"overridden\":%s", flag->flags & IMAGE_FLAG_OVERRIDDEN ? "true" : "false");
        json_end(blob, flag->provenance, flag->digest, blob->size);
    } else {
        const struct image_segment *const segment = (const void *)blob;
        printf(",\"included\":%" PRIu32 ",\"excluded\":%" PRIu32 ",\"rules\":%" PRIu32,
               segment->include_count, segment->exclude_count, segment->rule_count);
        json_end(blob, segment->provenance, segment->digest, blob->size);
    }
}

static void text_item(const struct image_blob *blob)
{
    char digest[OUTPUT_DIGEST];
    struct image_string provenance;
    if (blob->kind == IMAGE_FLAG) {
        const struct image_flag *const flag = (const void *)blob;
        provenance = flag->provenance;
        output_digest(flag->digest, digest);
        printf("flag     %-3s  v%-6" PRId64 "  %3" PRIu32 " variation%-1s  ",
               flag->steps & IMAGE_STEP_OFF ? "off" : "on", blob->version, flag->variation_count,
               output_plural(flag->variation_count));
    } else {
        const struct image_segment *const segment = (const void *)blob;
        provenance = segment->provenance;
        output_digest(segment->digest, digest);
        printf("segment       v%-6" PRId64 "  %3" PRIu32 " rule%-1s       ", blob->version,
               segment->rule_count, output_plural(segment->rule_count));
    }
    printf("%.8s  ", digest);
    output_plain(image_text(blob, blob->key), blob->key.length);
    output_text("  ");
    output_plain(image_text(blob, provenance), provenance.length);
    output_text("\n");
}

static void dump_key(const struct ctl *ctl, const struct image_blob *blob)
{
    if (blob->kind != IMAGE_FLAG) {
        return;
    }
    if (ctl->json_asked) {
        output_string(image_text(blob, blob->key), blob->key.length);
    } else {
        output_plain(image_text(blob, blob->key), blob->key.length);
    }
    output_text("\n");
}

int dump_snapshot(const struct ctl *ctl, const struct files_snapshot *s, bool keys)
{
    size_t count;
    const struct image_blob **const blobs = collect(&s->snapshot, &count);
    if (!blobs) {
        return ctl_fail(ctl, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (keys) {
            dump_key(ctl, blobs[i]);
        } else if (ctl->json) {
            json_item(blobs[i]);
        } else {
            text_item(blobs[i]);
        }
    }
    free(blobs);
    return CTL_OK;
}
