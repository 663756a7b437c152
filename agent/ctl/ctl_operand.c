#include "ctl_operand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ctl_output.h"
#include "snapshot.h"

void operand_number(double number)
{
    char text[40];
    if (!isfinite(number)) {
        output_text("null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (fabs(strtod(text, NULL) - number) <= 0) {
            break;
        }
    }
    output_text(text);
}

void operand_float(float number)
{
    char text[40];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)number);
        if (fabsf(strtof(text, NULL) - number) <= 0) {
            break;
        }
    }
    output_text(isfinite(number) ? text : "null");
}

void operand_string(const void *blob, struct image_string s)
{
    if (s.length == 0) {
        output_text("\"\"");
    } else {
        output_string(image_text(blob, s), s.length);
    }
}

static void output_instant(int64_t seconds, uint32_t nanoseconds)
{
    const time_t when = (time_t)seconds;
    struct tm parts;
    char text[64];
    if (!gmtime_r(&when, &parts) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        operand_number((double)seconds);
        return;
    }
    output_text("\"");
    output_text(text);
    if (nanoseconds) {
        printf(".%09u", nanoseconds);
    }
    output_text("Z\"");
}

static void output_semver(const void *blob, const struct image_semver *v)
{
    output_text("\"");
    output_unsigned(v->major);
    output_text(".");
    output_unsigned(v->minor);
    output_text(".");
    output_unsigned(v->patch);
    if (v->prerelease.length) {
        output_text("-"); /* letters, digits, dots and hyphens: nothing to escape */
        output_bytes(image_text(blob, v->prerelease), v->prerelease.length);
    }
    output_text("\"");
}

static void output_image_value(const void *blob, const struct image_value *v)
{
    switch ((enum image_value_type)v->type) {
    case IMAGE_VALUE_BOOL:
        output_text(v->as.number > 0 ? "true" : "false");
        break;
    case IMAGE_VALUE_NUMBER:
        operand_number(v->as.number);
        break;
    case IMAGE_VALUE_STRING:
    case IMAGE_VALUE_REGEX:
        output_string(image_at(blob, v->offset), v->length);
        break;
    case IMAGE_VALUE_INSTANT:
        output_instant(v->as.seconds, v->offset);
        break;
    case IMAGE_VALUE_SEMVER:
        output_semver(blob, image_at(blob, v->offset));
        break;
    case IMAGE_VALUE_SEGMENT:
        output_quoted(image_at(blob, v->offset));
        break;
    case IMAGE_VALUE_SET:
        printf("{\"set\":%u}", ((const struct image_set *)image_at(blob, v->offset))->count);
        break;
    case IMAGE_VALUE_ROLLOUT:
        output_text("{\"below\":");
        operand_float(((const struct image_rollout *)image_at(blob, v->offset))->below);
        output_text("}");
        break;
    }
}

void operand_values(const void *blob, const struct image_clause *clause)
{
    const struct image_value *const values = image_at(blob, clause->values_offset);
    output_text("[");
    for (uint32_t i = 0; i < clause->value_count; i++) {
        output_text(i ? "," : "");
        output_image_value(blob, &values[i]);
    }
    output_text("]");
}

void operand_value(const struct context_value *v)
{
    switch ((enum context_type)v->type) {
    case CONTEXT_MISSING:
        output_text("null");
        break;
    case CONTEXT_BOOL:
        output_text(v->as.number > 0 ? "true" : "false");
        break;
    case CONTEXT_NUMBER:
        operand_number(v->as.number);
        break;
    case CONTEXT_STRING:
        output_string(v->as.text, v->length);
        break;
    case CONTEXT_STRINGS:
        output_text("[");
        for (uint32_t i = 0; i < v->length; i++) {
            output_text(i ? "," : "");
            output_quoted(v->as.texts[i]);
        }
        output_text("]");
        break;
    case CONTEXT_JSON:
        output_compact(v->as.text, v->length);
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
