/*
 * The audit when there is much of it, and each single bit of its rows.
 *
 * ctest: merge timeout=300
 */
#include "audit_fixture.h"

#include <time.h>

#include "sha256.h"

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int count(void *arg, const struct storage_audit *e)
{
    (void)e;
    ++*(int *)arg;
    return 0;
}

/* Its speed is told, not judged; that it does not grow with the square is, by the timeout. */
static void a_hundred_thousand_entries_are_verified(void **state)
{
    struct fixture *f = *state;
    double began = seconds();
    open_it(f);
    for (int i = 0; i < 100; i++) {
        append(f, 1000);
    }
    printf("appended in %.2f s", seconds() - began);
    began = seconds();
    verifies(f, 100000);
    printf(", verified in %.2f s", seconds() - began);
    began = seconds();
    struct audit_result result = {.more = true};
    double longest = 0;
    while (result.more) {
        const struct audit_checkpoint from = result.head;
        const double piece = seconds();
        ok(f, audit_verify(f->s, &from, NULL, 1000, &result, &f->fault));
        longest = seconds() - piece > longest ? seconds() - piece : longest;
    }
    assert_int_equal(result.bad, 0);
    assert_int_equal(result.head.number, 100000);
    printf(", in pieces in %.2f s (at most %.1f ms each)", seconds() - began, 1e3 * longest);
    began = seconds();
    const struct storage_audit_query queries[] = {
        {.actor = "nobody"},
        {.action = "flag.kill", .backward = true, .limit = 100},
        {.target = "flag/f3", .after = 50000, .limit = 100},
        {.from_ms = 1700000000000 + 99900},
        {.to_ms = 1700000000000 + 101, .actor = "ann"},
        {.from_ms = 1700000000000 + 50000, .to_ms = 1700000000000 + 50010, .backward = true},
    };
    const int wanted[] = {0, 100, 100, 101, 50, 10};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        int rows = 0;
        ok(f, storage_audit_list(f->s, &queries[i], count, &rows, &f->fault));
        assert_int_equal(rows, wanted[i]);
    }
    printf(", %zu lists in %.1f ms\n", sizeof queries / sizeof *queries, 1e3 * (seconds() - began));
    tamper(f, "UPDATE audit SET actor = 'x' WHERE number = 99999");
    assert_int_equal(verify(f, NULL, NULL).bad, 99999);
}

static void flip_each_bit(struct fixture *f, struct image *image, size_t begin, size_t end)
{
    for (size_t at = begin; at < end; at++) {
        for (int bit = 0; bit < 8; bit++) {
            image->bytes[at] ^= (unsigned char)(1u << bit);
            if (!is_found(f, image, NULL)) {
                fail_msg("bit %d of byte %zu of %zu", bit, at - begin, end - begin);
            }
            image->bytes[at] ^= (unsigned char)(1u << bit);
        }
    }
}

static void a_flipped_bit_of_any_row_is_found(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof f->path, ":memory:");
    open_it(f);
    append(f, 10);
    struct image image = image_of(f);
    assert_int_equal(each_row(f, &image, flip_each_bit), 10);
    assert_false(is_found(f, &image, NULL));
    close_it(f);
    sqlite3_free(image.bytes);
}

/* What stands in the rows of a file, all members of all. */
static int add_row(void *arg, const struct storage_audit *e)
{
    struct sha256 *h = arg;
    const char *texts[] = {e->actor,  e->authenticated, e->action, e->target,
                           e->before, e->after,         e->reason, e->digest};
    sha256_add(h, &e->number, sizeof e->number);
    sha256_add(h, &e->time_ms, sizeof e->time_ms);
    sha256_add(h, &e->malformed, sizeof e->malformed);
    sha256_add(h, e->previous, sizeof e->previous);
    sha256_add(h, e->hash, sizeof e->hash);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sha256_add(h, texts[i] ? texts[i] : "\xff", texts[i] ? strlen(texts[i]) + 1 : 1);
    }
    return 0;
}

static void rows_of(struct fixture *f, uint8_t digest[SHA256_DIGEST])
{
    struct sha256 h;
    const struct storage_audit_query all = {.after = 0};
    sha256_begin(&h);
    if (storage_audit_list(f->s, &all, add_row, &h, &f->fault) != 0) {
        sha256_add(&h, "fault", 5);
    }
    sha256_end(&h, digest);
}

/* Whatever byte of the whole file: what is verified is what was written. */
static void a_flipped_byte_of_the_file_is_found_or_changes_no_row(void **state)
{
    struct fixture *f = *state;
    uint8_t before[SHA256_DIGEST];
    uint8_t after[SHA256_DIGEST];
    snprintf(f->path, sizeof f->path, ":memory:");
    open_it(f);
    append(f, 30);
    rows_of(f, before);
    struct image image = image_of(f);
    size_t found = 0;
    for (sqlite3_int64 at = 0; at < image.length; at++) {
        const unsigned char flip = (unsigned char)(1 + (at * 37) % 255);
        image.bytes[at] ^= flip;
        if (sqlite3_deserialize(f->s->db, "main", image.bytes, image.length, image.length,
                                SQLITE_DESERIALIZE_READONLY) != SQLITE_OK ||
            is_found(f, &image, NULL)) {
            found++;
        } else {
            rows_of(f, after);
            assert_memory_equal(before, after, sizeof before);
        }
        image.bytes[at] ^= flip;
    }
    printf("%zu of %d bytes\n", found, (int)image.length);
    assert_false(is_found(f, &image, NULL));
    close_it(f);
    sqlite3_free(image.bytes);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_hundred_thousand_entries_are_verified),
        T(a_flipped_bit_of_any_row_is_found),
        T(a_flipped_byte_of_the_file_is_found_or_changes_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
