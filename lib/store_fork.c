/*
 * store_fork.c - fork at any time, from any thread.
 *
 * Read-only mappings survive fork as they are. What does not: liburcu's registry (it would list
 * threads that the child does not have), a refresh that another thread has half done, and the
 * refresher thread. The handlers below hold refreshes off while forking, give liburcu its three
 * hooks, and turn THREAD stores into INLINE ones. What telemetry has is wiped by the kernel
 * (telemetry_map.c); here the child's one thread keeps its stripe.
 *
 * A child made by raw clone() runs no handlers. It evaluates like any other, and it sees later
 * snapshots (unless another thread was refreshing, or the store has a thread: its child has none),
 * but it must never wait for a grace period: store_may_wait tells it by its pid, and its
 * retired snapshots pile up instead.
 */
#include <signal.h>
#include <unistd.h>

#include "telemetry.h"

static pthread_mutex_t stores_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ffshm *stores;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sigset_t mask_before_fork; /* under stores_lock */

uintptr_t store_self(void)
{
    static __thread char me;
    return (uintptr_t)&me;
}

/* With signals blocked: a handler that forks would wait for the lock of the thread below it. */
static sigset_t lock_stores(void)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&stores_lock);
    return before;
}

static void unlock_stores(const sigset_t *before)
{
    pthread_mutex_unlock(&stores_lock);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* Stops refreshes. One that this very thread has under way (fork in a signal handler) stays as it
   is, on both sides: its thread lives on in parent and child. */
static void before_fork(void)
{
    const sigset_t before = lock_stores();
    mask_before_fork = before;
    for (struct ffshm *ff = stores; ff; ff = ff->next) {
        ff->locked_for_fork =
            atomic_load_explicit(&ff->refreshing, memory_order_relaxed) != store_self();
        for (unsigned times = 0; ff->locked_for_fork && !store_try_lock(ff); times++) {
            store_wait_a_moment(times);
        }
        telemetry_before_fork(ff);
    }
    rcu_before_fork();
}

static void unlock_all(void)
{
    for (struct ffshm *ff = stores; ff; ff = ff->next) {
        if (ff->locked_for_fork) {
            store_unlock(ff);
        }
    }
    const sigset_t before = mask_before_fork;
    unlock_stores(&before);
}

static void after_fork_parent(void)
{
    rcu_after_fork_parent();
    unlock_all();
}

static void after_fork_child(void)
{
    rcu_after_fork_child();
    telemetry_stripes_after_fork_child();
    for (struct ffshm *ff = stores; ff; ff = ff->next) {
        telemetry_after_fork_child(ff);
        ff->forked_pid = getpid();
        if (ff->has_thread) {
            ff->has_thread = false;
            ff->mode = FFSHM_REFRESH_INLINE;
        }
    }
    unlock_all();
}

static void install_handlers(void)
{
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

void store_register(struct ffshm *ff)
{
    pthread_once(&once, install_handlers);
    ff->forked_pid = getpid();
    const sigset_t before = lock_stores();
    ff->next = stores;
    ff->previous = &stores;
    if (stores) {
        stores->previous = &ff->next;
    }
    stores = ff;
    unlock_stores(&before);
}

void store_unregister(struct ffshm *ff)
{
    const sigset_t before = lock_stores();
    if (ff->previous) {
        *ff->previous = ff->next;
        if (ff->next) {
            ff->next->previous = ff->previous;
        }
    }
    unlock_stores(&before);
}

bool store_may_wait(const struct ffshm *ff)
{
    return ff->forked_pid == getpid();
}
