#include "floor.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "bench_area.h"
#include "bench_cases.h"
#include "sha1_steps.h"

#define NONE UINT32_MAX
#define MEMBERS 16u

/* ---- what there is to look at -------------------------------------------------------------- */

/* A flag: one cache line. */
struct flag {
    uint64_t hash;
    char key[24];
    uint32_t key_length;
    uint32_t value;
    const struct flag *other; /* its prerequisite, its segment */
    const struct more *more;
    uint64_t reserved;
};
_Static_assert(sizeof(struct flag) == 64, "one cache line");

/* Of a flag that does more than to serve a variation. */
struct more {
    struct {
        uint64_t lo;
        uint64_t hi;
    } members[MEMBERS];
    char attributes[2][24];
    uint32_t lengths[2];
    char text[80];
};

struct entry {
    uint32_t tag;
    uint32_t flag; /* NONE: empty */
};

/* What a caller asks with: by key and in views, and by handle. */
struct name {
    char key[24];
    uint64_t length;
};
struct handle {
    uint64_t slot;
    uint64_t hash;
};

struct who {
    struct name key;
    struct name attributes[2];
};

struct floor {
    _Alignas(128) _Atomic uint64_t newest;
    _Alignas(128) uint64_t seen;
    uint64_t mask; /* of the index */
    struct flag *flags;
    struct entry *index;
    uint64_t *counters; /* two a flag */
    struct who who;
    struct more more;
    char buffer[80];
    struct name *names; /* of the cases, then of the fillers, shuffled */
    struct handle *handles;
    unsigned cases;
    unsigned count;
    unsigned at; /* of the fillers: where the next run goes on */
    struct bench_area area;
};

/* ---- the steps ----------------------------------------------------------------------------- */

static inline uint64_t word(const char *text)
{
    uint64_t w;
    memcpy(&w, text, sizeof w);
    return w;
}

/* Of 1 to 24 bytes; 24 can be read. */
static inline bool equal(const char *a, const char *b, size_t length)
{
    if (length <= 8) {
        return (word(a) ^ word(b)) << (64 - 8 * length) == 0;
    }
    uint64_t differs = (word(a) ^ word(b)) | (word(a + length - 8) ^ word(b + length - 8));
    if (length > 16) {
        differs |= word(a + 8) ^ word(b + 8);
    }
    return differs == 0;
}

static inline const struct flag *by_view(const struct floor *f, const void *what)
{
    const struct name *name = what;
    const uint64_t hash = XXH3_64bits(name->key, name->length);
    for (uint64_t i = hash & f->mask;; i = (i + 1) & f->mask) {
        const struct entry e = f->index[i];
        if (e.flag == NONE) {
            return NULL;
        }
        if (e.tag == hash >> 32) {
            const struct flag *flag = &f->flags[e.flag];
            return flag->key_length == name->length && equal(flag->key, name->key, name->length)
                       ? flag
                       : NULL;
        }
    }
}

static inline bool is_newest(const struct floor *f)
{
    return atomic_load_explicit(&f->newest, memory_order_acquire) == f->seen;
}

static inline const struct flag *by_key(const struct floor *f, const void *what)
{
    return is_newest(f) ? by_view(f, what) : NULL;
}

static inline const struct flag *by_handle(const struct floor *f, const void *what)
{
    const struct handle *handle = what;
    const struct flag *flag = &f->flags[handle->slot];
    return is_newest(f) && flag->hash == handle->hash ? flag : NULL;
}

static inline void count(struct floor *f, const struct flag *flag, uint64_t value)
{
    f->counters[(size_t)(flag - f->flags) * 2 + value]++;
}

static inline bool is_member(const struct floor *f, const struct flag *of)
{
    const XXH128_hash_t h =
        XXH3_128bits_withSeed(f->who.key.key, f->who.key.length, (uint64_t)f->seen);
    const uint64_t at = h.low64 % MEMBERS;
    return of->more->members[at].lo == h.low64 && of->more->members[at].hi == h.high64;
}

static inline bool has_attribute(const struct floor *f, const struct flag *of, unsigned i)
{
    const struct name *mine = &f->who.attributes[i];
    return of->more->lengths[i] == mine->length &&
           equal(of->more->attributes[i], mine->key, mine->length);
}

static inline uint64_t copy(struct floor *f, const struct flag *flag, size_t length)
{
    memcpy(f->buffer, flag->more->text, length);
    __asm__ volatile("" : : "r"(f->buffer) : "memory"); /* the copy is wanted */
    return flag->value;
}

static inline const struct flag *prerequisite(struct floor *f, const struct flag *flag,
                                              bool counting)
{
    const struct flag *other = flag->other;
    if (counting) {
        count(f, other, other->value);
    }
    return other;
}

/* ---- the cases ----------------------------------------------------------------------------- */

typedef uint64_t answer_fn(struct floor *f, const void *what);

/* A function as a library has it: called, and not known to its caller. */
#define ANSWER(name, find, with_count, target, value_of)                                           \
    target static __attribute__((noinline)) uint64_t name(struct floor *f, const void *what)       \
    {                                                                                              \
        const bool counting = with_count;                                                          \
        const struct flag *flag = find(f, what);                                                   \
        if (__builtin_expect(!flag, 0)) {                                                          \
            return 0;                                                                              \
        }                                                                                          \
        const uint64_t value = value_of;                                                           \
        if (counting) {                                                                            \
            count(f, flag, value);                                                                 \
        }                                                                                          \
        return value;                                                                              \
    }
/* value_of: an expression of f, flag and counting; 0 or 1. */
#define ANSWERS(name, target, value_of)                                                            \
    ANSWER(name##_by_key, by_key, false, target, value_of)                                         \
    ANSWER(name##_by_key_counted, by_key, true, target, value_of)                                  \
    ANSWER(name##_by_handle, by_handle, false, target, value_of)                                   \
    ANSWER(name##_by_handle_counted, by_handle, true, target, value_of)                            \
    ANSWER(name##_by_view, by_view, false, target, value_of)                                       \
    ANSWER(name##_by_view_counted, by_view, true, target, value_of)

ANSWERS(serve, , flag->value)
ANSWERS(one_block, SHA1_STEPS_TARGET, sha1_steps(flag->hash, 1) != 0)
ANSWERS(two_blocks, SHA1_STEPS_TARGET, sha1_steps(flag->hash, 2) != 0)
ANSWERS(two_attributes, , (uint64_t)(has_attribute(f, flag, 0) && has_attribute(f, flag, 1)))
ANSWERS(member, , (uint64_t)is_member(f, flag))
ANSWERS(segment_member, , (uint64_t)is_member(f, flag->other))
ANSWERS(
    three_flags, ,
    prerequisite(f, prerequisite(f, prerequisite(f, flag, counting), counting), counting)->value)
ANSWERS(short_text, , copy(f, flag, 16))
ANSWERS(long_text, , copy(f, flag, 80))

#define BY_ALL(name)                                                                               \
    {                                                                                              \
        {name##_by_key, name##_by_key_counted}, {name##_by_handle, name##_by_handle_counted},      \
        {                                                                                          \
            name##_by_view, name##_by_view_counted                                                 \
        }                                                                                          \
    }

/* Of the context's key. */
#define MEMBER " + hash + set's entry"

static const struct {
    const char *name; /* of the case */
    answer_fn *answers[3][2];
    bool sha1;
    const char *from; /* beside finding the flag, and counting */
} floors[] = {
    {"bool-off", BY_ALL(serve), false, ""},
    {"bool-fallthrough", BY_ALL(serve), false, ""},
    {"rollout", BY_ALL(one_block), true, " + sha1"},
    {"rollout-long-salt", BY_ALL(two_blocks), true, " + 2 sha1"},
    /* Five rules of two clauses each: but a compiler might find out that two values decide. */
    {"rules", BY_ALL(two_attributes), false, " + 2 attributes"},
    {"multi-kind", BY_ALL(two_attributes), false, " + 2 attributes"},
    {"targets-hit", BY_ALL(member), false, MEMBER},
    {"targets-miss", BY_ALL(member), false, MEMBER},
    {"targets-10-hit", BY_ALL(member), false, MEMBER},
    {"targets-10-miss", BY_ALL(member), false, MEMBER},
    {"segment-hit", BY_ALL(segment_member), false, " + segment" MEMBER},
    {"segment-miss", BY_ALL(segment_member), false, " + segment" MEMBER},
    {"prerequisites", BY_ALL(three_flags), false, " + 3 flags"},
    {"string", BY_ALL(short_text), false, " + 16 bytes copied"},
    {"json", BY_ALL(long_text), false, " + 80 bytes copied"},
    {"unknown-flag",
     {{serve_by_key, serve_by_key}, {NULL, NULL}, {serve_by_view, serve_by_view}},
     false,
     NULL},
};
#define FLOORS (sizeof floors / sizeof floors[0])

static size_t row_of(const struct floor_job *job)
{
    size_t i = 0;
    while (i < FLOORS && strcmp(floors[i].name, job->of) != 0) {
        i++;
    }
    return i;
}

bool floor_has(const struct floor_job *job)
{
    const size_t i = row_of(job);
    return i < FLOORS && floors[i].answers[job->by][job->counting] &&
           (!floors[i].sha1 || sha1_steps_supported());
}

void floor_from(const struct floor_job *job, char *text, size_t size)
{
    static const char *const finds[] = {
        "generation + hash + entry + flag + key",
        "generation + flag + key's hash",
        "hash + entry + flag + key",
    };
    const char *from = floors[row_of(job)].from;
    if (!from) {
        snprintf(text, size, "%shash + entry", job->by == FLOOR_KEY ? "generation + " : "");
    } else {
        const bool others = job->counting && strcmp(job->of, "prerequisites") == 0;
        snprintf(text, size, "%s%s%s", finds[job->by], from,
                 others          ? " + 4 adds"
                 : job->counting ? " + add"
                                 : "");
    }
}

/* ---- the place ----------------------------------------------------------------------------- */

static void put_flag(struct floor *f, unsigned i, const char *key, uint32_t value)
{
    struct flag *flag = &f->flags[i];
    const size_t length = strlen(key);
    *flag = (struct flag){.hash = XXH3_64bits(key, length),
                          .key_length = (uint32_t)length,
                          .value = value,
                          .other = &f->flags[i ? i - 1 : f->cases - 1], /* any of the cases' */
                          .more = &f->more};
    memcpy(flag->key, key, length);
    f->names[i] = (struct name){.length = length};
    memcpy(f->names[i].key, key, length);
    f->handles[i] = (struct handle){i, flag->hash};
    uint64_t at = flag->hash & f->mask;
    while (f->index[at].flag != NONE) {
        at = (at + 1) & f->mask;
    }
    f->index[at] = (struct entry){(uint32_t)(flag->hash >> 32), i};
}

static void shuffle_fillers(struct floor *f)
{
    uint64_t random = 1;
    for (unsigned i = f->count - 1; i > f->cases; i--) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const unsigned j = f->cases + (unsigned)((random >> 33) % (i - f->cases + 1));
        const struct name name = f->names[i];
        const struct handle handle = f->handles[i];
        f->names[i] = f->names[j];
        f->names[j] = name;
        f->handles[i] = f->handles[j];
        f->handles[j] = handle;
    }
}

static void set_name(struct name *name, const char *text)
{
    name->length = strlen(text);
    memcpy(name->key, text, name->length);
}

static void put_who(struct floor *f)
{
    set_name(&f->who.key, "user-key-123abc");
    set_name(&f->who.attributes[0], "US");
    set_name(&f->who.attributes[1], "enterprise");
    for (unsigned i = 0; i < 2; i++) {
        memcpy(f->more.attributes[i], f->who.attributes[i].key, sizeof f->more.attributes[i]);
        f->more.lengths[i] = (uint32_t)f->who.attributes[i].length;
    }
    const XXH128_hash_t h = XXH3_128bits_withSeed(f->who.key.key, f->who.key.length, f->seen);
    f->more.members[h.low64 % MEMBERS].lo = h.low64;
    f->more.members[h.low64 % MEMBERS].hi = h.high64;
}

/* The flags of the cases, a flag each, but of the one that is not there; then the fillers. */
static void put_flags(struct floor *f)
{
    for (unsigned i = 0; i < f->cases; i++) {
        const struct bench_case *c = bench_case_find(floors[i].name);
        put_flag(f, i, c->flag, 1);
    }
    for (unsigned i = f->cases; i < f->count; i++) {
        char key[24];
        bench_filler_key(key, i - f->cases);
        put_flag(f, i, key, i & 1);
    }
    shuffle_fillers(f);
}

static bool lay_out(struct floor *f)
{
    uint64_t capacity = 64;
    while (capacity < (uint64_t)f->count * 2) {
        capacity *= 2;
    }
    f->mask = capacity - 1;
    const size_t flags = f->count * sizeof(struct flag);
    const size_t index = capacity * sizeof(struct entry);
    const size_t counters = (size_t)f->count * 2 * sizeof(uint64_t);
    f->names = calloc(f->count + 1, sizeof *f->names);
    f->handles = calloc(f->count + 1, sizeof *f->handles);
    if (!f->names || !f->handles || !bench_area_open(&f->area, flags + index + counters, true)) {
        return false;
    }
    uint8_t *memory = f->area.memory;
    f->flags = (void *)memory;
    f->index = (void *)(memory + flags);
    f->counters = (void *)(memory + flags + index);
    memset(f->index, 0xff, index); /* NONE */
    return true;
}

struct floor *floor_open(unsigned flags)
{
    struct floor *f = aligned_alloc(128, sizeof *f);
    if (!f) {
        return NULL;
    }
    memset(f, 0, sizeof *f);
    f->seen = 1;
    atomic_store_explicit(&f->newest, 1, memory_order_relaxed);
    f->cases = FLOORS - 1; /* the last one's flag is not there */
    f->count = flags > FLOORS ? flags : FLOORS;
    if (!lay_out(f)) {
        floor_close(f);
        return NULL;
    }
    put_who(f);
    put_flags(f);
    set_name(&f->names[f->count], bench_case_find(floors[FLOORS - 1].name)->flag);
    return f;
}

void floor_close(struct floor *f)
{
    if (f) {
        bench_area_close(&f->area);
        free(f->names);
        free(f->handles);
        free(f);
    }
}

/* ---- the loop ------------------------------------------------------------------------------ */

void floor_run(struct floor *f, const struct floor_job *job, unsigned n)
{
    static _Atomic uint64_t sink;
    const size_t row = row_of(job);
    answer_fn *const answer = floors[row].answers[job->by][job->counting];
    const size_t size = job->by == FLOOR_HANDLE ? sizeof(struct handle) : sizeof(struct name);
    const char *const all =
        job->by == FLOOR_HANDLE ? (const char *)f->handles : (const char *)f->names;
    const char *what = all + (row < f->cases ? row : f->count) * size;
    uint64_t sum = 0;
    uint64_t mask = 0;
    __asm__("" : "+r"(mask)); /* for all that the compiler knows */
    for (unsigned i = 0; i < n; i++) {
        if (job->random) {
            f->at = f->at + 1 < f->count ? f->at + 1 : f->cases;
            what = all + f->at * size;
        }
        sum += answer(f, job->alone ? what + (sum & mask) : what);
    }
    atomic_store_explicit(&sink, sum, memory_order_relaxed);
}
