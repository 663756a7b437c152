#include "telemetry_json.h"

#include <string.h>

#include "ffshm.h"
#include "telemetry_text.h"

#define OLD 1
#define NEW 2

/* Sets a member, whose reference it takes. A NULL value, and no memory, make f bad. */
static void set(struct telemetry_fields *f, json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) != 0) {
        f->bad = true;
    }
}

/* value, or NULL when something was wrong with it. */
static json_t *unless_bad(struct telemetry_fields *f, json_t *value)
{
    if (value && !f->bad) {
        return value;
    }
    f->bad = true;
    json_decref(value);
    return NULL;
}

/* ---- context ------------------------------------------------------------------------------ */

static bool is_reserved(const char *name)
{
    return strcmp(name, "kind") == 0 || strcmp(name, "key") == 0 || strcmp(name, "name") == 0 ||
           strcmp(name, "anonymous") == 0 || strcmp(name, "_meta") == 0;
}

static void read_attributes(struct telemetry_fields *f, json_t *one)
{
    struct telemetry_fields all = telemetry_field_array(f, 0, FFSHM_CONTEXT_ATTRIBUTES);
    while (all.left > 0 && !f->bad) {
        struct telemetry_fields pair = telemetry_field_array(&all, 2, SIZE_MAX);
        const char *const name = telemetry_field_text(&pair, UINT16_MAX);
        const msgpack_object *const value = telemetry_field(&pair);
        if (!value || is_reserved(name)) {
            f->bad = true;
        } else if (value->type != MSGPACK_OBJECT_NIL) { /* null is the same as missing */
            set(f, one, name, telemetry_value(value));
        }
    }
}

static void read_privates(struct telemetry_fields *f, json_t *one)
{
    struct telemetry_fields all = telemetry_field_array(f, 0, FFSHM_CONTEXT_PRIVATE);
    if (all.left == 0) {
        return;
    }
    json_t *const list = json_array();
    json_t *const meta = json_object();
    if (!meta || json_object_set(meta, "privateAttributes", list) != 0) {
        f->bad = true;
    }
    while (all.left > 0 && !f->bad) {
        const char *const reference = telemetry_field_text(&all, UINT16_MAX);
        if (!reference || json_array_append_new(list, json_string(reference)) != 0) {
            f->bad = true;
        }
    }
    json_decref(list);
    set(f, one, "_meta", meta);
}

/* [kind, key, name, anonymous, attributes, privates] */
static json_t *read_kind(struct telemetry_fields *f, const char **kind)
{
    struct telemetry_fields one = telemetry_field_array(f, 6, SIZE_MAX);
    json_t *const object = json_object();
    *kind = telemetry_field_text(&one, UINT16_MAX);
    if (!object || !*kind || !telemetry_is_kind(*kind, strlen(*kind))) {
        f->bad = true;
        json_decref(object);
        return NULL;
    }
    const char *const key = telemetry_field_text_or_nil(&one, TELEMETRY_RECORD_MOST);
    const char *const name = telemetry_field_text_or_nil(&one, TELEMETRY_RECORD_MOST);
    set(&one, object, "key", key ? json_string(key) : NULL);
    if (name) {
        set(&one, object, "name", json_string(name));
    }
    if (telemetry_field_bool(&one)) {
        set(&one, object, "anonymous", json_true());
    }
    read_attributes(&one, object);
    read_privates(&one, object);
    f->bad = f->bad || one.bad;
    return unless_bad(f, object);
}

static json_t *single_context(struct telemetry_fields *kinds)
{
    const char *kind;
    json_t *const object = read_kind(kinds, &kind);
    if (object) {
        set(kinds, object, "kind", json_string(kind));
    }
    return object;
}

static json_t *multi_context(struct telemetry_fields *kinds)
{
    json_t *const multi = json_object();
    set(kinds, multi, "kind", json_string("multi"));
    while (kinds->left > 0 && !kinds->bad) {
        const char *kind;
        json_t *const one = read_kind(kinds, &kind);
        if (one && json_object_get(multi, kind)) {
            kinds->bad = true;
            json_decref(one);
        } else if (one) {
            set(kinds, multi, kind, one);
        }
    }
    return multi;
}

json_t *telemetry_context(struct telemetry_fields *f)
{
    struct telemetry_fields kinds = telemetry_field_array(f, 1, FFSHM_CONTEXT_KINDS);
    if (kinds.bad) {
        return NULL;
    }
    json_t *const context = kinds.left == 1 ? single_context(&kinds) : multi_context(&kinds);
    f->bad = f->bad || kinds.bad;
    return unless_bad(f, context);
}

/* ---- reason ------------------------------------------------------------------------------- */

static const char *error_kind(int64_t error)
{
    const char *const kind = ffshm_error_kind((int)error);
    return *kind ? kind : ffshm_error_kind(FFSHM_EXCEPTION);
}

/* [kind, error, rule index, rule id, prerequisite key, in experiment, big segments] */
static json_t *read_reason(struct telemetry_fields *f, const msgpack_object *o)
{
    struct telemetry_fields whole = {f->scratch, o, 1, false};
    struct telemetry_fields r = telemetry_field_array(&whole, 7, SIZE_MAX);
    const int64_t kind = telemetry_field_int(&r, 0, FFSHM_REASON_PREREQUISITE_FAILED);
    const int64_t error = telemetry_field_int(&r, 0, INT16_MAX);
    const int64_t rule = telemetry_field_int_or(&r, 0, INT32_MAX, -1);
    const char *const rule_id = telemetry_field_text_or_nil(&r, TELEMETRY_RECORD_MOST);
    const char *const prerequisite = telemetry_field_text_or_nil(&r, TELEMETRY_RECORD_MOST);
    const bool in_experiment = telemetry_field_bool(&r);
    const int64_t big = telemetry_field_int(&r, 0, FFSHM_BIG_SEGMENTS_NOT_CONFIGURED);
    json_t *const reason = json_object();
    set(&r, reason, "kind", json_string(ffshm_reason_name((int)kind)));
    if (kind == FFSHM_REASON_ERROR) {
        set(&r, reason, "errorKind", json_string(error_kind(error)));
    }
    if (rule >= 0) {
        set(&r, reason, "ruleIndex", json_integer(rule));
    }
    if (rule_id && *rule_id) {
        set(&r, reason, "ruleId", json_string(rule_id));
    }
    if (prerequisite) {
        set(&r, reason, "prerequisiteKey", json_string(prerequisite));
    }
    if (in_experiment) {
        set(&r, reason, "inExperiment", json_true());
    }
    if (big != FFSHM_BIG_SEGMENTS_NONE) {
        set(&r, reason, "bigSegmentsStatus", json_string(ffshm_big_segments_name((int)big)));
    }
    f->bad = f->bad || r.bad;
    return unless_bad(f, reason);
}

json_t *telemetry_reason(struct telemetry_fields *f)
{
    const msgpack_object *const o = telemetry_field(f);
    return o && o->type != MSGPACK_OBJECT_NIL ? read_reason(f, o) : NULL;
}

/* ---- measurements ------------------------------------------------------------------------- */

static json_t *add_measurement(struct telemetry_fields *f, json_t *list, const char *key)
{
    json_t *const one = json_object();
    set(f, one, "key", json_string(key));
    if (json_array_append_new(list, one) != 0) {
        f->bad = true;
        return NULL;
    }
    return one;
}

/* {"key": key, "values": {"old": true}} for the origins in the mask. */
static void add_origins(struct telemetry_fields *f, json_t *list, const char *key, int64_t mask)
{
    json_t *const values = json_object();
    if (mask & OLD) {
        set(f, values, "old", json_true());
    }
    if (mask & NEW) {
        set(f, values, "new", json_true());
    }
    set(f, add_measurement(f, list, key), "values", values);
}

static void read_latencies(struct telemetry_fields *f, json_t *list, int64_t invoked)
{
    static const char *const names[] = {"old", "new"};
    json_t *const values = json_object();
    for (int i = 0; i < 2; i++) {
        const msgpack_object *const o = telemetry_field(f);
        if (o && o->type != MSGPACK_OBJECT_NIL) {
            const bool number = o->type != MSGPACK_OBJECT_BOOLEAN && o->type != MSGPACK_OBJECT_STR;
            json_t *const latency = number ? telemetry_value(o) : NULL;
            f->bad = f->bad || !json_is_number(latency) || !(invoked & (i == 0 ? OLD : NEW));
            set(f, values, names[i], latency);
        }
    }
    if (json_object_size(values) > 0) {
        set(f, add_measurement(f, list, "latency_ms"), "values", values);
    } else {
        f->bad = f->bad || !values;
        json_decref(values);
    }
}

/* [invoked, errors, latency old, latency new, consistent, check ratio] */
json_t *telemetry_measurements(struct telemetry_fields *f)
{
    struct telemetry_fields m = telemetry_field_array(f, 6, SIZE_MAX);
    const int64_t invoked = telemetry_field_int(&m, OLD, OLD | NEW);
    const int64_t errors = telemetry_field_int(&m, 0, OLD | NEW);
    json_t *const list = json_array();
    m.bad = m.bad || (errors & ~invoked) != 0;
    add_origins(&m, list, "invoked", invoked);
    read_latencies(&m, list, invoked);
    if (errors) {
        add_origins(&m, list, "error", errors);
    }
    const msgpack_object *const consistent = telemetry_field(&m);
    const int64_t ratio = telemetry_field_int_or(&m, INT64_MIN, INT64_MAX, 1);
    if (consistent && consistent->type != MSGPACK_OBJECT_NIL) {
        json_t *const one = add_measurement(&m, list, "consistent");
        const bool is_bool = consistent->type == MSGPACK_OBJECT_BOOLEAN;
        m.bad = m.bad || !is_bool || invoked != (OLD | NEW);
        set(&m, one, "value", json_boolean(is_bool && consistent->via.boolean));
        set(&m, one, "samplingRatio", json_integer(ratio));
    }
    f->bad = f->bad || m.bad;
    return unless_bad(f, list);
}
