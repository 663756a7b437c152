/*
 * JSON (RFC 8259) as events, without recursion. jansson's own parser was measured at 20 to 40 MB/s
 * and tells neither where a half-written file broke off nor where a member was first written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_events.h"

struct json_reader {
    const char *text;
    size_t length;
    size_t at;
    const struct document_sink *sink;
    struct fault *fault;
    char *decoded; /* the last string that had escapes */
    size_t decoded_capacity;
    size_t depth;
    struct {
        size_t at;
        bool object;
    } open[DOCUMENT_MAX_DEPTH];
};

static unsigned line_of(const struct json_reader *r, size_t at)
{
    unsigned line;
    unsigned column;
    document_place(r->text, r->length, DOCUMENT_JSON, at, &line, &column);
    return line;
}

#define BAD(r, where, hint, ...)                                                                   \
    (fault_set((r)->fault, "", hint, __VA_ARGS__), bad_at((r), (where)))

static bool bad_at(struct json_reader *r, size_t at)
{
    document_place(r->text, r->length, DOCUMENT_JSON, at, &r->fault->line, &r->fault->column);
    return false;
}

static bool ends_in(struct json_reader *r, const char *what, size_t began)
{
    return BAD(r, r->length, "is it written to its end?",
               "the text ends in the middle of %s that begins on line %u", what, line_of(r, began));
}

static bool ends_early(struct json_reader *r)
{
    if (r->depth == 0) {
        return BAD(r, r->length, "is it written to its end?", "the text ends before a value");
    }
    const bool object = r->open[r->depth - 1].object;
    return ends_in(r, object ? "an object" : "a list", r->open[r->depth - 1].at);
}

static bool unexpected(struct json_reader *r, const char *expected)
{
    if (r->at >= r->length) {
        return ends_early(r);
    }
    const unsigned char c = (unsigned char)r->text[r->at];
    const char *hint = "";
    if (c == '/' || c == '#') {
        hint = "JSON has no comments; a YAML file may have them";
    } else if (c == '\'') {
        hint = "JSON's quotes are double";
    } else if (c == '}' || c == ']') {
        hint = "is there a comma too many?";
    }
    if (c < 0x20 || c >= 0x7f) {
        return BAD(r, r->at, hint, "expected %s, found byte 0x%02x", expected, c);
    }
    return BAD(r, r->at, hint, "expected %s, found %c", expected, c);
}

static void skip_space(struct json_reader *r)
{
    while (r->at < r->length) {
        const char c = r->text[r->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            break;
        }
        r->at++;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The four digits after \u at `at`; -1: they are not. */
static long read_hex(const struct json_reader *r, size_t at)
{
    if (r->length - at < 6 || r->text[at] != '\\' || r->text[at + 1] != 'u') {
        return -1;
    }
    long value = 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        const int digit = hex_digit(r->text[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static size_t write_utf8(char *to, unsigned long c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    const size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    to[0] = (char)(leads[size] | c);
    return size;
}

/* Decodes one escape at `*at` to `to`; returns its length, 0: not an escape. */
static size_t read_escape(struct json_reader *r, size_t *at, char *to)
{
    static const char named[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* letter, character */
    const char letter = *at + 1 < r->length ? r->text[*at + 1] : '\0';
    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if (named[i] == letter) {
            to[0] = named[i + 1];
            *at += 2;
            return 1;
        }
    }
    const long first = read_hex(r, *at);
    if (first < 0) {
        (void)BAD(r, *at, "a backslash itself is written \\\\", "not an escape sequence of JSON");
        return 0;
    }
    unsigned long c = (unsigned long)first;
    size_t length = 6;
    if (c >= 0xd800 && c < 0xe000) {
        const long second = c < 0xdc00 ? read_hex(r, *at + 6) : -1;
        if (second < 0xdc00 || second >= 0xe000) {
            (void)BAD(r, *at, "write both halves, or the character itself",
                      "\\u%04lx is one half of a surrogate pair", c);
            return 0;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + ((unsigned long)second - 0xdc00);
        length = 12;
    }
    *at += length;
    return write_utf8(to, c);
}

static size_t plain_run(const struct json_reader *r, size_t at)
{
    while (at < r->length) {
        const unsigned char c = (unsigned char)r->text[at];
        if (c == '"' || c == '\\' || c < 0x20) {
            break;
        }
        at++;
    }
    return at;
}

/* The rest of a string, from its first escape on; decoding never lengthens a text. */
static bool decode_string(struct json_reader *r, size_t began, size_t at, size_t *length)
{
    size_t used = 0;
    for (size_t from = began + 1;;) {
        const size_t run = at - from;
        const size_t need = used + run + 4;
        if (r->decoded == NULL || need > r->decoded_capacity) {
            char *grown = realloc(r->decoded, need * 2);
            if (grown == NULL) {
                return BAD(r, began, "", "out of memory");
            }
            r->decoded = grown;
            r->decoded_capacity = need * 2;
        }
        memcpy(r->decoded + used, r->text + from, run);
        used += run;
        if (at >= r->length || r->text[at] != '\\') {
            break;
        }
        if (at + 1 >= r->length) {
            at = r->length;
            break;
        }
        const size_t written = read_escape(r, &at, r->decoded + used);
        if (written == 0) {
            return false;
        }
        used += written;
        from = at;
        at = plain_run(r, at);
    }
    r->at = at;
    *length = used;
    return true;
}

/* At a quote: the string behind it; *text is valid until the next one. */
static bool read_string(struct json_reader *r, const char **text, size_t *length)
{
    const size_t began = r->at;
    r->at = plain_run(r, began + 1);
    *text = r->text + began + 1;
    *length = r->at - began - 1;
    if (r->at < r->length && r->text[r->at] == '\\') {
        if (!decode_string(r, began, r->at, length)) {
            return false;
        }
        *text = r->decoded;
    }
    if (r->at >= r->length) {
        return ends_in(r, "a string", began);
    }
    if (r->text[r->at] != '"') {
        return BAD(r, r->at, "close the quote; a line break in a text is written \\n",
                   "a control character (0x%02x) in the string that begins on line %u",
                   (unsigned char)r->text[r->at], line_of(r, began));
    }
    r->at++;
    return true;
}

static size_t skip_digits(struct json_reader *r)
{
    const size_t from = r->at;
    while (r->at < r->length && r->text[r->at] >= '0' && r->text[r->at] <= '9') {
        r->at++;
    }
    return r->at - from;
}

static bool next_is(const struct json_reader *r, char c)
{
    return r->at < r->length && r->text[r->at] == c;
}

/* JSON's grammar of a number, which is narrower than strtod's. */
static bool scan_number(struct json_reader *r, bool *integer)
{
    const size_t began = r->at;
    r->at += next_is(r, '-');
    const bool zero = next_is(r, '0');
    const size_t digits = skip_digits(r);
    bool good = digits > 0 && !(zero && digits > 1);
    *integer = true;
    if (good && next_is(r, '.')) {
        r->at++;
        *integer = false;
        good = skip_digits(r) > 0;
    }
    if (good && (next_is(r, 'e') || next_is(r, 'E'))) {
        r->at++;
        *integer = false;
        r->at += next_is(r, '+') || next_is(r, '-');
        good = skip_digits(r) > 0;
    }
    if (good) {
        return true;
    }
    if (r->at >= r->length) {
        return ends_in(r, "a number", began);
    }
    return BAD(r, began, zero && digits > 1 ? "a number must not begin with 0" : "",
               "not a number of JSON");
}

static bool read_integer(const char *text, size_t length, int64_t *value)
{
    const bool negative = text[0] == '-';
    uint64_t magnitude = 0;
    for (size_t i = negative; i < length; i++) {
        const uint64_t digit = (uint64_t)(text[i] - '0');
        if (magnitude > (UINT64_MAX - digit) / 10) {
            return false;
        }
        magnitude = magnitude * 10 + digit;
    }
    if (magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static bool read_number(struct json_reader *r)
{
    const size_t began = r->at;
    bool integer;
    if (!scan_number(r, &integer)) {
        return false;
    }
    const char *text = r->text + began;
    const size_t length = r->at - began;
    struct document_scalar value = {.type = DOCUMENT_INTEGER};
    const bool minus_zero = length == 2 && text[0] == '-' && text[1] == '0';
    if (!integer || minus_zero || !read_integer(text, length, &value.integer)) {
        value.type = DOCUMENT_REAL;
        if (!document_read_real(text, length, &value.real)) {
            return BAD(r, began, "a number has 400 digits at most and is below 1.8e308",
                       "the number is too large");
        }
    }
    return r->sink->scalar(r->sink->arg, &value, NULL, began);
}

static bool read_word(struct json_reader *r)
{
    static const struct {
        const char *word;
        size_t length;
        enum document_type type;
    } words[] = {
        {"true", 4, DOCUMENT_TRUE}, {"false", 5, DOCUMENT_FALSE}, {"null", 4, DOCUMENT_NULL}};
    const size_t left = r->length - r->at;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t length = words[i].length;
        if (left < length && memcmp(r->text + r->at, words[i].word, left) == 0) {
            return ends_early(r);
        }
        if (left >= length && memcmp(r->text + r->at, words[i].word, length) == 0) {
            const struct document_scalar value = {.type = words[i].type};
            const size_t began = r->at;
            r->at += length;
            return r->sink->scalar(r->sink->arg, &value, NULL, began);
        }
    }
    return unexpected(r, "a value");
}

static bool read_key(struct json_reader *r)
{
    skip_space(r);
    if (!next_is(r, '"')) {
        return unexpected(r, "a member's name in double quotes");
    }
    const size_t began = r->at;
    const char *text;
    size_t length;
    if (!read_string(r, &text, &length)) {
        return false;
    }
    if (memchr(text, '\0', length) != NULL) {
        return BAD(r, began, "", "a member's name contains a NUL character");
    }
    if (!r->sink->key(r->sink->arg, text, length, began)) {
        return false;
    }
    skip_space(r);
    if (!next_is(r, ':')) {
        return unexpected(r, "a colon after the member's name");
    }
    r->at++;
    return true;
}

static bool open_container(struct json_reader *r, bool object)
{
    if (r->depth == DOCUMENT_MAX_DEPTH) {
        return BAD(r, r->at, "", "more than %u levels deep", DOCUMENT_MAX_DEPTH);
    }
    r->open[r->depth].at = r->at;
    r->open[r->depth].object = object;
    r->depth++;
    return r->sink->open(r->sink->arg, object, NULL, r->at++);
}

static bool close_container(struct json_reader *r)
{
    r->depth--;
    return r->sink->close(r->sink->arg, r->at++);
}

/* A scalar, or the beginning of a container: *opened. */
static bool read_value(struct json_reader *r, bool *opened)
{
    skip_space(r);
    *opened = false;
    const char c = r->at < r->length ? r->text[r->at] : '\0';
    if (c == '{' || c == '[') {
        const size_t known = r->sink->known != NULL ? r->sink->known(r->sink->arg, r->at) : 0;
        r->at += known;
        *opened = known == 0;
        return known != 0 || open_container(r, c == '{');
    }
    if (c == '"') {
        struct document_scalar value = {.type = DOCUMENT_STRING};
        const size_t began = r->at;
        return read_string(r, &value.text, &value.length) &&
               r->sink->scalar(r->sink->arg, &value, NULL, began);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return read_number(r);
    }
    return read_word(r);
}

/* After a value: closes what ends here and stops before the next value. */
static bool read_separators(struct json_reader *r, bool opened)
{
    while (r->depth > 0) {
        skip_space(r);
        const bool object = r->open[r->depth - 1].object;
        if (next_is(r, object ? '}' : ']')) {
            if (!close_container(r)) {
                return false;
            }
            opened = false;
            continue;
        }
        if (!opened) {
            if (!next_is(r, ',')) {
                return unexpected(r, object ? "a comma or }" : "a comma or ]");
            }
            r->at++;
        }
        return !object || read_key(r);
    }
    return true;
}

static bool read_text(struct json_reader *r)
{
    do {
        bool opened;
        if (!read_value(r, &opened) || !read_separators(r, opened)) {
            return false;
        }
    } while (r->depth > 0);
    skip_space(r);
    return r->at == r->length || unexpected(r, "the end of the text");
}

size_t document_json_extent(const char *text, size_t length, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < length; i++) {
        switch (text[i]) {
        case '"':
            for (i++; i < length && text[i] != '"'; i++) {
                i += text[i] == '\\';
            }
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0) {
                return i + 1 - at;
            }
            break;
        default:
            break;
        }
    }
    return 0;
}

bool document_read_json(const char *text, size_t length, const struct document_sink *sink,
                        struct fault *fault)
{
    struct json_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        fault_set(fault, "", "", "out of memory");
        return false;
    }
    reader->text = text;
    reader->length = length;
    reader->sink = sink;
    reader->fault = fault;
    const bool good = read_text(reader);
    free(reader->decoded);
    free(reader);
    return good;
}
