/*
 * States: DOWN, waiting for the next attempt -> LOOKING for the name's addresses -> CONNECTING, to
 * one address after the other, up to the answers of AUTH, SELECT and PING -> UP -> DOWN.
 *
 * hiredis calls back in three ways that would be hard to be safe in, so that none is used: the
 * connect callback (0.14 must not be freed there), the disconnect callback (not called by every
 * end), and replies of NULL (they come while the context is being freed). What waits is kept here
 * instead, and told by the link itself. Each entry from the loop stands between enter() and
 * leave(); a link that was freed within one is destroyed by the last leave().
 */
#include "redis_link.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/async.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

#include "redis_lookup.h"
#include "redis_refusal.h"
#include "redis_tls.h"
#include "redis_wires.h"

#define CONNECT_MS 1000
#define ANSWER_MS 1000
#define LOOKUP_MS 5000
#define WAITING_MOST 1024
#define UNSENT_MOST ((size_t)64 << 20) /* bytes; one command more is taken whatever its size */
#define RETRY_LEAST_MS 50
#define RETRY_MOST_MS 500
#define IDLE_MS 2000   /* then a PING: a peer that vanished is found out without a command */
#define STEADY_MS 1000 /* a connection that lives shorter does not reset the retries' delay */

enum state { DOWN, LOOKING, CONNECTING, UP };

struct waiting {
    struct waiting *next;
    redis_reply_fn *fn;
    void *arg;
};

struct redis_link {
    struct event_base *base;
    struct redis_url url;
    struct redis_link_owner owner;
    char *name;
    struct redis_tls *tls;
    unsigned connect_ms, answer_ms, waiting_most;
    enum state state;
    struct event *timer;
    struct redis_lookup *lookup;
    struct redis_addresses found;
    size_t next_address;
    redisAsyncContext *context;
    struct waiting *first, **last;
    size_t waiting;
    unsigned greetings; /* answers that are due before it is up */
    bool written;       /* something of what waits went out */
    int64_t heard_ms;   /* CLOCK_MONOTONIC; the last byte, or when the first that waits was sent */
    int64_t up_ms;
    unsigned failures;
    struct fault trouble;                          /* while not UP */
    char told[sizeof(((struct fault *)0)->cause)]; /* the cause that the owner knows */
    unsigned inside;
    bool dying;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void arm(struct redis_link *l, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    evtimer_add(l->timer, &wait);
}

/* ---- entering and leaving ----------------------------------------------------------------- */

static void destroy(struct redis_link *l)
{
    event_free(l->timer);
    redis_lookup_free(l->lookup);
    redis_tls_free(l->tls);
    redis_url_free(&l->url);
    free(l->name);
    free(l);
}

static void enter(struct redis_link *l)
{
    l->inside++;
}

static void leave(struct redis_link *l)
{
    if (--l->inside == 0 && l->dying) {
        destroy(l);
    }
}

/* ---- what waits for an answer ------------------------------------------------------------- */

static void push(struct redis_link *l, struct waiting *w)
{
    if (!l->first) {
        l->heard_ms = now_ms();
        l->written = false;
        if (l->state == UP) {
            arm(l, l->answer_ms);
        }
    }
    *l->last = w;
    l->last = &w->next;
    l->waiting++;
}

static struct waiting *pop(struct redis_link *l)
{
    struct waiting *w = l->first;
    if (w) {
        l->first = w->next;
        l->last = l->first ? l->last : &l->first;
        l->waiting--;
    }
    return w;
}

static void fail_waiting(struct redis_link *l, const struct fault *fault)
{
    struct waiting *w;
    while ((w = pop(l)) != NULL) {
        const struct waiting told = *w;
        free(w);
        if (told.fn) {
            told.fn(told.arg, NULL, fault);
        }
    }
}

static void on_reply(redisAsyncContext *c, void *reply, void *unused)
{
    struct redis_link *l = c->data;
    struct waiting *w = l && reply ? pop(l) : NULL;
    (void)unused;
    if (w) {
        const struct waiting told = *w;
        free(w);
        if (told.fn) {
            told.fn(told.arg, reply, NULL);
        }
    }
}

/* ---- losing the connection, and the next attempt ------------------------------------------ */

static void set_trouble(struct redis_link *l, struct fault *fault, const char *hint,
                        const char *cause)
{
    fault_set(fault, "", hint, "%s", cause);
    redis_url_place(&l->url, fault->file);
}

/* hiredis hears no more of it; nothing is called. */
static void cut(struct redis_link *l)
{
    redisAsyncContext *c = l->context;
    l->context = NULL;
    redis_lookup_free(l->lookup);
    l->lookup = NULL;
    if (c) {
        c->data = NULL;
        redis_wires_cut(c);
    }
}

/* "Equal jitter": half of the delay is by chance, so that a fleet does not come back as one. */
static int64_t retry_delay(struct redis_link *l)
{
    uint32_t chance = 0;
    const int64_t delay = l->failures < 4 ? (int64_t)RETRY_LEAST_MS << l->failures : RETRY_MOST_MS;
    l->failures++;
    (void)!getrandom(&chance, sizeof chance, GRND_NONBLOCK);
    return delay - (int64_t)(chance % (uint32_t)(delay / 2));
}

static void connect_next(struct redis_link *l);

/* What the peer has not got yet it never gets: a command that nobody waits for any more must not
   be carried out when the network is back, seconds or minutes later. */
static void forget_unsent(const struct redis_link *l)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (l->context) {
        (void)setsockopt(l->context->c.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
}

/* The connection is gone, for a reason that is in l->trouble. An attempt that ran into its time has
   waited long enough: the next one begins soon. */
static void lost(struct redis_link *l, bool ran_out)
{
    const bool elsewhere = l->state == CONNECTING && l->next_address < l->found.count;
    const bool steady = l->state == UP && now_ms() - l->up_ms >= STEADY_MS;
    const struct fault fault = l->trouble;
    forget_unsent(l);
    cut(l);
    if (elsewhere) {
        fail_waiting(l, &fault); /* greetings alone */
        connect_next(l);
        return;
    }
    l->state = DOWN;
    l->failures = steady ? 0 : l->failures;
    const int64_t delay = retry_delay(l);
    arm(l, ran_out ? RETRY_LEAST_MS / 2 : delay);
    fail_waiting(l, &fault);
    if (!l->dying && l->owner.down && strcmp(l->told, fault.cause) != 0) {
        snprintf(l->told, sizeof l->told, "%s", fault.cause);
        l->owner.down(l->owner.arg, &fault);
    }
}

static void over(void *arg, const redisAsyncContext *c)
{
    struct redis_link *l = arg;
    char cause[256];
    snprintf(cause, sizeof cause, "%s%s",
             l->state == UP ? "the connection was lost: " : "cannot connect: ",
             c->c.errstr[0] ? c->c.errstr : "closed");
    set_trouble(l, &l->trouble, l->state == UP ? "" : "is it running, and reachable from here?",
                cause);
    /* Being freed already. */
    ((redisAsyncContext *)l->context)->data = NULL;
    l->context = NULL;
    lost(l, false);
}

static void drop(struct redis_link *l, bool ran_out, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void drop(struct redis_link *l, bool ran_out, const char *hint, const char *format, ...)
{
    char cause[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    set_trouble(l, &l->trouble, hint, cause);
    lost(l, ran_out);
}

/* ---- connecting --------------------------------------------------------------------------- */

static void before(void *arg, bool reading)
{
    struct redis_link *l = arg;
    enter(l);
    /* that there is room for more of what waits to go out is a sign of life, too */
    if (reading || !l->written || sdslen(l->context->c.obuf) > 0) {
        l->heard_ms = now_ms();
    }
    l->written = true;
}

static void after(void *arg)
{
    leave(arg);
}

static void come_up(struct redis_link *l)
{
    l->state = UP;
    l->up_ms = now_ms();
    l->told[0] = '\0';
    arm(l, IDLE_MS);
    if (l->owner.up) {
        l->owner.up(l->owner.arg);
    }
}

/* AUTH and SELECT have to be answered well. */
static void on_greeting(void *arg, const redisReply *reply, const struct fault *fault)
{
    struct redis_link *l = arg;
    (void)fault;
    if (!reply || l->dying) {
        return;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        redis_link_refusal(l, reply, &l->trouble);
        l->next_address = l->found.count; /* it was the right one */
        lost(l, false);
    } else if (--l->greetings == 0) {
        come_up(l);
    }
}

/* What is nice to have: the connection's name; that a user may PING. */
static void on_courtesy(void *arg, const redisReply *reply, const struct fault *fault)
{
    static const redisReply fine = {.type = REDIS_REPLY_NIL};
    const bool refused = reply && reply->type == REDIS_REPLY_ERROR &&
                         strncmp(reply->str, "NOPERM", 6) != 0 &&
                         strncmp(reply->str, "ERR unknown", 11) != 0;
    on_greeting(arg, !reply || refused ? reply : &fine, fault);
}

static int send_now(struct redis_link *l, redis_reply_fn *fn, void *arg, int argc,
                    const char *const *argv, const size_t *lengths)
{
    struct waiting *w = calloc(1, sizeof *w);
    if (!w) {
        return -1;
    }
    w->fn = fn;
    w->arg = arg;
    /* hiredis reads argv only. */
    if (redisAsyncCommandArgv(l->context, on_reply, NULL, argc, (const char **)(uintptr_t)argv,
                              lengths) != REDIS_OK) {
        free(w);
        return -1;
    }
    push(l, w);
    return 0;
}

static int greet_with(struct redis_link *l, redis_reply_fn *fn, int argc, const char *a,
                      const char *b, const char *c)
{
    const char *const argv[] = {a, b, c};
    l->greetings++;
    return send_now(l, fn, l, argc, argv, NULL);
}

static int greet(struct redis_link *l)
{
    char database[16];
    const char *password = l->url.password ? l->url.password : "";
    int failed = 0;
    snprintf(database, sizeof database, "%u", l->url.database);
    l->greetings = 0;
    if (l->url.user) {
        failed |= greet_with(l, on_greeting, 3, "AUTH", l->url.user, password);
    } else if (l->url.password) {
        failed |= greet_with(l, on_greeting, 2, "AUTH", password, NULL);
    }
    if (l->url.database > 0) {
        failed |= greet_with(l, on_greeting, 2, "SELECT", database, NULL);
    }
    if (l->name) {
        failed |= greet_with(l, on_courtesy, 3, "CLIENT", "SETNAME", l->name);
    }
    return failed | greet_with(l, on_courtesy, 1, "PING", NULL, NULL);
}

static redisAsyncContext *open_context(struct redis_link *l)
{
    return l->url.path ? redisAsyncConnectUnix(l->url.path)
                       : redisAsyncConnect(l->found.texts[l->next_address++], (int)l->url.port);
}

/* 0; -1: not this one, and l->trouble says why. */
static int connect_once(struct redis_link *l)
{
    const struct redis_wires_owner owner = {before, after, over, l};
    char cause[256] = "no memory";
    redisAsyncContext *c = open_context(l);
    bool begun = c && !c->err;
    if (c && c->err) {
        snprintf(cause, sizeof cause, "%s", c->c.errstr);
    }
    if (begun) {
        (void)fcntl(c->c.fd, F_SETFD, FD_CLOEXEC);
        begun = (!l->tls || redis_tls_begin(l->tls, c, l->url.host, cause) == 0) &&
                redis_wires_attach(c, l->base, &owner) == 0;
    }
    if (begun) {
        c->data = l;
        l->context = c;
        l->state = CONNECTING;
        if (greet(l) == 0) {
            return 0;
        }
        cut(l);
        while (l->first) { /* greetings alone */
            free(pop(l));
        }
    } else if (c) {
        redisAsyncFree(c);
    }
    char whole[320];
    snprintf(whole, sizeof whole, "cannot connect: %s", cause);
    set_trouble(l, &l->trouble, "is it running, and reachable from here?", whole);
    return -1;
}

static void connect_next(struct redis_link *l)
{
    const size_t count = l->url.path ? l->next_address + 1 : l->found.count;
    while (l->next_address < count) {
        const int failed = connect_once(l);
        if (!failed) {
            arm(l, l->connect_ms);
            return;
        }
        l->next_address += l->url.path != NULL;
    }
    lost(l, false);
}

static void on_found(void *arg, const struct redis_addresses *found)
{
    struct redis_link *l = arg;
    enter(l);
    l->found = *found;
    l->next_address = 0;
    redis_lookup_free(l->lookup);
    l->lookup = NULL;
    if (l->found.count == 0) {
        drop(l, false, "check the host of the URL, and the name server of this host",
             "the address of the host is not known: %s", l->found.error);
    } else {
        connect_next(l);
    }
    leave(l);
}

static void begin(struct redis_link *l)
{
    l->next_address = 0;
    if (l->url.path) {
        l->found.count = 0;
        connect_next(l);
        return;
    }
    l->state = LOOKING;
    l->lookup = redis_lookup_new(l->base, l->url.host, on_found, l);
    if (l->lookup) {
        arm(l, LOOKUP_MS);
    } else {
        drop(l, false, "", "no memory");
    }
}

/* ---- time --------------------------------------------------------------------------------- */

/* Of a connection that is up: has it been silent for too long? */
static void listen_on(struct redis_link *l)
{
    static const char *const ping[] = {"PING"};
    const int64_t silent_ms = now_ms() - l->heard_ms;
    const int64_t most_ms = l->first ? l->answer_ms : IDLE_MS;
    if (silent_ms < most_ms) {
        arm(l, most_ms - silent_ms);
    } else if (l->first) {
        drop(l, true, "the server is busy, stopped, or cut off from here",
             "no answer came within %u ms", l->answer_ms);
    } else if (send_now(l, NULL, NULL, 1, ping, NULL) != 0) {
        arm(l, IDLE_MS);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *l = arg;
    (void)fd, (void)what;
    enter(l);
    if (l->dying) {
        /* leave() ends it */
    } else if (l->state == DOWN) {
        begin(l);
    } else if (l->state == UP) {
        listen_on(l);
    } else if (l->state == LOOKING) {
        drop(l, true, "check the name server of this host", "the name server does not answer");
    } else {
        drop(l, true, "is it running, and reachable from here?",
             "cannot connect: no answer within %u ms", l->connect_ms);
    }
    leave(l);
}

/* ---- the interface ------------------------------------------------------------------------ */

/* A name of CLIENT SETNAME has no spaces. */
static char *tame_name(const char *name)
{
    char *copy = name ? strdup(name) : NULL;
    for (char *c = copy; c && *c; c++) {
        if (!isgraph((unsigned char)*c)) {
            *c = '-';
        }
    }
    return copy;
}

static void set_options(struct redis_link *l, const struct redis_link_options *o)
{
    l->name = tame_name(o->name);
    l->connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS;
    l->waiting_most = o->waiting_most ? o->waiting_most : WAITING_MOST;
    l->answer_ms = o->answer_ms ? o->answer_ms : ANSWER_MS;
}

struct redis_link *redis_link_new(struct event_base *base, const struct redis_link_options *options,
                                  const struct redis_link_owner *owner, struct fault *fault)
{
    struct redis_link *l = calloc(1, sizeof *l);
    if (!l || !(l->timer = evtimer_new(base, on_timer, l)) ||
        redis_url_copy(options->url, &l->url) != 0) {
        fault_set(fault, "", "", "no memory for a connection to Redis");
        if (l && l->timer) {
            event_free(l->timer);
        }
        free(l);
        return NULL;
    }
    l->base = base;
    l->owner = owner ? *owner : (struct redis_link_owner){0};
    l->last = &l->first;
    set_options(l, options);
    set_trouble(l, &l->trouble, "", "not connected yet");
    if (l->url.tls && !(l->tls = redis_tls_new(options->ca_file, fault))) {
        redis_url_place(&l->url, fault->file);
        destroy(l);
        return NULL;
    }
    arm(l, 0);
    return l;
}

void redis_link_free(struct redis_link *l)
{
    if (!l || l->dying) {
        return;
    }
    struct fault fault = {0};
    set_trouble(l, &fault, "", "the connection was given up");
    l->dying = true;
    enter(l);
    cut(l);
    l->state = DOWN;
    event_del(l->timer);
    fail_waiting(l, &fault);
    leave(l);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->state == UP;
}

const struct fault *redis_link_trouble(const struct redis_link *l)
{
    return l->state == UP ? NULL : &l->trouble;
}

size_t redis_link_waiting(const struct redis_link *l)
{
    return l->waiting;
}

static bool takes_more(const struct redis_link *l)
{
    return l->state == UP && !l->dying && l->waiting < l->waiting_most &&
           sdslen(l->context->c.obuf) <= UNSENT_MOST;
}

int redis_link_send(struct redis_link *l, redis_reply_fn *fn, void *arg, int argc,
                    const char *const *argv, const size_t *lengths)
{
    return takes_more(l) ? send_now(l, fn, arg, argc, argv, lengths) : -1;
}

int redis_link_command(struct redis_link *l, redis_reply_fn *fn, void *arg, const char *format, ...)
{
    struct waiting *w = takes_more(l) ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        return -1;
    }
    va_list arguments;
    va_start(arguments, format);
    const int sent = redisvAsyncCommand(l->context, on_reply, NULL, format, arguments);
    va_end(arguments);
    if (sent != REDIS_OK) {
        free(w);
        return -1;
    }
    w->fn = fn;
    w->arg = arg;
    push(l, w);
    return 0;
}

void redis_link_patience(struct redis_link *l, unsigned answer_ms)
{
    l->answer_ms = answer_ms ? answer_ms : ANSWER_MS;
    if (l->state == UP && l->first) {
        arm(l, 0); /* looks at it, and at how long is left */
    }
}

void redis_link_refusal(const struct redis_link *l, const struct redisReply *reply,
                        struct fault *fault)
{
    redis_refusal(reply->str, fault);
    redis_url_place(&l->url, fault->file);
}
