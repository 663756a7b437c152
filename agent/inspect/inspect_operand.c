#include "inspect_operand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "inspect_emit.h"
#include "snapshot.h"

void operand_number(FILE *out, double number)
{
    char text[40];
    if (!isfinite(number)) {
        emit_text(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (fabs(strtod(text, NULL) - number) <= 0) {
            break;
        }
    }
    emit_text(out, text);
}

void operand_float(FILE *out, float number)
{
    char text[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)number);
        if (fabsf(strtof(text, NULL) - number) <= 0) {
            break;
        }
    }
    emit_text(out, isfinite(number) ? text : "null");
}

void operand_string(FILE *out, const void *blob, struct image_string s)
{
    if (s.length == 0) {
        emit_text(out, "\"\"");
    } else {
        emit_string(out, image_text(blob, s), s.length);
    }
}

static void emit_instant(FILE *out, int64_t seconds, uint32_t nanoseconds)
{
    const time_t when = (time_t)seconds;
    struct tm parts;
    char text[64];
    if (!gmtime_r(&when, &parts) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        operand_number(out, (double)seconds);
        return;
    }
    emit_text(out, "\"");
    emit_text(out, text);
    if (nanoseconds) {
        fprintf(out, ".%09u", nanoseconds);
    }
    emit_text(out, "Z\"");
}

static void emit_semver(FILE *out, const void *blob, const struct image_semver *v)
{
    emit_text(out, "\"");
    emit_unsigned(out, v->major);
    emit_text(out, ".");
    emit_unsigned(out, v->minor);
    emit_text(out, ".");
    emit_unsigned(out, v->patch);
    if (v->prerelease.length) {
        emit_text(out, "-"); /* letters, digits, dots and hyphens: nothing to escape */
        emit_bytes(out, image_text(blob, v->prerelease), v->prerelease.length);
    }
    emit_text(out, "\"");
}

static void emit_image_value(FILE *out, const void *blob, const struct image_value *v)
{
    switch ((enum image_value_type)v->type) {
    case IMAGE_VALUE_BOOL:
        emit_text(out, v->as.number > 0 ? "true" : "false");
        break;
    case IMAGE_VALUE_NUMBER:
        operand_number(out, v->as.number);
        break;
    case IMAGE_VALUE_STRING:
    case IMAGE_VALUE_REGEX:
        emit_string(out, image_at(blob, v->offset), v->length);
        break;
    case IMAGE_VALUE_INSTANT:
        emit_instant(out, v->as.seconds, v->offset);
        break;
    case IMAGE_VALUE_SEMVER:
        emit_semver(out, blob, image_at(blob, v->offset));
        break;
    case IMAGE_VALUE_SEGMENT:
        emit_quoted(out, image_at(blob, v->offset));
        break;
    case IMAGE_VALUE_SET:
        fprintf(out, "{\"set\":%u}", ((const struct image_set *)image_at(blob, v->offset))->count);
        break;
    case IMAGE_VALUE_ROLLOUT:
        emit_text(out, "{\"below\":");
        operand_float(out, ((const struct image_rollout *)image_at(blob, v->offset))->below);
        emit_text(out, "}");
        break;
    }
}

void operand_values(FILE *out, const void *blob, const struct image_clause *clause)
{
    const struct image_value *const values = image_at(blob, clause->values_offset);
    emit_text(out, "[");
    for (uint32_t i = 0; i < clause->value_count && !ferror(out); i++) {
        emit_text(out, i ? "," : "");
        emit_image_value(out, blob, &values[i]);
    }
    emit_text(out, "]");
}

void operand_value(FILE *out, const struct context_value *v)
{
    switch ((enum context_type)v->type) {
    case CONTEXT_MISSING:
        emit_text(out, "null");
        break;
    case CONTEXT_BOOL:
        emit_text(out, v->as.number > 0 ? "true" : "false");
        break;
    case CONTEXT_NUMBER:
        operand_number(out, v->as.number);
        break;
    case CONTEXT_STRING:
        emit_string(out, v->as.text, v->length);
        break;
    case CONTEXT_STRINGS:
        emit_text(out, "[");
        for (uint32_t i = 0; i < v->length; i++) {
            emit_text(out, i ? "," : "");
            emit_quoted(out, v->as.texts[i]);
        }
        emit_text(out, "]");
        break;
    case CONTEXT_JSON:
        emit_compact(out, v->as.text, v->length);
        break;
    }
}

struct operand_text operand_kind(const void *blob, struct image_string kind)
{
    if (kind.length == 0) {
        return (struct operand_text){"user", 4};
    }
    return (struct operand_text){image_text(blob, kind), kind.length};
}
