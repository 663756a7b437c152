/*
 * store.c - open, refresh, retire, close.
 *
 * Swap and reclaim, step by step (test point 100 + n before step n). A refresh holds `refreshing`;
 * evaluations never do.
 *   1. The new snapshot is mapped, verified and complete in private memory.
 *   2. `current` is replaced with release order; evaluations load it with acquire, inside a read
 * section.
 *   3. The old snapshot goes onto the retired list. A section that began before 2 may still use it.
 *   4. rcu_wait() returns when no such section is left; then the store's reference is dropped.
 *   5. The last reference (the store's, or a pinned view's) unmaps the head and releases the
 * extents; an extent is unmapped when no snapshot names it any more. An evaluation that refreshes
 * stops after 3 while fewer than STORE_MAX_RETIRED snapshots wait. If step 4 cannot be taken (the
 * caller is a signal handler that interrupted a section, or a raw clone child), the list grows
 * instead.
 */
#include "store.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "big_segments.h"
#include "hooks.h"
#include "image_verify.h"
#include "regex.h"
#include "telemetry.h"
#include "test_point.h"

#define BACKOFF_FIRST_NS 10000000ull  /* 10 ms */
#define BACKOFF_LAST_NS 2000000000ull /* 2 s */
#define LOG_INTERVAL_NS 1000000000ull /* at most one line a second */
#define YIELDS_MOST 8u                /* before a lock is slept for */

uint64_t store_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A thread of real-time priority yields to its equals only: were it not to sleep, a holder on the
   same processor would not run before the kernel's throttle, a second later. */
void store_wait_a_moment(unsigned times)
{
    if (times < YIELDS_MOST) {
        sched_yield();
    } else {
        static const struct timespec moment = {0, 50000};
        nanosleep(&moment, NULL);
    }
}

static void log_line(struct ffshm *ff, _Atomic uint64_t *next_ns, int level, const char *text,
                     const char *detail)
{
    uint64_t next = atomic_load_explicit(next_ns, memory_order_relaxed);
    uint64_t now = store_now_ns();
    if (!ff->log || now < next ||
        !atomic_compare_exchange_strong_explicit(next_ns, &next, now + LOG_INTERVAL_NS,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return;
    }
    /* Perhaps in a signal handler: no stdio. */
    const char *const parts[] = {text, detail ? ": " : "",           detail ? detail : "",
                                 " (", ff->dir ? ff->dir : "memory", ")"};
    char line[512];
    size_t used = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (const char *p = parts[i]; *p && used < sizeof(line) - 1; p++) {
            line[used++] = *p;
        }
    }
    line[used] = '\0';
    ff->log(ff->log_arg, level, line);
}

void store_log(struct ffshm *ff, int level, const char *text, const char *detail)
{
    log_line(ff, &ff->log_next_ns, level, text, detail);
}

void store_log_misuse(struct ffshm *ff, const char *text, const char *detail)
{
    log_line(ff, &ff->misuse_log_next_ns, FFSHM_LOG_ERROR, text, detail);
}

bool store_try_lock(struct ffshm *ff)
{
    uintptr_t nobody = 0;
    return atomic_compare_exchange_strong_explicit(&ff->refreshing, &nobody, store_self(),
                                                   memory_order_acquire, memory_order_relaxed);
}

void store_unlock(struct ffshm *ff)
{
    atomic_store_explicit(&ff->refreshing, 0, memory_order_release);
}

/* ---- references ---- */

static void drop_extent(struct store_extent *e, enum store_caller caller)
{
    /* Once the count is 0 a refresh may reuse the record: read it before. */
    struct regexes *regexes = e->regexes;
    const uint8_t *base = e->borrowed ? NULL : e->base;
    size_t length = e->length;
    if (atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) == 1) {
        if (caller == STORE_EVALUATION) {
            regexes_free_later(regexes);
        } else {
            regexes_free(regexes);
        }
        if (base) {
            munmap((void *)(uintptr_t)base, length);
        }
    }
}

void store_drop(struct store_snapshot *s, enum store_caller caller)
{
    if (s == &store_no_snapshot ||
        atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < s->image.extent_count; i++) {
        drop_extent(s->extents[i], caller);
    }
    if (!s->borrowed) {
        munmap((void *)(uintptr_t)s->head, s->head_length);
    }
    store_snapshot_free(s);
}

static void free_telemetry(struct telemetry *list)
{
    while (list) {
        struct telemetry *next = list->next;
        telemetry_free(list);
        list = next;
    }
}

static void drop_retired(struct ffshm *ff, enum store_caller caller)
{
    struct store_snapshot *s = ff->retired;
    ff->retired = NULL;
    ff->retired_count = 0;
    while (s) {
        struct store_snapshot *next = s->next_retired;
        store_drop(s, caller);
        s = next;
    }
}

static void reclaim(struct ffshm *ff, enum store_caller caller)
{
    const unsigned count = ff->retired_count + ff->retired_memberships_count +
                           atomic_load_explicit(&ff->retired_telemetry_count, memory_order_relaxed);
    if (count == 0 || (caller == STORE_EVALUATION && count < STORE_MAX_RETIRED) ||
        !store_may_wait(ff) || rcu_inside()) {
        return;
    }
    struct telemetry *telemetry =
        telemetry_take_retired(ff); /* what is retired from now on stays */
    struct big_segments_map *memberships = big_segments_take_retired(ff);
    FFSHM_TEST_POINT(104);
    rcu_wait();
    drop_retired(ff, caller);
    free_telemetry(telemetry);
    big_segments_free(memberships);
}

/* ---- refresh ---- */

static void swap(struct ffshm *ff, struct store_snapshot *new)
{
    struct store_snapshot *old = atomic_load_explicit(&ff->current, memory_order_relaxed);
    FFSHM_TEST_POINT(102);
    atomic_store_explicit(&ff->current, new, memory_order_release); /* pairs with store_enter */
    if (old != &store_no_snapshot) {
        old->next_retired = ff->retired;
        ff->retired = old;
        ff->retired_count++;
    }
}

/* An attempt failed for a reason that may go away: try again, later and later. */
static void back_off(struct ffshm *ff)
{
    uint64_t ns = atomic_load_explicit(&ff->backoff_ns, memory_order_relaxed);
    ns = ns == 0 ? BACKOFF_FIRST_NS : ns * 2 < BACKOFF_LAST_NS ? ns * 2 : BACKOFF_LAST_NS;
    atomic_store_explicit(&ff->backoff_ns, ns, memory_order_relaxed);
    ff->next_try_ns = store_now_ns() + ns;
}

static bool for_good(int error)
{
    return error == FFSHM_BAD_FORMAT || error == FFSHM_BAD_CHECKSUM || error == FFSHM_BAD_STRUCTURE;
}

static void refuse(struct ffshm *ff, uint64_t generation, int error, const char *why)
{
    if (for_good(error)) {
        ff->refused_error = error;
        atomic_store_explicit(&ff->seen, generation, memory_order_relaxed);
        atomic_fetch_add_explicit(&ff->refused, 1, memory_order_relaxed);
    } else {
        back_off(ff);
    }
    atomic_store_explicit(&ff->last_error, error, memory_order_relaxed);
    store_log(ff, FFSHM_LOG_ERROR, ffshm_error_text(error), why);
}

static int refresh_to(struct ffshm *ff, uint64_t generation, enum store_caller caller)
{
    struct store_snapshot *old = atomic_load_explicit(&ff->current, memory_order_relaxed);
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_relaxed);
    /* A new directory counts from the beginning: its generations may have the old ones' numbers. */
    if (generation == old->image.generation &&
        old->image.head->store_epoch == control->store_epoch) {
        atomic_store_explicit(&ff->seen, generation, memory_order_relaxed);
        return FFSHM_OK;
    }
    if (generation == atomic_load_explicit(&ff->seen, memory_order_relaxed)) {
        atomic_store_explicit(&ff->last_error, ff->refused_error, memory_order_relaxed);
        return ff->refused_error;
    }
    struct store_snapshot *new = NULL;
    const char *why = NULL;
    int error = store_map_snapshot(ff, generation, old, caller, &new, &why);
    if (error != FFSHM_OK) {
        refuse(ff, generation, error, why);
        return error;
    }
    swap(ff, new);
    atomic_store_explicit(&ff->seen, generation, memory_order_relaxed);
    atomic_store_explicit(&ff->last_error, FFSHM_OK, memory_order_relaxed);
    atomic_fetch_add_explicit(&ff->refreshes, 1, memory_order_relaxed);
    atomic_store_explicit(&ff->backoff_ns, 0, memory_order_relaxed);
    ff->next_try_ns = 0;
    return FFSHM_OK;
}

static int refresh_locked(struct ffshm *ff, enum store_caller caller)
{
    if (ff->dir) { /* else made of memory */
        const char *why = NULL;
        int error = store_map_control(ff, &why);
        if (error != FFSHM_OK) {
            if (error != FFSHM_NOT_READY) {
                store_log(ff, FFSHM_LOG_ERROR, ffshm_error_text(error), why);
            }
            atomic_store_explicit(&ff->last_error, error == FFSHM_NOT_READY ? FFSHM_OK : error,
                                  memory_order_relaxed);
            back_off(ff);
            return error;
        }
        big_segments_refresh(ff);
    }
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_relaxed);
    int error = FFSHM_NOT_READY;
    /* A head may be gone when the agent publishes faster than we map: look for the next one, a few
     * times. */
    for (int attempt = 0; attempt < 8; attempt++) {
        uint64_t generation = atomic_load_explicit(&control->generation, memory_order_acquire);
        if (generation == 0) {
            back_off(ff);
            return FFSHM_NOT_READY;
        }
        error = refresh_to(ff, generation, caller);
        if (error != FFSHM_BAD_FILE ||
            generation == atomic_load_explicit(&control->generation, memory_order_acquire)) {
            break;
        }
    }
    reclaim(ff, caller);
    return error;
}

int store_refresh(struct ffshm *ff, enum store_caller caller)
{
    if (!store_try_lock(ff)) {
        return FFSHM_BUSY;
    }
    int error = refresh_locked(ff, caller);
    store_unlock(ff);
    return error;
}

void store_notice(struct ffshm *ff)
{
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    uint64_t seen = atomic_load_explicit(&ff->seen, memory_order_relaxed);
    if (seen != 0 && seen == atomic_load_explicit(&control->generation, memory_order_relaxed)) {
        return; /* mapped by now; or refused, and no look at it makes it better */
    }
    int saved_errno = errno;
    if (ff->mode == FFSHM_REFRESH_THREAD) {
        store_thread_poke(ff);
    } else if (ff->mode == FFSHM_REFRESH_INLINE && store_try_lock(ff)) {
        if (ff->next_try_ns == 0 || store_now_ns() >= ff->next_try_ns) {
            refresh_locked(ff, STORE_EVALUATION);
        }
        store_unlock(ff);
    }
    errno = saved_errno;
}

/* ---- open and close ---- */

static bool valid_options(const struct ffshm_options *o)
{
    return o->size >= offsetof(struct ffshm_options, no_telemetry) &&
           o->refresh >= FFSHM_REFRESH_INLINE && o->refresh <= FFSHM_REFRESH_MANUAL &&
           o->verify >= FFSHM_VERIFY_FULL && o->verify <= FFSHM_VERIFY_HEADER;
}

static struct ffshm *store_new(const struct ffshm_options *options)
{
    struct ffshm_options o = {.size = sizeof(o)};
    if (options) {
        if (!valid_options(options)) {
            return NULL;
        }
        memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
    }
    struct ffshm *ff = aligned_alloc(_Alignof(struct ffshm), sizeof(*ff));
    if (!ff) {
        return NULL;
    }
    memset(ff, 0, sizeof(*ff));
    atomic_init(&ff->control, &store_no_control);
    atomic_init(&ff->current, &store_no_snapshot);
    atomic_init(&ff->window, &store_no_control.telemetry_window);
    atomic_init(&ff->telemetry, &telemetry_none.zero);
    ff->no_telemetry = o.no_telemetry;
    ff->big_segment_wait_ms = o.big_segment_wait_ms;
    ff->mode = o.refresh;
    ff->verify = o.verify;
    ff->log = o.log;
    ff->log_arg = o.log_arg;
    atomic_init(&ff->dir_fd, -1);
    return ff;
}

/* Where to look. With no directory named it is decided when one of the two is there: a program may
   well start before its agent. */
static bool choose_dir(struct ffshm *ff, const char *dir)
{
    if (!dir || !*dir) {
        dir = secure_getenv("FFSHM_DIR");
    }
    if (!dir || !*dir) {
        dir = "/run/ffshm/default";
        ff->second_dir = "/dev/shm/ffshm/default";
    }
    ff->dir = strdup(dir);
    return ff->dir != NULL;
}

struct ffshm *ffshm_open(const char *dir, const struct ffshm_options *options)
{
    int saved_errno = errno;
    struct ffshm *ff = store_new(options);
    if (!ff) {
        errno = saved_errno;
        return NULL;
    }
    if (!choose_dir(ff, dir)) {
        free(ff);
        errno = saved_errno;
        return NULL;
    }
    store_register(ff);
    store_refresh(ff, STORE_EXPLICIT);
    if (ff->mode == FFSHM_REFRESH_THREAD && store_thread_start(ff) != 0) {
        ffshm_close(ff);
        ff = NULL;
    }
    errno = saved_errno;
    return ff;
}

void ffshm_close(struct ffshm *ff)
{
    if (!ff) {
        return;
    }
    int saved_errno = errno;
    if (ff->has_thread) {
        store_thread_stop(ff);
    }
    store_unregister(ff);
    /* No evaluation uses the store any more (the contract): nothing to wait for. */
    drop_retired(ff, STORE_EXPLICIT);
    store_drop(atomic_load_explicit(&ff->current, memory_order_relaxed), STORE_EXPLICIT);
    telemetry_retire(ff, NULL);
    free_telemetry(telemetry_take_retired(ff));
    big_segments_free(big_segments_take_retired(ff));
    big_segments_free(atomic_load_explicit(&ff->memberships, memory_order_relaxed));
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_relaxed);
    if (control != &store_no_control && ff->dir) {
        munmap((void *)(uintptr_t)control, sizeof(*control));
    }
    if (!ff->dir && control != &store_no_control) {
        free((void *)(uintptr_t)control);
    }
    store_extents_free(ff);
    hooks_free(ff);
    if (ff->dir_fd >= 0) {
        close(ff->dir_fd);
    }
    free(ff->dir);
    free(ff);
    errno = saved_errno;
}

int ffshm_refresh(struct ffshm *ff)
{
    int saved_errno = errno;
    int error = ff ? store_refresh(ff, STORE_EXPLICIT) : FFSHM_INVALID_ARGUMENT;
    errno = saved_errno;
    return error;
}

int ffshm_wait_ready(struct ffshm *ff, int timeout_ms)
{
    if (!ff) {
        return FFSHM_INVALID_ARGUMENT;
    }
    int saved_errno = errno;
    uint64_t end = store_now_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    struct timespec pause = {0, 1000000};
    int error;
    for (;;) {
        error = store_refresh(ff, STORE_EXPLICIT);
        if (atomic_load_explicit(&ff->current, memory_order_acquire) != &store_no_snapshot) {
            error = FFSHM_OK;
            break;
        }
        if (for_good(error)) {
            break;
        }
        uint64_t now = store_now_ns();
        if (timeout_ms >= 0 && now >= end) {
            error = error == FFSHM_NOT_READY || error == FFSHM_BUSY ? FFSHM_TIMEOUT : error;
            break;
        }
        if (timeout_ms >= 0 && end - now < (uint64_t)pause.tv_nsec) {
            pause.tv_nsec = (long)(end - now);
        }
        nanosleep(&pause, NULL);
        pause.tv_nsec = pause.tv_nsec < 20000000 ? pause.tv_nsec * 2 : 20000000;
    }
    errno = saved_errno;
    return error;
}

struct ffshm *store_of_memory(const void *head, size_t head_size, const void *const *extents,
                              const size_t *sizes, size_t count, const char **why)
{
    const char *unused;
    why = why ? why : &unused;
    *why = "out of memory";
    struct ffshm *ff = store_new(NULL);
    struct image_control *control = calloc(1, sizeof(*control));
    struct store_snapshot *s = store_snapshot_new();
    if (!ff || !control || !s) {
        goto failed;
    }
    ff->mode = FFSHM_REFRESH_MANUAL;
    s->borrowed = true;
    s->head = head;
    s->head_length = head_size;
    if (image_verify_head_header(head, head_size, why) != FFSHM_OK ||
        ((const struct image_head *)head)->extent_count != count) {
        goto failed;
    }
    const struct image_extent *verified[IMAGE_MAX_EXTENTS];
    for (size_t i = 0; i < count; i++) {
        if (image_verify_extent(extents[i], sizes[i], why) != FFSHM_OK) {
            goto failed;
        }
        verified[i] = extents[i];
        struct store_extent *e = store_extent_new(ff);
        if (!e) {
            goto failed;
        }
        s->extents[i] = e;
        s->image.extent_count = (uint32_t)i + 1;
        e->borrowed = true;
        e->base = extents[i];
        e->length = sizes[i];
        e->id = verified[i]->id;
        e->checksum = verified[i]->header_checksum;
        e->regexes = regexes_compile(verified[i], true);
        if (verified[i]->regex_count && !e->regexes) {
            *why = "out of memory";
            goto failed;
        }
    }
    if (image_verify_head(head, head_size, verified, why) != FFSHM_OK) {
        goto failed;
    }
    store_snapshot_fill(ff, s, 0);
    control->store_epoch = s->image.head->store_epoch;
    atomic_init(&control->generation, s->image.generation);
    atomic_init(&ff->control, control);
    atomic_init(&ff->seen, s->image.generation);
    atomic_init(&ff->current, s);
    store_register(ff);
    return ff;
failed:
    free(control);
    if (s) {
        s->borrowed = true;
        store_drop(s, STORE_EXPLICIT);
    }
    if (ff) {
        store_extents_free(ff);
        free(ff);
    }
    return NULL;
}
