#include "recording_sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(json_t *object, const char *name, json_t *value)
{
    if (value) {
        json_object_set_new(object, name, value);
    }
}

static void share(json_t *object, const char *name, json_t *value)
{
    set(object, name, json_incref(value));
}

static void set_text(json_t *object, const char *name, const char *text)
{
    set(object, name, text ? json_string(text) : NULL);
}

static const char *type_name(enum deliver_type type)
{
    static const char *const names[] = {"evaluation", "index", "identify", "custom", "migration"};
    return names[type];
}

json_t *recorded_event(const struct deliver_event *e)
{
    json_t *const o = json_object();
    set_text(o, "kind", "event");
    set_text(o, "type", type_name(e->type));
    set(o, "feature", e->feature ? json_true() : NULL);
    set(o, "debug", e->debug ? json_true() : NULL);
    set(o, "time", json_integer(e->time_ms));
    set_text(o, "key", e->key);
    set(o, "version", e->has_version ? json_integer(e->version) : NULL);
    set(o, "variation", e->variation >= 0 ? json_integer(e->variation) : NULL);
    share(o, "value", e->value);
    share(o, "default", e->fallback);
    set_text(o, "prereqOf", e->prereq_of);
    share(o, "reason", e->reason);
    set(o, "sampling", e->sampling_ratio != 1 ? json_integer(e->sampling_ratio) : NULL);
    set(o, "debugUntil", e->debug_until_ms ? json_integer(e->debug_until_ms) : NULL);
    share(o, "data", e->data);
    set(o, "metric", e->metric ? json_real(*e->metric) : NULL);
    set_text(o, "operation", e->operation);
    share(o, "measurements", e->measurements);
    share(o, "context", e->context);
    return o;
}

json_t *recorded_seen(const struct deliver_seen *seen)
{
    json_t *const o = json_object();
    json_t *const kinds = json_array();
    set_text(o, "kind", "seen");
    set_text(o, "key", seen->key);
    share(o, "default", seen->fallback);
    for (size_t i = 0; i < seen->kind_count; i++) {
        json_array_append_new(kinds, json_string(seen->kinds[i]));
    }
    set(o, "kinds", kinds);
    return o;
}

/* ---- the sink ----------------------------------------------------------------------------- */

static void on_event(void *arg, const struct deliver_event *event)
{
    struct recording_sink *const s = arg;
    json_array_append_new(s->pending, recorded_event(event));
}

static void on_seen(void *arg, const struct deliver_seen *seen)
{
    struct recording_sink *const s = arg;
    json_array_append_new(s->pending, recorded_seen(seen));
}

static void on_count(void *arg, const struct deliver_count *count)
{
    struct recording_sink *const s = arg;
    json_t *const o = json_object();
    set_text(o, "kind", "count");
    set_text(o, "key", count->key);
    set(o, "version", count->unknown ? NULL : json_integer(count->version));
    set(o, "variation", json_integer(count->variation));
    set(o, "unknown", count->unknown ? json_true() : NULL);
    set(o, "count", json_integer((json_int_t)count->count));
    json_array_append_new(s->pending, o);
}

static void on_dropped(void *arg, uint64_t events)
{
    struct recording_sink *const s = arg;
    json_array_append_new(s->pending,
                          json_pack("{s:s,s:I}", "kind", "dropped", "count", (json_int_t)events));
}

static int store(struct recording_sink *s)
{
    int64_t number;
    if (s->fail > 0) {
        s->fail--;
        return -1;
    }
    if (!s->storage || json_array_size(s->pending) == 0) {
        return 0;
    }
    char *const text = json_dumps(s->pending, JSON_COMPACT);
    const int result = storage_queue_add(s->storage, STORAGE_OUTBOX, "recording", "", text,
                                         strlen(text), &number, NULL);
    free(text);
    return result;
}

static int on_keep(void *arg)
{
    struct recording_sink *const s = arg;
    s->keeps++;
    return store(s);
}

static int on_flush(void *arg)
{
    struct recording_sink *const s = arg;
    s->flushes++;
    return store(s);
}

static void on_committed(void *arg)
{
    struct recording_sink *const s = arg;
    s->commits++;
    json_array_extend(s->committed, s->pending);
    json_array_clear(s->pending);
}

static void on_revert(void *arg)
{
    struct recording_sink *const s = arg;
    s->reverts++;
    json_array_clear(s->pending);
}

void recording_sink_init(struct recording_sink *s, struct storage *storage)
{
    *s = (struct recording_sink){storage, json_array(), json_array(), 0, 0, 0, 0, 0};
}

void recording_sink_free(struct recording_sink *s)
{
    json_decref(s->pending);
    json_decref(s->committed);
}

struct collector_sink recording_sink(struct recording_sink *s)
{
    return (struct collector_sink){s,       on_event, on_count,     on_seen,  on_dropped,
                                   on_keep, on_flush, on_committed, on_revert};
}

/* ---- what was recorded -------------------------------------------------------------------- */

static bool is_kind(const json_t *o, const char *kind)
{
    return strcmp(json_string_value(json_object_get(o, "kind")), kind) == 0;
}

static bool has_key(const json_t *o, const char *key)
{
    const char *const own = json_string_value(json_object_get(o, "key"));
    return !key || (own && strcmp(own, key) == 0);
}

uint64_t recorded_counts(const json_t *list, const char *key, int64_t variation)
{
    uint64_t sum = 0;
    size_t i;
    const json_t *o;
    json_array_foreach(list, i, o)
    {
        if (is_kind(o, "count") && has_key(o, key) &&
            (variation == -2 || json_integer_value(json_object_get(o, "variation")) == variation)) {
            sum += (uint64_t)json_integer_value(json_object_get(o, "count"));
        }
    }
    return sum;
}

unsigned recorded_events(const json_t *list, const char *key)
{
    unsigned sum = 0;
    size_t i;
    const json_t *o;
    json_array_foreach(list, i, o)
    {
        sum += is_kind(o, "event") && has_key(o, key);
    }
    return sum;
}

uint64_t recorded_dropped(const json_t *list)
{
    uint64_t sum = 0;
    size_t i;
    const json_t *o;
    json_array_foreach(list, i, o)
    {
        if (is_kind(o, "dropped")) {
            sum += (uint64_t)json_integer_value(json_object_get(o, "count"));
        }
    }
    return sum;
}

json_t *recorded(const json_t *list, const char *kind)
{
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o)
    {
        if (is_kind(o, kind)) {
            return o;
        }
    }
    return NULL;
}

static int load_payload(void *arg, int64_t number, const char *label, const void *bytes,
                        size_t length)
{
    json_t *const payload = json_loadb(bytes, length, 0, NULL);
    (void)number;
    (void)label;
    json_array_extend(arg, payload);
    json_decref(payload);
    return 0;
}

json_t *recorded_in(struct storage *storage)
{
    json_t *const all = json_array();
    if (storage_queue_load(storage, STORAGE_OUTBOX, "recording", load_payload, all, NULL) != 0) {
        fprintf(stderr, "the outbox cannot be read\n");
        exit(1);
    }
    return all;
}
