#include "event_summary.h"

#include <stdlib.h>
#include <string.h>

#include "event_format.h"
#include "hash.h"

struct counter {
    int64_t version;
    int64_t variation; /* -1: none */
    uint64_t count;
    json_t *value; /* NULL: not known (yet), or the default */
    bool unknown;
};

/* What is known of a flag, replaced as a whole when a transaction is taken back. */
struct state {
    json_t *fallback; /* NULL: never told */
    json_t *kinds;    /* an array that is never changed, only replaced; NULL: never told */
    struct counter *counters;
    uint32_t counter_count;
    uint32_t counter_room;
    bool fallback_fresh; /* told since the last flush */
    bool kinds_fresh;
    bool unkept; /* changed since event_summary_keep */
};

struct flag {
    struct flag *next; /* of the same bucket */
    struct flag *next_changed;
    uint64_t hash;
    int64_t touched_ms;
    struct state now;
    struct state before; /* at the last commit, if `changed` */
    bool changed;
    bool created; /* since the last commit */
    char key[];
};

struct event_summary {
    struct flag **buckets;
    size_t bucket_count; /* a power of two */
    size_t flag_count;
    struct flag *changed;
    deliver_value_fn *value;
    void *arg;
};

/* ---- flags -------------------------------------------------------------------------------- */

static void state_free(struct state *state)
{
    for (uint32_t i = 0; i < state->counter_count; i++) {
        json_decref(state->counters[i].value);
    }
    free(state->counters);
    json_decref(state->fallback);
    json_decref(state->kinds);
    *state = (struct state){0};
}

static int state_copy(const struct state *from, struct state *to)
{
    *to = *from;
    to->counters = NULL;
    to->counter_room = from->counter_count;
    if (from->counter_count > 0) {
        to->counters = malloc(from->counter_count * sizeof *to->counters);
        if (!to->counters) {
            return -1;
        }
        memcpy(to->counters, from->counters, from->counter_count * sizeof *to->counters);
    }
    for (uint32_t i = 0; i < to->counter_count; i++) {
        json_incref(to->counters[i].value);
    }
    json_incref(to->fallback);
    json_incref(to->kinds);
    return 0;
}

static void flag_free(struct flag *flag)
{
    state_free(&flag->now);
    state_free(&flag->before);
    free(flag);
}

struct event_summary *event_summary_new(deliver_value_fn *value, void *arg)
{
    struct event_summary *const s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->value = value;
    s->arg = arg;
    s->bucket_count = 64;
    s->buckets = calloc(s->bucket_count, sizeof(struct flag *));
    if (!s->buckets) {
        free(s);
        return NULL;
    }
    return s;
}

void event_summary_free(struct event_summary *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct flag *f = s->buckets[i], *next; f; f = next) {
            next = f->next;
            flag_free(f);
        }
    }
    free(s->buckets);
    free(s);
}

/* Twice the buckets. Not getting them only costs time. */
static void grow(struct event_summary *s)
{
    struct flag **const buckets = calloc(2 * s->bucket_count, sizeof(struct flag *));
    if (!buckets) {
        return;
    }
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct flag *f = s->buckets[i], *next; f; f = next) {
            struct flag **const bucket = &buckets[f->hash & (2 * s->bucket_count - 1)];
            next = f->next;
            f->next = *bucket;
            *bucket = f;
        }
    }
    free(s->buckets);
    s->buckets = buckets;
    s->bucket_count *= 2;
}

/* The link that leads to the flag, or the end of its bucket. */
static struct flag **link_of(const struct event_summary *s, const char *key, uint64_t hash)
{
    struct flag **link = &s->buckets[hash & (s->bucket_count - 1)];
    while (*link && ((*link)->hash != hash || strcmp((*link)->key, key) != 0)) {
        link = &(*link)->next;
    }
    return link;
}

static struct flag *flag_new(struct event_summary *s, const char *key, uint64_t hash)
{
    if (s->flag_count >= s->bucket_count) {
        grow(s);
    }
    const size_t length = strlen(key);
    struct flag *const f = calloc(1, sizeof *f + length + 1);
    if (!f) {
        return NULL;
    }
    memcpy(f->key, key, length + 1);
    f->hash = hash;
    f->created = true;
    *link_of(s, key, hash) = f;
    s->flag_count++;
    return f;
}

/* Before the first change in a transaction. 0; -1: no memory, nothing may be changed. */
static int change(struct event_summary *s, struct flag *f)
{
    if (f->changed) {
        return 0;
    }
    if (state_copy(&f->now, &f->before) != 0) {
        f->before = (struct state){0};
        return -1;
    }
    f->changed = true;
    f->next_changed = s->changed;
    s->changed = f;
    return 0;
}

/* The flag, made if need be and ready to be changed. NULL: no memory, or (*full) no room, or a key
   that cannot be told. */
static struct flag *flag_of(struct event_summary *s, const char *key, int64_t now_ms, bool *full)
{
    const uint64_t hash = hash_bytes(key, strlen(key));
    struct flag *f = *link_of(s, key, hash);
    *full = !f && (s->flag_count >= EVENT_SUMMARY_FLAGS || !event_text_valid(key));
    if (*full) {
        return NULL;
    }
    if (!f && !(f = flag_new(s, key, hash))) {
        return NULL;
    }
    if (change(s, f) != 0) {
        return NULL;
    }
    f->touched_ms = now_ms;
    f->now.unkept = true;
    return f;
}

/* ---- counting ----------------------------------------------------------------------------- */

static struct counter *counter_of(struct state *state, const struct deliver_count *count)
{
    for (uint32_t i = 0; i < state->counter_count; i++) {
        struct counter *const c = &state->counters[i];
        if (c->unknown == count->unknown &&
            (c->unknown || (c->version == count->version && c->variation == count->variation))) {
            return c;
        }
    }
    return NULL;
}

static struct counter *counter_new(struct state *state)
{
    if (state->counter_count == state->counter_room) {
        const uint32_t room = state->counter_room ? 2 * state->counter_room : 4;
        void *const grown = realloc(state->counters, room * sizeof *state->counters);
        if (!grown) {
            return NULL;
        }
        state->counters = grown;
        state->counter_room = room;
    }
    struct counter *const c = &state->counters[state->counter_count++];
    *c = (struct counter){.variation = -1};
    return c;
}

/* Looked up at the first count, while the definition of that version is most likely known. */
static json_t *value_of(const struct event_summary *s, const char *key, const struct counter *c)
{
    return c->variation >= 0 && s->value ? s->value(s->arg, key, c->version, c->variation) : NULL;
}

int event_summary_count(struct event_summary *s, const struct deliver_count *count, int64_t now_ms,
                        uint64_t *lost)
{
    bool full;
    struct flag *const f = flag_of(s, count->key, now_ms, &full);
    if (full) {
        *lost += count->count;
        return 0;
    }
    if (!f) {
        return -1;
    }
    struct counter *c = counter_of(&f->now, count);
    if (!c && f->now.counter_count >= EVENT_SUMMARY_COUNTERS) {
        *lost += count->count;
        return 0;
    }
    if (!c) {
        c = counter_new(&f->now);
        if (!c) {
            return -1;
        }
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
static int see_kinds(struct state *state, const char *const *kinds, size_t count)
{
    if (count == 0) {
        return 0;
    }
    json_t *const all = state->kinds_fresh && state->kinds ? json_copy(state->kinds) : json_array();
    if (!all) {
        return -1;
    }
    for (size_t i = 0; i < count && json_array_size(all) < EVENT_SUMMARY_KINDS; i++) {
        if (!has_kind(all, kinds[i])) {
            json_array_append_new(all, json_string(kinds[i])); /* not UTF-8: left out */
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
    struct flag *const f = flag_of(s, seen->key, now_ms, &full);
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

static json_t *format_counter(const struct event_summary *s, const struct flag *f,
                              const struct counter *c)
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

static json_t *format_flag(const struct event_summary *s, const struct flag *f)
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
static void start_anew(struct flag *f)
{
    for (uint32_t i = 0; i < f->now.counter_count; i++) {
        json_decref(f->now.counters[i].value);
    }
    f->now.counter_count = 0;
    f->now.fallback_fresh = false;
    f->now.kinds_fresh = false;
    f->now.unkept = false;
}

static int take_flag(struct event_summary *s, struct flag *f, json_t *features)
{
    if (change(s, f) != 0) {
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
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct flag *f = s->buckets[i]; f; f = f->next) {
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
static json_t *pack_counter(const struct counter *c)
{
    return json_pack("[I, I, b, I, O?]", (json_int_t)c->version, (json_int_t)c->variation,
                     c->unknown, (json_int_t)c->count, c->value);
}

/* [key, [counter, ...], default told lately, kinds told lately, kinds, default if ever told] */
static json_t *pack_flag(const struct flag *f)
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

static int keep_flag(struct event_summary *s, struct flag *f, json_t *all)
{
    if (change(s, f) != 0) {
        return -1;
    }
    f->now.unkept = false;
    return json_array_append_new(all, pack_flag(f));
}

int event_summary_keep(struct event_summary *s, char **text)
{
    json_t *const all = json_array();
    *text = NULL;
    for (size_t i = 0; i < s->bucket_count; i++) {
        for (struct flag *f = s->buckets[i]; f; f = f->next) {
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
static int load_counter(struct state *state, json_t *packed)
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
    struct counter *const c = counter_new(state);
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
    struct flag *const f = flag_of(s, key, now_ms, &full);
    if (!f) {
        return full ? 0 : -1;
    }
    state_free(&f->now);
    f->now.fallback_fresh = fallback_fresh;
    f->now.kinds_fresh = kinds_fresh;
    f->now.kinds = json_is_array(kinds) ? json_incref(kinds) : NULL;
    f->now.fallback = json_incref(json_array_get(packed, 5));
    int result = 0;
    for (size_t i = 0; i < json_array_size(counters) && result == 0; i++) {
        result = load_counter(&f->now, json_array_get(counters, i));
    }
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

/* ---- commit, revert, forget --------------------------------------------------------------- */

void event_summary_commit(struct event_summary *s)
{
    for (struct flag *f = s->changed; f; f = f->next_changed) {
        state_free(&f->before);
        f->changed = false;
        f->created = false;
    }
    s->changed = NULL;
}

void event_summary_revert(struct event_summary *s)
{
    for (struct flag *f = s->changed, *next; f; f = next) {
        next = f->next_changed;
        state_free(&f->now);
        f->now = f->before;
        f->before = (struct state){0};
        f->changed = false;
        if (f->created) {
            *link_of(s, f->key, f->hash) = f->next;
            s->flag_count--;
            flag_free(f);
        }
    }
    s->changed = NULL;
}

void event_summary_forget(struct event_summary *s, int64_t before_ms)
{
    for (size_t i = 0; i < s->bucket_count; i++) {
        struct flag **link = &s->buckets[i];
        while (*link) {
            struct flag *const f = *link;
            if (f->touched_ms < before_ms && f->now.counter_count == 0 && !f->changed) {
                *link = f->next;
                s->flag_count--;
                flag_free(f);
            } else {
                link = &f->next;
            }
        }
    }
}

size_t event_summary_flags(const struct event_summary *s)
{
    return s->flag_count;
}
