/* Who asks, and what they may: users of the host, tokens, and what guessing gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_auth.h"
#include "admin/admin_token_storage.h"
#include "admin/audit.h"
#include "admin_fixture.h"

static const char *const address = "127.0.0.1:0";

static void setup(struct admin_fixture *f)
{
    admin_fixture_init(f);
    f->options.addresses = &address;
    f->options.address_count = 1;
    admin_fixture_start(f);
}

/* Makes a token over the unix socket, where the test is an admin. */
static void make_token(struct admin_fixture *f, const char *body, char token[ADMIN_TOKEN_TEXT],
                       char id[ADMIN_TOKEN_ID])
{
    char text[512];
    struct admin_reply reply;
    (void)snprintf(text, sizeof text, "POST /api/v1/tokens\nContent-Type: application/json\n\n%s",
                   body);
    admin_ask(f, text, &reply);
    if (reply.status != 201) {
        print_error("%s\n", reply.body);
    }
    assert_int_equal(reply.status, 201);
    (void)snprintf(token, ADMIN_TOKEN_TEXT, "%s", admin_member(&reply, "token"));
    (void)snprintf(id, ADMIN_TOKEN_ID, "%s", admin_member(&reply, "id"));
    assert_int_equal(strlen(token), ADMIN_TOKEN_TEXT - 1);
    admin_reply_free(&reply);
}

static unsigned status_with(struct admin_fixture *f, const char *method, const char *path,
                            const char *token, const char *body, char code[32])
{
    struct admin_reply reply;
    admin_ask_tcp(f, method, path, token, body, &reply);
    const unsigned status = reply.status;
    if (code) {
        (void)snprintf(code, 32, "%s", admin_member(&reply, "code"));
    }
    if (status == 401) {
        assert_non_null(strstr(reply.head, "\r\nWWW-Authenticate: Bearer "));
    }
    admin_reply_free(&reply);
    return status;
}

/* ---- roles ---------------------------------------------------------------------------------- */

static void fill(const char *pattern, char *path, size_t capacity)
{
    size_t used = 0;
    for (const char *c = pattern; *c && used + 1 < capacity; c++) {
        if (*c == '{') {
            path[used++] = 'x';
            c += strcspn(c, "}");
        } else {
            path[used++] = *c;
        }
    }
    path[used] = '\0';
}

/* Every route, by every role and by nobody: who may not is told so, and nothing is done. */
static void no_role_may_what_is_for_a_higher_one(void **state)
{
    static const char *const bodies[ADMIN_ROLES] = {NULL, "{\"name\":\"v\",\"role\":\"viewer\"}",
                                                    "{\"name\":\"e\",\"role\":\"editor\"}",
                                                    "{\"name\":\"a\",\"role\":\"admin\"}"};
    char tokens[ADMIN_ROLES][ADMIN_TOKEN_TEXT] = {""};
    char id[ADMIN_TOKEN_ID];
    struct admin_fixture f;
    unsigned refused = 0;
    (void)state;
    setup(&f);
    for (unsigned role = 1; role < ADMIN_ROLES; role++) {
        make_token(&f, bodies[role], tokens[role], id);
    }
    const struct admin_routes *routes = admin_server_routes(f.server);
    for (size_t i = 0; i < admin_routes_count(routes); i++) {
        const struct admin_route *route = admin_routes_at(routes, i);
        char path[256];
        fill(route->pattern, path, sizeof path);
        for (unsigned role = 0; role < ADMIN_ROLES; role++) {
            const char *method = admin_method_name(route->method);
            const char *token = role ? tokens[role] : NULL;
            /* A HEAD of a stream ends; GET of one would not. */
            method = route->answers == ADMIN_EVENTS ? "HEAD" : method;
            const unsigned status =
                status_with(&f, method, path, token, route->body ? "{\"zzz\":1}" : NULL, NULL);
            const bool may = role >= route->least;
            const unsigned wanted = role ? 403 : 401;
            if ((status == 401 || status == 403) == may || (!may && status != wanted)) {
                print_error("%s %s by %s: %u\n", method, path,
                            admin_role_name((enum admin_role)role), status);
                fail();
            }
            refused += !may;
        }
    }
    assert_int_equal(f.refusals, refused); /* every one was told */
    assert_int_equal(f.shelf.count, 3);    /* and nothing was made */
    admin_fixture_free(&f);
}

static void peers_have_the_role_that_the_rules_give(void **state)
{
    static const char *const texts[] = {"4001=editor", "@5001=viewer", "@5002=admin",
                                        "*=none",      "@5003=none",   "nobody=admin"};
    static const struct {
        unsigned uid, group, other;
        enum admin_role role;
    } peers[] = {
        {0, 0, 0, ADMIN_ROLE_ADMIN},           {4001, 9, 9, ADMIN_ROLE_EDITOR},
        {4001, 5002, 9, ADMIN_ROLE_EDITOR},    {4002, 5001, 9, ADMIN_ROLE_VIEWER},
        {4002, 5001, 5002, ADMIN_ROLE_ADMIN},  {4002, 9, 5001, ADMIN_ROLE_VIEWER},
        {4002, 9, 9, ADMIN_ROLE_NONE},         {4002, 5003, 9, ADMIN_ROLE_NONE},
        {4002, 5003, 5001, ADMIN_ROLE_VIEWER},
    };
    struct admin_peer_rule rules[6];
    struct fault fault = {0};
    const char *name;
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(admin_peer_rule_parse(texts[i], &rules[i], &fault), 0);
    }
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        const struct admin_peer peer = {.local = true,
                                        .uid = peers[i].uid,
                                        .groups = {peers[i].group, peers[i].other},
                                        .group_count = 2};
        assert_int_equal(admin_peer_role(&peer, rules, 6, &name), peers[i].role);
    }
    const struct admin_peer self = {.local = true, .uid = geteuid()};
    assert_int_equal(admin_peer_role(&self, rules, 4, &name), ADMIN_ROLE_ADMIN);
    const struct admin_peer other = {.local = true, .uid = 4999};
    assert_int_equal(admin_peer_role(&other, NULL, 0, &name), ADMIN_ROLE_VIEWER);
}

static void a_rule_that_gives_no_role_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",         "alice",      "=admin",          "root=owner",
        "root=",    "@=viewer",   "no such=admin",   "@no such=admin",
        "-1=admin", "root=Admin", "4294967295=admin"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct admin_peer_rule rule;
        struct fault fault = {0};
        assert_int_equal(admin_peer_rule_parse(wrong[i], &rule, &fault), -1);
        assert_string_not_equal(fault.cause, "");
        assert_string_not_equal(fault.hint, "");
    }
}

/* The kernel says who it is; another user is told so (root alone can become one). */
static void another_user_of_the_host_is_a_viewer(void **state)
{
    struct admin_fixture f;
    char command[512];
    int code;
    (void)state;
    if (geteuid() != 0 || system("command -v setpriv >/dev/null && command -v curl >/dev/null")) {
        skip();
    }
    struct admin_peer_rule rules[2];
    struct fault fault = {0};
    assert_int_equal(admin_peer_rule_parse("4567=editor", &rules[0], &fault), 0);
    assert_int_equal(admin_peer_rule_parse("@4569=admin", &rules[1], &fault), 0);
    admin_fixture_init(&f);
    f.options.rules = rules;
    f.options.rule_count = 2;
    admin_fixture_start(&f);
    (void)snprintf(command, sizeof command, "chmod 0755 %s", f.dir);
    assert_int_equal(system(command), 0);
    static const struct {
        const char *options, *wanted;
    } users[] = {
        {"--reuid 4566 --regid 4566 --clear-groups", "{\"actor\":\"uid 4566\",\"role\":\"viewer\""},
        {"--reuid 4567 --regid 4566 --clear-groups", "{\"actor\":\"4567\",\"role\":\"editor\""},
        {"--reuid 4568 --regid 4566 --groups 4569", "{\"actor\":\"uid 4568\",\"role\":\"admin\""},
    };
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(command, sizeof command,
                       "setpriv %s curl -sS --max-time 9 --unix-socket %s/" ADMIN_SOCKET
                       " http://x/api/v1/whoami 2>&1",
                       users[i].options, f.dir);
        char *text = admin_command(&f, command, &code);
        if (strncmp(text, users[i].wanted, strlen(users[i].wanted)) != 0) {
            print_error("wanted %s\ngot %s\n", users[i].wanted, text);
            fail();
        }
        free(text);
    }
    admin_fixture_free(&f);
}

/* ---- tokens --------------------------------------------------------------------------------- */

static void a_token_is_shown_once_and_kept_as_a_hash(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    (void)state;
    setup(&f);
    make_token(&f, "{\"name\":\"deploy\",\"role\":\"editor\",\"comment\":\"for the pipeline\"}",
               token, id);
    assert_int_equal(strncmp(token, "ffs_", 4), 0);
    assert_int_equal(strncmp(token + 4, id, 12), 0);
    assert_string_equal(f.shelf.action, "token.create");
    assert_string_equal(f.shelf.target, id);
    assert_string_equal(f.shelf.reason, "for the pipeline");
    admin_ask(&f, "GET /api/v1/tokens", &reply);
    assert_non_null(strstr(reply.body, id));
    assert_null(strstr(reply.body, token + 17));
    admin_reply_free(&reply);
    admin_ask_tcp(&f, "GET", "/api/v1/whoami", token, NULL, &reply);
    assert_string_equal(admin_member(&reply, "actor"), "deploy");
    assert_string_equal(admin_member(&reply, "role"), "editor");
    assert_string_equal(admin_member(&reply, "token"), id);
    admin_reply_free(&reply);
    /* A token decides, also where the socket would. */
    char text[256];
    (void)snprintf(text, sizeof text, "GET /api/v1/whoami\nAuthorization: bearer %s", token);
    admin_ask(&f, text, &reply);
    assert_string_equal(admin_member(&reply, "role"), "editor");
    admin_reply_free(&reply);
    admin_ask(&f,
              "POST /api/v1/tokens?dryRun=true\nContent-Type: application/json\n\n"
              "{\"name\":\"x\",\"role\":\"admin\"}",
              &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(f.shelf.count, 1);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void a_wrong_secret_is_refused_whatever_is_wrong_with_it(void **state)
{
    struct admin_fixture f;
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    char code[32];
    (void)state;
    setup(&f);
    make_token(&f, "{\"name\":\"x\",\"role\":\"admin\"}", token, id);
    for (size_t i = 0; i < ADMIN_TOKEN_TEXT - 1; i += 27) {
        char wrong[ADMIN_TOKEN_TEXT];
        const struct admin_token *found;
        memcpy(wrong, token, sizeof wrong);
        wrong[i] = wrong[i] == '0' ? '1' : '0';
        const enum admin_token_verdict verdict =
            admin_tokens_check(admin_server_tokens(f.server), wrong, 1, &found);
        assert_int_equal(verdict, i < 4 ? ADMIN_TOKEN_MALFORMED : ADMIN_TOKEN_UNKNOWN);
        assert_null(found);
    }
    token[ADMIN_TOKEN_TEXT - 2] ^= 1;
    assert_int_equal(status_with(&f, "GET", "/api/v1/health", token, NULL, code), 401);
    assert_true(strcmp(code, "token_unknown") == 0 || strcmp(code, "token_malformed") == 0);
    assert_non_null(strstr(f.refused, " 127.0.0.1 nobody GET /api/v1/health"));
    admin_fixture_free(&f);
}

static void a_token_ends_when_it_expires_or_is_revoked(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    char code[32];
    char text[128];
    (void)state;
    setup(&f);
    make_token(&f, "{\"name\":\"brief\",\"role\":\"viewer\",\"expiresInSeconds\":1}", token, id);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, NULL), 200);
    admin_pass(&f, 1050);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, code), 401);
    assert_string_equal(code, "token_expired");
    make_token(&f, "{\"name\":\"long\",\"role\":\"viewer\"}", token, id);
    (void)snprintf(text, sizeof text, "POST /api/v1/tokens/%s/revoke\nIf-Match: \"0-1\"", id);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 409);
    admin_reply_free(&reply);
    (void)snprintf(text, sizeof text,
                   "POST /api/v1/tokens/%s/revoke\nX-Reason: lost\nIf-Match: \"0-0\"", id);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(admin_member(&reply, "state"), "revoked");
    assert_string_equal(f.shelf.action, "token.revoke");
    assert_string_equal(f.shelf.reason, "lost");
    admin_reply_free(&reply);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, code), 401);
    assert_string_equal(code, "token_revoked");
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 409);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void a_rotated_token_goes_on_until_its_overlap_is_over(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    char token[ADMIN_TOKEN_TEXT];
    char next[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    char code[32];
    char text[256];
    (void)state;
    setup(&f);
    make_token(&f,
               "{\"name\":\"r\",\"role\":\"editor\",\"expiresInSeconds\":1000,"
               "\"limits\":{\"prefixes\":[\"web-\"]}}",
               token, id);
    (void)snprintf(text, sizeof text,
                   "POST /api/v1/tokens/%s/rotate\nContent-Type: application/json\n\n"
                   "{\"overlapSeconds\":1}",
                   id);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 201);
    (void)snprintf(next, sizeof next, "%s", admin_member(&reply, "token"));
    assert_string_not_equal(admin_member(&reply, "id"), id);
    assert_non_null(json_object_get(reply.json, "limits"));
    admin_reply_free(&reply);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, NULL), 200);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", next, NULL, NULL), 200);
    admin_ask(&f, text, &reply); /* not twice */
    assert_int_equal(reply.status, 409);
    admin_reply_free(&reply);
    admin_pass(&f, 1050);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, code), 401);
    assert_string_equal(code, "token_expired");
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", next, NULL, NULL), 200);
    admin_fixture_free(&f);
}

static void what_cannot_be_kept_has_not_happened(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    char text[256];
    (void)state;
    setup(&f);
    make_token(&f, "{\"name\":\"x\",\"role\":\"viewer\"}", token, id);
    f.shelf.fails = true;
    admin_ask(&f,
              "POST /api/v1/tokens\nContent-Type: application/json\n\n"
              "{\"name\":\"y\",\"role\":\"admin\"}",
              &reply);
    assert_int_equal(reply.status, 503);
    assert_non_null(
        strstr(admin_member(&reply, "message"), "nothing was changed: the disk is full"));
    assert_null(json_object_get(reply.json, "token"));
    admin_reply_free(&reply);
    (void)snprintf(text, sizeof text, "POST /api/v1/tokens/%s/revoke", id);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 503);
    admin_reply_free(&reply);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, NULL), 200);
    admin_fixture_free(&f);
}

static void a_use_is_kept_once_a_minute(void **state)
{
    struct admin_fixture f;
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    (void)state;
    setup(&f);
    make_token(&f, "{\"name\":\"x\",\"role\":\"viewer\"}", token, id);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, NULL), 200);
    }
    assert_int_equal(f.shelf.uses, 1);
    struct admin_tokens *tokens = admin_server_tokens(f.server);
    const int64_t used = admin_tokens_find(tokens, id)->last_used_ms;
    admin_tokens_used(tokens, id, used + ADMIN_TOKEN_USED_EVERY_MS - 1);
    assert_int_equal(f.shelf.uses, 1);
    admin_tokens_used(tokens, id, used + ADMIN_TOKEN_USED_EVERY_MS);
    assert_int_equal(f.shelf.uses, 2);
    admin_fixture_free(&f);
}

static void limits_are_by_tag_and_by_prefix(void **state)
{
    static const char *const web[] = {"web"};
    static const char *const others[] = {"ios", "web"};
    const struct {
        const char *limits, *key;
        const char *const *tags;
        size_t count;
        bool allowed;
    } cases[] = {
        {"{\"prefixes\":[\"web-\"]}", "web-x", NULL, 0, true},
        {"{\"prefixes\":[\"web-\"]}", "web", NULL, 0, false},
        {"{\"prefixes\":[\"a\",\"web-\"]}", "web-x", NULL, 0, true},
        {"{\"tags\":[\"web\"]}", "x", web, 1, true},
        {"{\"tags\":[\"web\"]}", "x", others, 2, true},
        {"{\"tags\":[\"web\"]}", "x", others, 1, false},
        {"{\"tags\":[\"web\"]}", "x", NULL, 0, false},
        {"{\"tags\":[\"web\"],\"prefixes\":[\"a\"]}", "abc", web, 1, true},
        {"{\"tags\":[\"web\"],\"prefixes\":[\"a\"]}", "bc", web, 1, false},
        {"{\"tags\":[\"web\"],\"prefixes\":[\"a\"]}", "abc", NULL, 0, false},
        {"{}", "x", NULL, 0, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        struct admin_actor actor = {.limits = json_loads(cases[i].limits, 0, NULL)};
        assert_non_null(actor.limits);
        assert_int_equal(admin_token_limits_check(actor.limits, &fault), 0);
        assert_int_equal(admin_actor_may(&actor, cases[i].key, cases[i].tags, cases[i].count),
                         cases[i].allowed);
        json_decref(actor.limits);
    }
}

static void a_limited_admin_makes_no_tokens(void **state)
{
    struct admin_fixture f;
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    char code[32];
    (void)state;
    setup(&f);
    make_token(&f, "{\"name\":\"x\",\"role\":\"admin\",\"limits\":{\"tags\":[\"web\"]}}", token,
               id);
    assert_int_equal(status_with(&f, "POST", "/api/v1/tokens", token,
                                 "{\"name\":\"y\",\"role\":\"admin\"}", code),
                     403);
    assert_string_equal(code, "beyond_limits");
    assert_int_equal(f.refusals, 1);
    admin_fixture_free(&f);
}

/* ---- guessing ------------------------------------------------------------------------------- */

#define GUESS "ffs_000000000000_0000000000000000000000000000000000000000000000000000000000000000"

static void guessing_gets_slower_and_hurts_nobody_else(void **state)
{
    struct admin_fixture f;
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    (void)state;
    setup(&f);
    make_token(&f, "{\"name\":\"x\",\"role\":\"viewer\"}", token, id);
    for (unsigned i = 0; i < 4; i++) { /* 50 + 100 + 200 + 400 ms */
        assert_int_equal(status_with(&f, "GET", "/api/v1/health", GUESS, NULL, NULL), 401);
    }
    /* While the next refusal waits, the same source is served with a good token. */
    const int guessing = admin_connect_tcp(&f, 0);
    static const char text[] =
        "GET /api/v1/health HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer " GUESS "\r\n\r\n";
    admin_send(&f, guessing, text, sizeof text - 1);
    admin_pass(&f, 5);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, NULL), 200);
    char byte;
    assert_int_equal(recv(guessing, &byte, 1, MSG_DONTWAIT), -1); /* not answered yet */
    struct admin_reply reply;
    assert_true(admin_receive(&f, guessing, false, 10000, &reply));
    assert_int_equal(reply.status, 401);
    admin_reply_free(&reply);
    (void)close(guessing);
    struct admin_server_stats stats;
    admin_server_stats(f.server, &stats);
    assert_int_equal(stats.failures, 5);
    admin_fixture_free(&f);
}

static void the_wait_doubles_up_to_its_most_and_is_forgotten(void **state)
{
    static struct admin_delays d;
    uint8_t source[ADMIN_SOURCE] = {1, 2, 3};
    int64_t wanted = ADMIN_DELAY_FIRST_MS;
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(admin_delay_failed(&d, source, 1000), wanted);
        wanted = wanted * 2 < ADMIN_DELAY_MOST_MS ? wanted * 2 : ADMIN_DELAY_MOST_MS;
    }
    assert_int_equal(admin_delay_failures(&d, source, 1000), 50);
    assert_int_equal(admin_delay_failures(&d, source, 1000 + ADMIN_DELAY_FORGET_MS), 0);
    assert_int_equal(admin_delay_failed(&d, source, 1000 + ADMIN_DELAY_FORGET_MS),
                     ADMIN_DELAY_FIRST_MS);
    /* However many sources there are, the one that goes on is known. */
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t other[ADMIN_SOURCE] = {9};
        memcpy(other + 1, &i, sizeof i);
        (void)admin_delay_failed(&d, other, 1000 + ADMIN_DELAY_FORGET_MS + i);
        if (i % 100 == 0) {
            (void)admin_delay_failed(&d, source, 1000 + ADMIN_DELAY_FORGET_MS + i);
        }
    }
    assert_true(admin_delay_failures(&d, source, 1000 + ADMIN_DELAY_FORGET_MS + 100000) > 100);
}

/* ---- in the state file ---------------------------------------------------------------------- */

static void tokens_outlive_the_agent_with_their_audit(void **state)
{
    struct admin_fixture f;
    struct fault fault = {0};
    char path[128];
    char token[ADMIN_TOKEN_TEXT];
    char id[ADMIN_TOKEN_ID];
    char text[128];
    char command[256];
    struct admin_reply reply;
    (void)state;
    admin_fixture_init(&f);
    f.options.addresses = &address;
    f.options.address_count = 1;
    (void)snprintf(path, sizeof path, "%s/state.db", f.dir);
    struct state_file kept = {.path = path};
    assert_int_equal(state_file_open(&kept, &fault), 0);
    admin_token_storage(&kept, &f.store);
    admin_fixture_start(&f);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing to keep yet */
    make_token(&f,
               "{\"name\":\"x\",\"role\":\"editor\",\"limits\":{\"tags\":[\"web\"]},"
               "\"comment\":\"why\"}",
               token, id);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, NULL), 200);
    admin_fixture_stop(&f);
    state_file_close(&kept);
    assert_int_equal(state_file_open(&kept, &fault), 0);
    admin_fixture_start(&f);
    admin_ask_tcp(&f, "GET", "/api/v1/whoami", token, NULL, &reply);
    assert_string_equal(admin_member(&reply, "role"), "editor");
    assert_non_null(json_object_get(reply.json, "limits"));
    admin_reply_free(&reply);
    const struct admin_token *loaded = admin_tokens_find(admin_server_tokens(f.server), id);
    assert_true(loaded->last_used_ms >= loaded->created_ms);
    (void)snprintf(text, sizeof text, "POST /api/v1/tokens/%s/rotate", id);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 201);
    admin_reply_free(&reply);
    (void)snprintf(text, sizeof text, "POST /api/v1/tokens/%s/revoke", id);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 200);
    admin_reply_free(&reply);
    admin_fixture_stop(&f);
    struct audit_result result;
    assert_int_equal(audit_verify(kept.own, NULL, NULL, 0, &result, &fault), 0);
    assert_int_equal(result.entries, 3);
    assert_int_equal(result.bad, 0);
    state_file_close(&kept);
    assert_int_equal(state_file_open(&kept, &fault), 0);
    admin_fixture_start(&f);
    assert_int_equal(status_with(&f, "GET", "/api/v1/status", token, NULL, text), 401);
    assert_string_equal(text, "token_revoked");
    assert_int_equal(admin_tokens_count(admin_server_tokens(f.server)), 2);
    admin_fixture_stop(&f);
    state_file_close(&kept);
    (void)snprintf(command, sizeof command, "rm -f %s*", path);
    assert_int_equal(system(command), 0);
    admin_fixture_free(&f);
}

static void without_a_store_there_are_no_tokens(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    admin_fixture_init(&f);
    f.options.tokens = NULL;
    admin_fixture_start(&f);
    admin_ask(&f,
              "POST /api/v1/tokens\nContent-Type: application/json\n\n"
              "{\"name\":\"y\",\"role\":\"admin\"}",
              &reply);
    assert_int_equal(reply.status, 503);
    assert_string_equal(admin_member(&reply, "code"), "no_storage");
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_role_may_what_is_for_a_higher_one),
        cmocka_unit_test(peers_have_the_role_that_the_rules_give),
        cmocka_unit_test(a_rule_that_gives_no_role_is_refused),
        cmocka_unit_test(another_user_of_the_host_is_a_viewer),
        cmocka_unit_test(a_token_is_shown_once_and_kept_as_a_hash),
        cmocka_unit_test(a_wrong_secret_is_refused_whatever_is_wrong_with_it),
        cmocka_unit_test(a_token_ends_when_it_expires_or_is_revoked),
        cmocka_unit_test(a_rotated_token_goes_on_until_its_overlap_is_over),
        cmocka_unit_test(what_cannot_be_kept_has_not_happened),
        cmocka_unit_test(a_use_is_kept_once_a_minute),
        cmocka_unit_test(limits_are_by_tag_and_by_prefix),
        cmocka_unit_test(a_limited_admin_makes_no_tokens),
        cmocka_unit_test(guessing_gets_slower_and_hurts_nobody_else),
        cmocka_unit_test(the_wait_doubles_up_to_its_most_and_is_forgotten),
        cmocka_unit_test(tokens_outlive_the_agent_with_their_audit),
        cmocka_unit_test(without_a_store_there_are_no_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
