/*
 * store.h - an opened store: which snapshot is current, and how it is replaced.
 *
 * Hot path (store_enter .. store_leave): one acquire load of the announced generation, compared
 * with the one last looked at; an RCU read section; one acquire load of the current snapshot.
 * Everything else is in the cold functions of store.c (refresh, retire), store_map.c (files to
 * memory), store_fork.c and store_thread.c.
 */
#ifndef FFSHM_STORE_H
#define FFSHM_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ffshm.h"
#include "image.h"
#include "rcu.h"
#include "snapshot.h"

#define STORE_MAX_RETIRED                                                                          \
    4 /* snapshots that wait for a grace period before an evaluation has to wait for one */

/* A verified mapping of an extent, shared by the snapshots that name it. */
struct store_extent {
    _Atomic uint32_t references; /* 0: this record is free */
    bool borrowed;               /* memory of the caller's: never unmapped */
    uint64_t id;
    uint64_t checksum;
    const uint8_t *base;
    size_t length;
    struct regexes *regexes;
};

/* A snapshot in use. Lives in pages of its own (mmap, not malloc: made inside evaluations, perhaps
   in a signal handler). */
struct store_snapshot {
    struct snapshot image;       /* first: what the evaluator sees */
    _Atomic uint32_t references; /* the store's, and one for each pinned view */
    bool borrowed;
    const void *head;
    size_t head_length;
    struct store_extent *extents[IMAGE_MAX_EXTENTS];
    struct store_snapshot *next_retired;
};

/* Records of extents, never freed before the store is closed. */
struct store_extents {
    struct store_extents *next;
    struct store_extent extents[];
};

struct ffshm {
    /* What every evaluation reads, and nobody writes between two publishes. */
    _Atomic(const struct image_control *)
        control;                              /* never NULL: a page of zeros before the first one */
    _Atomic uint64_t seen;                    /* generation last looked at, good or refused */
    _Atomic(struct store_snapshot *) current; /* never NULL: the empty snapshot */
    _Atomic(struct hooks *) hooks;            /* NULL: none. hooks.h */
    _Atomic(const _Atomic uint64_t *) window; /* the control page's telemetry_window, or a zero */
    _Atomic(struct telemetry *) telemetry;    /* never NULL: telemetry_none (telemetry.h) */
    _Atomic(struct big_segments_map *) memberships; /* NULL: not mapped. big_segments.h */

    /* Written by refreshes only; under `refreshing`. */
    _Alignas(128) _Atomic uintptr_t refreshing; /* who refreshes (store_self), 0: nobody */
    int mode;                                   /* enum ffshm_refresh_mode */
    int verify;                                 /* enum ffshm_verify */
    _Atomic int dir_fd;                         /* -1: not there yet; then always the same number */
    char *dir;                                  /* NULL: made of memory */
    const char *second_dir;                     /* looked at while there is no `dir`; NULL: none */
    const char *opened_dir;                     /* which of the two */
    uint64_t control_device;
    uint64_t control_inode;
    struct store_snapshot *retired; /* newest first */
    unsigned retired_count;
    struct store_extents *extents;
    uint64_t next_try_ns; /* CLOCK_MONOTONIC: no attempt before, after one that failed for want of
                             something */
    _Atomic uint64_t backoff_ns;
    int refused_error; /* why the generation in `seen` is not the current one */
    bool locked_for_fork;
    int forked_pid; /* the process whose threads liburcu knows; see store_fork.c */

    _Atomic int last_error;
    _Atomic uint64_t refused;
    _Atomic uint64_t refreshes;
    _Atomic uint64_t dropped_events;
    _Atomic uint64_t dropped_counts;
    _Atomic uint64_t log_next_ns;        /* no line before */
    _Atomic uint64_t misuse_log_next_ns; /* of store_log_misuse */

    /* What is told to the agent: telemetry_map.c. */
    bool no_telemetry;
    _Atomic(struct telemetry *) retired_telemetry; /* newest first */
    _Atomic unsigned retired_telemetry_count;
    _Atomic uint64_t telemetry_next_try_ns; /* CLOCK_MONOTONIC: no attempt to make a file before */
    _Atomic uint64_t telemetry_backoff_ns;

    /* big_segments.c */
    unsigned big_segment_wait_ms;
    struct big_segments_map *retired_memberships; /* under `refreshing` */
    unsigned retired_memberships_count;
    _Atomic uint64_t memberships_next_try_ns; /* CLOCK_MONOTONIC: no attempt before. 0: any time */

    ffshm_log_fn *log;
    void *log_arg;

    /* FFSHM_REFRESH_THREAD */
    pthread_t thread;
    bool has_thread;
    _Atomic uint32_t poke; /* futex word: 1 asks for a refresh, 2 for the end */

    struct ffshm *next; /* all open stores, for fork */
    struct ffshm **previous;
};

/* Where a refresh runs decides what it may do. */
enum store_caller {
    STORE_EVALUATION, /* no lock of anybody's, no waiting that can be avoided */
    STORE_EXPLICIT,   /* may wait for a grace period */
};

/* ---- store.c ---- */

/* An evaluation saw another generation than `seen`, or no snapshot: refreshes, pokes the thread, or
   does nothing, as the mode says. Keeps errno. */
void store_notice(struct ffshm *ff);
int store_refresh(struct ffshm *ff, enum store_caller caller);
bool store_try_lock(struct ffshm *ff);
void store_unlock(struct ffshm *ff);
/* One reference; the last one unmaps. */
void store_drop(struct store_snapshot *s, enum store_caller caller);
void store_log(struct ffshm *ff, int level, const char *text, const char *detail);
/* The program did something wrong: lines of their own rate, lest they hide the others. Any thread.
 */
void store_log_misuse(struct ffshm *ff, const char *text, const char *detail);
uint64_t store_now_ns(void);
/* Lets whoever holds a lock of ours go on; `times` counts from 0 in each wait. */
void store_wait_a_moment(unsigned times);

/* Wraps an assembled image (set_seed 0) as a store of its own: no files, no agent. The memory is
   borrowed until ffshm_close and must be 64-aligned. NULL: not a valid image, or out of memory;
   *why says which part. For tools and tests. */
struct ffshm *store_of_memory(const void *head, size_t head_size, const void *const *extents,
                              const size_t *sizes, size_t count, const char **why);

/* ---- store_map.c: files to memory; call with the lock held ---- */

/* Opens the directory and maps ctl, again if they were replaced. OK, NOT_READY, BAD_FILE,
 * BAD_FORMAT. */
int store_map_control(struct ffshm *ff, const char **why);
/* Maps and verifies the snapshot of a generation, sharing extents with `previous`. */
int store_map_snapshot(struct ffshm *ff, uint64_t generation, const struct store_snapshot *previous,
                       enum store_caller caller, struct store_snapshot **out, const char **why);
struct store_snapshot *store_snapshot_new(void);
void store_snapshot_free(struct store_snapshot *s);
/* A record with one reference; NULL: no memory. */
struct store_extent *store_extent_new(struct ffshm *ff);
void store_extents_free(struct ffshm *ff);
/* Fills in s->image from s->head and s->extents. */
void store_snapshot_fill(struct ffshm *ff, struct store_snapshot *s, uint64_t set_seed);
bool store_agent_alive(const struct ffshm *ff);
/* Maps a whole file of the store that can be trusted, of at least so many bytes. NULL and *why. */
const void *store_map_file(int dir_fd, const char *name, size_t least, size_t *length,
                           const char **why);
extern const struct image_control store_no_control;
extern struct store_snapshot store_no_snapshot;

/* ---- store_past.c: snapshots of before, for tools and the agent ---- */

struct store_past {
    uint64_t generation;
    uint64_t created_ms; /* wall clock */
    uint64_t digest[2];  /* of the content */
};

/* The generations whose files are in the directory, ascending; of more than `most` the newest. Not
   wait-free: reads the directory, and the front of each head. */
size_t store_retained(struct ffshm *ff, struct store_past *list, size_t most);
/* Pins one of them, mapped and verified as the current one is, sharing what both have; ffshm_unpin
   lets it go. What is evaluated in the view counts as any evaluation of the store: open it with
   no_telemetry. OK; NOT_READY, BUSY, BAD_FILE (it is gone) or what else refuses a snapshot, with
   *why. */
int store_pin_past(struct ffshm *ff, uint64_t generation, struct ffshm_view *view,
                   const char **why);

/* ---- status.c ---- */

/* What the agent last said about its sources. false, and *out zeroed: it died while it wrote.
   Bounded work. */
bool store_source_report(struct ffshm *ff, struct image_source_report *out);

/* ---- store_fork.c ---- */

void store_register(struct ffshm *ff);
void store_unregister(struct ffshm *ff);
/* Is this a process that liburcu's registry is right about? false in a child made by raw clone():
   such a child must never wait for a grace period, the threads of its parent would never end
   theirs. */
bool store_may_wait(const struct ffshm *ff);
uintptr_t store_self(void);

/* ---- store_thread.c ---- */

int store_thread_start(struct ffshm *ff);
void store_thread_stop(struct ffshm *ff);
void store_thread_poke(struct ffshm *ff);

/* ---- the hot path ---- */

static inline bool store_is_news(struct ffshm *ff)
{
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    /* pairs with the release store of the generation in agent/publish */
    uint64_t generation = atomic_load_explicit(&control->generation, memory_order_acquire);
    return generation != atomic_load_explicit(&ff->seen, memory_order_relaxed);
}

/* Begins a section and returns the current snapshot; looks for a newer one before, where the mode
 * allows it. */
static inline const struct snapshot *store_enter(struct ffshm *ff)
{
    if (__builtin_expect(store_is_news(ff), 0)) {
        store_notice(ff);
    }
    rcu_enter();
    /* pairs with the release store in store.c: swap() */
    return &atomic_load_explicit(&ff->current, memory_order_acquire)->image;
}

/* Are there hooks? Then an evaluation takes another way. */
static inline bool store_hooked(const struct ffshm *ff)
{
    return atomic_load_explicit(&ff->hooks, memory_order_relaxed) != NULL;
}

/* The same where nothing unusual is to be done, without a function call. NULL, and no section:
   where it is. Else what rcu_leave_known takes. */
static inline unsigned long *store_enter_fast(struct ffshm *ff, const struct snapshot **s)
{
    if (__builtin_expect(store_is_news(ff) || store_hooked(ff), 0)) {
        return NULL;
    }
    unsigned long *const section = rcu_enter_known();
    *s = &atomic_load_explicit(&ff->current, memory_order_acquire)->image;
    return section;
}

static inline void store_leave(void)
{
    rcu_leave();
}

#endif
