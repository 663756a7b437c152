/* Records of a fleet: written, read, chained; and what is no record is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet_keys.h"
#include "fleet/fleet_record.h"
#include "fleet/fleet_replica.h"

static const struct row_change changes[] = {
    {ROWS_OVERRIDE, "\x91\xa1x", 3, "\x97\xa1x\x00\xc0\xa1y\xa1z\x01\x00", 11},
    {ROWS_OVERRIDE, "\x91\xa1w", 3, NULL, 0},
};
#define CHANGES (sizeof changes / sizeof *changes)

static void make(struct fleet_record *record)
{
    struct fleet_record_writer *w = fleet_record_begin("host", 1700000000000);
    assert_non_null(w);
    for (size_t i = 0; i < CHANGES; i++) {
        assert_int_equal(fleet_record_put(w, &changes[i]), 0);
    }
    assert_int_equal(fleet_record_end(w, record), 0);
}

static int expect_next(void *arg, const struct row_change *c)
{
    size_t *at = arg;
    const struct row_change *wanted = &changes[(*at)++];
    assert_int_equal(c->table, wanted->table);
    assert_int_equal(c->key_length, wanted->key_length);
    assert_memory_equal(c->key, wanted->key, wanted->key_length);
    assert_int_equal(c->row != NULL, wanted->row != NULL);
    assert_int_equal(c->row_length, wanted->row_length);
    return 0;
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    struct fleet_record record;
    struct fleet_record_head head;
    size_t at = 0;
    make(&record);
    assert_int_equal(fleet_record_read(record.bytes, record.length, &head, expect_next, &at, NULL),
                     0);
    assert_int_equal(at, CHANGES);
    assert_int_equal(head.changes, CHANGES);
    assert_int_equal(head.time_ms, 1700000000000);
    assert_int_equal(head.host_length, 4);
    assert_memory_equal(head.host, "host", 4);
    assert_memory_equal(head.id, record.id, FLEET_ID);
    fleet_record_free(&record);
}

static int count_one(void *arg, const struct row_change *c)
{
    (void)c;
    ++*(size_t *)arg;
    return 0;
}

/* Every truncation, and every byte changed in some ways: refused as a whole, or a record. */
static void test_what_is_no_record_is_refused(void **state)
{
    (void)state;
    struct fleet_record record;
    struct fleet_record_head head;
    make(&record);
    for (size_t length = 0; length < record.length; length++) {
        struct fault fault = {0};
        size_t told = 0;
        char *part = malloc(length + 1);
        memcpy(part, record.bytes, length);
        assert_int_equal(fleet_record_read(part, length, &head, count_one, &told, &fault), -1);
        assert_int_equal(told, 0);
        assert_true(fault.cause[0] != '\0');
        free(part);
    }
    for (size_t i = 0; i < record.length; i++) {
        for (int flip = 1; flip < 256; flip++) {
            size_t told = 0;
            record.bytes[i] = (char)(record.bytes[i] ^ flip);
            const int result =
                fleet_record_read(record.bytes, record.length, &head, count_one, &told, NULL);
            assert_true(result == 0 ? told == head.changes : told == 0);
            record.bytes[i] = (char)(record.bytes[i] ^ flip);
        }
    }
    fleet_record_free(&record);
}

static void test_a_chain_depends_on_all_before(void **state)
{
    (void)state;
    char a[FLEET_CHAIN] = "00000000000000000000000000000000";
    char b[FLEET_CHAIN];
    char c[FLEET_CHAIN];
    fleet_chain_next(a, "one", 3, b);
    fleet_chain_next(b, "two", 3, c);
    assert_int_equal(strlen(c), 32);
    char other[FLEET_CHAIN];
    fleet_chain_next(a, "two", 3, other);
    fleet_chain_next(other, "one", 3, other);
    assert_string_not_equal(c, other);
    fleet_chain_next(a, "one", 3, other);
    assert_string_equal(b, other);
}

static void test_keys_of_an_environment_are_in_one_slot(void **state)
{
    (void)state;
    struct fleet_keys keys;
    assert_int_equal(fleet_keys_make(&keys, "ffshm", "production", "0123"), 0);
    assert_string_equal(keys.head, "{ffshm:production}:head");
    assert_string_equal(keys.rows[ROWS_TOKEN], "{ffshm:production}:t:token");
    assert_string_equal(keys.staged[ROWS_AUDIT], "{ffshm:production}:new:0123:audit");
    fleet_keys_free(&keys);
}

static struct storage *open_storage(void)
{
    struct storage *s = storage_open(":memory:", NULL);
    assert_non_null(s);
    return s;
}

static void test_a_replica_takes_only_what_follows(void **state)
{
    (void)state;
    struct fleet_replica r;
    struct fleet_record record;
    struct fault fault = {0};
    const struct fleet_position begun = {.epoch = "00000000000000000000000000000001",
                                         .chain = "00000000000000000000000000000002"};
    char chain[FLEET_CHAIN];
    size_t told = 0;
    make(&record);
    struct storage *s = open_storage();
    assert_int_equal(fleet_replica_load(&r, s, &fault), 0);
    assert_string_equal(r.at.epoch, "");
    assert_int_equal(fleet_replica_found(&r, &begun, &fault), 0);
    fleet_chain_next(begun.chain, record.bytes, record.length, chain);
    const struct fleet_entry good = {1, record.bytes, record.length, chain};
    const struct fleet_entry late = {2, record.bytes, record.length, chain};
    const struct fleet_entry other = {1, record.bytes, record.length, begun.chain};
    assert_int_equal(fleet_replica_apply(&r, &late, 1, false, count_one, &told, &fault),
                     FLEET_DIVERGED);
    assert_int_equal(fleet_replica_apply(&r, &other, 1, false, count_one, &told, &fault),
                     FLEET_DIVERGED);
    assert_int_equal(told, 0);
    assert_int_equal(fleet_replica_apply(&r, &good, 1, true, count_one, &told, &fault),
                     FLEET_APPLIED);
    assert_int_equal(told, CHANGES);
    assert_int_equal(r.at.sequence, 1);
    /* and it is where it was after a restart */
    struct fleet_replica again;
    assert_int_equal(fleet_replica_load(&again, s, &fault), 0);
    assert_int_equal(again.at.sequence, 1);
    assert_string_equal(again.at.chain, chain);
    assert_string_equal(again.at.epoch, begun.epoch);
    storage_close(s);
    fleet_record_free(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_what_is_no_record_is_refused),
        cmocka_unit_test(test_a_chain_depends_on_all_before),
        cmocka_unit_test(test_keys_of_an_environment_are_in_one_slot),
        cmocka_unit_test(test_a_replica_takes_only_what_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
