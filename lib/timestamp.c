/* timestamp.c - see timestamp.h. What is accepted is what LaunchDarkly's Go SDK accepts, except
 * that nothing may follow the zone. */
#include "timestamp.h"

#define NS_PER_MS 1000000u
#define SECONDS_PER_DAY 86400

struct reader {
    const char *at;
    const char *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Between min and max digits; fewer or a further one is an error. */
static bool digits(struct reader *r, int min, int max, int *out)
{
    int n = 0;
    int value = 0;
    while (r->at < r->end && is_digit(*r->at)) {
        if (++n > max) {
            return false;
        }
        value = value * 10 + (*r->at++ - '0');
    }
    *out = value;
    return n >= min;
}

static bool character(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c) {
        return false;
    }
    r->at++;
    return true;
}

static bool letter(struct reader *r, char upper)
{
    return character(r, upper) || character(r, (char)(upper | 0x20));
}

/* Days since 1970-01-01 of a proleptic Gregorian date; a day beyond the month's end counts on.
   Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static bool parse_date(struct reader *r, int64_t *days)
{
    int year;
    int month;
    int day;
    if (!digits(r, 4, 4, &year) || !character(r, '-') || !digits(r, 2, 2, &month) ||
        !character(r, '-') || !digits(r, 2, 2, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > 31) {
        return false;
    }
    *days = days_from_civil(year, month, day);
    return true;
}

static bool parse_fraction(struct reader *r, uint32_t *nanoseconds)
{
    *nanoseconds = 0;
    if (!character(r, '.')) {
        return true;
    }
    const char *start = r->at;
    int value;
    if (!digits(r, 1, 9, &value)) {
        return false;
    }
    for (int64_t n = r->at - start; n < 9; n++) {
        value *= 10;
    }
    *nanoseconds = (uint32_t)value;
    return true;
}

static bool parse_time(struct reader *r, int64_t *seconds, uint32_t *nanoseconds)
{
    int hour;
    int minute;
    int second;
    if (!digits(r, 1, 2, &hour) || !character(r, ':') || !digits(r, 2, 2, &minute) ||
        !character(r, ':') || !digits(r, 2, 2, &second)) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    *seconds = hour * 3600 + minute * 60 + second;
    return parse_fraction(r, nanoseconds);
}

/* Seconds east of Greenwich. */
static bool parse_zone(struct reader *r, int64_t *offset)
{
    *offset = 0;
    if (letter(r, 'Z')) {
        return true;
    }
    bool west = character(r, '-');
    int hours;
    int minutes;
    if ((!west && !character(r, '+')) || !digits(r, 2, 2, &hours) || !character(r, ':') ||
        !digits(r, 2, 2, &minutes) || minutes > 59) {
        return false;
    }
    const int seconds = hours * 3600 + minutes * 60;
    *offset = west ? -seconds : seconds;
    return true;
}

bool timestamp_parse(const char *text, size_t length, struct instant *out)
{
    struct reader r = {text, text + length};
    int64_t days;
    int64_t seconds;
    int64_t offset;
    uint32_t nanoseconds;
    if (!parse_date(&r, &days) || !letter(&r, 'T') || !parse_time(&r, &seconds, &nanoseconds) ||
        !parse_zone(&r, &offset) || r.at != r.end) {
        return false;
    }
    out->seconds = days * SECONDS_PER_DAY + seconds - offset;
    out->nanoseconds = nanoseconds;
    return true;
}

struct instant timestamp_of_ms(double ms)
{
    int64_t whole;
    if (ms >= 0x1p63) {
        whole = INT64_MAX;
    } else if (ms <= -0x1p63) {
        whole = INT64_MIN;
    } else {
        whole = ms == ms ? (int64_t)ms : 0;
    }
    int64_t seconds = whole / 1000;
    int64_t rest = whole % 1000;
    if (rest < 0) {
        seconds--;
        rest += 1000;
    }
    return (struct instant){seconds, (uint32_t)rest * NS_PER_MS};
}

int timestamp_compare(struct instant a, struct instant b)
{
    if (a.seconds != b.seconds) {
        return a.seconds < b.seconds ? -1 : 1;
    }
    return (a.nanoseconds > b.nanoseconds) - (a.nanoseconds < b.nanoseconds);
}
