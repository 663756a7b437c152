#include "launchdarkly_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../catalog/document.h"
#include "../catalog/document_events.h"
#include "launchdarkly.h"

static bool bad(struct fault *fault, const char *member, const char *cause)
{
    fault_set(fault, member, "", "%s", cause);
    return false;
}

static bool no_memory(struct fault *fault)
{
    return bad(fault, "", "out of memory");
}

/* An object: everything that is sent is one. NULL and *fault. */
static json_t *parse(const char *text, size_t length, struct fault *fault)
{
    memset(fault, 0, sizeof *fault);
    if (document_syntax(text, length) != DOCUMENT_JSON) {
        (void)bad(fault, "", "must be a JSON object"); /* or it would be read as YAML */
        return NULL;
    }
    return document_parse(text, length, "", fault);
}

/* ---- a member as it was written ----------------------------------------------------------- */

static size_t skip_space(const char *text, size_t length, size_t at)
{
    while (at < length && strchr(" \t\r\n", text[at]) != NULL && text[at] != '\0') {
        at++;
    }
    return at;
}

static size_t skip_string(const char *text, size_t length, size_t at)
{
    for (at++; at < length && text[at] != '"'; at++) {
        at += text[at] == '\\';
    }
    return at < length ? at + 1 : length;
}

/* Of text that is known to be well formed. */
static size_t skip_value(const char *text, size_t length, size_t at)
{
    if (text[at] == '"') {
        return skip_string(text, length, at);
    }
    if (text[at] == '{' || text[at] == '[') {
        return at + document_json_extent(text, length, at);
    }
    while (at < length && strchr(",}] \t\r\n", text[at]) == NULL) {
        at++;
    }
    return at;
}

/* The value of a member of the object that the text is; false: it is not there under this name (as
   JSON can write a name in several ways, that does not say that it is not there at all). */
static bool find_member(const char *text, size_t length, const char *quoted,
                        struct launchdarkly_text *value)
{
    size_t at = 0;
    document_skip_mark(&text, &length);
    at = skip_space(text, length, at) + 1; /* the brace */
    for (;;) {
        at = skip_space(text, length, at);
        if (at >= length || text[at] != '"') {
            return false;
        }
        const size_t name = at;
        at = skip_string(text, length, at);
        const bool found =
            at - name == strlen(quoted) && memcmp(text + name, quoted, at - name) == 0;
        at = skip_space(text, length, at) + 1; /* the colon */
        at = skip_space(text, length, at);
        const size_t began = at;
        at = skip_value(text, length, at);
        if (found) {
            *value = (struct launchdarkly_text){text + began, at - began, NULL};
            return true;
        }
        at = skip_space(text, length, at) + 1; /* the comma */
    }
}

static bool write_text(const json_t *json, struct launchdarkly_text *to, struct fault *fault)
{
    to->owned = document_dump(json, &to->length);
    to->bytes = to->owned;
    return to->owned != NULL || no_memory(fault);
}

/* The member "data", which is in the text, as it was written. */
static bool data_text(const char *text, size_t length, const json_t *data,
                      struct launchdarkly_text *to, struct fault *fault)
{
    return find_member(text, length, "\"data\"", to) || write_text(data, to, fault);
}

/* ---- a whole state ------------------------------------------------------------------------ */

static const struct section {
    const char *name;
    const char *prefix;
    enum image_blob_kind kind;
} sections[] = {
    {"flags", "/flags/", IMAGE_FLAG},
    {"segments", "/segments/", IMAGE_SEGMENT},
};
#define SECTION_COUNT (sizeof sections / sizeof sections[0])

static void free_items(struct model_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        model_free(items[i]);
    }
    free(items);
}

/* Puts section and key before what the item's parser said. */
static void name_item(const struct section *section, const char *key, struct fault *fault)
{
    char inner[sizeof fault->member];
    char cause[sizeof fault->cause];
    char member[2 * sizeof fault->member + 32];
    memcpy(inner, fault->member, sizeof inner);
    memcpy(cause, fault->cause, sizeof cause);
    (void)snprintf(member, sizeof member, "%s.%.128s%s%s", section->name, key,
                   inner[0] != '\0' ? "." : "", inner);
    member[sizeof fault->member - 1] = '\0';
    fault_set(fault, member, "", "%s", cause);
}

static bool read_section(const struct section *section, json_t *members, struct model_item **items,
                         size_t *count, struct fault *fault)
{
    for (void *i = json_object_iter(members); i != NULL; i = json_object_iter_next(members, i)) {
        const char *key = json_object_iter_key(i);
        items[*count] = model_parse(section->kind, key, json_object_iter_value(i),
                                    LAUNCHDARKLY_PROVENANCE, fault);
        if (items[*count] == NULL) {
            name_item(section, key, fault);
            return false;
        }
        ++*count;
    }
    return true;
}

/* data: {"flags", "segments"}, or NULL, which is neither. */
static bool read_state(const json_t *data, struct model_item ***items, size_t *count,
                       struct fault *fault)
{
    size_t expected = 0;
    *count = 0;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const json_t *members = json_object_get(data, sections[i].name);
        if (members != NULL && !json_is_object(members)) {
            return bad(fault, sections[i].name, "must be an object");
        }
        expected += json_object_size(members);
    }
    *items = calloc(expected + 1, sizeof(struct model_item *));
    if (*items == NULL) {
        return no_memory(fault);
    }
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (!read_section(&sections[i], json_object_get(data, sections[i].name), *items, count,
                          fault)) {
            free_items(*items, *count);
            *items = NULL;
            *count = 0;
            return false;
        }
    }
    return true;
}

int launchdarkly_parse_state(const char *json, size_t length, struct model_item ***items,
                             size_t *count, struct fault *fault)
{
    json_t *root = parse(json, length, fault);
    const bool good = root != NULL && read_state(root, items, count, fault);
    json_decref(root);
    return good ? 0 : -1;
}

static bool read_put(const char *text, size_t length, const json_t *root,
                     struct launchdarkly_put *put, struct fault *fault)
{
    const json_t *path = json_object_get(root, "path");
    const json_t *data = json_object_get(root, "data");
    if (path != NULL && !json_is_string(path)) {
        return bad(fault, "path", "must be a string");
    }
    const char *where = path != NULL ? json_string_value(path) : "";
    put->ignored = where[0] != '\0' && strcmp(where, "/") != 0;
    if (put->ignored) {
        return true;
    }
    if (data == NULL) {
        put->json = (struct launchdarkly_text){"{}", 2, NULL};
    } else if (!json_is_object(data)) {
        return bad(fault, "data", "must be an object");
    } else if (!data_text(text, length, data, &put->json, fault)) {
        return false;
    }
    return read_state(data, &put->items, &put->count, fault);
}

bool launchdarkly_read_put(const char *text, size_t length, struct launchdarkly_put *put,
                           struct fault *fault)
{
    *put = (struct launchdarkly_put){0};
    json_t *root = parse(text, length, fault);
    const bool good = root != NULL && read_put(text, length, root, put, fault);
    json_decref(root);
    if (!good) {
        launchdarkly_put_free(put);
    }
    return good;
}

void launchdarkly_put_free(struct launchdarkly_put *put)
{
    free_items(put->items, put->count);
    free(put->json.owned);
    *put = (struct launchdarkly_put){0};
}

/* ---- one item ----------------------------------------------------------------------------- */

/* What a path is of, and the key in it: all that follows the prefix, as it is. NULL: something that
   is not known. */
static const struct section *section_of(const char *path, const char **key)
{
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        const size_t prefix = strlen(sections[i].prefix);
        if (strncmp(path, sections[i].prefix, prefix) == 0 && path[prefix] != '\0') {
            *key = path + prefix;
            return &sections[i];
        }
    }
    return NULL;
}

static struct model_item *read_item(const struct section *section, const char *key, json_t *json,
                                    struct fault *fault)
{
    struct model_item *item = model_parse(section->kind, key, json, LAUNCHDARKLY_PROVENANCE, fault);
    if (item == NULL) {
        name_item(section, key, fault);
    }
    return item;
}

struct model_item *launchdarkly_parse_item(const char *path, const char *json, size_t length,
                                           struct fault *fault)
{
    const char *key;
    memset(fault, 0, sizeof *fault);
    const struct section *section = section_of(path, &key);
    json_t *root = section != NULL ? parse(json, length, fault) : NULL;
    struct model_item *item = root != NULL ? read_item(section, key, root, fault) : NULL;
    json_decref(root);
    return item;
}

/* The path of patch and delete; *section NULL: to be ignored. */
static bool read_path(const json_t *root, struct launchdarkly_patch *patch,
                      const struct section **section, const char **key, struct fault *fault)
{
    const json_t *path = json_object_get(root, "path");
    if (!json_is_string(path)) {
        return bad(fault, "path", path != NULL ? "must be a string" : "is missing");
    }
    if (strlen(json_string_value(path)) != json_string_length(path)) {
        return bad(fault, "path", "contains a NUL character");
    }
    patch->path = strdup(json_string_value(path));
    if (patch->path == NULL) {
        return no_memory(fault);
    }
    *section = section_of(patch->path, key);
    patch->ignored = *section == NULL;
    return true;
}

static bool read_patch(const char *text, size_t length, const json_t *root,
                       struct launchdarkly_patch *patch, struct fault *fault)
{
    const struct section *section;
    const char *key;
    if (!read_path(root, patch, &section, &key, fault) || patch->ignored) {
        return patch->ignored;
    }
    json_t *data = json_object_get(root, "data");
    if (!json_is_object(data)) {
        return bad(fault, "data", data != NULL ? "must be an object" : "is missing");
    }
    patch->item = read_item(section, key, data, fault);
    return patch->item != NULL && data_text(text, length, data, &patch->json, fault);
}

static bool read_delete(const char *text, size_t length, const json_t *root,
                        struct launchdarkly_patch *patch, struct fault *fault)
{
    const struct section *section;
    const char *key;
    (void)text, (void)length;
    if (!read_path(root, patch, &section, &key, fault) || patch->ignored) {
        return patch->ignored;
    }
    json_t *version = json_object_get(root, "version");
    if (!json_is_number(version)) {
        return bad(fault, "version", version != NULL ? "must be a number" : "is missing");
    }
    json_t *tombstone = json_pack("{s:s, s:O, s:b}", "key", key, "version", version, "deleted", 1);
    if (tombstone == NULL) {
        return no_memory(fault);
    }
    patch->item = read_item(section, key, tombstone, fault);
    const bool good = patch->item != NULL && write_text(tombstone, &patch->json, fault);
    json_decref(tombstone);
    return good;
}

typedef bool read_fn(const char *text, size_t length, const json_t *root,
                     struct launchdarkly_patch *patch, struct fault *fault);

static bool read_change(const char *text, size_t length, read_fn *read,
                        struct launchdarkly_patch *patch, struct fault *fault)
{
    *patch = (struct launchdarkly_patch){0};
    json_t *root = parse(text, length, fault);
    const bool good = root != NULL && read(text, length, root, patch, fault);
    json_decref(root);
    if (!good) {
        launchdarkly_patch_free(patch);
    }
    return good;
}

bool launchdarkly_read_patch(const char *text, size_t length, struct launchdarkly_patch *patch,
                             struct fault *fault)
{
    return read_change(text, length, read_patch, patch, fault);
}

bool launchdarkly_read_delete(const char *text, size_t length, struct launchdarkly_patch *patch,
                              struct fault *fault)
{
    return read_change(text, length, read_delete, patch, fault);
}

void launchdarkly_patch_free(struct launchdarkly_patch *patch)
{
    model_free(patch->item);
    free(patch->path);
    free(patch->json.owned);
    *patch = (struct launchdarkly_patch){0};
}
