#include "inspect_at.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "timestamp.h"

/* Of a number that may be either: times are from 2001 on. */
#define LEAST_MS UINT64_C(1000000000000)
#define SKEW_MS 60000 /* by which another host's clock may be ahead */

/* ---- what is written ------------------------------------------------------------------------ */

/* Digits of one base and nothing else. */
static bool parse_digits(const char *text, size_t length, int base, uint64_t *number)
{
    const char *const digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
    if (length == 0 || length > 20 || strspn(text, digits) < length) {
        return false;
    }
    char copy[24];
    memcpy(copy, text, length);
    copy[length] = '\0';
    errno = 0;
    *number = strtoull(copy, NULL, base);
    return errno == 0;
}

bool at_parse_generation(const char *text, uint64_t *generation)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        return parse_digits(text + 2, strlen(text + 2), 16, generation);
    }
    const char *const dot = strchr(text, '.');
    if (!dot) {
        return parse_digits(text, strlen(text), 10, generation);
    }
    uint64_t incarnation;
    uint64_t sequence;
    if (!parse_digits(text, (size_t)(dot - text), 10, &incarnation) ||
        !parse_digits(dot + 1, strlen(dot + 1), 10, &sequence) || incarnation > UINT32_MAX ||
        sequence > UINT32_MAX) {
        return false;
    }
    *generation = incarnation << 32 | sequence;
    return true;
}

void at_of_number(uint64_t number, struct at *out)
{
    *out = (struct at){AT_NUMBER, number, number <= INT64_MAX ? (int64_t)number : INT64_MAX};
}

bool at_parse(const char *text, struct at *out)
{
    struct instant when;
    uint64_t number;
    if (at_parse_generation(text, &number)) {
        at_of_number(number, out);
        out->kind = text[strspn(text, "0123456789")] ? AT_GENERATION : AT_NUMBER;
        return true;
    }
    if (!timestamp_parse(text, strlen(text), &when)) {
        return false;
    }
    *out = (struct at){AT_TIME, 0, when.seconds * 1000 + when.nanoseconds / 1000000};
    return true;
}

const char *at_time_text(int64_t ms, char buffer[AT_TEXT])
{
    const time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (ms < 0 || !gmtime_r(&seconds, &parts) ||
        strftime(buffer, AT_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        snprintf(buffer, AT_TEXT, "%" PRId64 " ms", ms);
    }
    return buffer;
}

/* ---- what is meant -------------------------------------------------------------------------- */

struct search {
    const struct store_past *retained;
    size_t count;
    const struct at_log *log;
    char *why;
};

static void name(uint64_t generation, char text[AT_TEXT])
{
    snprintf(text, AT_TEXT, "%" PRIu64 ".%" PRIu64, generation >> 32, generation & UINT32_MAX);
}

/* "CAUSE; retained are 3.5 to 3.20, since TIME". */
static bool refuse(const struct search *s, const char *cause)
{
    char first[AT_TEXT];
    char last[AT_TEXT];
    char since[AT_TEXT];
    if (s->count == 0) {
        snprintf(s->why, AT_WHY, "%s; nothing is retained", cause);
        return false;
    }
    name(s->retained[0].generation, first);
    name(s->retained[s->count - 1].generation, last);
    at_time_text((int64_t)s->retained[0].created_ms, since);
    if (s->count == 1) {
        snprintf(s->why, AT_WHY, "%s; retained is %s alone, since %s", cause, first, since);
    } else {
        snprintf(s->why, AT_WHY, "%s; retained are %zu, from %s to %s, since %s", cause, s->count,
                 first, last, since);
    }
    return false;
}

static bool has(const struct search *s, uint64_t generation)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->retained[i].generation == generation) {
            return true;
        }
    }
    return false;
}

/* The one that was published: itself, or one with its content. */
static bool find_published(const struct search *s, const struct store_past *published,
                           uint64_t *generation)
{
    *generation = published->generation;
    if (has(s, published->generation)) {
        return true;
    }
    for (size_t i = s->count; i-- > 0;) {
        if (memcmp(s->retained[i].digest, published->digest, sizeof published->digest) == 0) {
            *generation = s->retained[i].generation;
            return true;
        }
    }
    return false;
}

static bool find_generation(const struct search *s, uint64_t wanted, uint64_t *generation)
{
    struct store_past published;
    char text[AT_TEXT];
    char cause[96];
    *generation = wanted;
    if (has(s, wanted) || (s->log && s->log->of_generation(s->log->arg, wanted, &published) &&
                           find_published(s, &published, generation))) {
        return true;
    }
    name(wanted, text);
    snprintf(cause, sizeof cause, "generation %s is not retained", text);
    return refuse(s, cause);
}

/* The newest that was made by then; NULL: none was. */
static const struct store_past *made_by(const struct search *s, int64_t ms)
{
    for (size_t i = s->count; i-- > 0;) {
        if ((int64_t)s->retained[i].created_ms <= ms) {
            return &s->retained[i];
        }
    }
    return NULL;
}

static bool find_time(const struct search *s, int64_t ms, int64_t now_ms, uint64_t *generation)
{
    struct store_past published;
    char when[AT_TEXT];
    char text[AT_TEXT];
    char cause[128];
    at_time_text(ms, when);
    if (ms > now_ms + SKEW_MS) {
        snprintf(cause, sizeof cause, "%s is still to come", when);
        return refuse(s, cause);
    }
    const struct store_past *const made = made_by(s, ms);
    const bool noted = s->log && s->log->of_time(s->log->arg, ms, &published);
    if (made && (!noted || made->created_ms >= published.created_ms)) {
        *generation = made->generation; /* the log need not know of all */
        return true;
    }
    if (noted && find_published(s, &published, generation)) {
        return true;
    }
    if (noted && published.generation) {
        name(published.generation, text);
        snprintf(cause, sizeof cause, "at %s it was generation %s, which is not retained", when,
                 text);
    } else {
        snprintf(cause, sizeof cause, "what was in force at %s is not retained", when);
    }
    return refuse(s, cause);
}

bool at_find(const struct at *at, const struct store_past *retained, size_t count,
             const struct at_log *log, int64_t now_ms, uint64_t *generation, char why[AT_WHY])
{
    const struct search s = {retained, count, log, why};
    const bool time = at->kind == AT_TIME ||
                      (at->kind == AT_NUMBER && !has(&s, at->number) && at->number >= LEAST_MS);
    return time ? find_time(&s, at->ms, now_ms, generation)
                : find_generation(&s, at->number, generation);
}
