/*
 * The audit's chain: whatever is done to its rows is found, by us and by a verifier that knows only
 * what audit.h says.
 */
#include "audit_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void hex_of(const uint8_t hash[STORAGE_AUDIT_HASH], char text[2 * STORAGE_AUDIT_HASH + 1])
{
    for (int i = 0; i < STORAGE_AUDIT_HASH; i++) {
        snprintf(text + (size_t)2 * (size_t)i, 3, "%02x", hash[i]);
    }
}

static void head_is(struct fixture *f, int64_t number, const char *hash)
{
    struct audit_checkpoint head;
    char text[2 * STORAGE_AUDIT_HASH + 1];
    ok(f, audit_checkpoint(f->s, &head, &f->fault));
    hex_of(head.hash, text);
    assert_int_equal(head.number, number);
    assert_string_equal(text, hash);
}

/* ---- the chain ----------------------------------------------------------------------------- */

#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

/* Worked out by another program, from the words in audit.h: it must never change. */
static void an_entry_has_the_hash_that_the_header_says(void **state)
{
    struct fixture *f = *state;
    struct storage_audit first = {.time_ms = 1700000000000,
                                  .actor = "ann",
                                  .authenticated = "uid 1000",
                                  .action = "flag.put",
                                  .target = "flag/new-checkout",
                                  .after = "{\"on\":true}",
                                  .reason = "launch",
                                  .digest = "00112233445566778899aabbccddeeff"};
    struct storage_audit second = {.time_ms = -5,
                                   .actor = "\xc3\xa9",
                                   .authenticated = "",
                                   .action = "flag.kill",
                                   .target = "flag/a",
                                   .before = "{}",
                                   .reason = ""};
    open_it(f);
    head_is(f, 0, NO_HASH);
    verifies(f, 0);
    ok(f, audit_append(f->s, &first, &f->fault));
    assert_int_equal(first.number, 1);
    head_is(f, 1, "fbe1d7de16671a3a89868c66c9132373cc67c50b4af78268d19fa672adee22c5");
    reopen(f);
    ok(f, audit_append(f->s, &second, &f->fault));
    assert_int_equal(second.number, 2);
    assert_memory_equal(second.previous, first.hash, sizeof first.hash);
    head_is(f, 2, "00f7ae0afa99fd0dd6a0cd9566e6f31b16125da26475575bf6948a0f1e33cd98");
    verifies(f, 2);
}

/* What stands in one member is not mistaken for the same in its neighbour, nor nothing for "". */
static void entries_that_differ_have_different_hashes(void **state)
{
    struct fixture *f = *state;
    const struct storage_audit entries[] = {
        {.actor = "ab", .authenticated = "c", .action = "", .target = ""},
        {.actor = "a", .authenticated = "bc", .action = "", .target = ""},
        {.actor = "", .authenticated = "abc", .action = "", .target = ""},
        {.actor = "", .authenticated = "", .action = "abc", .target = ""},
        {.actor = "", .authenticated = "", .action = "", .target = "abc"},
        {.actor = "", .authenticated = "", .action = "", .target = "", .before = "abc"},
        {.actor = "", .authenticated = "", .action = "", .target = "", .after = "abc"},
        {.actor = "", .authenticated = "", .action = "", .target = "", .reason = "abc"},
        {.actor = "", .authenticated = "", .action = "", .target = "", .digest = "abc"},
        {.actor = "", .authenticated = "", .action = "", .target = "", .digest = ""},
        {.actor = "", .authenticated = "", .action = "", .target = "", .reason = ""},
        {.actor = "", .authenticated = "", .action = "", .target = ""},
        {.actor = "", .authenticated = "", .action = "", .target = "", .time_ms = 1},
    };
    enum { COUNT = sizeof entries / sizeof *entries };
    uint8_t hashes[COUNT][STORAGE_AUDIT_HASH];
    open_it(f);
    for (int i = 0; i < COUNT; i++) {
        struct storage_audit e = entries[i];
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, audit_append(f->s, &e, &f->fault));
        storage_rollback(f->s);
        assert_int_equal(e.number, 1);
        memcpy(hashes[i], e.hash, sizeof e.hash);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(hashes[i], hashes[j], sizeof hashes[i]);
        }
    }
}

static void an_entry_is_part_of_its_transaction(void **state)
{
    struct fixture *f = *state;
    struct storage_audit e = entry_of(1);
    open_it(f);
    append(f, 3);
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, audit_append(f->s, &e, &f->fault));
    assert_int_equal(e.number, 4);
    storage_rollback(f->s);
    reopen(f);
    verifies(f, 3);
    append(f, 1);
    verifies(f, 4);
    e.actor = NULL;
    assert_int_equal(audit_append(f->s, &e, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "actor"));
    verifies(f, 4);
}

static void it_is_verified_in_pieces_too(void **state)
{
    struct fixture *f = *state;
    struct audit_result result = {.more = true};
    uint64_t entries = 0;
    int pieces = 0;
    open_it(f);
    append(f, 10);
    while (result.more) {
        const struct audit_checkpoint from = result.head;
        ok(f, audit_verify(f->s, pieces == 0 ? NULL : &from, NULL, 3, &result, &f->fault));
        assert_int_equal(result.bad, 0);
        entries += result.entries;
        assert_int_equal(result.head.number, entries);
        pieces++;
    }
    assert_int_equal(entries, 10);
    assert_int_equal(pieces, 4);
    ok(f, audit_verify(f->s, NULL, NULL, 10, &result, &f->fault));
    assert_false(result.more);
}

/* However many entries a piece may have: large ones take as long as many. */
static void a_piece_of_large_documents_has_fewer_entries(void **state)
{
    struct fixture *f = *state;
    char large[20000];
    struct audit_result result = {.more = true};
    int pieces = 0;
    memset(large, '#', sizeof large);
    large[sizeof large - 1] = '\0';
    open_it(f);
    for (int i = 0; i < 10; i++) {
        struct storage_audit e = entry_of(i);
        e.after = large;
        ok(f, audit_append(f->s, &e, &f->fault));
    }
    for (; result.more; pieces++) {
        const struct audit_checkpoint from = result.head;
        ok(f, audit_verify(f->s, &from, NULL, 1000, &result, &f->fault));
        assert_int_equal(result.bad, 0);
        assert_true(result.entries <= 2);
    }
    assert_int_equal(result.head.number, 10);
    assert_int_equal(pieces, 5);
    verifies(f, 10);
}

/* ---- rows changed, removed, inserted, moved ------------------------------------------------ */

/* After sql the entry of that number is the first that is wrong, and why has that text in it. */
static void finds(struct fixture *f, const char *sql, int64_t bad, const char *why)
{
    close_it(f);
    unlink(f->path);
    open_it(f);
    append(f, 6);
    tamper(f, sql);
    const struct audit_result result = verify(f, NULL, NULL);
    if (result.bad != bad || !strstr(result.why, why)) {
        fail_msg("%s: %" PRId64 ": %s", sql, result.bad, result.why);
    }
    assert_int_equal(result.entries, bad - 1);
}

static void every_member_of_every_entry_counts(void **state)
{
    struct fixture *f = *state;
    static const char *const changes[] = {
        "time_ms = time_ms + 1",
        "actor = actor || ' '",
        "authenticated = authenticated || x'00'",
        "action = upper(action)",
        "target = substr(target, 2)",
        "before = CASE WHEN before IS NULL THEN '' END",
        "after = CASE WHEN after IS NULL THEN '' END",
        "reason = CASE WHEN reason IS NULL THEN '' END",
        "digest = CASE WHEN digest IS NULL THEN '' END",
        "previous = hash",
        "hash = zeroblob(32)",
        "hash = substr(hash, 1, 31)",
        "previous = zeroblob(33)",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        for (int64_t n = 1; n <= 6; n++) {
            char sql[160];
            snprintf(sql, sizeof sql, "UPDATE audit SET %s WHERE number = %" PRId64, changes[i], n);
            finds(f, sql, n, "");
        }
    }
}

static void a_removed_entry_is_found(void **state)
{
    struct fixture *f = *state;
    finds(f, "DELETE FROM audit WHERE number = 1", 1, "missing; the next one is 2");
    finds(f, "DELETE FROM audit WHERE number BETWEEN 3 AND 4", 3, "missing; the next one is 5");
    finds(f, "DELETE FROM audit WHERE number = 6", 6, "missing; the newest was 6");
    finds(f, "DELETE FROM audit", 1, "missing; the newest was 6");
    finds(f,
          "DELETE FROM audit WHERE number = 3;"
          "UPDATE audit SET number = 3 WHERE number = 4;"
          "UPDATE audit SET number = 4 WHERE number = 5;"
          "UPDATE audit SET number = 5 WHERE number = 6",
          3, "changed");
}

static void a_moved_entry_is_found(void **state)
{
    struct fixture *f = *state;
    finds(f,
          "UPDATE audit SET number = 99 WHERE number = 2;"
          "UPDATE audit SET number = 2 WHERE number = 3;"
          "UPDATE audit SET number = 3 WHERE number = 99",
          2, "changed");
    finds(f, "UPDATE audit SET number = 7 WHERE number = 6", 6, "missing; the next one is 7");
    finds(f, "UPDATE audit SET number = -number", 1, "before it stands -6");
}

#define COPY_AS(number)                                                                            \
    "INSERT INTO audit SELECT " number ", time_ms, actor, authenticated, action, target, reason,"  \
    " digest, previous, hash, before, after FROM audit WHERE number = 3"

static void an_inserted_entry_is_found(void **state)
{
    struct fixture *f = *state;
    finds(f, COPY_AS("7"), 7, "changed");
    finds(f, COPY_AS("0"), 1, "before it stands 0");
    finds(f, COPY_AS("-9223372036854775808"), 1, "before it stands -9223372036854775808");
    finds(f, COPY_AS("9223372036854775807"), 7, "missing; the next one is 9223372036854775807");
    struct storage_audit e = entry_of(1);
    assert_int_equal(audit_append(f->s, &e, &f->fault), -1); /* there is no number above it */
    assert_non_null(strstr(f->fault.cause, "nobody wrote"));
}

/* Removed and added again by append itself: each is right alone, but not where it stands. */
static void an_entry_that_follows_another_one_is_found(void **state)
{
    struct fixture *f = *state;
    uint8_t kept[STORAGE_AUDIT_HASH];
    struct storage_audit forged = entry_of(9);
    open_it(f);
    append(f, 2);
    ok(f, audit_append(f->s, &forged, &f->fault)); /* 3, as it could have been */
    memcpy(kept, forged.hash, sizeof kept);
    tamper(f, "CREATE TABLE forged AS SELECT * FROM audit WHERE number = 3;"
              "DELETE FROM audit WHERE number = 3; UPDATE audit_newest SET number = 2");
    append(f, 3);
    verifies(f, 5);
    tamper(f, "DELETE FROM audit WHERE number = 3; INSERT INTO audit SELECT * FROM forged");
    const struct audit_result result = verify(f, NULL, NULL);
    assert_int_equal(result.bad, 4);
    assert_non_null(strstr(result.why, "does not follow"));
    assert_memory_equal(result.head.hash, kept, sizeof kept);
}

static void a_gap_at_the_end_stays_to_be_seen(void **state)
{
    struct fixture *f = *state;
    finds(f, "DELETE FROM audit WHERE number > 4", 5, "missing; the newest was 6");
    append(f, 2); /* 7 and 8 */
    const struct audit_result result = verify(f, NULL, NULL);
    assert_int_equal(result.bad, 5);
    assert_non_null(strstr(result.why, "the next one is 7"));
}

/* ---- checkpoints --------------------------------------------------------------------------- */

static void a_checkpoint_finds_what_the_file_alone_cannot_tell(void **state)
{
    struct fixture *f = *state;
    struct audit_checkpoint kept;
    open_it(f);
    append(f, 6);
    ok(f, audit_checkpoint(f->s, &kept, &f->fault));
    assert_int_equal(verify(f, &kept, NULL).bad, 0);
    assert_int_equal(verify(f, &kept, NULL).entries, 0);
    assert_int_equal(verify(f, NULL, &kept).entries, 6);
    append(f, 2);
    assert_int_equal(verify(f, &kept, NULL).entries, 2);
    assert_int_equal(verify(f, NULL, &kept).entries, 8);
    /* The tail is gone, and the file says that there never was one. */
    tamper(f, "DELETE FROM audit WHERE number > 4;"
              "UPDATE audit_newest SET number = 4");
    verifies(f, 4);
    assert_int_equal(verify(f, NULL, &kept).bad, 5);
    assert_int_equal(verify(f, &kept, NULL).bad, 6);
    /* A chain of another history, complete. */
    for (int i = 0; i < 4; i++) {
        struct storage_audit e = entry_of(100 + i);
        ok(f, audit_append(f->s, &e, &f->fault));
    }
    verifies(f, 8);
    assert_int_equal(verify(f, NULL, &kept).bad, 6);
    assert_non_null(strstr(verify(f, NULL, &kept).why, "checkpoint"));
    assert_int_equal(verify(f, &kept, NULL).bad, 6);
    assert_non_null(strstr(verify(f, &kept, NULL).why, "checkpoint"));
}

static void from_a_checkpoint_on_everything_is_found(void **state)
{
    struct fixture *f = *state;
    struct audit_checkpoint kept;
    open_it(f);
    append(f, 3);
    ok(f, audit_checkpoint(f->s, &kept, &f->fault));
    append(f, 3);
    tamper(f, "UPDATE audit SET actor = 'x' WHERE number = 2"); /* before it: not looked at */
    assert_int_equal(verify(f, &kept, NULL).bad, 0);
    tamper(f, "UPDATE audit SET actor = 'x' WHERE number = 3");
    assert_int_equal(verify(f, &kept, NULL).bad, 3);
    tamper(f, "DELETE FROM audit WHERE number = 3");
    assert_int_equal(verify(f, &kept, NULL).bad, 3);
    assert_non_null(strstr(verify(f, &kept, NULL).why, "missing"));
    const struct audit_checkpoint far = {.number = INT64_MAX};
    assert_int_equal(verify(f, &far, &far).bad, INT64_MAX);
    tamper(f, "DELETE FROM audit");
    assert_int_equal(verify(f, &kept, NULL).bad, 3);
}

/* ---- bytes of the file --------------------------------------------------------------------- */

/* Of every byte: a bit, another one, and all. */
static void flip_each_byte(struct fixture *f, struct image *image, size_t begin, size_t end)
{
    for (size_t at = begin; at < end; at++) {
        const unsigned char before = image->bytes[at];
        const unsigned char flips[] = {(unsigned char)(1u << at % 8), 0x80, 0xff};
        for (size_t i = 0; i < sizeof flips; i++) {
            image->bytes[at] = before ^ flips[i];
            if (!is_found(f, image, NULL)) {
                fail_msg("byte %zu of %zu: %02x, not %02x", at - begin, end - begin,
                         image->bytes[at], before);
            }
        }
        image->bytes[at] = before;
    }
}

static void a_flipped_byte_of_any_row_is_found(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof f->path, ":memory:");
    open_it(f);
    append(f, 5);
    struct image image = image_of(f);
    assert_false(is_found(f, &image, NULL));
    assert_int_equal(each_row(f, &image, flip_each_byte), 5);
    assert_false(is_found(f, &image, NULL));
    close_it(f);
    sqlite3_free(image.bytes);
}

static void flip_some_bytes(struct fixture *f, struct image *image, size_t begin, size_t length)
{
    for (size_t i = 0; i < length; i += i < 8 || i + 9 > length ? 1 : 5) {
        image->bytes[begin + i] ^= 4;
        assert_true(is_found(f, image, NULL));
        image->bytes[begin + i] ^= 4;
    }
}

/* A document that fills pages of its own: theirs are bytes of the row, too. */
static void a_flipped_byte_of_a_large_document_is_found(void **state)
{
    struct fixture *f = *state;
    char large[9000];
    memset(large, '#', sizeof large);
    large[sizeof large - 1] = '\0';
    struct storage_audit e = entry_of(2);
    e.after = large;
    snprintf(f->path, sizeof f->path, ":memory:");
    open_it(f);
    append(f, 1);
    ok(f, audit_append(f->s, &e, &f->fault));
    append(f, 1);
    struct image image = image_of(f);
    size_t bytes = 0;
    size_t run = 1;
    for (size_t at = 0; at < (size_t)image.length; at += run) {
        for (run = 0; at + run < (size_t)image.length && image.bytes[at + run] == '#'; run++) {
        }
        if (run > 100) { /* and not just another 35 */
            flip_some_bytes(f, &image, at, run);
            bytes += run;
        }
        run += run == 0;
    }
    assert_int_equal(bytes, sizeof large - 1);
    assert_false(is_found(f, &image, NULL));
    close_it(f);
    sqlite3_free(image.bytes);
}

/* ---- other tools, other files -------------------------------------------------------------- */

/* What tests/support/verify_audit.py says, and its exit code. */
static int others_say(const char *path, const struct audit_checkpoint *kept, char *text,
                      size_t capacity)
{
    char command[512];
    char hash[2 * STORAGE_AUDIT_HASH + 1] = "";
    char number[24] = "";
    if (kept) {
        hex_of(kept->hash, hash);
        snprintf(number, sizeof number, "%" PRId64, kept->number);
    }
    snprintf(command, sizeof command,
             "python3 '" FFSHM_SOURCE_DIR "/tests/support/verify_audit.py' '%s' %s %s 2>&1", path,
             number, hash);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t length = fread(text, 1, capacity - 1, pipe);
    text[length] = '\0';
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_verifier_of_a_few_lines_comes_to_the_same(void **state)
{
    struct fixture *f = *state;
    struct audit_checkpoint head;
    struct audit_checkpoint kept;
    char text[512];
    char wanted[128];
    char backup[160];
    snprintf(backup, sizeof backup, "%s/kept/backup", f->dir);
    open_it(f);
    append(f, 50);
    ok(f, audit_checkpoint(f->s, &kept, &f->fault));
    append(f, 50);
    ok(f, audit_checkpoint(f->s, &head, &f->fault));
    ok(f, storage_backup(f->s, backup, &f->fault));
    const int length = snprintf(wanted, sizeof wanted, "%" PRId64 " ", head.number);
    hex_of(head.hash, wanted + length);
    assert_int_equal(others_say(backup, &kept, text, sizeof text), 0);
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, wanted);
    kept.hash[0] ^= 1;
    assert_int_equal(others_say(backup, &kept, text, sizeof text), 1);
    assert_non_null(strstr(text, "entry 50 is not the one that was kept"));
    assert_int_equal(unlink(backup), 0);
    tamper(f, "UPDATE audit SET reason = 'innocent' WHERE number = 77");
    ok(f, storage_backup(f->s, backup, &f->fault));
    assert_int_equal(others_say(backup, NULL, text, sizeof text), 1);
    assert_non_null(strstr(text, "entry 77 is not right"));
}

static void a_check_of_the_file_verifies_the_audit(void **state)
{
    struct fixture *f = *state;
    struct storage_checked checked;
    struct audit_result result;
    struct audit_checkpoint kept;
    open_it(f);
    append(f, 6);
    ok(f, audit_checkpoint(f->s, &kept, &f->fault));
    close_it(f);
    ok(f, audit_check_storage(f->path, &kept, &checked, &result, &f->fault));
    assert_int_equal(result.entries, 6);
    assert_memory_equal(result.head.hash, kept.hash, sizeof kept.hash);
    kept.hash[3] ^= 1;
    assert_int_equal(audit_check_storage(f->path, &kept, &checked, &result, &f->fault), -1);
    open_it(f);
    tamper(f, "UPDATE audit SET target = 'flag/other' WHERE number = 4");
    close_it(f);
    assert_int_equal(audit_check_storage(f->path, NULL, &checked, &result, &f->fault), -1);
    assert_int_equal(result.bad, 4);
    assert_int_equal(result.entries, 3);
    assert_non_null(strstr(f->fault.cause, "audit entry 4 is not right"));
    assert_string_equal(f->fault.file, f->path);
    copy_file(FFSHM_SOURCE_DIR "/tests/golden/storage-v1/agent.db", f->path);
    ok(f, audit_check_storage(f->path, NULL, &checked, &result, &f->fault));
    assert_int_equal(checked.version, 1);
    assert_int_equal(result.entries, 0);
    open_it(f);
    verifies(f, 0);
    append(f, 1);
    verifies(f, 1);
}

/* ---- killed, full -------------------------------------------------------------------------- */

static void append_until_killed(struct fixture *f, volatile int64_t *committed)
{
    struct storage *s = storage_open(f->path, NULL);
    while (s) {
        struct storage_audit e = entry_of(*committed);
        struct storage_audit second = entry_of(*committed + 7);
        if (storage_begin(s, NULL) != 0 || audit_append(s, &e, NULL) != 0 ||
            audit_append(s, &second, NULL) != 0 || storage_commit(s, NULL) != 0) {
            _exit(2);
        }
        *committed = second.number;
    }
    _exit(1);
}

static void kill_9_leaves_a_chain_that_verifies_and_goes_on(void **state)
{
    struct fixture *f = *state;
    int64_t *committed = shared_number();
    struct audit_checkpoint kept = {.number = 0};
    for (int i = 0; i < 40; i++) {
        open_it(f);
        close_it(f);
        run_and_kill(f, append_until_killed, committed, 1000, 16000);
        open_it(f);
        const struct audit_result result = verify(f, &kept, NULL);
        assert_int_equal(result.bad, 0);
        kept = result.head;
        assert_true(kept.number == *committed || kept.number == *committed + 2);
        *committed = kept.number;
        close_it(f);
    }
    open_it(f);
    verifies(f, *committed);
    printf("%" PRId64 " entries\n", *committed);
    assert_true(*committed > 10);
    munmap(committed, sizeof *committed);
}

static void without_room_the_chain_stays_whole(void **state)
{
    struct fixture *f = *state;
    signal(SIGXFSZ, SIG_IGN);
    open_it(f);
    int64_t done = 0;
    for (rlim_t most = 24 << 10; most < 300 << 10; most += 41 << 10) {
        int result = 0;
        limit_files(most);
        while (result == 0) {
            struct storage_audit e = entry_of(done);
            memset(&f->fault, 0, sizeof f->fault);
            result = storage_begin(f->s, &f->fault);
            result = result ? result : audit_append(f->s, &e, &f->fault);
            result = result ? result : storage_commit(f->s, &f->fault);
            done += result == 0;
        }
        storage_rollback(f->s);
        limit_files(RLIM_INFINITY);
        assert_string_not_equal(f->fault.cause, "");
        verifies(f, done);
        append(f, 1);
        done++;
    }
    reopen(f);
    verifies(f, done);
    signal(SIGXFSZ, SIG_DFL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_entry_has_the_hash_that_the_header_says),
        T(entries_that_differ_have_different_hashes),
        T(an_entry_is_part_of_its_transaction),
        T(it_is_verified_in_pieces_too),
        T(a_piece_of_large_documents_has_fewer_entries),
        T(every_member_of_every_entry_counts),
        T(a_removed_entry_is_found),
        T(a_moved_entry_is_found),
        T(an_inserted_entry_is_found),
        T(an_entry_that_follows_another_one_is_found),
        T(a_gap_at_the_end_stays_to_be_seen),
        T(a_checkpoint_finds_what_the_file_alone_cannot_tell),
        T(from_a_checkpoint_on_everything_is_found),
        T(a_flipped_byte_of_any_row_is_found),
        T(a_flipped_byte_of_a_large_document_is_found),
        T(a_verifier_of_a_few_lines_comes_to_the_same),
        T(a_check_of_the_file_verifies_the_audit),
        T(kill_9_leaves_a_chain_that_verifies_and_goes_on),
        T(without_room_the_chain_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
