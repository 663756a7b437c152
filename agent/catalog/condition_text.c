#include "condition_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "native_operator.h"
#include "spelling.h"
#include "value_text.h"

#define OPERATOR_WORDS 5 /* "greater than or equal", and one more for "not" */
#define OPERATOR_MOST 64 /* bytes */

static const char *const kind_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

static const struct {
    const char *symbol;
    const char *name;
} symbols[] = {
    /* the longer ones first */
    {"!=", "not_equals"},
    {"==", "equals"},
    {"<=", "less_than_or_equal"},
    {">=", "greater_than_or_equal"},
    {"=", "equals"},
    {"<", "less_than"},
    {">", "greater_than"},
};

/* One text under way. */
struct reading {
    const char *at;
    struct fault *fault;
    json_t *condition;
};

static void skip_space(struct reading *r)
{
    while (isspace((unsigned char)*r->at)) {
        r->at++;
    }
}

static __attribute__((format(printf, 3, 4))) bool bad(struct reading *r, const char *hint,
                                                      const char *format, ...)
{
    char cause[sizeof r->fault->cause];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    fault_set(r->fault, "", hint, "%s", cause);
    return false;
}

/* value is taken over. */
static bool put(struct reading *r, const char *member, json_t *value)
{
    return json_object_set_new(r->condition, member, value) == 0 ||
           bad(r, "", "out of memory, or a text that is not UTF-8");
}

/* ---- operators ---------------------------------------------------------------------------- */

/* The first `count` words as a name: "not in" is not_in. Where they end; NULL: there are fewer. */
static const char *join_words(const char *text, size_t count, char name[OPERATOR_MOST])
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t spaces = strspn(text, " \t");
        const size_t word = strcspn(text + spaces, " \t");
        text += spaces;
        if (word == 0 || length + word + 2 > OPERATOR_MOST) {
            return NULL;
        }
        for (size_t k = 0; k < word; k++) {
            name[length++] = text[k] == '-' ? '_' : text[k];
        }
        name[length++] = i + 1 < count ? '_' : '\0';
        text += word;
    }
    return text;
}

/* The longest operator that the text begins with; *end: behind it. */
static const struct native_operator *find_operator(const char *text, const char **end)
{
    char name[OPERATOR_MOST];
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        const size_t length = strlen(symbols[i].symbol);
        if (strncmp(text, symbols[i].symbol, length) == 0) {
            *end = text + length;
            return native_operator_of(symbols[i].name);
        }
    }
    for (size_t count = OPERATOR_WORDS; count > 0; count--) {
        *end = join_words(text, count, name);
        const struct native_operator *o = *end != NULL ? native_operator_of(name) : NULL;
        if (o != NULL) {
            return o;
        }
    }
    return NULL;
}

static bool no_operator(struct reading *r)
{
    char word[OPERATOR_MOST];
    char hint[160] = "equals, in, contains, starts_with, greater_than, before, exists, ...";
    struct spelling spelling = {.word = word};
    if (*r->at == '\0') {
        return bad(r, hint, "an operator is missing");
    }
    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(r->at, " \t"), r->at);
    for (const struct native_operator *o = native_operators; o->name != NULL; o++) {
        spelling_offer(&spelling, o->name);
    }
    if (spelling.best != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean %s?", spelling.best);
    }
    return bad(r, hint, "there is no operator '%s'", word);
}

/* ---- attributes --------------------------------------------------------------------------- */

/* A JSON string that the text begins with; its length, 0: none. */
static size_t quoted_length(const char *text)
{
    size_t i = 1;
    if (text[0] != '"') {
        return 0;
    }
    while (text[i] != '\0' && text[i] != '"') {
        i += text[i] == '\\' && text[i + 1] != '\0' ? 2 : 1;
    }
    return text[i] == '"' ? i + 1 : 0;
}

static bool read_attribute(struct reading *r)
{
    const size_t kind = strspn(r->at, kind_characters);
    if (kind > 0 && r->at[kind] == ':') {
        if (!put(r, "kind", json_stringn(r->at, kind))) {
            return false;
        }
        r->at += kind + 1;
    }
    const size_t quoted = quoted_length(r->at);
    const size_t length = quoted > 0 ? quoted : strcspn(r->at, " \t=!<>\"");
    json_t *name = quoted > 0 ? value_text_read(r->at, quoted) : json_stringn(r->at, length);
    r->at += length;
    if (length == 0 || !json_is_string(name)) {
        json_decref(name);
        return bad(r, "write ATTRIBUTE OPERATOR VALUE, as country in US, CA",
                   "an attribute is missing");
    }
    return put(r, "attribute", name);
}

/* ---- values ------------------------------------------------------------------------------- */

/* An element of a list. NULL, and a fault. */
static json_t *read_text(struct reading *r, const char *text, size_t length)
{
    json_t *value = text[0] == '"' ? value_text_read(text, length) : json_stringn(text, length);
    if (length == 0 || !json_is_string(value)) {
        json_decref(value);
        (void)bad(r, "an empty text is \"\"", "a value is missing, or is no text in UTF-8");
        return NULL;
    }
    return value;
}

static json_t *read_scalar(struct reading *r, const char *text, size_t length)
{
    json_t *value = value_text_read(text, length);
    if (length > 0 && json_is_null(value)) {
        value = json_stringn(text, length);
    }
    if (length == 0 || value == NULL || json_is_array(value) || json_is_object(value)) {
        json_decref(value);
        (void)bad(r, "an empty text is \"\"; a list goes with in and not_in",
                  "a value is missing, or is no text, number, true or false");
        return NULL;
    }
    return value;
}

typedef json_t *read_fn(struct reading *r, const char *text, size_t length);

/* always: also one value is a list. */
static json_t *read_list(struct reading *r, read_fn *read, bool always)
{
    json_t *list = json_array();
    const char *rest = r->at;
    const char *element;
    size_t length;
    while (value_text_next(&rest, &element, &length)) {
        json_t *value = read(r, element, length);
        if (value == NULL || json_array_append_new(list, value) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    if (json_array_size(list) > 1 || always) {
        return list;
    }
    json_t *only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return only;
}

static json_t *read_number(struct reading *r, const char *text, size_t length)
{
    json_t *value = value_text_read(text, length);
    if (!json_is_number(value)) {
        json_decref(value);
        (void)bad(r, "", "'%.*s' is no number", (int)length, text);
        return NULL;
    }
    return value;
}

/* RFC 3339, which the agent checks; or milliseconds. */
static json_t *read_date(struct reading *r, const char *text, size_t length)
{
    json_t *value = value_text_read(text, length);
    if (length == 0 || (!json_is_number(value) && !json_is_string(value))) {
        json_decref(value);
        (void)bad(r, "RFC 3339, with a time zone: 2026-12-01T09:00:00Z", "'%.*s' is no date",
                  (int)length, text);
        return NULL;
    }
    return value;
}

static json_t *read_value(struct reading *r, enum native_operand operand)
{
    switch (operand) {
    case NATIVE_SCALAR:
        return read_scalar(r, r->at, strlen(r->at));
    case NATIVE_SCALARS:
        return read_list(r, read_scalar, true);
    case NATIVE_NUMBER:
        return read_list(r, read_number, false);
    case NATIVE_INSTANT:
        return read_list(r, read_date, false);
    case NATIVE_PATTERNS: /* commas are not for us to interpret */
        return r->at[0] == '"' ? read_list(r, read_text, false)
                               : read_text(r, r->at, strlen(r->at));
    default:
        return read_list(r, read_text, false);
    }
}

/* ---- the whole ---------------------------------------------------------------------------- */

static bool read_condition(struct reading *r)
{
    const char *end = NULL;
    const struct native_operator *o = find_operator(r->at, &end);
    skip_space(r);
    if (o == NULL || o->operand != NATIVE_SEGMENTS) { /* which has no attribute */
        if (!read_attribute(r)) {
            return false;
        }
        skip_space(r);
        o = find_operator(r->at, &end);
    }
    if (o == NULL) {
        return no_operator(r);
    }
    if (o->operand == NATIVE_SEGMENTS && json_object_size(r->condition) > 0) {
        return bad(r, "write in segment NAME; or quote the value, if it is one",
                   "a segment takes no attribute");
    }
    r->at = end;
    skip_space(r);
    if (o->operand == NATIVE_NONE && *r->at != '\0') {
        return bad(r, "remove it", "%s takes no value", o->name);
    }
    json_t *value = o->operand == NATIVE_NONE ? NULL : read_value(r, o->operand);
    if (o->operand != NATIVE_NONE && value == NULL) {
        return false;
    }
    if (!put(r, "operator", json_string(o->name))) {
        json_decref(value);
        return false;
    }
    return value == NULL || put(r, "value", value);
}

/* The text without white space at its ends. */
static char *trimmed(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        length--;
    }
    while (length > 0 && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    return strndup(text, length);
}

json_t *condition_text_read(const char *text, struct fault *fault)
{
    char *copy = trimmed(text);
    struct reading r = {.at = copy, .fault = fault, .condition = json_object()};
    *fault = (struct fault){0};
    if (copy == NULL || r.condition == NULL || !read_condition(&r)) {
        if (fault->cause[0] == '\0') {
            fault_set(fault, "", "", "out of memory, or a text that is not UTF-8");
        }
        json_decref(r.condition);
        r.condition = NULL;
    }
    free(copy);
    return r.condition;
}
