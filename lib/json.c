/* json.c - see json.h. Grammar: RFC 8259; UTF-8: RFC 3629, table 3-7 of the Unicode standard. */
#include "json.h"

#include <stdint.h>
#include <string.h>

/* ---- checking ------------------------------------------------------------------------------ */

struct checker {
    const char *at; /* after a failure, the fault */
    const char *end;
    size_t max_escaped;
    unsigned depth;
    uint64_t objects; /* bit n: the container at depth n + 1 is an object */
};
_Static_assert(JSON_MAX_DEPTH <= 64, "one bit a level");

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_space(struct checker *k)
{
    while (k->at < k->end && is_space(*k->at)) {
        k->at++;
    }
}

static bool take(struct checker *k, char c)
{
    if (k->at == k->end || *k->at != c) {
        return false;
    }
    k->at++;
    return true;
}

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The code unit of \uXXXX at text; -1: not one. */
static int32_t code_unit(const char *text, const char *end)
{
    if (end - text < 6 || text[0] != '\\' || text[1] != 'u') {
        return -1;
    }
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        const int digit = hex_digit(text[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* An escape sequence; surrogates only in pairs. */
static bool check_escape(struct checker *k)
{
    const int32_t unit = code_unit(k->at, k->end);
    if (unit >= 0) {
        if (is_low_surrogate(unit) ||
            (is_high_surrogate(unit) && !is_low_surrogate(code_unit(k->at + 6, k->end)))) {
            return false;
        }
        k->at += is_high_surrogate(unit) ? 12 : 6;
        return true;
    }
    if (k->end - k->at < 2 || k->at[1] == 0 || !strchr("\"\\/bfnrt", k->at[1])) {
        return false;
    }
    k->at += 2;
    return true;
}

size_t json_utf8(const char *text, const char *end)
{
    const uint8_t *p = (const uint8_t *)text;
    const uint8_t lead = *p;
    size_t length;
    uint8_t low =
        0x80; /* of the second byte: no overlong forms, no surrogates, no more than 10ffff */
    uint8_t high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    } else {
        return lead < 0x80;
    }
    if ((size_t)(end - text) < length || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static bool check_string(struct checker *k)
{
    if (!take(k, '"')) {
        return false;
    }
    const char *start = k->at;
    bool escaped = false;
    while (k->at < k->end && *k->at != '"') {
        const uint8_t c = (uint8_t)*k->at;
        if (c == '\\') {
            escaped = true;
            if (!check_escape(k)) {
                return false;
            }
        } else if (c < 0x20) {
            return false;
        } else if (c < 0x80) {
            k->at++;
        } else {
            const size_t n = json_utf8(k->at, k->end);
            if (n == 0) {
                return false;
            }
            k->at += n;
        }
    }
    if (escaped && k->max_escaped > 0 && (size_t)(k->at - start) > k->max_escaped) {
        return false;
    }
    return take(k, '"');
}

static bool check_digits(struct checker *k)
{
    const char *start = k->at;
    while (k->at < k->end && is_digit(*k->at)) {
        k->at++;
    }
    return k->at > start;
}

static bool check_number(struct checker *k)
{
    take(k, '-');
    if (!take(k, '0') && !check_digits(k)) {
        return false;
    }
    if (take(k, '.') && !check_digits(k)) {
        return false;
    }
    if (take(k, 'e') || take(k, 'E')) {
        if (!take(k, '-')) {
            take(k, '+');
        }
        return check_digits(k);
    }
    return true;
}

static bool check_word(struct checker *k, const char *word, size_t length)
{
    if ((size_t)(k->end - k->at) < length || memcmp(k->at, word, length) != 0) {
        return false;
    }
    k->at += length;
    return true;
}

static bool check_scalar(struct checker *k)
{
    if (k->at == k->end) {
        return false;
    }
    switch (*k->at) {
    case '"':
        return check_string(k);
    case 't':
        return check_word(k, "true", 4);
    case 'f':
        return check_word(k, "false", 5);
    case 'n':
        return check_word(k, "null", 4);
    default:
        return check_number(k);
    }
}

static bool in_object(const struct checker *k)
{
    return k->objects >> (k->depth - 1) & 1;
}

static bool check_name(struct checker *k)
{
    skip_space(k);
    if (!check_string(k)) {
        return false;
    }
    skip_space(k);
    return take(k, ':');
}

/* A scalar, or the opening of a container with the name of an object's first member. *complete:
   nothing of the value is outstanding. */
static bool check_opening(struct checker *k, bool *complete)
{
    skip_space(k);
    const bool object = k->at < k->end && *k->at == '{';
    const bool array = k->at < k->end && *k->at == '[';
    *complete = true;
    if (!object && !array) {
        return check_scalar(k);
    }
    if (k->depth == JSON_MAX_DEPTH) {
        return false;
    }
    k->at++;
    skip_space(k);
    if (take(k, object ? '}' : ']')) {
        return true;
    }
    const uint64_t bit = UINT64_C(1) << k->depth++;
    k->objects = object ? k->objects | bit : k->objects & ~bit;
    *complete = false;
    return !object || check_name(k);
}

/* After a value: closes containers until one goes on with another value, or none is open. */
static bool check_closing(struct checker *k)
{
    while (k->depth > 0) {
        skip_space(k);
        if (take(k, ',')) {
            return !in_object(k) || check_name(k);
        }
        if (!take(k, in_object(k) ? '}' : ']')) {
            return false;
        }
        k->depth--;
    }
    return true;
}

static bool check_value(struct checker *k)
{
    do {
        bool complete;
        if (!check_opening(k, &complete) || (complete && !check_closing(k))) {
            return false;
        }
    } while (k->depth > 0);
    return true;
}

static enum json_type type_of(char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

int json_check(const char *text, size_t length, size_t max_escaped, struct json_slice *out,
               size_t *at)
{
    struct checker k = {text, text + length, max_escaped, 0, 0};
    skip_space(&k);
    const char *start = k.at;
    bool valid = check_value(&k);
    const char *end = k.at;
    if (valid) {
        skip_space(&k);
        valid = k.at == k.end;
    }
    if (!valid) {
        if (at) {
            *at = (size_t)(k.at - text);
        }
        return FFSHM_BAD_JSON;
    }
    *out = (struct json_slice){type_of(*start), start, (size_t)(end - start)};
    return FFSHM_OK;
}

/* ---- walking: the text is known to be good ------------------------------------------------- */

static const char *skip_string(const char *p)
{
    for (p++; *p != '"'; p++) {
        p += *p == '\\';
    }
    return p + 1;
}

static const char *skip_container(const char *p)
{
    unsigned depth = 0;
    do {
        switch (*p) {
        case '"':
            p = skip_string(p);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
        p++;
    } while (depth > 0);
    return p;
}

/* Containers enclose whatever is skipped: a closing bracket ends the loop at the latest. */
static const char *skip_value(const char *p)
{
    if (*p == '"') {
        return skip_string(p);
    }
    if (*p == '{' || *p == '[') {
        return skip_container(p);
    }
    while (*p != ',' && *p != ']' && *p != '}' && !is_space(*p)) {
        p++;
    }
    return p;
}

static const char *skip_to(const char *p)
{
    while (is_space(*p) || *p == ',' || *p == ':') {
        p++;
    }
    return p;
}

bool json_next(const struct json_slice *container, size_t *cursor, struct json_slice *name,
               struct json_slice *value)
{
    if (container->type != JSON_OBJECT && container->type != JSON_ARRAY) {
        return false;
    }
    const char *p = skip_to(container->text + (*cursor ? *cursor : 1));
    if (*p == '}' || *p == ']') {
        *cursor = (size_t)(p - container->text);
        return false;
    }
    if (container->type == JSON_OBJECT) {
        const char *end = skip_string(p);
        if (name) {
            *name = (struct json_slice){JSON_STRING, p, (size_t)(end - p)};
        }
        p = skip_to(end);
    }
    const char *end = skip_value(p);
    *value = (struct json_slice){type_of(*p), p, (size_t)(end - p)};
    *cursor = (size_t)(end - container->text);
    return true;
}

/* ---- strings ------------------------------------------------------------------------------- */

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The character at *at, encoded, and moves on; returns its number of bytes. Bytes that are not
   escaped come one at a time. */
static size_t decode(const char **at, const char *end, char out[4])
{
    const char *p = *at;
    if (*p != '\\') {
        out[0] = *p;
        *at = p + 1;
        return 1;
    }
    const int32_t unit = code_unit(p, end);
    if (unit >= 0) {
        *at = p + 6;
        if (!is_high_surrogate(unit)) {
            return encode((uint32_t)unit, out);
        }
        *at = p + 12;
        const int32_t low = code_unit(p + 6, end);
        return encode(0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
    }
    static const char names[] = "bfnrt";
    static const char characters[] = "\b\f\n\r\t";
    const char *found = strchr(names, p[1]);
    out[0] = found ? characters[found - names] : p[1];
    *at = p + 2;
    return 1;
}

bool json_escaped(const struct json_slice *string)
{
    return memchr(string->text, '\\', string->length) != NULL;
}

bool json_string(const struct json_slice *string, char *buffer, size_t capacity, const char **out,
                 size_t *out_length)
{
    const char *p = string->text + 1;
    const char *end = string->text + string->length - 1;
    if (!json_escaped(string)) {
        *out = p;
        *out_length = (size_t)(end - p);
        return true;
    }
    size_t used = 0;
    while (p < end) {
        char bytes[4];
        const size_t n = decode(&p, end, bytes);
        if (used + n >= capacity) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            buffer[used++] = bytes[i];
        }
    }
    buffer[used] = 0;
    *out = buffer;
    *out_length = used;
    return true;
}

/* Compares without a buffer, so that names of any length do. */
bool json_equals(const struct json_slice *string, const char *text, size_t length)
{
    const char *p = string->text + 1;
    const char *end = string->text + string->length - 1;
    if (!json_escaped(string)) {
        return (size_t)(end - p) == length && memcmp(p, text, length) == 0;
    }
    while (p < end) {
        char bytes[4];
        const size_t n = decode(&p, end, bytes);
        if (n > length || memcmp(bytes, text, n) != 0) {
            return false;
        }
        text += n;
        length -= n;
    }
    return length == 0;
}

struct json_slice json_member(const struct json_slice *object, const char *name, size_t length)
{
    struct json_slice found = {JSON_END, NULL, 0};
    struct json_slice member;
    struct json_slice value;
    size_t cursor = 0;
    while (object->type == JSON_OBJECT && json_next(object, &cursor, &member, &value)) {
        if (json_equals(&member, name, length)) {
            found = value;
        }
    }
    return found;
}
