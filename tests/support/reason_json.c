#include "reason_json.h"

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
    return reason;
}
