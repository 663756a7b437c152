/*
 * fleet_keys.h - what a fleet has in Redis, and the scripts that change it.
 *
 *     {PREFIX:ENVIRONMENT}:head        hash: epoch, seq, chain (fleet_record.h); state: a
 *                                      random name, another one when a whole state was put there
 *     {PREFIX:ENVIRONMENT}:log         stream: one entry a record, SEQ-0, fields r (the record) and
 *                                      c (the chain after it); the newest FLEET_LOG_KEPT or so
 *     {PREFIX:ENVIRONMENT}:t:TABLE     hash: every row of a table by its key, as rows.h has them
 *     {PREFIX:ENVIRONMENT}:lease       string: the agent that runs schedules, for FLEET_LEASE_MS
 *     {PREFIX:ENVIRONMENT}:new:ID:...  a state that is being brought in
 *
 * The braces are a hash tag: all keys of an environment are in one slot of a cluster.
 */
#ifndef FFSHM_AGENT_FLEET_KEYS_H
#define FFSHM_AGENT_FLEET_KEYS_H

#include "../storage/rows.h"

#define FLEET_LOG_KEPT 4096
#define FLEET_LEASE_MS 3000
#define FLEET_STAGED_S 600 /* what was not brought in to the end goes by itself */

struct fleet_keys {
    char *head;
    char *log;
    char *lease;
    char *rows[ROWS_TABLES];
    char *staged[ROWS_TABLES];
};
/* id: of this agent. 0, or -1: no memory. */
int fleet_keys_make(struct fleet_keys *keys, const char *prefix, const char *environment,
                    const char *id);
void fleet_keys_free(struct fleet_keys *keys);

/* KEYS head, log, rows; ARGV epoch, seq and chain that the state must have, the chain after it,
   how many log entries to keep, the record, "change" or "push" (of what was agreed on before: it
   does not wait), then (number of the key, field, value or "") for each row. Answers "ok", "wait"
   with milliseconds (a state was just put there), "behind" with seq and chain, "foreign" with the
   epoch, "empty". */
extern const char fleet_script_commit[];
/* KEYS head, log, rows, staged; ARGV epoch, seq, chain of the new state; epoch, seq and chain of
   the state that it may replace: "", "", "" for none; a random name of the new state, and for how
   long nothing is to be changed then, in milliseconds. Answers as
   above, or "taken". */
extern const char fleet_script_restore[];
/* KEYS lease; ARGV id, milliseconds. 1: it is ours. */
extern const char fleet_script_lease[];

#endif
