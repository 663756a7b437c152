/* timestamp.h - instants: RFC 3339 text as LaunchDarkly's strictest SDK reads it, or milliseconds
 * since 1970. */
#ifndef FFSHM_TIMESTAMP_H
#define FFSHM_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instant {
    int64_t seconds; /* since 1970-01-01T00:00:00Z */
    uint32_t nanoseconds;
};

/* false: not a timestamp. */
bool timestamp_parse(const char *text, size_t length, struct instant *out);

/* Truncated toward zero to whole milliseconds; saturates. */
struct instant timestamp_of_ms(double ms);

/* < 0, 0, > 0. */
int timestamp_compare(struct instant a, struct instant b);

#endif
