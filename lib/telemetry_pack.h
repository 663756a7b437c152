/*
 * telemetry_pack.h - the payloads of records, as telemetry_file.h lists them.
 *
 * Nothing here allocates. A fallback that is a fraction goes through snprintf, which in the libcs
 * that there are takes no lock and no memory for it.
 */
#ifndef FFSHM_TELEMETRY_PACK_H
#define FFSHM_TELEMETRY_PACK_H

#include "telemetry.h"

/* Where a payload goes. What does not fit is counted, not written. */
struct telemetry_sink {
    uint8_t *bytes;
    size_t capacity;
    size_t length; /* that the payload has so far, written or not */
};

typedef void telemetry_pack_fn(struct telemetry_sink *sink, const void *what);

struct telemetry_text {
    const char *text; /* NULL: nil */
    size_t length;
};

struct telemetry_reason {
    int kind;
    int error;
    int big_segments;
    int32_t rule_index; /* -1: nil */
    struct telemetry_text rule_id;
    struct telemetry_text prerequisite_key;
    bool in_experiment;
};

/* INDEX and IDENTIFY. */
struct telemetry_context_record {
    int64_t time_ms;
    const struct ffshm_context *c;
};
telemetry_pack_fn telemetry_pack_context;

struct telemetry_custom_record {
    int64_t time_ms;
    const char *event;
    struct telemetry_text data;
    const double *metric; /* NULL: nil */
    const struct ffshm_context *c;
};
telemetry_pack_fn telemetry_pack_custom;

struct telemetry_seen_record {
    struct telemetry_text key;
    const int64_t *version; /* NULL: nil */
    struct telemetry_value fallback;
    const struct ffshm_context *c;
};
telemetry_pack_fn telemetry_pack_seen;

struct telemetry_evaluation_record {
    int64_t time_ms;
    struct telemetry_text key;
    int64_t version;
    int32_t variation;           /* -1: nil */
    struct telemetry_text value; /* JSON; without one it is the fallback */
    struct telemetry_value fallback;
    struct telemetry_text prerequisite_of;
    const struct telemetry_reason *reason; /* NULL: nil */
    int32_t sampling_ratio;
    int64_t debug_until_ms;
    const struct ffshm_context *c;
};
telemetry_pack_fn telemetry_pack_evaluation;

/* ASK: a struct telemetry_text. */
telemetry_pack_fn telemetry_pack_ask;

struct telemetry_migration_record {
    int64_t time_ms;
    const struct telemetry_migration *m;
};
telemetry_pack_fn telemetry_pack_migration;

#endif
