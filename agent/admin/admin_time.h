/*
 * admin_time.h - instants as clients write them: RFC 3339, or milliseconds since 1970.
 */
#ifndef FFSHM_AGENT_ADMIN_TIME_H
#define FFSHM_AGENT_ADMIN_TIME_H

#include "admin_request.h"

/* "2026-03-01T09:30:00Z" or "1772357400000", after 1970, as milliseconds (a fraction of one is left
   out); -1: neither. */
int64_t admin_time_parse(const char *text);

/* Of a query parameter. 0 (also when it is not given: *ms stays), or -1 with *error. */
int admin_request_time(const struct admin_request *r, const char *name, int64_t *ms,
                       struct admin_error *error);

#endif
