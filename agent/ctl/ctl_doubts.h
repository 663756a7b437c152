/*
 * ctl_doubts.h - what the compiler accepts without a word, but hardly anybody can mean.
 */
#ifndef FFSHM_CTL_DOUBTS_H
#define FFSHM_CTL_DOUBTS_H

#include "catalog/model.h"
#include "ctl_findings.h"

/* Adds the warnings about one flag or segment. */
void doubts_check(const struct model_item *item, struct findings *f);

#endif
