#include "ctl_moment.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl_when.h"
#include "timestamp.h"

#define DURATION 32 /* bytes of one that is looked at */

static const char no_time[] =
    "is no time: write 2026-12-24T09:00:00Z, '2026-12-24 09:00' or 'tomorrow 09:00' (in this "
    "host's zone), 'in 2h' or '2h ago'";
static const char no_such_time[] =
    "does not exist in this host's zone: check the day, and whether the clock is set forward then";
static const char two_times[] = "is there twice in this host's zone, for the clock is set back: "
                                "write it with its offset, as 2026-10-25T02:30:00+02:00";

/* ---- from now ------------------------------------------------------------------------------- */

/* "in 2h", "2h ago"; 0: neither. */
static int64_t from_now(const char *text)
{
    const size_t length = strlen(text);
    char duration[DURATION];
    if (strncmp(text, "in ", 3) == 0) {
        const int64_t ms = when_duration(text + 3);
        return ms > 0 ? ms : 0;
    }
    if (length < 5 || length - 4 >= sizeof duration || strcmp(text + length - 4, " ago") != 0) {
        return 0;
    }
    memcpy(duration, text, length - 4);
    duration[length - 4] = '\0';
    const int64_t ms = when_duration(duration);
    return ms > 0 ? -ms : 0;
}

/* ---- the wall clock -------------------------------------------------------------------------- */

/* Reads so many digits, at least one. */
static bool digits(const char **text, int most, int *number)
{
    int count = 0;
    for (*number = 0; count < most && isdigit((unsigned char)**text); count++) {
        *number = *number * 10 + *(*text)++ - '0';
    }
    return count > 0;
}

static bool character(const char **text, char c)
{
    if (**text != c) {
        return false;
    }
    ++*text;
    return true;
}

static bool read_date(const char **text, struct tm *tm)
{
    if (!digits(text, 4, &tm->tm_year) || !character(text, '-') || !digits(text, 2, &tm->tm_mon) ||
        !character(text, '-') || !digits(text, 2, &tm->tm_mday)) {
        return false;
    }
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return true;
}

/* "today" and the like: that day, as a date. */
static bool read_day(const char **text, int64_t now_ms, struct tm *tm)
{
    static const struct {
        const char *word;
        int days;
    } days[] = {{"yesterday", -1}, {"today", 0}, {"tomorrow", 1}};
    const time_t now = (time_t)(now_ms / 1000);
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        const size_t length = strlen(days[i].word);
        struct tm day;
        if (strncmp(*text, days[i].word, length) == 0 && localtime_r(&now, &day)) {
            *text += length;
            day.tm_mday += days[i].days;
            day.tm_hour = 12; /* it is that day, whatever the clock does at night */
            day.tm_isdst = -1;
            mktime(&day);
            *tm = (struct tm){.tm_year = day.tm_year, .tm_mon = day.tm_mon, .tm_mday = day.tm_mday};
            return true;
        }
    }
    return false;
}

/* "9:00", "09:00:30", and nothing after it. */
static bool read_clock(const char **text, struct tm *tm)
{
    if (!digits(text, 2, &tm->tm_hour) || !character(text, ':') || !digits(text, 2, &tm->tm_min) ||
        (character(text, ':') && !digits(text, 2, &tm->tm_sec))) {
        return false;
    }
    return **text == '\0' && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

static bool shows(time_t moment, const struct tm *wanted)
{
    struct tm tm;
    return localtime_r(&moment, &tm) && tm.tm_year == wanted->tm_year &&
           tm.tm_mon == wanted->tm_mon && tm.tm_mday == wanted->tm_mday &&
           tm.tm_hour == wanted->tm_hour && tm.tm_min == wanted->tm_min &&
           tm.tm_sec == wanted->tm_sec;
}

/* When the clock shows that; NULL, or why there is no one such moment. */
static const char *moment_of(const struct tm *wanted, int64_t *ms)
{
    static const int steps_s[] = {-3600, -1800, 1800, 3600}; /* by which clocks are set */
    struct tm tm = *wanted;
    tm.tm_isdst = -1;
    const time_t moment = mktime(&tm);
    if (!shows(moment, wanted)) {
        return no_such_time;
    }
    for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
        if (shows(moment + steps_s[i], wanted)) {
            return two_times;
        }
    }
    *ms = (int64_t)moment * 1000;
    return NULL;
}

bool moment_parse(const char *text, int64_t now_ms, int64_t *ms, const char **why)
{
    struct instant instant;
    struct tm tm = {0};
    const int64_t away = from_now(text);
    *why = no_time;
    if (away != 0) {
        *ms = now_ms + away;
        return true;
    }
    if (timestamp_parse(text, strlen(text), &instant)) {
        *ms = instant.seconds * 1000 + instant.nanoseconds / 1000000;
        return true;
    }
    if ((!read_day(&text, now_ms, &tm) && !read_date(&text, &tm)) ||
        (!character(&text, ' ') && !character(&text, 'T')) || !read_clock(&text, &tm)) {
        return false;
    }
    *why = moment_of(&tm, ms);
    return *why == NULL;
}

bool moment_point(const char *text, int64_t now_ms, struct at *point, const char **why)
{
    int64_t ms;
    if (at_parse(text, point)) {
        return true;
    }
    *point = (struct at){.kind = AT_TIME};
    if (!moment_parse(text, now_ms, &ms, why)) {
        return false;
    }
    point->ms = ms;
    return true;
}

/* ---- telling -------------------------------------------------------------------------------- */

const char *moment_text(int64_t ms, char buffer[MOMENT_TEXT])
{
    char utc[WHEN_TEXT];
    struct tm tm;
    char local[MOMENT_TEXT / 2];
    const time_t seconds = (time_t)(ms / 1000);
    when_text(ms, utc);
    if (!localtime_r(&seconds, &tm) || strcmp(tm.tm_zone, "UTC") == 0 ||
        strftime(local, sizeof local, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0) {
        snprintf(buffer, MOMENT_TEXT, "%s", utc);
    } else {
        snprintf(buffer, MOMENT_TEXT, "%s (%s)", local, utc);
    }
    return buffer;
}

const char *moment_rfc3339(int64_t ms, char buffer[MOMENT_TEXT])
{
    char utc[WHEN_TEXT];
    const int fraction = (int)(ms % 1000);
    when_text(ms, utc);
    if (fraction > 0) {
        snprintf(buffer, MOMENT_TEXT, "%.19s.%03dZ", utc, fraction);
    } else {
        snprintf(buffer, MOMENT_TEXT, "%s", utc);
    }
    return buffer;
}
