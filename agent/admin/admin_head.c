#include "admin_head.h"

#include <string.h>
#include <strings.h>

static bool is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool admin_head_may_begin(char c)
{
    return is_token_character(c) || c == '\r';
}

size_t admin_head_end(const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) {
        const char *feed = memchr(bytes + at, '\n', length - at);
        if (!feed) {
            return 0;
        }
        at = (size_t)(feed - bytes) + 1;
        /* A bare line feed ends it too: admin_head_parse tells what is wrong with it, now. */
        if (at < length && bytes[at] == '\n') {
            return at + 1;
        }
        if (at + 1 < length && bytes[at] == '\r' && bytes[at + 1] == '\n') {
            return at + 2;
        }
    }
    return 0;
}

/* RFC 9110: token. */
static bool is_token(const char *text)
{
    const char *c = text;
    while (is_token_character(*c)) {
        c++;
    }
    return c > text && !*c;
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* A list of tokens such as Connection's: is this one of them? */
static bool lists(const char *value, const char *token)
{
    const size_t length = strlen(token);
    while (*value) {
        value += strspn(value, ", \t");
        const size_t part = strcspn(value, ", \t");
        if (part == length && strncasecmp(value, token, length) == 0) {
            return true;
        }
        value += part;
    }
    return false;
}

#define BAD_REQUEST "malformed_request"

static int request_line(char *line, struct admin_head *head, struct admin_error *error)
{
    static const char form[] = "a request begins with: METHOD /path HTTP/1.1";
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!target || !version) {
        return admin_error_set(error, 400, BAD_REQUEST, "request line", form,
                               "the request line has fewer than three parts");
    }
    *target++ = '\0';
    *version++ = '\0';
    if (!is_token(line)) {
        return admin_error_set(error, 400, BAD_REQUEST, "method", form, "is not a method's name");
    }
    if (strlen(target) > ADMIN_TARGET_MOST) {
        return admin_error_set(error, 414, "target_too_long", "path", NULL,
                               "path and query are longer than %u bytes", ADMIN_TARGET_MOST);
    }
    for (const char *c = target; *c; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f) {
            return admin_error_set(error, 400, BAD_REQUEST, "path",
                                   "percent-encode what is not a printable ASCII character",
                                   "has a character that a path cannot have (byte 0x%02x)",
                                   (unsigned)(unsigned char)*c);
        }
    }
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
        const bool other = strncmp(version, "HTTP/", 5) == 0 && strlen(version) == 8;
        return admin_error_set(error, other ? 505 : 400, other ? "http_version" : BAD_REQUEST,
                               "request line", form, "\"%.16s\" is not HTTP/1.1", version);
    }
    head->method = line;
    head->target = target;
    head->http10 = version[7] == '0';
    return 0;
}

static int content_length(const char *value, struct admin_head *head, struct admin_error *error)
{
    if (head->has_length) {
        return admin_error_set(error, 400, BAD_REQUEST, "Content-Length", NULL, "is there twice");
    }
    const size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] || digits > 18) {
        return admin_error_set(error, 400, BAD_REQUEST, "Content-Length", NULL,
                               "\"%.32s\" is not a number of bytes", value);
    }
    for (size_t i = 0; i < digits; i++) {
        head->length = head->length * 10 + (uint64_t)(value[i] - '0');
    }
    head->has_length = true;
    return 0;
}

static int transfer_encoding(const char *value, struct admin_head *head, struct admin_error *error)
{
    static const char instead[] = "send a Content-Length, or: Transfer-Encoding: chunked";
    if (head->chunked || head->http10) {
        return admin_error_set(error, 400, "transfer_encoding", "Transfer-Encoding", instead, "%s",
                               head->chunked ? "is there twice" : "HTTP/1.0 does not have it");
    }
    if (strcasecmp(value, "chunked") != 0) {
        return admin_error_set(error, 501, "transfer_encoding", "Transfer-Encoding", instead,
                               "\"%.32s\" is not understood here", value);
    }
    head->chunked = true;
    return 0;
}

/* What concerns the message itself. */
static int take_framing(const char *name, const char *value, struct admin_head *head,
                        struct admin_error *error)
{
    if (strcasecmp(name, "Content-Length") == 0) {
        return content_length(value, head, error);
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        return transfer_encoding(value, head, error);
    }
    if (strcasecmp(name, "Connection") == 0) {
        /* Of several the one that closes wins. */
        head->closes = head->closes || lists(value, "close");
        head->keep_alive = !head->closes && (head->keep_alive || lists(value, "keep-alive"));
    } else if (strcasecmp(name, "Expect") == 0) {
        if (strcasecmp(value, "100-continue") != 0) {
            return admin_error_set(error, 417, "expectation", "Expect", NULL,
                                   "\"%.32s\" is not understood here", value);
        }
        head->expects_continue = !head->http10;
    }
    return 0;
}

static int header_line(char *line, struct admin_head *head, struct admin_error *error)
{
    static const char form[] = "a header is: Name: value";
    if (*line == ' ' || *line == '\t') {
        return admin_error_set(error, 400, BAD_REQUEST, "headers", form,
                               "a header is continued on a second line");
    }
    char *value = strchr(line, ':');
    if (!value) {
        return admin_error_set(error, 400, BAD_REQUEST, "headers", form,
                               "the line \"%.32s\" has no colon", line);
    }
    *value++ = '\0';
    if (!is_token(line)) {
        return admin_error_set(error, 400, BAD_REQUEST, "headers", form,
                               "\"%.32s\" is not a header's name", line);
    }
    if (head->header_count == ADMIN_HEADERS_MOST) {
        return admin_error_set(error, 431, "too_many_headers", "headers", NULL,
                               "there are more than %u headers", ADMIN_HEADERS_MOST);
    }
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
        value[--length] = '\0';
    }
    for (const char *c = value; *c; c++) {
        if (is_control(*c)) {
            return admin_error_set(error, 400, BAD_REQUEST, line, NULL,
                                   "has a control character (byte 0x%02x)",
                                   (unsigned)(unsigned char)*c);
        }
    }
    head->headers[head->header_count++] = (struct admin_header){line, value};
    return take_framing(line, value, head, error);
}

static unsigned count(const struct admin_head *head, const char *name)
{
    unsigned found = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        found += strcasecmp(head->headers[i].name, name) == 0;
    }
    return found;
}

/* Of two, one program on the way goes by the first and another by the last. */
static int check_repeated(const struct admin_head *head, struct admin_error *error)
{
    static const char *const once[] = {"Host",     "Authorization", "Content-Type",
                                       "If-Match", "X-Reason",      "Content-Encoding"};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        if (count(head, once[i]) > 1) {
            return admin_error_set(error, 400, BAD_REQUEST, once[i], "send it once",
                                   "is there more than once");
        }
    }
    return 0;
}

/* "agent", "127.0.0.1:8080", "[::1]:8080"; which one does not matter. */
static int check_host(const struct admin_head *head, struct admin_error *error)
{
    const char *host = admin_head_value(head, "Host");
    if (!host && !head->http10) {
        return admin_error_set(error, 400, BAD_REQUEST, "Host", "send a Host header", "is missing");
    }
    for (const char *c = host ? host : ""; *c; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || strchr("/?#@\\\"<>,", *c)) {
            return admin_error_set(error, 400, BAD_REQUEST, "Host", NULL,
                                   "\"%.64s\" is not a host, or a host and a port", host);
        }
    }
    return 0;
}

/* The message as a whole. */
static int check(const struct admin_head *head, struct admin_error *error)
{
    if (check_repeated(head, error) != 0 || check_host(head, error) != 0) {
        return -1;
    }
    if (head->chunked && head->has_length) {
        return admin_error_set(error, 400, BAD_REQUEST, "Content-Length",
                               "send one of the two only",
                               "the body has a Content-Length and is chunked");
    }
    return 0;
}

int admin_head_parse(char *text, size_t length, struct admin_head *head, struct admin_error *error)
{
    *head = (struct admin_head){0};
    *error = (struct admin_error){0};
    if (memchr(text, '\0', length)) {
        return admin_error_set(error, 400, BAD_REQUEST, "headers", NULL,
                               "the request's head has a NUL byte");
    }
    bool first = true;
    for (char *line = text; line < text + length;) {
        char *feed = memchr(line, '\n', (size_t)(text + length - line));
        if (!feed || feed == line || feed[-1] != '\r') {
            return admin_error_set(error, 400, BAD_REQUEST, first ? "request line" : "headers",
                                   "end every line with CR LF", "a line does not end with CR LF");
        }
        feed[-1] = '\0';
        if (strchr(line, '\r')) {
            return admin_error_set(error, 400, BAD_REQUEST, first ? "request line" : "headers",
                                   NULL, "a line has a CR within");
        }
        if (!*line && !first) {
            break; /* the empty line */
        }
        if (first ? request_line(line, head, error) : header_line(line, head, error)) {
            return -1;
        }
        if (first) {
            head->keep_alive = !head->http10;
        }
        first = false;
        line = feed + 1;
    }
    return check(head, error);
}

const char *admin_head_value(const struct admin_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (strcasecmp(head->headers[i].name, name) == 0) {
            return head->headers[i].value;
        }
    }
    return NULL;
}
