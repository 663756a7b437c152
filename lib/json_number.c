/* json_number.c - JSON's decimal numbers as doubles. See json.h. */
#include "json.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A double and its neighbour's midpoint differ within 768 digits; a '1' after them stands for
   whatever else there is. */
#define SIGNIFICANT 768
#define EXPONENT_LIMIT 20000 /* beyond it, any so many digits are 0 or infinite */

/* 0.digits times ten to the power of point. */
struct decimal {
    bool negative;
    bool more; /* digits other than 0 were left out */
    int count; /* of digits; none: zero */
    int64_t point;
    uint64_t leading; /* the digits as a number, while count <= 19 */
    char digits[SIGNIFICANT + 16];
};

static void add_digit(struct decimal *d, char c, bool fraction)
{
    if (d->count == 0 && c == '0') {
        d->point -= fraction;
        return;
    }
    d->point += !fraction;
    if (d->count == SIGNIFICANT) {
        d->more = d->more || c != '0';
        return;
    }
    d->digits[d->count++] = c;
    if (d->count <= 19) {
        d->leading = d->leading * 10 + (uint64_t)(c - '0');
    }
}

static void read_decimal(struct decimal *d, const char *p, const char *end)
{
    d->negative = *p == '-';
    d->more = false;
    d->count = 0;
    d->point = 0;
    d->leading = 0;
    bool fraction = false;
    for (p += d->negative; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            fraction = true;
        } else {
            add_digit(d, *p, fraction);
        }
    }
    if (p == end) {
        return;
    }
    const bool down = *++p == '-';
    int64_t exponent = 0;
    for (p += !is_digit(*p); p < end; p++) {
        /* More than any text has digits, and far from overflow. */
        exponent = exponent < INT64_C(1) << 48 ? exponent * 10 + (*p - '0') : exponent;
    }
    d->point += down ? -exponent : exponent;
}

/* Digits and an exponent only: strtod then finds nothing that depends on the locale. */
static double slow_number(struct decimal *d, int exponent)
{
    char *p = d->digits + d->count;
    *p++ = 'e';
    if (exponent < 0) {
        *p++ = '-';
        exponent = -exponent;
    }
    for (int unit = 10000; unit > 0; unit /= 10) {
        *p++ = (char)('0' + exponent / unit % 10);
    }
    *p = 0;
    const int saved = errno;
    const double value = strtod(d->digits, NULL);
    errno = saved;
    return value;
}

double json_number(const struct json_slice *number)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal d;
    read_decimal(&d, number->text, number->text + number->length);
    if (d.more) {
        d.digits[d.count++] = '1';
    }
    int64_t exponent = d.point - d.count;
    double value;
    if (d.count == 0) {
        value = 0;
    } else if (d.count <= 19 && d.leading <= UINT64_C(1) << 53 && exponent >= -22 &&
               exponent <= 22) {
        /* Both operands are exact, so that the one rounding is the correct one (Clinger, 1990). */
        value = (double)d.leading;
        value = exponent < 0 ? value / tens[-exponent] : value * tens[exponent];
    } else {
        exponent = exponent > EXPONENT_LIMIT ? EXPONENT_LIMIT : exponent;
        exponent = exponent < -EXPONENT_LIMIT ? -EXPONENT_LIMIT : exponent;
        value = slow_number(&d, (int)exponent);
    }
    return d.negative ? -value : value;
}
