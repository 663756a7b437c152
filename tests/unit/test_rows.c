/* Rows that a transaction changes, told and put into another storage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/audit.h"
#include "storage/rows.h"
#include "storage/storage_admin.h"

struct changes {
    struct row_change all[64];
    size_t count;
};

static void *copy(const void *bytes, size_t length)
{
    void *copied = bytes ? malloc(length + 1) : NULL;
    if (copied) {
        memcpy(copied, bytes, length);
    }
    return copied;
}

static int collect(void *arg, const struct row_change *c)
{
    struct changes *all = arg;
    struct row_change *to = &all->all[all->count++];
    *to = *c;
    to->key = copy(c->key, c->key_length);
    to->row = copy(c->row, c->row_length);
    return 0;
}

static void drop(struct changes *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free((void *)(uintptr_t)all->all[i].key);
        free((void *)(uintptr_t)all->all[i].row);
    }
    all->count = 0;
}

static struct storage *open_storage(void)
{
    struct fault fault = {0};
    struct storage *s = storage_open(":memory:", &fault);
    assert_non_null(s);
    return s;
}

static void write_something(struct storage *s)
{
    const struct storage_definition d = {.kind = STORAGE_FLAG,
                                         .key = "checkout",
                                         .text = "{\"a\": 1}",
                                         .changed_ms = 5,
                                         .changed_by = "ada",
                                         .audit = 1};
    const struct storage_override o = {.flag = "checkout", .reason = "why", .set_by = "ada"};
    struct storage_audit entry = {.time_ms = 7,
                                  .actor = "ada",
                                  .authenticated = "unix",
                                  .action = "flag.create",
                                  .target = "checkout"};
    int64_t version = 0;
    assert_int_equal(storage_definition_put(s, &d, 0, &version, NULL), 0);
    assert_int_equal(storage_override_put(s, &o, NULL), 0);
    assert_int_equal(storage_override_put(s, &o, NULL), 0);
    assert_int_equal(audit_append(s, &entry, NULL), 0);
}

static size_t of_table(const struct changes *all, enum rows_table table)
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        count += all->all[i].table == table;
    }
    return count;
}

static int proposed(void *arg, struct storage *s, struct fault *fault)
{
    return rows_captured(s, collect, arg, fault);
}

static int may_begin(void *arg, struct fault *fault)
{
    (void)arg, (void)fault;
    return 0;
}

static int count_override(void *arg, const struct storage_override *o)
{
    (void)o;
    ++*(int *)arg;
    return 0;
}

static void test_proposed_rows_make_another_storage_equal(void **state)
{
    (void)state;
    struct changes told = {.count = 0};
    const struct storage_agreement agreement = {may_begin, proposed, &told};
    struct storage *a = open_storage();
    struct storage *b = open_storage();
    int overrides = 0;
    assert_int_equal(storage_agree(a, &agreement, NULL), 0);
    assert_int_equal(storage_begin_durable(a, NULL), 0);
    write_something(a);
    assert_int_equal(storage_commit(a, NULL), 0);
    assert_false(storage_begun(a));
    /* what was proposed is not there yet */
    assert_int_equal(storage_override_list(a, NULL, 0, count_override, &overrides, NULL), 0);
    assert_int_equal(overrides, 0);
    assert_int_equal(told.count, 4); /* the override once */
    assert_int_equal(of_table(&told, ROWS_VERSION), 1);
    assert_int_equal(of_table(&told, ROWS_AUDIT), 1);
    struct storage *const both[] = {a, b};
    for (int i = 0; i < 2; i++) {
        struct audit_result audit;
        assert_int_equal(storage_begin_agreed(both[i], NULL), 0);
        for (size_t c = 0; c < told.count; c++) {
            assert_int_equal(rows_apply(both[i], &told.all[c], NULL), 0);
        }
        assert_int_equal(storage_commit(both[i], NULL), 0);
        overrides = 0;
        assert_int_equal(storage_override_list(both[i], NULL, 0, count_override, &overrides, NULL),
                         0);
        assert_int_equal(overrides, 1);
        assert_int_equal(audit_verify(both[i], NULL, NULL, 0, &audit, NULL), 0);
        assert_int_equal(audit.entries, 1);
        assert_int_equal(audit.bad, 0);
    }
    drop(&told);
    storage_close(a);
    storage_close(b);
}

static void test_a_row_that_is_gone(void **state)
{
    (void)state;
    struct changes told = {.count = 0};
    const struct storage_agreement agreement = {may_begin, proposed, &told};
    struct storage *a = open_storage();
    assert_int_equal(storage_begin(a, NULL), 0);
    write_something(a);
    assert_int_equal(storage_commit(a, NULL), 0);
    assert_int_equal(storage_agree(a, &agreement, NULL), 0);
    assert_int_equal(storage_begin_durable(a, NULL), 0);
    assert_int_equal(storage_override_delete(a, "checkout", NULL), 0);
    assert_int_equal(storage_commit(a, NULL), 0);
    assert_int_equal(told.count, 1);
    assert_null(told.all[0].row);
    struct rows_key key = {0};
    assert_int_equal(rows_key_read(told.all[0].key, told.all[0].key_length, &key, 1), 1);
    assert_int_equal(key.length, 8);
    assert_memory_equal(key.text, "checkout", 8);
    drop(&told);
    storage_close(a);
}

static void test_the_use_of_a_token_is_not_told(void **state)
{
    (void)state;
    struct changes told = {.count = 0};
    const struct storage_agreement agreement = {may_begin, proposed, &told};
    const struct storage_token token = {.id = "t1", .name = "n", .role = 1, .created_by = "ada"};
    struct storage *a = open_storage();
    assert_int_equal(storage_token_add(a, &token, NULL), 0);
    assert_int_equal(storage_agree(a, &agreement, NULL), 0);
    assert_int_equal(storage_begin_durable(a, NULL), 0);
    assert_int_equal(storage_token_used(a, "t1", 99, NULL), 0);
    assert_int_equal(storage_commit(a, NULL), 0);
    assert_int_equal(told.count, 0);
    storage_close(a);
}

static void test_all_rows_replace_all(void **state)
{
    (void)state;
    struct changes told = {.count = 0};
    struct storage *a = open_storage();
    struct storage *b = open_storage();
    assert_int_equal(storage_begin(a, NULL), 0);
    write_something(a);
    assert_int_equal(storage_commit(a, NULL), 0);
    for (unsigned t = 0; t < ROWS_TABLES; t++) {
        assert_int_equal(rows_each(a, (enum rows_table)t, collect, &told, NULL), 0);
    }
    assert_int_equal(told.count, 4);
    assert_int_equal(storage_begin(b, NULL), 0);
    write_something(b);

    assert_int_equal(rows_clear(b, NULL), 0);
    for (size_t c = 0; c < told.count; c++) {
        assert_int_equal(rows_apply(b, &told.all[c], NULL), 0);
    }
    assert_int_equal(storage_commit(b, NULL), 0);
    struct audit_checkpoint of_a;
    struct audit_checkpoint of_b;
    assert_int_equal(audit_checkpoint(a, &of_a, NULL), 0);
    assert_int_equal(audit_checkpoint(b, &of_b, NULL), 0);
    assert_int_equal(of_a.number, of_b.number);
    assert_memory_equal(of_a.hash, of_b.hash, sizeof of_a.hash);
    drop(&told);
    storage_close(a);
    storage_close(b);
}

static void test_a_malformed_row_is_refused(void **state)
{
    (void)state;
    struct storage *a = open_storage();
    struct fault fault = {0};
    const struct row_change wrong[] = {
        {ROWS_OVERRIDE, "\x91\xa1x", 3, "\x91\xa1x", 3}, /* too few columns */
        {ROWS_OVERRIDE, "\x91\xa1x", 3, "junk", 4},
        {ROWS_OVERRIDE, "\x92\xa1x\x01", 4, NULL, 0},
        {ROWS_OVERRIDE, "\x91\xa1x", 3, "\x97\xa1x\x01\x01\x01", 6},
    };
    assert_int_equal(storage_begin(a, NULL), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(rows_apply(a, &wrong[i], &fault), -1);
        assert_non_null(strstr(fault.cause, "override"));
    }
    storage_rollback(a);
    storage_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proposed_rows_make_another_storage_equal),
        cmocka_unit_test(test_a_row_that_is_gone),
        cmocka_unit_test(test_the_use_of_a_token_is_not_told),
        cmocka_unit_test(test_all_rows_replace_all),
        cmocka_unit_test(test_a_malformed_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
