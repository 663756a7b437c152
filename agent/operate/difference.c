#include "difference.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A path as a chain on the stack. */
struct step {
    const struct step *parent; /* NULL: the value itself */
    const char *name;          /* NULL: an element, by index */
    size_t index;
};

static void compare(json_t *found, const struct step *at, json_t *before, json_t *after);

/* In a pointer "~" is "~0", "/" is "~1". */
static void write_step(FILE *out, const struct step *at)
{
    if (!at) {
        return;
    }
    write_step(out, at->parent);
    fputc('/', out);
    if (!at->name) {
        fprintf(out, "%zu", at->index);
        return;
    }
    for (const char *c = at->name; *c; c++) {
        if (*c == '~' || *c == '/') {
            fputs(*c == '~' ? "~0" : "~1", out);
        } else {
            fputc(*c, out);
        }
    }
}

static json_t *pointer(const struct step *at)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        return NULL;
    }
    write_step(out, at);
    fclose(out);
    json_t *path = json_string(text);
    free(text);
    return path;
}

static void tell(json_t *found, const struct step *at, json_t *before, json_t *after)
{
    json_t *one = json_object();
    json_object_set_new(one, "path", pointer(at));
    if (before) {
        json_object_set(one, "before", before);
    }
    if (after) {
        json_object_set(one, "after", after);
    }
    json_array_append_new(found, one);
}

static void compare_objects(json_t *found, const struct step *at, json_t *before, json_t *after)
{
    const char *name;
    json_t *value;
    json_object_foreach(before, name, value)
    {
        compare(found, &(struct step){at, name, 0}, value, json_object_get(after, name));
    }
    json_object_foreach(after, name, value)
    {
        if (!json_object_get(before, name)) {
            compare(found, &(struct step){at, name, 0}, NULL, value);
        }
    }
}

/* How many elements are the same at their end, behind the first `from`. */
static size_t same_end(const json_t *before, const json_t *after, size_t from)
{
    const size_t a = json_array_size(before);
    const size_t b = json_array_size(after);
    size_t count = 0;
    while (
        count + from < a && count + from < b &&
        json_equal(json_array_get(before, a - 1 - count), json_array_get(after, b - 1 - count))) {
        count++;
    }
    return count;
}

/* What was put in or taken out in the middle is told, and not that all behind it has moved. */
static void compare_arrays(json_t *found, const struct step *at, json_t *before, json_t *after)
{
    const size_t a = json_array_size(before);
    const size_t b = json_array_size(after);
    size_t from = 0;
    while (a != b && from < a && from < b &&
           json_equal(json_array_get(before, from), json_array_get(after, from))) {
        from++;
    }
    const size_t end = a != b ? same_end(before, after, from) : 0;
    for (size_t i = from; i + end < a || i + end < b; i++) {
        compare(found, &(struct step){at, NULL, i}, i + end < a ? json_array_get(before, i) : NULL,
                i + end < b ? json_array_get(after, i) : NULL);
    }
}

static void compare(json_t *found, const struct step *at, json_t *before, json_t *after)
{
    if (json_array_size(found) >= DIFFERENCE_MOST) {
        return;
    }
    if (json_is_object(before) && json_is_object(after)) {
        compare_objects(found, at, before, after);
    } else if (json_is_array(before) && json_is_array(after)) {
        compare_arrays(found, at, before, after);
    } else if (!before || !after ? before != after : !json_equal(before, after)) {
        tell(found, at, before, after);
    }
}

json_t *difference(json_t *before, json_t *after)
{
    json_t *found = json_array();
    if (found) {
        compare(found, NULL, before, after);
    }
    return found;
}
