/*
 * telemetry_map.c - makes, grows, replaces and lets go of what telemetry is kept in.
 *
 * Runs inside evaluations, perhaps in a signal handler: only system calls. What must not happen
 * twice happens under the lock in the private mapping, with all signals blocked. Fork wipes that
 * mapping, lock and all: whatever another thread of the parent was doing, the child begins anew.
 * The child makes a file of its own at its first counted evaluation, however short it may live:
 * counts are exact, and the price is a file of 200 KiB for each process that evaluates.
 *
 * The file (test point 200 + n before step n):
 *   1. made as "tmp.<id>", allocated, locked, mapped, its header complete
 *   2. renamed
 *   3. `file` is stored with release; then it counts
 *
 * A struct telemetry is replaced when its room is used up, when there are more slots than its rows
 * have, and when the store's directory was replaced. The old one, with its file, is retired like an
 * old snapshot: freed after a grace period (store.c), and until then still counted in by whoever
 * was in the middle of it.
 */
#include "telemetry_map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "test_point.h"

#define ROW_LEAST 4096u    /* entries; a power of two */
#define NODES_LEAST 65536u /* flag versions and unknown keys; a power of two */
#define ARENA_OF_NODE 256u /* bytes: two blocks of a flag of a few variations */
#define RETIRED_MOST 4     /* that wait for a grace period before room counts as used up */
#define BACKOFF_FIRST_NS 100000000ull /* 100 ms */
#define BACKOFF_LAST_NS 5000000000ull /* 5 s */
#define ACKS_INTERVAL_NS 1000000000ull
#define LEFT_FREE 8 /* an eighth of the store's filesystem */

struct telemetry_none telemetry_none;

/* ---- the lock ---- */

void telemetry_lock(struct telemetry *t, struct telemetry_held *held)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &held->signals);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &held->cancel);
    uint32_t free_word = 0;
    for (unsigned times = 0; !atomic_compare_exchange_strong_explicit(
             &t->lock, &free_word, 1, memory_order_acquire, memory_order_relaxed);
         times++) {
        free_word = 0;
        store_wait_a_moment(times);
    }
}

void telemetry_unlock(struct telemetry *t, const struct telemetry_held *held)
{
    atomic_store_explicit(&t->lock, 0, memory_order_release);
    pthread_setcancelstate(held->cancel, NULL);
    pthread_sigmask(SIG_SETMASK, &held->signals, NULL);
}

/* ---- the private mapping ---- */

static uint32_t shift_for(struct ffshm *ff)
{
    const struct store_snapshot *s = atomic_load_explicit(&ff->current, memory_order_acquire);
    uint32_t shift = 0;
    while ((1u << shift) < ROW_LEAST || (1u << shift) / 2 < s->image.slot_count) {
        shift++;
    }
    return shift;
}

/* Room for `limit` flag versions and unknown keys: a power of two. NULL: no memory, or none that a
   child does not get. */
static struct telemetry *map_private(uint32_t shift, size_t limit)
{
    const size_t rows = ((size_t)TELEMETRY_STRIPES << shift) * sizeof(struct telemetry_entry);
    const size_t index = 2 * limit * sizeof(uint32_t);
    const size_t nodes = limit * sizeof(struct telemetry_node);
    const size_t arena = limit * ARENA_OF_NODE;
    const size_t size = sizeof(struct telemetry) + rows + index + nodes;
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (madvise(memory + TELEMETRY_PAGE, size - TELEMETRY_PAGE, MADV_WIPEONFORK) != 0) {
        munmap(memory, size); /* a child would take the parent's pointers for its own */
        return NULL;
    }
    madvise(memory, size, MADV_DONTDUMP);
    /* A few pages of it are used. Huge ones would be 8 MiB or more, cleared by the first
     * evaluation. */
    madvise(memory, size, MADV_NOHUGEPAGE);
    struct telemetry *t = (void *)memory;
    t->mask = (1u << shift) - 1;
    t->row_bytes = rows / TELEMETRY_STRIPES;
    t->node_limit = (uint32_t)limit;
    t->arena_limit = (uint32_t)(arena < TELEMETRY_ARENA_MOST ? arena : TELEMETRY_ARENA_MOST);
    t->index_mask = (uint32_t)(2 * limit - 1);
    t->size = size;
    t->index = (void *)(memory + sizeof(struct telemetry) + rows);
    t->nodes = (void *)(memory + sizeof(struct telemetry) + rows + index);
    return t;
}

/* Room for all flags, so that a program which goes through them does not use up file after file:
   one a slot of a row, which is at least twice as many. Where there is no address space for that,
   for as many as there always is. */
static struct telemetry *make_private(struct ffshm *ff)
{
    const uint32_t shift = shift_for(ff);
    const size_t limit = (size_t)1 << shift;
    struct telemetry *t = limit > NODES_LEAST ? map_private(shift, limit) : NULL;
    return t ? t : map_private(shift, NODES_LEAST);
}

static size_t mapped_size(const struct telemetry_header *file)
{
    return (size_t)file->arena_offset + file->arena_limit;
}

void telemetry_free(struct telemetry *t)
{
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    const struct telemetry_acks *acks = atomic_load_explicit(&t->acks, memory_order_acquire);
    if (file) {
        munmap(file, mapped_size(file)); /* and so unlocks it: the agent reads the rest */
    }
    if (acks) {
        munmap((void *)(uintptr_t)acks, sizeof(*acks));
    }
    munmap(t, t->size);
}

/* ---- retiring ---- */

static void push_retired(struct ffshm *ff, struct telemetry *t)
{
    t->next = atomic_load_explicit(&ff->retired_telemetry, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&ff->retired_telemetry, &t->next, t,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&ff->retired_telemetry_count, 1, memory_order_relaxed);
}

void telemetry_retire(struct ffshm *ff, struct telemetry *t)
{
    t = t ? t : atomic_load_explicit(&ff->telemetry, memory_order_acquire);
    if (t != &telemetry_none.zero &&
        atomic_compare_exchange_strong_explicit(&ff->telemetry, &t, &telemetry_none.zero,
                                                memory_order_acq_rel, memory_order_relaxed)) {
        push_retired(ff, t);
    }
}

bool telemetry_replace(struct ffshm *ff, struct telemetry *t)
{
    if (atomic_load_explicit(&ff->retired_telemetry_count, memory_order_relaxed) >= RETIRED_MOST) {
        return false;
    }
    telemetry_retire(ff, t);
    return true;
}

struct telemetry *telemetry_take_retired(struct ffshm *ff)
{
    struct telemetry *list =
        atomic_exchange_explicit(&ff->retired_telemetry, NULL, memory_order_acq_rel);
    for (const struct telemetry *t = list; t; t = t->next) {
        atomic_fetch_sub_explicit(&ff->retired_telemetry_count, 1, memory_order_relaxed);
    }
    return list;
}

/* ---- the file ---- */

static void hex(char *out, uint64_t number)
{
    for (int i = 0; i < 16; i++) {
        out[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    }
}

void telemetry_path(const struct telemetry_header *file, char path[TELEMETRY_PATH])
{
    static const char directory[] = TELEMETRY_DIRECTORY "/";
    memcpy(path, directory, sizeof(directory) - 1);
    hex(path + sizeof(directory) - 1, file->id[0]);
    hex(path + sizeof(directory) + 15, file->id[1]);
    path[sizeof(directory) + 31] = '\0';
}

static uint32_t ring_bytes(const struct image_control *control)
{
    const uint32_t wanted =
        atomic_load_explicit(&control->telemetry_ring_bytes, memory_order_relaxed);
    const bool valid = wanted >= TELEMETRY_RING_LEAST && wanted <= TELEMETRY_RING_MOST &&
                       (wanted & (wanted - 1)) == 0;
    return valid ? wanted : TELEMETRY_RING_DEFAULT;
}

/* The first `size` bytes exist from now on, whatever happens to the filesystem. */
static bool allocate(int fd, uint64_t size)
{
    struct rlimit limit;
    /* Beyond the limit the kernel would send SIGXFSZ as well. */
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size)) {
        return false;
    }
    int result;
    do {
        result = fallocate(fd, 0, 0, (off_t)size);
    } while (result != 0 && errno == EINTR);
    return result == 0;
}

/* Where the directory hands its group down, that is the agent's, and it may read. */
static bool let_agent_read(int directory, int fd)
{
    struct stat of_directory;
    struct stat file;
    if (fstat(directory, &of_directory) != 0 || fstat(fd, &file) != 0) {
        return false;
    }
    return !(of_directory.st_mode & S_ISGID) || file.st_gid != of_directory.st_gid ||
           fchmod(fd, 0640) == 0;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void write_header(struct telemetry_header *file, const struct image_control *control,
                         const uint64_t random[3], uint32_t ring, uint32_t arena)
{
    file->magic = TELEMETRY_FILE_MAGIC;
    file->major = TELEMETRY_MAJOR;
    file->minor = TELEMETRY_MINOR;
    file->header_size = sizeof(*file);
    file->endian_tag = IMAGE_ENDIAN_TAG;
    file->id[0] = random[0] ? random[0] : 1; /* 0 marks what is free in acks */
    file->id[1] = random[1];
    file->stamp_key = random[2];
    file->store_epoch = control->store_epoch;
    file->created_ms = now_ms();
    file->ring_offset = sizeof(*file);
    file->ring_bytes = ring;
    file->arena_offset = (uint32_t)sizeof(*file) + ring;
    file->arena_limit = arena;
    file->pid = getpid();
}

/* Allocated, locked, mapped and complete under its first name. NULL: none of it. */
static struct telemetry_header *map_new(int directory, int fd, const struct image_control *control,
                                        const uint64_t random[3], uint32_t arena)
{
    const uint32_t ring = ring_bytes(control);
    const size_t front = sizeof(struct telemetry_header) + ring;
    if (!let_agent_read(directory, fd) || !allocate(fd, front + TELEMETRY_ARENA_STEP) ||
        flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return NULL;
    }
    size_t size = front + arena;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) { /* little address space */
        arena = NODES_LEAST * ARENA_OF_NODE;
        size = front + arena;
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (memory == MAP_FAILED) {
        return NULL;
    }
    /* A child that had it mapped would keep it locked after this process's end. */
    if (madvise(memory, size, MADV_DONTFORK) != 0) {
        munmap(memory, size);
        return NULL;
    }
    madvise(memory, size, MADV_DONTDUMP); /* contexts are personal data */
    write_header(memory, control, random, ring, arena);
    return memory;
}

/* Programs that come and go while no agent reads and removes their files must not fill a filesystem
   that others need as well, and the agent itself. */
static bool has_room(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) != 0 || fs.f_blocks == 0 /* it has no limit */ ||
           fs.f_bavail >= fs.f_blocks / LEFT_FREE;
}

static struct telemetry_header *make_file_in(int directory, const struct image_control *control,
                                             uint32_t arena)
{
    uint64_t random[3];
    if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
        return NULL;
    }
    char temporary[4 + TELEMETRY_NAME] = "tmp.";
    random[0] = random[0] ? random[0] : 1;
    hex(temporary + 4, random[0]);
    hex(temporary + 20, random[1]);
    FFSHM_TEST_POINT(201);
    const int fd =
        openat(directory, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return NULL;
    }
    struct telemetry_header *file = map_new(directory, fd, control, random, arena);
    close(fd);
    FFSHM_TEST_POINT(202);
    if (file && renameat(directory, temporary, directory, temporary + 4) != 0) {
        munmap(file, mapped_size(file));
        file = NULL;
    }
    if (!file) {
        unlinkat(directory, temporary, 0);
    }
    return file;
}

/* NULL: there is none, or none of this store. */
static const struct telemetry_acks *map_acks(struct ffshm *ff, uint64_t store_epoch)
{
    const char *why;
    size_t length;
    const struct telemetry_acks *acks =
        store_map_file(atomic_load_explicit(&ff->dir_fd, memory_order_relaxed), TELEMETRY_ACKS,
                       sizeof(*acks), &length, &why);
    if (acks && (length != sizeof(*acks) || acks->magic != TELEMETRY_ACKS_MAGIC ||
                 acks->major != TELEMETRY_MAJOR || acks->slots != TELEMETRY_ACK_SLOTS ||
                 acks->store_epoch != store_epoch ||
                 madvise((void *)(uintptr_t)acks, length, MADV_DONTFORK) != 0)) {
        munmap((void *)(uintptr_t)acks, length);
        return NULL;
    }
    return acks;
}

static bool make_file(struct ffshm *ff, struct telemetry *t)
{
    const int dir_fd = atomic_load_explicit(&ff->dir_fd, memory_order_relaxed);
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_acquire);
    const int directory =
        openat(dir_fd, TELEMETRY_DIRECTORY, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        return false;
    }
    struct telemetry_header *file =
        has_room(directory) ? make_file_in(directory, control, t->arena_limit) : NULL;
    close(directory);
    if (!file) {
        return false;
    }
    t->arena_used = 0;
    t->arena_allocated = TELEMETRY_ARENA_STEP;
    const uint64_t counts = atomic_exchange_explicit(&t->lost_counts, 0, memory_order_relaxed);
    const uint64_t events = atomic_exchange_explicit(&t->lost_events, 0, memory_order_relaxed);
    atomic_store_explicit(&file->dropped_counts, counts, memory_order_relaxed);
    atomic_store_explicit(&file->dropped_events, events, memory_order_relaxed);
    atomic_store_explicit(&t->acks_next_try_ns, store_now_ns() + ACKS_INTERVAL_NS,
                          memory_order_relaxed);
    atomic_store_explicit(&t->acks, map_acks(ff, file->store_epoch), memory_order_release);
    FFSHM_TEST_POINT(203);
    atomic_store_explicit(&t->file, file, memory_order_release); /* pairs with telemetry_get */
    return true;
}

/* ---- when to try ---- */

static bool too_early(struct ffshm *ff)
{
    const uint64_t next = atomic_load_explicit(&ff->telemetry_next_try_ns, memory_order_relaxed);
    return next != 0 && store_now_ns() < next;
}

static void back_off(struct ffshm *ff)
{
    uint64_t ns = atomic_load_explicit(&ff->telemetry_backoff_ns, memory_order_relaxed);
    ns = ns == 0 ? BACKOFF_FIRST_NS : ns * 2 < BACKOFF_LAST_NS ? ns * 2 : BACKOFF_LAST_NS;
    atomic_store_explicit(&ff->telemetry_backoff_ns, ns, memory_order_relaxed);
    atomic_store_explicit(&ff->telemetry_next_try_ns, store_now_ns() + ns, memory_order_relaxed);
}

static struct telemetry *get_private(struct ffshm *ff)
{
    struct telemetry *t = atomic_load_explicit(&ff->telemetry, memory_order_acquire);
    if (t != &telemetry_none.zero || too_early(ff)) {
        return t;
    }
    struct telemetry *new = make_private(ff);
    if (!new) {
        back_off(ff);
        return t;
    }
    if (!atomic_compare_exchange_strong_explicit(&ff->telemetry, &t, new, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        munmap(new, new->size); /* another thread was first */
        return t;
    }
    return new;
}

struct telemetry *telemetry_get(struct ffshm *ff, struct telemetry **without)
{
    struct telemetry *t = get_private(ff);
    if (t == &telemetry_none.zero) {
        *without = NULL;
        return NULL;
    }
    if (atomic_load_explicit(&t->file, memory_order_acquire)) {
        return t;
    }
    *without = t;
    if (too_early(ff)) {
        return NULL;
    }
    struct telemetry_held held;
    telemetry_lock(t, &held);
    bool there = atomic_load_explicit(&t->file, memory_order_acquire) != NULL;
    if (!there && !too_early(ff)) {
        there = make_file(ff, t);
        if (there) {
            atomic_store_explicit(&ff->telemetry_backoff_ns, 0, memory_order_relaxed);
            atomic_store_explicit(&ff->telemetry_next_try_ns, 0, memory_order_relaxed);
        } else {
            back_off(ff);
        }
    }
    telemetry_unlock(t, &held);
    return there ? t : NULL;
}

/* ---- room ---- */

/* Will the file never open again? Somebody removed it; or this process made it with rights that it
   has given up since, and may make another. */
static bool is_out_of_reach(const struct ffshm *ff, int error)
{
    return error == ENOENT || ((error == EACCES || error == EPERM) &&
                               faccessat(atomic_load_explicit(&ff->dir_fd, memory_order_relaxed),
                                         TELEMETRY_DIRECTORY, W_OK | X_OK, AT_EACCESS) == 0);
}

bool telemetry_grow(struct ffshm *ff, struct telemetry *t, uint64_t bytes)
{
    if (bytes <= t->arena_allocated) {
        return true;
    }
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    const uint64_t size =
        (bytes + TELEMETRY_ARENA_STEP - 1) / TELEMETRY_ARENA_STEP * TELEMETRY_ARENA_STEP;
    if (size > file->arena_limit) {
        atomic_store_explicit(&t->used_up, true, memory_order_relaxed);
        return false;
    }
    if (too_early(ff)) {
        return false;
    }
    char path[TELEMETRY_PATH];
    telemetry_path(file, path);
    const int fd = openat(atomic_load_explicit(&ff->dir_fd, memory_order_relaxed), path,
                          O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && is_out_of_reach(ff, errno)) {
        atomic_store_explicit(&t->used_up, true, memory_order_relaxed);
        return false;
    }
    const bool grown = fd >= 0 && has_room(fd) && allocate(fd, file->arena_offset + size);
    if (fd >= 0) {
        close(fd);
    }
    if (grown) {
        t->arena_allocated = size;
        atomic_store_explicit(&ff->telemetry_backoff_ns, 0, memory_order_relaxed);
    } else {
        back_off(ff);
    }
    return grown;
}

void telemetry_map_acks(struct ffshm *ff, struct telemetry *t)
{
    const uint64_t now = store_now_ns();
    if (now < atomic_load_explicit(&t->acks_next_try_ns, memory_order_relaxed)) {
        return;
    }
    struct telemetry_held held;
    telemetry_lock(t, &held);
    const struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    if (file && !atomic_load_explicit(&t->acks, memory_order_acquire) &&
        now >= atomic_load_explicit(&t->acks_next_try_ns, memory_order_relaxed)) {
        atomic_store_explicit(&t->acks_next_try_ns, now + ACKS_INTERVAL_NS, memory_order_relaxed);
        atomic_store_explicit(&t->acks, map_acks(ff, file->store_epoch), memory_order_release);
    }
    telemetry_unlock(t, &held);
}

/* ---- fork ---- */

static void note_mappings(struct telemetry *t)
{
    const bool needed = rcu_inside();
    struct telemetry_header *file = atomic_load_explicit(&t->file, memory_order_acquire);
    const struct telemetry_acks *acks = atomic_load_explicit(&t->acks, memory_order_acquire);
    t->forked_file = needed ? file : NULL;
    t->forked_size = needed && file ? mapped_size(file) : 0;
    t->forked_acks = needed ? acks : NULL;
}

/*
 * Fork in a signal handler that interrupted an evaluation: in the child the evaluation goes on,
 * with addresses in the parent's mappings. The child gets memory there that nobody looks at. (The
 * file itself, kept by MADV_DOFORK, would stay locked until the child's end, and two processes
 * would add to one counter without a bus lock.)
 */
void telemetry_before_fork(struct ffshm *ff)
{
    struct telemetry *t = atomic_load_explicit(&ff->telemetry, memory_order_acquire);
    if (t != &telemetry_none.zero) {
        note_mappings(t);
    }
    t = atomic_load_explicit(&ff->retired_telemetry, memory_order_acquire);
    for (; t; t = t->next) {
        note_mappings(t);
    }
}

static void put_memory(const void *at, size_t size)
{
    (void)mmap((void *)(uintptr_t)at, size, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

static void stand_in(struct telemetry *t)
{
    if (t->forked_file) {
        put_memory(t->forked_file, t->forked_size);
    }
    if (t->forked_acks) {
        put_memory(t->forked_acks, sizeof(*t->forked_acks));
    }
}

void telemetry_after_fork_child(struct ffshm *ff)
{
    struct telemetry *t = atomic_load_explicit(&ff->telemetry, memory_order_acquire);
    if (t != &telemetry_none.zero) {
        stand_in(t);
    }
    t = atomic_load_explicit(&ff->retired_telemetry, memory_order_acquire);
    for (; t; t = t->next) {
        stand_in(t);
    }
}
