/*
 * ctl_audit.h - what the verbs of ffctl audit share.
 */
#ifndef FFSHM_CTL_AUDIT_H
#define FFSHM_CTL_AUDIT_H

#include "admin/audit.h"
#include "ctl.h"
#include "ctl_moment.h"

/* The options, as the command line has them; borrowed from it. */
enum audit_option {
    AUDIT_LIMIT,
    AUDIT_AFTER,
    AUDIT_ACTOR,
    AUDIT_ACTION,
    AUDIT_TARGET,
    AUDIT_FROM,
    AUDIT_TO, /* up to here those of a query */
    AUDIT_OUTPUT,
    AUDIT_CHECKPOINT,
    AUDIT_FILE,
    AUDIT_STATE,
    AUDIT_OPTIONS
};

struct audit_question {
    const char *verb;                   /* NULL: list */
    const char *options[AUDIT_OPTIONS]; /* NULL: not given */
    struct audit_checkpoint known;      /* of AUDIT_CHECKPOINT; number 0: none */
    char times[2][MOMENT_TEXT];         /* AUDIT_FROM and AUDIT_TO, as the agent takes them */
};

/* "/audit?actor=ann&..." of what was given, malloc'ed; NULL: no memory. first: "format=ndjson", or
   NULL. */
char *audit_path(const struct audit_question *q, const char *first);

/* The verbs. Return an enum ctl_exit. */
int audit_export_to(const struct ctl *ctl, const struct audit_question *q);
int audit_verify_it(const struct ctl *ctl, const struct audit_question *q);

/* " 12 entries; head 12:HASH". */
void audit_print_count(uint64_t entries, const struct audit_checkpoint *head);

#endif
