/* json_write.c - see json_write.h. */
#include "json_write.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 17 /* tell any two doubles apart */

void json_put(struct json_text *out, const char *bytes, size_t count)
{
    if (out->length < out->capacity) {
        const size_t room = out->capacity - out->length;
        memcpy(out->buffer + out->length, bytes, count < room ? count : room);
    }
    out->length += count;
}

size_t json_end(struct json_text *out)
{
    if (out->capacity > 0) {
        out->buffer[out->length < out->capacity ? out->length : out->capacity - 1] = 0;
    }
    return out->length;
}

static void put_escape(struct json_text *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char characters[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    const char *found = c ? strchr(characters, c) : NULL;
    if (found) {
        const char escape[] = {'\\', names[found - characters]};
        json_put(out, escape, sizeof escape);
        return;
    }
    const char escape[] = {'\\', 'u', '0', '0', hex[(uint8_t)c >> 4], hex[c & 15]};
    json_put(out, escape, sizeof escape);
}

void json_put_characters(struct json_text *out, const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        const size_t n = json_utf8(text, end);
        if (n == 0) {
            json_put(out, "\xef\xbf\xbd", 3);
        } else if ((uint8_t)*text < 0x20 || *text == '"' || *text == '\\') {
            put_escape(out, *text);
        } else {
            json_put(out, text, n);
        }
        text += n > 0 ? n : 1;
    }
}

void json_put_string(struct json_text *out, const char *text, size_t length)
{
    json_put(out, "\"", 1);
    json_put_characters(out, text, length);
    json_put(out, "\"", 1);
}

void json_put_value(struct json_text *out, const struct json_slice *value)
{
    bool quoted = false;
    for (size_t i = 0; i < value->length; i++) {
        const char *p = value->text + i;
        if (quoted && *p == '\\') {
            json_put(out, p, 2);
            i++;
            continue;
        }
        quoted = quoted != (*p == '"');
        if (quoted || !strchr(" \t\r\n", *p)) {
            json_put(out, p, 1);
        }
    }
}

/* digits[0].digits[1]... times ten to the power of exponent. */
struct decimal {
    char digits[DIGITS];
    int count;
    int exponent;
};

/* The number rounded to `count` significant digits. The radix character that printf puts after the
   first digit depends on the locale: whatever it is, it has no digit and no 'e'. */
static void round_to(double number, int count, struct decimal *d)
{
    char text[DIGITS + 32];
    (void)snprintf(text, sizeof text, "%.*e", count - 1, number);
    const char *p = text;
    for (d->count = 0; *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') {
            d->digits[d->count++] = *p;
        }
    }
    const bool negative = *++p == '-';
    d->exponent = 0;
    for (p++; *p; p++) {
        d->exponent = d->exponent * 10 + (*p - '0');
    }
    d->exponent = negative ? -d->exponent : d->exponent;
    while (d->count > 1 && d->digits[d->count - 1] == '0') {
        d->count--;
    }
}

static void put_zeros(struct json_text *out, int count)
{
    for (int i = 0; i < count; i++) {
        json_put(out, "0", 1);
    }
}

static void put_natural(struct json_text *out, uint64_t n)
{
    char text[24];
    char *p = text + sizeof text;
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    json_put(out, p, (size_t)(text + sizeof text - p));
}

void json_put_integer(struct json_text *out, int64_t number)
{
    if (number < 0) {
        json_put(out, "-", 1);
    }
    put_natural(out, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

/* digits with the point after `whole` of them, 0 < whole. */
static void put_digits(struct json_text *out, const struct decimal *d, int whole)
{
    if (d->count <= whole) {
        json_put(out, d->digits, (size_t)d->count);
        put_zeros(out, whole - d->count);
        return;
    }
    json_put(out, d->digits, (size_t)whole);
    json_put(out, ".", 1);
    json_put(out, d->digits + whole, (size_t)(d->count - whole));
}

/* As ECMAScript's Number::toString chooses between plain and exponent. */
static void put_decimal(struct json_text *out, const struct decimal *d)
{
    if (d->exponent < -7 || d->exponent > 20) {
        put_digits(out, d, 1);
        json_put(out, d->exponent < 0 ? "e-" : "e+", 2);
        put_natural(out, (uint64_t)(d->exponent < 0 ? -d->exponent : d->exponent));
    } else if (d->exponent < 0) {
        json_put(out, "0.", 2);
        put_zeros(out, -d->exponent - 1);
        json_put(out, d->digits, (size_t)d->count);
    } else {
        put_digits(out, d, d->exponent + 1);
    }
}

void json_put_number(struct json_text *out, double number)
{
    if (!isfinite(number)) {
        json_put(out, "null", 4);
        return;
    }
    if (number < 0) {
        json_put(out, "-", 1);
        number = -number;
    }
    if (number < 0x1p53 && (double)(uint64_t)number == number) {
        put_natural(out, (uint64_t)number);
        return;
    }
    struct decimal d;
    /* Up to 15 digits survive in a normal number: fewer show as zeros at the end. */
    for (int count = number < DBL_MIN ? 1 : 15; count <= DIGITS; count++) {
        round_to(number, count, &d);
        char text[64];
        struct json_text trial = {text, sizeof text, 0};
        put_decimal(&trial, &d);
        const struct json_slice slice = {JSON_NUMBER, text, trial.length};
        if (json_number(&slice) == number) {
            break;
        }
    }
    put_decimal(out, &d);
}
