#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "blob_fixture.h"
#include "compile/assemble.h"
#include "ffshm.h"
#include "image_verify.h"

static struct fixture fixture;

static void blobs_stand_one_after_the_other_and_the_bitmap_says_where(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    struct blob made[COUNT];
    struct assemble_blob blobs[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        char key[16];
        snprintf(key, sizeof key, "flag-%u", i);
        fixture_flag(&fixture, key, i, "x", (size_t)i * 7);
        made[i] = fixture_blob(&fixture);
        blobs[i] = (struct assemble_blob){made[i].bytes, made[i].size, 0};
    }
    struct assembled a;
    assert_int_equal(assemble_extent(blobs, COUNT, 9, 77, &a), 0);
    assert_int_equal((uintptr_t)a.bytes % IMAGE_ALIGN, 0);
    assert_int_equal(image_verify_extent(a.bytes, a.size, NULL), FFSHM_OK);
    const struct image_extent *const e = (const void *)a.bytes;
    assert_int_equal(e->id, 9);
    assert_int_equal(e->store_epoch, 77);
    assert_int_equal(e->blob_count, COUNT);
    assert_int_equal(e->file_size, a.size);
    uint32_t at = sizeof *e;
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(blobs[i].offset, at);
        assert_memory_equal(a.bytes + at, made[i].bytes, made[i].size);
        at += made[i].size;
        blob_free(&made[i]);
    }
    assert_int_equal(e->starts_offset, at);
    assemble_free(&a);
    assert_null(a.bytes);
}

static void regexes_are_counted(void **state)
{
    (void)state;
    static struct fixture f[2];
    fixture_rich_flag(&f[0], "a");
    fixture_rich_segment(&f[1], "b");
    struct assemble_blob blobs[2];
    for (unsigned i = 0; i < 2; i++) {
        const struct image_blob *const b = fixture_at(&f[i], 0);
        blobs[i] = (struct assemble_blob){f[i].bytes, b->size, 0};
    }
    struct assembled a;
    assert_int_equal(assemble_extent(blobs, 2, 1, 1, &a), 0);
    assert_int_equal(((const struct image_extent *)(const void *)a.bytes)->regex_count, 2);
    assemble_free(&a);
}

static void the_same_blobs_give_the_same_bytes(void **state)
{
    (void)state;
    fixture_flag(&fixture, "a", 1, "x", 0);
    const struct image_blob *const b = fixture_at(&fixture, 0);
    struct assemble_blob blob = {fixture.bytes, b->size, 0};
    struct assembled one;
    struct assembled two;
    assert_int_equal(assemble_extent(&blob, 1, 1, 1, &one), 0);
    assert_int_equal(assemble_extent(&blob, 1, 1, 1, &two), 0);
    assert_int_equal(one.size, two.size);
    assert_memory_equal(one.bytes, two.bytes, one.size);
    assemble_free(&one);
    assemble_free(&two);
}

static void nothing_a_bad_blob_and_too_much_are_refused(void **state)
{
    (void)state;
    struct assembled a;
    assert_int_equal(assemble_extent(NULL, 0, 1, 1, &a), -1);
    assert_null(a.bytes);
    fixture_flag(&fixture, "a", 1, "x", 0);
    const struct image_blob *const b = fixture_at(&fixture, 0);
    struct assemble_blob blob = {fixture.bytes, b->size, 0};
    fixture.bytes[b->size - 1] = 1;
    assert_int_equal(assemble_extent(&blob, 1, 1, 1, &a), -1);
    assert_null(a.bytes);
    struct assemble_blob large[3] = {{fixture.bytes, IMAGE_MAX_FILE / 2, 0},
                                     {fixture.bytes, IMAGE_MAX_FILE / 2, 0},
                                     {fixture.bytes, UINT32_MAX, 0}};
    assert_int_equal(assemble_extent(large, 2, 1, 1, &a), -1);
    assert_int_equal(assemble_extent(large, 3, 1, 1, &a), -1);
    assert_null(a.bytes);
}

static void a_head_carries_what_it_was_given(void **state)
{
    (void)state;
    static struct image_slot slots[100];
    const struct image_extent_ref refs[2] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
    slots[99] = (struct image_slot){1, 128};
    const struct assemble_head in = {.generation = 11,
                                     .store_epoch = 12,
                                     .created_ms = 13,
                                     .digest = {14, 15},
                                     .flag_count = 16,
                                     .segment_count = 17,
                                     .extents = refs,
                                     .extent_count = 2,
                                     .slots = slots,
                                     .slot_count = 100,
                                     .index = {1, 192}};
    struct assembled a;
    assert_int_equal(assemble_head(&in, &a), 0);
    assert_int_equal(image_verify_head_header(a.bytes, a.size, NULL), FFSHM_OK);
    const struct image_head *const h = (const void *)a.bytes;
    assert_int_equal(h->generation, 11);
    assert_int_equal(h->created_ms, 13);
    assert_int_equal(h->digest[1], 15);
    assert_int_equal(h->flag_count, 16);
    assert_int_equal(h->segment_count, 17);
    assert_int_equal(h->index_extent, 1);
    assert_int_equal(h->index_offset, 192);
    assert_memory_equal(a.bytes + h->extents_offset, refs, sizeof refs);
    assert_memory_equal(a.bytes + h->slots_offset, slots, sizeof slots);
    assemble_free(&a);
}

static void a_head_may_have_no_slot_at_all(void **state)
{
    (void)state;
    const struct image_extent_ref ref = {1, 2, 3, 4};
    const struct assemble_head in = {.extents = &ref, .extent_count = 1};
    struct assembled a;
    assert_int_equal(assemble_head(&in, &a), 0);
    assert_int_equal(image_verify_head_header(a.bytes, a.size, NULL), FFSHM_OK);
    assemble_free(&a);
}

static void a_digest_is_the_same_in_any_order_and_gives_back_what_it_took(void **state)
{
    (void)state;
    const uint64_t a[2] = {UINT64_MAX, 5};
    const uint64_t b[2] = {1, UINT64_MAX};
    const uint64_t c[2] = {UINT64_MAX - 3, 9};
    uint64_t one[2] = {0, 0};
    uint64_t two[2] = {0, 0};
    digest_add(one, a);
    assert_int_equal(one[0], UINT64_MAX);
    digest_add(one, b); /* carries into the high half, and out of it */
    assert_int_equal(one[0], 0);
    assert_int_equal(one[1], 5);
    digest_add(one, c);
    digest_add(two, c);
    digest_add(two, b);
    digest_add(two, a);
    assert_memory_equal(one, two, sizeof one);
    digest_sub(one, b);
    digest_sub(one, a);
    assert_memory_equal(one, c, sizeof one);
    digest_sub(one, c);
    assert_int_equal(one[0] | one[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blobs_stand_one_after_the_other_and_the_bitmap_says_where),
        cmocka_unit_test(regexes_are_counted),
        cmocka_unit_test(the_same_blobs_give_the_same_bytes),
        cmocka_unit_test(nothing_a_bad_blob_and_too_much_are_refused),
        cmocka_unit_test(a_head_carries_what_it_was_given),
        cmocka_unit_test(a_head_may_have_no_slot_at_all),
        cmocka_unit_test(a_digest_is_the_same_in_any_order_and_gives_back_what_it_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
