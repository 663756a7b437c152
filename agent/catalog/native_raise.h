/*
 * native_raise.h - LaunchDarkly's flags and segments -> native definitions: the way back of the
 * lowering, for who moves from there.
 *
 * What comes out gives every context the same variation and value for the same reason, percentages
 * included (the salt comes along); or it does not come out, and it is said why. What does not show
 * in an evaluation is noted: what is told to LaunchDarkly of it, who may see it in a browser,
 * versions.
 */
#ifndef FFSHM_AGENT_NATIVE_RAISE_H
#define FFSHM_AGENT_NATIVE_RAISE_H

#include <jansson.h>

#include "fault.h"

struct native_raised {
    json_t *document; /* {"ffshm": 1, "flags": {...}, "segments": {...}} */
    json_t *refused;  /* [{"kind": "flag", "key", "reason"}] */
    json_t *noted;    /* [{"kind", "key", "note"}] */
};

/* Of a document in LaunchDarkly's format: "flags", "flagValues" and "segments". 0, or -1 with
 *fault: it is none, or no memory. native_raised_free either way. */
int native_raise(const json_t *document, struct native_raised *raised, struct fault *fault);
void native_raised_free(struct native_raised *raised);

#endif
