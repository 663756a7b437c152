/*
 * launchdarkly_store.h - LaunchDarkly's persistent store in Redis as the settings have it: the
 * source of definitions instead of LaunchDarkly ("daemon mode"), or where they are written to, and
 * followed from while LaunchDarkly is away.
 *
 * Only glue: source/redis_store and deliver/redis_store_sink, with what is kept and served.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_STORE_H
#define FFSHM_AGENT_LAUNCHDARKLY_STORE_H

#include <event2/event.h>

#include "config.h"
#include "launchdarkly_kept.h"
#include "launchdarkly_levels.h"

struct launchdarkly_store;

struct launchdarkly_store_owner {
    const struct config *config; /* borrowed, as the next three */
    struct pipeline *pipeline;
    struct launchdarkly_kept *kept;
    struct launchdarkly_levels *levels;
    /* The store was looked at, or cannot be: as redis_store.h has it. Of one that is followed only
       when something of it came into force. */
    void (*state)(void *arg, enum image_source_state state, enum image_source_error error,
                  const char *text, int64_t read_ms);
    /* Something of it came into force. whole: all that there is. */
    void (*taken)(void *arg, bool whole);
    /* Is anything of LaunchDarkly's in force? */
    bool (*serves)(void *arg);
    /* It was looked at, as was asked for. */
    void (*looked)(void *arg);
    void *arg;
};

/* What makes two stores two, for what is kept of them: "redis://host:6379/0 launchdarkly". -1:
   logged why. */
#define LAUNCHDARKLY_STORE_PLACE 512
int launchdarkly_store_place(const struct config *config, char text[LAUNCHDARKLY_STORE_PLACE]);

/* NULL: logged why. Nothing is asked before one of the next two. */
struct launchdarkly_store *launchdarkly_store_new(struct event_base *base,
                                                  const struct launchdarkly_store_owner *owner);
void launchdarkly_store_free(struct launchdarkly_store *s);

/* As a source. 0, -1: logged why. */
int launchdarkly_store_read(struct launchdarkly_store *s);
/* As a sink. 0, -1: logged why. */
int launchdarkly_store_write(struct launchdarkly_store *s);

/* Of a source: looks at it now. false: there is none, or it is away. */
bool launchdarkly_store_look(struct launchdarkly_store *s);

/* Of a sink. LaunchDarkly is away, or is back: then the store is not asked any more. */
void launchdarkly_store_follow(struct launchdarkly_store *s, bool away);
/* LaunchDarkly has sent a whole state; an item ("/flags/KEY"). Kept and in the pipeline already. */
void launchdarkly_store_whole(struct launchdarkly_store *s);
void launchdarkly_store_item(struct launchdarkly_store *s, const char *path, const char *json,
                             size_t length);
bool launchdarkly_store_idle(const struct launchdarkly_store *s);

struct launchdarkly_store_stats {
    bool reads, writes; /* which of the next is filled in */
    struct redis_store_stats read;
    struct redis_store_sink_stats written;
};
void launchdarkly_store_stats(const struct launchdarkly_store *s,
                              struct launchdarkly_store_stats *out);

#endif
