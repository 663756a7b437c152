/*
 * condition_text.h - a native condition in one line, as people type it:
 *
 *     country in US, CA             org:plan equals premium      email exists
 *     age >= 18                     version semver less than 2.4 not in segment staff, beta
 *
 * [KIND:]ATTRIBUTE OPERATOR VALUE. The operators are those of docs/definitions.md, with spaces or
 * hyphens in place of "_", and = != < <= > >=. A value is a number, true or false where it reads as
 * one, and a text otherwise; lists have commas. JSON's quotes make a text of anything: "5", "a, b".
 */
#ifndef FFSHM_AGENT_CONDITION_TEXT_H
#define FFSHM_AGENT_CONDITION_TEXT_H

#include <jansson.h>

#include "fault.h"

/* {"kind", "attribute", "operator", "value"} of a text; what the values may be is checked as far as
   it is for the operator to say. A new reference; NULL and *fault. */
json_t *condition_text_read(const char *text, struct fault *fault);

/* What condition_text_read reads back as the same; of what is no condition, its JSON. malloc'ed;
   NULL: no memory. */
char *condition_text_write(const json_t *condition);

#endif
