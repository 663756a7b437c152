#include "inspect_emit.h"

#include <stdbool.h>
#include <string.h>

#include "inspect_shown.h"
#include "json.h"

void emit_bytes(FILE *out, const char *bytes, size_t length)
{
    fwrite_unlocked(bytes, 1, length, out);
}

void emit_text(FILE *out, const char *text)
{
    emit_bytes(out, text, strlen(text));
}

void emit_json(FILE *out, const char *json, size_t length)
{
    shown_write_json(out, json, length);
}

static void emit_escaped(FILE *out, unsigned char c)
{
    static const char letters[] = "btn?fr";
    char escape[8];
    if (c == '"' || c == '\\') {
        snprintf(escape, sizeof escape, "\\%c", c);
    } else if (c >= '\b' && c <= '\r' && c != '\v') {
        snprintf(escape, sizeof escape, "\\%c", letters[c - '\b']);
    } else {
        snprintf(escape, sizeof escape, "\\u%04x", c);
    }
    emit_text(out, escape);
}

void emit_string(FILE *out, const char *text, size_t length)
{
    size_t from = 0;
    emit_bytes(out, "\"", 1);
    for (size_t i = 0; i < length;) {
        const unsigned char c = (unsigned char)text[i];
        const size_t size = c < 0x80 ? 1 : json_utf8(text + i, text + length);
        if (shown_as_is(text + i, text + length) > 0 && c != '"' && c != '\\') {
            i += size;
            continue;
        }
        emit_bytes(out, text + from, i - from);
        if (size == 0) {
            emit_text(out, "\xef\xbf\xbd");
        } else if (size == 1) {
            emit_escaped(out, c);
        } else {
            fprintf(out, "\\u%04x", (unsigned)shown_code(text + i));
        }
        i += size == 0 ? 1 : size;
        from = i;
    }
    emit_bytes(out, text + from, length - from);
    emit_bytes(out, "\"", 1);
}

void emit_quoted(FILE *out, const char *text)
{
    emit_string(out, text, strlen(text));
}

void emit_compact(FILE *out, const char *json, size_t length)
{
    bool inside = false;
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        if (inside && json[i] == '\\') {
            i++;
        } else if (json[i] == '"') {
            inside = !inside;
        } else if (!inside && strchr(" \t\r\n", json[i])) {
            emit_json(out, json + from, i - from);
            from = i + 1;
        }
    }
    emit_json(out, json + from, length - from);
}

void emit_unsigned(FILE *out, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    emit_bytes(out, digits + at, sizeof digits - at);
}

void emit_signed(FILE *out, int64_t number)
{
    if (number < 0) {
        emit_bytes(out, "-", 1);
    }
    emit_unsigned(out, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}
