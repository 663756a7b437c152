#include "event_context.h"

#include <stdlib.h>
#include <string.h>

/* ---- references --------------------------------------------------------------------------- */

/* Unescapes a reference that begins with '/'. false: an empty component, or a '~' that is neither
   "~0" nor "~1". */
static bool take_apart(const char *text, struct event_reference *out)
{
    char *to = out->path;
    for (const char *at = text; *at; at++) {
        if (*at == '/') {
            if (at[1] == '/' || at[1] == '\0') {
                return false;
            }
            if (out->depth++ > 0) {
                *to++ = '\0';
            }
        } else if (*at == '~') {
            at++;
            if (*at != '0' && *at != '1') {
                return false;
            }
            *to++ = *at == '0' ? '~' : '/';
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return true;
}

int event_references_add(struct event_references *references, const char *text)
{
    if (text[0] == '\0') {
        return 0;
    }
    void *const grown =
        realloc(references->list, (references->count + 1) * sizeof *references->list);
    if (!grown) {
        return -1;
    }
    references->list = grown;
    struct event_reference *const r = &references->list[references->count];
    *r = (struct event_reference){.path = strdup(text)};
    if (!r->path) {
        return -1;
    }
    if (text[0] != '/') {
        r->depth = 1;
    } else if (!take_apart(text, r)) {
        free(r->path);
        return 0;
    }
    references->count++;
    return 0;
}

void event_references_free(struct event_references *references)
{
    for (size_t i = 0; i < references->count; i++) {
        free(references->list[i].path);
    }
    free(references->list);
    *references = (struct event_references){0};
}

/* What the context itself has declared private. */
static int own_references(const json_t *one, struct event_references *out)
{
    const json_t *const list = json_object_get(json_object_get(one, "_meta"), "privateAttributes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *const text = json_string_value(json_array_get(list, i));
        if (text && event_references_add(out, text) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- one kind ----------------------------------------------------------------------------- */

struct redaction {
    const struct event_references *lists[2]; /* of all contexts, of this one */
    json_t *redacted;                        /* names and references that were left out */
    bool everything;
};

/* Appends a component as it is written in a reference. */
static char *escape(char *to, const char *component)
{
    *to++ = '/';
    for (; *component; component++) {
        if (*component == '~' || *component == '/') {
            *to++ = '~';
            *to++ = *component == '~' ? '0' : '1';
        } else {
            *to++ = *component;
        }
    }
    return to;
}

/* A top-level name is told as it is, unless it would read as a reference. */
static int tell_name(struct redaction *r, const char *name)
{
    if (name[0] != '/') {
        return json_array_append_new(r->redacted, json_string(name));
    }
    char *const text = malloc(2 * strlen(name) + 2);
    if (!text) {
        return -1;
    }
    *escape(text, name) = '\0';
    const int result = json_array_append_new(r->redacted, json_string(text));
    free(text);
    return result;
}

static int tell_path(struct redaction *r, const struct event_reference *reference)
{
    size_t length = 0;
    const char *component = reference->path;
    for (unsigned i = 0; i < reference->depth; i++) {
        length += strlen(component) + 1;
        component += strlen(component) + 1;
    }
    char *const text = malloc(2 * length + 1);
    if (!text) {
        return -1;
    }
    char *to = text;
    component = reference->path;
    for (unsigned i = 0; i < reference->depth; i++) {
        to = escape(to, component);
        component += strlen(component) + 1;
    }
    *to = '\0';
    const int result = json_array_append_new(r->redacted, json_string(text));
    free(text);
    return result;
}

static bool is_private(const struct redaction *r, const char *name)
{
    for (unsigned l = 0; l < 2; l++) {
        for (size_t i = 0; i < r->lists[l]->count; i++) {
            const struct event_reference *const reference = &r->lists[l]->list[i];
            if (reference->depth == 1 && strcmp(reference->path, name) == 0) {
                return true;
            }
        }
    }
    return r->everything;
}

/* Takes what the reference names out of *value, which becomes a copy when it is still the
   caller's. */
static int remove_nested(struct redaction *r, const struct event_reference *reference,
                         json_t **value, bool *copied)
{
    json_t *holder = *value;
    const char *component = reference->path + strlen(reference->path) + 1;
    for (unsigned i = 2; i < reference->depth; i++) {
        holder = json_object_get(holder, component);
        component += strlen(component) + 1;
    }
    if (!json_object_get(holder, component)) {
        return 0;
    }
    if (!*copied) {
        json_t *const copy = json_deep_copy(*value);
        if (!copy) {
            return -1;
        }
        json_decref(*value);
        *value = copy;
        *copied = true;
        return remove_nested(r, reference, value, copied); /* once: it is a copy now */
    }
    json_object_del(holder, component);
    return tell_path(r, reference);
}

/* Shorter references first: what went with its parent is not told again. */
static int remove_members(struct redaction *r, const char *name, json_t **value)
{
    bool copied = false;
    unsigned deepest = 1;
    for (unsigned depth = 2; depth <= deepest || depth == 2; depth++) {
        for (unsigned l = 0; l < 2; l++) {
            for (size_t i = 0; i < r->lists[l]->count; i++) {
                const struct event_reference *const reference = &r->lists[l]->list[i];
                deepest = reference->depth > deepest ? reference->depth : deepest;
                if (reference->depth == depth && strcmp(reference->path, name) == 0 &&
                    remove_nested(r, reference, value, &copied) != 0) {
                    return -1;
                }
            }
        }
    }
    return 0;
}

static int put_attribute(struct redaction *r, json_t *out, const char *name, json_t *value)
{
    if (is_private(r, name)) {
        return tell_name(r, name);
    }
    json_incref(value);
    if (json_is_object(value) && remove_members(r, name, &value) != 0) {
        json_decref(value);
        return -1;
    }
    return json_object_set_new(out, name, value);
}

static bool is_anonymous(const json_t *one)
{
    return json_is_true(json_object_get(one, "anonymous"));
}

static int put_attributes(struct redaction *r, json_t *one, json_t *out)
{
    static const char *const never[] = {"kind", "key", "anonymous", "_meta"};
    const char *name;
    json_t *value;
    json_object_foreach(one, name, value)
    {
        bool skip = json_is_null(value);
        for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
            skip = skip || strcmp(name, never[i]) == 0;
        }
        if (!skip && put_attribute(r, out, name, value) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_meta(const struct redaction *r, json_t *out)
{
    if (json_array_size(r->redacted) == 0) {
        return 0;
    }
    json_t *const meta = json_object();
    if (json_object_set(meta, "redactedAttributes", r->redacted) != 0) {
        json_decref(meta);
        return -1;
    }
    return json_object_set_new(out, "_meta", meta);
}

/* kind NULL: within a multi-kind context, where the kind stands outside. NULL: no memory. */
static json_t *format_one(const struct event_privacy *privacy, json_t *one, const char *kind,
                          enum event_context_rule rule)
{
    struct event_references own = {0};
    struct redaction r = {
        .lists = {&privacy->references, &own},
        .redacted = json_array(),
        .everything =
            privacy->all_private || (rule == EVENT_CONTEXT_REDACT_ANONYMOUS && is_anonymous(one)),
    };
    json_t *const out = json_object();
    int result = out && r.redacted && own_references(one, &own) == 0 ? 0 : -1;
    if (result == 0 && kind) {
        result = json_object_set_new(out, "kind", json_string(kind));
    }
    if (result == 0) {
        result = json_object_set(out, "key", json_object_get(one, "key"));
    }
    if (result == 0 && is_anonymous(one)) {
        result = json_object_set_new(out, "anonymous", json_true());
    }
    if (result == 0) {
        result = put_attributes(&r, one, out) == 0 ? put_meta(&r, out) : -1;
    }
    event_references_free(&own);
    json_decref(r.redacted);
    if (result != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* ---- single and multi-kind ---------------------------------------------------------------- */

static bool is_multi(const json_t *context)
{
    return strcmp(json_string_value(json_object_get(context, "kind")), "multi") == 0;
}

static bool has_key(const json_t *one)
{
    return json_is_string(json_object_get(one, "key"));
}

bool event_context_valid(const json_t *context)
{
    if (!json_is_string(json_object_get(context, "kind"))) {
        return false;
    }
    if (!is_multi(context)) {
        return has_key(context);
    }
    const char *kind;
    json_t *one;
    json_object_foreach((json_t *)context, kind, one)
    {
        if (strcmp(kind, "kind") != 0 && !has_key(one)) {
            return false;
        }
    }
    return json_object_size(context) > 1;
}

static bool is_shown(const char *kind, const json_t *one, enum event_context_rule rule)
{
    return strcmp(kind, "kind") != 0 &&
           (rule != EVENT_CONTEXT_OMIT_ANONYMOUS || !is_anonymous(one));
}

static int format_multi(const struct event_privacy *privacy, json_t *context,
                        enum event_context_rule rule, json_t **out)
{
    const char *kind;
    const char *last = NULL;
    json_t *one;
    size_t count = 0;
    json_object_foreach(context, kind, one)
    {
        if (is_shown(kind, one, rule)) {
            last = kind;
            count++;
        }
    }
    if (count == 0) {
        return 0;
    }
    if (count == 1) {
        *out = format_one(privacy, json_object_get(context, last), last, rule);
        return *out ? 0 : -1;
    }
    *out = json_object();
    int result = json_object_set_new(*out, "kind", json_string("multi"));
    json_object_foreach(context, kind, one)
    {
        if (result == 0 && is_shown(kind, one, rule)) {
            result = json_object_set_new(*out, kind, format_one(privacy, one, NULL, rule));
        }
    }
    if (result != 0) {
        json_decref(*out);
        *out = NULL;
    }
    return result;
}

int event_context_format(const struct event_privacy *privacy, const json_t *context,
                         enum event_context_rule rule, json_t **out)
{
    json_t *const whole = (json_t *)context; /* only read: jansson's loops want it so */
    *out = NULL;
    if (is_multi(context)) {
        return format_multi(privacy, whole, rule, out);
    }
    if (rule == EVENT_CONTEXT_OMIT_ANONYMOUS && is_anonymous(context)) {
        return 0;
    }
    *out = format_one(privacy, whole, json_string_value(json_object_get(context, "kind")), rule);
    return *out ? 0 : -1;
}

/* ---- the fully qualified key -------------------------------------------------------------- */

static char *put_kind(char *to, const char *kind, const json_t *one)
{
    const json_t *const key = json_object_get(one, "key");
    const char *at = json_string_value(key);
    const char *const end = at + json_string_length(key);
    to = stpcpy(to, kind);
    *to++ = ':';
    for (; at < end; at++) {
        if (*at == '%' || *at == ':') {
            to = stpcpy(to, *at == '%' ? "%25" : "%3A");
        } else {
            *to++ = *at;
        }
    }
    return to;
}

static size_t most_of(const char *kind, const json_t *one)
{
    return strlen(kind) + 3 * json_string_length(json_object_get(one, "key")) + 2;
}

static int compare_kinds(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *key_of_one(const char *kind, const json_t *one, size_t *length)
{
    const json_t *const key = json_object_get(one, "key");
    char *const text = malloc(most_of(kind, one) + 1);
    if (!text) {
        return NULL;
    }
    char *to;
    if (strcmp(kind, "user") == 0) {
        to = mempcpy(text, json_string_value(key), json_string_length(key));
    } else {
        to = put_kind(text, kind, one);
    }
    *to = '\0';
    *length = (size_t)(to - text);
    return text;
}

static char *join_kinds(json_t *context, const char *const *kinds, size_t count, size_t *length)
{
    size_t most = 1;
    for (size_t i = 0; i < count; i++) {
        most += most_of(kinds[i], json_object_get(context, kinds[i]));
    }
    char *const text = malloc(most);
    if (!text) {
        return NULL;
    }
    char *to = text;
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *to++ = ':';
        }
        to = put_kind(to, kinds[i], json_object_get(context, kinds[i]));
    }
    *to = '\0';
    *length = (size_t)(to - text);
    return text;
}

char *event_context_key(const json_t *context, size_t *length)
{
    json_t *const whole = (json_t *)context; /* only read */
    const char *kind = json_string_value(json_object_get(context, "kind"));
    if (!is_multi(context)) {
        return key_of_one(kind, context, length);
    }
    const char **const kinds = malloc(json_object_size(context) * sizeof *kinds);
    if (!kinds) {
        return NULL;
    }
    size_t count = 0;
    json_t *one;
    json_object_foreach(whole, kind, one)
    {
        if (strcmp(kind, "kind") != 0) {
            kinds[count++] = kind;
        }
    }
    qsort(kinds, count, sizeof *kinds, compare_kinds);
    char *const text = count == 1 ? key_of_one(kinds[0], json_object_get(context, kinds[0]), length)
                                  : join_kinds(whole, kinds, count, length);
    free(kinds);
    return text;
}
