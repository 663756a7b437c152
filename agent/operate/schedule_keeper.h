/*
 * schedule_keeper.h - dated changes happen: each once, at its time, as its author's; also when the
 * agent was not running then, when it is killed meanwhile, and whatever is done to the clock.
 *
 * A change and the note that it is done are one transaction, so it is done once. Times are those of
 * the wall clock: the kernel tells when it is set (timerfd), and then it is looked again what is
 * due. A change whose time came while no agent ran is made at the next start.
 */
#ifndef FFSHM_AGENT_SCHEDULE_KEEPER_H
#define FFSHM_AGENT_SCHEDULE_KEEPER_H

#include <event2/event.h>

#include "../storage/turns.h"
#include "definition_keeper.h"

struct schedule_keeper;

/* Borrows the definitions, whose changes it hears of. NULL: no memory, no descriptor. */
struct schedule_keeper *schedule_keeper_new(struct event_base *base,
                                            const struct operations *operations,
                                            struct definition_keeper *definitions);
void schedule_keeper_free(struct schedule_keeper *k);

/* Makes the changes that are due, and waits for the next ones. After the first publish. */
void schedule_keeper_start(struct schedule_keeper *k);

/* Another pending change of a flag that is kept here. dry_run: only whether it could be. 0 and
   *number, or -1 with *error: the date, or the state of the flag that would come of it, is wrong
   (members "at", "set..."). */
int schedule_keeper_add(struct schedule_keeper *k, const char *key, const char *at, json_t *set,
                        const struct admin_change *by, bool dry_run, int64_t *number,
                        struct admin_error *error);
/* Takes a pending one of this flag away. 0, or -1 with *error: 404, or 409: it is not pending. */
int schedule_keeper_cancel(struct schedule_keeper *k, const char *key, int64_t number,
                           const struct admin_change *by, bool dry_run, struct admin_error *error);

/* Its state file is one of a fleet's: what is due is done by the host that leads, in turns. Both
   are borrowed. Before schedule_keeper_start. */
void schedule_keeper_of_fleet(struct schedule_keeper *k, const struct turns *turns,
                              bool (*leads)(const void *arg), const void *arg);
/* What is scheduled was changed by others; or this host leads now. */
void schedule_keeper_renew(struct schedule_keeper *k);

#endif
