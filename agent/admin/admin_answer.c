#include "admin_connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../catalog/document.h"
#include "admin_server_state.h"

#define NO_LENGTH SIZE_MAX
#define HEAD_ROOM 1024 /* bytes, for status line and headers of ours */

static struct evbuffer *output(const struct admin_answer *a)
{
    return bufferevent_get_output(a->connection->stream);
}

/* Status line and headers. Without memory for all of it nothing is written, and the connection
   closes. */
static void begin(struct admin_answer *a, unsigned status, const char *type, size_t length)
{
    struct admin_connection *c = a->connection;
    struct evbuffer *out = output(a);
    const size_t body = length != NO_LENGTH && !a->head_only ? length : 0;
    a->begun = true;
    a->status = status;
    if (evbuffer_expand(out, HEAD_ROOM + a->headers_length + body) != 0) {
        admin_connection_drop(c);
        return;
    }
    c->closing = c->closing || (length == NO_LENGTH && a->http10);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %u %s\r\nCache-Control: no-store\r\n"
                        "X-Content-Type-Options: nosniff\r\n",
                        status, admin_status_text(status));
    if (a->request_id[0]) {
        evbuffer_add_printf(out, "X-Request-Id: %s\r\n", a->request_id);
    }
    if (type) {
        evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
    }
    if (length != NO_LENGTH && status != 204 && status != 304) {
        evbuffer_add_printf(out, "Content-Length: %zu\r\n", length);
    } else if (length == NO_LENGTH && !a->http10) {
        evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n");
    }
    if (a->etag[0]) {
        evbuffer_add_printf(out, "ETag: \"%s\"\r\n", a->etag);
    }
    evbuffer_add(out, a->headers, a->headers_length);
    evbuffer_add_printf(out, "Connection: %s\r\n\r\n", c->closing ? "close" : "keep-alive");
}

void admin_answer_etag(struct admin_answer *a, const char *etag)
{
    snprintf(a->etag, sizeof a->etag, "%s", etag);
}

void admin_answer_etag_of(struct admin_answer *a, admin_etag_fn *fn, void *arg, const char *what)
{
    if (!a->held) {
        fn(arg, what, a->etag);
        return;
    }
    free(a->etag_what);
    a->etag_what = strdup(what);
    a->etag_fn = a->etag_what ? fn : NULL;
    a->etag_arg = arg;
}

static void forget_etag_of(struct admin_answer *a)
{
    free(a->etag_what);
    a->etag_what = NULL;
    a->etag_fn = NULL;
}

void admin_answer_header(struct admin_answer *a, const char *name, const char *value)
{
    char *line = a->headers + a->headers_length;
    const size_t room = sizeof a->headers - a->headers_length;
    const int length = snprintf(line, room, "%s: %s", name, value);
    if (length < 0 || (size_t)length + 2 >= room) {
        return;
    }
    for (char *at = line; *at; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
    }
    line[length] = '\r';
    line[length + 1] = '\n';
    a->headers_length += (size_t)length + 2;
}

static void hold(struct admin_answer *a, unsigned status, const char *type, const void *bytes,
                 size_t length)
{
    a->begun = true;
    a->status = status;
    a->kept_type = type;
    a->kept_length = length;
    a->kept_bytes = malloc(length + 1);
    if (!a->kept_bytes) {
        admin_connection_drop(a->connection);
        return;
    }
    if (length > 0) {
        memcpy(a->kept_bytes, bytes, length);
    }
}

void admin_answer_retract(struct admin_answer *a)
{
    json_decref(a->kept);
    free(a->kept_bytes);
    a->kept = NULL;
    a->kept_bytes = NULL;
    forget_etag_of(a);
    a->held = false;
    a->begun = false;
    a->etag[0] = '\0';
    a->headers_length = 0;
}

void admin_answer_release(struct admin_answer *a)
{
    const struct admin_options *options = &a->connection->server->options;
    json_t *body = a->kept;
    char *bytes = a->kept_bytes;
    const bool begun = a->begun;
    a->kept = NULL;
    a->kept_bytes = NULL;
    a->held = false;
    a->begun = false;
    if (a->etag_fn && a->status < 300) {
        a->etag_fn(a->etag_arg, a->etag_what, a->etag);
    }
    forget_etag_of(a);
    if (body) {
        if (options->agreed && a->status < 300) {
            options->agreed(options->agreed_arg, body);
        }
        admin_answer_json(a, a->status, body);
    } else if (bytes && a->kept_type) {
        admin_answer_bytes(a, a->status, a->kept_type, bytes, a->kept_length);
    } else if (begun) {
        admin_answer_nothing(a, a->status);
    }
    free(bytes);
}

void admin_answer_bytes(struct admin_answer *a, unsigned status, const char *type,
                        const void *bytes, size_t length)
{
    if (a->begun) {
        return;
    }
    if (a->held) {
        hold(a, status, type, bytes, length);
        return;
    }
    begin(a, status, type, length);
    if (!a->head_only && !a->connection->dropped) {
        evbuffer_add(output(a), bytes, length);
    }
}

void admin_answer_nothing(struct admin_answer *a, unsigned status)
{
    if (!a->begun && a->held) {
        hold(a, status, NULL, "", 0);
    } else if (!a->begun) {
        begin(a, status, NULL, 0);
    }
}

/* Is it one of a list of tags, or "*"? */
static bool has_tag(const char *list, const char *etag)
{
    const size_t length = strlen(etag);
    for (const char *at = list; (at = strstr(at, etag)) != NULL; at += length) {
        if (at > list && at[-1] == '"' && at[length] == '"') {
            return true;
        }
    }
    return strcmp(list, "*") == 0;
}

void admin_answer_json(struct admin_answer *a, unsigned status, json_t *body)
{
    size_t length;
    if (a->held && body && !a->begun) {
        a->begun = true;
        a->status = status;
        a->kept = body;
        return;
    }
    char *text = body ? document_dump(body, &length) : NULL;
    json_decref(body);
    if (!text) {
        admin_answer_refuse(a, 503, "no_memory", "out of memory");
        return;
    }
    if (status == 200 && a->etag[0] && a->if_none_match && has_tag(a->if_none_match, a->etag)) {
        admin_answer_nothing(a, 304);
    } else {
        admin_answer_bytes(a, status, "application/json", text, length);
    }
    free(text);
}

/* ---- errors --------------------------------------------------------------------------------- */

static json_t *text_of(const char *text)
{
    return *text ? json_string(text) : NULL;
}

/* Members that have nothing to say are left out: json_object_set_new refuses NULL. */
static json_t *error_body(const struct admin_answer *a, const struct admin_error *error)
{
    const struct fault *f = &error->fault;
    char message[1024];
    struct fault said = *f; /* the place is among the details */
    said.line = 0;
    said.file[0] = '\0';
    fault_text(&said, message, sizeof message);
    json_t *details = json_object();
    json_object_set_new(details, "member", text_of(f->member));
    if (f->line) {
        json_object_set_new(details, "line", json_integer(f->line));
    }
    if (f->line && f->column) {
        json_object_set_new(details, "column", json_integer(f->column));
    }
    json_object_set_new(details, "hint", text_of(f->hint));
    json_object_set_new(details, "requestId", text_of(a->request_id));
    return json_pack("{s:s, s:s, s:o}", "code", error->code, "message", message, "details",
                     details);
}

void admin_answer_error(struct admin_answer *a, const struct admin_error *error)
{
    static const char without[] = "{\"code\":\"no_memory\",\"message\":\"out of memory\"}";
    if (a->begun) {
        return;
    }
    a->etag[0] = '\0';
    if (error->status == 401) {
        admin_answer_header(a, "WWW-Authenticate", "Bearer realm=\"ffshm\"");
    }
    json_t *body = error_body(a, error);
    size_t length;
    char *text = body ? document_dump(body, &length) : NULL;
    json_decref(body);
    if (text) {
        admin_answer_bytes(a, error->status, "application/json", text, length);
    } else {
        admin_answer_bytes(a, 503, "application/json", without, sizeof without - 1);
    }
    free(text);
}

void admin_answer_fault(struct admin_answer *a, const struct admin_request *request,
                        unsigned status, const char *code, const struct fault *fault)
{
    struct admin_error error = {status, code, *fault};
    if ((status == 400 || status == 422) && fault->member[0]) {
        admin_request_locate(request, &error.fault); /* else it is not of the body */
    }
    admin_answer_error(a, &error);
}

void admin_answer_refuse(struct admin_answer *a, unsigned status, const char *code,
                         const char *cause_format, ...)
{
    char cause[512];
    struct admin_error error;
    va_list arguments;
    va_start(arguments, cause_format);
    vsnprintf(cause, sizeof cause, cause_format, arguments);
    va_end(arguments);
    admin_error_set(&error, status, code, NULL, NULL, "%s", cause);
    admin_answer_error(a, &error);
}

/* ---- streams -------------------------------------------------------------------------------- */

struct admin_stream *admin_stream_begin(struct admin_answer *a, enum admin_media media,
                                        const struct admin_stream_owner *owner)
{
    struct admin_connection *c = a->connection;
    if (a->begun || a->held) { /* what hosts agree on is answered whole */
        return NULL;
    }
    begin(a, 200, admin_media_name(media), NO_LENGTH);
    if (a->head_only) {
        return NULL;
    }
    c->server->stats.streams++;
    c->events = (struct admin_stream){c, *owner, media, !a->http10};
    c->state = CONNECTION_STREAM;
    return &c->events;
}

size_t admin_stream_waiting(const struct admin_stream *s)
{
    return evbuffer_get_length(bufferevent_get_output(s->connection->stream));
}

/* As one chunk. Too much waits already: the connection ends with the next turn of the loop. */
static int put(struct admin_stream *s, struct evbuffer *chunk)
{
    struct admin_connection *c = s->connection;
    struct evbuffer *out = bufferevent_get_output(c->stream);
    const size_t length = evbuffer_get_length(chunk);
    const size_t waiting = evbuffer_get_length(out);
    if (c->dropped || (waiting > 0 && waiting + length > ADMIN_STREAM_QUEUE)) {
        admin_connection_drop(c);
        return -1;
    }
    if (s->chunked) {
        evbuffer_add_printf(out, "%zx\r\n", length);
    }
    evbuffer_add_buffer(out, chunk);
    if (s->chunked) {
        evbuffer_add(out, "\r\n", 2);
    }
    return 0;
}

static int put_and_free(struct admin_stream *s, struct evbuffer *chunk)
{
    const int result = put(s, chunk);
    evbuffer_free(chunk);
    return result;
}

int admin_stream_line(struct admin_stream *s, const char *json, size_t length)
{
    struct evbuffer *chunk = evbuffer_new();
    if (!chunk) {
        return -1;
    }
    evbuffer_add(chunk, json, length);
    evbuffer_add(chunk, "\n", 1);
    return put_and_free(s, chunk);
}

int admin_stream_event(struct admin_stream *s, const char *name, const char *id, const char *data,
                       size_t length)
{
    struct evbuffer *chunk = evbuffer_new();
    if (!chunk) {
        return -1;
    }
    if (id) {
        evbuffer_add_printf(chunk, "id: %s\n", id);
    }
    if (name) {
        evbuffer_add_printf(chunk, "event: %s\n", name);
    }
    const char *const end = data + length;
    for (const char *line = data; line <= end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        evbuffer_add(chunk, "data: ", 6);
        evbuffer_add(chunk, line, (size_t)((feed ? feed : end) - line));
        evbuffer_add(chunk, "\n", 1);
        line = feed ? feed + 1 : end + 1;
    }
    evbuffer_add(chunk, "\n", 1);
    return put_and_free(s, chunk);
}

void admin_stream_end(struct admin_stream *s)
{
    struct admin_connection *c = s->connection;
    if (s->chunked) {
        evbuffer_add(bufferevent_get_output(c->stream), "0\r\n\r\n", 5);
    }
    c->server->stats.streams--;
    c->events = (struct admin_stream){.connection = c};
    c->state = CONNECTION_FLUSHING;
    admin_connection_wake(c); /* sets its deadline */
}
