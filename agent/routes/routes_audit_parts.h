/*
 * routes_audit_parts.h - what the routes of the audit trail share. For routes_audit*.c.
 */
#ifndef FFSHM_AGENT_ROUTES_AUDIT_PARTS_H
#define FFSHM_AGENT_ROUTES_AUDIT_PARTS_H

#include "../admin/admin_answer.h"
#include "../admin/audit.h"
#include "routes_audit.h"

#define AUDIT_LISTS_MOST 256u /* at once, as those below */
#define AUDIT_EXPORTS_MOST 8u
#define AUDIT_VERIFICATIONS_MOST 8u

/* actor, action, target, from and to of a request, whose texts are copied. */
struct audit_filters {
    struct storage_audit_query query;
    char *texts[3]; /* NULL: not given */
};
/* 0, or -1 with *error; audit_filters_free either way. */
int audit_filters_take(struct audit_filters *f, const struct admin_request *r,
                       struct admin_error *error);
void audit_filters_free(struct audit_filters *f);
bool audit_filters_any(const struct audit_filters *f);

/* The newest entry, to be kept by somebody: a power failure does not take it back. 0, or -1 and
 *fault. Without a storage: number 0. */
int audit_newest_to_keep(struct routes_audit *a, struct audit_checkpoint *head,
                         struct fault *fault);

void audit_answer_fault(struct admin_answer *answer, const struct fault *fault);
void audit_answer_busy(struct admin_answer *answer);

/* The answer to GET /audit?format=ndjson. Takes the filters over. */
void audit_export(struct routes_audit *a, struct audit_filters *f, struct admin_answer *answer);
/* GET /audit/verify. */
admin_handler_fn audit_verify_all;

#endif
