#include "telemetry_text.h"

#include "context_build.h"
#include "json.h"

size_t telemetry_whole_text(const char *text, size_t length)
{
    const char *const end = text + length;
    const char *at = text;
    while (at < end) {
        const size_t step = *at == '\0' ? 0 : json_utf8(at, end);
        if (step == 0) {
            break;
        }
        at += step;
    }
    return (size_t)(at - text);
}

bool telemetry_is_text(const char *text, size_t length)
{
    return telemetry_whole_text(text, length) == length;
}

bool telemetry_is_kind(const char *text, size_t length)
{
    return context_kind_valid(text, length);
}
