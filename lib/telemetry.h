/*
 * telemetry.h - telling the agent what was evaluated: the part that every evaluation runs, and what
 * the rest of the library calls.
 *
 * Counting one more evaluation is a few loads, branches that are never taken, and one addition. It
 * needs that all this has happened before:
 *   - the context was told of in this epoch (`known`)
 *   - the flag was told of in this window with the context's set of kinds (`seen`)
 *   - this thread has a stripe, and the flag's version has a block of counters there: the entry of
 *     the flag's slot in the stripe's row names a block with the flag's tag. The tag is compared in
 *     the block itself, so that whatever a signal handler does to the entry meanwhile, what is
 *     counted is counted in a block of this very version
 *   - nothing more than the count is to be told: a flag with IMAGE_FLAG_COUNTS_MORE is in no row
 * Otherwise telemetry_tell does what is missing, and counts.
 *
 * Everything that a process has for this lives in one private mapping, which fork wipes from
 * `known` on: the child finds zeros there, which name nothing, and begins anew with a file of
 * its own.
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

#define TELEMETRY_KIND_SETS 32u /* sets of kinds that are told of; with others is only counted */
#define TELEMETRY_KNOWN 1024u   /* places for contexts, by the low bits of identity */
#define TELEMETRY_ASKED 256u    /* places for what was asked for lately */

#ifdef __x86_64__
#define TELEMETRY_PAGE 4096u
#else
#define TELEMETRY_PAGE 65536u /* the largest there is */
#endif

/* What a row has for a slot. Not written as a whole: bits of one window may come to stand beside
   the next window for a moment, where threads share a row; then a set of kinds is not told of in
   it. */
struct telemetry_entry {
    _Atomic(struct telemetry_block *) block; /* NULL: none */
    _Atomic uint64_t window;                 /* the control page's word */
    _Atomic uint32_t sets;                   /* told of in it: one bit a set of kinds */
    uint8_t reserved[12];
};

/* A flag version or an unknown key: what there is of it, for all stripes. */
struct telemetry_node {
    uint64_t tag;
    _Atomic uint64_t seen; /* high half: a window; low: sets of kinds that were told of in it */
    _Atomic uint32_t blocks[TELEMETRY_STRIPES]; /* 1 + place in the arena, in units; 0: none */
};

struct telemetry {
    union {
        uint8_t page[TELEMETRY_PAGE];
        struct { /* constant once made */
            uint64_t row_bytes;
            uint32_t mask; /* a row has mask + 1 entries; slots beyond are looked up by tag */
            uint32_t node_limit;
            uint32_t index_mask;
            uint32_t arena_limit; /* bytes of the file's arena */
            size_t size;          /* of the mapping */
            struct telemetry_node *nodes;
            _Atomic uint32_t *index; /* 1 + number of the node; open addressing by tag */
            struct telemetry *next;  /* retired */
            void *forked_file;       /* see telemetry_before_fork */
            size_t forked_size;
            const struct telemetry_acks *forked_acks;
        };
    };
    /* From here on zero after fork. */
    _Atomic uint64_t known[TELEMETRY_KNOWN];         /* by identity: telemetry_known */
    _Atomic uint32_t epoch;                          /* that `known` is of */
    _Atomic uint64_t kind_sets[TELEMETRY_KIND_SETS]; /* kind_sum, by number */
    _Atomic uint32_t lock;                           /* 1: taken */
    uint32_t node_count;                             /* this and the next two: under it */
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
    _Atomic uint64_t asked[TELEMETRY_ASKED]; /* marks of telemetry_ask */
};
/* Rows follow, one a stripe. */

extern struct telemetry_none {
    struct telemetry zero;
    struct telemetry_entry row;
} telemetry_none; /* all zero; what struct ffshm points to before the first evaluation */

/* The calling thread's stripe (telemetry_stripe.c). */
extern __thread uint32_t telemetry_stripe;

static inline uint64_t telemetry_tag(const struct image_flag *flag)
{
    return flag->digest[0] + (uint64_t)flag->blob.version * 0x5bd1e995u;
}

/* Both of these with bytes added up: gcc finds shorter code for it than for indices. */
static inline struct telemetry_entry *telemetry_entry(const struct telemetry *t, uint32_t stripe,
                                                      uint32_t slot)
{
    const uintptr_t at = (uintptr_t)t + stripe * t->row_bytes +
                         (size_t)(slot & t->mask) * sizeof(struct telemetry_entry);
    return (struct telemetry_entry *)(at + sizeof(struct telemetry));
}

static inline _Atomic uint64_t *telemetry_place(const struct telemetry *t,
                                                const struct ffshm_context *c)
{
    const uintptr_t at = (uintptr_t)t + c->identity % TELEMETRY_KNOWN * sizeof(uint64_t);
    return (_Atomic uint64_t *)(at + offsetof(struct telemetry, known));
}

/* The word in `known` for a context that was told of: its identity, but in the low five bits, which
   the place implies, the number of its set of kinds. */
static inline uint64_t telemetry_known(const struct ffshm_context *c, unsigned set)
{
    return (c->identity & ~(uint64_t)(TELEMETRY_KIND_SETS - 1)) | set;
}

/* 0: nobody collects. */
static inline uint64_t telemetry_window(struct ffshm *ff)
{
    return atomic_load_explicit(ff->window, memory_order_acquire);
}

/*
 * Where to count an evaluation of a flag, if nothing else is to be done; NULL: telemetry_tell is to
 * do it. Inside a read section; c is valid.
 *
 * In this order few values live at a time: this is inlined where six arguments wait in registers,
 * and one more that is saved and restored costs as much as a test. Branches that are never taken
 * cost less than the registers that one combined branch would need.
 */
static inline __attribute__((always_inline)) struct telemetry_block *
telemetry_ready(struct ffshm *ff, const struct image_flag *flag, uint32_t slot,
                const struct ffshm_context *c)
{
    const struct telemetry *t = atomic_load_explicit(&ff->telemetry, memory_order_acquire);
    const uint64_t known = atomic_load_explicit(telemetry_place(t, c), memory_order_relaxed);
    if (__builtin_expect((known ^ c->identity) / TELEMETRY_KIND_SETS != 0, 0)) {
        return NULL;
    }
    const struct telemetry_entry *entry = telemetry_entry(t, telemetry_stripe, slot);
    if (__builtin_expect(atomic_load_explicit(&entry->window, memory_order_acquire) !=
                             telemetry_window(ff),
                         0)) {
        return NULL;
    }
    const uint32_t sets = atomic_load_explicit(&entry->sets, memory_order_acquire);
    if (__builtin_expect(!(sets >> known % TELEMETRY_KIND_SETS & 1), 0)) {
        return NULL;
    }
    /* pairs with the release in telemetry.c: the block is complete */
    struct telemetry_block *block = atomic_load_explicit(&entry->block, memory_order_acquire);
    return __builtin_expect(block && block->tag == telemetry_tag(flag), 1) ? block : NULL;
}

/* One more evaluation that served this variation (or, with the count of variations, the
   fallback). A stripe of one's own needs no bus lock: one instruction, which no signal handler of
   the same thread can interrupt. */
static inline void telemetry_add(struct telemetry_block *block, uint32_t counter)
{
    _Atomic uint64_t *const at = &block->counters[counter];
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__clang_analyzer__)
    if (__builtin_expect(block->stripe != TELEMETRY_SHARED_STRIPE, 1)) {
        __asm__ volatile("incq %0" : "+m"(*(uint64_t *)at) : : "cc");
        return;
    }
#endif
    atomic_fetch_add_explicit(at, 1, memory_order_relaxed);
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

/* ---- telemetry_ask.c ----------------------------------------------------------------------- */

/* The agent is to find out of which big segments the context with this key is a member. The same
   mark again, soon after: nothing is told. Inside a read section. Async-signal-safe. */
void telemetry_ask(struct ffshm *ff, const char *key, size_t length, uint64_t mark);

/* ---- fork ---------------------------------------------------------------------------------- */

void telemetry_before_fork(struct ffshm *ff);
void telemetry_after_fork_child(struct ffshm *ff);
void telemetry_stripes_after_fork_child(void);

/* ---- telemetry_track.c --------------------------------------------------------------------- */

/* One migration operation (telemetry_file.h: MIGRATION). Everything is borrowed for the call. */
struct telemetry_migration {
    const struct ffshm_context *c;
    const char *flag;             /* its key */
    int64_t version;              /* -1: there is no such flag */
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
