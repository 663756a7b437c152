/*
 * admin_work.h - work that takes longer than the loop may be held: done in steps. All who have work
 * take turns, one step in each turn of the loop, so that together they hold it no longer than one.
 */
#ifndef FFSHM_AGENT_ADMIN_WORK_H
#define FFSHM_AGENT_ADMIN_WORK_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define ADMIN_WORK_STEP_US 500 /* what a step should take, so that it takes no millisecond */

/* One step. true: there is more to do. It may stop or free its own work; then it returns false. */
typedef bool admin_work_fn(void *arg);

struct admin_works;

/* A member of whoever works; begins with admin_work_init. */
struct admin_work {
    struct admin_works *works;
    admin_work_fn *step;
    void *arg;
    struct admin_work *next; /* while it is queued */
    bool queued;
};

/* Of a loop. NULL: no memory. */
struct admin_works *admin_works_new(struct event_base *base);
/* Nothing may be queued any more. */
void admin_works_free(struct admin_works *w);

void admin_work_init(struct admin_work *work, struct admin_works *works, admin_work_fn *step,
                     void *arg);
/* Its step is called from the loop until it returns false; nothing more if it is queued already. */
void admin_work_go(struct admin_work *work);
/* No step is called any more, until it is begun again. */
void admin_work_stop(struct admin_work *work);

/* Microseconds of a monotonic clock, to measure steps by. */
int64_t admin_work_now_us(void);

#endif
