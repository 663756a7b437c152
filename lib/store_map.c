/*
 * store_map.c - files to memory: open, check, map, verify.
 *
 * Runs inside evaluations (FFSHM_REFRESH_INLINE), perhaps in a signal handler: only system calls,
 * no malloc, no stdio, no lock. A mapping is pinned by flock(LOCK_SH) on its file for as long as it
 * lives, so that the agent can tell who still maps what; where flock is denied, it goes without.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image_verify.h"
#include "regex.h"
#include "telemetry.h"

#define OVERFLOW_UID 65534 /* how a foreign owner shows inside a user namespace */
#define HEARTBEAT_MS 5000  /* an agent that has been silent for so long is taken for dead */

const struct image_control store_no_control;

static const struct image_index_entry no_entries[SNAPSHOT_NEAR] = {
    {0, IMAGE_NO_SLOT}, {0, IMAGE_NO_SLOT}, {0, IMAGE_NO_SLOT}};

struct store_snapshot store_no_snapshot = {
    .image = {.index = no_entries, .index_mask = 0, .slot_count = 0, .ready = false}};

/* ---- records ---- */

struct store_snapshot *store_snapshot_new(void)
{
    void *memory = mmap(NULL, sizeof(struct store_snapshot), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    struct store_snapshot *s = memory;
    atomic_init(&s->references, 1);
    return s;
}

void store_snapshot_free(struct store_snapshot *s)
{
    munmap(s, sizeof(*s));
}

static size_t extents_per_page(size_t page)
{
    return (page - sizeof(struct store_extents)) / sizeof(struct store_extent);
}

struct store_extent *store_extent_new(struct ffshm *ff)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (struct store_extents *page_of = ff->extents; page_of; page_of = page_of->next) {
        for (size_t i = 0; i < extents_per_page(page); i++) {
            /* Only refreshes allocate, one at a time; pairs with the release in drop_extent. */
            if (atomic_load_explicit(&page_of->extents[i].references, memory_order_acquire) == 0) {
                struct store_extent *e = &page_of->extents[i];
                e->regexes = NULL;
                e->base = NULL;
                e->length = 0;
                e->borrowed = true; /* until there is a mapping to undo */
                atomic_store_explicit(&e->references, 1, memory_order_relaxed);
                return e;
            }
        }
    }
    void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    struct store_extents *new = memory;
    new->next = ff->extents;
    ff->extents = new;
    new->extents[0].borrowed = true;
    atomic_store_explicit(&new->extents[0].references, 1, memory_order_relaxed);
    return &new->extents[0];
}

void store_extents_free(struct ffshm *ff)
{
    while (ff->extents) {
        struct store_extents *next = ff->extents->next;
        munmap(ff->extents, (size_t)sysconf(_SC_PAGESIZE));
        ff->extents = next;
    }
}

void store_snapshot_fill(struct ffshm *ff, struct store_snapshot *s, uint64_t set_seed)
{
    const struct image_head *head = s->head;
    struct snapshot *image = &s->image;
    image->head = head;
    image->ready = true;
    image->generation = head->generation;
    image->set_seed = set_seed;
    image->store = ff;
    image->slots = image_at(head, head->slots_offset);
    image->slot_count = head->slot_count;
    for (uint32_t i = 0; i < image->extent_count; i++) {
        image->bases[i] = s->extents[i]->base;
        image->regexes[i] = s->extents[i]->regexes;
    }
    const struct image_index *index =
        image_at(image->bases[head->index_extent], head->index_offset);
    image->index = image_at(index, index->entries_offset);
    image->index_mask = index->capacity - 1;
}

/* ---- one file ---- */

/* Nobody but root, the directory's owner and the agent (all of them the same, or root) may be able
 * to write it. */
static bool trustworthy(int dir_fd, const char *name, const struct stat *file)
{
    struct stat dir;
    if (!S_ISREG(file->st_mode) || (file->st_mode & (S_IWGRP | S_IWOTH)) ||
        fstat(dir_fd, &dir) != 0) {
        return false;
    }
    if (file->st_uid == 0 || (file->st_uid == dir.st_uid && file->st_uid != OVERFLOW_UID)) {
        return true;
    }
    if (file->st_uid != OVERFLOW_UID) {
        return false;
    }
    int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return false;
    }
    return errno == EACCES || errno == EROFS;
}

/* Maps a whole file of between `least` and IMAGE_MAX_FILE bytes. NULL and *why. */
const void *store_map_file(int dir_fd, const char *name, size_t least, size_t *length,
                           const char **why)
{
    /* O_NONBLOCK: were it a pipe, open would wait for its writer. */
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        *why = errno == ENOENT   ? "a file of the snapshot is not there"
               : errno == EMFILE ? "this process has no file descriptor left"
                                 : "a file of the snapshot cannot be opened";
        return NULL;
    }
    struct stat st;
    void *bytes = MAP_FAILED;
    if (fstat(fd, &st) != 0 || !trustworthy(dir_fd, name, &st)) {
        *why = "a file has the wrong type, owner or mode";
    } else if ((uint64_t)st.st_size < least || (uint64_t)st.st_size > IMAGE_MAX_FILE ||
               (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size) {
        *why = "a file has the wrong size, or a hole"; /* a hole could be SIGBUS on a full tmpfs */
    } else {
        (void)!flock(fd, LOCK_SH | LOCK_NB); /* lives as long as the mapping */
        /* No MAP_POPULATE: verification touches every page, sixteen at a fault, which is half the
         * price. */
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        *why = "out of address space";
    }
    close(fd);
    if (bytes == MAP_FAILED) {
        return NULL;
    }
    madvise(bytes, (size_t)st.st_size, MADV_DONTDUMP); /* target lists are personal data */
    *length = (size_t)st.st_size;
    return bytes;
}

static void hex_name(char name[20], char letter, uint64_t number)
{
    static const char digits[] = "0123456789abcdef";
    name[0] = letter;
    name[1] = '.';
    for (int i = 0; i < 16; i++) {
        name[2 + i] = digits[number >> (60 - 4 * i) & 15];
    }
    name[18] = '\0';
}

/* ---- control ---- */

/* Is another store at the path by now? A path that is gone, or out of reach after a chroot, or
 * without a store, is no reason to leave the one that is open. */
static bool is_another_store_there(const struct ffshm *ff)
{
    struct stat st;
    int dir_fd = open(ff->opened_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return false;
    }
    bool another = fstatat(dir_fd, "ctl", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                   (st.st_ino != ff->control_inode || st.st_dev != ff->control_device);
    close(dir_fd);
    return another;
}

static bool control_is_current(const struct ffshm *ff, const struct image_control *control)
{
    struct stat st;
    return control != &store_no_control &&
           atomic_load_explicit(&control->generation, memory_order_acquire) != UINT64_MAX &&
           fstatat(ff->dir_fd, "ctl", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_ino == ff->control_inode && !is_another_store_there(ff);
}

/* Evaluations read the page outside any section, and ffshm_status uses the descriptor without the
   lock: neither address nor number changes any more once there is one. What is new is moved over
   what was, atomically. */
static bool take_control(struct ffshm *ff, int dir_fd, const void *page)
{
    const size_t size = sizeof(struct image_control);
    const struct image_control *old = atomic_load_explicit(&ff->control, memory_order_relaxed);
    if (old == &store_no_control) {
        atomic_store_explicit(&ff->dir_fd, dir_fd, memory_order_relaxed);
        if (!ff->no_telemetry) {
            const struct image_control *control = page;
            atomic_store_explicit(&ff->window, &control->telemetry_window, memory_order_release);
        }
        /* pairs with store_enter */
        atomic_store_explicit(&ff->control, page, memory_order_release);
        return true;
    }
    if (dup3(dir_fd, ff->dir_fd, O_CLOEXEC) < 0 ||
        mremap((void *)(uintptr_t)page, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
               (void *)(uintptr_t)old) == MAP_FAILED) {
        return false;
    }
    close(dir_fd);
    telemetry_retire(ff, NULL); /* what it told was told to the agent of the store before */
    return true;
}

/* Anybody may make the second one, in /dev/shm, and nobody has named it: it counts only when root
 * or this very user owns it. -1: errno. */
static int open_dir(const struct ffshm *ff, const char **path)
{
    const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    *path = ff->dir;
    int fd = open(ff->dir, how);
    if (fd >= 0 || errno != ENOENT || !ff->second_dir) {
        return fd;
    }
    *path = ff->second_dir;
    fd = open(ff->second_dir, how | O_NOFOLLOW);
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) != 0 || (st.st_uid != 0 && st.st_uid != geteuid()))) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

int store_map_control(struct ffshm *ff, const char **why)
{
    const struct image_control *old = atomic_load_explicit(&ff->control, memory_order_relaxed);
    if (ff->dir_fd >= 0 && control_is_current(ff, old)) {
        return FFSHM_OK;
    }
    const char *path;
    int dir_fd = open_dir(ff, &path);
    if (dir_fd < 0) {
        *why = errno == EPERM ? "the default directory is another user's: name it with FFSHM_DIR"
                              : "the directory cannot be opened";
        return errno == ENOENT ? FFSHM_NOT_READY : FFSHM_BAD_FILE;
    }
    struct stat st;
    size_t length;
    if (fstatat(dir_fd, "ctl", &st, AT_SYMLINK_NOFOLLOW) != 0) {
        *why = "there is no control page";
        int error = errno == ENOENT ? FFSHM_NOT_READY : FFSHM_BAD_FILE;
        close(dir_fd);
        return error;
    }
    const void *bytes = store_map_file(dir_fd, "ctl", sizeof(struct image_control), &length, why);
    if (!bytes) {
        close(dir_fd);
        return FFSHM_BAD_FILE;
    }
    int error = image_verify_control(bytes, length, why);
    if (error != FFSHM_OK || length != sizeof(struct image_control)) {
        munmap((void *)(uintptr_t)bytes, length);
        close(dir_fd);
        return error != FFSHM_OK ? error : FFSHM_BAD_FORMAT;
    }
    if (!take_control(ff, dir_fd, bytes)) {
        *why = "the control page cannot be replaced";
        munmap((void *)(uintptr_t)bytes, length);
        close(dir_fd);
        return FFSHM_NO_MEMORY;
    }
    ff->control_device = st.st_dev;
    ff->control_inode = st.st_ino;
    ff->opened_dir = path;
    /* The generation seen last was one of the page before. */
    atomic_store_explicit(&ff->seen, 0, memory_order_relaxed);
    return FFSHM_OK;
}

/* What is left to a process that may not open the lock file. An agent beats once a second, by the
 * wall clock: one that was set lately may lie ahead of ours. */
static bool beats(const struct image_control *control)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    int64_t now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    int64_t then = (int64_t)atomic_load_explicit(&control->heartbeat_ms, memory_order_relaxed);
    return atomic_load_explicit(&control->agent_state, memory_order_relaxed) <= IMAGE_AGENT_READY &&
           then > now - HEARTBEAT_MS && then < now + HEARTBEAT_MS;
}

bool store_agent_alive(const struct ffshm *ff)
{
    if (ff->dir_fd < 0) {
        return false;
    }
    int fd = openat(ff->dir_fd, "agent.lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == EACCES && beats(atomic_load_explicit(&ff->control, memory_order_acquire));
    }
    /* Asks without taking: the agent holds an open-file-description lock. As a reader it would
     * wait for writers only: a read lock of somebody else's is not an agent. */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    bool alive = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
    close(fd);
    return alive;
}

/* ---- snapshot ---- */

static struct store_extent *share_extent(const struct store_snapshot *previous,
                                         const struct image_extent_ref *ref)
{
    for (uint32_t i = 0; i < previous->image.extent_count; i++) {
        struct store_extent *e = previous->extents[i];
        if (e->id == ref->id && e->checksum == ref->checksum && e->length == ref->size) {
            atomic_fetch_add_explicit(&e->references, 1, memory_order_relaxed);
            return e;
        }
    }
    return NULL;
}

static int map_extent(struct ffshm *ff, const struct image_extent_ref *ref,
                      enum store_caller caller, struct store_extent **out, const char **why)
{
    char name[20];
    hex_name(name, 'x', ref->id);
    struct store_extent *e = store_extent_new(ff);
    if (!e) {
        *why = "out of memory";
        return FFSHM_NO_MEMORY;
    }
    *out = e; /* from here on the snapshot owns it */
    const void *bytes =
        store_map_file(ff->dir_fd, name, sizeof(struct image_extent), &e->length, why);
    if (!bytes) {
        return FFSHM_BAD_FILE;
    }
    e->base = bytes;
    e->borrowed = false;
    e->id = ref->id;
    e->checksum = ref->checksum;
    const struct image_extent *extent = bytes;
    int error = ff->verify == FFSHM_VERIFY_FULL ? image_verify_extent(bytes, e->length, why)
                                                : image_verify_extent_header(bytes, e->length, why);
    if (error == FFSHM_OK && (extent->id != ref->id || extent->header_checksum != ref->checksum)) {
        *why = "an extent is not the one that the head names";
        error = FFSHM_BAD_STRUCTURE;
    }
    if (error == FFSHM_OK && extent->regex_count) {
        e->regexes = regexes_compile(extent, caller == STORE_EXPLICIT);
        if (!e->regexes) { /* without its patterns a snapshot would give other answers */
            *why = "out of memory";
            error = FFSHM_NO_MEMORY;
        }
    }
    return error;
}

static int map_head(struct ffshm *ff, uint64_t generation, struct store_snapshot *s,
                    const char **why)
{
    char name[20];
    hex_name(name, 's', generation);
    s->borrowed = true;
    const void *bytes =
        store_map_file(ff->dir_fd, name, sizeof(struct image_head), &s->head_length, why);
    if (!bytes) {
        return FFSHM_BAD_FILE;
    }
    s->head = bytes;
    s->borrowed = false;
    int error = image_verify_head_header(bytes, s->head_length, why);
    if (error != FFSHM_OK) {
        return error;
    }
    const struct image_head *head = bytes;
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_relaxed);
    if (head->generation != generation || head->store_epoch != control->store_epoch) {
        *why = "a head is not of the generation or the store that its name says";
        return FFSHM_BAD_STRUCTURE;
    }
    return FFSHM_OK;
}

static int map_extents(struct ffshm *ff, const struct store_snapshot *previous,
                       enum store_caller caller, struct store_snapshot *s, const char **why)
{
    const struct image_head *head = s->head;
    const struct image_extent_ref *refs = image_at(head, head->extents_offset);
    const struct image_extent *extents[IMAGE_MAX_EXTENTS];
    for (uint32_t i = 0; i < head->extent_count; i++) {
        int error = FFSHM_OK;
        s->extents[i] = share_extent(previous, &refs[i]);
        if (!s->extents[i]) {
            error = map_extent(ff, &refs[i], caller, &s->extents[i], why);
        }
        s->image.extent_count = i + (s->extents[i] != NULL);
        if (error != FFSHM_OK) {
            return error;
        }
        /* map_extent gives one or an error. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        extents[i] = (const void *)s->extents[i]->base;
    }
    return ff->verify == FFSHM_VERIFY_FULL ? image_verify_head(head, s->head_length, extents, why)
                                           : FFSHM_OK;
}

int store_map_snapshot(struct ffshm *ff, uint64_t generation, const struct store_snapshot *previous,
                       enum store_caller caller, struct store_snapshot **out, const char **why)
{
    struct store_snapshot *s = store_snapshot_new();
    if (!s) {
        *why = "out of memory";
        return FFSHM_NO_MEMORY;
    }
    int error = map_head(ff, generation, s, why);
    if (error == FFSHM_OK) {
        error = map_extents(ff, previous, caller, s, why);
    }
    if (error != FFSHM_OK) {
        store_drop(s, caller);
        return error;
    }
    const struct image_control *control = atomic_load_explicit(&ff->control, memory_order_relaxed);
    store_snapshot_fill(ff, s, control->set_seed);
    *out = s;
    return FFSHM_OK;
}
