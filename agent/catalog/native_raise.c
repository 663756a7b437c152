/* A document in LaunchDarkly's format -> a native one: names for the variations, then item by item.
 */
#include "native_raise.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
#include "native_raising.h"

#define SETTLE_MOST 1000 /* items that only the whole shows to be wrong */

/* ---- helpers of all parts ------------------------------------------------------------------ */

bool raise_refuse(struct raising *r, const char *format, ...)
{
    va_list arguments;
    if (r->why[0] == '\0') {
        va_start(arguments, format);
        (void)vsnprintf(r->why, sizeof r->why, format, arguments);
        va_end(arguments);
    }
    return false;
}

bool raise_put(struct raising *r, json_t *object, const char *member, json_t *value)
{
    return json_object_set_new_nocheck(object, member, value) == 0 ||
           raise_refuse(r, "out of memory");
}

bool raise_append(struct raising *r, json_t *list, json_t *value)
{
    return json_array_append_new(list, value) == 0 || raise_refuse(r, "out of memory");
}

const char *raise_kind(struct raising *r, const json_t *kind)
{
    const char *text = json_string_value(kind);
    if (kind == NULL || json_is_null(kind) || (text != NULL && *text == '\0')) {
        return "user";
    }
    if (text == NULL ||
        text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] !=
            '\0' ||
        strcmp(text, "kind") == 0 || strcmp(text, "multi") == 0) {
        (void)raise_refuse(r, "\"%.60s\" is no context kind", text != NULL ? text : "?");
        return NULL;
    }
    return text;
}

/* "/a" as a path of one component: "/~1a". NULL: no memory. */
static json_t *escaped(const char *name)
{
    char *path = malloc(2 * strlen(name) + 2);
    char *at = path;
    if (path == NULL) {
        return NULL;
    }
    *at++ = '/';
    for (; *name != '\0'; name++) {
        if (*name == '/' || *name == '~') {
            *at++ = '~';
        }
        *at++ = *name == '/' ? '1' : *name == '~' ? '0' : *name;
    }
    json_t *text = json_stringn(path, (size_t)(at - path));
    free(path);
    return text;
}

static bool is_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if ((*at == '/' && (at[1] == '/' || at[1] == '\0')) ||
            (*at == '~' && at[1] != '0' && at[1] != '1')) {
            return false;
        }
    }
    return true;
}

json_t *raise_attribute(struct raising *r, const json_t *attribute, bool literal)
{
    const char *name = json_string_value(attribute);
    if (name == NULL || *name == '\0' || strlen(name) != json_string_length(attribute)) {
        (void)raise_refuse(r, "an attribute has no name");
        return NULL;
    }
    if (*name == '/' && !literal && !is_path(name)) {
        (void)raise_refuse(r, "\"%.60s\" is no path to an attribute", name);
        return NULL;
    }
    return *name == '/' && literal ? escaped(name) : json_string(name);
}

json_t *raise_variant(struct raising *r, const json_t *variation)
{
    json_t *key = json_is_integer(variation) && json_integer_value(variation) >= 0
                      ? json_array_get(r->variants, (size_t)json_integer_value(variation))
                      : NULL;
    if (key == NULL) {
        (void)raise_refuse(r, "it names a variation that it does not have");
    }
    return json_incref(key);
}

bool raise_texts(struct raising *r, const json_t *item, json_t *definition)
{
    static const char *const texts[] = {"name", "description", "owner"};
    const json_t *ours = json_object_get(item, "ffshm");
    json_t *tags = json_object_get(ours, "tags");
    bool good = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *text = json_object_get(ours, texts[i]);
        good = good &&
               (!json_is_string(text) || raise_put(r, definition, texts[i], json_incref(text)));
    }
    if (good && json_array_size(tags) > 0) {
        good = raise_put(r, definition, "tags", json_incref(tags));
    }
    return good && (!json_is_false(json_object_get(ours, "temporary")) ||
                    raise_put(r, definition, "temporary", json_false()));
}

/* ---- the document -------------------------------------------------------------------------- */

/* What does not show in an evaluation, but gets lost. "": nothing. */
static void find_losses(const json_t *flag, char text[200])
{
    static const struct {
        const char *member;
        const char *what;
    } losses[] = {
        {"trackEvents", "event tracking"},
        {"trackEventsFallthrough", "event tracking"},
        {"debugEventsUntilDate", "debug events"},
        {"samplingRatio", "event sampling"},
        {"excludeFromSummaries", "what is left out of summaries"},
        {"migration", "settings of the migration"},
    };
    const json_t *client = json_object_get(flag, "clientSideAvailability");
    size_t used = 0;
    size_t i;
    const json_t *rule;
    bool tracks = false;
    text[0] = '\0';
    json_array_foreach(json_object_get(flag, "rules"), i, rule)
    {
        tracks = tracks || json_is_true(json_object_get(rule, "trackEvents"));
    }
    for (i = 0; i < sizeof losses / sizeof *losses && used < 150; i++) {
        const json_t *value = json_object_get(flag, losses[i].member);
        const bool lost = value != NULL && !json_is_null(value) && !json_is_false(value) &&
                          !(json_is_integer(value) && json_integer_value(value) == 1);
        if ((lost || (tracks && i == 0)) && strstr(text, losses[i].what) == NULL) {
            used += (size_t)snprintf(text + used, 200 - used, "%s%s", used > 0 ? ", " : "",
                                     losses[i].what);
        }
    }
    if (used < 150 && (json_is_true(json_object_get(client, "usingEnvironmentId")) ||
                       json_is_true(json_object_get(flag, "clientSide")))) {
        (void)snprintf(text + used, 200 - used, "%s%s", used > 0 ? ", " : "",
                       "that browsers may see it");
    }
}

static int tell(json_t *list, const char *kind, const char *key, const char *member,
                const char *text)
{
    return json_array_append_new(
        list, json_pack("{s:s, s:s, s:s}", "kind", kind, "key", key, member, text));
}

typedef json_t *raise_fn(struct raising *r, const json_t *item);

static int raise_one(struct native_raised *out, const json_t *names, const char *kind,
                     const char *key, const json_t *item, raise_fn *raise)
{
    struct raising r = {.names = names, .key = key, .variants = json_object_get(names, key)};
    char lost[200] = "";
    json_t *all = json_object_get(out->document, *kind == 'f' ? "flags" : "segments");
    if (json_is_true(json_object_get(item, "deleted"))) {
        return 0;
    }
    json_t *definition = raise(&r, item);
    if (definition == NULL) {
        return tell(out->refused, kind, key, "reason", r.why);
    }
    if (*kind == 'f') {
        find_losses(item, lost);
    }
    return json_object_set_new_nocheck(all, key, definition) != 0 ||
                   (*lost != '\0' && tell(out->noted, kind, key, "note", lost) != 0)
               ? -1
               : 0;
}

static int raise_all(const json_t *document, const json_t *names, struct native_raised *out)
{
    const char *key;
    json_t *item;
    json_object_foreach(json_object_get(document, "flags"), key, item)
    {
        if (raise_one(out, names, "flag", key, item, raise_flag) != 0) {
            return -1;
        }
    }
    json_object_foreach(json_object_get(document, "flagValues"), key, item)
    {
        json_t *definition = json_pack("{s:[{s:s, s:O}], s:s}", "variants", "key", "value", "value",
                                       item, "default_variant", "value");
        if (json_object_set_new_nocheck(json_object_get(out->document, "flags"), key, definition) !=
            0) {
            return -1;
        }
    }
    json_object_foreach(json_object_get(document, "segments"), key, item)
    {
        if (raise_one(out, names, "segment", key, item, raise_segment) != 0) {
            return -1;
        }
    }
    return 0;
}

static size_t place_of(const json_t *names, const json_t *name)
{
    size_t i = 0;
    while (i < json_array_size(names) && json_equal(json_array_get(names, i), name) == 0) {
        i++;
    }
    return i;
}

/* A flag that did not come out has no names here, wherever else it comes from: variations of it are
   told by their index. */
static void name_by_index(json_t *flags, const json_t *names)
{
    const char *key;
    json_t *definition;
    json_object_foreach(flags, key, definition)
    {
        size_t i;
        json_t *prerequisite;
        json_array_foreach(json_object_get(definition, "prerequisites"), i, prerequisite)
        {
            const json_t *variant = json_object_get(prerequisite, "variant");
            const char *other = json_string_value(json_object_get(prerequisite, "flag"));
            if (json_is_string(variant) && json_object_get(flags, other) == NULL) {
                const size_t at = place_of(json_object_get(names, other), variant);
                (void)json_object_set_new(prerequisite, "variant", json_integer((json_int_t)at));
            }
        }
    }
}

/* ---- what of it is no native definition after all ------------------------------------------ */

/* The key of the item that a fault of the whole document is about; NULL: none. */
static const char *key_at_fault(json_t *section, const char *member)
{
    const char *found = NULL;
    const char *key;
    json_t *definition;
    json_object_foreach(section, key, definition)
    {
        const size_t length = strlen(key);
        if (strncmp(member, key, length) == 0 &&
            (member[length] == '.' || member[length] == '[' || member[length] == '\0') &&
            (found == NULL || length > strlen(found))) {
            found = key;
        }
    }
    return found;
}

/* Takes out what the fault is about. */
static int take_out(struct native_raised *out, const struct fault *fault)
{
    const bool flag = strncmp(fault->member, "flags.", 6) == 0;
    const char *member = strchr(fault->member, '.');
    json_t *section = json_object_get(out->document, flag ? "flags" : "segments");
    const char *key = member != NULL ? key_at_fault(section, member + 1) : NULL;
    if (key == NULL ||
        tell(out->refused, flag ? "flag" : "segment", key, "reason", fault->cause) != 0) {
        return -1;
    }
    return json_object_del(section, key);
}

/* Circles, and whatever else only the whole shows. */
static int settle(struct native_raised *out, const json_t *names, struct fault *fault)
{
    int64_t next_ms;
    for (size_t i = 0; i < SETTLE_MOST; i++) {
        name_by_index(json_object_get(out->document, "flags"), names);
        json_t *lowered = native_lower(out->document, 0, &next_ms, fault);
        json_decref(lowered);
        if (lowered != NULL) {
            return 0;
        }
        if (take_out(out, fault) != 0) {
            return -1;
        }
    }
    return -1;
}

static int check_document(const json_t *document, struct fault *fault)
{
    static const char *const sections[] = {"flags", "flagValues", "segments"};
    bool any = false;
    for (size_t i = 0; i < 3; i++) {
        const json_t *section = json_object_get(document, sections[i]);
        any = any || section != NULL;
        if (section != NULL && !json_is_object(section)) {
            fault_set(fault, sections[i], "each key with its flag", "must be an object");
            return -1;
        }
    }
    if (json_object_get(document, "ffshm") != NULL) {
        fault_set(fault, "ffshm", "import it as that", "this is the native format already");
        return -1;
    }
    if (!any) {
        fault_set(fault, "",
                  "what LaunchDarkly's SDKs get: https://sdk.launchdarkly.com/sdk/latest-all",
                  "there are neither flags nor segments");
    }
    return any ? 0 : -1;
}

int native_raise(const json_t *document, struct native_raised *raised, struct fault *fault)
{
    const char *key;
    json_t *flag;
    *raised = (struct native_raised){
        .document = json_pack("{s:i, s:{}, s:{}}", "ffshm", 1, "flags", "segments"),
        .refused = json_array(),
        .noted = json_array(),
    };
    if (check_document(document, fault) != 0) {
        return -1;
    }
    json_t *names = json_object();
    json_object_foreach(json_object_get(document, "flags"), key, flag)
    {
        (void)json_object_set_new_nocheck(names, key, raise_names(flag));
    }
    fault_set(fault, "", "", "out of memory");
    const int result = raised->document != NULL && raise_all(document, names, raised) == 0
                           ? settle(raised, names, fault)
                           : -1;
    json_decref(names);
    return result;
}

void native_raised_free(struct native_raised *raised)
{
    json_decref(raised->document);
    json_decref(raised->refused);
    json_decref(raised->noted);
    *raised = (struct native_raised){0};
}
