/*
 * telemetry.c - what a program tells: until agents of this version collect events, counted as
 * dropped.
 */
#include "telemetry.h"

#include "hooks.h"
#include "store.h"

static void drop(struct ffshm *ff)
{
    if (ff) {
        atomic_fetch_add_explicit(&ff->dropped_events, 1, memory_order_relaxed);
    }
}

void ffshm_track(struct ffshm *ff, const char *event, const struct ffshm_context *c, double value)
{
    drop(ff);
    hooks_track(ff, event, c, &value, NULL);
}

void ffshm_track_data(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                      const double *value, const char *json)
{
    drop(ff);
    hooks_track(ff, event, c, value, json);
}

void ffshm_identify(struct ffshm *ff, const struct ffshm_context *c)
{
    (void)c;
    drop(ff);
}

int ffshm_flush(struct ffshm *ff)
{
    return ff ? FFSHM_OK : FFSHM_INVALID_ARGUMENT;
}

bool telemetry_migration(struct ffshm *ff, const struct telemetry_migration *m)
{
    (void)m;
    drop(ff);
    return false;
}
