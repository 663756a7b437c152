#include "operation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../log.h"

static void digest_text(const uint64_t digest[2], char text[OPERATION_DIGEST])
{
    snprintf(text, OPERATION_DIGEST, "%016" PRIx64 "%016" PRIx64, digest[1], digest[0]);
}

static int compile(const struct operations *o, struct operation_outcome *outcome,
                   struct admin_error *error)
{
    struct publisher_stats published;
    struct fault fault = {0};
    uint64_t digest[2];
    if (pipeline_change_compile(o->pipeline, digest, &fault) != 0) {
        *error = (struct admin_error){503, "compile_failed", fault};
        return -1;
    }
    publisher_stats(o->publisher, &published);
    outcome->changes = memcmp(digest, published.digest, sizeof published.digest) != 0;
    outcome->generation = published.generation;
    digest_text(digest, outcome->digest);
    return 0;
}

static int store(const struct operations *o, const struct operation *operation, const char *digest,
                 struct admin_error *error)
{
    struct fault fault = {0};
    struct storage *s = state_file_make(o->state, &fault);
    if (!s || storage_begin_durable(s, &fault) != 0) {
        return admin_error_not_stored(error, &fault);
    }
    if (operation->keep(operation->arg, s, digest, error) != 0) {
        storage_rollback(s);
        return -1;
    }
    if (storage_commit(s, &fault) != 0) {
        storage_rollback(s);
        return admin_error_not_stored(error, &fault);
    }
    return 0;
}

static int publish(const struct operations *o, struct operation_outcome *outcome,
                   struct admin_error *error)
{
    struct publisher_stats published;
    struct fault fault = {0};
    if (pipeline_change_publish(o->pipeline, &fault) != 0) {
        char text[400];
        fault_text(&fault, text, sizeof text);
        admin_error_set(error, 503, "publish_failed", NULL, NULL,
                        "it is stored, and is published as soon as that is possible: %s", text);
        return 1;
    }
    publisher_stats(o->publisher, &published);
    outcome->generation = published.generation;
    return 0;
}

int operation_run(const struct operations *o, const struct operation *operation, bool dry_run,
                  struct operation_outcome *outcome, struct admin_error *error)
{
    outcome->proposed = false;
    if (operation_can_keep(o, error) != 0) {
        return -1;
    }
    if (pipeline_change_begin(o->pipeline) != 0) {
        return admin_error_set(error, 503, "too_busy", NULL, "try again",
                               "another change is under way");
    }
    if (operation->apply(operation->arg, o->pipeline, error) != 0 ||
        compile(o, outcome, error) != 0 ||
        (!dry_run && store(o, operation, outcome->digest, error) != 0)) {
        pipeline_change_undo(o->pipeline);
        return -1;
    }
    outcome->proposed = !dry_run && state_file_proposes(o->state);
    if (dry_run || outcome->proposed) {
        pipeline_change_undo(o->pipeline);
        return 0;
    }
    return publish(o, outcome, error);
}

int operation_can_keep(const struct operations *o, struct admin_error *error)
{
    return state_file_keeps(o->state)
               ? 0
               : admin_error_set(error, 503, "no_storage", NULL,
                                 "give the agent a state file (setting state)",
                                 "there is nothing to keep a change in");
}

struct storage_audit operation_entry(const struct admin_change *change, const char *target,
                                     const char *before, const char *after, const char *digest)
{
    return (struct storage_audit){
        .time_ms = change->time_ms,
        .actor = change->actor,
        .authenticated = change->authenticated,
        .action = change->action,
        .target = target,
        .before = before,
        .after = after,
        .reason = change->reason,
        .digest = digest,
    };
}
