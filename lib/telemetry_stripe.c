/*
 * telemetry_stripe.c - stripes of counters: one thread each, for as long as it lives.
 *
 * The owners' thread ids are in one table for the whole process. A thread takes a stripe when it
 * first counts and never gives it back: when no stripe is free, the one whose owner is no longer
 * there (tgkill says so) is taken over. That needs no destructor of thread-specific data, whose
 * setting may allocate, and works in signal handlers and in children of any kind of fork.
 *
 * After fork only the forking thread is there: the handler leaves it its stripe. In a child made by
 * raw clone(), where no handler runs, the pid tells: all stripes that had an owner are lost to the
 * child but for that one thread, which may go on with its own.
 */
#include "telemetry_stripe.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "telemetry_tell.h"
#include "test_point.h"

#define INHERITED (-1) /* an owner that is no thread of this process */

static _Atomic int owners[TELEMETRY_STRIPES]; /* thread ids; 0: free */
static _Atomic int owners_pid;                /* the process whose threads they are */
static _Atomic uint32_t forks;                /* of which this process is the child */

__thread uint32_t telemetry_stripe;
static __thread uint32_t last_try; /* the window in which this thread last looked for a stripe */

static int thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

static void disown_inherited(void)
{
    const int pid = getpid();
    int before = atomic_load_explicit(&owners_pid, memory_order_acquire);
    if (before == pid) {
        return;
    }
    if (before != 0) {
        for (unsigned i = 0; i < TELEMETRY_STRIPES; i++) {
            /* Perhaps that of a thread that looked at the same time: it keeps its stripe, which
               nobody will take over then. */
            if (atomic_load_explicit(&owners[i], memory_order_relaxed) != 0) {
                atomic_store_explicit(&owners[i], INHERITED, memory_order_relaxed);
            }
        }
    }
    atomic_compare_exchange_strong_explicit(&owners_pid, &before, pid, memory_order_release,
                                            memory_order_relaxed);
}

static bool is_gone(int owner)
{
    return owner > 0 && syscall(SYS_tgkill, getpid(), owner, 0) != 0 && errno == ESRCH;
}

static bool take(unsigned stripe, int owner, int self)
{
    return atomic_compare_exchange_strong_explicit(&owners[stripe], &owner, self,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

/* One that has this thread's id already is its own: a signal handler took it in the middle of this
   very search, or its owner died and left its id to this thread. */
static uint32_t find(int self)
{
    for (unsigned i = TELEMETRY_SHARED_STRIPE + 1; i < TELEMETRY_STRIPES; i++) {
        if (atomic_load_explicit(&owners[i], memory_order_acquire) == self) {
            return i;
        }
    }
    for (unsigned i = TELEMETRY_SHARED_STRIPE + 1; i < TELEMETRY_STRIPES; i++) {
        if (atomic_load_explicit(&owners[i], memory_order_relaxed) == 0 && take(i, 0, self)) {
            return i;
        }
    }
    for (unsigned i = TELEMETRY_SHARED_STRIPE + 1; i < TELEMETRY_STRIPES; i++) {
        const int owner = atomic_load_explicit(&owners[i], memory_order_relaxed);
        if (is_gone(owner) && take(i, owner, self)) {
            return i;
        }
    }
    return TELEMETRY_SHARED_STRIPE;
}

uint32_t telemetry_stripe_claim(uint64_t window)
{
    const uint32_t stripe = telemetry_stripe;
    if (stripe > TELEMETRY_SHARED_STRIPE ||
        (stripe == TELEMETRY_SHARED_STRIPE && last_try == (uint32_t)window)) {
        return stripe;
    }
    uint32_t before;
    do { /* again in the child of a signal handler that forked: there the stripe found is free */
        before = atomic_load_explicit(&forks, memory_order_relaxed);
        disown_inherited();
        const uint32_t found = find(thread_id());
        FFSHM_TEST_POINT(220);
        telemetry_stripe = found;
        atomic_signal_fence(memory_order_seq_cst);
    } while (before != atomic_load_explicit(&forks, memory_order_relaxed));
    last_try = (uint32_t)window;
    return telemetry_stripe;
}

void telemetry_stripes_after_fork_child(void)
{
    for (unsigned i = 0; i < TELEMETRY_STRIPES; i++) {
        const bool own = i > TELEMETRY_SHARED_STRIPE && i == telemetry_stripe;
        atomic_store_explicit(&owners[i], own ? thread_id() : 0, memory_order_relaxed);
    }
    atomic_store_explicit(&owners_pid, getpid(), memory_order_release);
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
    telemetry_draw_state = 0; /* the child draws for itself */
}
