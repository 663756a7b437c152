/*
 * schedule.h - dated changes of flags, as they are kept: a row each, from the day when somebody
 * wrote it until it was done, failed or was cancelled.
 *
 * To whoever writes a definition they are its member "schedule", as in a file; only what is pending
 * is there.
 */
#ifndef FFSHM_AGENT_SCHEDULE_H
#define FFSHM_AGENT_SCHEDULE_H

#include <jansson.h>

#include "../admin/admin_token.h"
#include "../storage/storage_admin.h"

#define SCHEDULE_TIME 32 /* "2026-12-01T09:00:00.000Z" and a NUL */

const char *schedule_time(int64_t ms, char text[SCHEDULE_TIME]);
/* RFC 3339 -> ms, rounded up. false: it is no date. */
bool schedule_parse_time(const char *text, int64_t *ms);

/* [{"at", "set"}] of what is pending, in the order of their times. A new reference, NULL and
 *fault. */
json_t *schedule_pending(struct storage *s, const char *key, struct fault *fault);
/* The same without the one of this number. */
json_t *schedule_pending_but(struct storage *s, const char *key, int64_t number,
                             struct fault *fault);
/* Of what is pending: the highest number, and how many; 0 and 0: nothing. */
int schedule_newest(struct storage *s, const char *key, int64_t *number, size_t *count,
                    struct fault *fault);

/* Makes the list (checked already) what is pending of the flag: what is in both stays as it is,
   what is in neither is cancelled or added, as by->actor's. list NULL: cancels all. Within a
   transaction. 0, or -1 and *fault. */
int schedule_replace(struct storage *s, const char *key, json_t *list,
                     const struct admin_change *by, struct fault *fault);

/* For answers: number, key, at, atMs, set, author, reason, state... NULL: no memory. */
json_t *schedule_describe(const struct storage_schedule *row);

#endif
