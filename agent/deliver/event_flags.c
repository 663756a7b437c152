#include "event_flags.h"

#include <stdlib.h>
#include <string.h>

#include "event_utf8.h"
#include "hash.h"

void event_flag_state_free(struct event_flag_state *state)
{
    for (uint32_t i = 0; i < state->counter_count; i++) {
        json_decref(state->counters[i].value);
    }
    free(state->counters);
    json_decref(state->fallback);
    json_decref(state->kinds);
    *state = (struct event_flag_state){0};
}

static int state_copy(const struct event_flag_state *from, struct event_flag_state *to)
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

struct event_counter *event_counter_new(struct event_flag_state *state)
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
    struct event_counter *const c = &state->counters[state->counter_count++];
    *c = (struct event_counter){.variation = -1};
    return c;
}

static void flag_free(struct event_flag *flag)
{
    event_flag_state_free(&flag->now);
    event_flag_state_free(&flag->before);
    free(flag);
}

int event_flags_init(struct event_flags *flags)
{
    *flags = (struct event_flags){.bucket_count = 64};
    flags->buckets = calloc(flags->bucket_count, sizeof(struct event_flag *));
    return flags->buckets ? 0 : -1;
}

void event_flags_free(struct event_flags *flags)
{
    for (size_t i = 0; flags->buckets && i < flags->bucket_count; i++) {
        for (struct event_flag *f = flags->buckets[i], *next; f; f = next) {
            next = f->next;
            flag_free(f);
        }
    }
    free(flags->buckets);
    *flags = (struct event_flags){0};
}

/* Twice the buckets. Not getting them only costs time. */
static void grow(struct event_flags *flags)
{
    struct event_flag **const buckets =
        calloc(2 * flags->bucket_count, sizeof(struct event_flag *));
    if (!buckets) {
        return;
    }
    for (size_t i = 0; i < flags->bucket_count; i++) {
        for (struct event_flag *f = flags->buckets[i], *next; f; f = next) {
            struct event_flag **const bucket = &buckets[f->hash & (2 * flags->bucket_count - 1)];
            next = f->next;
            f->next = *bucket;
            *bucket = f;
        }
    }
    free(flags->buckets);
    flags->buckets = buckets;
    flags->bucket_count *= 2;
}

/* The link that leads to the flag, or the end of its bucket. */
static struct event_flag **link_of(const struct event_flags *flags, const char *key, uint64_t hash)
{
    struct event_flag **link = &flags->buckets[hash & (flags->bucket_count - 1)];
    while (*link && ((*link)->hash != hash || strcmp((*link)->key, key) != 0)) {
        link = &(*link)->next;
    }
    return link;
}

static struct event_flag *flag_new(struct event_flags *flags, const char *key, uint64_t hash)
{
    if (flags->count >= flags->bucket_count) {
        grow(flags);
    }
    const size_t length = strlen(key);
    struct event_flag *const f = calloc(1, sizeof *f + length + 1);
    if (!f) {
        return NULL;
    }
    memcpy(f->key, key, length + 1);
    f->hash = hash;
    f->created = true;
    *link_of(flags, key, hash) = f;
    flags->count++;
    return f;
}

int event_flags_change(struct event_flags *flags, struct event_flag *f)
{
    if (f->changed) {
        return 0;
    }
    if (state_copy(&f->now, &f->before) != 0) {
        f->before = (struct event_flag_state){0};
        return -1;
    }
    f->changed = true;
    f->next_changed = flags->changed;
    flags->changed = f;
    return 0;
}

struct event_flag *event_flags_get(struct event_flags *flags, const char *key, size_t most,
                                   int64_t now_ms, bool *full)
{
    const uint64_t hash = hash_bytes(key, strlen(key));
    struct event_flag *f = *link_of(flags, key, hash);
    *full = !f && (flags->count >= most || !event_utf8(key));
    if (*full) {
        return NULL;
    }
    if (!f && !(f = flag_new(flags, key, hash))) {
        return NULL;
    }
    if (event_flags_change(flags, f) != 0) {
        return NULL;
    }
    f->touched_ms = now_ms;
    f->now.unkept = true;
    return f;
}

void event_flags_commit(struct event_flags *flags)
{
    for (struct event_flag *f = flags->changed; f; f = f->next_changed) {
        event_flag_state_free(&f->before);
        f->changed = false;
        f->created = false;
    }
    flags->changed = NULL;
}

void event_flags_revert(struct event_flags *flags)
{
    for (struct event_flag *f = flags->changed, *next; f; f = next) {
        next = f->next_changed;
        event_flag_state_free(&f->now);
        f->now = f->before;
        f->before = (struct event_flag_state){0};
        f->changed = false;
        if (f->created) {
            *link_of(flags, f->key, f->hash) = f->next;
            flags->count--;
            flag_free(f);
        }
    }
    flags->changed = NULL;
}

void event_flags_forget(struct event_flags *flags, int64_t before_ms)
{
    for (size_t i = 0; i < flags->bucket_count; i++) {
        struct event_flag **link = &flags->buckets[i];
        while (*link) {
            struct event_flag *const f = *link;
            if (f->touched_ms < before_ms && f->now.counter_count == 0 && !f->changed) {
                *link = f->next;
                flags->count--;
                flag_free(f);
            } else {
                link = &f->next;
            }
        }
    }
}
