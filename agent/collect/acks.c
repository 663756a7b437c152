#include "acks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "telemetry_dir.h"

#define ACKS_MODE 0444
#define ACKS_NEW "acks.new"

static struct telemetry_acks *map(int fd)
{
    void *const page =
        mmap(NULL, sizeof(struct telemetry_acks), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

/* The same file for writing: its mode lets its owner write no more than others. A crash in between
   leaves a file that its owner may write, which harms nobody. */
static int reopen(int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const bool changed = fchmod(fd, ACKS_MODE | S_IWUSR) == 0;
    const int writable = changed ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (changed && fchmod(fd, ACKS_MODE) != 0 && writable >= 0) {
        close(writable);
        return -1;
    }
    return writable;
}

static bool is_ours(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           st.st_nlink == 1 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
           st.st_size == (off_t)sizeof(struct telemetry_acks) && st.st_blocks * 512 >= st.st_size;
}

/* NULL: there is none that may stay. */
static struct telemetry_acks *adopt(int dir, uint64_t store_epoch)
{
    const int fd = openat(dir, TELEMETRY_ACKS, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const int writable = fd >= 0 && is_ours(fd) ? reopen(fd) : -1;
    struct telemetry_acks *page = writable >= 0 ? map(writable) : NULL;
    if (page && (page->magic != TELEMETRY_ACKS_MAGIC || page->major != TELEMETRY_MAJOR ||
                 page->slots != TELEMETRY_ACK_SLOTS || page->store_epoch != store_epoch)) {
        munmap(page, sizeof *page);
        page = NULL;
    }
    if (writable >= 0) {
        close(writable);
    }
    if (fd >= 0) {
        close(fd);
    }
    return page;
}

/* A nameless file becomes ACKS_NEW, which takes the place of whatever is there. */
static int name_it(int dir, int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    unlinkat(dir, ACKS_NEW, 0);
    if (linkat(AT_FDCWD, path, dir, ACKS_NEW, AT_SYMLINK_FOLLOW) != 0) {
        return -1;
    }
    if (renameat(dir, ACKS_NEW, dir, TELEMETRY_ACKS) != 0) {
        const int error = errno;
        unlinkat(dir, ACKS_NEW, 0);
        errno = error;
        return -1;
    }
    return 0;
}

static struct telemetry_acks *create(int dir, const char *path, uint64_t store_epoch,
                                     struct fault *fault)
{
    const int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, ACKS_MODE);
    struct telemetry_acks *page = NULL;
    /* fallocate: a hole would be SIGBUS in a process on a full tmpfs. */
    if (fd >= 0 && fchmod(fd, ACKS_MODE) == 0 &&
        fallocate(fd, 0, 0, sizeof(struct telemetry_acks)) == 0) {
        page = map(fd);
    }
    if (page) {
        page->major = TELEMETRY_MAJOR;
        page->minor = TELEMETRY_MINOR;
        page->slots = TELEMETRY_ACK_SLOTS;
        page->store_epoch = store_epoch;
        page->magic = TELEMETRY_ACKS_MAGIC;
    }
    if (!page || name_it(dir, fd) != 0) {
        telemetry_fault(fault, path, TELEMETRY_ACKS, "cannot make the file", errno);
        if (page) {
            munmap(page, sizeof *page);
        }
        page = NULL;
    }
    if (fd >= 0) {
        close(fd);
    }
    return page;
}

int acks_open(struct acks *a, int dir, const char *path, uint64_t store_epoch, struct fault *fault)
{
    memset(a->used, 0, sizeof a->used);
    a->page = adopt(dir, store_epoch);
    if (!a->page) {
        a->page = create(dir, path, store_epoch, fault);
    }
    return a->page ? 0 : -1;
}

void acks_close(struct acks *a)
{
    if (a->page) {
        munmap(a->page, sizeof *a->page);
        a->page = NULL;
    }
}

static unsigned slot_of(uint64_t id, unsigned probe)
{
    return (unsigned)((id + probe) % TELEMETRY_ACK_SLOTS);
}

int acks_find(struct acks *a, uint64_t id, uint64_t *position)
{
    for (unsigned i = 0; i < TELEMETRY_ACK_PROBES; i++) {
        const unsigned slot = slot_of(id, i);
        struct telemetry_ack *const entry = &a->page->entries[slot];
        if (atomic_load_explicit(&entry->id, memory_order_relaxed) == id) {
            if (a->used[slot]) {
                return ACKS_NO_SLOT;
            }
            a->used[slot] = true;
            *position = atomic_load_explicit(&entry->position, memory_order_relaxed);
            return (int)slot;
        }
    }
    return ACKS_NO_SLOT;
}

int acks_publish(struct acks *a, int slot, uint64_t id, uint64_t position)
{
    for (unsigned i = 0; slot == ACKS_NO_SLOT && i < TELEMETRY_ACK_PROBES; i++) {
        if (!a->used[slot_of(id, i)]) {
            slot = (int)slot_of(id, i);
        }
    }
    if (slot == ACKS_NO_SLOT) {
        return slot;
    }
    struct telemetry_ack *const entry = &a->page->entries[slot];
    a->used[slot] = true;
    atomic_store_explicit(&entry->position, position, memory_order_release);
    if (atomic_load_explicit(&entry->id, memory_order_relaxed) != id) {
        /* Pairs with the acquire load in the process: who sees the id sees this position. */
        atomic_store_explicit(&entry->id, id, memory_order_release);
    }
    return slot;
}

void acks_leave(struct acks *a, int slot)
{
    if (slot != ACKS_NO_SLOT) {
        a->used[slot] = false;
    }
}
