/*
 * ctl_references.h - who refers to whom: prerequisites and segments that nobody defines, cycles,
 * and chains that are too long.
 */
#ifndef FFSHM_CTL_REFERENCES_H
#define FFSHM_CTL_REFERENCES_H

#include "ctl_findings.h"
#include "source/definitions.h"

/* Checks all items together. complete: every file could be read, so that what is not there is
   defined nowhere. */
void references_check(const struct definitions *definitions, bool complete, struct findings *f);

#endif
