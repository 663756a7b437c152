#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "blob_fixture.h"
#include "compile/assemble.h"
#include "ffshm.h"
#include "image_verify.h"

/* ---- a walk without checks, as the evaluator's: the sanitizers watch it ---- */

static uint64_t sink;

static void touch(const void *bytes, size_t size)
{
    sink += hash_bytes(bytes, size);
}

static const void *at(const void *blob, uint32_t offset)
{
    return (const uint8_t *)blob + offset;
}

static void walk_string(const void *b, struct image_string s)
{
    const char *const text = at(b, s.offset);
    touch(text, s.length);
    if (s.offset != 0) {
        assert_int_equal(text[s.length], 0);
    }
}

static void walk_set(const void *b, const struct image_set *s)
{
    const struct image_set_entry *const e = at(b, s->entries_offset);
    uint32_t i = 0;
    while (s->count != 0 && (e[i].lo | e[i].hi) != 0) {
        i = (i + 1) & (s->capacity - 1);
    }
}

static void walk_rollout(const void *b, const struct image_rollout *r)
{
    if (r->by.attribute == IMAGE_ATTRIBUTE_PATH) {
        const struct image_path *const p = at(b, r->by.path);
        for (uint32_t i = 0; i < p->count; i++) {
            walk_string(b, p->components[i]);
        }
    }
    walk_string(b, r->prefix);
    touch(at(b, r->prefix.offset), IMAGE_TAIL);
    const struct image_weighted *const w = at(b, r->weighted_offset);
    for (uint32_t i = 0; i < r->count; i++) {
        touch(&w[i], sizeof w[i]);
    }
}

static void walk_clauses(const void *b, uint32_t offset, uint32_t count)
{
    const struct image_clause *const c = at(b, offset);
    for (uint32_t i = 0; i < count; i++) {
        walk_string(b, c[i].by.text);
        const struct image_value *const v = at(b, c[i].values_offset);
        for (uint32_t j = 0; j < c[i].value_count; j++) {
            const void *const named = at(b, v[j].offset);
            switch (v[j].type) {
            case IMAGE_VALUE_STRING:
            case IMAGE_VALUE_REGEX:
                walk_string(b, (struct image_string){v[j].offset, v[j].length});
                break;
            case IMAGE_VALUE_SEMVER:
                walk_string(b, ((const struct image_semver *)named)->prerelease);
                break;
            case IMAGE_VALUE_SEGMENT:
                touch(named, strlen(named));
                break;
            case IMAGE_VALUE_SET:
                walk_set(b, named);
                break;
            case IMAGE_VALUE_ROLLOUT:
                walk_rollout(b, named);
                break;
            default:
                break;
            }
        }
    }
}

static void walk_targets(const void *b, uint32_t offset, uint32_t count)
{
    const struct image_target *const t = at(b, offset);
    for (uint32_t i = 0; i < count; i++) {
        walk_string(b, t[i].kind);
        walk_set(b, &t[i].keys);
    }
}

static void walk_variation(const struct image_flag *f, int32_t variation)
{
    if (variation >= 0) {
        const struct image_variation *const v = at(f, f->variations_offset);
        walk_string(f, v[variation].text);
        walk_string(f, v[variation].json);
    }
}

static void walk_flag(const struct image_flag *f)
{
    walk_variation(f, f->off_variation);
    walk_variation(f, f->fallthrough.variation);
    if (f->fallthrough.variation == IMAGE_SERVE_ROLLOUT) {
        const struct image_rollout *const r = at(f, f->fallthrough.rollout);
        walk_rollout(f, r);
        const struct image_weighted *const w = at(f, r->weighted_offset);
        walk_variation(f, w[r->count - 1].variation);
    }
    const struct image_prerequisite *const p = at(f, f->prerequisites_offset);
    for (uint32_t i = 0; i < f->prerequisite_count; i++) {
        walk_string(f, p[i].key);
    }
    const struct image_target *const t = at(f, f->targets_offset);
    for (uint32_t i = 0; i < f->target_count; i++) {
        walk_variation(f, t[i].variation);
    }
    walk_targets(f, f->targets_offset, f->target_count);
    const struct image_rule *const r = at(f, f->rules_offset);
    for (uint32_t i = 0; i < f->rule_count; i++) {
        walk_variation(f, r[i].serve.variation);
        walk_clauses(f, r[i].clauses_offset, r[i].clause_count);
    }
    const struct image_string *const tags = at(f, f->tags_offset);
    for (uint32_t i = 0; i < f->tag_count; i++) {
        walk_string(f, tags[i]);
    }
}

static void walk(const void *blob)
{
    const struct image_blob *const b = blob;
    walk_string(b, b->key);
    if (b->kind == IMAGE_FLAG) {
        walk_flag(blob);
    } else if (b->kind == IMAGE_SEGMENT) {
        const struct image_segment *const s = blob;
        walk_targets(b, s->includes_offset, s->include_count);
        walk_targets(b, s->excludes_offset, s->exclude_count);
        const struct image_segment_rule *const r = at(b, s->rules_offset);
        for (uint32_t i = 0; i < s->rule_count; i++) {
            walk_clauses(b, r[i].clauses_offset, r[i].clause_count);
            if (r[i].rollout) {
                walk_rollout(b, at(b, r[i].rollout));
            }
        }
    } else {
        const struct image_index *const x = blob;
        const struct image_index_entry *const e = at(b, x->entries_offset);
        uint32_t i = 0;
        while (e[i].slot != IMAGE_NO_SLOT) {
            i = (i + 1) & (x->capacity - 1);
        }
    }
}

/* ---- blobs ---- */

typedef void make_fn(struct fixture *f);

static void make_flag(struct fixture *f)
{
    fixture_rich_flag(f, "checkout");
}

static void make_segment(struct fixture *f)
{
    fixture_rich_segment(f, "beta");
}

static void make_index(struct fixture *f)
{
    fixture_index(f, "checkout", 0);
}

static make_fn *const makers[] = {make_flag, make_segment, make_index};

static struct fixture fixture;

static const char *verify(void)
{
    const char *why = "ok";
    const int error = image_verify_blob(fixture.bytes, FIXTURE_BYTES, &why);
    assert_int_equal(error, strcmp(why, "ok") == 0 ? FFSHM_OK : FFSHM_BAD_STRUCTURE);
    return why;
}

static void one_of_everything_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        makers[i](&fixture);
        assert_string_equal(verify(), "ok");
        walk(fixture.bytes);
    }
    uint32_t regexes = 99;
    make_flag(&fixture);
    assert_int_equal(image_verify_blob_counting(fixture.bytes, FIXTURE_BYTES, &regexes, NULL), 0);
    assert_int_equal(regexes, 1);
}

/* The blob in memory of exactly its size, so that a read beyond it is seen. */
static void try_bytes(const uint8_t *bytes, size_t size)
{
    uint8_t *const exact = aligned_alloc(IMAGE_ALIGN, size);
    memcpy(exact, bytes, size);
    if (image_verify_blob(exact, size, NULL) == FFSHM_OK) {
        walk(exact);
    }
    free(exact);
}

static void every_changed_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    static const uint8_t masks[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80};
    for (size_t m = 0; m < sizeof makers / sizeof *makers; m++) {
        makers[m](&fixture);
        const struct image_blob *const b = fixture_at(&fixture, 0);
        const size_t size = b->size;
        for (size_t i = 0; i < size; i++) {
            const uint8_t was = fixture.bytes[i];
            for (size_t j = 0; j < sizeof masks; j++) {
                fixture.bytes[i] = was ^ masks[j];
                try_bytes(fixture.bytes, size);
            }
            fixture.bytes[i] = 0;
            try_bytes(fixture.bytes, size);
            fixture.bytes[i] = 0xff;
            try_bytes(fixture.bytes, size);
            fixture.bytes[i] = was;
        }
    }
}

static void every_changed_word_is_refused_or_harmless(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof makers / sizeof *makers; m++) {
        makers[m](&fixture);
        const uint32_t size = ((const struct image_blob *)fixture_at(&fixture, 0))->size;
        const uint32_t values[] = {0,           1,           2,           3,
                                   size - 1,    size,        size - 64,   size - 65,
                                   size - 128,  0x7fffffff,  0x80000000u, 0xffffffffu,
                                   0xfffffffeu, 0xfffffffdu, 0xffffffc0u, 192};
        for (uint32_t i = 0; i + 4 <= size; i += 4) {
            uint32_t was;
            memcpy(&was, fixture.bytes + i, 4);
            for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
                memcpy(fixture.bytes + i, &values[j], 4);
                try_bytes(fixture.bytes, size);
            }
            memcpy(fixture.bytes + i, &was, 4);
        }
    }
}

static void every_truncation_of_a_blob_is_refused(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof makers / sizeof *makers; m++) {
        makers[m](&fixture);
        const uint32_t size = ((const struct image_blob *)fixture_at(&fixture, 0))->size;
        for (uint32_t i = 0; i < size; i++) {
            assert_int_equal(image_verify_blob(fixture.bytes, i, NULL), FFSHM_BAD_STRUCTURE);
        }
    }
}

#define FLAG ((struct image_flag *)fixture_at(&fixture, 0))
#define REFUSED(why, ...)                                                                          \
    do {                                                                                           \
        make_flag(&fixture);                                                                       \
        __VA_ARGS__;                                                                               \
        assert_string_equal(verify(), why);                                                        \
    } while (0)

static struct image_clause *clause_of(unsigned i)
{
    const struct image_rule *const r = fixture_at(&fixture, FLAG->rules_offset);
    return (struct image_clause *)fixture_at(&fixture, r->clauses_offset) + i;
}

static struct image_rollout *rollout_of(void)
{
    return fixture_at(&fixture, FLAG->fallthrough.rollout);
}

static struct image_weighted *weighted_of(void)
{
    return fixture_at(&fixture, rollout_of()->weighted_offset);
}

static struct image_variation *variation_of(void)
{
    return fixture_at(&fixture, FLAG->variations_offset);
}

static struct image_set *target_set(void)
{
    struct image_target *const t = fixture_at(&fixture, FLAG->targets_offset);
    return &t->keys;
}

static struct image_set_entry *target_entries(void)
{
    return fixture_at(&fixture, target_set()->entries_offset);
}

static void each_rule_of_the_format_has_its_refusal(void **state)
{
    (void)state;
    REFUSED("blob.kind", FLAG->blob.kind = 4);
    REFUSED("blob.kind", FLAG->blob.kind = 0);
    REFUSED("blob.size", FLAG->blob.size += 8);
    REFUSED("blob.size", FLAG->blob.size = 192);
    REFUSED("blob.tail", fixture.bytes[FLAG->blob.size - 1] = 1);
    REFUSED("blob.key", FLAG->blob.key.length--);
    REFUSED("blob.key", FLAG->blob.key = (struct image_string){0, 0});
    REFUSED("blob.key_hash", FLAG->blob.key_hash++);
    REFUSED("flag.off_variation", FLAG->off_variation = 2);
    REFUSED("flag.off_variation", FLAG->off_variation = IMAGE_SERVE_ROLLOUT);
    REFUSED("flag.steps", FLAG->steps = 0);
    REFUSED("flag.steps", FLAG->steps |= 16);
    REFUSED("flag.steps", FLAG->prerequisite_count = 0);
    REFUSED("serve", FLAG->fallthrough.variation = IMAGE_SERVE_NOTHING);
    REFUSED("serve", FLAG->fallthrough.variation = 1);
    REFUSED("rollout", FLAG->fallthrough.rollout += 4);
    REFUSED("rollout", FLAG->fallthrough.rollout = 8);
    REFUSED("rollout.count", rollout_of()->count = 0);
    REFUSED("rollout.experiment", rollout_of()->experiment = 2);
    REFUSED("rollout.below", rollout_of()->below = NAN);
    REFUSED("rollout.weighted", rollout_of()->count = 1u << 28);
    REFUSED("rollout.weighted", weighted_of()[1].variation = 2);
    REFUSED("rollout.weighted", weighted_of()[1].upper = NAN);
    REFUSED("rollout.weighted", weighted_of()[1].untracked = 2);
    REFUSED("selector.attribute", rollout_of()->by.attribute = 8);
    REFUSED("selector.path", rollout_of()->by.attribute = IMAGE_ATTRIBUTE_KEY);
    REFUSED("path.components",
            ((struct image_path *)fixture_at(&fixture, rollout_of()->by.path))->count = 1u << 29);
    REFUSED("variations", FLAG->variation_count = UINT32_MAX);
    REFUSED("variation.value", variation_of()->type = 6);
    REFUSED("variation.value", variation_of()->boolean = 2);
    REFUSED("variation.value", variation_of()->number = NAN);
    REFUSED("variation.json", variation_of()->json = (struct image_string){0, 0});
    REFUSED("set.capacity", target_set()->capacity = 3);
    REFUSED("set.capacity", target_set()->count = 4);
    REFUSED("set.count", target_set()->count = 2);
    REFUSED("set.count", target_entries()[3].lo = 1); /* no empty entry is left */
    REFUSED("set.entries", target_set()->entries_offset += 8);
    REFUSED("clause.op", clause_of(0)->op = IMAGE_OP_COUNT);
    REFUSED("clause.negate", clause_of(0)->negate = 2);
    REFUSED("clause.values", clause_of(0)->values_offset += 8);
    REFUSED("clause.values", clause_of(8)->value_count = 1);
    REFUSED("value.type", clause_of(0)->op = IMAGE_OP_LESS);
    REFUSED("value.type", clause_of(0)->first.type = 0);
    REFUSED("value.type", clause_of(0)->first.type = 31);
    REFUSED("value.string", clause_of(0)->first.length--);
    REFUSED("value.number", clause_of(2)->first.as.number = NAN);
    REFUSED("value.instant", clause_of(3)->first.offset = 1000000000);
    REFUSED("semver", clause_of(4)->first.offset++);
    REFUSED("value.segment", clause_of(5)->first.length = IMAGE_NO_SLOT);
    REFUSED("rollout.count", clause_of(6)->first.offset = FLAG->fallthrough.rollout);
    REFUSED("tag", FLAG->tag_count = 2);
}

static void nothing_may_be_left_out_of_the_steps_unless_the_flag_is_off(void **state)
{
    (void)state;
    make_flag(&fixture);
    FLAG->steps = IMAGE_STEP_OFF;
    assert_string_equal(verify(), "ok");
    FLAG->steps = IMAGE_STEP_OFF | IMAGE_STEP_RULES;
    assert_string_equal(verify(), "ok");
    FLAG->steps = IMAGE_STEP_RULES;
    assert_string_equal(verify(), "flag.steps");
}

/* Arrays that overlap would make a walk of them quadratic in the blob's size. */
static void arrays_that_share_bytes_are_refused(void **state)
{
    (void)state;
    static struct fixture f;
    fixture_begin(&f, IMAGE_FLAG, sizeof(struct image_flag), "overlap");
    struct image_flag *const flag = fixture_at(&f, 0);
    flag->steps = IMAGE_STEP_RULES;
    flag->fallthrough.variation = IMAGE_SERVE_MALFORMED;
    flag->off_variation = IMAGE_SERVE_NOTHING;
    flag->rule_count = 1000;
    flag->rules_offset = fixture_room(&f, 1000 * sizeof(struct image_rule), 8);
    const uint32_t clauses = fixture_room(&f, 200 * sizeof(struct image_clause), 8);
    struct image_rule *const rules = fixture_at(&f, flag->rules_offset);
    for (unsigned i = 0; i < 1000; i++) {
        rules[i] = (struct image_rule){.serve = {IMAGE_SERVE_MALFORMED, 0}};
    }
    fixture_end(&f);
    assert_int_equal(image_verify_blob(f.bytes, FIXTURE_BYTES, NULL), FFSHM_OK);
    for (unsigned i = 0; i < 1000; i++) {
        rules[i].clause_count = 200;
        rules[i].clauses_offset = clauses;
    }
    assert_int_equal(image_verify_blob(f.bytes, FIXTURE_BYTES, NULL), FFSHM_BAD_STRUCTURE);
}

/* ---- files ---- */

struct store {
    struct assembled extent;
    struct assembled head;
    const struct image_extent *images[2];
};

static void make_store(struct store *s)
{
    static struct fixture f[3];
    for (unsigned i = 0; i < 3; i++) {
        makers[i](&f[i]);
    }
    struct assemble_blob blobs[3];
    for (unsigned i = 0; i < 3; i++) {
        blobs[i] = (struct assemble_blob){
            f[i].bytes, ((const struct image_blob *)fixture_at(&f[i], 0))->size, 0};
    }
    assert_int_equal(assemble_extent(blobs, 3, 7, 1234, &s->extent), 0);
    const struct image_extent *const e = (const void *)s->extent.bytes;
    const struct image_extent_ref ref = {.id = 7,
                                         .size = s->extent.size,
                                         .checksum = e->header_checksum,
                                         .live_bytes = e->starts_offset - sizeof *e};
    const struct image_slot slots[] = {{0, blobs[0].offset}, {0, 0}, {0, blobs[1].offset}};
    const struct assemble_head head = {.generation = 5,
                                       .store_epoch = 1234,
                                       .flag_count = 1,
                                       .segment_count = 1,
                                       .extents = &ref,
                                       .extent_count = 1,
                                       .slots = slots,
                                       .slot_count = 3,
                                       .index = {0, blobs[2].offset}};
    assert_int_equal(assemble_head(&head, &s->head), 0);
    s->images[0] = e;
}

static void free_store(struct store *s)
{
    assemble_free(&s->extent);
    assemble_free(&s->head);
}

static void seal_extent(struct assembled *a)
{
    struct image_extent *const e = (void *)a->bytes;
    e->payload_checksum = hash_bytes(a->bytes + sizeof *e, a->size - sizeof *e);
    e->header_checksum = hash_bytes(e, offsetof(struct image_extent, header_checksum));
}

static void seal_head(struct assembled *a)
{
    struct image_head *const h = (void *)a->bytes;
    h->payload_checksum = hash_bytes(a->bytes + sizeof *h, a->size - sizeof *h);
    h->header_checksum = hash_bytes(h, offsetof(struct image_head, header_checksum));
}

static int verify_head(const struct store *s)
{
    return image_verify_head(s->head.bytes, s->head.size, s->images, NULL);
}

static void a_store_is_accepted(void **state)
{
    (void)state;
    struct store s;
    make_store(&s);
    const char *why = "ok";
    assert_int_equal(image_verify_extent(s.extent.bytes, s.extent.size, &why), FFSHM_OK);
    assert_int_equal(image_verify_head(s.head.bytes, s.head.size, s.images, &why), FFSHM_OK);
    assert_string_equal(why, "ok");
    free_store(&s);
}

static void damage_that_is_not_sealed_is_always_found(void **state)
{
    (void)state;
    struct store s;
    make_store(&s);
    for (size_t i = 0; i < s.extent.size; i++) {
        s.extent.bytes[i] ^= (uint8_t)(1u << (i % 8));
        assert_int_not_equal(image_verify_extent(s.extent.bytes, s.extent.size, NULL), FFSHM_OK);
        s.extent.bytes[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t i = 0; i < s.head.size; i++) {
        s.head.bytes[i] ^= (uint8_t)(1u << (i % 8));
        assert_int_not_equal(verify_head(&s), FFSHM_OK);
        s.head.bytes[i] ^= (uint8_t)(1u << (i % 8));
    }
    free_store(&s);
}

static void walk_store(const struct store *s)
{
    const struct image_head *const h = (const void *)s->head.bytes;
    const struct image_slot *const slots = at(h, h->slots_offset);
    for (uint32_t i = 0; i < h->slot_count; i++) {
        if (slots[i].offset != 0) {
            walk(at(s->images[slots[i].extent], slots[i].offset));
        }
    }
    walk(at(s->images[h->index_extent], h->index_offset));
}

static void sealed_damage_of_a_head_is_refused_or_harmless(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0x01, 0x40, 0x7f, 0x80, 0xc0, 0xff};
    struct store s;
    make_store(&s);
    for (size_t i = 0; i < s.head.size; i++) {
        const uint8_t was = s.head.bytes[i];
        for (size_t j = 0; j < sizeof values; j++) {
            s.head.bytes[i] = values[j];
            seal_head(&s.head);
            if (verify_head(&s) == FFSHM_OK) {
                walk_store(&s);
            }
        }
        s.head.bytes[i] = was;
    }
    free_store(&s);
}

static void sealed_damage_of_an_extent_is_refused_or_harmless(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0x01, 0x40, 0x80, 0xff};
    struct store s;
    make_store(&s);
    for (size_t i = 0; i < s.extent.size; i++) {
        const uint8_t was = s.extent.bytes[i];
        for (size_t j = 0; j < sizeof values; j++) {
            s.extent.bytes[i] = values[j];
            seal_extent(&s.extent);
            struct image_extent_ref *const ref = (void *)(s.head.bytes + sizeof(struct image_head));
            ref->checksum = s.images[0]->header_checksum;
            seal_head(&s.head);
            if (image_verify_extent(s.extent.bytes, s.extent.size, NULL) == FFSHM_OK &&
                verify_head(&s) == FFSHM_OK) {
                walk_store(&s);
            }
        }
        s.extent.bytes[i] = was;
    }
    free_store(&s);
}

static void every_truncation_of_a_file_is_refused(void **state)
{
    (void)state;
    struct store s;
    make_store(&s);
    for (size_t i = 0; i < s.extent.size; i++) {
        uint8_t *const exact = aligned_alloc(64, (i + 63) / 64 * 64 + 64);
        memcpy(exact, s.extent.bytes, i);
        assert_int_not_equal(image_verify_extent(exact, i, NULL), FFSHM_OK);
        assert_int_not_equal(image_verify_extent_header(exact, i, NULL), FFSHM_OK);
        free(exact);
    }
    for (size_t i = 0; i < s.head.size; i++) {
        assert_int_not_equal(image_verify_head(s.head.bytes, i, s.images, NULL), FFSHM_OK);
        assert_int_not_equal(image_verify_head_header(s.head.bytes, i, NULL), FFSHM_OK);
    }
    free_store(&s);
}

#define EXTENT ((struct image_extent *)(void *)s.extent.bytes)
#define HEAD ((struct image_head *)(void *)s.head.bytes)
#define SLOTS ((struct image_slot *)(void *)(s.head.bytes + HEAD->slots_offset))
#define REF ((struct image_extent_ref *)(void *)(s.head.bytes + sizeof(struct image_head)))
#define BAD_EXTENT(error, why_expected, ...)                                                       \
    do {                                                                                           \
        struct store s;                                                                            \
        make_store(&s);                                                                            \
        __VA_ARGS__;                                                                               \
        seal_extent(&s.extent);                                                                    \
        const char *why = "ok";                                                                    \
        assert_int_equal(image_verify_extent(s.extent.bytes, s.extent.size, &why), error);         \
        assert_string_equal(why, why_expected);                                                    \
        free_store(&s);                                                                            \
    } while (0)
#define BAD_HEAD(error, why_expected, ...)                                                         \
    do {                                                                                           \
        struct store s;                                                                            \
        make_store(&s);                                                                            \
        __VA_ARGS__;                                                                               \
        seal_head(&s.head);                                                                        \
        const char *why = "ok";                                                                    \
        assert_int_equal(image_verify_head(s.head.bytes, s.head.size, s.images, &why), error);     \
        assert_string_equal(why, why_expected);                                                    \
        free_store(&s);                                                                            \
    } while (0)

static void each_rule_of_an_extent_has_its_refusal(void **state)
{
    (void)state;
    BAD_EXTENT(FFSHM_BAD_FORMAT, "extent.magic", EXTENT->magic++);
    BAD_EXTENT(FFSHM_BAD_FORMAT, "extent.major", EXTENT->major++);
    BAD_EXTENT(FFSHM_OK, "ok", EXTENT->minor++);
    BAD_EXTENT(FFSHM_BAD_FORMAT, "extent.endian_tag", EXTENT->endian_tag = 0x04030201);
    BAD_EXTENT(FFSHM_BAD_FORMAT, "extent.header_size", EXTENT->header_size = 64);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.file_size", EXTENT->file_size++);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.starts", EXTENT->starts_offset += 64);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.starts", EXTENT->starts_words++);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.starts", s.extent.bytes[EXTENT->starts_offset] = 0);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.starts", s.extent.bytes[EXTENT->starts_offset] |= 8);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.starts", s.extent.bytes[s.extent.size - 1] = 0x80);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.blob_count", EXTENT->blob_count++);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.blob_count", EXTENT->blob_count = 0);
    BAD_EXTENT(FFSHM_BAD_STRUCTURE, "extent.regex_count", EXTENT->regex_count++);
}

static void each_rule_of_a_head_has_its_refusal(void **state)
{
    (void)state;
    BAD_HEAD(FFSHM_BAD_FORMAT, "head.magic", HEAD->magic++);
    BAD_HEAD(FFSHM_BAD_FORMAT, "head.major", HEAD->major = 0);
    BAD_HEAD(FFSHM_OK, "ok", HEAD->minor++);
    BAD_HEAD(FFSHM_OK, "ok", HEAD->features_optional = 1);
    BAD_HEAD(FFSHM_BAD_FORMAT, "head.features_required", HEAD->features_required = 1);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.file_size", HEAD->file_size--);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extents", HEAD->extent_count = 0);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extents", HEAD->extent_count = 65);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extents", HEAD->extents_offset = UINT32_MAX - 7);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extents", HEAD->extents_offset += 4);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.slots", HEAD->slot_count++);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.slots", HEAD->slot_count = UINT32_MAX);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.slots", HEAD->slots_offset = 0);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extent", REF->id++);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extent", REF->size++);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extent", REF->checksum++);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.extent", HEAD->store_epoch++);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.live_bytes", REF->live_bytes = REF->size + 1);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.slot", SLOTS[0].extent = 1);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.slot", SLOTS[0].offset += 64);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.slot", SLOTS[0].offset += 1);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.slot", SLOTS[0].offset = UINT32_MAX - 63);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.flag_count", SLOTS[0].offset = 0);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.flag_count", HEAD->flag_count = UINT32_MAX);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.index_extent", HEAD->index_extent = 1);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.index_offset", HEAD->index_offset += 64);
    BAD_HEAD(FFSHM_BAD_STRUCTURE, "head.index", HEAD->index_offset = SLOTS[0].offset);
}

static void a_control_page_is_checked(void **state)
{
    (void)state;
    static struct image_control page;
    page.magic = IMAGE_CONTROL_MAGIC;
    page.major = IMAGE_MAJOR;
    page.header_size = sizeof page;
    page.endian_tag = IMAGE_ENDIAN_TAG;
    assert_int_equal(image_verify_control(&page, sizeof page, NULL), FFSHM_OK);
    assert_int_equal(image_verify_control(&page, sizeof page - 1, NULL), FFSHM_BAD_FORMAT);
    page.major++;
    assert_int_equal(image_verify_control(&page, sizeof page, NULL), FFSHM_BAD_FORMAT);
    page.major--;
    page.magic = 0;
    assert_int_equal(image_verify_control(&page, sizeof page, NULL), FFSHM_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_everything_is_accepted),
        cmocka_unit_test(every_changed_byte_is_refused_or_harmless),
        cmocka_unit_test(every_changed_word_is_refused_or_harmless),
        cmocka_unit_test(every_truncation_of_a_blob_is_refused),
        cmocka_unit_test(each_rule_of_the_format_has_its_refusal),
        cmocka_unit_test(nothing_may_be_left_out_of_the_steps_unless_the_flag_is_off),
        cmocka_unit_test(arrays_that_share_bytes_are_refused),
        cmocka_unit_test(a_store_is_accepted),
        cmocka_unit_test(damage_that_is_not_sealed_is_always_found),
        cmocka_unit_test(sealed_damage_of_a_head_is_refused_or_harmless),
        cmocka_unit_test(sealed_damage_of_an_extent_is_refused_or_harmless),
        cmocka_unit_test(every_truncation_of_a_file_is_refused),
        cmocka_unit_test(each_rule_of_an_extent_has_its_refusal),
        cmocka_unit_test(each_rule_of_a_head_has_its_refusal),
        cmocka_unit_test(a_control_page_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
