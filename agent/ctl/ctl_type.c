#include "ctl_type.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum type type_parse(const char *name, size_t length)
{
    static const struct {
        const char *name;
        enum type type;
    } types[] = {{"any", TYPE_ANY}, {"json", TYPE_ANY},      {"bool", TYPE_BOOL},
                 {"int", TYPE_INT}, {"double", TYPE_DOUBLE}, {"string", TYPE_STRING}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i].name) == length && memcmp(types[i].name, name, length) == 0) {
            return types[i].type;
        }
    }
    return TYPE_UNKNOWN;
}

/* Toward zero, saturating, as ffshm_int. */
static int64_t truncated(double number)
{
    return number >= 0x1p63 ? INT64_MAX : number >= -0x1p63 ? (int64_t)number : INT64_MIN;
}

void type_apply(enum type type, struct ffshm_result *r, char text[TYPE_TEXT])
{
    static const int wanted[] = {[TYPE_BOOL] = FFSHM_TYPE_BOOL,
                                 [TYPE_INT] = FFSHM_TYPE_NUMBER,
                                 [TYPE_DOUBLE] = FFSHM_TYPE_NUMBER,
                                 [TYPE_STRING] = FFSHM_TYPE_STRING};
    if (type == TYPE_ANY || type == TYPE_UNKNOWN || r->variation < 0) {
        return;
    }
    if (r->type != wanted[type]) {
        r->reason = FFSHM_REASON_ERROR;
        r->error = FFSHM_WRONG_TYPE;
        r->variation = -1;
        r->rule_index = -1;
        r->in_experiment = false;
        r->variant = r->rule_id = r->prerequisite_key = "";
    } else if (type == TYPE_INT && fabs(r->number - trunc(r->number)) > 0) {
        snprintf(text, TYPE_TEXT, "%" PRId64, truncated(r->number));
        r->json = text;
        r->json_length = strlen(text);
    }
}
