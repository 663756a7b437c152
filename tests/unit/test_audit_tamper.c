/*
 * A tampered trail is found, whatever was done to it: every byte of every column of every row, by
 * SQL and in the file; rows removed, swapped, inserted, renumbered, written anew. How many cases
 * that are is printed.
 *
 * ctest: merge timeout=600
 */
#include "audit_fixture.h"

#include <fcntl.h>

#define ROWS 30

/* Rows of many kinds: each column NULL and not, empty, long, not ASCII; one that fills pages of its
   own. */
static struct storage_audit row_of(int64_t n)
{
    static char document[3000];
    static const char *const actors[] = {"root", "ann", "caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac",
                                         "uid 1000"};
    struct storage_audit e = entry_of(n);
    e.time_ms = n == 7 ? -1 : n == 8 ? 0 : 1700000000000 + n * 86400000;
    e.actor = actors[n % 5];
    e.authenticated = n % 3 ? "unix uid 1000 pid 4242" : "token 0123456789abcdef";
    e.action = n % 7 == 0 ? "request.refused" : "flag.put";
    e.target = n % 6 == 0 ? "" : "new-checkout/\xf0\x9f\x9a\x80";
    e.reason = n % 4 == 0 ? NULL : n % 4 == 1 ? "" : "wrong prices \"\xe2\x82\xac\"";
    e.digest = n % 5 == 3 ? NULL : "00112233445566778899aabbccddeeff";
    if (n == 20) {
        memset(document, '#', sizeof document - 1);
        e.after = document;
    }
    return e;
}

static void write_trail(struct fixture *f)
{
    open_it(f);
    ok(f, storage_begin(f->s, &f->fault));
    for (int64_t n = 1; n <= ROWS; n++) {
        struct storage_audit e = row_of(n);
        ok(f, audit_append(f->s, &e, &f->fault));
    }
    ok(f, storage_commit(f->s, &f->fault));
    verifies(f, ROWS);
}

static void run(struct fixture *f, const char *sql)
{
    if (sqlite3_exec(f->s->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(f->s->db));
    }
}

/* The triggers do not keep the owner of the file from anything. */
static void drop_triggers(struct fixture *f)
{
    tamper(f, "SELECT 1");
}

/* ---- every byte of every column, by SQL ----------------------------------------------------- */

static const char *const columns[] = {"number",   "time_ms", "actor",  "authenticated",
                                      "action",   "target",  "reason", "digest",
                                      "previous", "hash",    "before", "after"};
#define COLUMNS (sizeof columns / sizeof *columns)

/* One value of the trail, and the statement that changes it. */
struct place {
    struct fixture *f;
    int64_t row;
    const char *column;
    sqlite3_stmt *update; /* ?1: the value */
    size_t cases;
};

/* What is bound is written, found, and taken back. A number may be taken already: then nobody could
   have written it either. */
static void try_it(struct place *p)
{
    run(p->f, "SAVEPOINT before");
    const int code = sqlite3_step(p->update);
    sqlite3_reset(p->update);
    if (code == SQLITE_DONE) {
        const struct audit_result result = verify(p->f, NULL, NULL);
        if (result.bad == 0 || (strcmp(p->column, "number") != 0 && result.bad != p->row)) {
            fail_msg("row %" PRId64 ", %s: %" PRId64 " %s", p->row, p->column, result.bad,
                     result.why);
        }
        p->cases++;
    } else {
        assert_int_equal(code & 0xff, SQLITE_CONSTRAINT);
        assert_string_equal(p->column, "number");
    }
    run(p->f, "ROLLBACK TO before; RELEASE before");
}

static void try_text(struct place *p, const char *bytes, size_t length)
{
    assert_int_equal(sqlite3_bind_text64(p->update, 1, bytes, length, SQLITE_STATIC, SQLITE_UTF8),
                     SQLITE_OK);
    try_it(p);
}

static void try_bytes(struct place *p, const char *bytes, size_t length, bool text)
{
    if (text) {
        try_text(p, bytes, length);
        return;
    }
    assert_int_equal(sqlite3_bind_blob64(p->update, 1, bytes, length, SQLITE_STATIC), SQLITE_OK);
    try_it(p);
}

/* Each byte changed, left out, and one more before it; at the end, too. */
static void change_bytes(struct place *p, const char *bytes, size_t length, bool text)
{
    char changed[4096];
    assert_true(length + 1 < sizeof changed);
    for (size_t at = 0; at < length; at++) {
        memcpy(changed, bytes, length);
        changed[at] = (char)((unsigned char)bytes[at] ^ (1u << at % 8));
        try_bytes(p, changed, length, text);
        changed[at] = (char)~(unsigned char)bytes[at];
        try_bytes(p, changed, length, text);
        memcpy(changed + at, bytes + at + 1, length - at - 1);
        try_bytes(p, changed, length - 1, text);
    }
    for (size_t at = 0; at <= length; at += length > 1000 ? 97 : 1) {
        memcpy(changed, bytes, at);
        changed[at] = text ? 'x' : '\0';
        memcpy(changed + at + 1, bytes + at, length - at);
        try_bytes(p, changed, length + 1, text);
    }
}

static void change_number(struct place *p, int64_t number)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        sqlite3_bind_int64(p->update, 1, (int64_t)((uint64_t)number ^ (UINT64_C(1) << bit)));
        try_it(p);
    }
    for (unsigned byte = 0; byte < 8; byte++) {
        sqlite3_bind_int64(p->update, 1,
                           (int64_t)((uint64_t)number ^ (UINT64_C(0xff) << 8 * byte)));
        try_it(p);
    }
}

/* What the column has, as it is; another type, and none, where the table lets that be. */
static void change_value(struct place *p, sqlite3_stmt *value)
{
    const int type = sqlite3_column_type(value, 0);
    const char *bytes = sqlite3_column_blob(value, 0);
    const size_t length = (size_t)sqlite3_column_bytes(value, 0);
    const bool optional = strcmp(p->column, "reason") == 0 || strcmp(p->column, "digest") == 0 ||
                          strcmp(p->column, "before") == 0 || strcmp(p->column, "after") == 0;
    if (type == SQLITE_INTEGER) {
        change_number(p, sqlite3_column_int64(value, 0));
    } else if (type == SQLITE_NULL) {
        try_text(p, "", 0);
        try_text(p, "null", 4);
    } else {
        change_bytes(p, bytes ? bytes : "", length, type == SQLITE_TEXT);
        if (length > 0) {
            try_bytes(p, "", 0, type == SQLITE_TEXT);
        }
        if (optional) {
            sqlite3_bind_null(p->update, 1);
            try_it(p);
        }
    }
}

static size_t change_column(struct fixture *f, int64_t row, const char *column)
{
    char sql[160];
    struct place p = {.f = f, .row = row, .column = column};
    sqlite3_stmt *value = NULL;
    snprintf(sql, sizeof sql, "UPDATE audit SET %s = ?1 WHERE number = %" PRId64, column, row);
    assert_int_equal(sqlite3_prepare_v2(f->s->db, sql, -1, &p.update, NULL), SQLITE_OK);
    snprintf(sql, sizeof sql, "SELECT %s FROM audit WHERE number = %" PRId64, column, row);
    assert_int_equal(sqlite3_prepare_v2(f->s->db, sql, -1, &value, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(value), SQLITE_ROW);
    /* A copy: the row is changed under it. */
    sqlite3_stmt *copy = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->s->db, "SELECT ?1", -1, &copy, NULL), SQLITE_OK);
    sqlite3_bind_value(copy, 1, sqlite3_column_value(value, 0));
    sqlite3_finalize(value);
    assert_int_equal(sqlite3_step(copy), SQLITE_ROW);
    change_value(&p, copy);
    sqlite3_finalize(copy);
    sqlite3_finalize(p.update);
    return p.cases;
}

static void any_byte_of_any_column_of_any_row_counts(void **state)
{
    struct fixture *f = *state;
    size_t cases = 0;
    write_trail(f);
    drop_triggers(f);
    run(f, "BEGIN");
    for (int64_t row = 1; row <= ROWS; row++) {
        for (size_t i = 0; i < COLUMNS; i++) {
            cases += change_column(f, row, columns[i]);
        }
    }
    run(f, "ROLLBACK");
    verifies(f, ROWS);
    printf("%zu values\n", cases);
    assert_true(cases > 20000);
}

/* ---- every byte of every row, in the file --------------------------------------------------- */

#define PAGE 4096u

/* Where bytes of a row are; a row whose document is large has several such places. */
struct range {
    size_t begin, length;
};

struct map {
    unsigned char *bytes; /* of the file */
    size_t length;
    struct range ranges[ROWS * 2];
    size_t count;
    int rows;
};

static uint32_t number_at(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void note(struct map *m, size_t begin, size_t length)
{
    assert_true(m->count < sizeof m->ranges / sizeof *m->ranges);
    assert_true(begin + length <= m->length);
    m->ranges[m->count++] = (struct range){begin, length};
}

/* A row: its length, and as much of it as fits here; the rest on pages of its own. The numbers are
   those of SQLite's description of its file. */
static void note_row(struct map *m, size_t cell)
{
    const size_t most = (PAGE - 12) * 64 / 255 - 23;
    const size_t least = (PAGE - 12) * 32 / 255 - 23;
    size_t header = 0;
    const size_t payload = varint(m->bytes + cell, &header);
    size_t here = payload;
    if (payload > most) {
        here = least + (payload - least) % (PAGE - 4);
        here = here <= most ? here : least;
    }
    note(m, cell, header + here);
    size_t left = payload - here;
    uint32_t page = left ? number_at(m->bytes + cell + header + here) : 0;
    while (left > 0) {
        const size_t begin = (size_t)(page - 1) * PAGE;
        const size_t some = left < PAGE - 4 ? left : PAGE - 4;
        note(m, begin + 4, some);
        page = number_at(m->bytes + begin);
        left -= some;
    }
    m->rows++;
}

/* The pages of the table, of which a row is in each, leaf or not. */
static void note_page(struct map *m, uint32_t page)
{
    const unsigned char *p = m->bytes + (size_t)(page - 1) * PAGE;
    const bool leaf = p[0] == 10;
    const size_t cells = (size_t)(p[3] << 8 | p[4]);
    assert_true(leaf || p[0] == 2);
    for (size_t i = 0; i < cells; i++) {
        const unsigned char *pointer = p + (leaf ? 8 : 12) + 2 * i;
        const size_t cell = (size_t)(page - 1) * PAGE + (size_t)(pointer[0] << 8 | pointer[1]);
        if (!leaf) {
            note_page(m, number_at(m->bytes + cell));
        }
        note_row(m, leaf ? cell : cell + 4);
    }
    if (!leaf) {
        note_page(m, number_at(p + 8));
    }
}

static uint32_t root_of(struct fixture *f)
{
    sqlite3_stmt *root = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->s->db,
                                        "SELECT rootpage FROM sqlite_schema WHERE name = 'audit'",
                                        -1, &root, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(root), SQLITE_ROW);
    const uint32_t page = (uint32_t)sqlite3_column_int(root, 0);
    sqlite3_finalize(root);
    return page;
}

/* As `ffctl audit verify --state` sees the file, without looking at the rest of it, which would
   find more. */
static bool file_is_right(struct fixture *f)
{
    int version = 0;
    struct audit_result result = {.bad = 0};
    struct storage *s = sqlite_inspect(f->path, &version, &f->fault);
    const bool right =
        s && audit_verify(s, NULL, NULL, 0, &result, &f->fault) == 0 && result.bad == 0;
    storage_close(s);
    return right;
}

static void any_byte_of_any_row_in_the_file_counts(void **state)
{
    struct fixture *f = *state;
    struct map m = {.length = 0};
    size_t cases = 0;
    write_trail(f);
    const uint32_t root = root_of(f);
    close_it(f);
    m.length = (size_t)size_of(f, "");
    const int fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    m.bytes = mmap(NULL, m.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(m.bytes != MAP_FAILED);
    note_page(&m, root);
    assert_int_equal(m.rows, ROWS);
    assert_true(m.count > ROWS); /* one of them has pages of its own */
    assert_true(file_is_right(f));
    for (size_t i = 0; i < m.count; i++) {
        for (size_t at = m.ranges[i].begin; at < m.ranges[i].begin + m.ranges[i].length; at++) {
            const unsigned char before = m.bytes[at];
            m.bytes[at] ^= (unsigned char)(1 + at * 37 % 255);
            if (file_is_right(f)) {
                fail_msg("byte %zu of the file: %02x, not %02x", at, m.bytes[at], before);
            }
            m.bytes[at] = before;
            cases++;
        }
    }
    assert_true(file_is_right(f));
    printf("%zu bytes of the file\n", cases);
    assert_true(cases > 8000);
    munmap(m.bytes, m.length);
    close(fd);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* After sql something is wrong; it is taken back. bad 0: whichever. */
static void finds(struct fixture *f, const char *sql, int64_t bad, size_t *cases)
{
    run(f, "SAVEPOINT before");
    run(f, sql);
    const struct audit_result result = verify(f, NULL, NULL);
    if (result.bad == 0 || (bad && result.bad != bad)) {
        fail_msg("%s: %" PRId64 " %s", sql, result.bad, result.why);
    }
    run(f, "ROLLBACK TO before; RELEASE before");
    (*cases)++;
}

#define FORMAT(sql, ...) snprintf(sql, sizeof(sql), __VA_ARGS__)

static void a_row_that_is_gone_or_elsewhere_is_found(void **state)
{
    struct fixture *f = *state;
    char sql[600];
    size_t cases = 0;
    write_trail(f);
    drop_triggers(f);
    run(f, "BEGIN");
    for (int a = 1; a <= ROWS; a++) {
        FORMAT(sql, "DELETE FROM audit WHERE number = %d", a);
        finds(f, sql, a, &cases);
        FORMAT(sql, "DELETE FROM audit WHERE number >= %d", a);
        finds(f, sql, a, &cases);
        FORMAT(sql, "DELETE FROM audit WHERE number <= %d", a);
        finds(f, sql, 1, &cases);
        /* The gap closed: those behind it move up. */
        FORMAT(sql,
               "DELETE FROM audit WHERE number = %d;"
               "UPDATE audit SET number = -number WHERE number > %d;"
               "UPDATE audit SET number = -number - 1 WHERE number < 0",
               a, a);
        finds(f, sql, a, &cases);
        for (int b = a + 1; b <= ROWS; b++) {
            FORMAT(sql,
                   "UPDATE audit SET number = 1000 WHERE number = %d;"
                   "UPDATE audit SET number = %d WHERE number = %d;"
                   "UPDATE audit SET number = %d WHERE number = 1000",
                   a, a, b, b);
            finds(f, sql, a, &cases);
        }
    }
    run(f, "ROLLBACK");
    printf("%zu removed or swapped\n", cases);
    assert_true(cases > 500);
}

#define INSERT                                                                                     \
    "INSERT INTO audit SELECT %s, time_ms, actor, authenticated, action, target, reason,"          \
    " digest, previous, hash, before, after FROM audit WHERE number = %d"

static void a_row_too_many_or_renumbered_is_found(void **state)
{
    struct fixture *f = *state;
    static const char *const strays[] = {
        "31", "32", "0", "-1", "9223372036854775807", "-9223372036854775808"};
    char sql[900];
    char number[32];
    size_t cases = 0;
    write_trail(f);
    drop_triggers(f);
    run(f, "BEGIN");
    for (int a = 1; a <= ROWS; a++) {
        for (size_t i = 0; i < sizeof strays / sizeof *strays; i++) {
            FORMAT(sql, INSERT, strays[i], a);
            finds(f, sql, 0, &cases);
        }
        /* Before the row of that number: the others make room. */
        for (int b = 1; b <= ROWS; b++) {
            FORMAT(number, "%d", b);
            const int length = FORMAT(sql,
                                      "UPDATE audit SET number = -number WHERE number >= %d;"
                                      "UPDATE audit SET number = 1 - number WHERE number < 0;",
                                      b);
            snprintf(sql + length, sizeof sql - (size_t)length, INSERT, number, a < b ? a : a + 1);
            finds(f, sql, a == b ? b + 1 : b, &cases);
        }
        FORMAT(sql,
               "UPDATE audit SET number = -number WHERE number >= %d;"
               "UPDATE audit SET number = 1 - number WHERE number < 0",
               a);
        finds(f, sql, a, &cases);
    }
    finds(f, "UPDATE audit SET number = -number", 1, &cases);
    run(f, "ROLLBACK");
    printf("%zu inserted or renumbered\n", cases);
    assert_true(cases > 1000);
}

static int take_row(void *arg, const struct storage_audit *e)
{
    struct storage_audit *copy = arg;
    *copy = *e;
    return 1;
}

/* Changes the actor and makes the row right by itself: its hash is the one that it would have. */
static void forge(struct fixture *f, int64_t row, const uint8_t *previous)
{
    const struct storage_audit_query query = {.after = row - 1};
    sqlite3_stmt *update = NULL;
    struct storage_audit e;
    char actor[] = "eve";
    assert_int_equal(storage_audit_list(f->s, &query, take_row, &e, &f->fault), 1);
    /* Its texts are gone; those that are hashed are read anew. */
    struct storage_audit written = row_of(row);
    written.number = e.number;
    memcpy(written.previous, previous ? previous : e.previous, sizeof written.previous);
    written.actor = actor;
    audit_hash(&written, written.hash);
    assert_int_equal(sqlite3_prepare_v2(f->s->db,
                                        "UPDATE audit SET actor = 'eve', previous = ?1, hash = ?2"
                                        " WHERE number = ?3",
                                        -1, &update, NULL),
                     SQLITE_OK);
    sqlite3_bind_blob(update, 1, written.previous, sizeof written.previous, SQLITE_STATIC);
    sqlite3_bind_blob(update, 2, written.hash, sizeof written.hash, SQLITE_STATIC);
    sqlite3_bind_int64(update, 3, row);
    assert_int_equal(sqlite3_step(update), SQLITE_DONE);
    sqlite3_finalize(update);
}

/* The row behind it has the hash that it had; of the last one a checkpoint tells. */
static void a_row_with_a_hash_of_its_own_is_found(void **state)
{
    struct fixture *f = *state;
    struct audit_checkpoint kept;
    write_trail(f);
    drop_triggers(f);
    ok(f, audit_checkpoint(f->s, &kept, &f->fault));
    run(f, "BEGIN");
    for (int64_t row = 1; row <= ROWS; row++) {
        run(f, "SAVEPOINT before");
        forge(f, row, NULL);
        const struct audit_result alone = verify(f, NULL, NULL);
        const struct audit_result known = verify(f, NULL, &kept);
        assert_int_equal(alone.bad, row < ROWS ? row + 1 : 0);
        assert_int_equal(known.bad, row < ROWS ? row + 1 : ROWS);
        run(f, "ROLLBACK TO before; RELEASE before");
    }
    run(f, "ROLLBACK");
    printf("%d forged\n", ROWS);
}

/* From a row on everything is made right again: the file alone cannot tell, a checkpoint does. */
static void a_chain_that_is_computed_anew_is_found_by_a_checkpoint(void **state)
{
    struct fixture *f = *state;
    struct audit_checkpoint kept;
    write_trail(f);
    drop_triggers(f);
    ok(f, audit_checkpoint(f->s, &kept, &f->fault));
    run(f, "BEGIN");
    for (int64_t first = 1; first <= ROWS; first++) {
        run(f, "SAVEPOINT before");
        struct audit_result result = {.bad = 0};
        for (int64_t row = first; row <= ROWS; row++) {
            const struct audit_result before = verify(f, NULL, NULL); /* up to the row before */
            forge(f, row, row == first ? NULL : before.head.hash);
        }
        result = verify(f, NULL, NULL);
        assert_int_equal(result.bad, 0);
        assert_int_equal(verify(f, NULL, &kept).bad, ROWS);
        assert_int_equal(verify(f, &kept, NULL).bad, ROWS);
        run(f, "ROLLBACK TO before; RELEASE before");
        /* The same of an end that was cut off, counter and all. */
        char sql[160];
        run(f, "SAVEPOINT before");
        FORMAT(sql, "DELETE FROM audit WHERE number >= %d; UPDATE audit_newest SET number = %d",
               (int)first, (int)first - 1);
        run(f, sql);
        assert_int_equal(verify(f, NULL, NULL).bad, 0);
        assert_int_equal(verify(f, NULL, &kept).bad, first);
        run(f, "ROLLBACK TO before; RELEASE before");
    }
    run(f, "ROLLBACK");
    verifies(f, ROWS);
    printf("%d chains\n", 2 * ROWS);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(any_byte_of_any_column_of_any_row_counts),
        T(any_byte_of_any_row_in_the_file_counts),
        T(a_row_that_is_gone_or_elsewhere_is_found),
        T(a_row_too_many_or_renumbered_is_found),
        T(a_row_with_a_hash_of_its_own_is_found),
        T(a_chain_that_is_computed_anew_is_found_by_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
