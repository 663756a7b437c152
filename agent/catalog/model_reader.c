#include "model_reader.h"

#include <stdlib.h>
#include <string.h>

#include "document.h"

struct chunk {
    struct chunk *next;
    size_t used;
    size_t capacity;
    _Alignas(max_align_t) uint8_t bytes[];
};

struct model_arena {
    struct chunk *chunks;
};

#define CHUNK_BYTES 960

struct model_arena *model_arena_new(void)
{
    return calloc(1, sizeof(struct model_arena));
}

void model_arena_free(struct model_arena *arena)
{
    if (!arena) {
        return;
    }
    for (struct chunk *c = arena->chunks; c;) {
        struct chunk *const next = c->next;
        free(c);
        c = next;
    }
    free(arena);
}

static void *arena_take(struct model_arena *arena, size_t bytes)
{
    const size_t align = _Alignof(max_align_t);
    const size_t rounded = (bytes + align - 1) & ~(align - 1);
    struct chunk *c = arena->chunks;
    if (!c || c->capacity - c->used < rounded) {
        const size_t capacity = rounded > CHUNK_BYTES ? rounded : CHUNK_BYTES;
        c = malloc(sizeof(*c) + capacity);
        if (!c) {
            return NULL;
        }
        c->next = arena->chunks;
        c->used = 0;
        c->capacity = capacity;
        arena->chunks = c;
    }
    void *const taken = c->bytes + c->used;
    c->used += rounded;
    memset(taken, 0, rounded);
    return taken;
}

void model_read_fault(struct model_reader *r, const struct member *where, const char *hint,
                      const char *cause)
{
    if (r->failed) {
        return;
    }
    char text[MEMBER_TEXT];
    member_text(where, text, sizeof(text));
    fault_set(r->fault, text, hint, "%s", cause);
    r->failed = true;
}

static void wrong_type(struct model_reader *r, const struct member *where, const char *wanted,
                       const json_t *value)
{
    if (r->failed) {
        return;
    }
    char text[MEMBER_TEXT];
    member_text(where, text, sizeof(text));
    fault_set(r->fault, text, "", "must be %s, not %s", wanted, document_type_name(value));
    r->failed = true;
}

/* The member, or NULL when it is absent or null. */
static json_t *given(const struct model_reader *r, const json_t *object, const char *name)
{
    json_t *const value = r->failed ? NULL : json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

bool model_read_bool(struct model_reader *r, const struct member *where, const json_t *object,
                     const char *name, bool fallback)
{
    const json_t *const value = given(r, object, name);
    if (!value) {
        return fallback;
    }
    if (!json_is_boolean(value)) {
        wrong_type(r, &(struct member){where, name, 0}, "a boolean", value);
        return fallback;
    }
    return json_is_true(value);
}

int64_t model_read_integer(struct model_reader *r, const struct member *where, const json_t *object,
                           const char *name, int64_t fallback, bool *present)
{
    const json_t *const value = given(r, object, name);
    if (present) {
        *present = value != NULL;
    }
    if (!value) {
        return fallback;
    }
    if (json_is_integer(value)) {
        return json_integer_value(value);
    }
    const struct member place = {where, name, 0};
    if (!json_is_real(value)) {
        wrong_type(r, &place, "an integer", value);
        return fallback;
    }
    const double number = json_real_value(value);
    /* 2^63 is a double, INT64_MAX is not; the comparison is also false for NaN. */
    if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0)) {
        model_read_fault(r, &place, "", "is out of the range of 64-bit integers");
        return fallback;
    }
    const int64_t integer = (int64_t)number;
    if ((double)integer < number || (double)integer > number) {
        model_read_fault(r, &place, "write a whole number", "must be an integer");
        return fallback;
    }
    return integer;
}

struct model_string model_read_string(struct model_reader *r, const struct member *where,
                                      const json_t *object, const char *name)
{
    const json_t *const value = given(r, object, name);
    if (!value) {
        return (struct model_string){NULL, 0};
    }
    if (!json_is_string(value)) {
        wrong_type(r, &(struct member){where, name, 0}, "a string", value);
        return (struct model_string){NULL, 0};
    }
    return (struct model_string){json_string_value(value), json_string_length(value)};
}

struct model_string model_read_name(struct model_reader *r, const struct member *where,
                                    const json_t *object, const char *name)
{
    const struct model_string s = model_read_string(r, where, object, name);
    if (s.text && memchr(s.text, '\0', s.length)) {
        model_read_fault(r, &(struct member){where, name, 0}, "remove \\u0000",
                         "must not contain a NUL character");
    }
    return s;
}

json_t *model_read_object(struct model_reader *r, const struct member *where, const json_t *object,
                          const char *name)
{
    json_t *const value = given(r, object, name);
    if (value && !json_is_object(value)) {
        wrong_type(r, &(struct member){where, name, 0}, "an object", value);
        return NULL;
    }
    return value;
}

json_t *model_read_array(struct model_reader *r, const struct member *where, const json_t *object,
                         const char *name)
{
    json_t *const value = given(r, object, name);
    if (value && !json_is_array(value)) {
        wrong_type(r, &(struct member){where, name, 0}, "a list", value);
        return NULL;
    }
    return value;
}

json_t *model_read_strings(struct model_reader *r, const struct member *where, const json_t *object,
                           const char *name)
{
    json_t *const array = model_read_array(r, where, object, name);
    const struct member list = {where, name, 0};
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *const element = json_array_get(array, i);
        if (!json_is_string(element)) {
            wrong_type(r, &(struct member){&list, NULL, i}, "a string", element);
            return NULL;
        }
    }
    return array;
}

void *model_read_allocate(struct model_reader *r, size_t count, size_t size)
{
    if (r->failed || count == 0) {
        return NULL;
    }
    void *const taken = count <= IMAGE_MAX_FILE / size ? arena_take(r->arena, count * size) : NULL;
    if (!taken) {
        model_read_fault(r, NULL, "", "not enough memory");
    }
    return taken;
}

void *model_read_elements(struct model_reader *r, const struct member *where, const json_t *object,
                          const char *name, size_t size, model_read_fn *read, size_t *count)
{
    *count = 0;
    const json_t *const array = model_read_array(r, where, object, name);
    const size_t n = json_array_size(array);
    uint8_t *const elements = model_read_allocate(r, n, size);
    if (!elements) {
        return NULL;
    }
    const struct member list = {where, name, 0};
    for (size_t i = 0; i < n && !r->failed; i++) {
        const struct member place = {&list, NULL, i};
        const json_t *const element = json_array_get(array, i);
        if (!json_is_object(element)) {
            wrong_type(r, &place, "an object", element);
            return NULL;
        }
        read(r, &place, element, elements + i * size);
    }
    *count = n;
    return elements;
}
