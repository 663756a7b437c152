/*
 * bridge.c - a Redis that the agent asks about big segments, and that asks the harness: its store
 * of big segments is HTTP callbacks, the agent's is a Redis.
 *
 * It knows what the agent's client says, and of LaunchDarkly's keys
 *
 *   GET      PREFIX:big_segments_synchronized_on   POST <callback>/getMetadata
 *   SMEMBERS PREFIX:big_segment_include:HASH       POST <callback>/getMembership
 *   SMEMBERS PREFIX:big_segment_exclude:HASH       the other half of the same answer
 *
 * where an error of the callback is an error of the command. A thread of its own, since an
 * evaluation waits in the service's while the agent asks here.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service.h"

#define MOST_CONNECTIONS 8
#define MOST_INPUT (1u << 16) /* bytes of a command */
#define MOST_WORDS 16         /* of a command */
#define URL_BYTES 512

struct word {
    const char *text; /* not terminated */
    size_t length;
};

struct connection {
    int fd;
    size_t length;
    char input[MOST_INPUT];
};

/* The harness counts queries: both halves of a membership are one. */
struct answered {
    char *hash; /* NULL: none yet */
    json_t *values;
    bool failed;
    bool taken[2]; /* include, exclude */
};

struct bridge {
    char *callback;
    int listener;
    int stop; /* eventfd */
    pthread_t thread;
    bool has_thread;
    atomic_bool polled; /* metadata was asked for, and answered */
    struct answered last;
    struct connection *connections[MOST_CONNECTIONS];
    size_t count;
};

/* ---- what is asked of the harness ---- */

/* NULL: there is none. */
static json_t *call_back(const struct bridge *b, const char *path, json_t *params)
{
    char url[URL_BYTES], *answer = NULL;
    char *text = json_dumps(params, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(url, sizeof url, "%s/%s", b->callback, path);
    const long status = post(url, "Content-Type: application/json", text ? text : "{}", &answer);
    json_t *result = status == 200 && answer ? json_loads(answer, 0, NULL) : NULL;
    free(text);
    free(answer);
    json_decref(params);
    return result;
}

static void say_metadata(struct bridge *b, FILE *out)
{
    json_t *metadata = call_back(b, "getMetadata", json_object());
    const json_t *date = member(metadata, "lastUpToDate");
    char text[32];
    if (!metadata) {
        fputs("-ERR the harness has no metadata\r\n", out);
    } else if (!date || json_number_value(date) <= 0) {
        fputs("$-1\r\n", out); /* never synchronised */
    } else {
        snprintf(text, sizeof text, "%lld", (long long)json_number_value(date));
        fprintf(out, "$%zu\r\n%s\r\n", strlen(text), text);
    }
    json_decref(metadata);
}

static void forget(struct answered *last)
{
    free(last->hash);
    json_decref(last->values);
    *last = (struct answered){.hash = NULL};
}

static void ask_membership(struct bridge *b, const char *hash)
{
    json_t *answer = call_back(b, "getMembership", json_pack("{s:s}", "contextHash", hash));
    forget(&b->last);
    b->last.hash = strdup(hash);
    b->last.failed = !answer;
    b->last.values = json_incref(json_object_get(answer, "values"));
    json_decref(answer);
}

static void say_membership(struct bridge *b, const char *hash, bool exclude, FILE *out)
{
    if (!b->last.hash || strcmp(b->last.hash, hash) != 0 || b->last.taken[exclude]) {
        ask_membership(b, hash);
    }
    b->last.taken[exclude] = true;
    if (b->last.failed) {
        fputs("-ERR the harness has no membership\r\n", out);
        return;
    }
    const char *reference;
    json_t *is_member;
    size_t count = 0;
    json_object_foreach(b->last.values, reference, is_member)
    {
        count += exclude ? json_is_false(is_member) : json_is_true(is_member);
    }
    fprintf(out, "*%zu\r\n", count);
    json_object_foreach(b->last.values, reference, is_member)
    {
        if (exclude ? json_is_false(is_member) : json_is_true(is_member)) {
            fprintf(out, "$%zu\r\n%s\r\n", strlen(reference), reference);
        }
    }
}

/* ---- commands ---- */

static bool is(const struct word *word, const char *text)
{
    return word->length == strlen(text) && strncasecmp(word->text, text, word->length) == 0;
}

/* What follows `name` in a key; malloc'ed. NULL: it is another key. */
static char *after(const struct word *key, const char *name)
{
    const char *found = memmem(key->text, key->length, name, strlen(name));
    const char *rest = found ? found + strlen(name) : NULL;
    return rest ? strndup(rest, (size_t)(key->text + key->length - rest)) : NULL;
}

static void say_set(struct bridge *b, const struct word *key, FILE *out)
{
    char *included = after(key, ":big_segment_include:");
    char *excluded = included ? NULL : after(key, ":big_segment_exclude:");
    if (included || excluded) {
        say_membership(b, included ? included : excluded, !included, out);
    } else {
        fputs("*0\r\n", out);
    }
    free(included);
    free(excluded);
}

static void say_text(struct bridge *b, const struct word *key, FILE *out)
{
    char *metadata = after(key, ":big_segments_synchronized_on");
    if (metadata) {
        say_metadata(b, out);
    } else {
        fputs("$-1\r\n", out);
    }
    free(metadata);
}

/* true: the agent was told how up to date the store is. */
static bool obey(struct bridge *b, const struct word *words, size_t count, FILE *out)
{
    static const char *const agreed[] = {"AUTH", "SELECT", "CLIENT", "READONLY"};
    for (size_t i = 0; i < sizeof agreed / sizeof *agreed; i++) {
        if (is(&words[0], agreed[i])) {
            fputs("+OK\r\n", out);
            return false;
        }
    }
    if (is(&words[0], "PING")) {
        fputs("+PONG\r\n", out);
    } else if (is(&words[0], "GET") && count == 2) {
        say_text(b, &words[1], out);
        return true;
    } else if (is(&words[0], "SMEMBERS") && count == 2) {
        say_set(b, &words[1], out);
    } else {
        fprintf(out, "-ERR unknown command '%.*s'\r\n", (int)words[0].length, words[0].text);
    }
    return false;
}

/* "*2\r\n" with '*' as the kind: 2. *at moves behind it. -1: it is not all there, or no such. */
static long number(const struct connection *c, size_t *at, char kind)
{
    const char *begin = c->input + *at;
    const char *end = memchr(begin, '\n', c->length - *at);
    if (!end || *begin != kind) {
        return -1;
    }
    *at += (size_t)(end - begin) + 1;
    return strtol(begin + 1, NULL, 10);
}

/* The bytes of the first command that has come; 0: it is not all there. */
static size_t parse(const struct connection *c, struct word words[MOST_WORDS], size_t *count)
{
    size_t at = 0;
    const long parts = number(c, &at, '*');
    if (parts < 1 || parts > MOST_WORDS) {
        return 0;
    }
    for (*count = 0; *count < (size_t)parts; ++*count) {
        const long length = at < c->length ? number(c, &at, '$') : -1;
        if (length < 0 || at + (size_t)length + 2 > c->length) {
            return 0;
        }
        words[*count] = (struct word){c->input + at, (size_t)length};
        at += (size_t)length + 2;
    }
    return at;
}

static bool send_all(int fd, const char *text, size_t length)
{
    while (length) {
        const ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return false;
        }
        text += sent > 0 ? sent : 0;
        length -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

/* One command after another, each answered before the next. false: the connection is done with. */
static bool answer(struct bridge *b, struct connection *c)
{
    struct word words[MOST_WORDS];
    size_t count, used;
    while ((used = parse(c, words, &count)) != 0) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        if (!out) {
            return false;
        }
        const bool polled = obey(b, words, count, out);
        const bool good = fclose(out) == 0 && send_all(c->fd, text, length);
        free(text);
        if (!good) {
            return false;
        }
        if (polled) {
            atomic_store(&b->polled, true);
        }
        c->length -= used;
        memmove(c->input, c->input + used, c->length);
    }
    return c->length < MOST_INPUT;
}

/* ---- connections ---- */

static void accept_one(struct bridge *b)
{
    const int fd = accept4(b->listener, NULL, NULL, SOCK_CLOEXEC);
    struct connection *c = fd >= 0 && b->count < MOST_CONNECTIONS ? calloc(1, sizeof *c) : NULL;
    if (c) {
        c->fd = fd;
        b->connections[b->count++] = c;
    } else if (fd >= 0) {
        close(fd);
    }
}

static void drop(struct bridge *b, size_t i)
{
    close(b->connections[i]->fd);
    free(b->connections[i]);
    b->connections[i] = b->connections[--b->count];
}

static bool read_some(struct connection *c)
{
    const ssize_t length = read(c->fd, c->input + c->length, MOST_INPUT - c->length);
    c->length += length > 0 ? (size_t)length : 0;
    return length > 0;
}

static void *serve(void *arg)
{
    struct bridge *b = arg;
    for (;;) {
        struct pollfd waits[2 + MOST_CONNECTIONS] = {{.fd = b->stop, .events = POLLIN},
                                                     {.fd = b->listener, .events = POLLIN}};
        for (size_t i = 0; i < b->count; i++) {
            waits[2 + i] = (struct pollfd){.fd = b->connections[i]->fd, .events = POLLIN};
        }
        if (poll(waits, (nfds_t)(2 + b->count), -1) < 0 && errno != EINTR) {
            return NULL;
        }
        if (waits[0].revents) {
            return NULL;
        }
        for (size_t i = b->count; i-- > 0;) { /* the last one takes the place of a dropped one */
            struct connection *c = b->connections[i];
            if (waits[2 + i].revents && (!read_some(c) || !answer(b, c))) {
                drop(b, i);
            }
        }
        if (waits[1].revents) {
            accept_one(b);
        }
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8))) {
        close(fd);
        return -1;
    }
    return fd;
}

struct bridge *bridge_new(const char *path, const char *callback)
{
    struct bridge *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    b->callback = strdup(callback);
    b->listener = listen_at(path);
    b->stop = eventfd(0, EFD_CLOEXEC);
    b->has_thread = b->callback && b->listener >= 0 && b->stop >= 0 &&
                    pthread_create(&b->thread, NULL, serve, b) == 0;
    if (b->has_thread) {
        return b;
    }
    bridge_free(b);
    return NULL;
}

bool bridge_polled(const struct bridge *b)
{
    return atomic_load(&b->polled);
}

void bridge_free(struct bridge *b)
{
    if (!b) {
        return;
    }
    if (b->has_thread) {
        eventfd_write(b->stop, 1);
        pthread_join(b->thread, NULL);
    }
    while (b->count) {
        drop(b, b->count - 1);
    }
    close(b->listener);
    close(b->stop);
    forget(&b->last);
    free(b->callback);
    free(b);
}
