/*
 * agent_probe - what the agent's tests see from outside: a reader of the store, and a service
 * manager.
 *
 *   agent_probe value DIR FLAG              the flag's value as JSON ("none" without one)
 *   agent_probe evaluate DIR FLAG COUNT     evaluates it, and is the only one that tells the agent
 *   agent_probe linger DIR FLAG COUNT       the same, says so, and stays until it is killed
 *   agent_probe await DIR FLAG JSON MS      waits until the flag has that value, in one process
 *   agent_probe status DIR                  generation=N flags=N segments=N source=N alive=N
 *   agent_probe await-source DIR STATE MS   waits for a source state (enum ffshm_source_state)
 *   agent_probe manager ADDRESS FILE        appends every sd_notify datagram to FILE, until killed
 *
 * 0: as asked; 1: not within the time; 2: wrong arguments.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ffshm.h"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(void)
{
    const struct timespec two_ms = {0, 2000000};
    nanosleep(&two_ms, NULL);
}

static void value_of(struct ffshm *ff, const char *flag, char *value, size_t capacity)
{
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "user-1");
    ffshm_json(ff, flag, &who, "none", value, capacity);
}

static int await(struct ffshm *ff, const char *flag, const char *wanted, int64_t ms)
{
    const int64_t end = now_ms() + ms;
    char value[4096];
    do {
        value_of(ff, flag, value, sizeof value);
        if (strcmp(value, wanted) == 0) {
            return 0;
        }
        nap();
    } while (now_ms() < end);
    printf("%s is %s, not %s\n", flag, value, wanted);
    return 1;
}

static int evaluate(struct ffshm *ff, const char *flag, int count)
{
    char value[4096];
    if (ffshm_wait_ready(ff, 10000) != FFSHM_OK) {
        return 1;
    }
    for (int i = 0; i < count; i++) {
        value_of(ff, flag, value, sizeof value);
    }
    return 0;
}

static int await_source(struct ffshm *ff, int wanted, int64_t ms)
{
    const int64_t end = now_ms() + ms;
    struct ffshm_status status;
    do {
        ffshm_status(ff, &status);
        if (status.source_state == wanted) {
            return 0;
        }
        nap();
    } while (now_ms() < end);
    printf("the source's state is %d, not %d\n", status.source_state, wanted);
    return 1;
}

static int print_status(struct ffshm *ff)
{
    struct ffshm_status s;
    ffshm_wait_ready(ff, 0);
    ffshm_status(ff, &s);
    printf("generation=%" PRIu64 " flags=%" PRIu32 " segments=%" PRIu32 " source=%d alive=%d\n",
           s.generation, s.flags, s.segments, s.source_state, s.agent_alive);
    return 0;
}

static int manage(const char *address, const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const size_t length = strlen(address);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || out < 0 || length >= sizeof name.sun_path) {
        return 2;
    }
    memcpy(name.sun_path, address, length);
    if (address[0] == '@') {
        name.sun_path[0] = '\0';
    }
    if (bind(fd, (const struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
        perror(address);
        return 2;
    }
    for (;;) {
        char message[8192];
        const ssize_t got = recv(fd, message, sizeof message - 1, 0);
        if (got > 0) {
            message[got] = '\n';
            if (write(out, message, (size_t)got + 1) < 0) {
                return 2;
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "manager") == 0) {
        return manage(argv[2], argv[3]);
    }
    const bool lingers = argc == 5 && strcmp(argv[1], "linger") == 0;
    const bool tells = lingers || (argc == 5 && strcmp(argv[1], "evaluate") == 0);
    const struct ffshm_options options = {.size = sizeof options, .no_telemetry = !tells};
    struct ffshm *ff = argc > 2 ? ffshm_open(argv[2], &options) : NULL;
    int result = 2;
    if (ff && argc == 4 && strcmp(argv[1], "value") == 0) {
        char value[4096];
        value_of(ff, argv[3], value, sizeof value);
        puts(value);
        result = 0;
    } else if (ff && tells) {
        result = evaluate(ff, argv[3], atoi(argv[4]));
        if (lingers && result == 0 && puts("evaluated") > 0 && fflush(stdout) == 0) {
            pause();
        }
    } else if (ff && argc == 6 && strcmp(argv[1], "await") == 0) {
        result = await(ff, argv[3], argv[4], atoi(argv[5]));
    } else if (ff && argc == 3 && strcmp(argv[1], "status") == 0) {
        result = print_status(ff);
    } else if (ff && argc == 5 && strcmp(argv[1], "await-source") == 0) {
        result = await_source(ff, atoi(argv[3]), atoi(argv[4]));
    }
    ffshm_close(ff);
    return result;
}
