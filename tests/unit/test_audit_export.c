/*
 * An export of the trail: what is changed in it is found, by us and by a verifier that knows only
 * what audit_export.h says.
 */
#include "audit_fixture.h"

#include "admin/audit_export.h"

struct lines {
    char *line[64];
    size_t count;
};

static void add_line(struct lines *l, char *line, size_t length)
{
    assert_non_null(line);
    assert_int_equal(strlen(line), length);
    assert_null(strchr(line, '\n'));
    assert_true(l->count < sizeof l->line / sizeof *l->line);
    l->line[l->count++] = line;
}

static int on_entry(void *arg, const struct storage_audit *e)
{
    size_t length = 0;
    char *line = audit_export_line(e, &length);
    add_line(arg, line, length);
    return 0;
}

static struct lines export_of(struct fixture *f, const struct storage_audit_query *query)
{
    struct lines l = {.count = 0};
    struct audit_checkpoint head;
    size_t length = 0;
    ok(f, storage_audit_list(f->s, query, on_entry, &l, &f->fault));
    ok(f, audit_checkpoint(f->s, &head, &f->fault));
    const bool whole = !query->after && !query->actor && !query->to_ms;
    char *last = audit_export_last_line(&head, l.count, whole, &length);
    add_line(&l, last, length);
    return l;
}

static struct lines everything(struct fixture *f)
{
    const struct storage_audit_query all = {.after = 0};
    return export_of(f, &all);
}

static void lines_free(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->line[i]);
    }
    l->count = 0;
}

static struct audit_result verify_lines(const struct lines *l, const struct audit_checkpoint *known)
{
    struct audit_export x;
    int result = 0;
    audit_export_begin(&x, known);
    for (size_t i = 0; i < l->count && result == 0; i++) {
        result = audit_export_take(&x, l->line[i], strlen(l->line[i]));
    }
    result = result ? result : audit_export_finish(&x);
    assert_int_equal(result, x.result.bad != 0);
    assert_int_equal(x.result.bad != 0, x.result.why[0] != '\0');
    return x.result;
}

/* What tests/support/verify_audit.py says: its exit code. */
static int others_say(struct fixture *f, const struct lines *l,
                      const struct audit_checkpoint *known)
{
    char path[128];
    char command[512];
    char hash[AUDIT_HASH_TEXT] = "";
    char number[24] = "";
    snprintf(path, sizeof path, "%s/export", f->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < l->count; i++) {
        assert_true(fprintf(file, "%s\n", l->line[i]) > 0);
    }
    assert_int_equal(fclose(file), 0);
    if (known) {
        audit_hash_text(known->hash, hash);
        snprintf(number, sizeof number, "%" PRId64, known->number);
    }
    snprintf(command, sizeof command,
             "python3 '" FFSHM_SOURCE_DIR
             "/tests/support/verify_audit.py' '%s' %s %s >/dev/null 2>&1",
             path, number, hash);
    const int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void is_right(struct fixture *f, const struct lines *l, const struct audit_checkpoint *known,
                     uint64_t entries)
{
    const struct audit_result result = verify_lines(l, known);
    if (result.bad) {
        fail_msg("%" PRId64 ": %s", result.bad, result.why);
    }
    assert_int_equal(result.entries, entries);
    assert_int_equal(others_say(f, l, known), 0);
}

static void is_wrong(struct fixture *f, const struct lines *l, const struct audit_checkpoint *known,
                     int64_t bad, const char *why)
{
    const struct audit_result result = verify_lines(l, known);
    if (result.bad != bad || !strstr(result.why, why)) {
        fail_msg("%" PRId64 ": %s", result.bad, result.why);
    }
    assert_int_equal(others_say(f, l, known), 1);
}

/* ---- what is right -------------------------------------------------------------------------- */

static void an_export_is_all_that_is_needed_to_verify(void **state)
{
    struct fixture *f = *state;
    struct audit_checkpoint head;
    open_it(f);
    struct lines l = everything(f);
    is_right(f, &l, NULL, 0);
    lines_free(&l);
    append(f, 30);
    ok(f, audit_checkpoint(f->s, &head, &f->fault));
    l = everything(f);
    assert_non_null(strstr(l.line[0], "{\"number\":1,\"timeMs\":1700000000001,\"actor\":\"ann\""));
    assert_non_null(strstr(l.line[0], "\"beforeText\":\"{\\\"on\\\":false}\",\"afterText\":null"));
    is_right(f, &l, NULL, 30);
    is_right(f, &l, &head, 30);
    const struct audit_result result = verify_lines(&l, &head);
    assert_int_equal(result.head.number, 30);
    assert_memory_equal(result.head.hash, head.hash, sizeof head.hash);
    lines_free(&l);
}

static void texts_are_exported_as_they_were_hashed(void **state)
{
    struct fixture *f = *state;
    struct storage_audit e = entry_of(1);
    open_it(f);
    e.actor = "\x01\t\n\"\\\x7f\xf0\x9f\x9a\x80 \xe2\x80\xa8";
    e.before = "{ \"a\" : 1.0, \"a\": 1e3 }"; /* not as a JSON library would write it */
    e.after = "not JSON";
    e.time_ms = -5;
    ok(f, audit_append(f->s, &e, &f->fault));
    e.before = "";
    e.time_ms = INT64_MAX;
    ok(f, audit_append(f->s, &e, &f->fault));
    struct lines l = everything(f);
    is_right(f, &l, NULL, 2);
    lines_free(&l);
}

static void a_part_is_verified_by_what_it_has(void **state)
{
    struct fixture *f = *state;
    struct audit_checkpoint kept;
    struct audit_checkpoint head;
    const struct storage_audit_query behind = {.after = 10};
    const struct storage_audit_query ann = {.actor = "ann"};
    const struct storage_audit_query early = {.to_ms = 1700000000000 + 15};
    open_it(f);
    append(f, 10);
    ok(f, audit_checkpoint(f->s, &kept, &f->fault));
    append(f, 10);
    ok(f, audit_checkpoint(f->s, &head, &f->fault));
    struct lines l = export_of(f, &behind);
    is_right(f, &l, NULL, 10);
    is_right(f, &l, &kept, 10); /* it follows what was kept */
    is_right(f, &l, &head, 10);
    kept.hash[7] ^= 1;
    is_wrong(f, &l, &kept, 11, "does not follow the entry of the checkpoint");
    lines_free(&l);
    l = export_of(f, &ann); /* every other one */
    is_right(f, &l, NULL, 10);
    is_wrong(f, &l, &head, 20, "the entry of the checkpoint is missing");
    lines_free(&l);
    l = export_of(f, &early);
    is_right(f, &l, NULL, 14);
    lines_free(&l);
}

/* ---- what is wrong -------------------------------------------------------------------------- */

/* Takes the line out; it is to be freed. */
static char *without(struct lines *l, size_t at)
{
    char *line = l->line[at];
    memmove(&l->line[at], &l->line[at + 1], (l->count - at - 1) * sizeof *l->line);
    l->count--;
    return line;
}

static void insert(struct lines *l, size_t at, char *line)
{
    memmove(&l->line[at + 1], &l->line[at], (l->count - at) * sizeof *l->line);
    l->line[at] = line;
    l->count++;
}

static void lines_that_are_gone_or_moved_are_found(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    append(f, 8);
    struct lines l = everything(f);
    char *line = without(&l, 0);
    is_wrong(f, &l, NULL, 1, "missing");
    insert(&l, 1, line); /* 2, 1, 3 */
    is_wrong(f, &l, NULL, 3, "before it stands 1");
    line = without(&l, 1);
    insert(&l, 0, line);
    line = without(&l, 4);
    is_wrong(f, &l, NULL, 5, "missing");
    insert(&l, 4, line);
    line = without(&l, 7);
    is_wrong(f, &l, NULL, 8, "missing; the newest was 8");
    insert(&l, 7, line);
    char *last = without(&l, 8);
    is_wrong(f, &l, NULL, 9, "the last line is missing");
    insert(&l, 0, last);
    is_wrong(f, &l, NULL, 1, "line 2 is behind the last one");
    last = without(&l, 0);
    insert(&l, 8, last);
    insert(&l, 3, strdup(l.line[3])); /* twice */
    is_wrong(f, &l, NULL, 5, "before it stands 4");
    free(without(&l, 3));
    is_right(f, &l, NULL, 8);
    lines_free(&l);
}

/* Each byte of each line, changed to what may still be JSON, and to what may not. */
static void any_byte_of_a_line_counts(void **state)
{
    struct fixture *f = *state;
    static const unsigned char flips[] = {0x01, 0x02, 0x10, 0x20, 0x80};
    size_t cases = 0;
    open_it(f);
    append(f, 7);
    struct lines l = everything(f);
    for (size_t i = 0; i < l.count; i++) {
        for (size_t at = 0; l.line[i][at]; at++) {
            const char before = l.line[i][at];
            for (size_t n = 0; n < sizeof flips; n++) {
                l.line[i][at] = (char)((unsigned char)before ^ flips[n]);
                const struct audit_result result = verify_lines(&l, NULL);
                /* A digit of a hash may be written in capitals. */
                const bool same = flips[n] == 0x20 && before >= 'a' && before <= 'f';
                if (result.bad == 0 && !same) {
                    fail_msg("line %zu, byte %zu: %s", i, at, l.line[i]);
                }
                cases++;
            }
            l.line[i][at] = before;
        }
    }
    printf("%zu changes\n", cases);
    is_right(f, &l, NULL, 7);
    lines_free(&l);
}

static void replace(struct lines *l, size_t at, const char *text)
{
    free(l->line[at]);
    l->line[at] = strdup(text);
    assert_non_null(l->line[at]);
}

static void what_is_no_export_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"number\":2}",
        "{\"number\":2,\"malformed\":true}",
        "\xff",
        "{\"error\":{\"code\":\"storage_failed\",\"message\":\"the disk is gone\"}}",
    };
    open_it(f);
    append(f, 3);
    struct lines l = everything(f);
    char *second = strdup(l.line[1]);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        replace(&l, 1, texts[i]);
        is_wrong(f, &l, NULL, 2, i == 7 ? "broken off: the disk is gone" : "");
    }
    /* A member more would be read, and proved by nothing. */
    char more[2048];
    snprintf(more, sizeof more, "%.*s,\"after\":{\"on\":false}}", (int)strlen(second) - 1, second);
    replace(&l, 1, more);
    is_wrong(f, &l, NULL, 2, "line 2 is no entry");
    snprintf(more, sizeof more, "{\"actor\":\"eve\",%s", second + 1);
    replace(&l, 1, more);
    assert_int_equal(verify_lines(&l, NULL).bad, 2);
    replace(&l, 1, second);
    free(second);
    static const char *const lasts[] = {
        "{\"checkpoint\":{\"number\":3},\"entries\":3,\"whole\":true}",
        "{\"checkpoint\":{\"number\":3,\"hash\":\"00\"},\"entries\":3,\"whole\":true}",
        "{\"checkpoint\":7}",
    };
    for (size_t i = 0; i < sizeof lasts / sizeof *lasts; i++) {
        replace(&l, 3, lasts[i]);
        assert_int_equal(verify_lines(&l, NULL).bad, 4);
    }
    lines_free(&l);
}

static void a_row_that_nobody_wrote_is_told_as_that(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    append(f, 4);
    tamper(f, "UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE number = 3");
    struct lines l = everything(f);
    assert_string_equal(l.line[2], "{\"number\":3,\"malformed\":true}");
    is_wrong(f, &l, NULL, 3, "not of the form that was written");
    lines_free(&l);
}

static void hashes_are_read_as_they_are_written(void **state)
{
    uint8_t hash[STORAGE_AUDIT_HASH];
    char text[AUDIT_HASH_TEXT];
    (void)state;
    for (unsigned i = 0; i < sizeof hash; i++) {
        hash[i] = (uint8_t)(i * 37 + 5);
    }
    audit_hash_text(hash, text);
    uint8_t again[STORAGE_AUDIT_HASH];
    assert_int_equal(audit_hash_parse(text, again), 0);
    assert_memory_equal(hash, again, sizeof hash);
    text[63] = 'g';
    assert_int_equal(audit_hash_parse(text, again), -1);
    text[63] = '\0';
    assert_int_equal(audit_hash_parse(text, again), -1);
    assert_int_equal(audit_hash_parse("", again), -1);
    assert_int_equal(
        audit_hash_parse("00000000000000000000000000000000000000000000000000000000000000000",
                         again),
        -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_export_is_all_that_is_needed_to_verify),
        T(texts_are_exported_as_they_were_hashed),
        T(a_part_is_verified_by_what_it_has),
        T(lines_that_are_gone_or_moved_are_found),
        T(any_byte_of_a_line_counts),
        T(what_is_no_export_is_refused),
        T(a_row_that_nobody_wrote_is_told_as_that),
        T(hashes_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
