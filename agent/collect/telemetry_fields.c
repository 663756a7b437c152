#include "telemetry_fields.h"

#include <math.h>
#include <msgpack/unpack.h>
#include <string.h>

#include "../storage/packed.h"
#include "telemetry_text.h"

#define EXACT_MOST 9007199254740992.0 /* 2^53: integral doubles up to it are exact */

bool telemetry_scratch_init(struct telemetry_scratch *s)
{
    s->text_used = 0;
    s->zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    return s->zone != NULL;
}

void telemetry_scratch_free(struct telemetry_scratch *s)
{
    if (s->zone) {
        msgpack_zone_free(s->zone);
        s->zone = NULL;
    }
}

struct telemetry_fields telemetry_fields(struct telemetry_scratch *s, const void *bytes,
                                         size_t length)
{
    msgpack_object root;
    size_t at = 0;
    s->text_used = 0;
    msgpack_zone_clear(s->zone);
    if (length > TELEMETRY_RECORD_MOST || !packed_is_sound(bytes, length) ||
        msgpack_unpack(bytes, length, &at, s->zone, &root) != MSGPACK_UNPACK_SUCCESS ||
        root.type != MSGPACK_OBJECT_ARRAY) {
        return (struct telemetry_fields){s, NULL, 0, true};
    }
    return (struct telemetry_fields){s, root.via.array.ptr, root.via.array.size, false};
}

/* ---- fields ------------------------------------------------------------------------------- */

const msgpack_object *telemetry_field(struct telemetry_fields *f)
{
    if (f->bad || f->left == 0) {
        f->bad = true;
        return NULL;
    }
    f->left--;
    return f->next++;
}

struct telemetry_fields telemetry_field_array(struct telemetry_fields *f, size_t least, size_t most)
{
    const msgpack_object *o = telemetry_field(f);
    if (!o || o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size < least ||
        o->via.array.size > most) {
        f->bad = true;
        return (struct telemetry_fields){f->scratch, NULL, 0, true};
    }
    return (struct telemetry_fields){f->scratch, o->via.array.ptr, o->via.array.size, false};
}

bool telemetry_field_bool(struct telemetry_fields *f)
{
    const msgpack_object *o = telemetry_field(f);
    if (!o || o->type != MSGPACK_OBJECT_BOOLEAN) {
        f->bad = true;
        return false;
    }
    return o->via.boolean;
}

static bool take_int(const msgpack_object *o, int64_t *out)
{
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *out = o->via.i64;
        return true;
    }
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX) {
        *out = (int64_t)o->via.u64;
        return true;
    }
    return false;
}

static int64_t int_of(struct telemetry_fields *f, const msgpack_object *o, int64_t least,
                      int64_t most)
{
    int64_t value;
    if (!o || !take_int(o, &value) || value < least || value > most) {
        f->bad = true;
        return least;
    }
    return value;
}

int64_t telemetry_field_int(struct telemetry_fields *f, int64_t least, int64_t most)
{
    return int_of(f, telemetry_field(f), least, most);
}

int64_t telemetry_field_int_or(struct telemetry_fields *f, int64_t least, int64_t most,
                               int64_t none)
{
    const msgpack_object *o = telemetry_field(f);
    return o && o->type == MSGPACK_OBJECT_NIL ? none : int_of(f, o, least, most);
}

static bool is_float(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_FLOAT32 || o->type == MSGPACK_OBJECT_FLOAT64;
}

bool telemetry_field_number(struct telemetry_fields *f, double *number)
{
    const msgpack_object *o = telemetry_field(f);
    if (!o || o->type == MSGPACK_OBJECT_NIL) {
        return false;
    }
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER) {
        *number = (double)o->via.u64;
    } else if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *number = (double)o->via.i64;
    } else if (is_float(o) && isfinite(o->via.f64)) {
        *number = o->via.f64;
    } else {
        f->bad = true;
    }
    return !f->bad;
}

static const char *text_of(struct telemetry_fields *f, const msgpack_object *o, size_t least,
                           size_t most)
{
    struct telemetry_scratch *const s = f->scratch;
    if (!o || o->type != MSGPACK_OBJECT_STR || o->via.str.size < least || o->via.str.size > most ||
        o->via.str.size >= sizeof s->text - s->text_used ||
        !telemetry_is_text(o->via.str.ptr, o->via.str.size)) {
        f->bad = true;
        return NULL;
    }
    char *const copy = s->text + s->text_used;
    memcpy(copy, o->via.str.ptr, o->via.str.size);
    copy[o->via.str.size] = '\0';
    s->text_used += o->via.str.size + 1;
    return copy;
}

const char *telemetry_field_text(struct telemetry_fields *f, size_t most)
{
    return text_of(f, telemetry_field(f), 1, most);
}

const char *telemetry_field_text_or_nil(struct telemetry_fields *f, size_t most)
{
    const msgpack_object *o = telemetry_field(f);
    return o && o->type == MSGPACK_OBJECT_NIL ? NULL : text_of(f, o, 0, most);
}

/* ---- JSON --------------------------------------------------------------------------------- */

/* Integers beyond 64 bits are read as jansson would read them with a fraction. */
static json_t *parse_json(const char *text, size_t length)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *const value = json_loadb(text, length, flags, NULL);
    return value ? value : json_loadb(text, length, flags | JSON_DECODE_INT_AS_REAL, NULL);
}

json_t *telemetry_field_json(struct telemetry_fields *f)
{
    const msgpack_object *o = telemetry_field(f);
    if (!o || o->type == MSGPACK_OBJECT_NIL) {
        return NULL;
    }
    json_t *const value =
        o->type == MSGPACK_OBJECT_STR ? parse_json(o->via.str.ptr, o->via.str.size) : NULL;
    f->bad = f->bad || !value;
    return value;
}

static json_t *number_value(double number)
{
    if (number == trunc(number) && fabs(number) <= EXACT_MOST) {
        return json_integer((json_int_t)number);
    }
    return json_real(number); /* NULL when it is not finite */
}

static json_t *strings_value(const msgpack_object_array *array)
{
    json_t *const list = json_array();
    for (uint32_t i = 0; list && i < array->size; i++) {
        const msgpack_object *o = &array->ptr[i];
        if (o->type != MSGPACK_OBJECT_STR ||
            json_array_append_new(list, json_stringn(o->via.str.ptr, o->via.str.size)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *telemetry_value(const msgpack_object *o)
{
    int64_t integer;
    json_t *json;
    switch (o->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return json_boolean(o->via.boolean);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return take_int(o, &integer) ? json_integer(integer) : json_real((double)o->via.u64);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return number_value(o->via.f64);
    case MSGPACK_OBJECT_STR:
        return json_stringn(o->via.str.ptr, o->via.str.size);
    case MSGPACK_OBJECT_ARRAY:
        return strings_value(&o->via.array);
    case MSGPACK_OBJECT_BIN:
        json = parse_json(o->via.bin.ptr, o->via.bin.size);
        if (json && !json_is_object(json) && !json_is_array(json)) {
            json_decref(json);
            return NULL;
        }
        return json;
    default:
        return NULL;
    }
}
