/*
 * ctl_conditions.h - --if CONDITION, of commands that make rules.
 */
#ifndef FFSHM_CTL_CONDITIONS_H
#define FFSHM_CTL_CONDITIONS_H

#include <jansson.h>

#include "ctl.h"

#define CONDITIONS_HELP                                                                            \
    "  --if CONDITION\n"                                                                           \
    "              ATTRIBUTE OPERATOR VALUE; several must all be met:\n"                           \
    "                  country in US, CA            plan equals premium   age >= 18\n"             \
    "                  email ends with @example.com email not exists      beta = true\n"           \
    "                  version semver less than 2.4 org:plan = pro        in segment staff\n"      \
    "              operators are those of docs/definitions.md, and = != < <= > >=; org: is\n"      \
    "              the kind of context; numbers, true and false are such, quotes make texts\n"     \
    "              of them: zip = \"1234\"\n"

/* Adds a condition to the rule's. CTL_OK, or reported. */
int conditions_add(const struct ctl *ctl, json_t *rule, const char *text);

#endif
