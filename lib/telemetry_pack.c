/*
 * telemetry_pack.c - writes payloads with msgpack-c's packer, of which only the inline part is
 * used: no allocation, and nothing to link.
 */
#include "telemetry_pack.h"

#include <math.h>
#include <string.h>

/* msgpack-c's headers are not clean under our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wshadow"
#include <msgpack/pack.h>
#pragma GCC diagnostic pop

#include "context.h"
#include "json_write.h"

static int append(void *data, const char *bytes, size_t count)
{
    struct telemetry_sink *sink = data;
    if (sink->length + count <= sink->capacity) {
        memcpy(sink->bytes + sink->length, bytes, count);
    }
    sink->length += count;
    return 0;
}

static msgpack_packer packer_of(struct telemetry_sink *sink)
{
    return (msgpack_packer){sink, append};
}

static void put_text(msgpack_packer *p, struct telemetry_text s)
{
    if (s.text) {
        msgpack_pack_str(p, s.length);
        msgpack_pack_str_body(p, s.text, s.length);
    } else {
        msgpack_pack_nil(p);
    }
}

static void put_string(msgpack_packer *p, const char *text)
{
    put_text(p, (struct telemetry_text){text, text ? strlen(text) : 0});
}

static void put_bool(msgpack_packer *p, bool value)
{
    if (value) {
        msgpack_pack_true(p);
    } else {
        msgpack_pack_false(p);
    }
}

static void put_index(msgpack_packer *p, int32_t index)
{
    if (index >= 0) {
        msgpack_pack_int32(p, index);
    } else {
        msgpack_pack_nil(p);
    }
}

/* Whole numbers as such: they take fewer bytes, and stay what they are. */
static void put_number(msgpack_packer *p, double number)
{
    if (number >= -0x1p53 && number <= 0x1p53 && (double)(int64_t)number == number) {
        msgpack_pack_int64(p, (int64_t)number);
    } else {
        msgpack_pack_double(p, number);
    }
}

/* ---- values of the caller's, as JSON text -------------------------------------------------- */

static void write_value(struct json_text *out, const struct telemetry_value *value)
{
    switch (value->type) {
    case TELEMETRY_BOOL:
        json_put(out, value->as.boolean ? "true" : "false", value->as.boolean ? 4 : 5);
        break;
    case TELEMETRY_INT:
        json_put_integer(out, value->as.integer);
        break;
    case TELEMETRY_NUMBER:
        json_put_number(out, value->as.number);
        break;
    case TELEMETRY_STRING:
        json_put_string(out, value->as.text, strlen(value->as.text));
        break;
    case TELEMETRY_JSON:
        json_put(out, value->as.text, strlen(value->as.text));
        break;
    case TELEMETRY_NO_VALUE:
        break;
    }
}

static bool is_there(const struct telemetry_value *value)
{
    return value->type != TELEMETRY_NO_VALUE &&
           ((value->type != TELEMETRY_STRING && value->type != TELEMETRY_JSON) || value->as.text);
}

static void put_value(msgpack_packer *p, struct telemetry_sink *sink,
                      const struct telemetry_value *value)
{
    if (!is_there(value)) {
        msgpack_pack_nil(p);
        return;
    }
    struct json_text out = {NULL, 0, 0};
    write_value(&out, value);
    if (out.length > TELEMETRY_VALUE_MOST) {
        msgpack_pack_nil(p);
        return;
    }
    const size_t length = out.length;
    msgpack_pack_str(p, length);
    if (sink->length + length <= sink->capacity) {
        out = (struct json_text){(char *)sink->bytes + sink->length, length, 0};
        write_value(&out, value);
    }
    sink->length += length;
}

/* JSON text that the image or the caller has. */
static void put_json(msgpack_packer *p, struct telemetry_text json)
{
    put_text(p, json.length <= TELEMETRY_VALUE_MOST ? json : (struct telemetry_text){NULL, 0});
}

/* ---- contexts ------------------------------------------------------------------------------ */

static void put_attribute(msgpack_packer *p, const struct ffshm_context *c, unsigned i)
{
    const uint32_t length = c->attributes[i].length;
    msgpack_pack_array(p, 2);
    put_text(p, (struct telemetry_text){c->attributes[i].name, c->attributes[i].name_length});
    switch (c->attributes[i].type) {
    case CONTEXT_BOOL:
        put_bool(p, c->attributes[i].value.number != 0);
        break;
    case CONTEXT_NUMBER:
        put_number(p, c->attributes[i].value.number);
        break;
    case CONTEXT_STRING:
        put_text(p, (struct telemetry_text){c->attributes[i].value.text, length});
        break;
    case CONTEXT_STRINGS:
        msgpack_pack_array(p, length);
        for (uint32_t n = 0; n < length; n++) {
            put_string(p, c->attributes[i].value.texts[n]);
        }
        break;
    case CONTEXT_JSON:
        msgpack_pack_bin(p, length);
        msgpack_pack_bin_body(p, c->attributes[i].value.text, length);
        break;
    default:
        msgpack_pack_nil(p);
        break;
    }
}

static void put_attributes(msgpack_packer *p, const struct ffshm_context *c, unsigned kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->attribute_count; i++) {
        count += c->attributes[i].kind == kind;
    }
    msgpack_pack_array(p, count);
    for (unsigned i = 0; i < c->attribute_count; i++) {
        if (c->attributes[i].kind == kind) {
            put_attribute(p, c, i);
        }
    }
}

/* A name, as the reference that means it: only one that begins with '/' is written in another
   way. */
static void put_literal(msgpack_packer *p, const char *name)
{
    const size_t plain = strlen(name);
    size_t length = plain + 1;
    for (const char *s = name; *s; s++) {
        length += *s == '~' || *s == '/';
    }
    if (name[0] != '/') {
        put_text(p, (struct telemetry_text){name, plain});
        return;
    }
    msgpack_pack_str(p, length);
    msgpack_pack_str_body(p, "/", 1);
    for (const char *s = name; *s; s++) {
        const char *const piece = *s == '~' ? "~0" : *s == '/' ? "~1" : s;
        msgpack_pack_str_body(p, piece, piece == s ? 1 : 2);
    }
}

static void put_privates(msgpack_packer *p, const struct ffshm_context *c, unsigned kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < c->private_count; i++) {
        count += (c->privates[i].kind & ~CONTEXT_PRIVATE_LITERAL) == kind;
    }
    msgpack_pack_array(p, count);
    for (unsigned i = 0; i < c->private_count; i++) {
        if (c->privates[i].kind == (kind | CONTEXT_PRIVATE_LITERAL)) {
            put_literal(p, c->privates[i].reference);
        } else if (c->privates[i].kind == kind) {
            put_string(p, c->privates[i].reference);
        }
    }
}

static void put_context(msgpack_packer *p, const struct ffshm_context *c)
{
    msgpack_pack_array(p, c->kind_count);
    for (unsigned i = 0; i < c->kind_count; i++) {
        msgpack_pack_array(p, 6);
        put_text(p, (struct telemetry_text){c->kinds[i].kind, c->kinds[i].kind_length});
        put_text(p, (struct telemetry_text){c->kinds[i].key, c->kinds[i].key_length});
        put_text(p, (struct telemetry_text){c->kinds[i].name, c->kinds[i].name_length});
        put_bool(p, c->kinds[i].anonymous);
        put_attributes(p, c, i);
        put_privates(p, c, i);
    }
}

/* ---- records ------------------------------------------------------------------------------- */

void telemetry_pack_context(struct telemetry_sink *sink, const void *what)
{
    const struct telemetry_context_record *r = what;
    msgpack_packer p = packer_of(sink);
    msgpack_pack_array(&p, 2);
    msgpack_pack_int64(&p, r->time_ms);
    put_context(&p, r->c);
}

void telemetry_pack_custom(struct telemetry_sink *sink, const void *what)
{
    const struct telemetry_custom_record *r = what;
    msgpack_packer p = packer_of(sink);
    msgpack_pack_array(&p, 5);
    msgpack_pack_int64(&p, r->time_ms);
    put_string(&p, r->event);
    put_text(&p, r->data);
    if (r->metric && isfinite(*r->metric)) {
        put_number(&p, *r->metric);
    } else {
        msgpack_pack_nil(&p);
    }
    put_context(&p, r->c);
}

void telemetry_pack_seen(struct telemetry_sink *sink, const void *what)
{
    const struct telemetry_seen_record *r = what;
    msgpack_packer p = packer_of(sink);
    msgpack_pack_array(&p, 4);
    put_text(&p, r->key);
    if (r->version) {
        msgpack_pack_int64(&p, *r->version);
    } else {
        msgpack_pack_nil(&p);
    }
    put_value(&p, sink, &r->fallback);
    msgpack_pack_array(&p, r->c->kind_count);
    for (unsigned i = 0; i < r->c->kind_count; i++) {
        put_text(&p, (struct telemetry_text){r->c->kinds[i].kind, r->c->kinds[i].kind_length});
    }
}

static void put_reason(msgpack_packer *p, const struct telemetry_reason *reason)
{
    if (!reason) {
        msgpack_pack_nil(p);
        return;
    }
    msgpack_pack_array(p, 7);
    msgpack_pack_int(p, reason->kind);
    msgpack_pack_int(p, reason->error);
    put_index(p, reason->rule_index);
    put_text(p, reason->rule_id);
    put_text(p, reason->prerequisite_key);
    put_bool(p, reason->in_experiment);
    msgpack_pack_int(p, reason->big_segments);
}

void telemetry_pack_evaluation(struct telemetry_sink *sink, const void *what)
{
    const struct telemetry_evaluation_record *r = what;
    msgpack_packer p = packer_of(sink);
    msgpack_pack_array(&p, 11);
    msgpack_pack_int64(&p, r->time_ms);
    put_text(&p, r->key);
    msgpack_pack_int64(&p, r->version);
    put_index(&p, r->variation);
    if (r->variation >= 0) {
        put_json(&p, r->value);
    } else {
        put_value(&p, sink, &r->fallback);
    }
    put_value(&p, sink, &r->fallback);
    put_text(&p, r->prerequisite_of);
    put_reason(&p, r->reason);
    msgpack_pack_int32(&p, r->sampling_ratio);
    msgpack_pack_int64(&p, r->debug_until_ms);
    put_context(&p, r->c);
}

static void put_latency(msgpack_packer *p, double ms)
{
    if (ms >= 0 && isfinite(ms)) {
        put_number(p, ms);
    } else {
        msgpack_pack_nil(p);
    }
}

static void put_measurements(msgpack_packer *p, const struct telemetry_migration *m)
{
    msgpack_pack_array(p, 6);
    msgpack_pack_unsigned_int(p, m->invoked);
    msgpack_pack_unsigned_int(p, m->errors);
    put_latency(p, m->latency_old_ms);
    put_latency(p, m->latency_new_ms);
    if (m->consistent >= 0) {
        put_bool(p, m->consistent > 0);
    } else {
        msgpack_pack_nil(p);
    }
    msgpack_pack_int32(p, m->check_ratio);
}

static struct telemetry_text if_any(const char *text)
{
    const bool any = text && *text;
    return (struct telemetry_text){any ? text : NULL, any ? strlen(text) : 0};
}

void telemetry_pack_migration(struct telemetry_sink *sink, const void *what)
{
    const struct telemetry_migration_record *r = what;
    const struct telemetry_migration *m = r->m;
    const struct telemetry_reason reason = {
        .kind = m->reason,
        .error = m->error,
        .big_segments = m->big_segments,
        .rule_index = m->rule_index,
        .rule_id = if_any(m->rule_id),
        .prerequisite_key = if_any(m->prerequisite_key),
        .in_experiment = m->in_experiment,
    };
    msgpack_packer p = packer_of(sink);
    msgpack_pack_array(&p, 11);
    msgpack_pack_int64(&p, r->time_ms);
    put_string(&p, m->flag);
    if (m->version >= 0) {
        msgpack_pack_int64(&p, m->version);
    } else {
        msgpack_pack_nil(&p);
    }
    put_index(&p, m->variation);
    put_string(&p, m->value);
    put_string(&p, m->fallback);
    put_reason(&p, &reason);
    msgpack_pack_int32(&p, m->sampling_ratio);
    put_string(&p, m->write ? "write" : "read");
    put_measurements(&p, m);
    put_context(&p, m->c);
}

void telemetry_pack_ask(struct telemetry_sink *sink, const void *what)
{
    const struct telemetry_text *key = what;
    msgpack_packer p = packer_of(sink);
    msgpack_pack_array(&p, 1);
    put_text(&p, *key);
}
