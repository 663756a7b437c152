/*
 * ctl_findings.h - what `ffctl lint` has found: faults and warnings, with their places.
 */
#ifndef FFSHM_CTL_FINDINGS_H
#define FFSHM_CTL_FINDINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "catalog/fault.h"
#include "catalog/model.h"

/* Of each severity, so that a generated file with one slip in each of its flags stays readable. */
#define FINDINGS_KEPT 1000

enum severity { SEVERITY_FAULT, SEVERITY_WARNING, SEVERITIES };

struct findings {
    struct fault *kept[SEVERITIES]; /* owned */
    size_t kept_count[SEVERITIES];
    size_t count[SEVERITIES];
    size_t capacity[SEVERITIES];
    bool no_memory;

    /* The file read last, for places and names in it. */
    char path[4096];
    char *text;
    size_t length;
    json_t *document; /* owned; NULL: it is not one */
    size_t searched;  /* bytes looked through for places so far */
};

/* A fault that is complete as it is. */
void findings_add(struct findings *f, enum severity severity, const struct fault *fault);

/* Something about an item; member is relative to it ("rules[0].clauses[1]"), in the model's terms.
   The place is looked up in the file that the item comes from. */
void findings_add_item(struct findings *f, enum severity severity, const struct model_item *item,
                       const char *member, const char *hint, const char *cause);

/* The item's definition as its native file has it, until another file is asked about; NULL: it does
   not come from a native file. */
const json_t *findings_native(struct findings *f, const struct model_item *item);

void findings_free(struct findings *f);

#endif
