/*
 * ctl_narrate.h - an explained evaluation's steps, as a tree for people or as JSON objects.
 */
#ifndef FFSHM_CTL_NARRATE_H
#define FFSHM_CTL_NARRATE_H

#include "ctl.h"
#include "explain.h"

struct narrate {
    struct narrator narrator; /* first: what evaluate_narrated is given */
    const struct ctl *ctl;
    bool any;       /* a step was printed */
    unsigned flags; /* begun and not served yet */
};

/* One indented line a step. */
void narrate_text(struct narrator *self, const struct explain_step *step);
/* One JSON object a step, with commas between them. */
void narrate_json(struct narrator *self, const struct explain_step *step);

/* "rule", "clause", ...: the step's name in JSON. */
const char *narrate_name(enum explain_kind kind);

#endif
