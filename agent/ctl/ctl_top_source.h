/*
 * ctl_top_source.h - where ffctl top has its counts from: the store's telemetry, where this user
 * may read it; else the agent, which is asked.
 */
#ifndef FFSHM_CTL_TOP_SOURCE_H
#define FFSHM_CTL_TOP_SOURCE_H

#include <jansson.h>

#include "collect/rates.h"
#include "ctl.h"
#include "ffshm.h"

struct top_source {
    const struct ctl *ctl;
    const char *prefix;  /* NULL: all flags */
    bool fleet;          /* the agent is asked for what all hosts count */
    struct rates *rates; /* NULL: the agent is asked */
    struct ffshm *store; /* with rates */
};

/* CTL_OK, or reported and an exit code. top_source_close in any case. */
int top_source_open(struct top_source *s, const struct ctl *ctl, const char *prefix, bool fleet);
/* What was counted so far (collect/rates_json.h), or NULL: reported. */
json_t *top_source_read(struct top_source *s);
void top_source_close(struct top_source *s);

#endif
