/* A JSON tree as compact text. jansson's own writer prints 17 digits of every double, in the
   process's locale. */
#include "document.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_events.h"

/* Trees come from document_parse, or from jansson's parser, which stops at 2048. */
#define DUMP_MAX_DEPTH 2048u

struct text {
    char *bytes;
    size_t length;
    size_t capacity;
    bool failed;
};

static char *reserve(struct text *out, size_t more)
{
    if (out->failed || more > SIZE_MAX / 2 - out->length) {
        out->failed = true;
        return NULL;
    }
    if (out->length + more > out->capacity) {
        const size_t need = out->length + more;
        const size_t capacity = need > out->capacity * 2 ? need : out->capacity * 2;
        char *grown = realloc(out->bytes, capacity);
        if (grown == NULL) {
            out->failed = true;
            return NULL;
        }
        out->bytes = grown;
        out->capacity = capacity;
    }
    return out->bytes + out->length;
}

static void put(struct text *out, const char *bytes, size_t length)
{
    char *at = reserve(out, length);
    if (at != NULL) {
        memcpy(at, bytes, length);
        out->length += length;
    }
}

static void put_escape(struct text *out, unsigned char byte)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* character, letter */
    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if ((unsigned char)named[i] == byte) {
            const char escape[2] = {'\\', named[i + 1]};
            put(out, escape, sizeof escape);
            return;
        }
    }
    char escape[8];
    (void)snprintf(escape, sizeof escape, "\\u%04x", byte);
    put(out, escape, 6);
}

static void put_string(struct text *out, const char *string, size_t length)
{
    put(out, "\"", 1);
    size_t done = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned char byte = (unsigned char)string[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            put(out, string + done, i - done);
            put_escape(out, byte);
            done = i + 1;
        }
    }
    put(out, string + done, length - done);
    put(out, "\"", 1);
}

static void put_integer(struct text *out, json_int_t value)
{
    char digits[32];
    const int length = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, value);
    put(out, digits, (size_t)length);
}

static void put_real(struct text *out, double value)
{
    char digits[DOCUMENT_REAL_CAPACITY];
    const size_t length = document_write_real(value, digits);
    put(out, digits, length);
}

static void put_value(struct text *out, const json_t *value, unsigned depth);

static void put_array(struct text *out, const json_t *array, unsigned depth)
{
    const size_t size = json_array_size(array);
    put(out, "[", 1);
    for (size_t i = 0; i < size; i++) {
        put(out, ",", i > 0);
        put_value(out, json_array_get(array, i), depth + 1);
    }
    put(out, "]", 1);
}

static void put_object(struct text *out, const json_t *value, unsigned depth)
{
    json_t *object = (json_t *)(uintptr_t)value; /* iterating does not change it */
    put(out, "{", 1);
    bool first = true;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        put(out, ",", !first);
        first = false;
        put_string(out, json_object_iter_key(i), json_object_iter_key_len(i));
        put(out, ":", 1);
        put_value(out, json_object_iter_value(i), depth + 1);
    }
    put(out, "}", 1);
}

/* Recursion: at most DUMP_MAX_DEPTH. */
static void put_value(struct text *out, const json_t *value, unsigned depth)
{
    if (value == NULL || depth > DUMP_MAX_DEPTH) {
        out->failed = true;
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(out, value, depth);
        break;
    case JSON_ARRAY:
        put_array(out, value, depth);
        break;
    case JSON_STRING:
        put_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        put_integer(out, json_integer_value(value));
        break;
    case JSON_REAL:
        put_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        put(out, "true", 4);
        break;
    case JSON_FALSE:
        put(out, "false", 5);
        break;
    case JSON_NULL:
        put(out, "null", 4);
        break;
    }
}

char *document_dump(const json_t *value, size_t *length)
{
    struct text out = {0};
    put_value(&out, value, 0);
    put(&out, "", 1);
    if (out.failed) {
        free(out.bytes);
        return NULL;
    }
    if (length != NULL) {
        *length = out.length - 1;
    }
    return out.bytes;
}
