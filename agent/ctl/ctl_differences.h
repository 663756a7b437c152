/*
 * ctl_differences.h - what the API tells as "diff", for people.
 */
#ifndef FFSHM_CTL_DIFFERENCES_H
#define FFSHM_CTL_DIFFERENCES_H

#include <jansson.h>

#include "ctl.h"

/* Prints [{"path", "before", "after"}], a line each, indented by two: "/enabled: false -> true",
   "/tags/2: + "beta"", "/rules/0: - {...}"; of an object that has come or gone as a whole a line
   for each member. Long values and many lines are cut, which is said. What others wrote cannot
   command the terminal. NULL, or no array: nothing. */
void differences_print(const struct ctl *ctl, const json_t *diff);

#endif
