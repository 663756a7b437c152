#include "admin_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../catalog/document.h"
#include "../catalog/document_events.h"
#include "../catalog/spelling.h"
#include "admin_server_state.h"

#define BAD_PATH "malformed_path"
#define BAD_QUERY "malformed_query"

/* ---- percent-decoding ----------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Why a text cannot be decoded; NULL: it is in out, NUL-terminated (at most as long). */
static const char *decode(const char *text, size_t length, bool plus_is_space, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < length ? hex(text[i + 1]) : -1;
            const int low = i + 2 < length ? hex(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return "has a % that two hexadecimal digits do not follow";
            }
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') {
            return "has a NUL";
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return "has a control character";
        }
        out[used++] = c;
    }
    out[used] = '\0';
    if (!document_check_utf8(out, used, &(struct fault){0})) {
        return "is not UTF-8";
    }
    return NULL;
}

/* ---- path and query ------------------------------------------------------------------------- */

static int take_segment(struct admin_request *r, const char *text, size_t length, char **room,
                        struct admin_error *error)
{
    if (r->segment_count == ADMIN_SEGMENTS_MOST) {
        return admin_error_set(error, 404, "not_found", "path", NULL, "has more than %u segments",
                               ADMIN_SEGMENTS_MOST);
    }
    if (length == 0) {
        return admin_error_set(error, 400, BAD_PATH, "path", "leave out the '/' that is too many",
                               "has an empty segment");
    }
    char *segment = *room;
    const char *why = decode(text, length, false, segment);
    if (why) {
        return admin_error_set(error, 400, BAD_PATH, "path", NULL, "segment %zu %s",
                               r->segment_count + 1, why);
    }
    if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0) {
        return admin_error_set(error, 400, BAD_PATH, "path", "write the path without . and ..",
                               "segment %zu is \"%s\"", r->segment_count + 1, segment);
    }
    if (strlen(segment) > ADMIN_SEGMENT_MOST) {
        return admin_error_set(error, 400, BAD_PATH, "path", NULL,
                               "segment %zu is longer than %u bytes", r->segment_count + 1,
                               ADMIN_SEGMENT_MOST);
    }
    r->segments[r->segment_count++] = segment;
    *room += strlen(segment) + 1;
    return 0;
}

static int take_path(struct admin_request *r, const char *text, size_t length, char **room,
                     struct admin_error *error)
{
    for (size_t at = 0; at < length;) {
        const char *begin = text + at + 1;
        const char *slash = memchr(begin, '/', length - at - 1);
        const size_t segment = slash ? (size_t)(slash - begin) : length - at - 1;
        if (length > 1 && take_segment(r, begin, segment, room, error) != 0) {
            return -1;
        }
        at += segment + 1;
    }
    return 0;
}

/* "name=value" or "name". */
static int take_parameter(struct admin_request *r, const char *text, size_t length, char **room,
                          struct admin_error *error)
{
    if (length == 0) {
        return 0; /* "?", "&&" */
    }
    if (r->parameter_count == ADMIN_PARAMETERS_MOST) {
        return admin_error_set(error, 400, BAD_QUERY, "query", NULL, "has more than %lu parameters",
                               ADMIN_PARAMETERS_MOST);
    }
    const char *equals = memchr(text, '=', length);
    const size_t name_length = equals ? (size_t)(equals - text) : length;
    struct admin_parameter *p = &r->parameters[r->parameter_count];
    char *name = *room;
    const char *why = decode(text, name_length, true, name);
    if (why || !*name) {
        return admin_error_set(error, 400, BAD_QUERY, "query", NULL, "parameter %zu: its name %s",
                               r->parameter_count + 1, why ? why : "is empty");
    }
    *room += strlen(name) + 1;
    char *value = *room;
    why = equals ? decode(equals + 1, length - name_length - 1, true, value) : NULL;
    if (why) {
        return admin_error_set(error, 400, BAD_QUERY, name, NULL, "its value %s", why);
    }
    if (!equals) {
        *value = '\0';
    }
    *room += strlen(value) + 1;
    if (admin_request_parameter(r, name)) {
        return admin_error_set(error, 400, BAD_QUERY, name, NULL, "is given twice");
    }
    *p = (struct admin_parameter){name, value};
    r->parameter_count++;
    return 0;
}

static int take_query(struct admin_request *r, const char *text, char **room,
                      struct admin_error *error)
{
    while (*text) {
        const size_t length = strcspn(text, "&");
        if (take_parameter(r, text, length, room, error) != 0) {
            return -1;
        }
        text += length + (text[length] == '&');
    }
    return 0;
}

static int take_method(struct admin_request *r, const char *name, struct admin_error *error)
{
    if (strcmp(name, "HEAD") == 0) {
        r->head_only = true;
        name = admin_method_name(ADMIN_GET);
    }
    for (unsigned i = 0; i < ADMIN_METHODS; i++) {
        if (strcmp(name, admin_method_name((enum admin_method)i)) == 0) {
            r->method = (enum admin_method)i;
            return 0;
        }
    }
    return admin_error_set(error, 501, "unknown_method", "method",
                           "GET, HEAD, PUT, POST, PATCH, DELETE and OPTIONS are understood, in "
                           "capitals",
                           "\"%.32s\" is not understood", name);
}

/* Proxies send the whole URL. */
static const char *without_origin(const char *target)
{
    const size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                          : strncasecmp(target, "https://", 8) == 0 ? 8
                                                                    : 0;
    if (scheme == 0) {
        return target;
    }
    const char *path = target + scheme + strcspn(target + scheme, "/?#");
    return *path ? path : "/";
}

int admin_request_begin(struct admin_request *r, const struct admin_head *head,
                        struct admin_error *error)
{
    *r = (struct admin_request){.head = head};
    *error = (struct admin_error){0};
    const char *target = without_origin(head->target);
    const size_t length = strcspn(target, "?");
    r->path = strndup(target, length);
    /* Each part is decoded to at most its own length and a NUL; there is a separator to each. */
    r->decoded = malloc(strlen(target) + 2 * ADMIN_PARAMETERS_MOST + 2);
    if (!r->path || !r->decoded) {
        return admin_error_set(error, 503, "no_memory", NULL, "try again", "out of memory");
    }
    if (take_method(r, head->method, error) != 0) {
        return -1;
    }
    if (*target != '/') {
        return admin_error_set(error, 400, BAD_PATH, "path", NULL, "does not begin with '/'");
    }
    if (strchr(target, '#')) {
        return admin_error_set(error, 400, BAD_PATH, "path", "percent-encode it as %23",
                               "has a '#'");
    }
    char *room = r->decoded;
    if (take_path(r, target, length, &room, error) != 0) {
        return -1;
    }
    return target[length] ? take_query(r, target + length + 1, &room, error) : 0;
}

static void forget_body(struct admin_request *r)
{
    if (r->comment && r->reason == json_string_value(r->comment)) {
        r->reason = NULL;
    }
    json_decref(r->json);
    json_decref(r->comment);
    r->json = NULL;
    r->comment = NULL;
}

void admin_request_free(struct admin_request *r)
{
    forget_body(r);
    free(r->path);
    free(r->decoded);
    *r = (struct admin_request){0};
}

const char *admin_request_value(const struct admin_request *r, const char *placeholder)
{
    const int at = r->route ? admin_route_place(r->route, placeholder) : -1;
    return at >= 0 && (size_t)at < r->segment_count ? r->segments[at] : NULL;
}

const char *admin_request_parameter(const struct admin_request *r, const char *name)
{
    for (size_t i = 0; i < r->parameter_count; i++) {
        if (strcmp(r->parameters[i].name, name) == 0) {
            return r->parameters[i].value;
        }
    }
    return NULL;
}

int admin_request_number(const struct admin_request *r, const char *name, int64_t least,
                         int64_t most, int64_t *number, struct admin_error *error)
{
    const char *text = admin_request_parameter(r, name);
    if (!text) {
        return 0;
    }
    const size_t digits = strspn(text, "0123456789");
    const int64_t value = digits > 0 && digits < 19 && !text[digits] ? strtoll(text, NULL, 10) : -1;
    if (value < least || value > most) {
        return admin_error_set(error, 400, "invalid_parameter", name, NULL,
                               "must be a whole number from %" PRId64 " to %" PRId64
                               ", not \"%.32s\"",
                               least, most, text);
    }
    *number = value;
    return 0;
}

/* ---- what the route understands ------------------------------------------------------------- */

static int check_parameter(const struct admin_route *route, const char *name,
                           struct admin_error *error)
{
    struct spelling spelling = {.word = name};
    if (route->changes) {
        if (strcmp(name, "dryRun") == 0) {
            return 0;
        }
        spelling_offer(&spelling, "dryRun");
    }
    for (const struct admin_parameter_info *p = route->parameters; p && p->name; p++) {
        if (strcmp(name, p->name) == 0) {
            return 0;
        }
        spelling_offer(&spelling, p->name);
    }
    char hint[128] = "GET " ADMIN_ROOT "/openapi.json lists what this route understands";
    if (spelling.best) {
        snprintf(hint, sizeof hint, "did you mean %s?", spelling.best);
    }
    return admin_error_set(error, 400, "unknown_parameter", name, hint,
                           "is not a parameter of %s %.128s", admin_method_name(route->method),
                           route->pattern);
}

static int take_dry_run(struct admin_request *r, struct admin_error *error)
{
    const char *text = admin_request_parameter(r, "dryRun");
    if (text && *text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        return admin_error_set(error, 400, "invalid_parameter", "dryRun", NULL,
                               "must be true or false, not \"%.32s\"", text);
    }
    r->dry_run = text && strcmp(text, "false") != 0;
    return 0;
}

static int check_reason(const char *reason, size_t length, const char *member,
                        struct admin_error *error)
{
    if (length > ADMIN_REASON_MOST) {
        return admin_error_set(error, 400, "invalid_reason", member, "say it shorter",
                               "is longer than %u bytes", ADMIN_REASON_MOST);
    }
    if (strlen(reason) < length) {
        return admin_error_set(error, 400, "invalid_reason", member, NULL, "has a NUL");
    }
    if (!document_check_utf8(reason, length, &(struct fault){0})) {
        return admin_error_set(error, 400, "invalid_reason", member, NULL, "is not UTF-8");
    }
    return 0;
}

static int take_if_match(struct admin_request *r, const char *text, struct admin_error *error)
{
    const size_t length = strlen(text);
    if (strcmp(text, "*") == 0) {
        r->if_match[0] = '*';
        return 0;
    }
    const bool quoted = length >= 3 && text[0] == '"' && text[length - 1] == '"' &&
                        !memchr(text + 1, '"', length - 2);
    if (!quoted || length - 2 >= sizeof r->if_match) {
        return admin_error_set(error, 400, "invalid_if_match", "If-Match",
                               "give the one ETag of an answer, quotes and all; or *",
                               "\"%.40s\" is not an entity tag", text);
    }
    memcpy(r->if_match, text + 1, length - 2);
    r->if_match[length - 2] = '\0';
    return 0;
}

/* Of a change only "*" makes sense: not what is there already. */
static int take_if_none_match(struct admin_request *r, const char *text, struct admin_error *error)
{
    if (strcmp(text, "*") != 0) {
        return admin_error_set(error, 400, "invalid_if_none_match", "If-None-Match",
                               "give *, so that only what is not there yet is made",
                               "\"%.40s\" means nothing for a change", text);
    }
    r->must_be_new = true;
    return 0;
}

int admin_request_take(struct admin_request *r, const struct admin_route *route,
                       struct admin_error *error)
{
    r->route = route;
    for (size_t i = 0; i < r->parameter_count; i++) {
        if (check_parameter(route, r->parameters[i].name, error) != 0) {
            return -1;
        }
    }
    if (!route->changes) {
        return 0;
    }
    const char *reason = admin_head_value(r->head, "X-Reason");
    const char *if_match = admin_head_value(r->head, "If-Match");
    const char *if_none = admin_head_value(r->head, "If-None-Match");
    if (take_dry_run(r, error) != 0 || (if_match && take_if_match(r, if_match, error) != 0) ||
        (if_none && take_if_none_match(r, if_none, error) != 0) ||
        (reason && check_reason(reason, strlen(reason), "X-Reason", error) != 0)) {
        return -1;
    }
    r->reason = reason && *reason ? reason : NULL;
    return 0;
}

int admin_request_check_match(const struct admin_request *r, const char *current,
                              struct admin_error *error)
{
    if (r->must_be_new && current) {
        return admin_error_set(error, 409, "exists", NULL, "change it, or take another key",
                               "there is one of this key already");
    }
    if (!r->if_match[0] ||
        (current && (strcmp(r->if_match, "*") == 0 || strcmp(r->if_match, current) == 0))) {
        return 0;
    }
    return admin_error_set(error, 409, "conflict", "If-Match", "get it again, and decide anew",
                           current ? "it was changed: it is \"%.80s\" now" : "it is not there%.0s",
                           current ? current : "");
}

struct admin_change admin_request_change(const struct admin_request *r, const char *action)
{
    return (struct admin_change){
        .action = action,
        .actor = r->actor->name,
        .authenticated = r->actor->authenticated,
        .reason = r->reason,
        .time_ms = admin_wall_ms(),
    };
}

/* ---- the body ------------------------------------------------------------------------------- */

/* "application/json; charset=utf-8". */
static bool is_json_type(const char *type, bool patch)
{
    const size_t length = strcspn(type, "; \t");
    const char *rest = type + length + strspn(type + length, "; \t");
    const bool named =
        (length == 16 && strncasecmp(type, "application/json", length) == 0) ||
        (patch && length == 28 && strncasecmp(type, "application/merge-patch+json", length) == 0);
    return named && (!*rest || strcasecmp(rest, "charset=utf-8") == 0 ||
                     strcasecmp(rest, "charset=\"utf-8\"") == 0);
}

static int check_type(const struct admin_request *r, struct admin_error *error)
{
    const bool patch = r->route->method == ADMIN_PATCH;
    const char *type = admin_head_value(r->head, "Content-Type");
    const char *encoding = admin_head_value(r->head, "Content-Encoding");
    if (encoding && strcasecmp(encoding, "identity") != 0) {
        return admin_error_set(error, 415, "unsupported_media_type", "Content-Encoding",
                               "send it uncompressed", "\"%.32s\" is not understood", encoding);
    }
    if (!type || !is_json_type(type, patch)) {
        return admin_error_set(error, 415, "unsupported_media_type", "Content-Type",
                               patch ? "send application/merge-patch+json or application/json"
                                     : "send application/json",
                               type ? "\"%.64s\" is not understood" : "is missing%.0s",
                               type ? type : "");
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int parse(struct admin_request *r, struct admin_error *error)
{
    size_t at = 0;
    while (at < r->body_length && is_space(r->body[at])) {
        at++;
    }
    /* Another first character would be read as YAML. */
    if (at == r->body_length || r->body[at] != '{') {
        admin_error_set(error, 400, "invalid_json", "body", "send {...}", "must be a JSON object");
        document_place(r->body, r->body_length, DOCUMENT_JSON, at, &error->fault.line,
                       &error->fault.column);
        return -1;
    }
    struct fault fault = {0};
    r->json = document_parse(r->body, r->body_length, "", &fault);
    if (!r->json) {
        *error = (struct admin_error){400, "invalid_json", fault};
        snprintf(error->fault.member, sizeof error->fault.member, "body");
        return -1;
    }
    return 0;
}

/* The reason may come with the body; it is no part of what the body defines. */
static int take_comment(struct admin_request *r, struct admin_error *error)
{
    json_t *comment = json_object_get(r->json, "comment");
    if (!comment) {
        return 0;
    }
    if (!json_is_string(comment)) {
        admin_error_set(error, 400, "invalid_reason", "comment", NULL, "must be a string, not %s",
                        document_type_name(comment));
        admin_request_locate(r, &error->fault);
        return -1;
    }
    if (check_reason(json_string_value(comment), json_string_length(comment), "comment", error) !=
        0) {
        admin_request_locate(r, &error->fault);
        return -1;
    }
    r->comment = json_incref(comment);
    json_object_del(r->json, "comment");
    if (!r->reason && json_string_length(r->comment) > 0) {
        r->reason = json_string_value(r->comment);
    }
    return 0;
}

int admin_request_body(struct admin_request *r, const char *body, size_t length,
                       struct admin_error *error)
{
    forget_body(r); /* a handler may have changed what it was; another turn begins anew */
    r->body = body;
    r->body_length = length;
    if (length == 0 && r->route->body != ADMIN_BODY_REQUIRED) {
        return 0;
    }
    if (length == 0) {
        return admin_error_set(error, 400, "body_required", "body", "send a JSON object",
                               "is missing");
    }
    if (check_type(r, error) != 0 || parse(r, error) != 0) {
        return -1;
    }
    return r->route->changes ? take_comment(r, error) : 0;
}

void admin_request_locate(const struct admin_request *r, struct fault *fault)
{
    if (r->body_length > 0 && fault->line == 0) {
        document_locate(r->body, r->body_length, "", fault);
    }
}

const char *admin_request_string(const struct admin_request *r, const char *name, size_t most,
                                 bool required, struct admin_error *error)
{
    const json_t *value = json_object_get(r->json, name);
    if (!value && !required) {
        return NULL;
    }
    if (!value) {
        admin_error_set(error, 422, "invalid", name, NULL, "is missing");
    } else if (!json_is_string(value)) {
        admin_error_set(error, 422, "invalid", name, NULL, "must be a string, not %s",
                        document_type_name(value));
    } else if (json_string_length(value) > most || (required && json_string_length(value) == 0)) {
        admin_error_set(error, 422, "invalid", name, NULL, "must have 1 to %zu bytes", most);
    } else if (strlen(json_string_value(value)) < json_string_length(value)) {
        admin_error_set(error, 422, "invalid", name, NULL, "has a NUL");
    } else {
        return json_string_value(value);
    }
    admin_request_locate(r, &error->fault);
    return NULL;
}

int admin_request_members(const struct admin_request *r, const char *const *names,
                          struct admin_error *error)
{
    const char *member;
    json_t *value;
    json_object_foreach(r->json, member, value)
    {
        struct spelling spelling = {.word = member};
        const char *const *name = names;
        while (*name && strcmp(*name, member) != 0) {
            spelling_offer(&spelling, *name++);
        }
        if (!*name) {
            char hint[128] = "";
            if (spelling.best) {
                snprintf(hint, sizeof hint, "did you mean %s?", spelling.best);
            }
            admin_error_set(error, 422, "unknown_member", member, hint, "unknown member%s",
                            *member ? "" : " \"\"");
            admin_request_locate(r, &error->fault);
            return -1;
        }
    }
    return 0;
}
