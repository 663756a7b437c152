#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int socket_address(const char *name, struct sockaddr_un *address, socklen_t *length)
{
    const size_t name_length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || name_length < 2) {
        return -EAFNOSUPPORT;
    }
    if (name_length >= sizeof address->sun_path) {
        return -ENAMETOOLONG;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, name_length);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_length);
    if (name[0] == '@') {
        address->sun_path[0] = '\0'; /* abstract: the length ends the name, not a NUL */
    } else {
        (*length)++;
    }
    return 0;
}

int notify_send(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (!name || !*name) {
        return 0;
    }
    struct sockaddr_un address;
    socklen_t length;
    const int bad = socket_address(name, &address, &length);
    if (bad) {
        return bad;
    }
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    ssize_t sent;
    do {
        sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                      (const struct sockaddr *)&address, length);
    } while (sent < 0 && errno == EINTR);
    const int result = sent < 0 ? -errno : 0;
    close(fd);
    return result;
}

int notify_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char state[96];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
    return notify_send(state);
}

static uint64_t number_of(const char *text)
{
    char *end;
    errno = 0;
    if (!text || *text < '0' || *text > '9') {
        return 0;
    }
    const unsigned long long number = strtoull(text, &end, 10);
    return errno || *end ? 0 : number;
}

uint64_t notify_watchdog_us(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    if (pid && *pid && number_of(pid) != (uint64_t)getpid()) {
        return 0; /* meant for another process of the service */
    }
    return number_of(getenv("WATCHDOG_USEC"));
}
