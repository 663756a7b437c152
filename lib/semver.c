/* semver.c - see semver.h. Grammar and precedence: semver.org 2.0.0, sections 2, 9, 10, 11. */
#include "semver.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* A number without leading zeros at *at. */
static bool parse_number(const char **at, const char *end, uint64_t *out)
{
    const char *p = *at;
    if (p == end || !is_digit(*p) || (*p == '0' && p + 1 < end && is_digit(p[1]))) {
        return false;
    }
    uint64_t n = 0;
    for (; p < end && is_digit(*p); p++) {
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n)) {
            n = UINT64_MAX;
            while (p < end && is_digit(*p)) {
                p++;
            }
            break;
        }
    }
    *at = p;
    *out = n;
    return true;
}

/* Identifiers separated by dots, up to `end` or, in a prerelease, to '+'. */
static bool parse_identifiers(const char **at, const char *end, bool prerelease)
{
    const char *p = *at;
    for (;;) {
        const char *start = p;
        bool numeric = true;
        for (; p < end && is_identifier_char(*p); p++) {
            numeric = numeric && is_digit(*p);
        }
        if (p == start || (prerelease && numeric && *start == '0' && p - start > 1)) {
            return false;
        }
        if (p == end || *p != '.') {
            break;
        }
        p++;
    }
    *at = p;
    return true;
}

bool semver_parse(const char *text, size_t length, struct semver *out)
{
    const char *p = text;
    const char *end = text + length;
    uint64_t *parts[3] = {&out->major, &out->minor, &out->patch};
    memset(out, 0, sizeof *out);
    out->prerelease = end;
    for (int i = 0; i < 3; i++) {
        if (!parse_number(&p, end, parts[i])) {
            return false;
        }
        if (i == 2 || p == end || *p != '.') {
            break;
        }
        p++;
    }
    if (p < end && *p == '-') {
        const char *start = ++p;
        if (!parse_identifiers(&p, end, true)) {
            return false;
        }
        out->prerelease = start;
        out->prerelease_length = (size_t)(p - start);
    }
    if (p < end && *p == '+') {
        p++;
        if (!parse_identifiers(&p, end, false)) {
            return false;
        }
    }
    return p == end;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* The length of the identifier at the start of text; *numeric: all digits. */
static size_t identifier(const char *text, size_t length, bool *numeric)
{
    size_t n = 0;
    *numeric = true;
    for (; n < length && text[n] != '.'; n++) {
        *numeric = *numeric && is_digit(text[n]);
    }
    return n;
}

static int compare_identifiers(const char *a, size_t a_length, bool a_numeric, const char *b,
                               size_t b_length, bool b_numeric)
{
    if (a_numeric != b_numeric) {
        return a_numeric ? -1 : 1;
    }
    /* Without leading zeros, the longer number is the greater one, whatever its size. */
    if (a_numeric && a_length != b_length) {
        return a_length < b_length ? -1 : 1;
    }
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : compare_numbers(a_length, b_length);
}

static int compare_prereleases(const char *a, size_t a_length, const char *b, size_t b_length)
{
    for (;;) {
        bool a_numeric;
        bool b_numeric;
        size_t a_part = identifier(a, a_length, &a_numeric);
        size_t b_part = identifier(b, b_length, &b_numeric);
        int order = compare_identifiers(a, a_part, a_numeric, b, b_part, b_numeric);
        if (order != 0) {
            return order;
        }
        if (a_part == a_length || b_part == b_length) {
            return (a_part < a_length) - (b_part < b_length);
        }
        a += a_part + 1;
        a_length -= a_part + 1;
        b += b_part + 1;
        b_length -= b_part + 1;
    }
}

int semver_compare(const struct semver *a, const struct semver *b)
{
    int order = compare_numbers(a->major, b->major);
    if (order == 0) {
        order = compare_numbers(a->minor, b->minor);
    }
    if (order == 0) {
        order = compare_numbers(a->patch, b->patch);
    }
    if (order != 0) {
        return order;
    }
    if (a->prerelease_length == 0 || b->prerelease_length == 0) {
        return (a->prerelease_length == 0) - (b->prerelease_length == 0);
    }
    return compare_prereleases(a->prerelease, a->prerelease_length, b->prerelease,
                               b->prerelease_length);
}
