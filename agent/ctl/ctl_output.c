#include "ctl_output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "inspect/inspect_emit.h"
#include "inspect/inspect_shown.h"

void output_bytes(const char *bytes, size_t length)
{
    emit_bytes(stdout, bytes, length);
}

void output_text(const char *text)
{
    emit_text(stdout, text);
}

void output_string(const char *text, size_t length)
{
    emit_string(stdout, text, length);
}

void output_quoted(const char *text)
{
    emit_quoted(stdout, text);
}

void output_signed(int64_t number)
{
    emit_signed(stdout, number);
}

void output_unsigned(uint64_t number)
{
    emit_unsigned(stdout, number);
}

void output_plain(const char *text, size_t length)
{
    shown_write(stdout, text, length);
}

void output_json(const char *json, size_t length)
{
    shown_write_json(stdout, json, length);
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
