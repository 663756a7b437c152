/*
 * ctl_narrate.h - an explained evaluation's steps as a tree for people.
 */
#ifndef FFSHM_CTL_NARRATE_H
#define FFSHM_CTL_NARRATE_H

#include "ctl.h"
#include "explain.h"

struct narrate_text {
    struct narrator narrator; /* first: what evaluate_narrated is given */
    const struct ctl *ctl;
    unsigned flags; /* begun and not served yet */
};

/* From now on its narrator prints: one indented line a step. */
void narrate_text_begin(struct narrate_text *n, const struct ctl *ctl);

#endif
