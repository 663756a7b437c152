/* POST /evaluate and /explain: what they answer, to whom, of what time; and what they refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin_fixture.h"
#include "live_store.h"
#include "routes/routes_evaluate.h"
#include "storage/storage_admin.h"

#define WHO "\"context\":{\"kind\":\"user\",\"key\":\"u1\"}"

struct fixture {
    struct admin_fixture admin;
    struct live_store live;
    struct state_file file;
    char path[96];
    struct evaluate_store store;
    struct admin_reply reply;
};

static struct fixture f;

static void put(const char *key, const char *json)
{
    live_store_put_text(&f.live, IMAGE_FLAG, key, json);
}

/* What a few flags say in the n-th generation. */
static void publish(int n)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"version\":%d,\"on\":true,\"salt\":\"\",\"ffshm\":{\"tags\":[\"web\"]},"
             "\"variations\":[%d,0],"
             "\"prerequisites\":[{\"key\":\"gate\",\"variation\":0}],\"rules\":[{\"id\":\"r\","
             "\"variation\":1,\"clauses\":[{\"op\":\"segmentMatch\",\"values\":[\"payers\"]}]}],"
             "\"fallthrough\":{\"variation\":0}}",
             n, n);
    put("web-shop", text);
    put("gate",
        "{\"version\":1,\"on\":true,\"salt\":\"\",\"ffshm\":{\"tags\":[\"core\"]},\"variations\":["
        "\"open\"],"
        "\"rules\":[{\"id\":\"secret\",\"variation\":0,\"clauses\":[{\"attribute\":\"mail\","
        "\"op\":\"in\",\"values\":[\"boss@example.com\"]}]}],\"fallthrough\":{\"variation\":0}}");
    put("web-dark",
        "{\"version\":1,\"on\":false,\"ffshm\":{\"tags\":[\"web\",\"x\"]},\"variations\":[1]}");
    live_store_put_text(&f.live, IMAGE_SEGMENT, "payers",
                        "{\"version\":1,\"salt\":\"\",\"included\":[\"boss\"],\"rules\":[]}");
    live_store_publish(&f.live);
}

static int set_up(void **state)
{
    (void)state;
    live_store_open(&f.live);
    admin_fixture_init(&f.admin);
    admin_fixture_start(&f.admin);
    snprintf(f.path, sizeof f.path, "%s.db/agent.db", f.live.dir);
    f.file = (struct state_file){.path = f.path};
    f.store = (struct evaluate_store){.base = f.admin.base,
                                      .dir = f.live.dir,
                                      .log = &f.file,
                                      .epoch = publisher_epoch(f.live.publisher)};
    return routes_evaluate_add(&f.store, f.admin.server);
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    admin_reply_free(&f.reply);
    admin_fixture_free(&f.admin);
    evaluate_store_close(&f.store);
    state_file_close(&f.file);
    snprintf(command, sizeof command, "rm -rf '%s.db'", f.live.dir);
    const int result = system(command);
    live_store_close(&f.live);
    memset(&f, 0, sizeof f);
    return result;
}

/* Asks with a JSON body; token "": as the unix socket's user, an admin. */
static const char *ask_as(const char *token, const char *path, const char *body)
{
    const size_t size = strlen(body) + 512;
    char *const text = malloc(size);
    snprintf(text, size, "POST /api/v1%s\nContent-Type: application/json\n%s%s%s\n%s", path,
             *token ? "Authorization: Bearer " : "", token, *token ? "\n" : "", body);
    admin_reply_free(&f.reply);
    memset(&f.reply, 0, sizeof f.reply);
    admin_ask(&f.admin, text, &f.reply);
    free(text);
    return f.reply.body;
}

static const char *ask(const char *path, const char *body)
{
    return ask_as("", path, body);
}

static void answered(unsigned status, const char *text)
{
    if (f.reply.status != status || !strstr(f.reply.body, text)) {
        fail_msg("%u, not %u with %s: %s", f.reply.status, status, text, f.reply.body);
    }
}

static void says_not(const char *text)
{
    if (strstr(f.reply.body, text)) {
        fail_msg("it says %s: %s", text, f.reply.body);
    }
}

/* ---- answers -------------------------------------------------------------------------------- */

static void one_flag_is_answered_as_ffctl_does(void **state)
{
    (void)state;
    publish(7);
    char expected[512];
    snprintf(expected, sizeof expected,
             "{\"flag\":\"web-shop\",\"value\":7,\"variation\":0,\"variant\":null,"
             "\"reason\":{\"kind\":\"FALLTHROUGH\"},\"version\":7,\"generation\":%" PRIu64 "}",
             (uint64_t)1 << 32 | 1);
    assert_string_equal(ask("/evaluate", "{\"flag\":\"web-shop\"," WHO "}"), expected);
    assert_int_equal(f.reply.status, 200);
    ask("/evaluate", "{\"flag\":\"web-dark\"," WHO ",\"default\": [1,  2.50 ,\"a b\"]}");
    answered(200, "\"value\":[1,2.50,\"a b\"],\"variation\":null,");
    ask("/evaluate", "{\"flag\":\"none\"," WHO "}");
    answered(200, "\"value\":null,\"variation\":null,\"variant\":null,"
                  "\"reason\":{\"kind\":\"ERROR\",\"errorKind\":\"FLAG_NOT_FOUND\"},\"version\":0");
    ask("/evaluate", "{\"flag\":\"web-shop\",\"context\":{\"key\":\"boss\"}}"); /* an old user */
    answered(200, "\"reason\":{\"kind\":\"RULE_MATCH\",\"ruleIndex\":0,\"ruleId\":\"r\"}");
}

static void an_explanation_tells_every_step(void **state)
{
    (void)state;
    publish(1);
    ask("/explain", "{\"flag\":\"web-shop\"," WHO ",\"default\":null}");
    answered(200, "\"generation\":4294967297,\"steps\":[{\"depth\":0,\"step\":\"flag\",\"key\":"
                  "\"web-shop\",\"version\":1},{\"depth\":0,\"step\":\"prerequisite\"");
    answered(200, "boss@example.com");
    answered(200, "{\"depth\":0,\"step\":\"serve\",\"variation\":0,\"value\":1,\"reason\":"
                  "\"FALLTHROUGH\"}]}");
    says_not("hidden");
    ask("/explain", "{\"flag\":\"none\"," WHO "}");
    answered(200, "\"errorKind\":\"FLAG_NOT_FOUND\"},\"version\":0,\"generation\":4294967297,"
                  "\"steps\":[]}");
}

static void several_flags_are_answered_in_the_order_asked_for(void **state)
{
    (void)state;
    publish(1);
    ask("/evaluate", "{\"flags\":[\"web-shop\",\"none\",\"gate\",\"gate\"]," WHO "}");
    answered(200, "{\"items\":[{\"flag\":\"web-shop\",\"value\":1,");
    answered(200, "],\"next\":null}");
    static const char *const keys[] = {"web-shop", "none", "gate", "gate"};
    assert_int_equal(json_array_size(json_object_get(f.reply.json, "items")), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *item = json_array_get(json_object_get(f.reply.json, "items"), i);
        assert_string_equal(json_string_value(json_object_get(item, "flag")), keys[i]);
    }
}

static void all_flags_come_in_pages_in_the_order_of_their_keys(void **state)
{
    (void)state;
    char path[128] = "/evaluate?limit=7";
    char text[96];
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%02d", i * 7 % 40);
        snprintf(text, sizeof text,
                 "{\"version\":1,\"on\":false,\"offVariation\":0,"
                 "\"variations\":[%d]}",
                 i * 7 % 40);
        put(key, text);
    }
    live_store_publish(&f.live);
    int seen = 0;
    for (int pages = 0; pages < 6; pages++) {
        size_t at;
        json_t *item;
        ask(path, "{" WHO "}");
        assert_int_equal(f.reply.status, 200);
        json_array_foreach(json_object_get(f.reply.json, "items"), at, item)
        {
            assert_int_equal(json_integer_value(json_object_get(item, "value")), seen++);
        }
        const json_t *const next = json_object_get(f.reply.json, "next");
        assert_int_equal(json_is_null(next), pages == 5);
        snprintf(path, sizeof path, "/evaluate?limit=7&after=%s", json_string_value(next));
    }
    assert_int_equal(seen, 40);
    ask("/evaluate?after=zz", "{" WHO "}");
    answered(200, "{\"items\":[],\"next\":null}");
    ask("/evaluate?limit=1000", "{" WHO "}");
    answered(200, "\"next\":null}");
}

static void a_page_ends_before_it_grows_too_long(void **state)
{
    (void)state;
    const size_t size = 300000;
    char *const text = malloc(size + 100);
    memset(text, ' ', size);
    const int head =
        snprintf(text, 100, "{\"version\":1,\"on\":false,\"offVariation\":0,\"variations\":[\"");
    memset(text + head, 'x', size - (size_t)head);
    snprintf(text + size, 100, "\"]}");
    for (int i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "big%02d", i);
        put(key, text);
    }
    free(text);
    live_store_publish(&f.live);
    ask("/evaluate", "{" WHO "}");
    assert_int_equal(f.reply.status, 200);
    assert_in_range(f.reply.length, 2 << 20, 3 << 20);
    assert_string_equal(json_string_value(json_object_get(f.reply.json, "next")), "big06");
    ask("/evaluate?after=big18", "{" WHO "}");
    assert_true(json_is_null(json_object_get(f.reply.json, "next")));
}

static void an_explanation_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[512];
    for (int i = 0; i < 16; i++) { /* each asks the next one twice: 2^16 visits */
        char key[16];
        snprintf(key, sizeof key, "p%02d", i);
        snprintf(text, sizeof text,
                 "{\"version\":1,\"on\":true,\"variations\":[1],\"fallthrough\":{\"variation\":0},"
                 "\"prerequisites\":[{\"key\":\"p%02d\",\"variation\":0},"
                 "{\"key\":\"p%02d\",\"variation\":0}]}",
                 i + 1, i + 1);
        put(key, text);
    }
    put("p16", "{\"version\":1,\"on\":true,\"fallthrough\":{\"variation\":0},\"variations\":[1]}");
    live_store_publish(&f.live);
    ask("/explain", "{\"flag\":\"p00\"," WHO "}");
    answered(422, "\"code\":\"too_long\",\"message\":\"the answer is longer than 4 MiB;");
    ask("/explain", "{\"flag\":\"p04\"," WHO "}");
    answered(200, "\"step\":\"prerequisiteDone\"");
}

static void what_is_published_next_is_answered_next(void **state)
{
    (void)state;
    ask("/evaluate", "{\"flag\":\"web-shop\"," WHO "}");
    answered(503, "\"code\":\"not_ready\"");
    for (int n = 1; n < 30; n++) {
        char text[32];
        publish(n);
        snprintf(text, sizeof text, "\"value\":%d,", n);
        ask("/evaluate", "{\"flag\":\"web-shop\"," WHO "}");
        answered(200, text);
    }
}

/* ---- the past ------------------------------------------------------------------------------- */

static void note(uint64_t store, uint64_t generation, const char *digest, int64_t ms)
{
    struct fault fault = {0};
    struct storage *const s = state_file_make(&f.file, &fault);
    const struct storage_generation g = {
        .store = store, .generation = generation, .digest = digest, .published_ms = ms};
    assert_non_null(s);
    assert_int_equal(storage_begin(s, &fault), 0);
    assert_int_equal(storage_generation_add(s, &g, &fault), 0);
    assert_int_equal(storage_commit(s, &fault), 0);
}

static void ask_at(const char *route, const char *at)
{
    char body[256];
    snprintf(body, sizeof body, "{\"flag\":\"web-shop\"," WHO ",\"at\":%s}", at);
    ask(route, body);
}

static void a_retained_generation_is_answered_by_its_name_and_number(void **state)
{
    (void)state;
    for (int n = 1; n < 20; n++) {
        publish(n);
    }
    ask_at("/evaluate", "\"1.10\"");
    answered(200, "\"value\":10,");
    ask_at("/evaluate", "4294967306");
    answered(200, "\"value\":10,");
    ask_at("/evaluate", "\"0x10000000a\"");
    answered(200, "\"value\":10,");
    ask_at("/explain", "\"1.10\"");
    answered(200, "\"value\":10,");
    answered(200, "\"generation\":4294967306,\"steps\":[{");
    ask_at("/evaluate", "null");
    answered(200, "\"value\":19,");
    ask_at("/evaluate", "\"1.1\"");
    answered(404, "generation 1.1 is not retained; retained are 16, from 1.4 to 1.19, since 20");
    ask("/evaluate", "{" WHO ",\"at\":\"1.10\"}");
    answered(200, "\"flag\":\"web-shop\",\"value\":10,");
    ask_at("/evaluate", "\"1.10\""); /* after all of that, the current one is what it was */
    ask("/evaluate", "{\"flag\":\"web-shop\"," WHO "}");
    answered(200, "\"value\":19,");
}

static void a_time_is_answered_by_what_the_state_file_has_noted(void **state)
{
    (void)state;
    struct publisher_stats stats;
    char digest[33];
    for (int n = 1; n <= 3; n++) {
        publish(n);
        publisher_stats(f.live.publisher, &stats);
        snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, stats.digest[1],
                 stats.digest[0]);
        note(f.store.epoch, stats.generation, digest, n * 1000000);
    }
    /* Before 2001 it can only be a generation, where it is a bare number. */
    ask_at("/evaluate", "\"1970-01-01T00:33:00Z\"");
    answered(200, "\"value\":1,");
    ask_at("/evaluate", "\"1970-01-01T00:34:00Z\"");
    answered(200, "\"value\":2,");
    ask_at("/evaluate", "\"2026-01-01T00:00:00Z\"");
    answered(200, "\"value\":3,");
    ask_at("/evaluate", "1767225600000");
    answered(200, "\"value\":3,");
    ask_at("/evaluate", "\"1970-01-01T00:16:00Z\"");
    answered(404, "what was in force at 1970-01-01T00:16:00Z is not retained; retained are 3");
    note(~f.store.epoch, (uint64_t)1 << 32 | 1, digest, 5000000); /* another store's 1.1 */
    ask_at("/evaluate", "\"1970-01-01T01:30:00Z\"");
    answered(200, "\"value\":3,"); /* by its content */
    note(~f.store.epoch, (uint64_t)1 << 32 | 2, "00112233445566778899aabbccddeeff", 6000000);
    ask_at("/evaluate", "\"1970-01-01T01:50:00Z\"");
    answered(404, "what was in force at 1970-01-01T01:50:00Z is not retained");
    note(f.store.epoch, (uint64_t)9 << 32 | 2, "00112233445566778899aabbccddeeff", 7000000);
    ask_at("/evaluate", "\"1970-01-01T02:00:00Z\"");
    answered(404, "at 1970-01-01T02:00:00Z it was generation 9.2, which is not retained");
    ask_at("/evaluate", "\"2200-01-01T00:00:00Z\"");
    answered(404, "2200-01-01T00:00:00Z is still to come");
}

/* ---- limits --------------------------------------------------------------------------------- */

static void make_token(const char *limits, char token[128])
{
    char body[256];
    snprintf(body, sizeof body, "{\"name\":\"x\",\"role\":\"viewer\",\"limits\":%s}", limits);
    ask("/tokens", body);
    assert_int_equal(f.reply.status, 201);
    snprintf(token, 128, "%s", admin_member(&f.reply, "token"));
}

static void a_limited_token_sees_its_own_flags_alone(void **state)
{
    (void)state;
    char token[128];
    publish(1);
    make_token("{\"tags\":[\"web\"]}", token);
    ask_as(token, "/evaluate", "{\"flag\":\"web-shop\"," WHO "}");
    answered(200, "\"value\":1,");
    ask_as(token, "/evaluate", "{\"flag\":\"gate\"," WHO "}");
    answered(403, "\"code\":\"beyond_limits\"");
    ask_as(token, "/explain", "{\"flag\":\"gate\"," WHO "}");
    answered(403, "\"code\":\"beyond_limits\"");
    ask_as(token, "/evaluate", "{\"flag\":\"none\"," WHO "}");
    answered(403, "\"code\":\"beyond_limits\"");
    ask_as(token, "/evaluate", "{\"flags\":[\"web-shop\",\"gate\"]," WHO "}");
    answered(403, "\"code\":\"beyond_limits\"");
    ask_as(token, "/evaluate", "{\"flag\":\"gate\"," WHO ",\"at\":\"1.1\"}");
    answered(403, "\"code\":\"beyond_limits\"");
    ask_as(token, "/evaluate", "{" WHO "}");
    answered(200, "\"flag\":\"web-dark\"");
    answered(200, "\"flag\":\"web-shop\"");
    says_not("\"gate\"");
    make_token("{\"prefixes\":[\"web-s\"]}", token);
    ask_as(token, "/evaluate", "{" WHO "}");
    answered(200, "{\"items\":[{\"flag\":\"web-shop\"");
    says_not("web-dark");
}

/* A prerequisite's rules and a segment's members are others' business. */
static void an_explanation_hides_what_a_limited_token_may_not_see(void **state)
{
    (void)state;
    char token[128];
    publish(1);
    make_token("{\"tags\":[\"web\"]}", token);
    ask_as(token, "/explain", "{\"flag\":\"web-shop\",\"context\":{\"key\":\"boss\"}}");
    answered(200,
             "{\"depth\":0,\"step\":\"prerequisite\",\"index\":0,\"key\":\"gate\",\"wanted\":0},"
             "{\"depth\":1,\"step\":\"hidden\"},"
             "{\"depth\":0,\"step\":\"prerequisiteDone\",");
    answered(200, "{\"depth\":1,\"step\":\"segment\",\"key\":\"payers\",\"exists\":true},"
                  "{\"depth\":2,\"step\":\"hidden\"},"
                  "{\"depth\":1,\"step\":\"segmentDone\",\"key\":\"payers\",\"matched\":true},");
    says_not("boss@example.com");
    says_not("segmentList");
    answered(200, "{\"depth\":0,\"step\":\"serve\",");
    make_token("{\"prefixes\":[\"web-\",\"pay\"]}", token);
    ask_as(token, "/explain", "{\"flag\":\"web-shop\",\"context\":{\"key\":\"boss\"}}");
    answered(200, "segmentList");
    says_not("boss@example.com");
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void malformed_bodies_are_refused_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *route, *body;
        unsigned status;
        const char *member; /* NULL: none in particular */
        const char *text;
    } cases[] = {
        {"/evaluate", "", 400, "body", "is missing"},
        {"/evaluate", "[]", 400, "body", "must be a JSON object"},
        {"/evaluate", "null", 400, "body", "must be a JSON object"},
        {"/evaluate", "{", 400, NULL, "invalid_json"},
        {"/evaluate", "{}", 422, "context", "is missing"},
        {"/evaluate", "{\"flag\":\"a\"}", 422, "context", "is missing"},
        {"/explain", "{" WHO "}", 422, "flag", "is missing"},
        {"/explain", "{\"flags\":[\"a\"]," WHO "}", 422, "flags", "did you mean flag?"},
        {"/evaluate", "{\"flag\":1," WHO "}", 422, "flag", "must be a string, not"},
        {"/evaluate", "{\"flag\":null," WHO "}", 422, "flag", "must be a string, not"},
        {"/evaluate", "{\"flag\":[\"a\"]," WHO "}", 422, "flag", "must be a string, not"},
        {"/evaluate", "{\"flag\":\"\"," WHO "}", 422, "flag", "must have 1 to 1024 bytes"},
        {"/evaluate", "{\"flag\":\"a\\u0000b\"," WHO "}", 422, "flag", "has a NUL"},
        {"/evaluate", "{\"flag\":\"a\",\"flags\":[\"b\"]," WHO "}", 422, "flags", "goes not with"},
        {"/evaluate", "{\"flags\":\"a\"," WHO "}", 422, "flags", "must be an array of 1 to 1000"},
        {"/evaluate", "{\"flags\":[]," WHO "}", 422, "flags", "must be an array of 1 to 1000"},
        {"/evaluate", "{\"flags\":{}," WHO "}", 422, "flags", "must be an array of 1 to 1000"},
        {"/evaluate", "{\"flags\":[\"a\",2]," WHO "}", 422, "flags[1]", "must be a key"},
        {"/evaluate", "{\"flags\":[\"a\",\"\"]," WHO "}", 422, "flags[1]", "must be a key"},
        {"/evaluate", "{\"flags\":[\"a\",\"b\\u0000\"]," WHO "}", 422, "flags[1]", "a key"},
        {"/evaluate", "{\"flags\":[[\"a\"]]," WHO "}", 422, "flags[0]", "must be a key"},
        {"/evaluate", "{\"Flag\":\"a\"," WHO "}", 422, "Flag", "did you mean flag?"},
        {"/evaluate", "{\"flag\":\"a\"," WHO ",\"defaultt\":1}", 422, "defaultt", "default?"},
        {"/evaluate", "{\"flag\":\"a\"," WHO ",\"comment\":\"x\"}", 422, "comment", "unknown"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":null}", 422, "context", "context"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":\"u1\"}", 422, "context", "context"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":[]}", 422, "context", "context"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{}}", 422, "context", "key"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{\"kind\":\"user\"}}", 422, "context", "key"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{\"kind\":\"user\",\"key\":\"\"}}", 422,
         "context", "key"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{\"kind\":\"user\",\"key\":1}}", 422, "context",
         "key"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{\"kind\":\"a b\",\"key\":\"k\"}}", 422,
         "context", "kind"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{\"kind\":\"kind\",\"key\":\"k\"}}", 422,
         "context", "kind"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{\"kind\":\"multi\"}}", 422, "context", "kind"},
        {"/evaluate", "{\"flag\":\"a\",\"context\":{\"kind\":\"multi\",\"user\":1}}", 422,
         "context", "kind"},
        {"/explain", "{\"flag\":\"a\",\"context\":{}}", 422, "context", "key"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":\"now\"}", 422, "at", "generation or a time"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":\"\"}", 422, "at", "generation or a time"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":-1}", 422, "at", "generation or a time"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":1.5}", 422, "at", "generation or a time"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":true}", 422, "at", "generation or a time"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":[\"1.1\"]}", 422, "at", "a generation or"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":\"1.1\\u0000\"}", 422, "at", "a generation"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":\"1.1.1\"}", 422, "at", "generation or"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":0}", 404, "at", "generation 0.0 is not"},
        {"/explain", "{\"flag\":\"a\"," WHO ",\"at\":\"9.9\"}", 404, "at", "9.9 is not retained"},
        {"/evaluate?limit=0", "{" WHO "}", 400, "limit", "must be a whole number"},
        {"/evaluate?limit=1001", "{" WHO "}", 400, "limit", "must be a whole number"},
        {"/evaluate?limit=x", "{" WHO "}", 400, "limit", "must be a whole number"},
        {"/evaluate?dryRun=true", "{" WHO "}", 400, "dryRun", "is not a parameter"},
        {"/explain?limit=1", "{\"flag\":\"a\"," WHO "}", 400, "limit", "is not a parameter"},
    };
    publish(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(cases[i].route, cases[i].body);
        if (f.reply.status != cases[i].status || !strstr(f.reply.body, cases[i].text) ||
            (cases[i].member &&
             strcmp(admin_member(&f.reply, "details.member"), cases[i].member) != 0)) {
            fail_msg("%s %s: %u, %s", cases[i].route, cases[i].body, f.reply.status, f.reply.body);
        }
    }
}

/* text, `count` times the letter, more text. */
static char *padded(const char *before, char letter, size_t count, const char *after)
{
    const size_t front = strlen(before);
    char *const text = malloc(front + count + strlen(after) + 1);
    memcpy(text, before, front);
    memset(text + front, letter, count);
    memcpy(text + front + count, after, strlen(after) + 1);
    return text;
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    static const char before[] = "{\"flag\":\"gate\",\"context\":{\"kind\":\"user\",\"key\":\"";
    publish(1);
    char *text = padded(before, 'k', 60000, "\"}}");
    ask("/evaluate", text);
    answered(200, "\"value\":\"open\"");
    free(text);
    text = padded(before, 'k', 65536, "\"}}");
    ask("/evaluate", text);
    answered(413, "must not be longer than 64 KiB");
    assert_string_equal(admin_member(&f.reply, "details.member"), "context");
    free(text);
    text = padded("{\"flag\":\"", 'k', 1025, "\"," WHO "}");
    ask("/evaluate", text);
    answered(422, "must have 1 to 1024 bytes");
    free(text);
    text = padded(before, 'k', 170000, "\"}}");
    ask("/explain", text);
    answered(413, "");
    free(text);
    text = padded("{\"flag\":\"gate\"," WHO ",\"default\":", '[', 100, "");
    char *const deep = padded(text, ']', 100, "}");
    ask("/evaluate", deep);
    answered(400, "\"code\":\"invalid_json\"");
    free(deep);
    free(text);
    text = padded("{\"flags\":[\"a\"", ' ', 0, "");
    for (int i = 0; i < 1000; i++) {
        char *const more = padded(text, ',', 1, "\"a\"");
        free(text);
        text = more;
    }
    char *const many = padded(text, ']', 1, "," WHO "}");
    ask("/evaluate", many);
    answered(422, "must be an array of 1 to 1000 keys");
    free(many);
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_flag_is_answered_as_ffctl_does),
        TEST(an_explanation_tells_every_step),
        TEST(several_flags_are_answered_in_the_order_asked_for),
        TEST(all_flags_come_in_pages_in_the_order_of_their_keys),
        TEST(a_page_ends_before_it_grows_too_long),
        TEST(an_explanation_that_is_too_long_is_refused),
        TEST(what_is_published_next_is_answered_next),
        TEST(a_retained_generation_is_answered_by_its_name_and_number),
        TEST(a_time_is_answered_by_what_the_state_file_has_noted),
        TEST(a_limited_token_sees_its_own_flags_alone),
        TEST(an_explanation_hides_what_a_limited_token_may_not_see),
        TEST(malformed_bodies_are_refused_at_their_place),
        TEST(what_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
