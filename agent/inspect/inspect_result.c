#include "inspect_result.h"

#include "inspect_emit.h"

static void emit_reason(FILE *out, const struct ffshm_result *result)
{
    emit_text(out, "{\"kind\":");
    emit_quoted(out, ffshm_reason_name(result->reason));
    if (result->reason == FFSHM_REASON_RULE_MATCH) {
        emit_text(out, ",\"ruleIndex\":");
        emit_signed(out, result->rule_index);
        if (result->rule_id[0] != '\0') {
            emit_text(out, ",\"ruleId\":");
            emit_quoted(out, result->rule_id);
        }
    }
    if (result->reason == FFSHM_REASON_PREREQUISITE_FAILED) {
        emit_text(out, ",\"prerequisiteKey\":");
        emit_quoted(out, result->prerequisite_key);
    }
    if (result->in_experiment) {
        emit_text(out, ",\"inExperiment\":true");
    }
    if (result->reason == FFSHM_REASON_ERROR) {
        emit_text(out, ",\"errorKind\":");
        emit_quoted(out, ffshm_error_kind(result->error));
    }
    if (result->big_segments != FFSHM_BIG_SEGMENTS_NONE) {
        emit_text(out, ",\"bigSegmentsStatus\":");
        emit_quoted(out, ffshm_big_segments_name(result->big_segments));
    }
    emit_text(out, "}");
}

void result_members(FILE *out, const struct ffshm_result *result, const char *fallback,
                    size_t fallback_length)
{
    emit_text(out, "\"value\":");
    if (result->variation >= 0) {
        emit_json(out, result->json, result->json_length);
        emit_text(out, ",\"variation\":");
        emit_signed(out, result->variation);
    } else {
        if (fallback) {
            emit_compact(out, fallback, fallback_length);
        } else {
            emit_text(out, "null");
        }
        emit_text(out, ",\"variation\":null");
    }
    emit_text(out, ",\"variant\":");
    if (result->variation >= 0 && result->variant[0] != '\0') {
        emit_quoted(out, result->variant);
    } else {
        emit_text(out, "null");
    }
    emit_text(out, ",\"reason\":");
    emit_reason(out, result);
    emit_text(out, ",\"version\":");
    emit_signed(out, result->flag_version);
    emit_text(out, ",\"generation\":");
    emit_unsigned(out, result->generation);
}

void result_object(FILE *out, const char *flag, const struct ffshm_result *result,
                   const char *fallback, size_t fallback_length, const char *override)
{
    emit_text(out, "{\"flag\":");
    emit_quoted(out, flag);
    emit_text(out, ",");
    result_members(out, result, fallback, fallback_length);
    if (override) {
        emit_text(out, ",\"override\":");
        emit_quoted(out, override);
    }
    emit_text(out, "}");
}
