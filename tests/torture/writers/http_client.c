/*
 * HTTP over a unix socket, as much as it takes: a kept connection, answers with a Content-Length.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "writers.h"

#define ANSWER_MOST (64u << 20)

int http_open(struct http_client *c, const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    *c = (struct http_client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (c->fd >= 0 && connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        http_close(c);
        return -1;
    }
    return c->fd >= 0 ? 0 : -1;
}

void http_close(struct http_client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    free(c->bytes);
    *c = (struct http_client){.fd = -1};
}

static int write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t done = send(fd, bytes, length, MSG_NOSIGNAL);
        if (done <= 0) {
            return -1;
        }
        bytes += done;
        length -= (size_t)done;
    }
    return 0;
}

static int send_request(const struct http_client *c, const struct http_request *r)
{
    char head[1024];
    char *body = r->body ? json_dumps(r->body, JSON_COMPACT) : NULL;
    const size_t length = body ? strlen(body) : 0;
    const int size =
        snprintf(head, sizeof head,
                 "%s /api/v1%s HTTP/1.1\r\nHost: agent\r\n%s%sContent-Length: %zu\r\n\r\n",
                 r->method, r->path, r->headers ? r->headers : "",
                 body ? "Content-Type: application/json\r\n" : "", length);
    int result = write_all(c->fd, head, (size_t)size);
    if (result == 0 && body) {
        result = write_all(c->fd, body, length);
    }
    free(body);
    return result;
}

/* Some more of the answer. */
static int receive(struct http_client *c)
{
    if (c->length == c->room) {
        const size_t room = c->room ? c->room * 2 : 4096;
        char *bytes = room <= ANSWER_MOST ? realloc(c->bytes, room + 1) : NULL;
        if (!bytes) {
            return -1;
        }
        c->bytes = bytes;
        c->room = room;
    }
    const ssize_t got = recv(c->fd, c->bytes + c->length, c->room - c->length, 0);
    if (got <= 0) {
        return -1;
    }
    c->length += (size_t)got;
    c->bytes[c->length] = '\0';
    return 0;
}

/* The value of a header, up to the line's end; NULL: there is none. */
static const char *header(const char *head, const char *name)
{
    const size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *value = line + 3 + length;
            return value + strspn(value, " ");
        }
    }
    return NULL;
}

static int read_head(struct http_client *c, struct http_answer *answer, size_t *head_length,
                     size_t *body_length)
{
    char *end = NULL;
    c->length = 0;
    while (!end) {
        if (receive(c) != 0) {
            return -1;
        }
        end = strstr(c->bytes, "\r\n\r\n");
    }
    end[2] = '\0';
    *head_length = (size_t)(end - c->bytes) + 4;
    const char *etag = header(c->bytes, "etag");
    const char *length = header(c->bytes, "content-length");
    answer->status = (int)strtol(c->bytes + strcspn(c->bytes, " "), NULL, 10);
    *body_length = length ? strtoul(length, NULL, 10) : 0;
    if (etag) {
        snprintf(answer->etag, sizeof answer->etag, "%.*s", (int)strcspn(etag, "\r"), etag);
    }
    return 0;
}

static int read_answer(struct http_client *c, struct http_answer *answer)
{
    size_t head;
    size_t body;
    if (read_head(c, answer, &head, &body) != 0) {
        return -1;
    }
    while (c->length < head + body) {
        if (receive(c) != 0) {
            return -1;
        }
    }
    answer->body = body > 0 ? json_loadb(c->bytes + head, body, 0, NULL) : NULL;
    return 0;
}

void http_ask(struct http_client *c, const struct http_request *request, struct http_answer *answer)
{
    *answer = (struct http_answer){0};
    if (c->fd < 0 || send_request(c, request) != 0 || read_answer(c, answer) != 0) {
        http_close(c);
        *answer = (struct http_answer){0};
    }
}

json_t *http_get(struct http_client *c, const char *path)
{
    struct http_answer answer;
    http_ask(c, &(struct http_request){"GET", path, NULL, NULL}, &answer);
    if (answer.status != 200) {
        json_decref(answer.body);
        return NULL;
    }
    return answer.body;
}
