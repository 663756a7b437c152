/* context_select.c - reading attributes out of a context, for the evaluator. See context.h. */
#include <string.h>

#include "context.h"
#include "context_build.h"
#include "json.h"
#include "snapshot.h"

static const struct context_value missing = {.type = CONTEXT_MISSING};

static struct context_value text_value(uint32_t type, const char *text, size_t length)
{
    struct context_value v = {.type = type, .length = (uint32_t)length};
    v.as.text = text;
    return v;
}

static struct context_value number_value(uint32_t type, double number)
{
    return (struct context_value){.type = type, .as.number = number};
}

struct context_value context_of_json(const struct json_slice *json, char *scratch,
                                     size_t scratch_size)
{
    const char *text;
    size_t length;
    switch (json->type) {
    case JSON_TRUE:
    case JSON_FALSE:
        return number_value(CONTEXT_BOOL, json->type == JSON_TRUE ? 1 : 0);
    case JSON_NUMBER:
        return number_value(CONTEXT_NUMBER, json_number(json));
    case JSON_STRING:
        if (!json_string(json, scratch, scratch_size, &text, &length)) {
            return missing;
        }
        return text_value(CONTEXT_STRING, text, length);
    case JSON_ARRAY:
    case JSON_OBJECT:
        return text_value(CONTEXT_JSON, json->text, json->length);
    default:
        return missing;
    }
}

static struct json_slice container(const struct context_value *v)
{
    return (struct json_slice){*v->as.text == '{' ? JSON_OBJECT : JSON_ARRAY, v->as.text,
                               v->length};
}

/* Steps through objects only: an index into an array is a name that no array has. */
static struct context_value select_path(const struct context_value *root, const void *blob,
                                        const struct image_path *path, char *scratch,
                                        size_t scratch_size)
{
    if (root->type != CONTEXT_JSON) {
        return missing;
    }
    struct json_slice at = container(root);
    for (uint32_t i = 0; i < path->count; i++) {
        const struct image_string name = path->components[i];
        if (at.type != JSON_OBJECT) {
            return missing;
        }
        at = json_member(&at, image_text(blob, name), name.length);
    }
    return context_of_json(&at, scratch, scratch_size);
}

struct context_value context_select(const struct ffshm_context *c, const void *blob,
                                    const struct image_selector *by, char *scratch,
                                    size_t scratch_size)
{
    struct context_value v;
    if (by->attribute == IMAGE_ATTRIBUTE_NAMED) {
        return context_named(c, by->hash);
    }
    if (by->attribute == IMAGE_ATTRIBUTE_PATH) {
        v = context_named(c, by->hash);
        return select_path(&v, blob, image_at(blob, by->path), scratch, scratch_size);
    }
    const int kind = context_kind(c, by->kind_hash);
    if (kind < 0) {
        return missing;
    }
    switch (by->attribute) {
    case IMAGE_ATTRIBUTE_KEY:
        return text_value(CONTEXT_STRING, c->kinds[kind].key, c->kinds[kind].key_length);
    case IMAGE_ATTRIBUTE_NAME:
        if (!c->kinds[kind].name) {
            return missing;
        }
        return text_value(CONTEXT_STRING, c->kinds[kind].name, c->kinds[kind].name_length);
    case IMAGE_ATTRIBUTE_ANONYMOUS:
        return number_value(CONTEXT_BOOL, c->kinds[kind].anonymous ? 1 : 0);
    default:
        return missing;
    }
}

bool context_is_array(const struct context_value *v)
{
    return v->type == CONTEXT_STRINGS || (v->type == CONTEXT_JSON && *v->as.text == '[');
}

bool context_element(const struct context_value *v, size_t *cursor, struct context_value *element,
                     char *scratch, size_t scratch_size)
{
    if (v->type == CONTEXT_STRINGS) {
        if (*cursor >= v->length) {
            return false;
        }
        const char *text = v->as.texts[(*cursor)++];
        const size_t length = text ? strlen(text) : 0;
        *element =
            text && length <= UINT32_MAX ? text_value(CONTEXT_STRING, text, length) : missing;
        return true;
    }
    if (!context_is_array(v)) {
        return false;
    }
    const struct json_slice array = container(v);
    struct json_slice value;
    if (!json_next(&array, cursor, NULL, &value)) {
        return false;
    }
    *element = context_of_json(&value, scratch, scratch_size);
    if (element->type == CONTEXT_JSON) {
        *element = missing;
    }
    return true;
}
