/*
 * hooks.h - callbacks of the program's around evaluations and tracks.
 *
 * The list is NULL without hooks, which is all that an evaluation looks at then (store_hooked). It
 * is never changed: adding makes a longer copy and publishes that; the copies before it are kept
 * until the store is closed, for evaluations that began with them.
 *
 * An evaluation with hooks pins its snapshot, so that no callback runs inside a read section and
 * what the result points to outlives them all.
 */
#ifndef FFSHM_HOOKS_H
#define FFSHM_HOOKS_H

#include "ffshm.h"
#include "image.h"
#include "store.h"

struct hooks {
    struct hooks *previous; /* the shorter list that this one replaced */
    size_t count;
    struct ffshm_hook hooks[FFSHM_HOOKS];
};

/* An evaluation with hooks, on the stack. */
struct hooked {
    const struct hooks *list; /* the same before and after */
    struct ffshm_hook_evaluation told;
    struct ffshm_view view; /* pinned by hooked_begin */
    struct ffshm_hook_data data[FFSHM_HOOKS];
    char environment_id[sizeof(((struct image_source_report *)0)->environment_id)];
};

/* Runs what is to run before. told.fallback_* are filled in, all else is not. */
void hooked_before(struct hooked *h, struct ffshm *ff, const char *flag,
                   const struct ffshm_context *c, const char *method);
/* Runs what is to run after. */
void hooked_after(struct hooked *h, const struct ffshm_result *result);

/* The two with the store's snapshot pinned between them. */
const struct snapshot *hooked_begin(struct hooked *h, struct ffshm *ff, const char *flag,
                                    const struct ffshm_context *c, const char *method);
void hooked_end(struct hooked *h, const struct ffshm_result *result);

/* Fallbacks as hooks are told of them. */
struct ffshm_hook_evaluation hooked_bool(bool fallback);
struct ffshm_hook_evaluation hooked_int(int64_t fallback);
struct ffshm_hook_evaluation hooked_double(double fallback);
struct ffshm_hook_evaluation hooked_string(const char *fallback);
struct ffshm_hook_evaluation hooked_json(const char *fallback);

/* Cold: there are hooks. */
void hooks_run_track(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                     const double *value, const char *json);

/* An event was tracked, whether or not anybody collects it. */
static inline void hooks_track(struct ffshm *ff, const char *event, const struct ffshm_context *c,
                               const double *value, const char *json)
{
    if (ff && __builtin_expect(store_hooked(ff), 0)) {
        hooks_run_track(ff, event, c, value, json);
    }
}

/* At ffshm_close. */
void hooks_free(struct ffshm *ff);

#endif
