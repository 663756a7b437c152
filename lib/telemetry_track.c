/*
 * telemetry_track.c - what a program tells of its own accord.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "context.h"
#include "hooks.h"
#include "json.h"
#include "telemetry.h"
#include "telemetry_map.h"
#include "telemetry_pack.h"
#include "telemetry_ring.h"
#include "telemetry_tell.h"

static void drop(struct ffshm *ff)
{
    atomic_fetch_add_explicit(&ff->dropped_events, 1, memory_order_relaxed);
}

/* false: there is nobody to tell, or nothing to tell it in; counted. Enters a section, which keeps
   what is told in from being freed, in any case. */
static bool begin(struct telemetry_teller *teller, struct ffshm *ff)
{
    rcu_enter();
    const uint64_t window = telemetry_window(ff);
    if (window == 0) {
        if (!ff->no_telemetry) {
            drop(ff);
        }
        return false;
    }
    telemetry_begin(teller, ff, window);
    if (teller->events && !teller->t) {
        if (teller->without) {
            atomic_fetch_add_explicit(&teller->without->lost_events, 1, memory_order_relaxed);
        }
        drop(ff);
    }
    return teller->events && teller->t;
}

static void track(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                  const double *value, struct telemetry_text data)
{
    const int saved_errno = errno;
    struct telemetry_teller teller;
    if (begin(&teller, ff)) {
        telemetry_tell_context(&teller, c);
        const struct telemetry_custom_record record = {telemetry_now(&teller), event, data, value,
                                                       c};
        telemetry_push_event(ff, teller.t, TELEMETRY_CUSTOM, 0, telemetry_pack_custom, &record);
    }
    rcu_leave();
    errno = saved_errno;
}

void ffshm_track(struct ffshm *ff, const char *event, const struct ffshm_context *c, double value)
{
    if (ff && event && context_valid(c)) {
        track(ff, event, c, &value, (struct telemetry_text){NULL, 0});
        hooks_track(ff, event, c, &value, NULL);
    }
}

void ffshm_track_data(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                      const double *value, const char *json)
{
    struct telemetry_text data = {NULL, 0};
    struct json_slice slice;
    if (!ff || !event || !context_valid(c)) {
        return;
    }
    if (json) {
        if (json_check(json, strlen(json), 0, &slice, NULL) != FFSHM_OK) {
            drop(ff);
            return;
        }
        if (slice.type != JSON_NULL) {
            data = (struct telemetry_text){slice.text, slice.length};
        }
    }
    track(ff, event, c, value, data);
    hooks_track(ff, event, c, value, json);
}

void ffshm_identify(struct ffshm *ff, const struct ffshm_context *c)
{
    /* An old-style user may have an empty key: there is nobody to identify. */
    if (!ff || !context_valid(c) || c->kinds[0].key_length == 0) {
        return;
    }
    const int saved_errno = errno;
    struct telemetry_teller teller;
    if (begin(&teller, ff)) {
        const struct telemetry_context_record record = {telemetry_now(&teller), c};
        if (telemetry_push_event(ff, teller.t, TELEMETRY_IDENTIFY, 0, telemetry_pack_context,
                                 &record)) {
            telemetry_know_context(&teller, c);
        }
    }
    rcu_leave();
    errno = saved_errno;
}

bool telemetry_migration(struct ffshm *ff, const struct telemetry_migration *m)
{
    if (!ff || !context_valid(m->c)) {
        return false;
    }
    if (!telemetry_drawn(m->sampling_ratio)) {
        return true;
    }
    const int saved_errno = errno;
    struct telemetry_teller teller;
    bool told = false;
    if (begin(&teller, ff)) {
        const struct telemetry_migration_record record = {telemetry_now(&teller), m};
        told = telemetry_push_event(ff, teller.t, TELEMETRY_MIGRATION, 0, telemetry_pack_migration,
                                    &record);
    }
    rcu_leave();
    errno = saved_errno;
    return told;
}

int ffshm_flush(struct ffshm *ff)
{
    if (!ff) {
        return FFSHM_INVALID_ARGUMENT;
    }
    const int saved_errno = errno;
    rcu_enter();
    struct telemetry *t = atomic_load_explicit(&ff->telemetry, memory_order_acquire);
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    if (file) {
        char path[TELEMETRY_PATH];
        telemetry_path(file, path);
        atomic_fetch_add_explicit(&file->flush_requests, 1, memory_order_release);
        /* What wakes the agent. */
        (void)utimensat(atomic_load_explicit(&ff->dir_fd, memory_order_relaxed), path, NULL,
                        AT_SYMLINK_NOFOLLOW);
    }
    rcu_leave();
    errno = saved_errno;
    return FFSHM_OK;
}
