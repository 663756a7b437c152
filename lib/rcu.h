/*
 * rcu.h - the only place that names liburcu.
 *
 * The "bulletproof" flavour registers threads by itself, which a library inside unknown programs
 * needs. _LGPL_SOURCE makes the read side inline (2 ns instead of 17 ns a section); the functions
 * inlined are below the ten lines that the LGPL-2.1's section 5 leaves unrestricted, and liburcu
 * itself stays a shared library.
 */
#ifndef FFSHM_RCU_H
#define FFSHM_RCU_H

/* liburcu's headers are not clean under our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wcast-align"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
/* liburcu 0.13 places its readers on 32 bytes and declares them aligned to 128; nothing that
   is inlined here depends on it, but UBSan sees it. */
#if defined(__GNUC__)
static inline void _urcu_bp_read_lock_update(unsigned long)
    __attribute__((no_sanitize("alignment")));
static inline void _urcu_bp_read_lock(void) __attribute__((no_sanitize("alignment")));
static inline void _urcu_bp_read_unlock(void) __attribute__((no_sanitize("alignment")));
static inline int _urcu_bp_read_ongoing(void) __attribute__((no_sanitize("alignment")));
#endif
#define _LGPL_SOURCE
#include <urcu/urcu-bp.h>
#undef _LGPL_SOURCE
#pragma GCC diagnostic pop

/* Has the calling thread been in a section before? If so, rcu_enter makes no call. */
static inline int rcu_registered(void)
{
    return URCU_TLS(urcu_bp_reader) != 0;
}

/*
 * A section of a thread that is known, on a kernel with membarrier, and that is in none: nearly
 * all are. In rcu_enter and rcu_leave liburcu looks at each of these conditions every time, and
 * twice at some; here they are looked at once, and the thread's word stays at hand. NULL: none was
 * begun, use rcu_enter. What was begun ends with rcu_leave_known, or as any other with rcu_leave.
 * This is what liburcu 0.13 does in _urcu_bp_read_lock and _unlock: compare when that changes.
 */
static inline __attribute__((no_sanitize("alignment"))) unsigned long *rcu_enter_known(void)
{
    struct urcu_bp_reader *const reader = URCU_TLS(urcu_bp_reader);
    if (__builtin_expect(!reader || !urcu_bp_has_sys_membarrier, 0)) {
        return NULL;
    }
    cmm_barrier();
    if (__builtin_expect((reader->ctr & URCU_BP_GP_CTR_NEST_MASK) != 0, 0)) {
        return NULL;
    }
    _CMM_STORE_SHARED(reader->ctr, _CMM_LOAD_SHARED(urcu_bp_gp.ctr));
    cmm_barrier();
    return &reader->ctr;
}

static inline void rcu_leave_known(unsigned long *section)
{
    cmm_barrier();
    *section -= URCU_BP_GP_COUNT;
    cmm_barrier();
}

static inline void rcu_enter(void)
{
#ifndef __clang_analyzer__ /* it takes the reader that this call registers for NULL */
    urcu_bp_read_lock();
#endif
}

static inline void rcu_leave(void)
{
#ifndef __clang_analyzer__
    urcu_bp_read_unlock();
#endif
}

/* Is the calling thread (perhaps interrupted by a signal) inside a section? */
static inline int rcu_inside(void)
{
#ifdef __clang_analyzer__
    return 0;
#else
    return urcu_bp_read_ongoing();
#endif
}

/* Waits until every section that is under way now has ended. Not from inside one. */
static inline void rcu_wait(void)
{
    urcu_bp_synchronize_rcu();
}

static inline void rcu_before_fork(void)
{
    urcu_bp_before_fork();
}

static inline void rcu_after_fork_parent(void)
{
    urcu_bp_after_fork_parent();
}

static inline void rcu_after_fork_child(void)
{
    urcu_bp_after_fork_child();
}

#endif
