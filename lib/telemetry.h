/*
 * telemetry.h - telling the agent: what the other parts of the library call.
 */
#ifndef FFSHM_TELEMETRY_H
#define FFSHM_TELEMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "ffshm.h"

/* One migration operation (telemetry_file.h: MIGRATION). Everything is borrowed for the call. */
struct telemetry_migration {
    const struct ffshm_context *c;
    const char *flag;             /* its key */
    int64_t version;              /* 0: there is no such flag */
    int32_t variation;            /* -1: the fallback was served */
    const char *value;            /* JSON text */
    const char *fallback;         /* JSON text */
    int32_t sampling_ratio;       /* drawn by telemetry_migration: 1 always, 0 and less never */
    int reason;                   /* enum ffshm_reason */
    int error;                    /* enum ffshm_error */
    int big_segments;             /* enum ffshm_big_segments */
    int32_t rule_index;           /* -1: none */
    const char *rule_id;          /* NULL or "": none */
    const char *prerequisite_key; /* NULL or "": none */
    bool in_experiment;
    bool write;            /* the operation: a write; else a read */
    unsigned invoked;      /* 1: old, 2: new */
    unsigned errors;       /* the same bits */
    double latency_old_ms; /* negative: not measured */
    double latency_new_ms;
    int consistent; /* 0 or 1; -1: not compared */
    int32_t check_ratio;
};

/* Records it. true: it is in the ring, or the sampling left it out; false: nobody collects events,
   the context is invalid, or there is no room (counted). Async-signal-safe as an evaluation is. */
bool telemetry_migration(struct ffshm *ff, const struct telemetry_migration *m);

#endif
