/*
 * history.h - what operators had in force at a generation that was published earlier, and the way
 * back to it.
 *
 * A recorded generation knows the newest audit entry that it came of, each version of a definition
 * the entry that tells of it: what was in force then is, of each key, the newest version up to that
 * entry.
 */
#ifndef FFSHM_AGENT_HISTORY_H
#define FFSHM_AGENT_HISTORY_H

#include "definition_keeper.h"
#include "definition_state.h"

struct history_point {
    uint64_t generation;
    int64_t published_ms;
    int64_t audit; /* the newest entry then */
    char digest[OPERATION_DIGEST];
};

/* The point of a generation that was recorded, or is published now; by a time (wall clock, ms) what
   was published then. 0 and *found, or -1 with *fault. */
int history_of_generation(const struct operations *o, uint64_t generation,
                          struct history_point *point, bool *found, struct fault *fault);
int history_of_time(const struct operations *o, int64_t ms, struct history_point *point,
                    bool *found, struct fault *fault);

/* A key that has versions between two points, and what it was at each (version 0: nothing; a
   deletion is nothing, too). */
typedef int history_changed_fn(void *arg, enum storage_kind kind, const char *key,
                               const struct definition_state *from,
                               const struct definition_state *to);
#define HISTORY_GONE 2
/* Of each such key; what is the same at both is left out. 0, -1 with *fault, HISTORY_GONE with
 *fault (a version is not kept any more), or what fn returned other than 0. */
int history_changed(const struct operations *o, const struct history_point *from,
                    const struct history_point *to, history_changed_fn *fn, void *arg,
                    struct fault *fault);

/* The point that is now. 0 or -1 with *fault. */
int history_now(const struct operations *o, struct history_point *point, struct fault *fault);

/* Makes what operators had in force then be in force again: a new version of everything that is
   another one now. Kill switches and pins stay as they are. *changed: how many definitions; 0:
   nothing was done. The rest as definition_keeper_change. */
int history_roll_back(const struct operations *o, struct definition_keeper *definitions,
                      const struct history_point *to, const struct admin_change *by, bool dry_run,
                      size_t *changed, struct definition_outcome *outcome,
                      struct admin_error *error);

#endif
