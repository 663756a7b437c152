#include "event_summary.h"

#include <stdlib.h>
#include <string.h>

#include "event_flags.h"
#include "event_format.h"
#include "event_utf8.h"

struct event_summary {
    struct event_flags flags;
    size_t counters; /* of all flags */
    size_t committed_counters;
    deliver_value_fn *value;
    void *arg;
};

struct event_summary *event_summary_new(deliver_value_fn *value, void *arg)
{
    struct event_summary *const s = calloc(1, sizeof *s);
    if (!s || event_flags_init(&s->flags) != 0) {
        free(s);
        return NULL;
    }
    s->value = value;
    s->arg = arg;
    return s;
}

void event_summary_free(struct event_summary *s)
{
    if (s) {
        event_flags_free(&s->flags);
        free(s);
    }
}

void event_summary_commit(struct event_summary *s)
{
    event_flags_commit(&s->flags);
    s->committed_counters = s->counters;
}

void event_summary_revert(struct event_summary *s)
{
    event_flags_revert(&s->flags);
    s->counters = s->committed_counters;
}

void event_summary_forget(struct event_summary *s, int64_t before_ms)
{
    event_flags_forget(&s->flags, before_ms);
}

size_t event_summary_flags(const struct event_summary *s)
{
    return s->flags.count;
}

static struct event_flag *flag_of(struct event_summary *s, const char *key, int64_t now_ms,
                                  bool *full)
{
    return event_flags_get(&s->flags, key, EVENT_SUMMARY_FLAGS, now_ms, full);
}

/* ---- counting ----------------------------------------------------------------------------- */

static struct event_counter *counter_of(struct event_flag_state *state,
                                        const struct deliver_count *count)
{
    for (uint32_t i = 0; i < state->counter_count; i++) {
        struct event_counter *const c = &state->counters[i];
        if (c->unknown == count->unknown &&
            (c->unknown || (c->version == count->version && c->variation == count->variation))) {
            return c;
        }
    }
    return NULL;
}

/* Looked up at the first count, while the definition of that version is most likely known. */
static json_t *value_of(const struct event_summary *s, const char *key,
                        const struct event_counter *c)
{
    return c->variation >= 0 && s->value ? s->value(s->arg, key, c->version, c->variation) : NULL;
}

int event_summary_count(struct event_summary *s, const struct deliver_count *count, int64_t now_ms,
                        uint64_t *lost)
{
    bool full;
    struct event_flag *const f = flag_of(s, count->key, now_ms, &full);
    if (full) {
        *lost += count->count;
        return 0;
    }
    if (!f) {
        return -1;
    }
    struct event_counter *c = counter_of(&f->now, count);
    if (!c &&
        (f->now.counter_count >= EVENT_SUMMARY_COUNTERS || s->counters >= EVENT_SUMMARY_ALL)) {
        *lost += count->count;
        return 0;
    }
    if (!c) {
        c = event_counter_new(&f->now);
        if (!c) {
            return -1;
        }
        s->counters++;
        c->unknown = count->unknown;
        if (!count->unknown) {
            c->version = count->version;
            c->variation = count->variation < 0 ? -1 : count->variation;
        }
        c->value = value_of(s, f->key, c);
    }
    c->count += count->count;
    return 0;
}

/* ---- what else is told -------------------------------------------------------------------- */

static bool has_kind(const json_t *kinds, const char *kind)
{
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        if (strcmp(json_string_value(json_array_get(kinds, i)), kind) == 0) {
            return true;
        }
    }
    return false;
}

/* The first kinds since a flush replace those from before it. */
static int see_kinds(struct event_flag_state *state, const char *const *kinds, size_t count)
{
    if (count == 0) {
        return 0;
    }
    json_t *const all = state->kinds_fresh && state->kinds ? json_copy(state->kinds) : json_array();
    if (!all) {
        return -1;
    }
    for (size_t i = 0; i < count && json_array_size(all) < EVENT_SUMMARY_KINDS; i++) {
        if (event_utf8(kinds[i]) && !has_kind(all, kinds[i]) &&
            json_array_append_new(all, json_string(kinds[i])) != 0) {
            json_decref(all);
            return -1;
        }
    }
    json_decref(state->kinds);
    state->kinds = all;
    state->kinds_fresh = true;
    return 0;
}

int event_summary_seen(struct event_summary *s, const struct deliver_seen *seen, int64_t now_ms)
{
    bool full;
    struct event_flag *const f = flag_of(s, seen->key, now_ms, &full);
    if (full) {
        return 0; /* its counts will tell */
    }
    if (!f) {
        return -1;
    }
    /* A flag that was evaluated as a prerequisite has no default; that of a direct evaluation says
       more. */
    if (seen->fallback && !f->now.fallback_fresh) {
        json_decref(f->now.fallback);
        f->now.fallback = json_incref(seen->fallback);
        f->now.fallback_fresh = true;
    }
    return see_kinds(&f->now, seen->kinds, seen->kind_count);
}

/* ---- the event ---------------------------------------------------------------------------- */

static json_t *format_counter(const struct event_summary *s, const struct event_flag *f,
                              const struct event_counter *c)
{
    json_t *const out = json_object();
    int result = 0;
    if (c->unknown) {
        result = json_object_set_new(out, "unknown", json_true());
    } else {
        result = json_object_set_new(out, "version", json_integer(c->version));
        if (c->variation >= 0) {
            result |= json_object_set_new(out, "variation", json_integer(c->variation));
        }
    }
    json_t *value = json_incref(c->variation < 0 ? f->now.fallback : c->value);
    if (!value) {
        value = value_of(s, f->key, c);
    }
    result |= json_object_set_new(out, "value", value ? value : json_null());
    result |= json_object_set_new(out, "count", json_integer((json_int_t)c->count));
    if (result != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *format_flag(const struct event_summary *s, const struct event_flag *f)
{
    json_t *const out = json_object();
    json_t *const counters = json_array();
    json_t *const fallback = f->now.fallback;
    int result =
        json_object_set_new(out, "default", fallback ? json_incref(fallback) : json_null());
    json_t *const kinds = f->now.kinds;
    result |= json_object_set_new(out, "contextKinds", kinds ? json_incref(kinds) : json_array());
    for (uint32_t i = 0; i < f->now.counter_count && result == 0; i++) {
        result = json_array_append_new(counters, format_counter(s, f, &f->now.counters[i]));
    }
    result |= json_object_set_new(out, "counters", counters);
    if (result != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* What a flush leaves of a flag. */
static void start_anew(struct event_flag *f)
{
    for (uint32_t i = 0; i < f->now.counter_count; i++) {
        json_decref(f->now.counters[i].value);
    }
    f->now.counter_count = 0;
    f->now.fallback_fresh = false;
    f->now.kinds_fresh = false;
    f->now.unkept = false;
}

static int take_flag(struct event_summary *s, struct event_flag *f, json_t *features)
{
    if (event_flags_change(&s->flags, f) != 0) {
        return -1;
    }
    if (f->now.counter_count > 0 && json_object_set_new(features, f->key, format_flag(s, f)) != 0) {
        return -1;
    }
    start_anew(f);
    return 0;
}

/* Every flag that anything was told of. */
static int take_flags(struct event_summary *s, json_t *features)
{
    for (size_t i = 0; i < s->flags.bucket_count; i++) {
        for (struct event_flag *f = s->flags.buckets[i]; f; f = f->next) {
            const bool told = f->now.counter_count > 0 || f->now.fallback_fresh ||
                              f->now.kinds_fresh || f->now.unkept;
            if (told && take_flag(s, f, features) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

int event_summary_take(struct event_summary *s, int64_t start_ms, int64_t end_ms, char **text)
{
    json_t *const features = json_object();
    *text = NULL;
    if (!features || take_flags(s, features) != 0) {
        json_decref(features);
        return -1;
    }
    s->counters = 0;
    if (json_object_size(features) == 0) {
        json_decref(features);
        return 0;
    }
    json_t *const out = json_object();
    int result = json_object_set_new(out, "kind", json_string("summary"));
    result |= json_object_set_new(out, "startDate", json_integer(start_ms));
    result |= json_object_set_new(out, "endDate", json_integer(end_ms));
    result |= json_object_set_new(out, "features", features);
    *text = result == 0 ? event_text(out) : NULL;
    json_decref(out);
    return *text ? 0 : -1;
}

/* ---- the spool ---------------------------------------------------------------------------- */

/* [version, variation, unknown, count, value or null] */
static json_t *pack_counter(const struct event_counter *c)
{
    return json_pack("[I, I, b, I, O?]", (json_int_t)c->version, (json_int_t)c->variation,
                     c->unknown, (json_int_t)c->count, c->value);
}

/* [key, [counter, ...], default told lately, kinds told lately, kinds, default if ever told] */
static json_t *pack_flag(const struct event_flag *f)
{
    json_t *const counters = json_array();
    for (uint32_t i = 0; i < f->now.counter_count; i++) {
        if (json_array_append_new(counters, pack_counter(&f->now.counters[i])) != 0) {
            json_decref(counters);
            return NULL;
        }
    }
    return json_pack("[s, o, b, b, O?, O*]", f->key, counters, f->now.fallback_fresh,
                     f->now.kinds_fresh, f->now.kinds, f->now.fallback);
}

static int keep_flag(struct event_summary *s, struct event_flag *f, json_t *all)
{
    if (event_flags_change(&s->flags, f) != 0) {
        return -1;
    }
    f->now.unkept = false;
    return json_array_append_new(all, pack_flag(f));
}

int event_summary_keep(struct event_summary *s, char **text)
{
    json_t *const all = json_array();
    *text = NULL;
    for (size_t i = 0; i < s->flags.bucket_count; i++) {
        for (struct event_flag *f = s->flags.buckets[i]; f; f = f->next) {
            if (f->now.unkept && keep_flag(s, f, all) != 0) {
                json_decref(all);
                return -1;
            }
        }
    }
    const bool nothing = all && json_array_size(all) == 0;
    *text = all && !nothing ? event_text(all) : NULL;
    json_decref(all);
    return nothing || *text ? 0 : -1;
}

/* 0; -1: no memory; 1: not what pack_counter made. */
static int load_counter(struct event_flag_state *state, json_t *packed)
{
    json_int_t version;
    json_int_t variation;
    json_int_t count;
    json_t *value;
    int unknown;
    if (json_unpack(packed, "[I, I, b, I, o]", &version, &variation, &unknown, &count, &value) !=
        0) {
        return 1;
    }
    struct event_counter *const c = event_counter_new(state);
    if (!c) {
        return -1;
    }
    c->version = version;
    c->variation = variation;
    c->count = (uint64_t)count;
    c->unknown = unknown;
    c->value = json_is_null(value) ? NULL : json_incref(value);
    return 0;
}

static int load_flag(struct event_summary *s, json_t *packed, int64_t now_ms)
{
    const char *key;
    json_t *counters;
    json_t *kinds;
    int fallback_fresh;
    int kinds_fresh;
    bool full;
    if (json_unpack(packed, "[s, o, b, b, o]", &key, &counters, &fallback_fresh, &kinds_fresh,
                    &kinds) != 0) {
        return 1;
    }
    struct event_flag *const f = flag_of(s, key, now_ms, &full);
    if (!f) {
        return full ? 0 : -1;
    }
    s->counters -= f->now.counter_count;
    event_flag_state_free(&f->now);
    f->now.fallback_fresh = fallback_fresh;
    f->now.kinds_fresh = kinds_fresh;
    f->now.kinds = json_is_array(kinds) ? json_incref(kinds) : NULL;
    f->now.fallback = json_incref(json_array_get(packed, 5));
    int result = 0;
    for (size_t i = 0; i < json_array_size(counters) && result == 0; i++) {
        result = load_counter(&f->now, json_array_get(counters, i));
    }
    s->counters += f->now.counter_count;
    return result;
}

int event_summary_load(struct event_summary *s, const char *text, size_t length, int64_t now_ms)
{
    json_error_t error = {0};
    json_t *const all = json_loadb(text, length, JSON_ALLOW_NUL, &error);
    int result = 0;
    if (!json_is_array(all)) {
        result = !all && json_error_code(&error) == json_error_out_of_memory ? -1 : 1;
    }
    for (size_t i = 0; i < json_array_size(all) && result == 0; i++) {
        result = load_flag(s, json_array_get(all, i), now_ms);
    }
    json_decref(all);
    event_summary_commit(s);
    return result;
}
