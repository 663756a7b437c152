#include "membership_door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define AT_ONCE 64 /* before others have their turn */
#define DOOR_MODE 0666
#define SOCKET_NEW BIG_SEGMENTS_SOCKET ".new"

struct membership_door {
    struct membership_queries *queries;
    struct event *event;
    int fd;
};

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
    const struct membership_door *d = arg;
    char message[sizeof(uint32_t) + BIG_SEGMENTS_KEY_MOST + 1];
    (void)what;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        uint32_t kind;
        const ssize_t length = recv((int)fd, message, sizeof message, MSG_DONTWAIT);
        if (length < 0) {
            return;
        }
        if (length <= (ssize_t)sizeof kind || length == (ssize_t)sizeof message) {
            continue;
        }
        memcpy(&kind, message, sizeof kind);
        const size_t key = (size_t)length - sizeof kind;
        if (kind == BIG_SEGMENTS_ASK && !memchr(message + sizeof kind, '\0', key)) {
            membership_queries_ask(d->queries, message + sizeof kind, key);
        }
    }
}

/* By the directory that is open: its path may be too long for an address. */
static int bind_at(int fd, const struct store_dir *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[sizeof SOCKET_NEW + 32];
    snprintf(name, sizeof name, "/proc/self/fd/%d/" SOCKET_NEW, dir->fd);
    memcpy(address.sun_path, name, strlen(name) + 1);
    store_unlink(dir, SOCKET_NEW);
    return bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   fchmodat(dir->fd, SOCKET_NEW, DOOR_MODE, 0) == 0 &&
                   renameat(dir->fd, SOCKET_NEW, dir->fd, BIG_SEGMENTS_SOCKET) == 0
               ? 0
               : -1;
}

struct membership_door *membership_door_new(struct event_base *base, const struct store_dir *dir,
                                            struct membership_queries *queries, struct fault *fault)
{
    struct membership_door *const d = calloc(1, sizeof *d);
    if (!d) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        return NULL;
    }
    d->queries = queries;
    d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (d->fd < 0 || bind_at(d->fd, dir) != 0) {
        store_fault(fault, dir, BIG_SEGMENTS_SOCKET, "cannot make the socket", errno);
        membership_door_free(d);
        return NULL;
    }
    d->event = event_new(base, d->fd, EV_READ | EV_PERSIST, on_ring, d);
    if (!d->event || event_add(d->event, NULL) != 0) {
        fault_set(fault, "", "give the agent more memory", "%s", "out of memory");
        membership_door_free(d);
        return NULL;
    }
    return d;
}

void membership_door_free(struct membership_door *d)
{
    if (!d) {
        return;
    }
    if (d->event) {
        event_free(d->event);
    }
    if (d->fd >= 0) {
        close(d->fd);
    }
    free(d);
}
