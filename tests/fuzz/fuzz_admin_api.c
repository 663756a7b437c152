/*
 * fuzz_admin_api.c - the API's real handlers, with all that is behind them, on any requests:
 * whatever is asked, what is answered is JSON of the right shape, what is refused has changed
 * nothing, the audit verifies, and the next request is served.
 *
 * An input is a few requests, each as
 *
 *     METHOD TARGET            or  NUMBER REST: that route of the table, its placeholders filled,
 *     Header: value                and REST behind it
 *
 *     BODY
 *
 * with a line "---" between two. Host, Content-Length and the content's type are added; how
 * messages are framed is fuzz_admin_connection's.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_connection.h"
#include "admin/admin_server_state.h"
#include "admin/audit.h"
#include "fuzz.h"
#include "whole_api.h"

#define REQUESTS_MOST 8u
#define TURNS_MOST 2000u
#define REQUEST_MOST 65536u
#define SEPARATOR "\n---\n"

struct text {
    const char *at;
    size_t length;
};

/* What is to be known of a request before it is sent. */
struct asked {
    const struct admin_route *route; /* NULL: there is none, or it is refused before */
    bool dry_run;
};

struct world {
    struct whole_api api;
    bool open;
    char id[32]; /* of the token that was made last */
};

/* ---- from the input to a request ------------------------------------------------------------ */

/* The first line of *rest, without its end; *rest moves behind it. */
static struct text line_of(struct text *rest)
{
    const char *feed = memchr(rest->at, '\n', rest->length);
    const size_t length = feed ? (size_t)(feed - rest->at) : rest->length;
    const struct text line = {rest->at, length};
    rest->at += length + (feed != NULL);
    rest->length -= length + (feed != NULL);
    return line;
}

static bool begins_with(struct text t, const char *word)
{
    const size_t length = strlen(word);
    return t.length >= length && strncasecmp(t.at, word, length) == 0;
}

/* Those that frame the message, and tokens, whose refusal waits. */
static bool is_left_out(struct text header)
{
    static const char *const names[] = {"Host",   "Content-Length", "Transfer-Encoding",
                                        "Expect", "Connection",     "Authorization"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (begins_with(header, names[i])) {
            return true;
        }
    }
    return header.length == 0;
}

/* "PUT /api/v1/flags/gate" of a route's number. */
static void put_route(const struct world *w, FILE *out, unsigned number)
{
    const struct admin_routes *routes = admin_server_routes(w->api.server);
    const struct admin_route *route = admin_routes_at(routes, number % admin_routes_count(routes));
    fprintf(out, "%s ", admin_method_name(route->method));
    for (const char *c = route->pattern; *c; c++) {
        if (*c != '{') {
            fputc(*c, out);
            continue;
        }
        fputs(begins_with((struct text){c, strlen(c)}, "{id}")     ? w->id
              : !begins_with((struct text){c, strlen(c)}, "{key}") ? "1"
              : strstr(route->pattern, "/segments/")               ? "payers"
                                                                   : "gate",
              out);
        c = strchr(c, '}');
    }
}

static void put_request_line(const struct world *w, FILE *out, struct text line)
{
    unsigned number = 0;
    size_t digits = 0;
    while (digits < line.length && digits < 3 && isdigit((unsigned char)line.at[digits])) {
        number = number * 10 + (unsigned)(line.at[digits++] - '0');
    }
    if (digits > 0) {
        put_route(w, out, number);
        digits += digits < line.length && line.at[digits] == ' ';
    }
    fwrite(line.at + digits, 1, line.length - digits, out);
    fputs(" HTTP/1.1\r\nHost: t\r\n", out);
}

/* The bytes of a request, to be freed. */
static char *build(const struct world *w, struct text chunk, size_t *length)
{
    char *bytes = NULL;
    bool typed = false;
    struct text header;
    FILE *out = open_memstream(&bytes, length);
    FUZZ_REQUIRE(out);
    put_request_line(w, out, line_of(&chunk));
    while (chunk.length > 0 && (header = line_of(&chunk)).length > 0) {
        if (!is_left_out(header)) {
            typed = typed || begins_with(header, "Content-Type");
            fwrite(header.at, 1, header.length, out);
            fputs("\r\n", out);
        }
    }
    if (chunk.length > 0) {
        fprintf(out, "%sContent-Length: %zu\r\n", typed ? "" : "Content-Type: application/json\r\n",
                chunk.length);
    }
    fputs("\r\n", out);
    fwrite(chunk.at, 1, chunk.length, out);
    FUZZ_REQUIRE(fclose(out) == 0);
    return bytes;
}

/* Which route it is for. false: not to be sent, since it writes where it is told to. */
static bool look_at(const struct world *w, const char *bytes, size_t length, struct asked *asked)
{
    struct admin_head head;
    struct admin_request r = {0};
    struct admin_error error;
    const size_t end = admin_head_end(bytes, length);
    char *text = malloc(end + 1);
    FUZZ_REQUIRE(text);
    memcpy(text, bytes, end);
    *asked = (struct asked){0};
    if (end > 0 && admin_head_parse(text, end, &head, &error) == 0) {
        if (admin_request_begin(&r, &head, &error) == 0) {
            asked->route = admin_routes_find(admin_server_routes(w->api.server), r.method,
                                             r.segments, r.segment_count)
                               .route;
        }
        if (asked->route && admin_request_take(&r, asked->route, &error) == 0) {
            asked->dry_run = r.dry_run;
        }
        admin_request_free(&r);
    }
    free(text);
    return !asked->route || !strstr(asked->route->pattern, "/backup");
}

/* ---- asking --------------------------------------------------------------------------------- */

/* What is answered, NUL-terminated, to be freed. */
static char *exchange(struct world *w, const char *bytes, size_t length, size_t *got)
{
    struct admin_server *server = w->api.server;
    struct admin_peer peer;
    int fds[2];
    char *answer = NULL;
    FILE *out = open_memstream(&answer, got);
    FUZZ_REQUIRE(out && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    FUZZ_REQUIRE(admin_peer_of(fds[0], &peer) == 0);
    admin_connection_new(server, fds[0], &peer, NULL);
    FUZZ_REQUIRE(send(fds[1], bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
    (void)shutdown(fds[1], SHUT_WR);
    for (unsigned i = 0; i < TURNS_MOST && server->first; i++) {
        char text[8192];
        ssize_t count;
        FUZZ_REQUIRE(event_base_loop(w->api.base, EVLOOP_NONBLOCK) >= 0);
        while ((count = recv(fds[1], text, sizeof text, MSG_DONTWAIT)) > 0) {
            fwrite(text, 1, (size_t)count, out);
        }
    }
    FUZZ_REQUIRE(!server->first);
    (void)close(fds[1]);
    FUZZ_REQUIRE(fclose(out) == 0);
    return answer;
}

static void require_error(const json_t *body, unsigned status)
{
    const char *code = json_string_value(json_object_get(body, "code"));
    const char *message = json_string_value(json_object_get(body, "message"));
    FUZZ_REQUIRE(code && *code && message && *message);
    FUZZ_REQUIRE(status != 500 && status != 503);
    FUZZ_REQUIRE(status != 501 || strcmp(code, "unknown_method") == 0);
}

/* Status and body of a whole answer; the body is owned, NULL: none, or not JSON. */
static json_t *read_answer(const char *answer, size_t length, unsigned *status)
{
    size_t told = 0;
    const char *end = strstr(answer, "\r\n\r\n");
    FUZZ_REQUIRE(end && sscanf(answer, "HTTP/1.1 %u ", status) == 1);
    const char *body = end + 4;
    const char *header = strstr(answer, "\r\nContent-Length: ");
    if (!header || header > end || strstr(answer, "HTTP/1.1") != answer) {
        return NULL; /* a stream; or nothing, as 204 has it */
    }
    FUZZ_REQUIRE(sscanf(header, "\r\nContent-Length: %zu", &told) == 1);
    const size_t have = length - (size_t)(body - answer);
    FUZZ_REQUIRE(have == told || have == 0); /* HEAD */
    const char *json = strstr(answer, "\r\nContent-Type: application/json\r\n");
    if (have == 0 || !json || json > end) {
        return NULL;
    }
    json_t *value = json_loadb(body, told, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    FUZZ_REQUIRE(value);
    return value;
}

static void ask(struct world *w, struct text chunk)
{
    struct publisher_stats before;
    struct publisher_stats after;
    struct asked asked;
    size_t length;
    size_t got;
    unsigned status = 0;
    char *bytes = build(w, chunk, &length);
    if (length > REQUEST_MOST || !look_at(w, bytes, length, &asked)) {
        free(bytes);
        return;
    }
    publisher_stats(w->api.store.publisher, &before);
    char *answer = exchange(w, bytes, length, &got);
    publisher_stats(w->api.store.publisher, &after);
    const bool stream = asked.route && asked.route->answers == ADMIN_EVENTS;
    FUZZ_REQUIRE(got > 0 || stream); /* who says that he sends no more is taken for gone by one */
    json_t *body = got > 0 ? read_answer(answer, got, &status) : NULL;
    if (status >= 400 && body) {
        require_error(body, status);
    }
    if (status >= 400 || asked.dry_run) {
        FUZZ_REQUIRE(memcmp(before.digest, after.digest, sizeof before.digest) == 0);
        FUZZ_REQUIRE(before.generation == after.generation);
    }
    if (status == 201 && json_object_get(body, "token")) {
        snprintf(w->id, sizeof w->id, "%s", json_string_value(json_object_get(body, "id")));
    }
    json_decref(body);
    free(answer);
    free(bytes);
}

/* ---- what must hold in the end -------------------------------------------------------------- */

static void require_sound(struct world *w)
{
    static const char good[] = "POST /api/v1/flags/gate/kill?dryRun=true HTTP/1.1\r\nHost: t\r\n"
                               "X-Reason: r\r\n\r\n";
    struct storage *s = state_file_storage(&w->api.state);
    struct audit_result result = {0};
    struct fault fault = {0};
    size_t got;
    char *answer = exchange(w, good, sizeof good - 1, &got);
    FUZZ_REQUIRE(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
    free(answer);
    FUZZ_REQUIRE(!s || (audit_verify(s, NULL, NULL, 0, &result, &fault) == 0 && !result.bad));
    FUZZ_REQUIRE(w->api.server->bodies == 0 && w->api.server->stats.streams == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    struct text rest = {(const char *)data, size};
    if (!w.open) {
        whole_api_open(&w.api);
        snprintf(w.id, sizeof w.id, "none");
        w.open = true;
    }
    for (unsigned i = 0; i < REQUESTS_MOST && rest.length > 0; i++) {
        const char *next = memmem(rest.at, rest.length, SEPARATOR, strlen(SEPARATOR));
        const size_t length = next ? (size_t)(next - rest.at) : rest.length;
        const size_t taken = next ? length + strlen(SEPARATOR) : length;
        ask(&w, (struct text){rest.at, length});
        rest.at += taken;
        rest.length -= taken;
    }
    require_sound(&w);
    if (state_file_storage(&w.api.state)) { /* something was changed: the next one begins anew */
        whole_api_close(&w.api);
        w.open = false;
    }
    return 0;
}
