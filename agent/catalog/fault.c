#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

/* Where a text of `length` bytes may be cut so that no UTF-8 sequence is left half. */
static size_t whole_characters(const char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
        start--;
    }
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0) {
        return length;
    }
    const unsigned char lead = (unsigned char)text[start - 1];
    const size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    return length - (start - 1) < need ? start - 1 : length;
}

static void copy(char *to, size_t capacity, const char *from)
{
    size_t length = from == NULL ? 0 : strnlen(from, capacity);
    if (length == capacity) {
        length = whole_characters(from, capacity - 1);
    }
    if (length > 0) {
        memmove(to, from, length);
    }
    to[length] = '\0';
}

/* What strangers sent is told, too, and answers and logs are UTF-8. */
static void repair(char *text)
{
    const char *const end = text + strlen(text);
    while (text < end) {
        const size_t length = json_utf8(text, end);
        if (length == 0) {
            *text = '?';
        }
        text += length > 0 ? length : 1;
    }
}

void fault_set(struct fault *fault, const char *member, const char *hint, const char *cause_format,
               ...)
{
    if (fault == NULL) {
        return;
    }
    copy(fault->member, sizeof fault->member, member);
    copy(fault->hint, sizeof fault->hint, hint);
    va_list arguments;
    va_start(arguments, cause_format);
    const int length = vsnprintf(fault->cause, sizeof fault->cause, cause_format, arguments);
    va_end(arguments);
    if (length < 0) {
        fault->cause[0] = '\0';
    } else if ((size_t)length >= sizeof fault->cause) {
        fault->cause[whole_characters(fault->cause, sizeof fault->cause - 1)] = '\0';
    }
    repair(fault->member);
    repair(fault->hint);
    repair(fault->cause);
}

struct line {
    char *buffer;
    size_t capacity;
    size_t length; /* as if the buffer were large enough */
};

/* Control characters would let a key that somebody wrote forge a second line of a log. */
static void append(struct line *line, const char *text)
{
    for (; *text != '\0'; text++, line->length++) {
        if (line->length + 1 < line->capacity) {
            const unsigned char byte = (unsigned char)*text;
            line->buffer[line->length] = byte < 0x20 || byte == 0x7f ? '?' : *text;
        }
    }
}

static void append_number(struct line *line, unsigned number)
{
    char digits[16];
    (void)snprintf(digits, sizeof digits, "%u", number);
    append(line, digits);
}

size_t fault_text(const struct fault *fault, char *buffer, size_t capacity)
{
    struct line line = {buffer, capacity, 0};
    if (fault->file[0] != '\0') {
        append(&line, fault->file);
        append(&line, ":");
    }
    if (fault->line != 0) {
        append(&line, fault->file[0] != '\0' ? "" : "line ");
        append_number(&line, fault->line);
        append(&line, ":");
        if (fault->column != 0) {
            append_number(&line, fault->column);
            append(&line, ":");
        }
    }
    append(&line, line.length > 0 ? " " : "");
    if (fault->member[0] != '\0') {
        append(&line, fault->member);
        append(&line, ": ");
    }
    append(&line, fault->cause);
    if (fault->hint[0] != '\0') {
        append(&line, "; ");
        append(&line, fault->hint);
    }
    if (capacity > 0) {
        const size_t end =
            line.length < capacity ? line.length : whole_characters(buffer, capacity - 1);
        buffer[end] = '\0';
    }
    return line.length;
}
