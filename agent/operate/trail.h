/*
 * trail.h - the trail explains every published generation: which audit entries it came of.
 *
 * Each generation gets a row (storage_admin.h): its digest, when it was published, and the audit
 * entries since the generation before it. What operators change has its entry already when it is
 * published; what sources bring (LaunchDarkly, files, the end of an earlier agent's items) gets one
 * here: actor "launchdarkly" or "files", authenticated "source", action "source.change", the items
 * in `after`. A generation of merged extents has no entries: it is the one before it, in fewer
 * files. One that was published without being recorded (the agent was killed, the file was full) is
 * told by an entry "agent.adopt".
 *
 * In a fleet the entries are the fleet's, and what each host's sources bring is not among them: it
 * is in the host's log.
 *
 * Nothing here waits for a disk, or is on the way of a kill switch: rows are written TRAIL_ROWS_MS
 * after the publish, entries of sources at most once in TRAIL_ENTRIES_MS, for all generations of
 * that time together; before the entry of an operator's change, so that entries are in the order of
 * what they tell of; and at the end.
 */
#ifndef FFSHM_AGENT_TRAIL_H
#define FFSHM_AGENT_TRAIL_H

#include <event2/event.h>

#include "../pipeline.h"
#include "../publish/publisher.h"
#include "../storage/state_file.h"

#define TRAIL_ROWS_MS 10
#define TRAIL_ENTRIES_MS 1000
#define TRAIL_KEEP 10000u /* generations in the state file, at least */

struct trail;

/* Borrows all. makes: makes the state file where it is not there; else what is published is only
   recorded in one that is. What is published already counts as an earlier agent's. NULL: no memory.
 */
struct trail *trail_new(struct event_base *base, struct pipeline *pipeline,
                        struct publisher *publisher, struct state_file *state, bool makes);
/* Writes what waits: before the state file is closed. NULL is harmless. */
void trail_free(struct trail *t);

#endif
