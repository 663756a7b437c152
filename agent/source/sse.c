/*
 * A stream is lines, a line is a field's name and, after a colon, its value. What a line is about
 * is known once its name is, so that a value is taken piece by piece where it belongs, and never
 * read twice.
 */
#include "sse.h"

#include <stdlib.h>
#include <string.h>

#include "gathered.h"

#define FIELD_MOST 5 /* bytes of the longest name that is known */
#define RETRY_MOST_DIGITS 9

enum part {
    PART_MARK,  /* perhaps a byte order mark, at the very beginning */
    PART_FIELD, /* the name of a field */
    PART_SPACE, /* after the colon, where one space is no part of the value */
    PART_VALUE,
};

enum field { FIELD_OTHER, FIELD_EVENT, FIELD_DATA, FIELD_RETRY };

struct sse {
    struct sse_handler handler;
    uint64_t most_bytes;
    enum part part;
    enum field field;  /* from PART_SPACE on */
    bool after_return; /* a line feed now belongs to it */
    bool has_data;
    size_t mark_length;
    size_t field_length; /* may be more than there is room for: then it is another field */
    char field_name[FIELD_MOST];
    size_t name_length;
    char name[SSE_NAME_MOST + 1];
    unsigned retry_digits; /* more than RETRY_MOST_DIGITS: no number, or a senseless one */
    int64_t retry_ms;
    struct gathered data;
};

struct sse *sse_new(uint64_t most_bytes, const struct sse_handler *handler)
{
    struct sse *sse = calloc(1, sizeof *sse);
    if (sse != NULL) {
        sse->handler = *handler;
        sse->most_bytes = most_bytes;
    }
    return sse;
}

void sse_free(struct sse *sse)
{
    if (sse != NULL) {
        gathered_free(&sse->data);
        free(sse);
    }
}

static void begin_line(struct sse *sse)
{
    sse->part = PART_FIELD;
    sse->field = FIELD_OTHER;
    sse->field_length = 0;
}

static void begin_event(struct sse *sse)
{
    gathered_clear(&sse->data);
    sse->has_data = false;
    sse->name_length = 0;
}

void sse_begin(struct sse *sse)
{
    begin_line(sse);
    begin_event(sse);
    sse->part = PART_MARK;
    sse->mark_length = 0;
    sse->after_return = false;
}

/* ---- values ------------------------------------------------------------------------------- */

static enum sse_verdict add_data(struct sse *sse, const char *bytes, size_t length)
{
    if (length > sse->most_bytes || sse->data.length > sse->most_bytes - length) {
        return SSE_TOO_LARGE;
    }
    return gathered_add(&sse->data, bytes, length) ? SSE_MORE : SSE_NO_MEMORY;
}

static void add_name(struct sse *sse, const char *bytes, size_t length)
{
    const size_t room = SSE_NAME_MOST - sse->name_length;
    const size_t taken = length < room ? length : room;
    for (size_t i = 0; i < taken; i++) { /* a NUL would end it, and make another name of it */
        sse->name[sse->name_length++] = bytes[i] != '\0' ? bytes[i] : '?';
    }
}

static void add_retry(struct sse *sse, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && sse->retry_digits <= RETRY_MOST_DIGITS; i++) {
        const bool digit = bytes[i] >= '0' && bytes[i] <= '9';
        sse->retry_digits = digit ? sse->retry_digits + 1 : RETRY_MOST_DIGITS + 1;
        sse->retry_ms = sse->retry_ms * 10 + (digit ? bytes[i] - '0' : 0);
    }
}

static enum sse_verdict add_value(struct sse *sse, const char *bytes, size_t length)
{
    switch (sse->field) {
    case FIELD_DATA:
        return add_data(sse, bytes, length);
    case FIELD_EVENT:
        add_name(sse, bytes, length);
        return SSE_MORE;
    case FIELD_RETRY:
        add_retry(sse, bytes, length);
        return SSE_MORE;
    case FIELD_OTHER:
        break;
    }
    return SSE_MORE;
}

/* ---- lines -------------------------------------------------------------------------------- */

static bool field_is(const struct sse *sse, const char *name)
{
    return sse->field_length == strlen(name) &&
           memcmp(sse->field_name, name, sse->field_length) == 0;
}

/* The field's name is complete. */
static enum sse_verdict begin_value(struct sse *sse)
{
    sse->part = PART_SPACE;
    if (field_is(sse, "data")) {
        sse->field = FIELD_DATA;
        const bool another = sse->has_data;
        sse->has_data = true;
        return another ? add_data(sse, "\n", 1) : SSE_MORE;
    }
    if (field_is(sse, "event")) { /* the last one counts */
        sse->field = FIELD_EVENT;
        sse->name_length = 0;
    } else if (field_is(sse, "retry")) {
        sse->field = FIELD_RETRY;
        sse->retry_digits = 0;
        sse->retry_ms = 0;
    }
    return SSE_MORE;
}

static enum sse_verdict end_event(struct sse *sse)
{
    bool goes_on = true;
    if (sse->has_data) {
        const char *data = sse->data.bytes != NULL ? sse->data.bytes : "";
        sse->name[sse->name_length] = '\0';
        goes_on = sse->handler.event(sse->handler.arg, sse->name_length > 0 ? sse->name : "message",
                                     data, sse->data.length);
    }
    begin_event(sse);
    return goes_on ? SSE_MORE : SSE_STOPPED;
}

static enum sse_verdict end_line(struct sse *sse)
{
    enum sse_verdict verdict = SSE_MORE;
    if (sse->part == PART_FIELD) {
        verdict = sse->field_length == 0 ? end_event(sse) : begin_value(sse);
    }
    if (sse->field == FIELD_RETRY && sse->retry_digits > 0 &&
        sse->retry_digits <= RETRY_MOST_DIGITS && sse->handler.retry != NULL) {
        sse->handler.retry(sse->handler.arg, sse->retry_ms);
    }
    begin_line(sse);
    return verdict;
}

static void add_field(struct sse *sse, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && sse->field_length + i < FIELD_MOST; i++) {
        sse->field_name[sse->field_length + i] = bytes[i];
    }
    sse->field_length += length;
}

/* A piece of one line, without what ends it. */
static enum sse_verdict add_to_line(struct sse *sse, const char *bytes, size_t length)
{
    enum sse_verdict verdict = SSE_MORE;
    if (sse->part == PART_FIELD) {
        const char *colon = memchr(bytes, ':', length);
        const size_t before = colon != NULL ? (size_t)(colon - bytes) : length;
        add_field(sse, bytes, before);
        if (colon == NULL) {
            return SSE_MORE;
        }
        verdict = begin_value(sse);
        bytes = colon + 1;
        length -= before + 1;
    }
    if (sse->part == PART_SPACE && length > 0) {
        const size_t space = bytes[0] == ' ';
        bytes += space;
        length -= space;
        sse->part = PART_VALUE;
    }
    return verdict == SSE_MORE ? add_value(sse, bytes, length) : verdict;
}

/* Passes over a byte order mark. What only begins like one is the beginning of a field's name.
   Returns the bytes that it took. */
static size_t read_mark(struct sse *sse, const char *bytes, size_t length)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t taken = 0;
    while (taken < length && sse->mark_length < 3 && bytes[taken] == mark[sse->mark_length]) {
        taken++;
        sse->mark_length++;
    }
    if (sse->mark_length == 3 || taken < length) {
        sse->part = PART_FIELD;
        add_field(sse, mark, sse->mark_length % 3);
    }
    return taken;
}

/* The piece of the stream that is being read. */
struct piece {
    const char *at;
    const char *end;
    const char *feed; /* the next line feed, or the end; NULL, or passed: look again */
};

/* Where the line ends, or the piece. The line feed is remembered, or lines that end in CR would
   make it look over the same bytes ever again. */
static const char *find_end(struct piece *piece)
{
    if (piece->feed == NULL || piece->feed < piece->at) {
        const char *feed = memchr(piece->at, '\n', (size_t)(piece->end - piece->at));
        piece->feed = feed != NULL ? feed : piece->end;
    }
    const char *ret = memchr(piece->at, '\r', (size_t)(piece->feed - piece->at));
    return ret != NULL ? ret : piece->feed;
}

static enum sse_verdict read_line(struct sse *sse, struct piece *piece)
{
    const char *end = find_end(piece);
    const enum sse_verdict verdict = add_to_line(sse, piece->at, (size_t)(end - piece->at));
    piece->at = end;
    if (end == piece->end || verdict != SSE_MORE) {
        return verdict;
    }
    sse->after_return = *end == '\r';
    piece->at++;
    return end_line(sse);
}

enum sse_verdict sse_feed(struct sse *sse, const char *bytes, size_t length)
{
    struct piece piece = {bytes, bytes + length, NULL};
    piece.at += sse->part == PART_MARK ? read_mark(sse, bytes, length) : 0;
    enum sse_verdict verdict = SSE_MORE;
    while (piece.at < piece.end && verdict == SSE_MORE) {
        const bool continues = sse->after_return && *piece.at == '\n';
        sse->after_return = false;
        if (continues) {
            piece.at++;
        } else {
            verdict = read_line(sse, &piece);
        }
    }
    return verdict;
}
