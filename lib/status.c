/* status.c - what the store sees now. */
#include <errno.h>
#include <time.h>

#include "store.h"

static int64_t age_ms(uint64_t then_ms)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    return then_ms == 0 ? -1 : now > (int64_t)then_ms ? now - (int64_t)then_ms : 0;
}

void ffshm_status(struct ffshm *ff, struct ffshm_status *out)
{
    *out = (struct ffshm_status){.snapshot_age_ms = -1, .agent_silent_ms = -1};
    if (!ff) {
        return;
    }
    int saved_errno = errno;
    struct ffshm_view view;
    ffshm_pin(ff, &view);
    const struct snapshot *s = view.snapshot;
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    out->ready = s->ready;
    out->generation = s->generation;
    if (s->head) {
        out->flags = s->head->flag_count;
        out->segments = s->head->segment_count;
        out->snapshot_age_ms = age_ms(s->head->created_ms);
    }
    out->newest_generation = atomic_load_explicit(&control->generation, memory_order_acquire);
    out->source_state = (int)atomic_load_explicit(&control->source_state, memory_order_relaxed);
    out->agent_silent_ms =
        age_ms(atomic_load_explicit(&control->heartbeat_ms, memory_order_relaxed));
    out->agent_alive = store_agent_alive(ff);
    out->last_error = atomic_load_explicit(&ff->last_error, memory_order_relaxed);
    out->refused = atomic_load_explicit(&ff->refused, memory_order_relaxed);
    out->refreshes = atomic_load_explicit(&ff->refreshes, memory_order_relaxed);
    out->dropped_events = atomic_load_explicit(&ff->dropped_events, memory_order_relaxed);
    ffshm_unpin(&view);
    errno = saved_errno;
}
