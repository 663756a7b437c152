/* context_json.c - a context as LaunchDarkly's JSON. See context_to_json in context.h. */
#include <string.h>

#include "context.h"
#include "json.h"
#include "json_write.h"

static void put_text(struct json_text *out, const char *text)
{
    json_put(out, text, strlen(text));
}

static void put_member(struct json_text *out, const char *name, size_t length)
{
    json_put(out, ",", 1);
    json_put_string(out, name, length);
    json_put(out, ":", 1);
}

static void put_strings(struct json_text *out, const char *const *texts, uint32_t count)
{
    json_put(out, "[", 1);
    for (uint32_t i = 0; i < count; i++) {
        json_put(out, ",", i > 0);
        if (texts[i]) {
            json_put_string(out, texts[i], strlen(texts[i]));
        } else {
            put_text(out, "null");
        }
    }
    json_put(out, "]", 1);
}

static void put_attribute(struct json_text *out, const struct ffshm_context *c, unsigned i)
{
    const char *text = c->attributes[i].value.text;
    const uint32_t length = c->attributes[i].length;
    const double number = c->attributes[i].value.number;
    const struct json_slice slice = {JSON_OBJECT, text, length};
    put_member(out, c->attributes[i].name, c->attributes[i].name_length);
    switch (c->attributes[i].type) {
    case CONTEXT_BOOL:
        put_text(out, number != 0 ? "true" : "false");
        break;
    case CONTEXT_NUMBER:
        json_put_number(out, number);
        break;
    case CONTEXT_STRING:
        json_put_string(out, text, length);
        break;
    case CONTEXT_STRINGS:
        put_strings(out, c->attributes[i].value.texts, length);
        break;
    case CONTEXT_JSON:
        json_put_value(out, &slice);
        break;
    default:
        put_text(out, "null");
        break;
    }
}

/* A name that looks like a reference, as the reference that means it. */
static void put_literal(struct json_text *out, const char *name)
{
    json_put(out, "\"/", 2);
    while (*name) {
        const size_t plain = strcspn(name, "~/");
        json_put_characters(out, name, plain);
        name += plain;
        if (*name) {
            put_text(out, *name++ == '~' ? "~0" : "~1");
        }
    }
    json_put(out, "\"", 1);
}

static void put_meta(struct json_text *out, const struct ffshm_context *c, unsigned kind)
{
    bool any = false;
    for (unsigned i = 0; i < c->private_count; i++) {
        const char *reference = c->privates[i].reference;
        if ((c->privates[i].kind & ~CONTEXT_PRIVATE_LITERAL) != kind) {
            continue;
        }
        put_text(out, any ? "," : ",\"_meta\":{\"privateAttributes\":[");
        any = true;
        if (c->privates[i].kind & CONTEXT_PRIVATE_LITERAL) {
            put_literal(out, reference);
        } else {
            json_put_string(out, reference, strlen(reference));
        }
    }
    put_text(out, any ? "]}" : "");
}

/* Key and everything after it: what a single context and a part of a multi-context share. */
static void put_members(struct json_text *out, const struct ffshm_context *c, unsigned kind)
{
    put_text(out, "\"key\":");
    json_put_string(out, c->kinds[kind].key, c->kinds[kind].key_length);
    if (c->kinds[kind].name) {
        put_text(out, ",\"name\":");
        json_put_string(out, c->kinds[kind].name, c->kinds[kind].name_length);
    }
    put_text(out, c->kinds[kind].anonymous ? ",\"anonymous\":true" : "");
    for (unsigned i = 0; i < c->attribute_count; i++) {
        if (c->attributes[i].kind == kind) {
            put_attribute(out, c, i);
        }
    }
    put_meta(out, c, kind);
    json_put(out, "}", 1);
}

size_t context_to_json(const struct ffshm_context *c, char *buffer, size_t capacity)
{
    struct json_text out = {buffer, capacity, 0};
    put_text(&out, "{\"kind\":");
    if (c->kind_count == 1) {
        json_put_string(&out, c->kinds[0].kind, c->kinds[0].kind_length);
        json_put(&out, ",", 1);
        put_members(&out, c, 0);
        return json_end(&out);
    }
    put_text(&out, "\"multi\"");
    for (unsigned i = 0; i < c->kind_count; i++) {
        put_member(&out, c->kinds[i].kind, c->kinds[i].kind_length);
        json_put(&out, "{", 1);
        put_members(&out, c, i);
    }
    json_put(&out, "}", 1);
    return json_end(&out);
}

size_t ffshm_context_to_json(const struct ffshm_context *c, char *buffer, size_t capacity)
{
    if (!context_valid(c)) {
        struct json_text out = {buffer, capacity, 0};
        return json_end(&out);
    }
    return context_to_json(c, buffer, capacity);
}
