/*
 * telemetry.h - telling the agent what was evaluated: the part that every evaluation runs, and what
 * the rest of the library calls.
 *
 * Counting one more evaluation is loads, one branch and one addition. All that it needs to have
 * happened before is folded into that branch:
 *   - this thread has a stripe, and the flag's version has a block of counters there: the entry of
 *     the flag's slot in the stripe's row names a block with the flag's tag. The tag is compared in
 *     the block itself, so that whatever a signal handler does to the entry meanwhile, what is
 *     counted is counted in a block of this very version
 *   - the flag was told of in this window with this set of kinds (`seen`)
 *   - the context was told of in this epoch (`known`)
 *   - nothing more than the count is to be told: a flag with IMAGE_FLAG_COUNTS_MORE is in no row
 * Otherwise telemetry_tell does what is missing, and counts.
 *
 * Everything that a process has for this lives in one private mapping, which fork wipes from
 * `kind_sets` on: the child finds zeros there, which name nothing, and begins anew with a file of
 * its own. (An entry holds the distance from the mapping to the block, and what is at distance 0,
 * `nothing`, is never the block of any flag.)
 */
#ifndef FFSHM_TELEMETRY_H
#define FFSHM_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "evaluate.h"
#include "ffshm.h"
#include "store.h"
#include "telemetry_file.h"

#define TELEMETRY_KIND_SETS 256u /* places for sets of kinds, by the low bits of kind_sum */
#define TELEMETRY_KIND_SETS_MOST                                                                   \
    32u                       /* sets that are told of; evaluations with others are counted */
#define TELEMETRY_KNOWN 1024u /* places for contexts, by the low bits of identity */

#ifdef __x86_64__
#define TELEMETRY_PAGE 4096u
#else
#define TELEMETRY_PAGE 65536u /* the largest there is */
#endif

/* What a row has for a slot. */
struct telemetry_entry {
    _Atomic int64_t block; /* distance from the struct telemetry; 0: none */
    _Atomic uint64_t seen; /* window << 32 | one bit a set of kinds */
};

/* A flag version or an unknown key: what there is of it, for all stripes. */
struct telemetry_node {
    uint64_t tag;
    _Atomic uint64_t seen;
    _Atomic uint32_t blocks[TELEMETRY_STRIPES]; /* 1 + place in the arena, in units; 0: none */
};

struct telemetry {
    union {
        uint8_t page[TELEMETRY_PAGE];
        struct { /* constant once made */
            uint64_t nothing[8];
            uint32_t mask;  /* a row has mask + 1 entries; slots beyond are looked up by tag */
            uint32_t shift; /* the same as a power of two */
            uint32_t node_limit;
            uint32_t index_mask;
            size_t size; /* of the mapping */
            struct telemetry_node *nodes;
            _Atomic uint32_t *index; /* 1 + number of the node; open addressing by tag */
            struct telemetry *next;  /* retired */
            void *forked_file;       /* see telemetry_before_fork */
            size_t forked_size;
        };
    };
    /* From here on zero after fork. A set's place: its sum, but in the low five bits (which the
       place implies) the number of its bit in `seen`. A context's: see telemetry_known. */
    _Atomic uint64_t kind_sets[TELEMETRY_KIND_SETS];
    _Atomic uint64_t known[TELEMETRY_KNOWN];
    _Atomic uint64_t kind_list[TELEMETRY_KIND_SETS_MOST]; /* sums, by bit */
    _Atomic uint32_t lock;                                /* 1: taken */
    uint32_t node_count;                                  /* this and the next two: under it */
    uint64_t arena_used;
    uint64_t arena_allocated;
    _Atomic bool used_up;                    /* no room ever again: another one is wanted */
    _Atomic(struct telemetry_header *) file; /* mapped; NULL: not yet */
    _Atomic(const struct telemetry_acks *) acks;
    _Atomic(const struct telemetry_ack *) ack; /* this process's; NULL: not found yet */
    _Atomic uint64_t acked;                    /* its position when last looked at */
    _Atomic uint64_t acks_next_try_ns;         /* CLOCK_MONOTONIC */
    _Atomic uint64_t lost_counts;              /* while there was no file */
    _Atomic uint64_t lost_events;
};
/* Rows follow, one a stripe. */

extern struct telemetry_none {
    struct telemetry zero;
    struct telemetry_entry rows[TELEMETRY_STRIPES];
} telemetry_none; /* all zero; what struct ffshm points to before the first evaluation */

/* The calling thread's stripe (telemetry_stripe.c). */
extern __thread uint32_t telemetry_stripe;

static inline uint64_t telemetry_tag(const struct image_flag *flag)
{
    return flag->digest[0] + (uint64_t)flag->blob.version * 0x9e3779b97f4a7c15u;
}

static inline struct telemetry_entry *telemetry_entry(const struct telemetry *t, uint32_t stripe,
                                                      uint32_t slot)
{
    struct telemetry_entry *rows = (struct telemetry_entry *)(uintptr_t)(t + 1);
    return &rows[((size_t)stripe << t->shift) + (slot & t->mask)];
}

/* The word for a context in `known`. */
static inline uint64_t telemetry_known(const struct ffshm_context *c, uint64_t window)
{
    return c->identity ^ (window & 0xffffffff00000000u);
}

/* One more. A stripe of one's own needs no bus lock: one instruction, which no signal handler of
   the same thread can interrupt. */
static inline void telemetry_add(_Atomic uint64_t *counter, uint32_t stripe)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang_analyzer__)
    if (__builtin_expect(stripe != TELEMETRY_SHARED_STRIPE, 1)) {
        __asm__ volatile("incq %0" : "+m"(*(uint64_t *)counter) : : "cc");
        return;
    }
#endif
    (void)stripe;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* 0: nobody collects. */
static inline uint64_t telemetry_window(struct ffshm *ff)
{
    return atomic_load_explicit(ff->window, memory_order_acquire);
}

/*
 * Counts an evaluation of the flag at `where`, where nothing else is to be done. counter: the
 * variation; the count of variations for the fallback. false: nothing was counted, telemetry_tell
 * is to do it. Inside a read section; c is valid.
 */
static inline bool telemetry_count(struct ffshm *ff, uint64_t window, struct snapshot_blob where,
                                   const struct ffshm_context *c, uint32_t counter)
{
    const struct telemetry *t = atomic_load_explicit(&ff->telemetry, memory_order_acquire);
    const uint32_t stripe = telemetry_stripe;
    const struct telemetry_entry *entry = telemetry_entry(t, stripe, where.slot);
    const uint64_t set = atomic_load_explicit(&t->kind_sets[c->kind_sum % TELEMETRY_KIND_SETS],
                                              memory_order_relaxed);
    const uint64_t known =
        atomic_load_explicit(&t->known[c->identity % TELEMETRY_KNOWN], memory_order_relaxed);
    const uint64_t seen = atomic_load_explicit(&entry->seen, memory_order_acquire);
    /* pairs with the release in telemetry.c: the block is complete */
    const int64_t distance = atomic_load_explicit(&entry->block, memory_order_acquire);
    struct telemetry_block *block = (void *)((uintptr_t)t + (uintptr_t)distance);
    const uint64_t missing = (block->tag ^ telemetry_tag((const struct image_flag *)where.blob)) |
                             (known ^ telemetry_known(c, window)) | ((set ^ c->kind_sum) >> 5) |
                             ((seen >> 32) ^ (uint32_t)window) | (~seen >> (set & 31) & 1);
    if (__builtin_expect(missing != 0, 0)) {
        return false;
    }
    telemetry_add(&block->counters[counter], stripe);
    return true;
}

/* ---- telemetry.c: what to tell ------------------------------------------------------------- */

enum telemetry_value_type {
    TELEMETRY_NO_VALUE,
    TELEMETRY_BOOL,
    TELEMETRY_INT,
    TELEMETRY_NUMBER,
    TELEMETRY_STRING,
    TELEMETRY_JSON, /* text that is JSON already */
};

/* A value of the caller's. NULL text: none. */
struct telemetry_value {
    enum telemetry_value_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *text;
    } as;
};

/* One evaluation, as it came out. */
struct telemetry_evaluation {
    const struct snapshot *snapshot;
    struct snapshot_blob where; /* no blob: there is no such flag, or no snapshot */
    const char *key;            /* as asked for; looked at only without a blob. May be NULL */
    const struct ffshm_context *c;
    const struct evaluation *result;
    struct telemetry_value fallback;
    bool wrong_type;  /* there is a value, of a type that the caller did not want */
    bool with_reason; /* the caller is told why */
};

/* Counts it and tells all else that there is to tell. Inside a read section. Async-signal-safe;
   keeps errno. Makes system calls where something is there for the first time (telemetry_map.c). */
void telemetry_tell(struct ffshm *ff, uint64_t window, const struct telemetry_evaluation *what);

/* Evaluates a flag, and tells of each prerequisite on the way. */
void telemetry_evaluate(struct ffshm *ff, uint64_t window, const struct snapshot *s,
                        struct snapshot_blob where, const struct ffshm_context *c, bool with_reason,
                        struct evaluation *out);

/* ---- telemetry_map.c: the mappings --------------------------------------------------------- */

/* From the next evaluation on there is another struct telemetry, with a file of its own; this one
   is kept until store.c frees it. t NULL: whichever there is. */
void telemetry_retire(struct ffshm *ff, struct telemetry *t);
/* Takes what is retired off the list; to be freed with telemetry_free, all of it, once no section
   is left that might use it. */
struct telemetry *telemetry_take_retired(struct ffshm *ff);
void telemetry_free(struct telemetry *t);

/* ---- fork ---------------------------------------------------------------------------------- */

void telemetry_before_fork(struct ffshm *ff);
void telemetry_after_fork_child(struct ffshm *ff);
void telemetry_stripes_after_fork_child(void);

/* ---- telemetry_track.c --------------------------------------------------------------------- */

/* One migration operation (telemetry_file.h: MIGRATION). Everything is borrowed for the call. */
struct telemetry_migration {
    const struct ffshm_context *c;
    const char *flag;             /* its key */
    int64_t version;              /* 0: there is no such flag */
    int32_t variation;            /* -1: the fallback was served */
    const char *value;            /* JSON text */
    const char *fallback;         /* JSON text */
    int32_t sampling_ratio;       /* drawn by telemetry_migration: 1 always, 0 and less never */
    int reason;                   /* enum ffshm_reason */
    int error;                    /* enum ffshm_error */
    int big_segments;             /* enum ffshm_big_segments */
    int32_t rule_index;           /* -1: none */
    const char *rule_id;          /* NULL or "": none */
    const char *prerequisite_key; /* NULL or "": none */
    bool in_experiment;
    bool write;            /* the operation: a write; else a read */
    unsigned invoked;      /* 1: old, 2: new */
    unsigned errors;       /* the same bits */
    double latency_old_ms; /* negative: not measured */
    double latency_new_ms;
    int consistent; /* 0 or 1; -1: not compared */
    int32_t check_ratio;
};

/* Records it. true: it is in the ring, or the sampling left it out; false: nobody collects events,
   the context is invalid, or there is no room (counted). Async-signal-safe as an evaluation is. */
bool telemetry_migration(struct ffshm *ff, const struct telemetry_migration *m);

#endif
