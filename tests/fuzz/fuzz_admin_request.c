/*
 * fuzz_admin_request.c - agent/admin on any bytes as a connection: heads, paths, queries, headers
 * of changes, bodies counted and chunked, one request after another. What is accepted keeps what
 * was promised; what is refused says why.
 */
#include <string.h>

#include "admin/admin_chunked.h"
#include "admin/admin_request.h"
#include "catalog/document_events.h"
#include "fuzz.h"

static const struct admin_parameter_info parameters[] = {
    {"limit", ""}, {"after", ""}, {NULL, NULL}};

static const struct admin_route all[] = {
    {.method = ADMIN_GET, .pattern = ADMIN_ROOT "/flags", .parameters = parameters},
    {.method = ADMIN_GET, .pattern = ADMIN_ROOT "/flags/{key}", .parameters = parameters},
    {.method = ADMIN_PUT,
     .pattern = ADMIN_ROOT "/flags/{key}",
     .body = ADMIN_BODY_REQUIRED,
     .changes = true},
    {.method = ADMIN_PATCH,
     .pattern = ADMIN_ROOT "/flags/{key}",
     .body = ADMIN_BODY_REQUIRED,
     .changes = true},
    {.method = ADMIN_DELETE, .pattern = ADMIN_ROOT "/flags/{key}", .changes = true},
    {.method = ADMIN_POST,
     .pattern = ADMIN_ROOT "/flags/{key}/kill",
     .body = ADMIN_BODY_OPTIONAL,
     .changes = true},
};

static void require_text(const char *text)
{
    const size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        FUZZ_REQUIRE((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    }
    FUZZ_REQUIRE(length == 0 || document_check_utf8(text, length, &(struct fault){0}));
}

static void require_error(const struct admin_error *error)
{
    FUZZ_REQUIRE(error->status >= 400 && error->status < 600);
    FUZZ_REQUIRE(error->code && *error->code && error->fault.cause[0]);
    FUZZ_REQUIRE(strcmp(admin_status_text(error->status), "Unknown") != 0);
}

static void require_request(const struct admin_request *r)
{
    FUZZ_REQUIRE(r->segment_count <= ADMIN_SEGMENTS_MOST);
    for (size_t i = 0; i < r->segment_count; i++) {
        const char *segment = r->segments[i];
        require_text(segment);
        FUZZ_REQUIRE(*segment && strcmp(segment, "..") != 0 && strcmp(segment, ".") != 0);
        FUZZ_REQUIRE(strlen(segment) <= ADMIN_SEGMENT_MOST);
    }
    for (size_t i = 0; i < r->parameter_count; i++) {
        require_text(r->parameters[i].name);
        require_text(r->parameters[i].value);
        FUZZ_REQUIRE(admin_request_parameter(r, r->parameters[i].name) == r->parameters[i].value);
    }
}

static void require_taken(struct admin_request *r, const char *body, size_t length)
{
    struct admin_error error = {0};
    int64_t number = 5;
    if (admin_request_number(r, "limit", 1, 9, &number, &error) != 0) {
        require_error(&error);
    }
    FUZZ_REQUIRE(number >= 1 && number <= 9);
    if (admin_request_check_match(r, "v1", &error) != 0) {
        FUZZ_REQUIRE(r->must_be_new || (r->if_match[0] && strcmp(r->if_match, "*") != 0));
    }
    if (admin_request_body(r, body, length, &error) != 0) {
        require_error(&error);
        return;
    }
    FUZZ_REQUIRE(!r->json || (json_is_object(r->json) && length > 0));
    FUZZ_REQUIRE(!r->json || !r->route->changes || !json_object_get(r->json, "comment"));
    FUZZ_REQUIRE(!r->reason || (*r->reason && strlen(r->reason) <= ADMIN_REASON_MOST));
    static const char *const members[] = {"name", "role", NULL};
    error = (struct admin_error){0};
    if (r->json && admin_request_members(r, members, &error) != 0) {
        require_error(&error);
    }
    error = (struct admin_error){0};
    if (r->json && !admin_request_string(r, "name", 64, true, &error)) {
        require_error(&error);
    }
}

static void one(const struct admin_routes *routes, const struct admin_head *head, const char *body,
                size_t length)
{
    struct admin_request r;
    struct admin_error error;
    char text[ADMIN_ALLOW];
    char hint[256];
    if (admin_request_begin(&r, head, &error) != 0) {
        require_error(&error);
        admin_request_free(&r);
        return;
    }
    require_request(&r);
    const struct admin_route_match match =
        admin_routes_find(routes, r.method, r.segments, r.segment_count);
    (void)admin_allow_text(match.allowed, text);
    admin_routes_hint(routes, r.segments, r.segment_count, hint, sizeof hint);
    FUZZ_REQUIRE(!match.route || match.allowed & 1u << r.method);
    if (match.route && admin_request_take(&r, match.route, &error) != 0) {
        require_error(&error);
    } else if (match.route) {
        require_taken(&r, body, length);
    }
    admin_request_free(&r);
}

/* The body at the beginning of bytes; *taken: of them. Allocated: reading beyond is seen. */
static char *body_of(const struct admin_head *head, const char *bytes, size_t size, size_t *taken,
                     size_t *length)
{
    char *body = malloc(size + 1);
    struct admin_chunked chunked = {0};
    *taken = 0;
    *length = 0;
    FUZZ_REQUIRE(body);
    if (!head->chunked) {
        *length = head->length < size ? (size_t)head->length : size;
        *taken = *length;
        memcpy(body, bytes, *length);
        return body;
    }
    while (*taken < size && chunked.state != CHUNKED_DONE && chunked.state != CHUNKED_BAD) {
        const char *data;
        size_t count;
        const size_t step = *taken % 7 + 1; /* in pieces */
        const size_t here = size - *taken < step ? size - *taken : step;
        const size_t got =
            admin_chunked_take(&chunked, bytes + *taken, here, SIZE_MAX, &data, &count);
        FUZZ_REQUIRE(got > 0 && got <= here && count <= got);
        memcpy(body + *length, data, count);
        *length += count;
        *taken += got;
    }
    return body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct admin_routes *routes = admin_routes_new();
    char *bytes = malloc(size ? size : 1);
    FUZZ_REQUIRE(routes && bytes &&
                 admin_routes_add(routes, all, sizeof all / sizeof *all, NULL) == 0);
    memcpy(bytes, data, size);
    for (size_t at = 0, end; (end = admin_head_end(bytes + at, size - at)) > 0;) {
        struct admin_head head;
        struct admin_error error;
        if (admin_head_parse(bytes + at, end, &head, &error) != 0) {
            require_error(&error);
            break;
        }
        FUZZ_REQUIRE(!(head.chunked && head.has_length));
        at += end;
        size_t taken;
        size_t length;
        char *body = body_of(&head, bytes + at, size - at, &taken, &length);
        one(routes, &head, body, length);
        free(body);
        at += taken;
    }
    free(bytes);
    admin_routes_free(routes);
    return 0;
}
