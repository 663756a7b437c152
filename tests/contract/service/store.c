/*
 * store.c - a client with a persistent store: who reads it, and when.
 *
 * The agent reads all of the store whenever its TTL is over, and evaluations see what was read
 * last. An SDK reads a flag when it is evaluated, and keeps it for as long as its cache says. So
 * the service has the agent look at the store (SIGHUP, and READY=1 when it has) when an SDK would:
 *
 *   off        before every evaluation
 *   ttl        at the first evaluation, and when the last look is as old as the TTL; the agent also
 *              has this TTL, so it mostly looks by itself
 *   infinite   at the first evaluation of each flag, which from then on is evaluated in the
 * snapshot of that time: a store of the library's that is never refreshed again
 *
 * With LaunchDarkly as the source the agent serves what LaunchDarkly said, and the store is only
 * written, which is what an SDK with an infinite cache does. With another cache an SDK reads from
 * the store what it has just written there; to see that there is a second client, which has nothing
 * but the store. What LaunchDarkly brought less than a TTL ago is in an SDK's cache: until then the
 * first client answers.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "service.h"

#define LOOK_MS 5000 /* for an agent to look */
#define EARLY_MS 50  /* a look is that much before the TTL is over: an SDK's takes no time */
#define ALL_FLAGS "" /* is cached like a flag */

/* The snapshot in which a flag is evaluated for ever. */
struct frozen {
    char *flag;
    struct ffshm *ff;
    struct frozen *next;
};

struct store {
    enum { CACHE_OFF, CACHE_TTL, CACHE_INFINITE } cache;
    int64_t ttl_ms;
    int64_t looked_ms;     /* CLOCK_MONOTONIC; 0: never */
    int notify;            /* where the agent says READY=1; -1: it is not read */
    struct frozen *frozen; /* infinite */
    struct client *reader; /* has nothing but the store; NULL: this one reads */
    int64_t begun_ms;      /* when it was there: until then nothing in the cache grows old */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what is configured ---- */

bool store_is_all(const json_t *configuration)
{
    return member(configuration, "persistentDataStore") && !member(configuration, "streaming") &&
           !member(configuration, "polling");
}

static void notify_path(const struct client *c, char path[CLIENT_PATH + 16])
{
    snprintf(path, CLIENT_PATH + 16, "%s/notify", c->dir);
}

static int open_notify(const struct client *c)
{
    char path[CLIENT_PATH + 16];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    notify_path(c, path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void read_cache(struct store *s, const json_t *settings)
{
    const json_t *cache = member(settings, "cache");
    const char *mode = member_text(cache, "mode");
    const double ttl = json_number_value(member(cache, "ttl"));
    s->cache = !mode || strcmp(mode, "ttl") == 0 ? CACHE_TTL
               : strcmp(mode, "off") == 0        ? CACHE_OFF
                                                 : CACHE_INFINITE;
    s->ttl_ms = ttl > 0 ? (int64_t)(ttl * 1000) : 15000;
}

int client_store_add(struct client *c, const json_t *configuration, struct outcome *outcome)
{
    const json_t *settings = member(configuration, "persistentDataStore");
    const char *type = member_text(member(settings, "store"), "type");
    if (!settings) {
        return 0;
    }
    if (!type || strcmp(type, "redis") != 0) {
        outcome_fail(outcome, 400, "a store of type %s", type ? type : "(none)");
        return -1;
    }
    c->store = calloc(1, sizeof *c->store);
    if (!c->store) {
        outcome_fail(outcome, 500, "out of memory");
        return -1;
    }
    read_cache(c->store, settings);
    c->store->notify = store_is_all(configuration) ? open_notify(c) : -1;
    if (store_is_all(configuration) && c->store->notify < 0) {
        outcome_fail(outcome, 500, "no socket for what the agent notifies");
        return -1;
    }
    return 0;
}

void client_store_variable(const struct client *c, char variable[CLIENT_PATH + 32])
{
    char path[CLIENT_PATH + 16];
    notify_path(c, path);
    variable[0] = '\0';
    if (c->store && c->store->notify >= 0) {
        snprintf(variable, CLIENT_PATH + 32, "NOTIFY_SOCKET=%s", path);
    }
}

/* ---- looking ---- */

/* Reads what the agent notifies until this is among it. false: it did not come. */
static bool await(const struct store *s, const char *said)
{
    const int64_t deadline = now_ms() + LOOK_MS;
    char text[1024];
    for (int64_t left; (left = deadline - now_ms()) > 0;) {
        struct pollfd wait = {.fd = s->notify, .events = POLLIN};
        const ssize_t length =
            poll(&wait, 1, (int)left) > 0 ? recv(s->notify, text, sizeof text - 1, 0) : -1;
        text[length > 0 ? length : 0] = '\0';
        if (strstr(text, said)) {
            return true;
        }
    }
    return false;
}

static bool look(struct client *c)
{
    struct store *s = c->store;
    s->looked_ms = now_ms();
    return kill(c->agent, SIGHUP) == 0 && await(s, "RELOADING=1") && await(s, "READY=1");
}

/* The first READY=1 is that of its start. */
int client_store_begin(struct client *c, const char *agent, bool loud, const json_t *configuration,
                       struct outcome *outcome)
{
    struct store *s = c->store;
    if (s && s->notify >= 0 && !await(s, "READY=1")) {
        outcome_fail(outcome, 500, "the agent does not say that it is ready");
        return -1;
    }
    if (!s || s->notify >= 0 || s->cache == CACHE_INFINITE) {
        return 0;
    }
    json_t *alone = json_pack("{s:O, s:O}", "credential", member(configuration, "credential"),
                              "persistentDataStore", member(configuration, "persistentDataStore"));
    s->reader = client_new(c->id, agent, loud, alone, outcome);
    json_decref(alone);
    s->begun_ms = now_ms();
    return s->reader ? 0 : -1;
}

/* The snapshot that the flag is evaluated in for ever; looks when there is none. */
static struct ffshm *frozen_at(struct client *c, const char *flag)
{
    struct store *s = c->store;
    for (struct frozen *f = s->frozen; f; f = f->next) {
        if (strcmp(f->flag, flag) == 0) {
            return f->ff;
        }
    }
    const struct ffshm_options options = {
        .size = sizeof options, .refresh = FFSHM_REFRESH_MANUAL, .no_telemetry = true};
    char dir[CLIENT_PATH + 16];
    struct frozen *f = calloc(1, sizeof *f);
    snprintf(dir, sizeof dir, "%s/store", c->dir);
    look(c);
    if (f) {
        *f = (struct frozen){strdup(flag), ffshm_open(dir, &options), s->frozen};
    }
    if (!f || !f->flag || !f->ff || ffshm_wait_ready(f->ff, 0) != FFSHM_OK) {
        if (f) {
            ffshm_close(f->ff);
            free(f->flag);
        }
        free(f);
        return c->ff;
    }
    s->frozen = f;
    return f->ff;
}

static struct ffshm *read_from(struct client *c, const char *flag)
{
    const struct store *s = c->store;
    const int64_t age_ms = now_ms() - s->looked_ms;
    if (s->cache == CACHE_INFINITE) {
        return frozen_at(c, flag);
    }
    if (s->cache == CACHE_OFF || !s->looked_ms || age_ms >= s->ttl_ms - EARLY_MS) {
        look(c);
        ffshm_refresh(c->ff);
    }
    return c->ff;
}

struct ffshm *client_store_for(struct client *c, const char *flag)
{
    const struct store *s = c->store;
    const char *name = flag ? flag : ALL_FLAGS;
    if (s && s->notify >= 0) {
        return read_from(c, name);
    }
    if (!s || !s->reader) {
        return c->ff;
    }
    struct ffshm_status status;
    ffshm_status(c->ff, &status);
    const int64_t begun_ms = now_ms() - s->begun_ms;
    const int64_t age_ms = status.snapshot_age_ms < begun_ms ? status.snapshot_age_ms : begun_ms;
    const bool cached = s->cache == CACHE_TTL && age_ms < s->ttl_ms;
    return !status.ready || cached ? c->ff : read_from(s->reader, name);
}

bool client_store_free(struct client *c)
{
    struct store *s = c->store;
    if (!s) {
        return true;
    }
    const bool good = !s->reader || client_free(s->reader);
    while (s->frozen) {
        struct frozen *f = s->frozen;
        s->frozen = f->next;
        ffshm_close(f->ff);
        free(f->flag);
        free(f);
    }
    if (s->notify >= 0) {
        close(s->notify);
    }
    free(s);
    c->store = NULL;
    return good;
}
