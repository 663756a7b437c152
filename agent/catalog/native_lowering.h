/*
 * native_lowering.h - the parts of the lowering: a flag's rules, its states in time, segments, and
 * what definitions say about each other.
 */
#ifndef FFSHM_AGENT_NATIVE_LOWERING_H
#define FFSHM_AGENT_NATIVE_LOWERING_H

#include "native_reader.h"

#define NATIVE_MAX_VARIANTS 1000u
#define NATIVE_MAX_CHANGES 100u /* in one flag's schedule */
#define NATIVE_WHOLE 100000     /* the weight of 100 % */

/* One scheduled change, with the place where its members are written. */
struct native_change {
    int64_t at_ms;
    json_t *set;
    struct member schedule, element, place;
};

/* A flag's members at one moment. */
struct native_flag {
    struct native *n;
    const char *key;
    json_t *members;
    const struct member *where; /* the flag */
    const struct native_change *changes;
    json_t *changed_by;    /* member -> index of the change that set it; NULL: none did */
    bool current;          /* false: a later moment, lowered only to see that it can be */
    json_t *variants;      /* the list, as written */
    json_t *keys;          /* its keys; owned */
    json_t *indexes;       /* key -> place among them; owned */
    int64_t default_index; /* -1: none */
    json_t *seed;          /* NULL: none */
};

/* What holds the member: the flag, or the "set" of the change that wrote it last. */
const struct member *native_holder(const struct native_flag *f, const char *name);

/* NULL and a fault, or a new object. */
json_t *native_lower_flag(struct native *n, const char *key, json_t *definition);
json_t *native_lower_state(struct native_flag *f);
json_t *native_lower_segment(struct native *n, const char *key, json_t *definition);

/* Everything that a person may write in a flag but "schedule". */
extern const char *const native_flag_members[];

/* The index of the variant that `name` names; -1 and a fault that lists the variants. */
int64_t native_variant(const struct native_flag *f, const struct member *where, const json_t *name);

/* "targeting_rules", lowered. */
json_t *native_rules(struct native_flag *f);

/* Puts {"variation"} or {"rollout"} into target: weights are {"variation", "weight"} objects, taken
   over, that add up to sum; the rest goes to the default variant. where: who says so. */
void native_serve(struct native_flag *f, const struct member *where, json_t *target,
                  json_t *weights, int64_t sum, json_t *kind, json_t *bucket_by);

json_t *native_weighted(struct native *n, int64_t variation, int64_t weight);

/* Puts an attribute (NULL: none) under `name`, and the kind when it is needed: LaunchDarkly reads
   an attribute as a literal name unless a kind stands beside it. */
void native_put_attribute(struct native *n, json_t *target, const char *kind_name, json_t *kind,
                          const char *name, json_t *attribute);

/* "conditions" of a rule, lowered to clauses. default_kind may be NULL. */
json_t *native_conditions(struct native *n, const struct member *where, const json_t *rule,
                          json_t *default_kind, const char *segment);

/* ---- references between definitions -------------------------------------------------------- */

struct native_reference {
    bool segment; /* from segment to segment, else from flag to flag */
    const char *from;
    const json_t *to;
    json_t *variant; /* flags: what must be served */
    json_t *lowered; /* flags: the prerequisite to complete; NULL: a later moment's */
    size_t index;    /* of the prerequisite in its list */
    int64_t change;  /* the scheduled change that the list is from, -1: none */
};

void native_refer(struct native *n, struct native_reference reference);

/* Fills in the prerequisites' variation indexes and finds cycles. flags: what was lowered. */
void native_check_references(struct native *n, const json_t *flags);

#endif
