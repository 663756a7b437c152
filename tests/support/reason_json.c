#include "reason_json.h"

#include <stdio.h>

json_t *reason_json(const struct ffshm_detail *d)
{
    json_t *reason = json_pack("{s:s}", "kind", ffshm_reason_name(d->reason));
    if (d->reason == FFSHM_REASON_ERROR) {
        json_object_set_new(reason, "errorKind", json_string(ffshm_error_kind(d->error)));
    }
    if (d->reason == FFSHM_REASON_RULE_MATCH) {
        json_object_set_new(reason, "ruleIndex", json_integer(d->rule_index));
        if (d->rule_id[0]) {
            json_object_set_new(reason, "ruleId", json_string(d->rule_id));
        }
    }
    if (d->prerequisite_key[0]) {
        json_object_set_new(reason, "prerequisiteKey", json_string(d->prerequisite_key));
    }
    if (d->in_experiment) {
        json_object_set_new(reason, "inExperiment", json_true());
    }
    if (d->big_segments != FFSHM_BIG_SEGMENTS_NONE) {
        json_object_set_new(reason, "bigSegmentsStatus",
                            json_string(ffshm_big_segments_name(d->big_segments)));
    }
    return reason;
}

json_t *reason_json_of_result(const struct ffshm_result *r)
{
    struct ffshm_detail d = {
        .reason = r->reason,
        .error = r->error,
        .rule_index = r->rule_index,
        .in_experiment = r->in_experiment,
        .big_segments = r->big_segments,
    };
    snprintf(d.rule_id, sizeof d.rule_id, "%s", r->rule_id);
    snprintf(d.prerequisite_key, sizeof d.prerequisite_key, "%s", r->prerequisite_key);
    return reason_json(&d);
}
