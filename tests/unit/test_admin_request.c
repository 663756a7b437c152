/* What clients send that is wrong, and what they are told: over real sockets, a table of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_request.h"
#include "admin_fixture.h"

#define JSON "\nContent-Type: application/json"
#define PUT "PUT /api/v1/things/a" JSON

/* NULL message: the status alone. */
struct wrong {
    const char *request;
    unsigned status;
    const char *code;
    const char *message; /* is part of the answer's */
    const char *member;
};

/* In admin_ask's words. */
static const struct wrong table[] = {
    /* Where. */
    {"GET /", 404, "not_found", "there is nothing at /; everything is below /api/v1/", "path"},
    {"GET /api", 404, "not_found", "everything is below /api/v1/", "path"},
    {"GET /api/v2/health", 404, "not_found", "did you mean /api/v1/health?", "path"},
    {"GET /api/v1", 404, "not_found", "there is nothing at /api/v1; GET /api/v1/openapi", "path"},
    {"GET /api/v1/helth", 404, "not_found", "did you mean /api/v1/health?", "path"},
    {"GET /api/v1/HEALTH", 404, "not_found", "did you mean /api/v1/health?", "path"},
    {"GET /api/v1/xyzzy", 404, "not_found", "openapi.json lists what there is", "path"},
    {"POST /api/v1/things/a/kil", 404, "not_found", "did you mean /api/v1/things/{key}/kill?",
     "path"},
    {"GET /api/v1/things", 404, "not_found", "there is nothing at /api/v1/things", "path"},
    {"GET /api/v1/things/a/b/c", 404, "not_found", "there is nothing", "path"},
    {"GET /1/2/3/4/5/6/7/8/9/10/11/12/13", 404, "not_found", "has more than 12 segments", "path"},
    {"GET /api/v1/things/", 400, "malformed_path", "has an empty segment", "path"},
    {"GET //api/v1/health", 400, "malformed_path", "has an empty segment", "path"},
    {"GET /api/v1/../v1/health", 400, "malformed_path", "segment 3 is \"..\"", "path"},
    {"GET /api/v1/./health", 400, "malformed_path", "segment 3 is \".\"", "path"},
    {"GET /api/v1/things/%2e%2E", 400, "malformed_path", "segment 4 is \"..\"", "path"},
    {"GET /api/v1/things/%", 400, "malformed_path", "has a % that two hexadecimal", "path"},
    {"GET /api/v1/things/%4", 400, "malformed_path", "has a % that two hexadecimal", "path"},
    {"GET /api/v1/things/%4/x", 400, "malformed_path", "segment 4 has a %", "path"},
    {"GET /api/v1/things/%zz", 400, "malformed_path", "has a % that two hexadecimal", "path"},
    {"GET /api/v1/things/a%00b", 400, "malformed_path", "segment 4 has a NUL", "path"},
    {"GET /api/v1/things/a%0Ab", 400, "malformed_path", "has a control character", "path"},
    {"GET /api/v1/things/%7f", 400, "malformed_path", "has a control character", "path"},
    {"GET /api/v1/things/%c0%af", 400, "malformed_path", "segment 4 is not UTF-8", "path"},
    {"GET /api/v1/things/%e0%80%af", 400, "malformed_path", "segment 4 is not UTF-8", "path"},
    {"GET /api/v1/things/%ed%a0%80", 400, "malformed_path", "segment 4 is not UTF-8", "path"},
    {"GET /api/v1/things/%ff", 400, "malformed_path", "segment 4 is not UTF-8", "path"},
    {"GET /api/v1/things/\xc3\xa4", 400, "malformed_request", "byte 0xc3", "path"},
    {"GET /api/v1/health#top", 400, "malformed_path", "has a '#'", "path"},
    {"GET api/v1/health", 400, "malformed_path", "does not begin with '/'", "path"},
    {"OPTIONS *", 400, "malformed_path", "does not begin with '/'", "path"},
    /* How. */
    {"POST /api/v1/health", 405, "method_not_allowed",
     "does not understand POST; it understands "
     "GET, HEAD, OPTIONS",
     "method"},
    {"DELETE /api/v1/things/a/kill", 405, "method_not_allowed", "it understands POST, OPTIONS",
     "method"},
    {"HEAD /api/v1/things/a/kill", 405, NULL, NULL, NULL},
    {"get /api/v1/health", 501, "unknown_method", "\"get\" is not understood; GET, HEAD", "method"},
    {"TRACE /api/v1/health", 501, "unknown_method", "\"TRACE\" is not understood", "method"},
    {"CONNECT test:80", 501, "unknown_method", "\"CONNECT\" is not understood", "method"},
    {"BREW /api/v1/health", 501, "unknown_method", "\"BREW\" is not understood", "method"},
    /* The query. */
    {"GET /api/v1/things/a?limt=1", 400, "unknown_parameter", "did you mean limit?", "limt"},
    {"GET /api/v1/things/a?zzz=1", 400, "unknown_parameter",
     "is not a parameter of GET /api/v1/things/{key}", "zzz"},
    {"GET /api/v1/health?x", 400, "unknown_parameter", "is not a parameter", "x"},
    {"GET /api/v1/things/a?dryRun=true", 400, "unknown_parameter", "is not a parameter", "dryRun"},
    {"GET /api/v1/things/a?limit=1&limit=2", 400, "malformed_query", "is given twice", "limit"},
    {"GET /api/v1/things/a?limit=%4", 400, "malformed_query", "its value has a %", "limit"},
    {"GET /api/v1/things/a?limit=%00", 400, "malformed_query", "its value has a NUL", "limit"},
    {"GET /api/v1/things/a?%ff=1", 400, "malformed_query", "its name is not UTF-8", "query"},
    {"GET /api/v1/things/a?=1", 400, "malformed_query", "its name is empty", "query"},
    {"GET /api/v1/things/a?limit=0", 400, "invalid_parameter", "from 1 to 100, not \"0\"", "limit"},
    {"GET /api/v1/things/a?limit=101", 400, "invalid_parameter", "from 1 to 100", "limit"},
    {"GET /api/v1/things/a?limit=-1", 400, "invalid_parameter", "from 1 to 100", "limit"},
    {"GET /api/v1/things/a?limit=1e1", 400, "invalid_parameter", "not \"1e1\"", "limit"},
    {"GET /api/v1/things/a?limit=99999999999999999999", 400, "invalid_parameter", "from 1 to 100",
     "limit"},
    {"GET /api/v1/things/a?limit=", 400, "invalid_parameter", "not \"\"", "limit"},
    {"DELETE /api/v1/things/a?dryRun=maybe", 400, "invalid_parameter",
     "must be true or false, not \"maybe\"", "dryRun"},
    {"DELETE /api/v1/things/a?dryrun=true", 400, "unknown_parameter", "did you mean dryRun?",
     "dryrun"},
    /* Headers of changes. */
    {"DELETE /api/v1/things/a\nIf-Match: v1", 400, "invalid_if_match", "\"v1\" is not an entity",
     "If-Match"},
    {"DELETE /api/v1/things/a\nIf-Match: W/\"v1\"", 400, "invalid_if_match", "is not an entity",
     "If-Match"},
    {"DELETE /api/v1/things/a\nIf-Match: \"a\", \"b\"", 400, "invalid_if_match", "is not an entity",
     "If-Match"},
    {"DELETE /api/v1/things/a\nIf-Match: \"\"", 400, "invalid_if_match", "is not an entity",
     "If-Match"},
    {PUT "\nIf-Match: \"v0\"\n\n{}", 409, "conflict", "it was changed: it is \"v1\" now",
     "If-Match"},
    {PUT "\nIf-Match: \"v1\"\nIf-Match: \"v1\"\n\n{}", 400, "malformed_request",
     "is there more than once", "If-Match"},
    {"DELETE /api/v1/things/a\nIf-Match: \xff", 400, "invalid_if_match", "\"?\" is not an entity",
     "If-Match"},
    {PUT "\nX-Reason: caf\xe9\n\n{}", 400, "invalid_reason", "is not UTF-8", "X-Reason"},
    /* The body. */
    {PUT, 400, "body_required", "body: is missing; send a JSON object", "body"},
    {PUT "\n\n[]", 400, "invalid_json", "must be a JSON object", "body"},
    {PUT "\n\n\"x\"", 400, "invalid_json", "must be a JSON object", "body"},
    {PUT "\n\nname: x", 400, "invalid_json", "must be a JSON object", "body"},
    {PUT "\n\n \r\n ", 400, "invalid_json", "must be a JSON object", "body"},
    {PUT "\n\n{", 400, "invalid_json", NULL, NULL},
    {PUT "\n\n{\"a\":1,}", 400, "invalid_json", NULL, NULL},
    {PUT "\n\n{\"a\":1}{", 400, "invalid_json", NULL, NULL},
    {PUT "\n\n{\"a\":1,\"a\":2}", 400, "invalid_json", NULL, NULL},
    {PUT "\n\n{'a':1}", 400, "invalid_json", NULL, NULL},
    {PUT "\n\n{\"a\":\"\xff\"}", 400, "invalid_json", NULL, NULL},
    {PUT "\n\n{\"a\":NaN}", 400, "invalid_json", NULL, NULL},
    {PUT "\n\n{\"comment\":\"x\\u0000\"}", 400, "invalid_reason", "has a NUL", "comment"},
    {PUT "\n\n{\"comment\":1}", 400, "invalid_reason", "must be a string, not a number", "comment"},
    {"PUT /api/v1/things/a\n\n{}", 415, "unsupported_media_type", "is missing; send application",
     "Content-Type"},
    {"PUT /api/v1/things/a\nContent-Type: text/plain\n\n{}", 415, "unsupported_media_type",
     "\"text/plain\" is not understood", "Content-Type"},
    {"PUT /api/v1/things/a\nContent-Type: application/json; charset=latin1\n\n{}", 415,
     "unsupported_media_type", "is not understood", "Content-Type"},
    {"PUT /api/v1/things/a\nContent-Type: application/merge-patch+json\n\n{}", 415,
     "unsupported_media_type", "is not understood", "Content-Type"},
    {PUT "\nContent-Encoding: gzip\n\n{}", 415, "unsupported_media_type", "send it uncompressed",
     "Content-Encoding"},
    {"GET /api/v1/health" JSON "\n\n{}", 400, "no_body", "this request has no body", "body"},
    {"GET /api/v1/silent", 500, "no_answer", "nothing was answered", ""},
    /* Tokens. */
    {"GET /api/v1/health\nAuthorization: Basic eDp5", 401, "token_malformed",
     "send: Authorization: Bearer", "Authorization"},
    {"GET /api/v1/health\nAuthorization: Bearer", 401, "token_malformed", NULL, NULL},
    {"GET /api/v1/health\nAuthorization: Bearer ffs_x", 401, "token_malformed", NULL, NULL},
    {"POST /api/v1/tokens" JSON "\n\n{}", 422, "invalid", "name: is missing", "name"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"\"}", 422, "invalid", "1 to 64 bytes", "name"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":7}", 422, "invalid", "must be a string", "name"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"x\\u0000\"}", 422, "invalid", "has a NUL", "name"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"x\\u001b\"}", 422, "invalid",
     "has a control character", "name"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\" \"}", 422, "invalid", "is blank", "name"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"x\",\"rol\":\"admin\"}", 422, "unknown_member",
     "did you mean role?", "rol"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"x\",\"role\":\"none\"}", 422, "invalid",
     "must be viewer, editor or admin", "role"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"x\",\"role\":\"admin\",\"expiresInSeconds\":0}",
     422, "invalid", "whole number of seconds", "expiresInSeconds"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"x\",\"role\":\"admin\",\"limits\":[]}", 422,
     "invalid", "must be an object, not a list", "limits"},
    {"POST /api/v1/tokens" JSON "\n\n{\"name\":\"x\",\"role\":\"admin\",\"limits\":{\"tags\":[]}}",
     422, "invalid", "must be a list of 1 to", "limits.tags"},
    {"POST /api/v1/tokens" JSON
     "\n\n{\"name\":\"x\",\"role\":\"admin\",\"limits\":{\"prefixes\":[\"a\",1]}}",
     422, "invalid", "must be a string", "limits.prefixes[1]"},
    {"POST /api/v1/tokens/none/revoke", 404, "not_found", "there is no token \"none\"", "id"},
    {"GET /api/v1/tokens/none", 404, "not_found", "there is no token \"none\"", "id"},
};

#define HOST "Host: t\r\n"

/* Byte for byte. */
static const struct wrong raw[] = {
    {"\x16\x03\x01\x02", 400, "malformed_request", "this is TLS", "request line"},
    {"\x01", 400, "malformed_request", "this is not HTTP", "request line"},
    {"GET\r\n\r\n", 400, "malformed_request", "fewer than three parts", "request line"},
    {"GET /api/v1/health\r\n\r\n", 400, "malformed_request", "fewer than three parts",
     "request line"},
    {"GET /api/v1/health HTTP/1.1 x\r\n" HOST "\r\n", 400, "malformed_request",
     "\"HTTP/1.1 x\" is not HTTP/1.1", "request line"},
    {"GET  /api/v1/health HTTP/1.1\r\n" HOST "\r\n", 400, "malformed_request", NULL, NULL},
    {"GET /api/v1/health HTTP/2.0\r\n" HOST "\r\n", 505, "http_version", "is not HTTP/1.1",
     "request line"},
    {"GET /api/v1/health http/1.1\r\n" HOST "\r\n", 400, "malformed_request", "is not HTTP/1.1",
     "request line"},
    {"G(T /api/v1/health HTTP/1.1\r\n" HOST "\r\n", 400, "malformed_request",
     "is not a method's name", "method"},
    {"GET /api/v1/health HTTP/1.1\n" HOST "\n", 400, "malformed_request", "does not end with CR LF",
     "request line"},
    {"GET /api/v1/health HTTP/1.1\r\nHost: t\n\r\n", 400, "malformed_request",
     "does not end with CR LF", "headers"},
    {"GET /api/v1/health HTTP/1.1\r\nHost: t\rx\r\n\r\n", 400, "malformed_request",
     "has a CR within", "headers"},
    {"GET /api/v1/health HTTP/1.1\r\n\r\n", 400, "malformed_request", "Host: is missing", "Host"},
    {"GET /api/v1/health HTTP/1.1\r\n" HOST HOST "\r\n", 400, "malformed_request", "more than once",
     "Host"},
    {"GET /api/v1/health HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400, "malformed_request",
     "the line \"no colon\" has no colon", "headers"},
    {"GET /api/v1/health HTTP/1.1\r\n" HOST "X : y\r\n\r\n", 400, "malformed_request",
     "\"X \" is not a header's name", "headers"},
    {"GET /api/v1/health HTTP/1.1\r\n" HOST ": y\r\n\r\n", 400, "malformed_request",
     "is not a header's name", "headers"},
    {"GET /api/v1/health HTTP/1.1\r\n" HOST "X: y\r\n z\r\n\r\n", 400, "malformed_request",
     "continued on a second line", "headers"},
    {"GET /api/v1/health HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400, "malformed_request",
     "has a control character (byte 0x01)", "X"},
    {"GET /api/v1/health HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417, "expectation",
     "\"tea\" is not understood", "Expect"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n", 400, "malformed_request",
     "\"x\" is not a number of bytes", "Content-Length"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 400,
     "malformed_request", "is not a number of bytes", "Content-Length"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
     400, "malformed_request", "is there twice", "Content-Length"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400,
     "malformed_request", "is not a number of bytes", "Content-Length"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Length: 4097\r\n\r\n", 413, "body_too_large",
     "is larger than 4096 bytes", "body"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST
     "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, "malformed_request", "and is chunked", "Content-Length"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501,
     "transfer_encoding", "\"gzip\" is not understood", "Transfer-Encoding"},
    {"PUT /api/v1/things/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
     "transfer_encoding", "HTTP/1.0 does not have it", "Transfer-Encoding"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400,
     "malformed_request", "a chunk does not begin with its size", "body"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n", 400,
     "malformed_request", "a chunk is longer than its size", "body"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
     400, "malformed_request", "a chunk does not begin with its size", "body"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1001\r\n", 413,
     "body_too_large", "is larger than 4096 bytes", "body"},
    {"PUT /api/v1/things/a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n{}", 400,
     "malformed_request", "the request ends within its body", "body"},
    {"GET /api/v1/health HTTP/1.1\r\nHost: t\r\n", 400, "malformed_request",
     "the request ends within its headers", "headers"},
};

static void setup(struct admin_fixture *f)
{
    admin_fixture_init(f);
    admin_fixture_start(f);
}

/* 1: it is another answer. */
static unsigned is_other(const struct wrong *w, const struct admin_reply *r)
{
    const bool right = r->status == w->status &&
                       (!w->code || strcmp(admin_member(r, "code"), w->code) == 0) &&
                       (!w->message || strstr(admin_member(r, "message"), w->message)) &&
                       (!w->member || strcmp(admin_member(r, "details.member"), w->member) == 0);
    if (!right) {
        print_error("%s\nwanted %u %s \"%s\" of %s\ngot %u %s\n", w->request, w->status,
                    w->code ? w->code : "", w->message ? w->message : "",
                    w->member ? w->member : "", r->status, r->body ? r->body : "nothing");
    }
    if (r->status) {
        assert_non_null(strstr(r->head, "\r\nContent-Type: application/json\r\n"));
        assert_non_null(strstr(r->head, "\r\nCache-Control: no-store\r\n"));
    }
    return !right;
}

static void a_wrong_request_is_told_what_is_wrong(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    unsigned others = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct admin_reply reply;
        admin_ask(&f, table[i].request, &reply);
        others += is_other(&table[i], &reply);
        admin_reply_free(&reply);
    }
    assert_int_equal(others, 0);
    admin_fixture_free(&f);
}

static void a_malformed_message_is_told_what_is_wrong_and_ends_its_connection(void **state)
{
    struct admin_fixture f;
    (void)state;
    setup(&f);
    unsigned others = 0;
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
        struct admin_reply reply;
        admin_ask_raw(&f, raw[i].request, strlen(raw[i].request), &reply);
        others += is_other(&raw[i], &reply) || !reply.closed;
        admin_reply_free(&reply);
    }
    assert_int_equal(others, 0);
    admin_fixture_free(&f);
}

static void a_nul_in_the_head_is_refused(void **state)
{
    static const char text[] = "GET /api/v1/health HTTP/1.1\r\nHost: t\r\nX: a\0b\r\n\r\n";
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask_raw(&f, text, sizeof text - 1, &reply);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(admin_member(&reply, "message"), "has a NUL byte"));
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void what_is_too_long_is_refused(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    char text[12000];
    (void)state;
    setup(&f);
    snprintf(text, sizeof text, "GET /api/v1/things/%0513d", 0);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(admin_member(&reply, "message"), "segment 4 is longer than 512 bytes"));
    admin_reply_free(&reply);
    snprintf(text, sizeof text, "GET /api/v1/%04200d", 0);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 414);
    admin_reply_free(&reply);
    snprintf(text, sizeof text, "DELETE /api/v1/things/a\nX-Reason: %01001d", 0);
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 400);
    assert_string_equal(admin_member(&reply, "code"), "invalid_reason");
    admin_reply_free(&reply);
    size_t used = (size_t)snprintf(text, sizeof text, "GET /api/v1/health");
    for (unsigned i = 0; i < 70; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "\nX-%u: y", i);
    }
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 431);
    assert_string_equal(admin_member(&reply, "code"), "too_many_headers");
    admin_reply_free(&reply);
    used = (size_t)snprintf(text, sizeof text, "GET /api/v1/things/a?");
    for (unsigned i = 0; i < 40; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "p%u&", i);
    }
    admin_ask(&f, text, &reply);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(admin_member(&reply, "message"), "has more than 32 parameters"));
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void the_place_of_a_fault_in_the_body_is_told(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask(&f, PUT "\n\n{\n  \"a\": 1,\n  \"b\": tru\n}", &reply);
    assert_int_equal(reply.status, 400);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(reply.json, "details"), "line")), 3);
    admin_reply_free(&reply);
    admin_ask(&f, "POST /api/v1/tokens" JSON "\n\n{\n \"name\": \"x\",\n \"role\": \"owner\"}",
              &reply);
    assert_int_equal(reply.status, 422);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(reply.json, "details"), "line")), 3);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

/* ---- what is right -------------------------------------------------------------------------- */

static void path_query_and_body_reach_the_handler_decoded_once(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask(&f, "GET /api/v1/things/a%2Fb%20%25zz%C3%A4+?limit=%37", &reply);
    assert_int_equal(reply.status, 200);
    assert_string_equal(admin_member(&reply, "key"), "a/b %zz\xc3\xa4+");
    assert_int_equal(json_integer_value(json_object_get(reply.json, "limit")), 7);
    admin_reply_free(&reply);
    admin_ask(&f, "GET http://proxy:1/api/v1/things/a?", &reply);
    assert_string_equal(admin_member(&reply, "key"), "a");
    admin_reply_free(&reply);
    admin_ask(&f,
              "PATCH /api/v1/things/a?dryRun\nContent-Type: application/merge-patch+json; "
              "charset=UTF-8\nIf-Match: \"v1\"\nX-Reason: caf\xc3\xa9\n\n{\"x\": {\"y\": 1}}",
              &reply);
    assert_int_equal(reply.status, 200);
    assert_true(json_is_true(json_object_get(reply.json, "dryRun")));
    assert_string_equal(admin_member(&reply, "reason"), "caf\xc3\xa9");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_object_get(reply.json, "body"), "x"), "y")),
                     1);
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void the_reason_may_be_the_bodys_comment_which_is_no_part_of_it(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask(&f, PUT "\n\n{\"comment\": \"because\", \"x\": 1}", &reply);
    assert_string_equal(admin_member(&reply, "reason"), "because");
    assert_int_equal(json_object_size(json_object_get(reply.json, "body")), 1);
    admin_reply_free(&reply);
    admin_ask(&f, PUT "\nX-Reason: header\n\n{\"comment\": \"because\"}", &reply);
    assert_string_equal(admin_member(&reply, "reason"), "header");
    admin_reply_free(&reply);
    admin_ask(&f, "POST /api/v1/things/a/kill?dryRun=false", &reply);
    assert_int_equal(reply.status, 200);
    assert_true(json_is_false(json_object_get(reply.json, "dryRun")));
    assert_string_equal(admin_member(&reply, "reason"), "");
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

static void a_literal_segment_wins_over_a_placeholder(void **state)
{
    struct admin_fixture f;
    struct admin_reply reply;
    (void)state;
    setup(&f);
    admin_ask(&f, "GET /api/v1/things/list", &reply);
    assert_string_equal(admin_member(&reply, "key"), "");
    admin_reply_free(&reply);
    admin_ask(&f, "PUT /api/v1/things/list" JSON "\n\n{}", &reply); /* {key} has this one */
    assert_string_equal(admin_member(&reply, "key"), "list");
    admin_reply_free(&reply);
    admin_fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_request_is_told_what_is_wrong),
        cmocka_unit_test(a_malformed_message_is_told_what_is_wrong_and_ends_its_connection),
        cmocka_unit_test(a_nul_in_the_head_is_refused),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(the_place_of_a_fault_in_the_body_is_told),
        cmocka_unit_test(path_query_and_body_reach_the_handler_decoded_once),
        cmocka_unit_test(the_reason_may_be_the_bodys_comment_which_is_no_part_of_it),
        cmocka_unit_test(a_literal_segment_wins_over_a_placeholder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
