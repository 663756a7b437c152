/*
 * migration.h - an operation of a migration: what is known of it when its stage was evaluated.
 */
#ifndef FFSHM_MIGRATION_H
#define FFSHM_MIGRATION_H

#include "ffshm.h"
#include "image.h"

/* Overwrites m. Copies out of the snapshot; borrows ff and c. stage and fallback are stages. found:
   the flag; NULL: there is none. */
void migration_begin(struct ffshm_migration *m, struct ffshm *ff, const char *key,
                     const struct ffshm_context *c, int fallback, int stage,
                     const struct image_flag *found, const struct ffshm_result *result);

#endif
