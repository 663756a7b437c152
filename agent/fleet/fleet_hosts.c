#include "fleet_hosts.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../log.h"
#include "fleet_ear.h"

#define ASKERS 64
#define APART_MS 1000 /* two tellings, whatever happens */
#define SOON_MS 50    /* what changes together is told together */
#define LOOK_MS 250   /* for readers that hosts tell of */

/* One that asks: for the hosts, then for what each has told, then (readers) again and again until
   all have told of those. */
struct question {
    struct question *next;
    struct fleet_hosts *of; /* NULL: it is answered, and waits for answers to nobody */
    fleet_hosts_fn *fn;     /* NULL: nobody waits */
    void *arg;
    bool readers;
    int64_t until_ms; /* monotonic */
    int64_t now_ms;   /* by Redis's clock */
    json_t *hosts;
    unsigned due; /* answers */
    struct event *timer;
};

struct fleet_hosts {
    struct event_base *base;
    struct fleet_hosts_options options;
    char *id;
    char *prefix; /* "{PREFIX:ENVIRONMENT}:" */
    struct event *timer;
    int64_t told_ms; /* monotonic */
    int64_t due_ms;
    bool telling;
    bool refused;          /* logged */
    struct fleet_ear *ear; /* of what it tells */
    struct question *questions;
    unsigned count;
};

static const char script[] =
    "local t = redis.call('TIME')\n"
    "local ms = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))\n"
    "redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])\n"
    "redis.call('ZADD', KEYS[1], ms, ARGV[1])\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', ms - ARGV[3] * 1000))\n"
    "redis.call('EXPIRE', KEYS[1], ARGV[3])\n"
    "return redis.call('EXISTS', KEYS[3])\n";

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    event_add(timer, &wait);
}

static struct redis_link *link_of(const struct fleet_hosts *h)
{
    struct redis_link *link = h->options.link(h->options.arg);
    return link && redis_link_is_up(link) ? link : NULL;
}

/* malloc'ed; NULL: no memory. */
static char *key(const struct fleet_hosts *h, const char *name, const char *id)
{
    char *text;
    return asprintf(&text, "%s%s%s", h->prefix, name, id) < 0 ? NULL : text;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void next_at(struct fleet_hosts *h, int64_t ms)
{
    const int64_t least = h->told_ms + APART_MS - clock_ms();
    const int64_t wait = ms > least ? ms : least;
    h->due_ms = clock_ms() + wait;
    arm(h->timer, wait);
}

static void tell_readers(struct fleet_hosts *h)
{
    struct redis_link *link = link_of(h);
    json_t *readers = link ? h->options.readers(h->options.arg) : NULL;
    char *text = readers ? json_dumps(readers, JSON_COMPACT) : NULL;
    char *where = key(h, "readers:", h->id);
    if (text && where) {
        (void)redis_link_command(link, NULL, NULL, "SET %s %s EX 10", where, text);
    }
    free(text);
    free(where);
    json_decref(readers);
}

static void on_told(void *arg, const redisReply *reply, const struct fault *lost)
{
    struct fleet_hosts *h = fleet_ear_heard(arg);
    if (!h) {
        return;
    }
    h->telling = false;
    if (lost) {
        return;
    }
    if (reply->type == REDIS_REPLY_INTEGER) {
        h->refused = false;
        if (reply->integer > 0) {
            tell_readers(h);
        }
    } else if (reply->type == REDIS_REPLY_ERROR && !h->refused) {
        struct fault fault = {0};
        struct redis_link *link = link_of(h);
        h->refused = true;
        if (link) {
            redis_link_refusal(link, reply, &fault);
            log_fault(LOG_LEVEL_WARNING, "fleet-host-untold", &fault);
        }
    }
}

static void tell(struct fleet_hosts *h, struct redis_link *link)
{
    json_t *body = h->options.describe(h->options.arg);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    char *hosts = key(h, "hosts", "");
    char *host = key(h, "host:", h->id);
    char *asked = key(h, "asked", "");
    char kept[16];
    snprintf(kept, sizeof kept, "%d", FLEET_HOSTS_KEPT_S);
    const char *const argv[] = {"EVAL", script, "3", hosts, host, asked, h->id, text, kept};
    if (text && hosts && host && asked &&
        redis_link_send(link, on_told, h->ear, 9, argv, NULL) == 0) {
        h->ear->due++;
        h->telling = true;
    }
    free(text);
    free(hosts);
    free(host);
    free(asked);
    json_decref(body);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct fleet_hosts *h = arg;
    struct redis_link *link = link_of(h);
    (void)fd, (void)what;
    if (link && !h->telling) {
        h->told_ms = clock_ms();
        tell(h, link);
    }
    next_at(h, link ? FLEET_HOSTS_EVERY_MS : APART_MS);
}

void fleet_hosts_news(struct fleet_hosts *h)
{
    if (h->due_ms - clock_ms() > SOON_MS) {
        next_at(h, SOON_MS);
    }
}

/* ---- asking --------------------------------------------------------------------------------- */

static void unlink_question(struct question *q)
{
    struct question **at = &q->of->questions;
    while (*at && *at != q) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = q->next;
        q->of->count--;
    }
    q->of = NULL;
}

static void let_go(struct question *q)
{
    if (q->due == 0) {
        if (q->timer) {
            event_free(q->timer);
        }
        json_decref(q->hosts);
        free(q);
    }
}

/* The last of it; answers that are still due come to nobody. */
static void answer(struct question *q, const struct fault *fault)
{
    unlink_question(q);
    event_del(q->timer);
    if (q->fn) {
        q->fn(q->arg, fault ? NULL : q->hosts, fault);
    }
    let_go(q);
}

/* true: it is a good answer to somebody who waits. */
static bool heard(struct question *q, const redisReply *reply, const struct fault *lost)
{
    struct fault fault = {0};
    q->due--;
    if (!q->of) {
        let_go(q);
        return false;
    }
    if (!lost && reply->type != REDIS_REPLY_ERROR) {
        return true;
    }
    struct redis_link *link = lost ? NULL : link_of(q->of);
    if (lost) {
        fault = *lost;
    } else if (link) {
        redis_link_refusal(link, reply, &fault);
    } else {
        fault_set(&fault, "", "", "%.200s", reply->str);
    }
    answer(q, &fault);
    return false;
}

static void no_answer(struct question *q)
{
    struct fault fault = {0};
    fault_set(&fault, "", "try again", "Redis cannot be asked any more");
    answer(q, &fault);
}

/* MGET of one key for each host. */
static void get_of_each(struct question *q, const char *name, redis_reply_fn *fn)
{
    struct redis_link *link = link_of(q->of);
    const size_t count = json_array_size(q->hosts);
    char **words = calloc(count + 1, sizeof *words);
    bool all = link && words && (words[0] = strdup("MGET"));
    for (size_t i = 0; all && i < count; i++) {
        const json_t *id = json_object_get(json_array_get(q->hosts, i), "id");
        words[i + 1] = NULL;
        all = (words[i + 1] = key(q->of, name, json_string_value(id))) != NULL;
    }
    const bool sent =
        all && redis_link_send(link, fn, q, (int)count + 1, (const char *const *)words, NULL) == 0;
    for (size_t i = 0; words && i <= count; i++) {
        free(words[i]);
    }
    free((void *)words);
    if (sent) {
        q->due++;
    } else {
        no_answer(q);
    }
}

static json_t *parsed(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? json_loadb(reply->str, reply->len, 0, NULL) : NULL;
}

static void on_readers(void *arg, const redisReply *reply, const struct fault *lost)
{
    struct question *q = arg;
    bool all = true;
    if (!heard(q, reply, lost)) {
        return;
    }
    for (size_t i = 0; i < reply->elements && i < json_array_size(q->hosts); i++) {
        json_t *host = json_array_get(q->hosts, i);
        json_t *told = parsed(reply->element[i]);
        all = all && (told || json_is_true(json_object_get(host, "silent")));
        json_object_set_new(host, "readers", told ? told : json_null());
    }
    if (all || clock_ms() >= q->until_ms) {
        answer(q, NULL);
    } else {
        arm(q->timer, LOOK_MS);
    }
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct question *q = arg;
    (void)fd, (void)what;
    get_of_each(q, "readers:", on_readers);
}

static void on_described(void *arg, const redisReply *reply, const struct fault *lost)
{
    struct question *q = arg;
    if (!heard(q, reply, lost)) {
        return;
    }
    for (size_t i = 0; i < reply->elements && i < json_array_size(q->hosts); i++) {
        json_t *told = parsed(reply->element[i]);
        if (json_is_object(told)) {
            json_object_update_missing(json_array_get(q->hosts, i), told);
        }
        json_decref(told);
    }
    if (q->readers) {
        get_of_each(q, "readers:", on_readers);
    } else {
        answer(q, NULL);
    }
}

static void add_host(struct question *q, const redisReply *id, const redisReply *heard_at)
{
    const int64_t ago = q->now_ms - (heard_at->str ? strtoll(heard_at->str, NULL, 10) : 0);
    json_t *host = json_pack("{s:s%, s:I, s:b, s:b}", "id", id->str, id->len, "heardMs",
                             (json_int_t)(ago > 0 ? ago : 0), "silent", ago > FLEET_HOSTS_SILENT_MS,
                             "self", strcmp(id->str, q->of->id) == 0);
    if (host) {
        json_array_append_new(q->hosts, host);
    }
}

static void on_hosts(void *arg, const redisReply *reply, const struct fault *lost)
{
    struct question *q = arg;
    if (!heard(q, reply, lost)) {
        return;
    }
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        if (reply->element[i]->str) {
            add_host(q, reply->element[i], reply->element[i + 1]);
        }
    }
    if (json_array_size(q->hosts) == 0) {
        answer(q, NULL);
    } else {
        get_of_each(q, "host:", on_described);
    }
}

static void on_time(void *arg, const redisReply *reply, const struct fault *lost)
{
    struct question *q = arg;
    if (heard(q, reply, lost) && reply->elements == 2 && reply->element[0]->str &&
        reply->element[1]->str) {
        q->now_ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
                    strtoll(reply->element[1]->str, NULL, 10) / 1000;
    }
}

/* What has no answer of its own goes before. */
static int send_question(struct question *q, struct redis_link *link)
{
    char *hosts = key(q->of, "hosts", "");
    char *asked = key(q->of, "asked", "");
    int sent = -1;
    if (q->readers && asked) {
        (void)redis_link_command(link, NULL, NULL, "SET %s 1 EX 8", asked);
        tell_readers(q->of);
    }
    if (hosts && redis_link_command(link, on_time, q, "TIME") == 0) {
        q->due++;
        sent = redis_link_command(link, on_hosts, q, "ZREVRANGE %s 0 %d WITHSCORES", hosts,
                                  FLEET_HOSTS_MOST - 1);
        q->due += sent == 0;
    }
    free(hosts);
    free(asked);
    return sent;
}

int fleet_hosts_ask(struct fleet_hosts *h, bool readers, fleet_hosts_fn *fn, void *arg,
                    struct fault *fault)
{
    struct redis_link *link = link_of(h);
    struct question *q = link && h->count < ASKERS ? calloc(1, sizeof *q) : NULL;
    if (!q) {
        fault_set(fault, "", link ? "ask less often" : "ffctl status tells of the connection",
                  link ? "too many ask for the fleet's hosts" : "Redis cannot be asked");
        return -1;
    }
    *q = (struct question){.next = h->questions, .of = h, .readers = readers};
    q->until_ms = clock_ms() + FLEET_READERS_WAIT_MS;
    q->hosts = json_array();
    q->timer = evtimer_new(h->base, on_look, q);
    h->questions = q;
    h->count++;
    if (!q->hosts || !q->timer || send_question(q, link) != 0) {
        fault_set(fault, "", "try again", "Redis has too much to answer already");
        unlink_question(q);
        let_go(q);
        return -1;
    }
    q->fn = fn;
    q->arg = arg;
    return 0;
}

void fleet_hosts_forget(struct fleet_hosts *h, const void *arg)
{
    for (struct question *q = h->questions; q; q = q->next) {
        if (q->arg == arg) {
            q->fn = NULL;
        }
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

struct fleet_hosts *fleet_hosts_new(struct event_base *base,
                                    const struct fleet_hosts_options *options)
{
    struct fleet_hosts *h = calloc(1, sizeof *h);
    if (!h) {
        return NULL;
    }
    h->base = base;
    h->options = *options;
    h->id = strdup(options->id);
    if (asprintf(&h->prefix, "{%s:%s}:", options->prefix, options->environment) < 0) {
        h->prefix = NULL;
    }
    h->timer = evtimer_new(base, on_timer, h);
    h->ear = fleet_ear_new(h);
    if (!h->id || !h->prefix || !h->timer || !h->ear) {
        fleet_hosts_free(h);
        return NULL;
    }
    h->told_ms = clock_ms() - APART_MS;
    next_at(h, SOON_MS);
    return h;
}

void fleet_hosts_free(struct fleet_hosts *h)
{
    struct fault fault = {0};
    if (!h) {
        return;
    }
    fault_set(&fault, "", "", "the agent stops");
    for (struct question *q = h->questions, *next; q; q = next) {
        next = q->next;
        answer(q, &fault);
    }
    fleet_ear_close(h->ear);
    if (h->timer) {
        event_free(h->timer);
    }
    free(h->id);
    free(h->prefix);
    free(h);
}
