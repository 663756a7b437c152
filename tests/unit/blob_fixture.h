/*
 * blob_fixture.h - blobs written by hand, so that the verifier and the publisher are tested without
 * the compiler.
 */
#ifndef FFSHM_TEST_BLOB_FIXTURE_H
#define FFSHM_TEST_BLOB_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "compile/blob.h"
#include "hash.h"
#include "image.h"

#define FIXTURE_BYTES 65536

struct fixture {
    _Alignas(64) uint8_t bytes[FIXTURE_BYTES];
    uint32_t used;
};

static inline void *fixture_at(struct fixture *f, uint32_t offset)
{
    return f->bytes + offset;
}

/* Zeroed room; its offset. */
static inline uint32_t fixture_room(struct fixture *f, size_t size, uint32_t alignment)
{
    const uint32_t offset = (f->used + alignment - 1) / alignment * alignment;
    f->used = offset + (uint32_t)size;
    return offset;
}

static inline struct image_string fixture_string(struct fixture *f, const char *text)
{
    const uint32_t length = (uint32_t)strlen(text);
    const uint32_t offset = fixture_room(f, length + 1, 1);
    memcpy(f->bytes + offset, text, length + 1);
    return (struct image_string){offset, length};
}

static inline void fixture_begin(struct fixture *f, enum image_blob_kind kind, size_t size,
                                 const char *key)
{
    memset(f, 0, sizeof *f);
    f->used = (uint32_t)size;
    struct image_blob *const b = fixture_at(f, 0);
    b->kind = kind;
    if (key) {
        b->key = fixture_string(f, key);
        b->key_hash = hash_bytes(key, strlen(key));
    }
}

/* The tail and the size. */
static inline uint32_t fixture_end(struct fixture *f)
{
    struct image_blob *const b = fixture_at(f, 0);
    b->size = (f->used + IMAGE_TAIL + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN;
    return b->size;
}

/* The smallest flag: one variation, the string `value`, served at once. extra: unused bytes. */
static inline void fixture_flag(struct fixture *f, const char *key, int64_t version,
                                const char *value, size_t extra)
{
    fixture_begin(f, IMAGE_FLAG, sizeof(struct image_flag), key);
    const uint32_t at = fixture_room(f, sizeof(struct image_variation), 8);
    struct image_variation *const v = fixture_at(f, at);
    v->type = IMAGE_STRING;
    v->text = fixture_string(f, value);
    v->json = v->text;
    fixture_room(f, extra, 1);
    fixture_end(f);
    struct image_flag *const flag = fixture_at(f, 0);
    flag->blob.version = version;
    flag->variations_offset = at;
    flag->variation_count = 1;
    flag->sampling_ratio = 1;
    flag->digest[0] = hash_bytes(value, strlen(value)) ^ flag->blob.key_hash;
    flag->digest[1] = hash_attribute(key, strlen(key), flag->digest[0]);
}

static inline struct blob fixture_blob(const struct fixture *f)
{
    const void *const bytes = f->bytes;
    const struct image_flag *const flag = bytes;
    struct blob blob = {.size = flag->blob.size};
    blob.bytes = aligned_alloc(IMAGE_ALIGN, blob.size);
    memcpy(blob.bytes, f->bytes, blob.size);
    const struct image_segment *const segment = bytes;
    memcpy(blob.digest, flag->blob.kind == IMAGE_FLAG ? flag->digest : segment->digest,
           sizeof blob.digest);
    return blob;
}

/* ---- one of everything ---- */

static inline uint32_t fixture_set(struct fixture *f, struct image_set *set, uint32_t count,
                                   uint32_t capacity)
{
    const uint32_t at = fixture_room(f, capacity * sizeof(struct image_set_entry), 16);
    struct image_set_entry *const entries = fixture_at(f, at);
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = (struct image_set_entry){i + 1, i + 2};
    }
    *set = (struct image_set){.count = count, .capacity = capacity, .entries_offset = at};
    return at;
}

static inline uint32_t fixture_rollout(struct fixture *f, uint32_t count)
{
    const uint32_t at = fixture_room(f, sizeof(struct image_rollout), 8);
    const uint32_t path_at =
        fixture_room(f, sizeof(struct image_path) + 2 * sizeof(struct image_string), 8);
    const uint32_t weighted_at = fixture_room(f, count * sizeof(struct image_weighted), 8);
    struct image_rollout *const r = fixture_at(f, at);
    struct image_path *const path = fixture_at(f, path_at);
    struct image_weighted *const weighted = fixture_at(f, weighted_at);
    path->count = 2;
    path->components[0] = fixture_string(f, "b");
    path->components[1] = fixture_string(f, "c");
    r->by = (struct image_selector){.attribute = IMAGE_ATTRIBUTE_PATH,
                                    .path = path_at,
                                    .hash = 7,
                                    .text = fixture_string(f, "/a/b/c"),
                                    .kind = fixture_string(f, "user")};
    r->prefix = fixture_string(f, "flag.salt.");
    r->count = count;
    r->weighted_offset = count ? weighted_at : 0;
    r->below = 0.5F;
    for (uint32_t i = 0; i < count; i++) {
        weighted[i] = (struct image_weighted){(int32_t)i, 0.5F, 50000, i};
    }
    return at;
}

static inline void fixture_value(struct fixture *f, uint8_t op, struct image_value *v)
{
    static const struct image_semver version = {1, 2, 3, {0, 0}};
    struct image_string text;
    switch (op) {
    case IMAGE_OP_LESS:
        *v = (struct image_value){.type = IMAGE_VALUE_NUMBER, .as.number = 3.5};
        return;
    case IMAGE_OP_BEFORE:
        *v = (struct image_value){.type = IMAGE_VALUE_INSTANT, .as.seconds = 9, .offset = 5};
        return;
    case IMAGE_OP_SEMVER_LESS:
        v->type = IMAGE_VALUE_SEMVER;
        v->offset = fixture_room(f, sizeof version, 8);
        memcpy(fixture_at(f, v->offset), &version, sizeof version);
        text = fixture_string(f, "rc.1");
        memcpy(f->bytes + v->offset + offsetof(struct image_semver, prerelease), &text,
               sizeof text);
        return;
    case IMAGE_OP_SEGMENT_MATCH:
        *v = (struct image_value){
            .type = IMAGE_VALUE_SEGMENT, .length = 3, .offset = fixture_string(f, "seg").offset};
        return;
    case IMAGE_OP_BUCKET_BELOW:
        *v = (struct image_value){.type = IMAGE_VALUE_ROLLOUT, .offset = fixture_rollout(f, 0)};
        return;
    default:
        text = fixture_string(f, "val.*ue");
        *v = (struct image_value){.type = op == IMAGE_OP_MATCHES ? IMAGE_VALUE_REGEX
                                                                 : IMAGE_VALUE_STRING,
                                  .length = text.length,
                                  .offset = text.offset};
        return;
    }
}

#define FIXTURE_CLAUSES 9

/* Clauses with a value of each type; the last one has an array: a bool, a number and a set. */
static inline uint32_t fixture_clauses(struct fixture *f)
{
    static const uint8_t ops[FIXTURE_CLAUSES] = {
        IMAGE_OP_IN,           IMAGE_OP_MATCHES,     IMAGE_OP_LESS,
        IMAGE_OP_BEFORE,       IMAGE_OP_SEMVER_LESS, IMAGE_OP_SEGMENT_MATCH,
        IMAGE_OP_BUCKET_BELOW, IMAGE_OP_EXISTS,      IMAGE_OP_IN,
    };
    const uint32_t at = fixture_room(f, FIXTURE_CLAUSES * sizeof(struct image_clause), 8);
    struct image_clause *const clauses = fixture_at(f, at);
    for (uint32_t i = 0; i < FIXTURE_CLAUSES; i++) {
        struct image_clause *const c = &clauses[i];
        c->by = (struct image_selector){.attribute = IMAGE_ATTRIBUTE_NAMED, .hash = 99};
        c->by.text = fixture_string(f, "country");
        c->op = ops[i];
        c->op_name = fixture_string(f, "op");
        if (ops[i] == IMAGE_OP_EXISTS) {
            continue;
        }
        c->value_count = 1;
        c->values_offset =
            at + i * (uint32_t)sizeof *c + (uint32_t)offsetof(struct image_clause, first);
        fixture_value(f, ops[i], &c->first);
        c->plain = IMAGE_CLAUSE_IS_PLAIN(c);
    }
    struct image_clause *const last = &clauses[FIXTURE_CLAUSES - 1];
    last->value_count = 3;
    last->plain = 0;
    last->values_offset = fixture_room(f, 3 * sizeof(struct image_value), 8);
    struct image_value *const values = fixture_at(f, last->values_offset);
    values[0] = (struct image_value){.type = IMAGE_VALUE_BOOL, .as.number = 1};
    values[1] = (struct image_value){.type = IMAGE_VALUE_NUMBER, .as.number = -2};
    values[2].type = IMAGE_VALUE_SET;
    values[2].offset = fixture_room(f, sizeof(struct image_set), 8);
    fixture_set(f, fixture_at(f, values[2].offset), 5, 8);
    return at;
}

static inline uint32_t fixture_targets(struct fixture *f, int32_t variation)
{
    const uint32_t at = fixture_room(f, sizeof(struct image_target), 8);
    struct image_target *const t = fixture_at(f, at);
    t->kind_hash = HASH_KIND_USER;
    t->kind = fixture_string(f, "user");
    t->variation = variation;
    fixture_set(f, &t->keys, 3, 4);
    return at;
}

static inline void fixture_rich_flag(struct fixture *f, const char *key)
{
    fixture_begin(f, IMAGE_FLAG, sizeof(struct image_flag), key);
    struct image_flag *const flag = fixture_at(f, 0);
    flag->blob.version = 3;
    flag->steps = IMAGE_STEP_PREREQUISITES | IMAGE_STEP_TARGETS | IMAGE_STEP_RULES;
    flag->variation_count = 2;
    flag->variations_offset = fixture_room(f, 2 * sizeof(struct image_variation), 8);
    struct image_variation *const v = fixture_at(f, flag->variations_offset);
    v[0] = (struct image_variation){.type = IMAGE_BOOL, .boolean = 1, .number = 1};
    v[0].json = v[0].text = fixture_string(f, "true");
    v[1] = (struct image_variation){.type = IMAGE_NUMBER, .number = 2.5};
    v[1].json = v[1].text = fixture_string(f, "2.5");
    v[1].key = fixture_string(f, "two");
    flag->fallthrough.variation = IMAGE_SERVE_ROLLOUT;
    flag->fallthrough.rollout = fixture_rollout(f, 2);
    flag->prerequisite_count = 1;
    flag->prerequisites_offset = fixture_room(f, sizeof(struct image_prerequisite), 8);
    struct image_prerequisite *const p = fixture_at(f, flag->prerequisites_offset);
    *p = (struct image_prerequisite){.slot = 2, .variation = 40, .key = fixture_string(f, "pre")};
    flag->target_count = 1;
    flag->targets_offset = fixture_targets(f, 1);
    flag->rule_count = 1;
    flag->rules_offset = fixture_room(f, sizeof(struct image_rule), 8);
    struct image_rule *const r = fixture_at(f, flag->rules_offset);
    r->serve.variation = 1;
    r->clause_count = FIXTURE_CLAUSES;
    r->clauses_offset = fixture_clauses(f);
    r->id = fixture_string(f, "rule-1");
    flag->tag_count = 1;
    flag->tags_offset = fixture_room(f, sizeof(struct image_string), 8);
    const struct image_string tag = fixture_string(f, "tag");
    memcpy(fixture_at(f, flag->tags_offset), &tag, sizeof tag);
    flag->provenance = fixture_string(f, "flags.yaml");
    flag->digest[0] = flag->blob.key_hash;
    flag->digest[1] = 1;
    fixture_end(f);
}

static inline void fixture_rich_segment(struct fixture *f, const char *key)
{
    fixture_begin(f, IMAGE_SEGMENT, sizeof(struct image_segment), key);
    struct image_segment *const s = fixture_at(f, 0);
    s->include_count = 1;
    s->includes_offset = fixture_targets(f, 0);
    s->exclude_count = 1;
    s->excludes_offset = fixture_targets(f, 0);
    s->rule_count = 1;
    s->rules_offset = fixture_room(f, sizeof(struct image_segment_rule), 8);
    struct image_segment_rule *const r = fixture_at(f, s->rules_offset);
    r->clause_count = FIXTURE_CLAUSES;
    r->clauses_offset = fixture_clauses(f);
    r->rollout = fixture_rollout(f, 0);
    r->id = fixture_string(f, "segment-rule");
    s->unbounded_kind = fixture_string(f, "user");
    s->provenance = fixture_string(f, "flags.yaml");
    s->digest[0] = s->blob.key_hash;
    s->digest[1] = 2;
    fixture_end(f);
}

static inline void fixture_index(struct fixture *f, const char *key, uint32_t slot)
{
    fixture_begin(f, IMAGE_INDEX, sizeof(struct image_index), NULL);
    struct image_index *const x = fixture_at(f, 0);
    x->capacity = 4;
    x->count = 1;
    x->entries_offset = fixture_room(f, 4 * sizeof(struct image_index_entry), 8);
    struct image_index_entry *const e = fixture_at(f, x->entries_offset);
    memset(e, 0xff, 4 * sizeof *e);
    const uint64_t hash = hash_bytes(key, strlen(key));
    e[hash & 3] = (struct image_index_entry){(uint32_t)(hash >> 32), slot};
    fixture_end(f);
}

#endif
