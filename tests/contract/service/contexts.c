/*
 * contexts.c - contexts built, converted and compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service.h"

#define MOST_TEXTS 128

/* A context under construction. It borrows strings: the request's, and texts made here. */
struct builder {
    struct ffshm_context context;
    char *texts[MOST_TEXTS];
    size_t text_count;
    int error; /* the first one */
};

static void note(struct builder *b, int error)
{
    b->error = b->error ? b->error : error;
}

/* Keeps the text for as long as the builder; NULL is an error. */
static const char *keep(struct builder *b, char *text)
{
    if (!text || b->text_count == MOST_TEXTS) {
        free(text);
        note(b, FFSHM_NO_MEMORY);
        return "";
    }
    b->texts[b->text_count++] = text;
    return text;
}

static void builder_free(struct builder *b)
{
    for (size_t i = 0; i < b->text_count; i++) {
        free(b->texts[i]);
    }
}

static void set_attribute(struct builder *b, struct ffshm_context *c, const char *name,
                          const json_t *value)
{
    if (json_is_string(value)) {
        note(b, ffshm_context_string(c, name, json_string_value(value)));
    } else if (json_is_boolean(value)) {
        note(b, ffshm_context_bool(c, name, json_is_true(value)));
    } else if (json_is_number(value)) {
        note(b, ffshm_context_number(c, name, json_number_value(value)));
    } else {
        const char *text = keep(b, json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT));
        note(b, ffshm_context_json(c, name, text));
    }
}

/* A name as a reference to it, also when it begins with "/". */
static const char *literal_reference(struct builder *b, const char *name)
{
    char *reference = malloc(2 * strlen(name) + 2);
    char *end = reference;
    if (name[0] != '/') {
        free(reference);
        return name;
    }
    if (end) {
        *end++ = '/';
        for (; *name; name++) {
            end = *name == '/' || *name == '~' ? stpcpy(end, *name == '/' ? "~1" : "~0")
                                               : (*end = *name, end + 1);
        }
        *end = '\0';
    }
    return keep(b, reference);
}

/* "private": references as strings. "privateAttributes": {value, literal}. */
static void set_private(struct builder *b, struct ffshm_context *c, const json_t *params)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(params, "private"), i, entry)
    {
        note(b, ffshm_context_private(c, json_string_value(entry)));
    }
    json_array_foreach(json_object_get(params, "privateAttributes"), i, entry)
    {
        const char *value = member_text(entry, "value");
        const bool literal = member_true(entry, "literal");
        note(b, ffshm_context_private(c, value && literal ? literal_reference(b, value) : value));
    }
}

/* "custom": an object. "attributes": {name, value}, in order. */
static void build_one(struct builder *b, struct ffshm_context *c, const json_t *params)
{
    const char *name;
    size_t i;
    json_t *value;
    ffshm_context_init(c, member_text(params, "kind"), member_text(params, "key"));
    if (member_text(params, "name")) {
        note(b, ffshm_context_name(c, member_text(params, "name")));
    }
    if (member(params, "anonymous")) {
        ffshm_context_anonymous(c, member_true(params, "anonymous"));
    }
    json_object_foreach(json_object_get(params, "custom"), name, value)
    {
        set_attribute(b, c, name, value);
    }
    json_array_foreach(json_object_get(params, "attributes"), i, value)
    {
        set_attribute(b, c, member_text(value, "name"), json_object_get(value, "value"));
    }
    set_private(b, c, params);
}

/* {"single": {...}} or {"multi": [...]}. */
static void build(struct builder *b, const json_t *params)
{
    const json_t *multi = member(params, "multi");
    *b = (struct builder){.text_count = 0};
    if (!multi) {
        build_one(b, &b->context, member(params, "single"));
    } else if (json_array_size(multi) == 0) {
        note(b, FFSHM_INVALID_CONTEXT);
    } else {
        build_one(b, &b->context, json_array_get(multi, 0));
    }
    for (size_t i = 1; i < json_array_size(multi); i++) {
        struct ffshm_context one;
        build_one(b, &one, json_array_get(multi, i));
        note(b, ffshm_context_add(&b->context, &one));
    }
}

/* {"output": JSON text}, or {"error": why}. */
static void answer_with(const struct ffshm_context *c, int error, struct outcome *outcome)
{
    const size_t length = error ? 0 : ffshm_context_to_json(c, NULL, 0);
    char *text = length ? malloc(length + 1) : NULL;
    if (text && ffshm_context_to_json(c, text, length + 1) == length) {
        outcome->answer = json_pack("{s:s%}", "output", text, length);
    } else {
        outcome->answer =
            json_pack("{s:s}", "error", ffshm_error_text(error ? error : FFSHM_INVALID_CONTEXT));
    }
    free(text);
}

void command_context_build(struct client *c, const json_t *params, struct outcome *outcome)
{
    (void)c;
    struct builder b;
    build(&b, params);
    answer_with(&b.context, b.error, outcome);
    builder_free(&b);
}

void command_context_convert(struct client *c, const json_t *params, struct outcome *outcome)
{
    (void)c;
    const char *input = member_text(params, "input");
    struct subject subject;
    if (!input) {
        outcome_fail(outcome, 400, "no input");
        return;
    }
    const int error = subject_parse(&subject, input);
    answer_with(&subject.context, error, outcome);
    subject_free(&subject);
}

void command_context_comparison(struct client *c, const json_t *params, struct outcome *outcome)
{
    (void)c;
    struct builder a, b;
    build(&a, member(params, "context1"));
    build(&b, member(params, "context2"));
    if (a.error || b.error) {
        outcome_fail(outcome, 400, "%s", ffshm_error_text(a.error ? a.error : b.error));
    } else {
        outcome->answer = json_pack("{s:b}", "equals", ffshm_context_equal(&a.context, &b.context));
    }
    builder_free(&a);
    builder_free(&b);
}
