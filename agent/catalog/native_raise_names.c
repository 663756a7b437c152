/* Names for variations, which have none in LaunchDarkly's format. */
#include <ctype.h>
#include <string.h>

#include "native_raising.h"

#define NAME_MOST 40 /* bytes of a text that serves as its variant's name */

static bool is_name(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && *text != '\0' && strlen(text) == json_string_length(value);
}

/* The names that the lowering left, if they are names of all variations. */
static bool take_names(const json_t *flag, size_t count, json_t *names)
{
    const json_t *given = json_object_get(json_object_get(flag, "ffshm"), "variants");
    for (size_t i = 0; i < count && json_array_size(given) == count; i++) {
        if (!is_name(json_array_get(given, i))) {
            return false;
        }
        (void)json_array_append(names, json_array_get(given, i));
    }
    return json_array_size(names) == count;
}

/* true is "on", a short text its own name. NULL: it has none of its own. */
static json_t *name_of_value(const json_t *value)
{
    const char *text = json_string_value(value);
    if (json_is_boolean(value)) {
        return json_string(json_is_true(value) ? "on" : "off");
    }
    if (text == NULL || *text == '\0' || json_string_length(value) > NAME_MOST) {
        return NULL;
    }
    for (const char *c = text; c < text + json_string_length(value); c++) {
        if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL) {
            return NULL;
        }
    }
    return json_string(text);
}

static bool are_distinct(const json_t *names)
{
    json_t *seen = json_object();
    for (size_t i = 0; i < json_array_size(names); i++) {
        (void)json_object_set_new(seen, json_string_value(json_array_get(names, i)), json_true());
    }
    const bool distinct = json_object_size(seen) == json_array_size(names);
    json_decref(seen);
    return distinct;
}

json_t *raise_names(const json_t *flag)
{
    const json_t *variations = json_object_get(flag, "variations");
    const size_t count = json_array_size(variations);
    json_t *names = json_array();
    if (take_names(flag, count, names) && are_distinct(names)) {
        return names;
    }
    (void)json_array_clear(names);
    for (size_t i = 0; i < count; i++) {
        json_t *name = name_of_value(json_array_get(variations, i));
        if (name == NULL) {
            break;
        }
        (void)json_array_append_new(names, name);
    }
    if (json_array_size(names) == count && are_distinct(names)) {
        return names;
    }
    (void)json_array_clear(names);
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(names, json_sprintf("variation-%zu", i));
    }
    return names;
}
