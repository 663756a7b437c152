/*
 * model_references.h - what a flag or segment refers to: prerequisites, and segments in its rules.
 */
#ifndef FFSHM_AGENT_MODEL_REFERENCES_H
#define FFSHM_AGENT_MODEL_REFERENCES_H

#include "model.h"

struct model_reference {
    enum image_blob_kind kind; /* of what is referred to */
    const char *key;           /* NUL-terminated; never NULL */
    size_t length;
    const struct model_prerequisite *prerequisite; /* NULL: it is a segment, in a rule's clause */
    size_t at;                                     /* of the prerequisite, or of the rule */
    size_t clause;                                 /* of the rule */
    size_t value;                                  /* of the clause */
};
typedef void model_reference_fn(void *arg, const struct model_reference *reference);

/* In the order in which they are written, repetitions included. */
void model_references(const struct model_item *item, model_reference_fn *fn, void *arg);

#endif
