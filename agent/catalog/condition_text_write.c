/* The way back: a condition as people would type it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "condition_text.h"
#include "document.h"
#include "native_operator.h"
#include "value_text.h"

static void write_json(FILE *out, const json_t *value)
{
    char *text = document_dump(value, NULL);
    fputs(text != NULL ? text : "", out);
    free(text);
}

/* An element of a list, or all there is. */
static void write_value(FILE *out, const struct native_operator *o, const json_t *value, bool list)
{
    const bool any_type = o->operand == NATIVE_SCALAR || o->operand == NATIVE_SCALARS;
    const char *string = json_string_value(value);
    const bool number =
        string != NULL && string[0] != '\0' && string[strspn(string, "0123456789.-+eE")] == '\0';
    char *written = value_text_write(value, list && o->operand != NATIVE_PATTERNS);
    if (list && o->operand == NATIVE_PATTERNS) {
        write_json(out, value);
    } else if (number && !any_type) { /* it is a text without quotes, too */
        fputs(string, out);
    } else {
        fputs(written != NULL ? written : "", out);
    }
    free(written);
}

static void write_operand(FILE *out, const struct native_operator *o, const json_t *value,
                          bool quotes)
{
    const bool splits =
        o->operand == NATIVE_SCALARS || o->operand == NATIVE_TEXTS || o->operand == NATIVE_SEGMENTS;
    const size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *element = json_is_array(value) ? json_array_get(value, i) : value;
        fputs(i > 0 ? ", " : "", out);
        if (quotes) {
            write_json(out, element);
        } else {
            write_value(out, o, element, splits || count > 1);
        }
    }
}

static void write_subject(FILE *out, const char *kind, const json_t *attribute)
{
    const char *name = json_string_value(attribute);
    if (kind != NULL) {
        fprintf(out, "%s:", kind);
    }
    if (strcspn(name, " \t\r\n=!<>\":") == strlen(name) && name[0] != '\0' &&
        strcmp(name, "in") != 0 && strcmp(name, "not") != 0) {
        fputs(name, out);
    } else {
        write_json(out, attribute);
    }
    fputc(' ', out);
}

static void write_condition(FILE *out, const json_t *condition, const struct native_operator *o,
                            bool quotes)
{
    const json_t *attribute = json_object_get(condition, "attribute");
    if (json_is_string(attribute)) {
        write_subject(out, json_string_value(json_object_get(condition, "kind")), attribute);
    }
    for (const char *c = o->name; *c != '\0'; c++) {
        fputc(*c == '_' ? ' ' : *c, out);
    }
    if (o->operand != NATIVE_NONE) {
        fputc(' ', out);
        write_operand(out, o, json_object_get(condition, "value"), quotes);
    }
}

/* A list of one text says the same as that text. */
static bool says_same(const json_t *condition, const char *text)
{
    struct fault fault;
    json_t *again = condition_text_read(text, &fault);
    json_t *plain = json_copy((json_t *)(uintptr_t)condition); /* which does not change it */
    json_t *value = json_object_get(condition, "value");
    if (json_array_size(value) == 1 && !json_is_array(json_object_get(again, "value"))) {
        (void)json_object_set(plain, "value", json_array_get(value, 0));
    }
    const bool same = json_equal(plain, again) != 0;
    json_decref(plain);
    json_decref(again);
    return same;
}

/* NULL: it says something that such a text does not. */
static char *try_writing(const json_t *condition, const struct native_operator *o, bool quotes)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) {
        return NULL;
    }
    write_condition(out, condition, o, quotes);
    if (fclose(out) != 0 || !says_same(condition, text)) {
        free(text);
        return NULL;
    }
    return text;
}

char *condition_text_write(const json_t *condition)
{
    const char *name = json_string_value(json_object_get(condition, "operator"));
    const struct native_operator *o = name != NULL ? native_operator_of(name) : NULL;
    char *text = o != NULL ? try_writing(condition, o, false) : NULL;
    if (text == NULL && o != NULL) {
        text = try_writing(condition, o, true); /* as in: x in "segment" */
    }
    return text != NULL ? text : document_dump(condition, NULL);
}
