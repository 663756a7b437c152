/*
 * migration.h - an operation of a migration: what is known of it when its stage was evaluated.
 */
#ifndef FFSHM_MIGRATION_H
#define FFSHM_MIGRATION_H

#include "evaluate.h"
#include "ffshm.h"

/* Overwrites m. Copies out of the snapshot; borrows ff and c. stage and fallback are stages. */
void migration_begin(struct ffshm_migration *m, struct ffshm *ff, const char *flag,
                     const struct ffshm_context *c, int fallback, int stage,
                     const struct evaluation *e);

#endif
