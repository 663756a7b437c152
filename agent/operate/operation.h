/*
 * operation.h - what somebody does to what is served, as one step: compiled, stored with its audit
 * entries in one durable transaction, published; or not done at all.
 */
#ifndef FFSHM_AGENT_OPERATION_H
#define FFSHM_AGENT_OPERATION_H

#include "../admin/admin_error.h"
#include "../admin/admin_token.h"
#include "../pipeline_change.h"
#include "../storage/state_file.h"
#include "../storage/storage_admin.h"

/* What operations work on; borrowed. */
struct operations {
    struct pipeline *pipeline;
    struct publisher *publisher;
    struct state_file *state;
};

struct operation {
    /* The steps of an open change (pipeline_change.h). 0, or -1 with *error. */
    int (*apply)(void *arg, struct pipeline *pipeline, struct admin_error *error);
    /* Its rows and audit entries, within the transaction. digest: of the snapshot that comes of it.
       0, or -1 with *error. */
    int (*keep)(void *arg, struct storage *s, const char *digest, struct admin_error *error);
    void *arg;
};

#define OPERATION_DIGEST 33 /* 32 hexadecimal digits and a NUL */

struct operation_outcome {
    char digest[OPERATION_DIGEST]; /* of the snapshot that comes of it */
    bool changes;                  /* it is another one than what is published */
    uint64_t generation;           /* that is published now */
    bool proposed;                 /* the fleet is to agree on it: it is not in force yet */
};

/* Runs it; dry_run: only *outcome. 0: stored, and the next evaluation in every process of the host
   sees it. -1 with *error: nothing has changed. 1 with *error (503, "publish_failed"): stored, and
   published as soon as that is possible. */
int operation_run(const struct operations *o, const struct operation *operation, bool dry_run,
                  struct operation_outcome *outcome, struct admin_error *error);

/* 0, or -1 with *error (503, "no_storage"): there is no state file to keep anything in. */
int operation_can_keep(const struct operations *o, struct admin_error *error);

/* An entry for audit_append: of a change, about `target`; before and after may be NULL. */
struct storage_audit operation_entry(const struct admin_change *change, const char *target,
                                     const char *before, const char *after, const char *digest);

#endif
