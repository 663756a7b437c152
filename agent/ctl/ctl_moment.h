/*
 * ctl_moment.h - moments as people write and read them: RFC 3339, the wall clock of this host's
 * zone, or so long from now. In milliseconds since 1970.
 */
#ifndef FFSHM_CTL_MOMENT_H
#define FFSHM_CTL_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/inspect_at.h"

#define MOMENT_TEXT 96

/* "2026-12-24T09:00:00+01:00", "2026-12-24 09:00", "tomorrow 09:00" (yesterday, today), "in 2h",
   "2h ago". false: *why says what is wrong with it, after its text. */
bool moment_parse(const char *text, int64_t now_ms, int64_t *ms, const char **why);

/* A generation ("3.5", a number, "0x300000005"), or such a time. As moment_parse. */
bool moment_point(const char *text, int64_t now_ms, struct at *point, const char **why);

/* In this host's zone and in UTC: "2026-12-24 09:00:00 CET (2026-12-24T08:00:00Z)". Returns buffer.
 */
const char *moment_text(int64_t ms, char buffer[MOMENT_TEXT]);

/* RFC 3339, for the API. Returns buffer. */
const char *moment_rfc3339(int64_t ms, char buffer[MOMENT_TEXT]);

#endif
