#include "admin_time.h"

#include <stdlib.h>
#include <string.h>

#include "timestamp.h"

#define DIGITS_MOST 15 /* some 30,000 years */

int64_t admin_time_parse(const char *text)
{
    struct instant at;
    const size_t length = strlen(text);
    int64_t ms = -1;
    if (length > 0 && length <= DIGITS_MOST && strspn(text, "0123456789") == length) {
        ms = strtoll(text, NULL, 10);
    } else if (timestamp_parse(text, length, &at)) {
        ms = at.seconds * 1000 + at.nanoseconds / 1000000;
    }
    return ms > 0 ? ms : -1;
}

int admin_request_time(const struct admin_request *r, const char *name, int64_t *ms,
                       struct admin_error *error)
{
    const char *text = admin_request_parameter(r, name);
    const int64_t parsed = text ? admin_time_parse(text) : 0;
    if (parsed < 0) {
        return admin_error_set(error, 400, "invalid_parameter", name,
                               strchr(text, ' ') ? "in a query, write + as %2B" : "",
                               "must be a time as 2026-03-01T09:30:00Z, or milliseconds since "
                               "1970, not \"%.40s\"",
                               text);
    }
    *ms = text ? parsed : *ms;
    return 0;
}
