#include "launchdarkly_items.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../catalog/document_events.h"

/* ---- a state, item by item ----------------------------------------------------------------- */

enum within { ELSEWHERE, FLAGS, SEGMENTS };

struct walk {
    const char *text;
    size_t length;
    launchdarkly_item_fn *fn;
    void *arg;
    unsigned depth; /* of open objects: 1 in the state, 2 in a section */
    enum within within;
    struct gathered key; /* of the item that comes next */
    struct fault *fault;
    bool stopped;
};

static bool no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory", "out of memory");
    return false;
}

static bool on_open(void *arg, bool object, const char *anchor, size_t at)
{
    struct walk *w = arg;
    (void)anchor, (void)at;
    w->depth++;
    if (!object) { /* known passes over what is inside of sections, and everything else */
        fault_set(w->fault, "", "", "must be objects of objects");
        return false;
    }
    return true;
}

static bool on_close(void *arg, size_t at)
{
    struct walk *w = arg;
    (void)at;
    w->depth--;
    return true;
}

static bool on_key(void *arg, const char *text, size_t length, size_t at)
{
    struct walk *w = arg;
    (void)at;
    if (w->depth == 1) {
        w->within = length == 5 && memcmp(text, "flags", 5) == 0      ? FLAGS
                    : length == 8 && memcmp(text, "segments", 8) == 0 ? SEGMENTS
                                                                      : ELSEWHERE;
        return true;
    }
    gathered_clear(&w->key);
    return gathered_add(&w->key, text, length) || no_memory(w->fault);
}

static bool on_scalar(void *arg, const struct document_scalar *value, const char *anchor, size_t at)
{
    (void)arg, (void)value, (void)anchor, (void)at;
    return true; /* null for a section, or no item */
}

static bool on_alias(void *arg, const char *anchor, size_t at)
{
    (void)arg, (void)anchor, (void)at;
    return false;
}

static size_t on_known(void *arg, size_t at)
{
    struct walk *w = arg;
    if (w->depth == 0 || (w->depth == 1 && w->within != ELSEWHERE)) {
        return 0;
    }
    const size_t extent = document_json_extent(w->text, w->length, at);
    if (extent > 0 && w->depth == 2 && w->text[at] == '{' && !w->stopped) {
        w->stopped = !w->fn(w->arg, w->within == FLAGS ? IMAGE_FLAG : IMAGE_SEGMENT, w->key.bytes,
                            w->key.length, w->text + at, extent);
    }
    return extent;
}

int launchdarkly_each_item(const char *json, size_t length, launchdarkly_item_fn *fn, void *arg,
                           struct fault *fault)
{
    memset(fault, 0, sizeof *fault);
    document_skip_mark(&json, &length);
    struct walk w = {.text = json, .length = length, .fn = fn, .arg = arg, .fault = fault};
    const struct document_sink sink = {&w,        on_open,  on_close, on_key,
                                       on_scalar, on_alias, on_known};
    const bool read = document_read_json(json, length, &sink, fault);
    gathered_free(&w.key);
    return read && !w.stopped ? 0 : -1;
}

/* ---- a state from items -------------------------------------------------------------------- */

static bool add_text(struct gathered *to, const char *text)
{
    return gathered_add(to, text, strlen(text));
}

bool launchdarkly_state_add(struct launchdarkly_state_text *s, enum image_blob_kind kind,
                            const char *key, size_t key_length, const char *json, size_t length)
{
    struct gathered *to = kind == IMAGE_FLAG ? &s->flags : &s->segments;
    json_t *name = json_stringn(key, key_length);
    char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;
    const bool added = quoted && add_text(to, to->length > 0 ? ",\n" : "") &&
                       add_text(to, quoted) && add_text(to, ":") && gathered_add(to, json, length);
    free(quoted);
    json_decref(name);
    return added;
}

bool launchdarkly_state_end(struct launchdarkly_state_text *s, struct gathered *text)
{
    *text = (struct gathered){0};
    const bool ended =
        add_text(text, "{\"flags\":{") &&
        gathered_add(text, s->flags.length ? s->flags.bytes : "", s->flags.length) &&
        add_text(text, "},\n\"segments\":{") &&
        gathered_add(text, s->segments.length ? s->segments.bytes : "", s->segments.length) &&
        add_text(text, "}}");
    launchdarkly_state_free(s);
    if (!ended) {
        gathered_free(text);
    }
    return ended;
}

void launchdarkly_state_free(struct launchdarkly_state_text *s)
{
    gathered_free(&s->flags);
    gathered_free(&s->segments);
}

static const char path_of_flags[] = "/flags/";
static const char path_of_segments[] = "/segments/";

const char *launchdarkly_path_key(const char *path, enum image_blob_kind *kind)
{
    const bool is_flag = strncmp(path, path_of_flags, sizeof path_of_flags - 1) == 0;
    *kind = is_flag ? IMAGE_FLAG : IMAGE_SEGMENT;
    return path + (is_flag ? sizeof path_of_flags : sizeof path_of_segments) - 1;
}

char *launchdarkly_item_path(enum image_blob_kind kind, const char *key, size_t length)
{
    const char *prefix = kind == IMAGE_FLAG ? path_of_flags : path_of_segments;
    char *path = memchr(key, '\0', length) == NULL ? malloc(strlen(prefix) + length + 1) : NULL;
    if (path) {
        char *end = mempcpy(stpcpy(path, prefix), key, length);
        *end = '\0';
    }
    return path;
}
