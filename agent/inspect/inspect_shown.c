#include "inspect_shown.h"

#include <string.h>

#include "json.h"

#define ESCAPED 4u /* columns of \xNN */

struct range {
    uint32_t from, to;
};

static bool is_in(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (code >= ranges[i].from && code <= ranges[i].to) {
            return true;
        }
    }
    return false;
}

uint32_t shown_code(const char *text)
{
    const uint8_t *p = (const uint8_t *)text;
    if (p[0] < 0xe0) {
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    }
    if (p[0] < 0xf0) {
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    }
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
}

static bool commands(uint32_t code)
{
    static const struct range ranges[] = {
        {0x00, 0x1f},
        {0x7f, 0x9f}, /* control characters */
        {0x2028, 0x202e},
        {0x2066, 0x2069}, /* ends of lines, directions */
    };
    return is_in(code, ranges, sizeof ranges / sizeof *ranges);
}

size_t shown_as_is(const char *text, const char *end)
{
    const unsigned char c = (unsigned char)*text;
    const size_t length = c < 0x80 ? 1 : json_utf8(text, end);
    return length == 0 || commands(length == 1 ? c : shown_code(text)) ? 0 : length;
}

bool shown_is_plain(const char *text)
{
    const char *end = text + strlen(text);
    size_t length = 1;
    while (text < end && length > 0) {
        length = shown_as_is(text, end);
        text += length;
    }
    return length > 0;
}

/* As terminals have it, roughly: East Asian wide characters, pictures, and marks. */
static unsigned columns_of(uint32_t code)
{
    static const struct range none[] = {{0x300, 0x36f}, {0x200b, 0x200f}, {0xfe00, 0xfe0f}};
    static const struct range wide[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
    };
    return is_in(code, none, sizeof none / sizeof *none)   ? 0
           : is_in(code, wide, sizeof wide / sizeof *wide) ? 2
                                                           : 1;
}

size_t shown_next(const char *text, const char *end, unsigned *columns)
{
    const size_t length = shown_as_is(text, end);
    *columns = length == 0 ? ESCAPED : length == 1 ? 1 : columns_of(shown_code(text));
    return length == 0 ? 1 : length;
}

size_t shown_width(const char *text)
{
    const char *end = text + strlen(text);
    size_t all = 0;
    unsigned columns;
    for (; text < end; all += columns) {
        text += shown_next(text, end, &columns);
    }
    return all;
}

void shown_write(FILE *out, const char *text, size_t length)
{
    const char *end = text + length;
    while (text < end) {
        const size_t size = shown_as_is(text, end);
        if (size == 0) {
            fprintf(out, "\\x%02x", (unsigned char)*text++);
        } else {
            fwrite_unlocked(text, 1, size, out);
            text += size;
        }
    }
}

/* Behind what is from space to ~: most of it is, and there may be megabytes. Eight bytes at a time;
   where one is below space or beyond ~, bit 7 of it is set. */
static const char *skip_plain(const char *text, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    for (; (size_t)(end - text) >= sizeof word; text += sizeof word) {
        memcpy(&word, text, sizeof word);
        if ((((word - ones * ' ') | (word + ones) | word) & ones * 0x80) != 0) {
            break;
        }
    }
    while (text < end && *text >= ' ' && *text < 0x7f) {
        text++;
    }
    return text;
}

void shown_write_json(FILE *out, const char *json, size_t length)
{
    const char *end = json + length;
    const char *from = json;
    while ((json = skip_plain(json, end)) < end) {
        const unsigned char c = (unsigned char)*json;
        const size_t size = c < 0x80 ? 1 : json_utf8(json, end);
        if (size == 0 || strchr("\t\r\n", c) || shown_as_is(json, end) > 0) {
            json += size == 0 ? 1 : size;
            continue;
        }
        fwrite_unlocked(from, 1, (size_t)(json - from), out);
        fprintf(out, "\\u%04x", (unsigned)(size == 1 ? c : shown_code(json)));
        from = json += size;
    }
    fwrite_unlocked(from, 1, (size_t)(end - from), out);
}
