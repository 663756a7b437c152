/*
 * model.h - a flag or segment in LaunchDarkly's terms: the one language that the compiler knows.
 *
 * Parsed from LaunchDarkly's JSON (native definitions are lowered to that JSON first), plus three
 * additions of ours: the operators `exists` and `bucketBelow`, and the member "ffshm" beside the
 * others, {"variants": [key or null per variation], "tags": [...], "autoVersion": true}. Unknown
 * members are ignored; a member of the wrong JSON type is a fault. Malformed but well-typed data
 * (an index out of range, a bad attribute reference) is kept: it is evaluated to MALFORMED_FLAG, as
 * LaunchDarkly's SDKs do.
 */
#ifndef FFSHM_AGENT_MODEL_H
#define FFSHM_AGENT_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "image.h"

/* All strings and values are borrowed from the item's json, which the item owns a reference of.
   Strings may contain NUL only where a length is given. */

struct model_string {
    const char *text; /* NULL: absent */
    size_t length;
};

struct model_clause {
    struct model_string context_kind; /* absent or "": old-style, attribute is a literal name and
                                         the kind is user */
    struct model_string attribute;
    struct model_string op;
    json_t *values; /* array, may be NULL */
    bool negate;
};

struct model_weighted {
    int64_t variation;
    int64_t weight; /* of 100000 */
    bool untracked;
};

struct model_rollout {
    bool experiment;
    struct model_string context_kind;
    struct model_string bucket_by;
    bool has_seed;
    int64_t seed;
    struct model_weighted *variations;
    size_t variation_count;
};

struct model_serve {
    bool has_variation;
    int64_t variation;
    bool has_rollout;
    struct model_rollout rollout;
};

struct model_rule {
    struct model_string id;
    struct model_serve serve;
    struct model_clause *clauses;
    size_t clause_count;
    bool track_events;
};

struct model_target {
    struct model_string context_kind;
    int64_t variation;
    json_t *values; /* array of strings */
};

struct model_prerequisite {
    struct model_string key;
    int64_t variation;
    struct model_string variant; /* absent, or its key: whoever compiles the flag looks up its
                                    variation in the other flag as that is in force */
};

struct model_flag {
    bool on;
    struct model_string salt;
    json_t *variations; /* array */
    bool has_off_variation;
    int64_t off_variation;
    struct model_serve fallthrough;
    struct model_prerequisite *prerequisites;
    size_t prerequisite_count;
    struct model_target *targets;
    size_t target_count;
    struct model_target *context_targets;
    size_t context_target_count;
    struct model_rule *rules;
    size_t rule_count;
    bool track_events, track_events_fallthrough, client_side_id, mobile_key, exclude_from_summaries;
    bool has_migration;
    int64_t migration_check_ratio;
    int64_t debug_until_ms; /* 0: none */
    int64_t sampling_ratio; /* default 1 */
    json_t *variants;       /* ffshm.variants or NULL */
    json_t *tags;           /* ffshm.tags or NULL */
};

struct model_segment_rule {
    struct model_string id;
    struct model_clause *clauses;
    size_t clause_count;
    bool has_weight;
    int64_t weight;
    struct model_string bucket_by;
    struct model_string rollout_context_kind;
};

struct model_segment {
    struct model_string salt;
    json_t *included, *excluded; /* arrays of strings, may be NULL */
    struct model_target *included_contexts, *excluded_contexts;
    size_t included_context_count, excluded_context_count;
    struct model_segment_rule *rules;
    size_t rule_count;
    bool unbounded;
    struct model_string unbounded_context_kind;
    bool has_generation;
    int64_t generation;
};

struct model_item {
    enum image_blob_kind kind; /* IMAGE_FLAG or IMAGE_SEGMENT */
    struct model_string key;   /* the outer key */
    int64_t version;
    bool auto_version; /* the version is no part of the content, nor of digests; where none is
                          stated, the agent counts changes */
    bool deleted;      /* a tombstone: the rest is not filled in */
    bool overridden;   /* what override_apply has made of it; never in what model_parse gives */
    struct model_string provenance; /* owned */
    json_t *json;
    union {
        struct model_flag flag;
        struct model_segment segment;
    } as;
    struct model_arena *arena; /* owns the arrays */
    struct model_item *next;   /* for whoever owns it, in a list */
};

/* Parses one flag or segment. `key` is the name under which it came (NULL: take the inner "key").
   provenance is copied. NULL and *fault on bad input (fault->member is relative to the item:
   "rules[0].clauses[1].op"). */
struct model_item *model_parse(enum image_blob_kind kind, const char *key, json_t *json,
                               const char *provenance, struct fault *fault);
void model_free(struct model_item *item);

#endif
