#include "admin_work.h"

#include <stdlib.h>
#include <time.h>

struct admin_works {
    struct event *turn; /* pending while there is work */
    struct admin_work *first;
    struct admin_work **end;
};

int64_t admin_work_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A timer of no time: what has happened on sockets meanwhile comes first. */
static void next_turn(struct admin_works *w)
{
    static const struct timeval now = {0, 0};
    (void)event_add(w->turn, &now);
}

static struct admin_work *take_first(struct admin_works *w)
{
    struct admin_work *work = w->first;
    w->first = work->next;
    if (!w->first) {
        w->end = &w->first;
    }
    work->queued = false;
    return work;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct admin_works *w = arg;
    (void)fd, (void)what;
    if (!w->first) {
        return;
    }
    struct admin_work *work = take_first(w);
    if (work->step(work->arg)) {
        admin_work_go(work);
    }
    if (w->first) {
        next_turn(w);
    }
}

struct admin_works *admin_works_new(struct event_base *base)
{
    struct admin_works *w = calloc(1, sizeof *w);
    if (!w) {
        return NULL;
    }
    w->end = &w->first;
    w->turn = evtimer_new(base, on_turn, w);
    if (!w->turn) {
        free(w);
        return NULL;
    }
    return w;
}

void admin_works_free(struct admin_works *w)
{
    if (w) {
        event_free(w->turn);
        free(w);
    }
}

void admin_work_init(struct admin_work *work, struct admin_works *works, admin_work_fn *step,
                     void *arg)
{
    *work = (struct admin_work){.works = works, .step = step, .arg = arg};
}

void admin_work_go(struct admin_work *work)
{
    struct admin_works *w = work->works;
    if (work->queued) {
        return;
    }
    work->queued = true;
    work->next = NULL;
    *w->end = work;
    w->end = &work->next;
    next_turn(w);
}

void admin_work_stop(struct admin_work *work)
{
    struct admin_works *w = work->works;
    struct admin_work **at = &w->first;
    if (!work->queued) {
        return;
    }
    while (*at != work) {
        at = &(*at)->next;
    }
    *at = work->next;
    if (!*at) {
        w->end = at;
    }
    work->queued = false;
}
