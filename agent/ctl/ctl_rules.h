/*
 * ctl_rules.h - the parts of `ffctl rules`.
 */
#ifndef FFSHM_CTL_RULES_H
#define FFSHM_CTL_RULES_H

#include <jansson.h>

#include "ctl.h"

ctl_run_fn rules_add;

/* [{"place", "name", "if": [conditions in a line each], "rule"}]. A new list; NULL: no memory. */
json_t *rules_describe(const json_t *rules);

/* Puts a rule, which is taken over, at a place ("0" is the first; NULL: the end). CTL_OK, or
   reported. */
int rules_insert(const struct ctl *ctl, json_t *rules, const char *place, json_t *rule);

#endif
