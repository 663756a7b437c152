/*
 * inspect_narrate.h - an explained evaluation's steps as JSON objects, with commas between them:
 * {"depth", "step", ...}.
 */
#ifndef FFSHM_AGENT_INSPECT_NARRATE_H
#define FFSHM_AGENT_INSPECT_NARRATE_H

#include <stdbool.h>
#include <stdio.h>

#include "explain.h"

struct narration {
    struct narrator narrator; /* first: what evaluate_narrated is given */
    FILE *out;
    bool any; /* a step was written */
};

/* From now on its narrator writes to out. */
void narration_begin(struct narration *n, FILE *out);

/* Tells the narrator the steps of what ffshm_evaluate has answered; of a flag that is not there, or
   an invalid context, there are none. */
void narrate(const struct ffshm_view *view, const char *flag, const struct ffshm_context *who,
             struct narrator *narrator);

/* Evaluates, and writes the object of `ffctl explain`: the members of the result, and "steps".
   fallback: JSON text; NULL: null. Returns the result. */
struct ffshm_result narrate_object(FILE *out, const struct ffshm_view *view, const char *flag,
                                   const struct ffshm_context *who, const char *fallback,
                                   size_t fallback_length);

#endif
