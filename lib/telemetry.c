/*
 * telemetry.c - what there is to tell of an evaluation, when it is more than one more count.
 *
 * In this order, so that the agent, which reads counters before rings, never finds a count whose
 * SEEN it has not: the context (INDEX), the flag in this window (SEEN), the whole evaluation
 * (EVALUATION), the count, the error.
 */
#include "telemetry.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "context.h"
#include "telemetry_block.h"
#include "telemetry_error.h"
#include "telemetry_map.h"
#include "telemetry_pack.h"
#include "telemetry_ring.h"
#include "telemetry_stripe.h"
#include "telemetry_tell.h"

#define UNKNOWN_SEED 0x756e6b6e6f776e20u /* keeps tags of unknown keys apart from key hashes */

/* ---- a call -------------------------------------------------------------------------------- */

/* A new epoch: nobody is known. Whoever is the first in it forgets; others who look meanwhile may
   still take somebody for known, for this once. */
static void forget_contexts(struct telemetry *t, uint32_t epoch)
{
    uint32_t old = atomic_load_explicit(&t->epoch, memory_order_relaxed);
    if (old != epoch && atomic_compare_exchange_strong_explicit(
                            &t->epoch, &old, epoch, memory_order_relaxed, memory_order_relaxed)) {
        for (unsigned i = 0; i < TELEMETRY_KNOWN; i++) {
            atomic_store_explicit(&t->known[i], 0, memory_order_relaxed);
        }
    }
}

void telemetry_begin(struct telemetry_teller *teller, struct ffshm *ff, uint64_t window)
{
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    *teller = (struct telemetry_teller){
        .ff = ff,
        .window = window,
        .events = atomic_load_explicit(&control->telemetry_wants, memory_order_relaxed) &
                  IMAGE_WANTS_EVENTS,
    };
    teller->t = telemetry_get(ff, &teller->without);
    if (teller->t) {
        forget_contexts(teller->t, (uint32_t)(window >> 32));
    }
}

int64_t telemetry_now(struct telemetry_teller *teller)
{
    if (teller->now_ms == 0) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        teller->now_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    }
    return teller->now_ms;
}

/* Late by up to a tick, some milliseconds, and cheaper: for what people only look at. */
static int64_t about_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

__thread uint64_t telemetry_draw_state;

bool telemetry_drawn(int32_t ratio)
{
    if (ratio <= 1) {
        return ratio == 1;
    }
    uint64_t state = telemetry_draw_state;
    if (state == 0) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        state = ((uint64_t)t.tv_nsec << 32 ^ (uint64_t)t.tv_sec ^ (uintptr_t)&state) | 1;
    }
    state ^= state << 13; /* xorshift64 */
    state ^= state >> 7;
    state ^= state << 17;
    telemetry_draw_state = state;
    return (state >> 32) % (uint32_t)ratio == 0;
}

static void lose_count(struct telemetry_teller *teller)
{
    struct telemetry *t = teller->t ? teller->t : teller->without;
    if (t) {
        struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
        atomic_fetch_add_explicit(file ? &file->dropped_counts : &t->lost_counts, 1,
                                  memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&teller->ff->dropped_counts, 1, memory_order_relaxed);
}

static void lose_event(struct telemetry_teller *teller)
{
    if (teller->without) {
        atomic_fetch_add_explicit(&teller->without->lost_events, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&teller->ff->dropped_events, 1, memory_order_relaxed);
}

/* ---- contexts ------------------------------------------------------------------------------ */

/* The number of a set of kinds; TELEMETRY_KIND_SETS: there are too many sets. */
static unsigned kind_set(struct telemetry *t, uint64_t sum)
{
    for (unsigned i = 0; i < TELEMETRY_KIND_SETS; i++) {
        uint64_t found = atomic_load_explicit(&t->kind_sets[i], memory_order_relaxed);
        if (found == 0) {
            atomic_compare_exchange_strong_explicit(&t->kind_sets[i], &found, sum,
                                                    memory_order_relaxed, memory_order_relaxed);
            found = atomic_load_explicit(&t->kind_sets[i], memory_order_relaxed);
        }
        if (found == sum) {
            return i;
        }
    }
    return TELEMETRY_KIND_SETS;
}

/* What `known` has for a context that was told of, whose set of kinds has no number: nothing that
   telemetry_ready would take for it. */
static uint64_t known_without_set(const struct ffshm_context *c)
{
    return ~c->identity;
}

unsigned telemetry_know_context(struct telemetry_teller *teller, const struct ffshm_context *c)
{
    const unsigned set = kind_set(teller->t, c->kind_sum);
    atomic_store_explicit(telemetry_place(teller->t, c),
                          set < TELEMETRY_KIND_SETS ? telemetry_known(c, set)
                                                    : known_without_set(c),
                          memory_order_relaxed);
    return set;
}

unsigned telemetry_tell_context(struct telemetry_teller *teller, const struct ffshm_context *c)
{
    const uint64_t known =
        atomic_load_explicit(telemetry_place(teller->t, c), memory_order_relaxed);
    if ((known ^ c->identity) / TELEMETRY_KIND_SETS == 0) {
        return known % TELEMETRY_KIND_SETS;
    }
    if (known == known_without_set(c)) {
        return TELEMETRY_KIND_SETS;
    }
    if (teller->events) {
        const struct telemetry_context_record record = {telemetry_now(teller), c};
        if (!telemetry_push_event(teller->ff, teller->t, TELEMETRY_INDEX, 0, telemetry_pack_context,
                                  &record)) {
            return kind_set(teller->t, c->kind_sum); /* perhaps the next time */
        }
    }
    return telemetry_know_context(teller, c);
}

/* ---- SEEN ---------------------------------------------------------------------------------- */

/* A window in the high half of `seen`; with its epoch, for each agent counts from 1. */
static uint64_t window_of_seen(uint64_t window)
{
    return (window + (window >> 32) * 0x9e3779b1u) << 32;
}

static bool is_of_window(uint64_t seen, uint64_t window)
{
    return (seen ^ window_of_seen(window)) >> 32 == 0;
}

static void mark_seen(_Atomic uint64_t *seen, uint64_t window, uint64_t bit)
{
    uint64_t old = atomic_load_explicit(seen, memory_order_relaxed);
    uint64_t new;
    do {
        new = (is_of_window(old, window) ? old : window_of_seen(window)) | bit;
    } while (!atomic_compare_exchange_weak_explicit(seen, &old, new, memory_order_release,
                                                    memory_order_relaxed));
}

/* true: the agent was told that the flag is evaluated with contexts of these kinds. Threads that
   come here at once may tell it twice; none goes on before it is told. */
static bool tell_seen(struct telemetry_teller *teller, struct telemetry_node *node, unsigned set,
                      const struct telemetry_subject *subject,
                      const struct telemetry_evaluation *what)
{
    if (set == TELEMETRY_KIND_SETS) {
        return false;
    }
    const uint64_t bit = (uint64_t)1 << set;
    const uint64_t seen = atomic_load_explicit(&node->seen, memory_order_acquire);
    if (is_of_window(seen, teller->window) && seen & bit) {
        return true;
    }
    if (teller->events) {
        const struct telemetry_seen_record record = {
            .key = {subject->key, subject->key_length},
            .version = subject->kind == TELEMETRY_FLAG ? &subject->version : NULL,
            .fallback = what->fallback,
            .c = what->c,
        };
        if (!telemetry_push(teller->ff, teller->t, TELEMETRY_SEEN, 0, telemetry_pack_seen,
                            &record)) {
            return false; /* perhaps the next time */
        }
    }
    mark_seen(&node->seen, teller->window, bit);
    return true;
}

/* ---- the count ----------------------------------------------------------------------------- */

static struct telemetry_subject flag_subject(const struct image_flag *flag)
{
    return (struct telemetry_subject){
        .tag = telemetry_tag(flag),
        .kind = TELEMETRY_FLAG,
        .key = image_text(flag, flag->blob.key),
        .key_length = flag->blob.key.length,
        .version = flag->blob.version,
        .counter_count = flag->variation_count + 1,
    };
}

static struct telemetry_subject unknown_subject(const char *key)
{
    const size_t length = strlen(key);
    return (struct telemetry_subject){
        .tag = XXH3_64bits_withSeed(key, length, UNKNOWN_SEED),
        .kind = TELEMETRY_UNKNOWN,
        .key = key,
        .key_length = length,
        .counter_count = 1,
    };
}

/* Where there is no room ever again, it goes on in another struct telemetry. */
static struct telemetry_block *block_of(struct telemetry_teller *teller, uint32_t stripe,
                                        const struct telemetry_subject *subject,
                                        struct telemetry_node **node)
{
    struct telemetry_block *block = telemetry_block(teller->ff, teller->t, stripe, subject, node);
    if (!block && atomic_load_explicit(&teller->t->used_up, memory_order_relaxed) &&
        telemetry_replace(teller->ff, teller->t)) {
        struct telemetry *next = telemetry_get(teller->ff, &teller->without);
        if (next) {
            teller->t = next;
            block = telemetry_block(teller->ff, next, stripe, subject, node);
        }
    }
    return block;
}

/* From now on telemetry_count does it. An old view's flag would take the place of the current one,
   again and again: it stays where it is. */
static void install(struct telemetry_teller *teller, uint32_t stripe,
                    const struct telemetry_evaluation *what, struct telemetry_node *node,
                    struct telemetry_block *block)
{
    struct telemetry *t = teller->t;
    const struct store_snapshot *current =
        atomic_load_explicit(&teller->ff->current, memory_order_relaxed);
    if (what->snapshot != &current->image) {
        return;
    }
    if (what->where.slot > t->mask) {
        telemetry_replace(teller->ff, t); /* by one that has more slots */
        return;
    }
    struct telemetry_entry *entry = telemetry_entry(t, stripe, what->where.slot);
    const uint64_t seen = atomic_load_explicit(&node->seen, memory_order_acquire);
    if (atomic_load_explicit(&entry->block, memory_order_relaxed) != block ||
        atomic_load_explicit(&entry->window, memory_order_relaxed) != teller->window) {
        atomic_store_explicit(&entry->sets, 0, memory_order_release);
        atomic_store_explicit(&entry->block, block, memory_order_release);
        atomic_store_explicit(&entry->window, teller->window, memory_order_release);
    }
    if (is_of_window(seen, teller->window)) {
        atomic_fetch_or_explicit(&entry->sets, (uint32_t)seen, memory_order_release);
    }
}

/* ---- whole evaluations --------------------------------------------------------------------- */

static struct telemetry_text text_of(const struct image_flag *flag, struct image_string s)
{
    return (struct telemetry_text){s.length ? image_text(flag, s) : NULL, s.length};
}

/* A value of the wrong type counts as no value; that it was an experiment still counts. */
static struct telemetry_reason reason_of(const struct telemetry_evaluation *what)
{
    const struct evaluation *e = what->result;
    if (what->wrong_type) {
        return (struct telemetry_reason){.kind = FFSHM_REASON_ERROR,
                                         .error = FFSHM_WRONG_TYPE,
                                         .big_segments = e->big_segments,
                                         .rule_index = -1};
    }
    return (struct telemetry_reason){
        .kind = e->reason,
        .error = e->error,
        .big_segments = e->big_segments,
        .rule_index = e->rule_index,
        .rule_id = text_of(e->flag, e->rule_id),
        .prerequisite_key = text_of(e->flag, e->prerequisite_key),
        .in_experiment = e->in_experiment,
    };
}

static void tell_evaluation(struct telemetry_teller *teller,
                            const struct telemetry_evaluation *what,
                            const struct image_flag *parent)
{
    const struct evaluation *e = what->result;
    const struct image_flag *flag = e->flag;
    const bool experiment = evaluation_is_experiment(e);
    unsigned flags = 0;
    if ((experiment || flag->flags & IMAGE_FLAG_TRACK_EVENTS) &&
        telemetry_drawn(flag->sampling_ratio)) {
        flags |= TELEMETRY_FEATURE;
    }
    if (flag->debug_until_ms > 0 && flag->debug_until_ms > telemetry_now(teller) &&
        telemetry_drawn(flag->sampling_ratio)) {
        flags |= TELEMETRY_DEBUG;
    }
    if (flags == 0) {
        return;
    }
    const struct telemetry_reason reason = reason_of(what);
    const struct telemetry_evaluation_record record = {
        .time_ms = telemetry_now(teller),
        .key = text_of(flag, flag->blob.key),
        .version = flag->blob.version,
        .variation = what->wrong_type ? -1 : e->variation,
        .value = e->value ? text_of(flag, e->value->json) : (struct telemetry_text){NULL, 0},
        .fallback = what->fallback,
        .prerequisite_of =
            parent ? text_of(parent, parent->blob.key) : (struct telemetry_text){NULL, 0},
        .reason = what->with_reason || experiment ? &reason : NULL,
        .sampling_ratio = flag->sampling_ratio,
        .debug_until_ms = flag->debug_until_ms,
        .c = what->c,
    };
    telemetry_push_event(teller->ff, teller->t, TELEMETRY_EVALUATION, flags,
                         telemetry_pack_evaluation, &record);
}

/* ---- an evaluation ------------------------------------------------------------------------- */

/* The count is stored after what it counts on. (For the agent: another process, which
   ThreadSanitizer, that knows no fences, does not see.) */
static inline void order_stores(void)
{
#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(memory_order_release);
#endif
}

static void tell_count(struct telemetry_teller *teller, const struct telemetry_evaluation *what,
                       const struct telemetry_subject *subject, const struct image_flag *parent)
{
    const struct image_flag *flag = (const struct image_flag *)what->where.blob;
    const bool more = flag && flag->flags & IMAGE_FLAG_COUNTS_MORE;
    const unsigned set = telemetry_tell_context(teller, what->c);
    const uint32_t stripe = telemetry_stripe_claim(teller->window);
    struct telemetry_node *node = NULL;
    struct telemetry_block *block = NULL;
    bool seen = false;
    const bool counted = !flag || !(flag->flags & IMAGE_FLAG_NO_SUMMARY);
    if (counted) {
        block = block_of(teller, stripe, subject, &node);
        seen = block && tell_seen(teller, node, set, subject, what);
    }
    if (more && teller->events) {
        tell_evaluation(teller, what, parent);
    }
    if (block) {
        const int32_t variation = what->wrong_type ? -1 : what->result->variation;
        order_stores();
        telemetry_add(block,
                      flag && variation >= 0 ? (uint32_t)variation : subject->counter_count - 1);
    } else if (counted) {
        lose_count(teller);
    }
    if (seen && flag && !more) {
        install(teller, stripe, what, node, block);
    }
}

static void tell_error(struct telemetry_teller *teller, const struct telemetry_evaluation *what,
                       const char *key, size_t length)
{
    const int error = what->wrong_type ? FFSHM_WRONG_TYPE : what->result->error;
    if (error != FFSHM_OK && error != FFSHM_NOT_READY) {
        telemetry_error(teller->t, error, key, length, about_now());
    }
}

/* parent: the flag whose prerequisite it was; NULL: the caller asked for it. */
static void tell(struct telemetry_teller *teller, const struct telemetry_evaluation *what,
                 const struct image_flag *parent)
{
    const struct image_flag *flag = (const struct image_flag *)what->where.blob;
    const bool valid = context_valid(what->c);
    const char *key = what->key ? what->key : "";
    const struct telemetry_subject subject = flag ? flag_subject(flag) : unknown_subject(key);
    if (!teller->t) {
        if (valid) {
            lose_count(teller);
        }
        if (valid && flag && flag->flags & IMAGE_FLAG_COUNTS_MORE && teller->events &&
            (flag->flags & IMAGE_FLAG_TRACK_EVENTS || evaluation_is_experiment(what->result))) {
            lose_event(teller);
        }
        return;
    }
    if (valid) {
        tell_count(teller, what, &subject, parent);
    }
    tell_error(teller, what, subject.key, subject.key_length);
}

void telemetry_tell(struct ffshm *ff, uint64_t window, const struct telemetry_evaluation *what)
{
    const int saved_errno = errno;
    struct telemetry_teller teller;
    telemetry_begin(&teller, ff, window);
    tell(&teller, what, NULL);
    errno = saved_errno;
}

/* ---- prerequisites ------------------------------------------------------------------------- */

struct prerequisites {
    struct recorder recorder;
    struct ffshm *ff;
    uint64_t window;
    bool begun;
    struct telemetry_teller teller; /* once begun */
    struct telemetry_evaluation common;
};

static __attribute__((noinline)) void tell_whole(struct prerequisites *p,
                                                 const struct image_flag *parent,
                                                 struct snapshot_blob where,
                                                 const struct evaluation *result)
{
    const int saved_errno = errno;
    if (!p->begun) {
        telemetry_begin(&p->teller, p->ff, p->window);
        p->begun = true;
    }
    struct telemetry_evaluation what = p->common;
    what.where = where;
    what.result = result;
    tell(&p->teller, &what, parent);
    errno = saved_errno;
}

/* Mostly one more count, as of any other flag. */
static void tell_prerequisite(struct recorder *recorder, const struct image_flag *parent,
                              struct snapshot_blob where, const struct evaluation *result)
{
    struct prerequisites *p = (struct prerequisites *)recorder; /* its first member */
    const struct image_flag *flag = (const struct image_flag *)where.blob;
    struct telemetry_block *block =
        result->error == FFSHM_OK ? telemetry_ready(p->ff, flag, where.slot, p->common.c) : NULL;
    if (block) {
        telemetry_add(block,
                      result->variation >= 0 ? (uint32_t)result->variation : flag->variation_count);
    } else {
        tell_whole(p, parent, where, result);
    }
}

void telemetry_evaluate(struct ffshm *ff, uint64_t window, const struct snapshot *s,
                        struct snapshot_blob where, const struct ffshm_context *c, bool with_reason,
                        struct evaluation *out)
{
    struct prerequisites p;
    p.recorder.prerequisite = tell_prerequisite;
    p.ff = ff;
    p.window = window;
    p.begun = false; /* and the teller is uninitialised */
    p.common = (struct telemetry_evaluation){.snapshot = s, .c = c, .with_reason = with_reason};
    evaluate_recorded(s, where, c, out, &p.recorder);
}
