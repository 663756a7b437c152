/*
 * ctl_history.h - what the parts of `ffctl history` share: which versions of what are meant.
 */
#ifndef FFSHM_CTL_HISTORY_H
#define FFSHM_CTL_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"
#include "ctl_change.h"

/* What the command line asks for; borrowed from it. */
struct history {
    const char *key;
    bool segment;
    bool diff;
    int64_t version; /* to be shown; 0: all are listed */
    int64_t restore; /* to be put again; 0: none */
    int64_t limit;   /* of a list */
    struct change change;
};

/* "flag", "segment". */
const char *history_noun(const struct history *h);
/* "/flags/KEY" and what comes after it; malloc'ed, NULL: reported, no memory. */
char *history_path(const struct ctl *ctl, const struct history *h, const char *after);

/* All versions, or their differences. */
int history_list(const struct ctl *ctl, const struct history *h);

/* One version's definition. */
int history_show(const struct ctl *ctl, const struct history *h);
/* Puts one again, as a new version. */
int history_restore(const struct ctl *ctl, const struct history *h);

#endif
