#include "native_reader.h"
#include "spelling.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool native_fault(struct native *n, const struct member *where, const char *hint,
                  const char *cause_format, ...)
{
    if (n->failed) {
        return false;
    }
    n->failed = true;
    char member[sizeof n->fault->member];
    char cause[sizeof n->fault->cause];
    member_text(where, member, sizeof member);
    va_list arguments;
    va_start(arguments, cause_format);
    (void)vsnprintf(cause, sizeof cause, cause_format, arguments);
    va_end(arguments);
    fault_set(n->fault, member, hint, "%s", cause);
    return false;
}

bool native_no_memory(struct native *n)
{
    return native_fault(n, NULL, "", "out of memory");
}

static void describe(const json_t *value, char *buffer, size_t capacity)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        (void)snprintf(buffer, capacity, "an object");
        break;
    case JSON_ARRAY:
        (void)snprintf(buffer, capacity, "a list");
        break;
    case JSON_STRING:
        (void)snprintf(buffer, capacity, "the text \"%.40s\"", json_string_value(value));
        break;
    case JSON_INTEGER:
        (void)snprintf(buffer, capacity, "the number %" JSON_INTEGER_FORMAT,
                       json_integer_value(value));
        break;
    case JSON_REAL:
        (void)snprintf(buffer, capacity, "the number %g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        (void)snprintf(buffer, capacity, "%s", json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        (void)snprintf(buffer, capacity, "null");
        break;
    }
}

static bool is_scalar(const json_t *value)
{
    return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
}

/* A text that would be a truth or a share elsewhere: what it is here. false: none of these. */
static bool suggest_value(const char *text, const char *expected, char *hint, size_t capacity)
{
    static const char *const yes[] = {"yes", "on", "y"};
    static const char *const no[] = {"no", "off", "n"};
    if (strncmp(expected, "true or", 7) == 0) {
        for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
            if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
                (void)snprintf(hint, capacity, "write %s",
                               strcasecmp(text, yes[i]) == 0 ? "true" : "false");
                return true;
            }
        }
    }
    const size_t digits = strspn(text, "0123456789.");
    if (strncmp(expected, "a number", 8) == 0 && digits > 0 && digits <= 16 &&
        strcmp(text + digits + strspn(text + digits, " "), "%") == 0) {
        (void)snprintf(hint, capacity, "write %.*s", (int)digits, text);
        return true;
    }
    return false;
}

bool native_wrong_type(struct native *n, const struct member *where, const json_t *value,
                       const char *expected)
{
    if (value == NULL) {
        return native_no_memory(n);
    }
    char found[64];
    char hint[128] = "";
    describe(value, found, sizeof found);
    const bool wants_text = strncmp(expected, "a text", 6) == 0;
    const bool wants_list = strncmp(expected, "a list", 6) == 0;
    if (wants_text && (json_is_number(value) || json_is_boolean(value))) {
        (void)snprintf(hint, sizeof hint, "put it in quotes");
    } else if (json_is_string(value) &&
               suggest_value(json_string_value(value), expected, hint, sizeof hint)) {
        /* it says it all */
    } else if (json_is_string(value) &&
               (strncmp(expected, "a number", 8) == 0 || strncmp(expected, "true or", 7) == 0)) {
        (void)snprintf(hint, sizeof hint, "remove the quotes, if there are any");
    } else if (wants_list && is_scalar(value)) {
        (void)snprintf(hint, sizeof hint, "put it in brackets");
    }
    return native_fault(n, where, hint, "must be %s, not %s", expected, found);
}

/* ---- names -------------------------------------------------------------------------------- */

/* What people coming from elsewhere write. */
static const struct {
    const char *word, *name;
} synonyms[] = {
    {"on", "enabled"},
    {"active", "enabled"},
    {"disabled", "enabled"},
    {"title", "name"},
    {"rules", "targeting_rules"},
    {"targeting", "targeting_rules"},
    {"clauses", "conditions"},
    {"variations", "variants"},
    {"off_variant", "fallback_variant"},
    {"fallback", "fallback_variant"},
    {"offVariation", "fallback_variant"},
    {"default", "default_variant"},
    {"fallthrough", "default_variant"},
    {"variation", "variant"},
    {"serve", "variant"},
    {"rollout", "percentages"},
    {"weight", "percentage"},
    {"op", "operator"},
    {"values", "value"},
    {"attr", "attribute"},
    {"property", "attribute"},
    {"contextKind", "kind"},
    {"context_kind", "kind"},
    {"id", "name"},
    {"key", "flag"},
    {"bucketBy", "bucket_by"},
    {"users", "keys"},
    {"schedules", "schedule"},
    {"date", "at"},
    {"changes", "set"},
    {"include", "included"},
    {"exclude", "excluded"},
    {"==", "equals"},
    {"=", "equals"},
    {"eq", "equals"},
    {"is", "equals"},
    {"!=", "not_equals"},
    {"ne", "not_equals"},
    {"neq", "not_equals"},
    {">", "greater_than"},
    {"gt", "greater_than"},
    {">=", "greater_than_or_equal"},
    {"gte", "greater_than_or_equal"},
    {"<", "less_than"},
    {"lt", "less_than"},
    {"<=", "less_than_or_equal"},
    {"lte", "less_than_or_equal"},
    {"regex", "matches"},
    {"one_of", "in"},
    {"segment", "in_segment"},
    {"segmentMatch", "in_segment"},
    {"startsWith", "starts_with"},
    {"endsWith", "ends_with"},
};

const char *native_nearest(const char *word, const char *const *names)
{
    for (size_t s = 0; s < sizeof synonyms / sizeof synonyms[0]; s++) {
        for (size_t i = 0; strcmp(synonyms[s].word, word) == 0 && names[i] != NULL; i++) {
            if (strcmp(synonyms[s].name, names[i]) == 0) {
                return names[i];
            }
        }
    }
    struct spelling spelling = {.word = word};
    for (size_t i = 0; names[i] != NULL; i++) {
        spelling_offer(&spelling, names[i]);
    }
    return spelling.best;
}

static void list_names(const char *const *names, char *buffer, size_t capacity)
{
    size_t used = (size_t)snprintf(buffer, capacity, "known here:");
    for (size_t i = 0; names[i] != NULL && used < capacity; i++) {
        used +=
            (size_t)snprintf(buffer + used, capacity - used, "%s %s", i > 0 ? "," : "", names[i]);
    }
}

static bool unknown_member(struct native *n, const struct member *where, const char *name,
                           const char *const *names)
{
    char hint[sizeof n->fault->hint];
    const char *nearest = native_nearest(name, names);
    if (nearest != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean %s?", nearest);
    } else {
        list_names(names, hint, sizeof hint);
    }
    const struct member at = {where, name, 0};
    return native_fault(n, &at, hint, "there is no such member");
}

bool native_object(struct native *n, const struct member *where, const json_t *object,
                   const char *const *names)
{
    if (!json_is_object(object)) {
        return native_wrong_type(n, where, object, "an object");
    }
    json_t *members = (json_t *)(uintptr_t)object; /* iterating does not change it */
    for (void *i = json_object_iter(members); i != NULL; i = json_object_iter_next(members, i)) {
        const char *name = json_object_iter_key(i);
        size_t k = 0;
        while (names[k] != NULL && strcmp(names[k], name) != 0) {
            k++;
        }
        if (names[k] == NULL) {
            return unknown_member(n, where, name, names);
        }
    }
    return true;
}

/* ---- typed members ------------------------------------------------------------------------ */

json_t *native_member(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

json_t *native_text(struct native *n, const struct member *where, const json_t *object,
                    const char *name)
{
    json_t *value = native_member(object, name);
    if (value != NULL && !json_is_string(value)) {
        const struct member at = {where, name, 0};
        (void)native_wrong_type(n, &at, value, "a text");
        return NULL;
    }
    return value;
}

bool native_is_name(struct native *n, const struct member *where, const json_t *value)
{
    if (!json_is_string(value)) {
        return native_wrong_type(n, where, value, "a text");
    }
    if (json_string_length(value) == 0) {
        return native_fault(n, where, "", "must not be empty");
    }
    if (memchr(json_string_value(value), '\0', json_string_length(value)) != NULL) {
        return native_fault(n, where, "", "contains a NUL character");
    }
    return true;
}

json_t *native_name(struct native *n, const struct member *where, const json_t *object,
                    const char *name)
{
    json_t *value = native_member(object, name);
    const struct member at = {where, name, 0};
    return value != NULL && native_is_name(n, &at, value) ? value : NULL;
}

json_t *native_list(struct native *n, const struct member *where, const json_t *object,
                    const char *name)
{
    json_t *value = native_member(object, name);
    if (value != NULL && !json_is_array(value)) {
        const struct member at = {where, name, 0};
        (void)native_wrong_type(n, &at, value, "a list");
        return NULL;
    }
    return value;
}

json_t *native_names(struct native *n, const struct member *where, const json_t *object,
                     const char *name)
{
    json_t *list = native_list(n, where, object, name);
    const struct member at = {where, name, 0};
    const size_t size = json_array_size(list);
    for (size_t i = 0; i < size; i++) {
        const struct member element = {&at, NULL, i};
        if (!native_is_name(n, &element, json_array_get(list, i))) {
            return NULL;
        }
    }
    return list;
}

bool native_bool(struct native *n, const struct member *where, const json_t *object,
                 const char *name, bool fallback)
{
    const json_t *value = native_member(object, name);
    if (value == NULL) {
        return fallback;
    }
    if (!json_is_boolean(value)) {
        const struct member at = {where, name, 0};
        return native_wrong_type(n, &at, value, "true or false");
    }
    return json_is_true(value);
}

json_t *native_kind(struct native *n, const struct member *where, const json_t *object)
{
    json_t *kind = native_name(n, where, object, "kind");
    if (kind == NULL) {
        return NULL;
    }
    const char *text = json_string_value(kind);
    const bool good = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789._-") == strlen(text) &&
                      strcmp(text, "kind") != 0 && strcmp(text, "multi") != 0;
    if (!good) {
        const struct member at = {where, "kind", 0};
        (void)native_fault(n, &at, "letters, digits, '.', '_' and '-'; not kind, not multi",
                           "\"%.60s\" cannot be a context kind", text);
        return NULL;
    }
    return kind;
}

/* "/a/b" walks into objects; "~0" is "~", "~1" is "/"; no component is empty. */
static bool valid_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' && (at[1] == '/' || at[1] == '\0')) {
            return false;
        }
        if (*at == '~' && at[1] != '0' && at[1] != '1') {
            return false;
        }
    }
    return true;
}

json_t *native_attribute(struct native *n, const struct member *where, const json_t *object,
                         const char *name)
{
    json_t *attribute = native_name(n, where, object, name);
    if (attribute != NULL && json_string_value(attribute)[0] == '/' &&
        !valid_path(json_string_value(attribute))) {
        const struct member at = {where, name, 0};
        (void)native_fault(n, &at, "/address/city; a / in a name is written ~1, a ~ is written ~0",
                           "\"%.80s\" is not a path to an attribute", json_string_value(attribute));
        return NULL;
    }
    return attribute;
}

bool native_percentage(struct native *n, const struct member *where, const json_t *value,
                       int64_t *weight)
{
    if (!json_is_number(value)) {
        return native_wrong_type(n, where, value, "a number");
    }
    const double percentage = json_number_value(value);
    if (!(percentage >= 0 && percentage <= 100)) {
        return native_fault(n, where, "", "must be between 0 and 100, not %g", percentage);
    }
    const double scaled = percentage * 1000;
    if (fabs(scaled - round(scaled)) > 1e-6) {
        return native_fault(n, where, "", "%.9g has more than three decimals", percentage);
    }
    *weight = (int64_t)round(scaled);
    return true;
}

/* ---- building ----------------------------------------------------------------------------- */

void native_put(struct native *n, json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(object, name, value) != 0) {
        (void)native_no_memory(n);
    }
}

void native_append(struct native *n, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) != 0) {
        (void)native_no_memory(n);
    }
}
