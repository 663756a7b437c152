/* The audit trail over HTTP: pages, exports and verification, in steps, while others are served. */
#include "audit_fixture.h"

#include "admin/audit_export.h"
#include "admin_fixture.h"
#include "routes/routes_audit.h"

#define WAIT_MS 30000

struct both {
    struct admin_fixture admin;
    struct fixture *kept;
    struct state_file state;
    struct routes_audit routes;
};

static void begin(struct both *b, void **state)
{
    *b = (struct both){.kept = *state};
    open_it(b->kept);
    b->state.shared = b->kept->s;
    admin_fixture_init(&b->admin);
    admin_fixture_start(&b->admin);
    b->routes.state = &b->state;
    b->routes.server = b->admin.server;
    assert_int_equal(routes_audit_add(&b->routes), 0);
}

static void finish(struct both *b)
{
    admin_fixture_free(&b->admin);
    assert_int_equal(b->routes.lists, 0);
    assert_int_equal(b->routes.exports, 0);
    assert_int_equal(b->routes.verifications, 0);
}

static void ask(struct both *b, const char *request, unsigned status, struct admin_reply *reply)
{
    admin_ask(&b->admin, request, reply);
    if (reply->status != status) {
        fail_msg("%s: %u: %s", request, reply->status, reply->body);
    }
}

static void refuses(struct both *b, const char *query, const char *member)
{
    struct admin_reply reply;
    char request[256];
    snprintf(request, sizeof request, "GET /api/v1/audit%s", query);
    ask(b, request, 400, &reply);
    assert_string_equal(admin_member(&reply, "details.member"), member);
    admin_reply_free(&reply);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static json_int_t number_at(const json_t *items, size_t at)
{
    return json_integer_value(json_object_get(json_array_get(items, at), "number"));
}

/* The entries of all pages, by `next`. */
static unsigned pages(struct both *b, const char *query, unsigned *entries)
{
    struct admin_reply reply;
    char request[256];
    json_int_t after = 0;
    json_int_t before = INT64_MAX;
    unsigned count = 0;
    *entries = 0;
    do {
        int length = snprintf(request, sizeof request, "GET /api/v1/audit?%s", query);
        if (after) {
            snprintf(request + length, sizeof request - (size_t)length,
                     "&after=%" JSON_INTEGER_FORMAT, after);
        }
        ask(b, request, 200, &reply);
        const json_t *items = json_object_get(reply.json, "items");
        for (size_t i = 0; i < json_array_size(items); i++) {
            assert_true(number_at(items, i) < before);
            before = number_at(items, i);
        }
        *entries += (unsigned)json_array_size(items);
        after = json_integer_value(json_object_get(reply.json, "next"));
        admin_reply_free(&reply);
        count++;
    } while (after);
    return count;
}

static void pages_have_all_entries_that_match(void **state)
{
    struct both b;
    unsigned entries;
    begin(&b, state);
    assert_int_equal(pages(&b, "limit=3", &entries), 1);
    assert_int_equal(entries, 0);
    append(b.kept, 1000);
    assert_int_equal(pages(&b, "limit=100", &entries), 10);
    assert_int_equal(entries, 1000);
    assert_int_equal(pages(&b, "limit=1000", &entries), 1);
    assert_int_equal(entries, 1000);
    assert_int_equal(pages(&b, "actor=ann&limit=99", &entries), 6);
    assert_int_equal(entries, 500);
    pages(&b, "action=flag.kill&target=flag/f3", &entries);
    assert_int_equal(entries, 66);
    pages(&b, "from=1700000000100&to=1700000000200", &entries);
    assert_int_equal(entries, 100);
    pages(&b, "from=2023-11-14T22:13:20.990Z", &entries); /* 1700000000990 */
    assert_int_equal(entries, 11);
    pages(&b, "to=2023-11-14T23:13:20.011%2B01:00&actor=ann", &entries);
    assert_int_equal(entries, 5);
    pages(&b, "from=2100-01-01T00:00:00Z", &entries);
    assert_int_equal(entries, 0);
    finish(&b);
}

static void a_page_of_large_documents_is_shorter(void **state)
{
    struct both b;
    unsigned entries;
    char *large = malloc(200001);
    assert_non_null(large);
    memset(large, 'x', 200000);
    large[0] = large[199999] = '"';
    large[200000] = '\0';
    begin(&b, state);
    for (int i = 0; i < 10; i++) {
        struct storage_audit e = entry_of(i);
        e.after = large;
        ok(b.kept, audit_append(b.kept->s, &e, &b.kept->fault));
    }
    assert_int_equal(pages(&b, "limit=100", &entries), 4); /* of three each */
    assert_int_equal(entries, 10);
    free(large);
    finish(&b);
}

static void what_is_asked_wrongly_is_said_where(void **state)
{
    struct both b;
    begin(&b, state);
    refuses(&b, "?from=yesterday", "from");
    refuses(&b, "?from=-5", "from");
    refuses(&b, "?from=0", "from");
    refuses(&b, "?to=2026-13-01T00:00:00Z", "to");
    refuses(&b, "?to=2026-03-01T09:30:00+01:00", "to"); /* + is a space */
    refuses(&b, "?to=", "to");
    refuses(&b, "?format=xml", "format");
    refuses(&b, "?format=ndjson&limit=7", "limit");
    refuses(&b, "?limit=0", "limit");
    refuses(&b, "?after=x", "after");
    refuses(&b, "?before=7", "before");
    refuses(&b, "/verify?number=3", "hash");
    refuses(&b, "/verify?hash=00", "number");
    refuses(&b, "/verify?number=3&hash=00", "hash");
    refuses(&b, "/verify?number=0&hash=00", "number");
    finish(&b);
}

/* ---- exports -------------------------------------------------------------------------------- */

static struct audit_export verify_export(const struct admin_reply *reply)
{
    struct audit_export x;
    audit_export_begin(&x, NULL);
    for (const char *line = reply->body; *line;) {
        const size_t length = strcspn(line, "\n");
        if (audit_export_take(&x, line, length) != 0) {
            fail_msg("%s: %.*s", x.result.why, (int)length, line);
        }
        line += length + 1;
    }
    if (audit_export_finish(&x) != 0) {
        fail_msg("%s", x.result.why);
    }
    return x;
}

static void exports(struct both *b, const char *request, uint64_t entries, bool whole)
{
    struct admin_reply reply;
    struct audit_checkpoint head;
    ok(b->kept, audit_checkpoint(b->kept->s, &head, &b->kept->fault));
    ask(b, request, 200, &reply);
    assert_non_null(strstr(reply.head, "application/x-ndjson"));
    const struct audit_export x = verify_export(&reply);
    assert_int_equal(x.result.entries, entries);
    assert_int_equal(x.whole, whole);
    assert_int_equal(x.told.number, head.number);
    assert_memory_equal(x.told.hash, head.hash, sizeof head.hash);
    admin_reply_free(&reply);
}

static void an_export_has_everything_to_verify_it(void **state)
{
    struct both b;
    struct admin_reply reply;
    begin(&b, state);
    exports(&b, "GET /api/v1/audit?format=ndjson", 0, true);
    append(b.kept, 400);
    exports(&b, "GET /api/v1/audit?format=ndjson", 400, true);
    exports(&b, "GET /api/v1/audit\nAccept: application/x-ndjson, */*", 400, true);
    exports(&b, "GET /api/v1/audit?format=ndjson&after=350", 50, false);
    exports(&b, "GET /api/v1/audit?format=ndjson&actor=ann", 200, false);
    exports(&b, "GET /api/v1/audit?format=ndjson&from=1700000000100&to=1700000000200", 100, false);
    exports(&b, "GET /api/v1/audit?format=ndjson&target=none", 0, false);
    ask(&b, "GET /api/v1/audit?format=json\nAccept: application/x-ndjson", 200, &reply);
    assert_true(json_is_object(reply.json));
    admin_reply_free(&reply);
    ask(&b, "HEAD /api/v1/audit?format=ndjson", 200, &reply);
    admin_reply_free(&reply);
    finish(&b);
}

/* Longer than what may wait for a client. */
static void a_line_may_be_long(void **state)
{
    struct both b;
    char *large = malloc(700001);
    assert_non_null(large);
    memset(large, '"', 700000);
    large[700000] = '\0';
    begin(&b, state);
    for (int i = 0; i < 3; i++) {
        struct storage_audit e = entry_of(i);
        e.before = large;
        e.after = large;
        ok(b.kept, audit_append(b.kept->s, &e, &b.kept->fault));
    }
    exports(&b, "GET /api/v1/audit?format=ndjson", 3, true);
    free(large);
    finish(&b);
}

/* A client that has asked, and reads nothing yet. */
static int begin_export(struct both *b)
{
    static const char request[] = "GET /api/v1/audit?format=ndjson HTTP/1.1\r\nHost: t\r\n\r\n";
    const unsigned before = b->routes.exports;
    const int fd = admin_connect(&b->admin);
    admin_send(&b->admin, fd, request, sizeof request - 1);
    for (int i = 0; i < WAIT_MS && b->routes.exports == before; i++) {
        admin_pass(&b->admin, 1);
    }
    assert_int_equal(b->routes.exports, before + 1);
    return fd;
}

static void an_export_waits_for_its_client_and_ends_with_it(void **state)
{
    struct both b;
    struct admin_reply reply;
    int fds[8];
    begin(&b, state);
    append(b.kept, 1200); /* more than sockets take */
    for (size_t i = 0; i < 8; i++) {
        fds[i] = begin_export(&b);
    }
    append(b.kept, 10); /* after they have begun */
    ask(&b, "GET /api/v1/audit?format=ndjson", 503, &reply);
    assert_string_equal(admin_member(&reply, "code"), "too_busy");
    admin_reply_free(&reply);
    ask(&b, "GET /api/v1/audit?limit=1", 200, &reply);
    admin_reply_free(&reply);
    for (size_t i = 1; i < 8; i++) {
        (void)close(fds[i]);
    }
    for (int i = 0; i < WAIT_MS && b.routes.exports > 1; i++) {
        admin_pass(&b.admin, 1);
    }
    assert_int_equal(b.routes.exports, 1);
    assert_true(admin_receive(&b.admin, fds[0], false, WAIT_MS, &reply));
    const struct audit_export x = verify_export(&reply);
    assert_int_equal(x.result.entries, 1200);
    assert_int_equal(x.told.number, 1200);
    admin_reply_free(&reply);
    (void)close(fds[0]);
    assert_int_equal(begin_export(&b), fds[0]); /* and a server that stops */
    finish(&b);
    (void)close(fds[0]);
}

/* A row that cannot be read: the lines that were sent are no whole export. */
static void an_export_that_fails_has_no_last_line(void **state)
{
    struct both b;
    struct admin_reply reply;
    begin(&b, state);
    append(b.kept, 1200);
    const int fd = begin_export(&b);
    tamper(b.kept, "ALTER TABLE audit RENAME TO gone");
    assert_true(admin_receive(&b.admin, fd, false, WAIT_MS, &reply));
    const char *last = reply.body;
    for (const char *at; (at = strchr(last, '\n')) != NULL && at[1];) {
        last = at + 1;
    }
    assert_non_null(strstr(last, "{\"error\":{\"code\":\"storage_failed\""));
    assert_non_null(strstr(last, "no such table"));
    admin_reply_free(&reply);
    (void)close(fd);
    ask(&b, "GET /api/v1/audit", 503, &reply);
    admin_reply_free(&reply);
    ask(&b, "GET /api/v1/audit/verify", 503, &reply);
    admin_reply_free(&reply);
    ask(&b, "GET /api/v1/audit?format=ndjson", 503, &reply);
    admin_reply_free(&reply);
    finish(&b);
}

/* ---- verification --------------------------------------------------------------------------- */

static void finds(struct both *b, const char *query, json_int_t bad, json_int_t entries)
{
    struct admin_reply reply;
    char request[256];
    snprintf(request, sizeof request, "GET /api/v1/audit/verify%s", query);
    ask(b, request, 200, &reply);
    const json_t *found = json_object_get(reply.json, "bad");
    assert_int_equal(json_integer_value(found), bad);
    assert_int_equal(json_is_null(found), bad == 0);
    assert_int_equal(json_integer_value(json_object_get(reply.json, "entries")), entries);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(reply.json, "head"), "number")),
        entries);
    admin_reply_free(&reply);
}

static void a_verification_in_steps_finds_what_one_does(void **state)
{
    struct both b;
    struct audit_checkpoint kept;
    char hash[AUDIT_HASH_TEXT];
    char query[160];
    begin(&b, state);
    finds(&b, "", 0, 0);
    append(b.kept, 500);
    ok(b.kept, audit_checkpoint(b.kept->s, &kept, &b.kept->fault));
    append(b.kept, 1500);
    finds(&b, "", 0, 2000);
    audit_hash_text(kept.hash, hash);
    snprintf(query, sizeof query, "?number=500&hash=%s", hash);
    finds(&b, query, 0, 2000);
    snprintf(query, sizeof query, "?number=501&hash=%s", hash);
    finds(&b, query, 501, 500);
    snprintf(query, sizeof query, "?number=5000&hash=%s", hash);
    finds(&b, query, 2001, 2000);
    tamper(b.kept, "UPDATE audit SET reason = 'innocent' WHERE number = 1777");
    finds(&b, "", 1777, 1776);
    tamper(b.kept, "DELETE FROM audit WHERE number = 3");
    finds(&b, "", 3, 2);
    finish(&b);
}

static void verifications_go_on_beside_others_and_are_bounded(void **state)
{
    static const char request[] = "GET /api/v1/audit/verify HTTP/1.1\r\nHost: t\r\n\r\n";
    struct both b;
    struct admin_reply reply;
    int fds[10];
    unsigned good = 0;
    begin(&b, state);
    append(b.kept, 3000);
    for (size_t i = 0; i < 10; i++) {
        fds[i] = admin_connect(&b.admin);
        admin_send(&b.admin, fds[i], request, sizeof request - 1);
    }
    ask(&b, "GET /api/v1/health", 200, &reply);
    admin_reply_free(&reply);
    assert_int_equal(b.routes.verifications, 8);
    append(b.kept, 1); /* is verified, too */
    (void)close(fds[9]);
    for (size_t i = 0; i < 9; i++) {
        assert_true(admin_receive(&b.admin, fds[i], false, WAIT_MS, &reply));
        good += reply.status == 200;
        assert_true(reply.status == 200 || reply.status == 503);
        if (reply.status == 200) {
            assert_int_equal(json_integer_value(json_object_get(reply.json, "entries")), 3001);
            assert_true(json_is_null(json_object_get(reply.json, "bad")));
        }
        admin_reply_free(&reply);
        (void)close(fds[i]);
    }
    assert_in_range(good, 7, 8);
    finish(&b);
}

static void a_verification_ends_with_its_client(void **state)
{
    static const char request[] = "GET /api/v1/audit/verify HTTP/1.1\r\nHost: t\r\n\r\n";
    struct both b;
    begin(&b, state);
    append(b.kept, 3000);
    for (int i = 0; i < 3; i++) {
        const int fd = admin_connect(&b.admin);
        admin_send(&b.admin, fd, request, sizeof request - 1);
        for (int n = 0; n < WAIT_MS && b.routes.verifications == 0; n++) {
            admin_pass(&b.admin, 1);
        }
        (void)close(fd);
        admin_pass(&b.admin, 3);
        assert_int_equal(b.routes.verifications, 0);
    }
    const int fd = admin_connect(&b.admin);
    admin_send(&b.admin, fd, request, sizeof request - 1);
    admin_pass(&b.admin, 1);
    finish(&b); /* the server stops */
    (void)close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(pages_have_all_entries_that_match),
        T(a_page_of_large_documents_is_shorter),
        T(what_is_asked_wrongly_is_said_where),
        T(an_export_has_everything_to_verify_it),
        T(a_line_may_be_long),
        T(an_export_waits_for_its_client_and_ends_with_it),
        T(an_export_that_fails_has_no_last_line),
        T(a_verification_in_steps_finds_what_one_does),
        T(verifications_go_on_beside_others_and_are_bounded),
        T(a_verification_ends_with_its_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
