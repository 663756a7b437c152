#include "ctl_when.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LONGEST (INT64_C(3660) * 86400000) /* ten years, whichever are leap years */

static const struct unit {
    char letter;
    int64_t ms;
} units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};

int64_t when_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t unit_ms(char letter)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].letter == letter) {
            return units[i].ms;
        }
    }
    return 0;
}

/* One "30m" of it, and *text after that; -1: none. */
static int64_t next_part(const char **text)
{
    int64_t count = 0;
    const size_t digits = strspn(*text, "0123456789");
    for (size_t i = 0; i < digits; i++) {
        count = count < LONGEST ? count * 10 + ((*text)[i] - '0') : count;
    }
    const int64_t ms = unit_ms((*text)[digits]);
    if (digits == 0 || ms == 0 || count > LONGEST / ms) {
        return -1;
    }
    *text += digits + 1;
    return count * ms;
}

int64_t when_duration(const char *text)
{
    int64_t sum = 0;
    do {
        const int64_t part = next_part(&text);
        if (part < 0 || sum + part > LONGEST) {
            return -1;
        }
        sum += part;
    } while (*text);
    return sum > 0 ? sum : -1;
}

const char *when_text(int64_t ms, char buffer[WHEN_TEXT])
{
    struct tm tm;
    const time_t seconds = (time_t)(ms / 1000);
    if (ms < 0 || !gmtime_r(&seconds, &tm) ||
        strftime(buffer, WHEN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        snprintf(buffer, WHEN_TEXT, "%lld ms", (long long)ms);
    }
    return buffer;
}
