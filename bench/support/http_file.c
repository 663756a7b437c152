#include "http_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_child.h"
#include "bench_fail.h"

/* Until the empty line that ends the request's head. */
static bool read_request(int connection)
{
    char text[4096];
    size_t length = 0;
    ssize_t more;
    while ((more = recv(connection, text + length, sizeof text - 1 - length, 0)) > 0) {
        length += (size_t)more;
        text[length] = '\0';
        if (strstr(text, "\r\n\r\n")) {
            return true;
        }
    }
    return false;
}

static void answer(int connection, const char *path)
{
    char head[160];
    struct stat s;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &s) != 0) {
        bench_fail_errno(path);
    }
    const int length = snprintf(head, sizeof head,
                                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                "Content-Length: %lld\r\nConnection: close\r\n\r\n",
                                (long long)s.st_size);
    if (send(connection, head, (size_t)length, MSG_NOSIGNAL) == length) {
        off_t at = 0;
        while (at < s.st_size && sendfile(connection, file, &at, (size_t)(s.st_size - at)) > 0) {
        }
    }
    close(file);
}

static _Noreturn void serve(int listener, const char *path)
{
    signal(SIGPIPE, SIG_IGN); /* sendfile to one that has gone */
    for (;;) {
        const int connection = accept(listener, NULL, NULL);
        if (connection >= 0) {
            if (read_request(connection)) {
                answer(connection, path);
            }
            close(connection);
        }
    }
}

pid_t http_file_serve(const char *path, unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *)&address, size) != 0 ||
        listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        bench_fail_errno("a socket");
    }
    *port = ntohs(address.sin_port);
    const pid_t pid = bench_child();
    if (pid == 0) {
        serve(listener, path);
    }
    close(listener);
    return pid;
}

void http_file_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
