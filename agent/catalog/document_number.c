/* Doubles as text. The C library writes and reads them in the process's locale; definitions are
   not a matter of where the operator lives. */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_events.h"

static locale_t enter_c_locale(void)
{
    static locale_t c_locale; /* made once, kept for the life of the process */
    if (c_locale == (locale_t)0) {
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    }
    return c_locale == (locale_t)0 ? (locale_t)0 : uselocale(c_locale);
}

static void leave_c_locale(locale_t before)
{
    if (before != (locale_t)0) {
        (void)uselocale(before);
    }
}

bool document_read_real(const char *text, size_t length, double *value)
{
    char digits[DOCUMENT_MAX_DIGITS + 1];
    if (length >= sizeof digits) {
        return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    const locale_t before = enter_c_locale();
    *value = strtod(digits, NULL);
    leave_c_locale(before);
    return isfinite(*value);
}

size_t document_write_real(double value, char buffer[DOCUMENT_REAL_CAPACITY])
{
    const locale_t before = enter_c_locale();
    int length;
    if (fabs(value) < 9007199254740992.0 && trunc(value) == value) {
        length = snprintf(buffer, DOCUMENT_REAL_CAPACITY, "%.0f", value);
    } else {
        /* 15 digits are never lost, so none that matters is after them; below DBL_MIN there are
           fewer. 17 always read back. */
        int digits = fabs(value) < DBL_MIN ? 1 : 15;
        do {
            length = snprintf(buffer, DOCUMENT_REAL_CAPACITY, "%.*g", digits, value);
        } while (++digits <= 17 && strtod(buffer, NULL) != value);
    }
    leave_c_locale(before);
    return (size_t)length;
}
