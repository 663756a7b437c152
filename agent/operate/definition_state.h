/*
 * definition_state.h - definitions as they are kept: one version with all that is known of it, and
 * all that are in force.
 */
#ifndef FFSHM_AGENT_DEFINITION_STATE_H
#define FFSHM_AGENT_DEFINITION_STATE_H

#include "definition.h"

struct definition_state {
    int64_t version; /* 0: there is nothing; else the rest is filled in */
    enum storage_came came;
    json_t *body; /* owned; NULL when deleted */
    int64_t changed_ms;
    char *changed_by; /* owned, as the reason */
    char *reason;     /* NULL: none */
    int64_t audit;
};
/* version 0: what is kept at present (put or archived); s NULL: nothing is. 0, also when there is
   nothing; or -1 with *fault. definition_state_free either way. */
int definition_state_get(struct storage *s, enum storage_kind kind, const char *key,
                         int64_t version, struct definition_state *state, struct fault *fault);
/* Of a row that storage tells. 0 or -1 with *fault; definition_state_free either way. */
int definition_state_of(const struct storage_definition *row, struct definition_state *state,
                        struct fault *fault);
void definition_state_free(struct definition_state *state);

/* All that are in force, lowered. */
struct definitions_kept {
    struct model_item **items; /* owned, as the array */
    size_t count;
    size_t room;
    size_t ignored; /* that could not be lowered: logged */
};
/* -1: not all of them could be read; logged. */
int definitions_kept_load(struct storage *s, struct definitions_kept *kept);

#endif
