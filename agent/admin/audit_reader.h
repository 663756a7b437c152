/*
 * audit_reader.h - the trail's entries that match a query, told in steps: however long the trail is
 * and however few match, a step holds the loop for about ADMIN_WORK_STEP_US (admin_work.h), or for
 * one large entry.
 */
#ifndef FFSHM_AGENT_AUDIT_READER_H
#define FFSHM_AGENT_AUDIT_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "../storage/storage_admin.h"

struct audit_reader {
    struct storage_audit_query query; /* its `after` moves on */
    int64_t newest;
    bool done; /* all was told */
};

/* query: its texts must stay; limit and until are not looked at. newest: forward, nothing beyond
   that number is told; 0: all. Numbers begin with 1: what is below was written by nobody, and
   audit_verify says so. */
void audit_reader_begin(struct audit_reader *r, const struct storage_audit_query *query,
                        int64_t newest);

/* Tells some more. fn returns 0 to take the entry; else the step ends, and fn's result is returned:
   the next one tells that entry again. 0: go on unless r->done; -1 and *fault. */
int audit_reader_step(struct audit_reader *r, struct storage *s, storage_audit_fn *fn, void *arg,
                      struct fault *fault);

#endif
