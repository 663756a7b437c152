/* POST /backup: in steps beside others, one at a time, given up with its client, and told. */
#include "audit_fixture.h"

#include <fcntl.h>

#include "admin_fixture.h"
#include "routes/routes_backup.h"

#define WAIT_MS 30000

struct both {
    struct admin_fixture admin;
    struct fixture *kept;
    struct state_file state;
    struct routes_backup routes;
    char file[128]; /* of a backup */
};

static void begin(struct both *b, void **state)
{
    *b = (struct both){.kept = *state};
    open_it(b->kept);
    append(b->kept, 4000);
    b->state.shared = b->kept->s;
    snprintf(b->file, sizeof b->file, "%s/copies/today.db", b->kept->dir);
    admin_fixture_init(&b->admin);
    admin_fixture_start(&b->admin);
    b->routes = (struct routes_backup){
        .state = &b->state, .own = &b->state, .server = b->admin.server, .dir = b->admin.dir};
    assert_int_equal(routes_backup_add(&b->routes), 0);
}

static void finish(struct both *b)
{
    admin_fixture_free(&b->admin);
    assert_false(b->routes.runs);
}

static void request_of(const struct both *b, const char *query, char *text, size_t capacity)
{
    snprintf(text, capacity,
             "POST /api/v1/backup%s\nContent-Type: application/json\nX-Reason: a test\n\n"
             "{\"file\": \"%s\"}",
             query, b->file);
}

static void ask(struct both *b, const char *query, unsigned status, struct admin_reply *reply)
{
    char text[512];
    request_of(b, query, text, sizeof text);
    admin_ask(&b->admin, text, reply);
    if (reply->status != status) {
        fail_msg("%u: %s", reply->status, reply->body);
    }
}

/* A client that has asked, when it has begun. */
static int begin_backup(struct both *b)
{
    char text[512];
    char body[160];
    const int fd = admin_connect(&b->admin);
    snprintf(body, sizeof body, "{\"file\": \"%s\"}", b->file);
    snprintf(text, sizeof text,
             "POST /api/v1/backup HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    admin_send(&b->admin, fd, text, strlen(text));
    for (int i = 0; i < WAIT_MS && !b->routes.runs; i++) {
        admin_pass(&b->admin, 1);
    }
    assert_true(b->routes.runs);
    return fd;
}

static int take_entry(void *arg, const struct storage_audit *e)
{
    char *text = arg;
    snprintf(text, 400, "%s %s %s %s", e->action, e->target, e->reason ? e->reason : "-",
             e->after ? e->after : "-");
    return 1;
}

/* The newest entry: "ACTION TARGET REASON AFTER". */
static void newest_is(struct both *b, const char *wanted)
{
    const struct storage_audit_query query = {.backward = true};
    char text[400] = "";
    assert_int_equal(storage_audit_list(b->kept->s, &query, take_entry, text, NULL), 1);
    if (!strstr(text, wanted)) {
        fail_msg("%s", text);
    }
}

static void a_copy_is_made_while_others_are_answered(void **state)
{
    struct both b;
    struct admin_reply reply;
    struct storage_checked checked;
    struct audit_result result;
    char wanted[256];
    begin(&b, state);
    const int fd = begin_backup(&b);
    ask(&b, "", 503, &reply);
    assert_string_equal(admin_member(&reply, "code"), "too_busy");
    admin_reply_free(&reply);
    append(b.kept, 5); /* is in the copy, too */
    assert_true(admin_receive(&b.admin, fd, false, WAIT_MS, &reply));
    assert_int_equal(reply.status, 200);
    assert_string_equal(admin_member(&reply, "file"), b.file);
    const json_t *head = json_object_get(reply.json, "head");
    assert_int_equal(json_integer_value(json_object_get(head, "number")), 4006);
    struct stat st;
    assert_int_equal(stat(b.file, &st), 0);
    assert_int_equal(json_integer_value(json_object_get(reply.json, "bytes")), st.st_size);
    admin_reply_free(&reply);
    (void)close(fd);
    ok(b.kept, audit_check_storage(b.file, NULL, &checked, &result, &b.kept->fault));
    assert_int_equal(result.head.number, 4006);
    ask(&b, "", 422, &reply); /* it is there */
    assert_string_equal(admin_member(&reply, "details.member"), "file");
    admin_reply_free(&reply);
    snprintf(b.file, sizeof b.file, "%s/copies/second.db", b.kept->dir);
    ask(&b, "", 200, &reply);
    admin_reply_free(&reply);
    snprintf(wanted, sizeof wanted, "storage.backup %s a test -", b.file);
    newest_is(&b, wanted);
    finish(&b);
}

static void a_dry_run_makes_nothing(void **state)
{
    struct both b;
    struct admin_reply reply;
    begin(&b, state);
    ask(&b, "?dryRun=true", 200, &reply);
    admin_reply_free(&reply);
    char directory[128];
    snprintf(directory, sizeof directory, "%s/copies", b.kept->dir);
    assert_int_equal(access(directory, F_OK), -1);
    snprintf(b.file, sizeof b.file, "%s", b.kept->path);
    ask(&b, "?dryRun=true", 422, &reply);
    admin_reply_free(&reply);
    snprintf(b.file, sizeof b.file, "%s/x", b.admin.dir);
    ask(&b, "", 422, &reply);
    assert_non_null(strstr(reply.body, "is in the store's directory"));
    admin_reply_free(&reply);
    verifies(b.kept, 4000);
    finish(&b);
}

static void nobody_waits_for_it_so_it_is_given_up(void **state)
{
    struct both b;
    char wanted[256];
    begin(&b, state);
    const int fd = begin_backup(&b);
    (void)close(fd);
    for (int i = 0; i < WAIT_MS && b.routes.runs; i++) {
        admin_pass(&b.admin, 1);
    }
    assert_false(b.routes.runs);
    assert_int_equal(access(b.file, F_OK), -1);
    snprintf(wanted, sizeof wanted,
             "storage.backup-failed %s - {\"cause\":\"nobody waits for it any more\"}", b.file);
    newest_is(&b, wanted);
    const int other = begin_backup(&b);
    finish(&b); /* the server stops */
    assert_int_equal(access(b.file, F_OK), -1);
    (void)close(other);
    verifies(b.kept, 4004);
}

static void a_full_disk_is_told_to_the_client_and_the_trail(void **state)
{
    struct both b;
    struct admin_reply reply;
    begin(&b, state);
    signal(SIGXFSZ, SIG_IGN);
    const int fd = begin_backup(&b);
    limit_files(64 << 10);
    assert_true(admin_receive(&b.admin, fd, false, WAIT_MS, &reply));
    limit_files(RLIM_INFINITY);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(reply.status, 503);
    assert_string_equal(admin_member(&reply, "code"), "backup_failed");
    admin_reply_free(&reply);
    (void)close(fd);
    assert_int_equal(access(b.file, F_OK), -1);
    ask(&b, "", 200, &reply); /* and again, with room */
    admin_reply_free(&reply);
    finish(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_copy_is_made_while_others_are_answered),
        T(a_dry_run_makes_nothing),
        T(nobody_waits_for_it_so_it_is_given_up),
        T(a_full_disk_is_told_to_the_client_and_the_trail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
