/*
 * store_thread.c - FFSHM_REFRESH_THREAD: one thread a store that maps new snapshots, so that no
 * evaluation ever does.
 *
 * It sleeps on a private futex. The evaluation that notices a new generation first sets the word
 * and wakes it; the others find the word set and pass by. Idle processes are woken by nobody: every
 * half minute or so the thread looks by itself, so that they let go of old mappings (the time is
 * spread, so that thousands of processes do not look at once).
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "store.h"

#define STACK_BYTES ((size_t)256 * 1024)
#define LOOK_SECONDS 30

enum { POKE_NONE = 0, POKE_REFRESH = 1, POKE_STOP = 2 };

static long futex(_Atomic uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

/* Sleeps that long whatever evaluations ask for; only the end of the store wakes it (see
 * store_thread_stop). */
static void pause_for(struct ffshm *ff, uint64_t ns)
{
    uint64_t end = store_now_ns() + ns;
    for (;;) {
        uint64_t now = store_now_ns();
        uint32_t poke = atomic_load_explicit(&ff->poke, memory_order_acquire);
        if (poke == POKE_STOP || now >= end) {
            return;
        }
        const struct timespec rest = {(time_t)((end - now) / 1000000000u),
                                      (long)((end - now) % 1000000000u)};
        futex(&ff->poke, FUTEX_WAIT, poke, &rest);
    }
}

static void *refresher(void *arg)
{
    struct ffshm *ff = arg;
    const struct timespec look = {LOOK_SECONDS + (long)((uintptr_t)ff >> 6) % LOOK_SECONDS, 0};
    for (;;) {
        uint32_t poke = atomic_load_explicit(&ff->poke, memory_order_acquire);
        if (poke == POKE_STOP) {
            return NULL;
        }
        if (poke == POKE_NONE) {
            futex(&ff->poke, FUTEX_WAIT, POKE_NONE, &look);
        }
        poke = POKE_REFRESH;
        atomic_compare_exchange_strong(&ff->poke, &poke, POKE_NONE);
        if (store_refresh(ff, STORE_EXPLICIT) != FFSHM_OK) {
            pause_for(ff, atomic_load_explicit(&ff->backoff_ns, memory_order_relaxed));
        }
    }
}

int store_thread_start(struct ffshm *ff)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return -1;
    }
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    /* The host program's signal handlers must not run on a thread that it does not know. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&ff->thread, &attributes, refresher, ff);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    ff->has_thread = error == 0;
    return error == 0 ? 0 : -1;
}

void store_thread_stop(struct ffshm *ff)
{
    atomic_store_explicit(&ff->poke, POKE_STOP, memory_order_release);
    futex(&ff->poke, FUTEX_WAKE, 1, NULL);
    pthread_join(ff->thread, NULL);
    ff->has_thread = false;
}

void store_thread_poke(struct ffshm *ff)
{
    uint32_t none = POKE_NONE;
    if (atomic_load_explicit(&ff->poke, memory_order_relaxed) == POKE_NONE &&
        atomic_compare_exchange_strong(&ff->poke, &none, POKE_REFRESH)) {
        futex(&ff->poke, FUTEX_WAKE, 1, NULL);
    }
}
