/* status.c - what the store sees now. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "store.h"

#define REPORT_TRIES 1000 /* the agent writes for less than a microsecond, or has died over it */

_Static_assert((int)FFSHM_SOURCE_NETWORK_ERROR == (int)IMAGE_SOURCE_NETWORK_ERROR &&
                   (int)FFSHM_SOURCE_UNKNOWN_ERROR == (int)IMAGE_SOURCE_UNKNOWN_ERROR,
               "one list of errors");
_Static_assert(FFSHM_SOURCE_TEXT == sizeof(((struct image_source_report *)0)->error_text),
               "the text fits");

/* ---- the agent's report of its sources ----------------------------------------------------- */

/* Another process may be writing it: word by word, so that no load is torn, and each before
   whatever is loaded later (a fence would do, but ThreadSanitizer knows none). */
static void copy_words(struct image_source_report *out, const struct image_source_report *from)
{
    typedef uint64_t __attribute__((may_alias)) word;
    _Static_assert(sizeof *out % sizeof(word) == 0, "whole words");
    word *const to = (void *)out;
    const word *const words = (const void *)from;
    for (size_t i = 0; i < sizeof *out / sizeof(word); i++) {
        to[i] = __atomic_load_n(&words[i], __ATOMIC_ACQUIRE);
    }
}

bool store_source_report(struct ffshm *ff, struct image_source_report *out)
{
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    const struct image_source_report *const report = &control->source;
    for (unsigned i = 0; i < REPORT_TRIES; i++) {
        /* pairs with the release store that ends a write in the agent */
        const uint32_t before = atomic_load_explicit(&report->sequence, memory_order_acquire);
        copy_words(out, report);
        if (before % 2 == 0 &&
            atomic_load_explicit(&report->sequence, memory_order_relaxed) == before) {
            out->error_text[sizeof out->error_text - 1] = '\0';
            out->environment_id[sizeof out->environment_id - 1] = '\0';
            return true;
        }
    }
    memset(out, 0, sizeof *out);
    return false;
}

static void tell_source(struct ffshm *ff, struct ffshm_status *out)
{
    struct image_source_report report;
    store_source_report(ff, &report);
    out->source_error = (int)report.error;
    out->source_error_status = report.error_status;
    out->source_since_ms = report.since_ms;
    out->source_error_ms = report.error_ms;
    out->data_as_of_ms = report.data_ms;
    memcpy(out->source_error_text, report.error_text, sizeof out->source_error_text);
}

size_t ffshm_environment_id(struct ffshm *ff, char *buffer, size_t capacity)
{
    struct image_source_report report = {.error = 0};
    if (ff) {
        store_source_report(ff, &report);
    }
    const size_t length = strlen(report.environment_id);
    if (capacity > 0) {
        const size_t n = length < capacity ? length : capacity - 1;
        memcpy(buffer, report.environment_id, n);
        buffer[n] = '\0';
    }
    return length;
}

/* -------------------------------------------------------------------------------------------- */

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
    out->dropped_counts = atomic_load_explicit(&ff->dropped_counts, memory_order_relaxed);
    out->telemetry = atomic_load_explicit(&control->telemetry_window, memory_order_relaxed) != 0;
    tell_source(ff, out);
    ffshm_unpin(&view);
    errno = saved_errno;
}
