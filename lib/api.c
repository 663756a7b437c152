/*
 * api.c - evaluation as programs call it: lookup, evaluate, count, hand the value over.
 *
 * Each call is one read section. The plain functions take the shortest way to a variation; the
 * _detail ones have the whole story (judge.h). While the agent collects (`window`), all
 * of them count what they served, and tell more where there is more to tell (telemetry.h).
 */
#include <math.h>
#include <string.h>

#include "bucket.h"
#include "hooks.h"
#include "judge.h"
#include "migration.h"

static const char empty[] = "";

/* ---- finding the flag ---- */

static __attribute__((noinline)) struct snapshot_blob resolve(const struct snapshot *s,
                                                              struct ffshm_flag *flag)
{
    if (!flag->key) {
        return (struct snapshot_blob){NULL, 0, 0};
    }
    size_t length = strlen(flag->key);
    uint64_t hash = hash_bytes(flag->key, length);
    struct snapshot_blob found = snapshot_find(s, flag->key, length, hash);
    if (found.blob) {
        /* Threads may race here, with this store or another: whatever pair is read is checked
         * against the blob. */
        __atomic_store_n(&flag->slot, found.slot, __ATOMIC_RELAXED);
        __atomic_store_n(&flag->hash, hash, __ATOMIC_RELAXED);
    }
    return found;
}

/* A slot is stable for as long as its flag is there, so the handle's slot nearly always still holds
   its key. It was found by the exact key; it can only have changed hands, and then the new key
   would need the same 64-bit hash. */
static inline struct snapshot_blob by_hint(const struct snapshot *s, const struct ffshm_flag *flag)
{
    uint64_t slot = __atomic_load_n(&flag->slot, __ATOMIC_RELAXED);
    uint64_t hash = __atomic_load_n(&flag->hash, __ATOMIC_RELAXED);
    if (__builtin_expect(slot < s->slot_count, 1)) {
        struct image_slot at = s->slots[slot];
        if (__builtin_expect(at.offset != 0, 1)) { /* of an empty slot the extent may be anything */
            const struct image_blob *blob = (const void *)(s->bases[at.extent] + at.offset);
            if (__builtin_expect(blob->key_hash == hash && blob->kind == IMAGE_FLAG, 1)) {
                return (struct snapshot_blob){blob, at.extent, (uint32_t)slot};
            }
        }
    }
    return (struct snapshot_blob){NULL, 0, 0};
}

static inline struct snapshot_blob by_handle(const struct snapshot *s, struct ffshm_flag *flag)
{
    struct snapshot_blob found = by_hint(s, flag);
    return found.blob ? found : resolve(s, flag);
}

/* ---- the outcome ---- */

/* The index that the flag serves to everybody; negative where it must be evaluated. */
static inline int32_t constant(const struct image_flag *flag)
{
    return flag->steps == 0               ? flag->fallthrough.variation
           : flag->steps & IMAGE_STEP_OFF ? flag->off_variation
                                          : IMAGE_SERVE_ROLLOUT;
}

static inline const struct image_variation *variation_at(const struct image_flag *flag, int32_t i)
{
    const struct image_variation *variations = image_at(flag, flag->variations_offset);
    return &variations[i];
}

/* The index that a rollout to everybody serves, where it goes by the key and is no experiment;
   else, and when the index is malformed, a negative one: it must be evaluated. */
static __attribute__((noinline)) int32_t rolled_out(const struct image_flag *flag,
                                                    const struct ffshm_context *c)
{
    float bucket;
    const struct image_rollout *rollout = image_at(flag, flag->fallthrough.rollout);
    if (rollout->experiment || !bucket_of_key(c, flag, rollout, &bucket)) {
        return -1;
    }
    return bucket_weighted(flag, rollout, bucket)->variation;
}

static void wrong_type(struct evaluation *e)
{
    e->reason = FFSHM_REASON_ERROR;
    e->error = FFSHM_WRONG_TYPE;
    e->value = NULL;
    e->variation = -1;
    e->rule_index = -1;
    e->rule_id = (struct image_string){0, 0};
    e->prerequisite_key = (struct image_string){0, 0};
    e->in_experiment = false;
}

/* ---- handing values over ---- */

static size_t copy(const char *text, size_t length, char *buffer, size_t capacity)
{
    if (capacity) {
        size_t n = length < capacity ? length : capacity - 1;
        memcpy(buffer, text, n);
        buffer[n] = '\0';
    }
    return length;
}

static size_t copy_fallback(const char *fallback, char *buffer, size_t capacity)
{
    return fallback ? copy(fallback, strlen(fallback), buffer, capacity)
                    : copy(empty, 0, buffer, capacity);
}

static void copy_text(const struct image_flag *flag, struct image_string s, char *buffer,
                      size_t capacity)
{
    if (s.length) {
        copy(image_text(flag, s), s.length, buffer, capacity);
    } else {
        buffer[0] = '\0';
    }
}

static void describe(const struct snapshot *s, const struct evaluation *e, struct ffshm_detail *d)
{
    d->reason = e->reason;
    d->error = e->error;
    d->big_segments = e->big_segments;
    d->variation = e->variation;
    d->rule_index = e->rule_index;
    d->in_experiment = e->in_experiment;
    d->flag_version = e->flag ? e->flag->blob.version : 0;
    d->generation = s->generation;
    copy_text(e->flag, e->value ? e->value->key : (struct image_string){0, 0}, d->variant,
              sizeof(d->variant));
    copy_text(e->flag, e->rule_id, d->rule_id, sizeof(d->rule_id));
    copy_text(e->flag, e->prerequisite_key, d->prerequisite_key, sizeof(d->prerequisite_key));
}

/* ---- the functions, one set for keys and one for handles ---- */

/* What the fast part does with the flag that it found: serves its constant variation. No call but
   the tail calls, which all take the same arguments: they cost a jump. */
#define FAST(at, slot, take, roll_out, go_on, count)                                               \
    if (telemetry_window(ff) != 0) {                                                               \
        return count(ff, s, at, slot, c, fallback, section);                                       \
    }                                                                                              \
    const int32_t i = constant(at);                                                                \
    if (__builtin_expect(i < 0, 0)) {                                                              \
        if ((at)->steps == 0) {                                                                    \
            return roll_out(ff, s, at, slot, c, fallback);                                         \
        }                                                                                          \
        return go_on(ff, s, at, slot, c, fallback);                                                \
    }                                                                                              \
    fallback = take(variation_at(at, i), fallback);                                                \
    rcu_leave_known(section);                                                                      \
    return fallback;

/* What came of a call, with all that it was about. */
#define TOLD(key_asked, value_type, member, with)                                                  \
    (&(const struct telemetry_evaluation){.snapshot = s,                                           \
                                          .where = where,                                          \
                                          .key = (key_asked),                                      \
                                          .c = c,                                                  \
                                          .result = &e,                                            \
                                          .fallback = {(value_type), {.member = fallback}},        \
                                          .wrong_type = e.value && !fits,                          \
                                          .with_reason = (with)})

/* name: of the functions. T: what they return. wanted: the variation's type. convert: v to a T.
   kind, member: T as a struct telemetry_value. */
#define SCALAR(name, T, wanted, convert, kind, member)                                             \
    static inline T take_##name(const struct image_variation *v, T fallback)                       \
    {                                                                                              \
        return v && v->type == (wanted) ? (convert) : fallback;                                    \
    }                                                                                              \
    static __attribute__((noinline, cold)) void tell_##name(                                       \
        struct ffshm *ff, const struct snapshot *s, struct snapshot_blob where, const char *key,   \
        const struct ffshm_context *c, T fallback, const struct evaluation *result,                \
        bool with_reason)                                                                          \
    {                                                                                              \
        const struct evaluation e = *result;                                                       \
        const bool fits = !e.value || e.value->type == (wanted);                                   \
        telemetry_tell(ff, telemetry_window(ff), TOLD(key, kind, member, with_reason));            \
    }                                                                                              \
    /* What FAST leaves: evaluates, and counts. */                                                 \
    static __attribute__((noinline))                                                               \
    T continue_##name(struct ffshm *ff, const struct snapshot *s, const struct image_flag *flag,   \
                      uint32_t slot, const struct ffshm_context *c, T fallback)                    \
    {                                                                                              \
        const struct snapshot_blob where = {&flag->blob, s->slots[slot].extent, slot};             \
        const uint64_t window = telemetry_window(ff);                                              \
        struct evaluation e;                                                                       \
        run(ff, window, s, where, c, false, &e);                                                   \
        const bool fits = !e.value || e.value->type == (wanted);                                   \
        T value = take_##name(e.value, fallback);                                                  \
        if (window != 0 && !counted(ff, where, c, &e, fits)) {                                     \
            tell_##name(ff, s, where, NULL, c, fallback, &e, false);                               \
        }                                                                                          \
        store_leave();                                                                             \
        return value;                                                                              \
    }                                                                                              \
    /* The same for flags without steps: rollouts to everybody. */                                 \
    static __attribute__((noinline))                                                               \
    T roll_out_##name(struct ffshm *ff, const struct snapshot *s, const struct image_flag *flag,   \
                      uint32_t slot, const struct ffshm_context *c, T fallback)                    \
    {                                                                                              \
        if (flag->fallthrough.variation != IMAGE_SERVE_ROLLOUT) {                                  \
            return continue_##name(ff, s, flag, slot, c, fallback);                                \
        }                                                                                          \
        const int32_t i = rolled_out(flag, c);                                                     \
        if (__builtin_expect(i < 0, 0)) {                                                          \
            return continue_##name(ff, s, flag, slot, c, fallback);                                \
        }                                                                                          \
        const struct image_variation *v = variation_at(flag, i);                                   \
        if (telemetry_window(ff) != 0) {                                                           \
            struct telemetry_block *block = telemetry_ready(ff, flag, slot, c);                    \
            if (__builtin_expect(!block, 0) || __builtin_expect(v->type != (wanted), 0)) {         \
                return continue_##name(ff, s, flag, slot, c, fallback);                            \
            }                                                                                      \
            telemetry_add(block, (uint32_t)i);                                                     \
        }                                                                                          \
        fallback = take_##name(v, fallback);                                                       \
        store_leave();                                                                             \
        return fallback;                                                                           \
    }                                                                                              \
    /* Counts the constant variation. */                                                           \
    static inline __attribute__((always_inline)) T count_##name(                                   \
        struct ffshm *ff, const struct snapshot *s, const struct image_flag *flag, uint32_t slot,  \
        const struct ffshm_context *c, T fallback, unsigned long *section)                         \
    {                                                                                              \
        const int32_t i = constant(flag);                                                          \
        if (__builtin_expect(i < 0, 0)) {                                                          \
            if (flag->steps == 0) {                                                                \
                return roll_out_##name(ff, s, flag, slot, c, fallback);                            \
            }                                                                                      \
            return continue_##name(ff, s, flag, slot, c, fallback);                                \
        }                                                                                          \
        struct telemetry_block *block = telemetry_ready(ff, flag, slot, c);                        \
        const struct image_variation *v = variation_at(flag, i);                                   \
        if (__builtin_expect(!block, 0) || __builtin_expect(v->type != (wanted), 0)) {             \
            return continue_##name(ff, s, flag, slot, c, fallback);                                \
        }                                                                                          \
        fallback = (convert);                                                                      \
        telemetry_add(block, (uint32_t)i);                                                         \
        rcu_leave_known(section);                                                                  \
        return fallback;                                                                           \
    }                                                                                              \
    static T whole_##name(struct ffshm *ff, const struct snapshot *s, struct snapshot_blob where,  \
                          const char *key, const struct ffshm_context *c, T fallback,              \
                          bool with_reason, struct evaluation *e)                                  \
    {                                                                                              \
        const uint64_t window = telemetry_window(ff);                                              \
        judge(ff, window, s, where, c, with_reason, e);                                            \
        const bool fits = !e->value || e->value->type == (wanted);                                 \
        if (window != 0 && !counted(ff, where, c, e, fits)) {                                      \
            tell_##name(ff, s, where, key, c, fallback, e, with_reason);                           \
        }                                                                                          \
        if (!fits) {                                                                               \
            wrong_type(e);                                                                         \
        }                                                                                          \
        return take_##name(e->value, fallback);                                                    \
    }                                                                                              \
    static __attribute__((noinline, cold))                                                         \
    T hooked_##name##_call(struct ffshm *ff, const char *flag, const struct ffshm_context *c,      \
                           T fallback, struct ffshm_detail *detail, const char *method)            \
    {                                                                                              \
        struct hooked h = {.told = hooked_##name(fallback)};                                       \
        const struct snapshot *s = hooked_begin(&h, ff, flag, c, method);                          \
        struct evaluation e;                                                                       \
        rcu_enter();                                                                               \
        T value = whole_##name(ff, s, by_key(s, flag), flag, c, fallback, detail != NULL, &e);     \
        rcu_leave();                                                                               \
        if (detail) {                                                                              \
            describe(s, &e, detail);                                                               \
        }                                                                                          \
        const struct ffshm_result result = result_of(s, &e);                                       \
        hooked_end(&h, &result);                                                                   \
        return value;                                                                              \
    }                                                                                              \
    static __attribute__((noinline)) T general_##name(struct ffshm *ff, const char *flag,          \
                                                      const struct ffshm_context *c, T fallback)   \
    {                                                                                              \
        if (__builtin_expect(store_hooked(ff), 0)) {                                               \
            return hooked_##name##_call(ff, flag, c, fallback, NULL, "ffshm_" #name);              \
        }                                                                                          \
        const struct snapshot *s = enter(ff);                                                      \
        struct evaluation e;                                                                       \
        T value = whole_##name(ff, s, by_key(s, flag), flag, c, fallback, false, &e);              \
        store_leave();                                                                             \
        return value;                                                                              \
    }                                                                                              \
    static __attribute__((noinline)) T general_flag_##name(                                        \
        struct ffshm *ff, struct ffshm_flag *flag, const struct ffshm_context *c, T fallback)      \
    {                                                                                              \
        if (__builtin_expect(store_hooked(ff), 0)) {                                               \
            return hooked_##name##_call(ff, flag->key, c, fallback, NULL, "ffshm_flag_" #name);    \
        }                                                                                          \
        const struct snapshot *s = enter(ff);                                                      \
        struct evaluation e;                                                                       \
        T value = whole_##name(ff, s, by_handle(s, flag), flag->key, c, fallback, false, &e);      \
        store_leave();                                                                             \
        return value;                                                                              \
    }                                                                                              \
    /* A key that is long, or not in its first place; or no flag's, or no context. */              \
    static __attribute__((noinline))                                                               \
    T far_##name(struct ffshm *ff, const char *key, const struct ffshm_context *c, T fallback,     \
                 const struct snapshot *s, unsigned long *section)                                 \
    {                                                                                              \
        if (__builtin_expect(!s->ready, 0)) {                                                      \
            rcu_leave_known(section);                                                              \
            return general_##name(ff, key, c, fallback);                                           \
        }                                                                                          \
        const struct snapshot_blob where = by_key(s, key);                                         \
        if (__builtin_expect(where.blob && valid(c), 1)) {                                         \
            const struct image_flag *at = (const struct image_flag *)where.blob;                   \
            FAST(at, where.slot, take_##name, roll_out_##name, continue_##name, count_##name)      \
        }                                                                                          \
        struct evaluation e;                                                                       \
        T value = whole_##name(ff, s, where, key, c, fallback, false, &e);                         \
        store_leave();                                                                             \
        return value;                                                                              \
    }                                                                                              \
    T ffshm_##name(struct ffshm *ff, const char *flag, const struct ffshm_context *c, T fallback)  \
    {                                                                                              \
        const struct snapshot *s;                                                                  \
        unsigned long *section = store_enter_fast(ff, &s);                                         \
        if (__builtin_expect(!section, 0)) {                                                       \
            return general_##name(ff, flag, c, fallback);                                          \
        }                                                                                          \
        if (__builtin_expect(!flag || !valid(c), 0)) {                                             \
            return far_##name(ff, flag, c, fallback, s, section);                                  \
        }                                                                                          \
        const struct snapshot_blob where = snapshot_find_near(s, flag);                            \
        if (__builtin_expect(!where.blob, 0)) {                                                    \
            return far_##name(ff, flag, c, fallback, s, section);                                  \
        }                                                                                          \
        const struct image_flag *at = (const struct image_flag *)where.blob;                       \
        FAST(at, where.slot, take_##name, roll_out_##name, continue_##name, count_##name)          \
    }                                                                                              \
    T ffshm_flag_##name(struct ffshm *ff, struct ffshm_flag *flag, const struct ffshm_context *c,  \
                        T fallback)                                                                \
    {                                                                                              \
        const struct snapshot *s;                                                                  \
        unsigned long *section = store_enter_fast(ff, &s);                                         \
        if (__builtin_expect(!section, 0)) {                                                       \
            return general_flag_##name(ff, flag, c, fallback);                                     \
        }                                                                                          \
        const struct snapshot_blob where = by_hint(s, flag);                                       \
        if (__builtin_expect(!where.blob || !valid(c), 0)) {                                       \
            rcu_leave_known(section);                                                              \
            return general_flag_##name(ff, flag, c, fallback);                                     \
        }                                                                                          \
        const struct image_flag *at = (const struct image_flag *)where.blob;                       \
        FAST(at, where.slot, take_##name, roll_out_##name, continue_##name, count_##name)          \
    }                                                                                              \
    T ffshm_##name##_detail(struct ffshm *ff, const char *flag, const struct ffshm_context *c,     \
                            T fallback, struct ffshm_detail *detail)                               \
    {                                                                                              \
        if (__builtin_expect(store_hooked(ff), 0)) {                                               \
            return hooked_##name##_call(ff, flag, c, fallback, detail, "ffshm_" #name "_detail");  \
        }                                                                                          \
        const struct snapshot *s = enter(ff);                                                      \
        struct evaluation e;                                                                       \
        T value = whole_##name(ff, s, by_key(s, flag), flag, c, fallback, true, &e);               \
        describe(s, &e, detail);                                                                   \
        store_leave();                                                                             \
        return value;                                                                              \
    }

SCALAR(bool, bool, IMAGE_BOOL, v->boolean != 0, TELEMETRY_BOOL, boolean)
SCALAR(int, int64_t, IMAGE_NUMBER, evaluate_to_int(v->number), TELEMETRY_INT, integer)
SCALAR(double, double, IMAGE_NUMBER, v->number, TELEMETRY_NUMBER, number)

/* member: which of the variation's texts; matches: does a variation of this type have it? kind: of
   the fallback, as a struct telemetry_value. */
#define TEXT(name, member, matches, kind)                                                          \
    static size_t whole_##name(                                                                    \
        struct ffshm *ff, const struct snapshot *s, struct snapshot_blob where, const char *key,   \
        const struct ffshm_context *c, const char *fallback, char *buffer, size_t capacity,        \
        struct ffshm_detail *detail, struct ffshm_result *result)                                  \
    {                                                                                              \
        const uint64_t window = telemetry_window(ff);                                              \
        struct evaluation e;                                                                       \
        judge(ff, window, s, where, c, detail != NULL, &e);                                        \
        const struct image_variation *v = e.value;                                                 \
        const bool fits = !v || (matches);                                                         \
        if (window != 0 && !counted(ff, where, c, &e, fits)) {                                     \
            telemetry_tell(ff, window, TOLD(key, kind, text, detail != NULL));                     \
        }                                                                                          \
        if (!fits) {                                                                               \
            wrong_type(&e);                                                                        \
        }                                                                                          \
        if (detail) {                                                                              \
            describe(s, &e, detail);                                                               \
        }                                                                                          \
        if (result) {                                                                              \
            *result = result_of(s, &e);                                                            \
        }                                                                                          \
        return v && fits                                                                           \
                   ? copy(image_text(where.blob, v->member), v->member.length, buffer, capacity)   \
                   : copy_fallback(fallback, buffer, capacity);                                    \
    }                                                                                              \
    static __attribute__((noinline, cold)) size_t hooked_##name##_call(                            \
        struct ffshm *ff, const char *flag, const struct ffshm_context *c, const char *fallback,   \
        char *buffer, size_t capacity, struct ffshm_detail *detail, const char *method)            \
    {                                                                                              \
        struct hooked h = {.told = hooked_##name(fallback)};                                       \
        const struct snapshot *s = hooked_begin(&h, ff, flag, c, method);                          \
        struct ffshm_result result;                                                                \
        rcu_enter();                                                                               \
        size_t length = whole_##name(ff, s, by_key(s, flag), flag, c, fallback, buffer, capacity,  \
                                     detail, &result);                                             \
        rcu_leave();                                                                               \
        hooked_end(&h, &result);                                                                   \
        return length;                                                                             \
    }                                                                                              \
    size_t ffshm_##name(struct ffshm *ff, const char *flag, const struct ffshm_context *c,         \
                        const char *fallback, char *buffer, size_t capacity)                       \
    {                                                                                              \
        if (__builtin_expect(store_hooked(ff), 0)) {                                               \
            return hooked_##name##_call(ff, flag, c, fallback, buffer, capacity, NULL,             \
                                        "ffshm_" #name);                                           \
        }                                                                                          \
        const struct snapshot *s = enter(ff);                                                      \
        size_t length =                                                                            \
            whole_##name(ff, s, by_key(s, flag), flag, c, fallback, buffer, capacity, NULL, NULL); \
        store_leave();                                                                             \
        return length;                                                                             \
    }                                                                                              \
    size_t ffshm_flag_##name(struct ffshm *ff, struct ffshm_flag *flag,                            \
                             const struct ffshm_context *c, const char *fallback, char *buffer,    \
                             size_t capacity)                                                      \
    {                                                                                              \
        if (__builtin_expect(store_hooked(ff), 0)) {                                               \
            return hooked_##name##_call(ff, flag->key, c, fallback, buffer, capacity, NULL,        \
                                        "ffshm_flag_" #name);                                      \
        }                                                                                          \
        const struct snapshot *s = enter(ff);                                                      \
        size_t length = whole_##name(ff, s, by_handle(s, flag), flag->key, c, fallback, buffer,    \
                                     capacity, NULL, NULL);                                        \
        store_leave();                                                                             \
        return length;                                                                             \
    }                                                                                              \
    size_t ffshm_##name##_detail(struct ffshm *ff, const char *flag,                               \
                                 const struct ffshm_context *c, const char *fallback,              \
                                 char *buffer, size_t capacity, struct ffshm_detail *detail)       \
    {                                                                                              \
        if (__builtin_expect(store_hooked(ff), 0)) {                                               \
            return hooked_##name##_call(ff, flag, c, fallback, buffer, capacity, detail,           \
                                        "ffshm_" #name "_detail");                                 \
        }                                                                                          \
        const struct snapshot *s = enter(ff);                                                      \
        size_t length = whole_##name(ff, s, by_key(s, flag), flag, c, fallback, buffer, capacity,  \
                                     detail, NULL);                                                \
        store_leave();                                                                             \
        return length;                                                                             \
    }

TEXT(string, text, v->type == IMAGE_STRING, TELEMETRY_STRING)
TEXT(json, json, true, TELEMETRY_JSON)

/* ---- stages of migrations ---- */

/* As a string is evaluated, and counted; then one that is no stage has the wrong type. */
static int judge_stage(struct ffshm *ff, const struct snapshot *s, const char *flag,
                       const struct ffshm_context *c, int fallback, struct ffshm_migration *m,
                       struct ffshm_result *result)
{
    char text[16]; /* longer than any stage */
    struct snapshot_blob where = by_key(s, flag);
    (void)whole_string(ff, s, where, flag, c, ffshm_stage_name(fallback), text, sizeof(text), NULL,
                       result);
    int stage = ffshm_stage_parse(text);
    if (stage < 0) {
        struct evaluation e = {.flag = (const struct image_flag *)where.blob,
                               .big_segments = (uint8_t)result->big_segments};
        wrong_type(&e);
        *result = result_of(s, &e);
        stage = fallback;
    }
    if (m) {
        migration_begin(m, ff, flag, c, fallback, stage, (const struct image_flag *)where.blob,
                        result);
    }
    return stage;
}

static __attribute__((noinline, cold)) int hooked_stage(struct ffshm *ff, const char *flag,
                                                        const struct ffshm_context *c, int fallback,
                                                        struct ffshm_migration *m)
{
    struct hooked h = {.told = hooked_string(ffshm_stage_name(fallback))};
    const struct snapshot *s = hooked_begin(&h, ff, flag, c, "ffshm_migration_stage");
    struct ffshm_result result;
    rcu_enter();
    int stage = judge_stage(ff, s, flag, c, fallback, m, &result);
    rcu_leave();
    hooked_end(&h, &result);
    return stage;
}

int ffshm_migration_stage(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                          int fallback, struct ffshm_migration *m)
{
    if (!*ffshm_stage_name(fallback)) {
        fallback = FFSHM_STAGE_OFF;
    }
    if (__builtin_expect(store_hooked(ff), 0)) {
        return hooked_stage(ff, flag, c, fallback, m);
    }
    const struct snapshot *s = enter(ff);
    struct ffshm_result result;
    int stage = judge_stage(ff, s, flag, c, fallback, m, &result);
    store_leave();
    return stage;
}
