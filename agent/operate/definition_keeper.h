/*
 * definition_keeper.h - the definitions that operators write: kept with all their versions, and in
 * force above those of every other source.
 */
#ifndef FFSHM_AGENT_DEFINITION_KEEPER_H
#define FFSHM_AGENT_DEFINITION_KEEPER_H

#include <jansson.h>

#include "definition.h"
#include "operation.h"

#define DEFINITIONS_MOST 100000u
#define DEFINITION_EDITS_MOST 20000u /* in one change */

struct definition_keeper;

/* operations is copied. NULL: no memory. */
struct definition_keeper *definition_keeper_new(const struct operations *operations);
void definition_keeper_free(struct definition_keeper *k);

/* What is kept is in force with what is published next: before the sources' first load. What cannot
   be is logged. */
void definition_keeper_load(struct definition_keeper *k);
/* The same of one that came into the state file by others; and of all of it. */
void definition_keeper_renew(struct definition_keeper *k, enum storage_kind kind, const char *key);
void definition_keeper_reload(struct definition_keeper *k);
/* That are in force. */
size_t definition_keeper_count(const struct definition_keeper *k);

/* ---- changing it ---------------------------------------------------------------------------- */

struct definition_edit {
    enum storage_kind kind;
    const char *key;
    enum storage_came came;
    json_t *body;       /* borrowed; NULL when deleted */
    json_t *schedule;   /* the changes to come, as a list in files; NULL: as they are. What is
                           archived   or deleted has none */
    int64_t due;        /* the scheduled change that it is, and that is over with it; 0: none */
    const char *action; /* for the audit: "flag.update" */
};

struct definition_change {
    const struct definition_edit *edits;
    size_t count;
    const struct admin_change *by; /* without action and target */
    bool
        lenient; /* what is named and is nowhere is let be: of something that was in force before */
    /* What is stored in the same transaction besides; NULL: nothing. 0, or -1 with *error. */
    int (*also)(void *arg, struct storage *s, struct admin_error *error);
    void *arg;
};

struct definition_outcome {
    struct operation_outcome operation;
    int64_t version;  /* of the first edit, then */
    bool same;        /* everything is as it was already, and nothing was done */
    json_t *affected; /* keys of flags (references_affected), owned */
    size_t at;        /* of what is refused: the edit at fault, if it is of one */
};

/* As operation_run. The outcome is the caller's to free (json_decref of affected) in any case. */
int definition_keeper_change(struct definition_keeper *k, const struct definition_change *change,
                             bool dry_run, struct definition_outcome *outcome,
                             struct admin_error *error);

/* Called after each change that stored something: schedules may be others. */
void definition_keeper_on_stored(struct definition_keeper *k, void (*fn)(void *arg), void *arg);

#endif
