/*
 * big_segments_wait.c - for programs that prefer waiting to not knowing: the doorbell, and the
 * futex.
 *
 *   1  the bell's words are read
 *   2  the key is looked up: known by now, done. What was learnt after 3 counts when it is old
 *      already: this thread may not have come to run for longer than the cache time
 *   3  the key is sent to the agent's socket, unless it was; a socket of the moment, so that
 *      nothing is kept that a fork, or who closes all descriptors, could get into the way of
 *   4  asleep until the bell's word is another than in 1, or the time is over; then from 1 again,
 *      unless there was a failure since 1
 *
 * The agent stores the membership before it bumps the word: what was missed in 2 is noticed in 4.
 * Thousands that wait for one key cost the agent one query. An agent that is gone is noticed in 3.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "big_segments.h"
#include "store.h"

#define FULL_NS 1000000ull /* before the socket of an agent that has much to do is tried again */

void big_segments_sleep(const _Atomic uint32_t *word, uint32_t value, uint64_t ns)
{
    const struct timespec rest = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &rest, NULL, 0); /* shared: the agent wakes */
}

/* ---- the doorbell -------------------------------------------------------------------------- */

/* A path below the directory that is open, wherever it is by now; without /proc the one that it was
   opened by. */
static bool address_of(struct ffshm *ff, bool by_path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    const int fd = atomic_load_explicit(&ff->dir_fd, memory_order_relaxed);
    const int length =
        by_path ? snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s",
                           ff->opened_dir ? ff->opened_dir : ff->dir, BIG_SEGMENTS_SOCKET)
                : snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", fd,
                           BIG_SEGMENTS_SOCKET);
    return length > 0 && (size_t)length < sizeof(address->sun_path);
}

static int send_to(int fd, struct ffshm *ff, bool by_path, const struct big_segments_question *q)
{
    struct sockaddr_un address;
    uint32_t kind = BIG_SEGMENTS_ASK;
    struct iovec parts[] = {{&kind, sizeof(kind)}, {(void *)(uintptr_t)q->key, q->key_length}};
    const struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = parts, .msg_iovlen = 2};
    if (!address_of(ff, by_path, &address)) {
        return ENOENT;
    }
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : errno;
}

/* May the path be trusted instead? Only where there is no /proc, and while it leads to the very
   directory that is open, whose owner was looked at then: in /dev/shm anybody may make another. */
static bool path_is_needed(struct ffshm *ff)
{
    const int fd = atomic_load_explicit(&ff->dir_fd, memory_order_relaxed);
    struct stat opened;
    struct stat there;
    return access("/proc/self/fd", F_OK) != 0 && fstat(fd, &opened) == 0 &&
           stat(ff->opened_dir ? ff->opened_dir : ff->dir, &there) == 0 &&
           opened.st_dev == there.st_dev && opened.st_ino == there.st_ino;
}

/* 0; EAGAIN: not now; else there is no agent to hear it. */
static int ring(struct ffshm *ff, const struct big_segments_question *q)
{
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int error = send_to(fd, ff, false, q);
    if ((error == ENOENT || error == ENOTDIR || error == EACCES) && path_is_needed(ff)) {
        error = send_to(fd, ff, true, q);
    }
    close(fd);
    return error == EINTR || error == ENOBUFS ? EAGAIN : error;
}

/* ---- the wait ------------------------------------------------------------------------------ */

static uint64_t realtime_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct big_segments_found big_segments_wait(struct ffshm *ff, const struct big_segments_map *map,
                                            const struct big_segments_question *q)
{
    const struct big_segments_found none = {.state = BIG_SEGMENTS_EMPTY};
    const struct big_segments_bell *bell = &map->file->bells[q->hash.hi % BIG_SEGMENTS_BELLS];
    const uint32_t failures = atomic_load_explicit(&bell->failures, memory_order_acquire);
    const uint32_t before = atomic_load_explicit(&bell->answers, memory_order_acquire);
    const uint64_t asked_ms = realtime_ms();
    const uint64_t end = store_now_ns() + ff->big_segment_wait_ms * 1000000ull;
    int rung = EAGAIN;
    for (;;) {
        /* pairs with the release in the agent: what it counts is there to be found */
        const uint32_t answers = atomic_load_explicit(&bell->answers, memory_order_acquire);
        struct big_segments_found found = big_segments_find(map, q->hash, q->reference);
        if (found.state == BIG_SEGMENTS_OLD && rung == 0 && answers != before &&
            found.learnt_ms >= asked_ms) {
            found.state = BIG_SEGMENTS_KNOWN;
        }
        if (found.state == BIG_SEGMENTS_KNOWN || found.state == BIG_SEGMENTS_AGEING) {
            return found;
        }
        if (rung == 0 && atomic_load_explicit(&bell->failures, memory_order_acquire) != failures) {
            return none;
        }
        rung = rung == EAGAIN ? ring(ff, q) : rung;
        if (rung != 0 && rung != EAGAIN) {
            return none;
        }
        const uint64_t now = store_now_ns();
        if (now >= end) {
            return none;
        }
        const uint64_t left = end - now;
        big_segments_sleep(&bell->answers, answers,
                           rung == EAGAIN && left > FULL_NS ? FULL_NS : left);
    }
}
