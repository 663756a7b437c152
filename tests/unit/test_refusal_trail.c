/* Refusals in the audit trail, from real requests to the rows. */
#include "audit_fixture.h"

#include <jansson.h>

#include "admin_fixture.h"
#include "operate/refusal_trail.h"
#include "storage/state_file.h"

struct both {
    struct admin_fixture admin;
    struct fixture *kept;
    struct state_file state;
    struct refusal_trail *trail;
};

static void begin(struct both *b, void **state, const struct refusal_limits *limits)
{
    static const char *const addresses[] = {"127.0.0.1:0"};
    *b = (struct both){.kept = *state};
    b->state.path = b->kept->path;
    admin_fixture_init(&b->admin);
    b->trail = refusal_trail_new(b->admin.base, &b->state, limits);
    assert_non_null(b->trail);
    b->admin.options.addresses = addresses;
    b->admin.options.address_count = 1;
    b->admin.options.refused = refusal_trail_refused;
    b->admin.options.arg = b->trail;
    admin_fixture_start(&b->admin);
}

static void finish(struct both *b)
{
    admin_fixture_stop(&b->admin);
    refusal_trail_free(b->trail);
    state_file_close(&b->state);
    admin_fixture_free(&b->admin);
    open_it(b->kept);
}

static void ask(struct both *b, const char *path, const char *token, unsigned status)
{
    struct admin_reply reply;
    admin_ask_tcp(&b->admin, "GET", path, token, NULL, &reply);
    assert_int_equal(reply.status, status);
    admin_reply_free(&reply);
}

struct seen {
    unsigned entries, counted;
    json_int_t refusals;
    char last[512]; /* "TARGET ACTOR CODE SOURCE" */
};

static int on_entry(void *arg, const struct storage_audit *e)
{
    struct seen *s = arg;
    assert_string_equal(e->action, "request.refused");
    assert_null(e->before);
    assert_null(e->reason);
    assert_null(e->digest);
    json_t *after = json_loads(e->after, 0, NULL);
    const json_t *times = json_object_get(after, "times");
    s->entries++;
    s->counted += times != NULL;
    s->refusals += times ? json_integer_value(times) : 1;
    s->refusals += json_integer_value(json_object_get(after, "suppressed"));
    if (times) {
        assert_in_range(json_integer_value(json_object_get(after, "sinceMs")), 1,
                        json_integer_value(json_object_get(after, "untilMs")));
    }
    snprintf(s->last, sizeof s->last, "%s %s %s %s", e->target, e->actor,
             json_string_value(json_object_get(after, "code")),
             json_string_value(json_object_get(after, "source")));
    json_decref(after);
    return 0;
}

static struct seen look(struct storage *s)
{
    struct seen seen = {.entries = 0};
    const struct storage_audit_query all = {.after = 0};
    assert_non_null(s);
    assert_int_equal(storage_audit_list(s, &all, on_entry, &seen, NULL), 0);
    return seen;
}

static void every_refusal_is_in_the_trail(void **state)
{
    struct both b;
    begin(&b, state, &refusal_limits_standard);
    ask(&b, "/api/v1/health", NULL, 200);
    assert_int_not_equal(access(b.kept->path, F_OK), 0); /* there is nothing to keep */
    ask(&b, "/api/v1/things/a", NULL, 401);
    struct seen seen = look(state_file_storage(&b.state));
    assert_int_equal(seen.entries, 1); /* at once */
    assert_string_equal(seen.last, "GET /api/v1/things/a nobody unauthenticated 127.0.0.1");
    ask(&b, "/api/v1/things/b", "ffs_wrong", 401);
    seen = look(state_file_storage(&b.state));
    assert_int_equal(seen.entries, 2);
    assert_string_equal(seen.last, "GET /api/v1/things/b nobody token_malformed 127.0.0.1");
    for (int i = 0; i < 20; i++) {
        ask(&b, "/api/v1/things/c?limit=3", NULL, 401);
    }
    seen = look(state_file_storage(&b.state));
    assert_int_equal(seen.entries, 2); /* they are counted */
    finish(&b);
    seen = look(b.kept->s);
    assert_int_equal(seen.entries, 3);
    assert_int_equal(seen.counted, 1);
    assert_int_equal(seen.refusals, 22);
    assert_string_equal(seen.last, "GET /api/v1/things/c nobody unauthenticated 127.0.0.1");
    verifies(b.kept, 3);
}

static void repeats_are_told_when_the_minute_is_over(void **state)
{
    const struct refusal_limits limits = {.window_ms = 120, .every_ms = 1, .burst = 60};
    struct both b;
    begin(&b, state, &limits);
    for (int i = 0; i < 5; i++) {
        ask(&b, "/api/v1/things/a", NULL, 401);
    }
    struct seen seen = {.entries = 0};
    for (int i = 0; i < 10000 && seen.refusals < 5; i += 10) {
        admin_pass(&b.admin, 10);
        seen = look(state_file_storage(&b.state));
    }
    assert_int_equal(seen.refusals, 5);
    finish(&b);
    assert_int_equal(look(b.kept->s).refusals, 5);
}

/* Not a row each, nor a line of the log: what 2,000 requests leave behind is bounded. */
static void a_flood_leaves_little_behind(void **state)
{
    struct both b;
    char path[8000];
    memset(path, 'x', sizeof path);
    memcpy(path, "/api/v1/", 8);
    path[sizeof path - 1] = '\0';
    begin(&b, state, &refusal_limits_standard);
    const struct admin_actor actor = {.name = "nobody", .authenticated = "nobody"};
    const struct admin_error error = {.status = 401, .code = "token_unknown"};
    for (int i = 0; i < 2000; i++) {
        char source[64];
        snprintf(source, sizeof source, "192.0.2.%d", i);
        const struct admin_refusal refusal = {&actor, source, "GET", path, &error};
        refusal_trail_refused(b.trail, &refusal);
    }
    assert_int_equal(look(state_file_storage(&b.state)).entries, 60);
    finish(&b);
    const struct seen seen = look(b.kept->s);
    assert_true(seen.entries <= 60 + REFUSAL_ROWS);
    assert_int_equal(seen.refusals, 2000);
    assert_non_null(strstr(seen.last, "xxxxx... nobody token_unknown 192.0.2."));
    assert_true(strlen(seen.last) < 300);
    close_it(b.kept);
    printf("%u entries, %ld bytes\n", seen.entries, (long)size_of(b.kept, ""));
    open_it(b.kept);
    verifies(b.kept, seen.entries);
}

static void without_a_state_file_there_is_the_log_alone(void **state)
{
    struct both b;
    begin(&b, state, &refusal_limits_standard);
    b.state.path = NULL;
    for (int i = 0; i < 3; i++) {
        ask(&b, "/api/v1/things/a", NULL, 401);
    }
    finish(&b);
    verifies(b.kept, 0);
}

/* What cannot be kept is told by the next that can. */
static void what_cannot_be_kept_is_counted(void **state)
{
    struct both b;
    char place[160];
    begin(&b, state, &refusal_limits_standard);
    snprintf(place, sizeof place, "%s/kept", b.kept->dir);
    FILE *file = fopen(place, "w"); /* where the directory would be */
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    ask(&b, "/api/v1/things/a", NULL, 401);
    ask(&b, "/api/v1/things/a", "ffs_wrong", 401);
    assert_null(state_file_storage(&b.state));
    assert_int_equal(unlink(place), 0);
    struct admin_reply reply; /* another source */
    admin_ask(&b.admin, "GET /api/v1/things/a\nAuthorization: Bearer x", &reply);
    assert_int_equal(reply.status, 401);
    admin_reply_free(&reply);
    const struct seen seen = look(state_file_storage(&b.state));
    assert_int_equal(seen.entries, 1);
    assert_int_equal(seen.refusals, 3);
    finish(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_refusal_is_in_the_trail),  T(repeats_are_told_when_the_minute_is_over),
        T(a_flood_leaves_little_behind),   T(without_a_state_file_there_is_the_log_alone),
        T(what_cannot_be_kept_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
