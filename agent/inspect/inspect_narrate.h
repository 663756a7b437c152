/*
 * inspect_narrate.h - an explained evaluation as JSON: one text for `ffctl explain --json` and the
 * API.
 */
#ifndef FFSHM_AGENT_INSPECT_NARRATE_H
#define FFSHM_AGENT_INSPECT_NARRATE_H

#include <stdbool.h>
#include <stdio.h>

#include "explain.h"

struct narrate_question {
    const char *flag;
    const struct ffshm_context *who;
    const char *fallback; /* JSON text; NULL: null */
    size_t fallback_length;
    /* May the steps inside this flag or segment be told? NULL: of all. Those that may not become
       one step, "hidden". */
    bool (*shows)(void *arg, const struct image_blob *blob);
    void *arg;
};

/* Tells the narrator the steps of what ffshm_evaluate has answered; of a flag that is not there, or
   an invalid context, there are none. */
void narrate(const struct ffshm_view *view, const char *flag, const struct ffshm_context *who,
             struct narrator *narrator);

/* Evaluates, and writes {"flag", the members of the result, "steps": [{"depth", "step", ...}]}.
   Once the stream refuses to take more, nothing more is written. Returns the result. */
struct ffshm_result narrate_object(FILE *out, const struct ffshm_view *view,
                                   const struct narrate_question *q);

#endif
