/*
 * smaps.h - what memory a process has, by what it is for: from /proc/PID/smaps.
 */
#ifndef FFSHM_BENCH_SMAPS_H
#define FFSHM_BENCH_SMAPS_H

#include <stdbool.h>
#include <sys/types.h>

/* In bytes. */
struct smaps {
    double private;   /* anonymous: nobody else has it */
    double shared;    /* mapped of the store's files that all readers have in common */
    double telemetry; /* the process's own file in the store, whole: it is in memory */
    double resident;  /* everything, libraries too */
    double share;     /* the same with what n processes have in common as an n-th (PSS), and the
                         file in telemetry/ whole */
};

bool smaps_read(struct smaps *m, pid_t pid, const char *store);

#endif
