/*
 * ctl_when.h - durations as people write them, and times as they read them. Wall clock, in
 * milliseconds since 1970.
 */
#ifndef FFSHM_CTL_WHEN_H
#define FFSHM_CTL_WHEN_H

#include <stdint.h>

#define WHEN_TEXT 32

int64_t when_now(void);

/* "90s", "30m", "2h", "7d", "1h30m", at most ten years, as milliseconds; -1: no duration. */
int64_t when_duration(const char *text);

/* "2026-03-01T09:30:00Z". Returns buffer. */
const char *when_text(int64_t ms, char buffer[WHEN_TEXT]);

#endif
