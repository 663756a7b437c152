/*
 * ctl_token.h - what the commands of ffctl tokens share; those of them that tell a secret.
 */
#ifndef FFSHM_CTL_TOKEN_H
#define FFSHM_CTL_TOKEN_H

#include <jansson.h>

#include "ctl.h"

/* A word: the id of a token. CTL_OK, or reported: there is one already. */
int token_take_id(const struct ctl *ctl, const char **id);
int token_need_id(const struct ctl *ctl); /* reports that there is none */

/* The API's description of a token for people, a line for each member; the secret first, if it is
   there. */
void token_print(const json_t *body);

ctl_run_fn token_create;
ctl_run_fn token_rotate;

#endif
