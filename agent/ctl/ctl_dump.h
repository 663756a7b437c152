/*
 * ctl_dump.h - ffctl snapshot dump: every flag and segment of one generation.
 */
#ifndef FFSHM_CTL_DUMP_H
#define FFSHM_CTL_DUMP_H

#include "ctl.h"
#include "ctl_files.h"

/* keys: the flags' keys alone, one a line. The snapshot is verified. Returns an exit code. */
int dump_snapshot(const struct ctl *ctl, const struct files_snapshot *s, bool keys);

#endif
