#include "ctl_output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

void output_bytes(const char *bytes, size_t length)
{
    fwrite_unlocked(bytes, 1, length, stdout);
}

void output_text(const char *text)
{
    output_bytes(text, strlen(text));
}

static void output_escaped(unsigned char c)
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
    output_text(escape);
}

void output_string(const char *text, size_t length)
{
    size_t from = 0;
    output_bytes("\"", 1);
    for (size_t i = 0; i < length;) {
        const unsigned char c = (unsigned char)text[i];
        const size_t size = c < 0x80 ? 1 : json_utf8(text + i, text + length);
        if (size > 1 || (size == 1 && c >= 0x20 && c != '"' && c != '\\')) {
            i += size;
            continue;
        }
        output_bytes(text + from, i - from);
        if (size == 0) {
            output_text("\xef\xbf\xbd");
        } else {
            output_escaped(c);
        }
        from = ++i;
    }
    output_bytes(text + from, length - from);
    output_bytes("\"", 1);
}

void output_quoted(const char *text)
{
    output_string(text, strlen(text));
}

void output_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) {
            printf("\\x%02x", c);
        } else {
            putc_unlocked(c, stdout);
        }
    }
}

void output_compact(const char *json, size_t length)
{
    bool inside = false;
    size_t from = 0;
    for (size_t i = 0; i < length; i++) {
        if (inside && json[i] == '\\') {
            i++;
        } else if (json[i] == '"') {
            inside = !inside;
        } else if (!inside && strchr(" \t\r\n", json[i])) {
            output_bytes(json + from, i - from);
            from = i + 1;
        }
    }
    output_bytes(json + from, length - from);
}

void output_unsigned(uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    output_bytes(digits + at, sizeof digits - at);
}

void output_signed(int64_t number)
{
    if (number < 0) {
        output_bytes("-", 1);
    }
    output_unsigned(number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

static void output_reason(const struct ffshm_result *result)
{
    output_text("{\"kind\":");
    output_quoted(ffshm_reason_name(result->reason));
    if (result->reason == FFSHM_REASON_RULE_MATCH) {
        output_text(",\"ruleIndex\":");
        output_signed(result->rule_index);
        if (result->rule_id[0] != '\0') {
            output_text(",\"ruleId\":");
            output_quoted(result->rule_id);
        }
    }
    if (result->reason == FFSHM_REASON_PREREQUISITE_FAILED) {
        output_text(",\"prerequisiteKey\":");
        output_quoted(result->prerequisite_key);
    }
    if (result->in_experiment) {
        output_text(",\"inExperiment\":true");
    }
    if (result->reason == FFSHM_REASON_ERROR) {
        output_text(",\"errorKind\":");
        output_quoted(ffshm_error_kind(result->error));
    }
    if (result->big_segments != FFSHM_BIG_SEGMENTS_NONE) {
        output_text(",\"bigSegmentsStatus\":");
        output_quoted(ffshm_big_segments_name(result->big_segments));
    }
    output_text("}");
}

void output_result(const struct ffshm_result *result, const char *fallback, size_t fallback_length)
{
    output_text("\"value\":");
    if (result->variation >= 0) {
        output_bytes(result->json, result->json_length);
        output_text(",\"variation\":");
        output_signed(result->variation);
    } else {
        if (fallback) {
            output_compact(fallback, fallback_length);
        } else {
            output_text("null");
        }
        output_text(",\"variation\":null");
    }
    output_text(",\"variant\":");
    if (result->variation >= 0 && result->variant[0] != '\0') {
        output_quoted(result->variant);
    } else {
        output_text("null");
    }
    output_text(",\"reason\":");
    output_reason(result);
    output_text(",\"version\":");
    output_signed(result->flag_version);
    output_text(",\"generation\":");
    output_unsigned(result->generation);
}

void output_colour(const struct ctl *ctl, const char *code)
{
    if (ctl->colour) {
        printf("\033[%sm", code);
    }
}

void output_plainly(const struct ctl *ctl)
{
    output_colour(ctl, "0");
}

const char *output_age(int64_t ms, char buffer[OUTPUT_SHORT])
{
    const double seconds = (double)ms / 1000;
    if (ms < 0) {
        snprintf(buffer, OUTPUT_SHORT, "never");
    } else if (seconds < 10) {
        snprintf(buffer, OUTPUT_SHORT, "%.1f s", seconds);
    } else if (seconds < 120) {
        snprintf(buffer, OUTPUT_SHORT, "%.0f s", seconds);
    } else if (seconds < 120 * 60) {
        snprintf(buffer, OUTPUT_SHORT, "%.0f min", seconds / 60);
    } else if (seconds < 48 * 3600) {
        snprintf(buffer, OUTPUT_SHORT, "%.1f h", seconds / 3600);
    } else {
        snprintf(buffer, OUTPUT_SHORT, "%.1f d", seconds / 86400);
    }
    return buffer;
}

const char *output_size(uint64_t bytes, char buffer[OUTPUT_SHORT])
{
    if (bytes < 1024) {
        snprintf(buffer, OUTPUT_SHORT, "%" PRIu64 " B", bytes);
    } else if (bytes < UINT64_C(1024) * 1024) {
        snprintf(buffer, OUTPUT_SHORT, "%.1f KiB", (double)bytes / 1024);
    } else {
        snprintf(buffer, OUTPUT_SHORT, "%.1f MiB", (double)bytes / (1024.0 * 1024));
    }
    return buffer;
}

const char *output_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

const char *output_generation(uint64_t generation, char buffer[OUTPUT_SHORT])
{
    snprintf(buffer, OUTPUT_SHORT, "%" PRIu64 ".%" PRIu64, generation >> 32,
             generation & UINT32_MAX);
    return buffer;
}

const char *output_digest(const uint64_t digest[2], char buffer[OUTPUT_DIGEST])
{
    snprintf(buffer, OUTPUT_DIGEST, "%016" PRIx64 "%016" PRIx64, digest[1], digest[0]);
    return buffer;
}
