/*
 * rates_json.h - what rates.h has counted, as the API and `ffctl top` tell it.
 */
#ifndef FFSHM_AGENT_RATES_JSON_H
#define FFSHM_AGENT_RATES_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "ffshm.h"
#include "rates.h"

/* Whose counts are told? */
struct rates_filter {
    const char *prefix;                                                       /* NULL: any key */
    bool (*shows)(void *arg, const struct ffshm_view *view, const char *key); /* NULL: all */
    void *arg;
};

/* {"elapsedMs", "processes", "unreadable", "cut", "evaluations", "items": [{"flag", "evaluations",
   "variations": [{"variation", "variant", "count"}], "unknown"}]}, by key; counts that are 0 are
   left out. variation null: the caller's fallback. Variants are called as in the view.
   "evaluations" is of the items. NULL: no memory. */
json_t *rates_json(const struct rates *r, const struct ffshm_view *view,
                   const struct rates_filter *filter);

/* Of two such answers what happened between them: {"intervalMs", "processes", "unreadable", "cut",
   "rate", "items": [{"flag", "count", "rate", "variations": [{"variation", "variant", "count",
   "rate", "share"}], "unknown"}]}, rates a second, of flags that were evaluated. before NULL, or of
   another "sinceMs": from the beginning of `after`. The most often evaluated first, or by_flag: by
   key. NULL: no memory. */
json_t *rates_between(const json_t *before, const json_t *after, bool by_flag);

#endif
