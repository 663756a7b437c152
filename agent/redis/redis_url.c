#include "redis_url.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define PORT 6379
#define LONGEST_HOST 253
#define LONGEST_USER_PART 4096
#define MOST_DATABASE 1000000
#define FORMS "redis://HOST:PORT/DATABASE, rediss:// (TLS) or unix:///PATH?db=DATABASE"

struct scheme {
    const char *name;
    bool tls, unix_socket;
};

static const struct scheme schemes[] = {
    {"redis://", false, false},  {"rediss://", true, false}, {"valkey://", false, false},
    {"valkeys://", true, false}, {"unix://", false, true},
};

static const struct scheme *scheme_of(const char *text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncasecmp(text, schemes[i].name, strlen(schemes[i].name)) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

static int refuse(struct fault *fault, const char *hint, const char *cause)
{
    fault_set(fault, "", hint, "is not the URL of a Redis: %s", cause);
    return -1;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A decoded copy of text[0..length). NULL: a wrong escape, a NUL, too long, or no memory. */
static char *decoded(const char *text, size_t length)
{
    char *copy = length <= LONGEST_USER_PART ? malloc(length + 1) : NULL;
    size_t used = 0;
    for (size_t i = 0; copy && i < length; i++) {
        int byte = (unsigned char)text[i];
        if (text[i] == '%') {
            const int high = i + 2 < length ? digit_of(text[i + 1]) : -1;
            const int low = i + 2 < length ? digit_of(text[i + 2]) : -1;
            byte = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (byte == 0) {
            explicit_bzero(copy, used);
            free(copy);
            return NULL;
        }
        copy[used++] = (char)byte;
    }
    if (copy) {
        copy[used] = '\0';
    }
    return copy;
}

/* Whole decimal text[0..length) up to `most`; -1 when it is none. */
static int64_t number_of(const char *text, size_t length, int64_t most)
{
    int64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || number > most) {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return length > 0 && number <= most ? number : -1;
}

/* "USER:PASSWORD", "USER", ":PASSWORD" */
static int parse_user(const char *text, size_t length, struct redis_url *url, struct fault *fault)
{
    const char *colon = memchr(text, ':', length);
    const size_t user = colon ? (size_t)(colon - text) : length;
    if (user > 0 && !(url->user = decoded(text, user))) {
        return refuse(fault, "write a % in it as %25", "its user is not percent-encoded");
    }
    if (colon && length > user + 1 && !(url->password = decoded(colon + 1, length - user - 1))) {
        return refuse(fault, "write a % in it as %25, an @ as %40, a / as %2F",
                      "its password is not percent-encoded");
    }
    return 0;
}

static int parse_database(const char *text, size_t length, struct redis_url *url,
                          struct fault *fault)
{
    const int64_t number = number_of(text, length, MOST_DATABASE);
    if (number < 0) {
        return refuse(fault, "say its number, most have 0 to 15; keys get a prefix elsewhere",
                      "its database is not a number");
    }
    url->database = (unsigned)number;
    return 0;
}

/* What comes after '?': "db=2" alone. */
static int parse_query(const char *query, struct redis_url *url, struct fault *fault)
{
    if (strncmp(query, "db=", 3) != 0) {
        return refuse(fault, "after ? only db=DATABASE is known", "it has an unknown parameter");
    }
    return parse_database(query + 3, strlen(query + 3), url, fault);
}

static bool is_host(const char *text, size_t length, bool brackets)
{
    static const char tame[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "._-%";
    if (length == 0 || length > LONGEST_HOST) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!text[i] || (!strchr(tame, text[i]) && !(brackets && text[i] == ':'))) {
            return false;
        }
    }
    return true;
}

/* "HOST", "HOST:PORT", "[ADDRESS]:PORT" */
static int parse_host(const char *text, size_t length, struct redis_url *url, struct fault *fault)
{
    const bool brackets = length > 0 && text[0] == '[';
    const char *end = memchr(text, brackets ? ']' : ':', length);
    const char *host = text + brackets;
    const size_t host_length = end ? (size_t)(end - host) : length - (size_t)brackets;
    const char *rest = end ? end + brackets : text + length;
    const size_t rest_length = length - (size_t)(rest - text);
    if ((brackets && !end) || !is_host(host, host_length, brackets)) {
        return refuse(fault, "say redis://HOST:PORT; an IPv6 address is put into []",
                      "it names no host");
    }
    if (rest_length > 0) {
        const int64_t port = rest[0] == ':' ? number_of(rest + 1, rest_length - 1, UINT16_MAX) : -1;
        if (port <= 0) {
            return refuse(fault, "say a number from 1 to 65535, or nothing for 6379",
                          "its port is not one");
        }
        url->port = (unsigned)port;
    }
    url->host = strndup(host, host_length);
    return url->host ? 0 : refuse(fault, "", "out of memory");
}

static int parse_socket(const char *path, size_t length, struct redis_url *url, struct fault *fault)
{
    if (length < 2 || path[0] != '/') {
        return refuse(fault, "say unix:///PATH, from the root", "it names no socket");
    }
    if (length >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return refuse(fault, "the system allows 107 bytes", "the socket's path is too long");
    }
    url->path = decoded(path, length);
    return url->path ? 0 : refuse(fault, "write a % in it as %25", "its path is not decodable");
}

static int parse_rest(const struct scheme *scheme, const char *rest, struct redis_url *url,
                      struct fault *fault)
{
    const size_t length = strcspn(rest, "?");
    /* The last @: a password that somebody forgot to encode is a password all the same. */
    const char *at = memrchr(rest, '@', length);
    const char *place = at ? at + 1 : rest;
    const size_t place_length = length - (size_t)(place - rest);
    if (at && parse_user(rest, (size_t)(at - rest), url, fault) != 0) {
        return -1;
    }
    if (scheme->unix_socket) {
        if (parse_socket(place, place_length, url, fault) != 0) {
            return -1;
        }
    } else {
        const char *slash = memchr(place, '/', place_length);
        const size_t host = slash ? (size_t)(slash - place) : place_length;
        if (parse_host(place, host, url, fault) != 0 ||
            (place_length > host + 1 &&
             parse_database(place + host + 1, place_length - host - 1, url, fault) != 0)) {
            return -1;
        }
    }
    return rest[length] ? parse_query(rest + length + 1, url, fault) : 0;
}

int redis_url_parse(const char *text, struct redis_url *url, struct fault *fault)
{
    const struct scheme *scheme = scheme_of(text);
    *url = (struct redis_url){.port = PORT};
    if (!scheme) {
        return refuse(fault, "say " FORMS, "it does not begin like one");
    }
    url->tls = scheme->tls;
    if (parse_rest(scheme, text + strlen(scheme->name), url, fault) != 0) {
        redis_url_free(url);
        return -1;
    }
    if (scheme->unix_socket) {
        url->port = 0;
    }
    return 0;
}

static bool copy_text(const char *from, char **to)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

int redis_url_copy(const struct redis_url *from, struct redis_url *to)
{
    *to = (struct redis_url){.port = from->port, .database = from->database, .tls = from->tls};
    if (!copy_text(from->host, &to->host) || !copy_text(from->path, &to->path) ||
        !copy_text(from->user, &to->user) || !copy_text(from->password, &to->password)) {
        redis_url_free(to);
        return -1;
    }
    return 0;
}

void redis_url_free(struct redis_url *url)
{
    if (url->password) {
        explicit_bzero(url->password, strlen(url->password));
    }
    free(url->password);
    free(url->user);
    free(url->host);
    free(url->path);
    *url = (struct redis_url){0};
}

const char *redis_url_place(const struct redis_url *url, char text[REDIS_PLACE])
{
    if (url->path) {
        snprintf(text, REDIS_PLACE, "unix://%s?db=%u", url->path, url->database);
    } else {
        const bool brackets = url->host && strchr(url->host, ':');
        snprintf(text, REDIS_PLACE, "%s://%s%s%s:%u/%u", url->tls ? "rediss" : "redis",
                 brackets ? "[" : "", url->host ? url->host : "", brackets ? "]" : "", url->port,
                 url->database);
    }
    return text;
}
