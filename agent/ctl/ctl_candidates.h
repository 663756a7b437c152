/*
 * ctl_candidates.h - what there is on this host to choose from: keys of flags and segments,
 * variants, generations, versions, dated changes, files, tokens.
 */
#ifndef FFSHM_CTL_CANDIDATES_H
#define FFSHM_CTL_CANDIDATES_H

#include "ctl.h"

/* Offers what a word in capitals of ctl_options.h means; what cannot be found out is not offered.
 */
void candidates_offer(struct ctl *ctl, const char *kind);

#endif
