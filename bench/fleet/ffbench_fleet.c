/*
 * ffbench_fleet.c - what a Redis has to do with the agents of a large fleet, without the agents.
 *
 *     ffbench_fleet ADDRESS PORT KEYS AGENTS SECONDS
 *
 * Does what AGENTS agents (default 1000) do: each has two connections; on one it waits for what
 * comes in the fleet's log (XREAD BLOCK) and reads on behind it, on the other it asks for the lease
 * every second and says every five that its host is there. KEYS is what the fleet's keys begin
 * with,
 * "{PREFIX:ENVIRONMENT}:". Prints "ready" once all wait, and a line of JSON at the end.
 *
 * A record with "sent_ns=TIME" in it, CLOCK_MONOTONIC, tells how long it was on its way. What is
 * done here is one process's work: with a thousand agents, the last of them learn of a change when
 * that has been through all the others. bench/fleet_load.py asks Redis itself what it did.
 */
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define AGENTS_MOST 10000u
#define TIMES_MOST 20000000u
#define LEASE_S 1
#define HEARTBEAT_S 5
#define MARK "sent_ns="

/* As agents have it (agent/fleet/fleet_keys.c). */
static const char lease_script[] = "local holder = redis.call('GET', KEYS[1])\n"
                                   "if holder and holder ~= ARGV[1] then return 0 end\n"
                                   "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                   "return 1\n";

struct load;

struct simulated {
    struct load *load;
    unsigned number;
    redisAsyncContext *commands;
    redisAsyncContext *reader;
    char last[32]; /* id of the newest record that it has */
    struct event *lease;
    struct event *heartbeat;
};

struct load {
    struct event_base *base;
    const char *address;
    int port;
    const char *keys;
    unsigned agents;
    unsigned connected;
    struct simulated *all;
    uint64_t records, bytes, reads, failures;
    float *delays_ms;
    size_t delay_count;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void failed(struct load *l, const char *what, const redisAsyncContext *c)
{
    if (l->failures++ < 5) {
        fprintf(stderr, "%s: %s\n", what, c->errstr);
    }
}

/* ---- the log -------------------------------------------------------------------------------- */

static void time_record(struct load *l, const redisReply *value)
{
    const char *mark = memmem(value->str, value->len, MARK, sizeof MARK - 1);
    l->bytes += value->len;
    if (mark && l->delay_count < TIMES_MOST) {
        const int64_t sent = strtoll(mark + sizeof MARK - 1, NULL, 10);
        l->delays_ms[l->delay_count++] = (float)(now_ns() - sent) / 1e6f;
    }
}

static void take(struct simulated *s, const redisReply *entry)
{
    const redisReply *fields = entry->element[1];
    snprintf(s->last, sizeof s->last, "%s", entry->element[0]->str);
    s->load->records++;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, "r") == 0) {
            time_record(s->load, fields->element[i + 1]);
        }
    }
}

static void read_on(struct simulated *s);

static void on_read(redisAsyncContext *c, void *answer, void *arg)
{
    struct simulated *s = arg;
    const redisReply *reply = answer;
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        failed(s->load, reply ? reply->str : "XREAD", c);
        return;
    }
    s->load->reads++;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1) {
        const redisReply *list = reply->element[0]->element[1];
        for (size_t i = 0; i < list->elements; i++) {
            take(s, list->element[i]);
        }
    }
    read_on(s);
}

static void read_on(struct simulated *s)
{
    redisAsyncCommand(s->reader, on_read, s, "XREAD COUNT 100 BLOCK 1000 STREAMS %slog %s",
                      s->load->keys, s->last);
}

/* ---- the rest ------------------------------------------------------------------------------- */

static void on_answer(redisAsyncContext *c, void *answer, void *arg)
{
    struct load *l = arg;
    const redisReply *reply = answer;
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        failed(l, reply ? reply->str : "a command", c);
    }
}

static void ask_for_lease(evutil_socket_t fd, short what, void *arg)
{
    struct simulated *s = arg;
    (void)fd, (void)what;
    redisAsyncCommand(s->commands, on_answer, s->load, "EVAL %s 1 %slease simulated-%u 3000",
                      lease_script, s->load->keys, s->number);
}

static void say_hello(evutil_socket_t fd, short what, void *arg)
{
    struct simulated *s = arg;
    (void)fd, (void)what;
    redisAsyncCommand(s->commands, on_answer, s->load,
                      "HSET %shost:simulated-%u generation %u digest %032x source VALID time %lld",
                      s->load->keys, s->number, s->number, s->number, (long long)time(NULL));
    redisAsyncCommand(s->commands, on_answer, s->load, "EXPIRE %shost:simulated-%u 60",
                      s->load->keys, s->number);
}

static struct event *repeat(struct simulated *s, event_callback_fn fn, int every_s)
{
    const struct timeval every = {every_s, 0};
    struct event *event = event_new(s->load->base, -1, EV_PERSIST, fn, s);
    if (!event || event_add(event, &every) != 0) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return event;
}

/* Where the log ends at present: what is before that comes with the whole state. */
static void on_position(redisAsyncContext *c, void *answer, void *arg)
{
    struct simulated *s = arg;
    const redisReply *reply = answer;
    if (!reply || reply->type != REDIS_REPLY_STRING) {
        failed(s->load, "there is no fleet", c);
        return;
    }
    snprintf(s->last, sizeof s->last, "%.24s-0", reply->str);
    read_on(s);
    s->lease = repeat(s, ask_for_lease, LEASE_S);
    s->heartbeat = repeat(s, say_hello, HEARTBEAT_S);
    if (++s->load->connected == s->load->agents) {
        puts("ready");
        fflush(stdout);
    }
}

static void on_connect(const redisAsyncContext *c, int status)
{
    if (status != REDIS_OK) {
        failed(c->data, "no connection", c);
    }
}

static redisAsyncContext *connect_to(struct load *l)
{
    redisAsyncContext *c = redisAsyncConnect(l->address, l->port);
    if (!c || c->err || redisLibeventAttach(c, l->base) != REDIS_OK) {
        fprintf(stderr, "%s:%d: %s\n", l->address, l->port, c ? c->errstr : "no memory");
        exit(1);
    }
    c->data = l;
    redisAsyncSetConnectCallback(c, on_connect);
    return c;
}

/* Some at a time: a server's queue of connections has an end. */
static void start_some(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval soon = {0, 10000};
    static unsigned started;
    struct load *l = arg;
    (void)fd, (void)what;
    for (unsigned i = 0; i < 25 && started < l->agents; i++, started++) {
        struct simulated *s = &l->all[started];
        *s = (struct simulated){.load = l, .number = started};
        s->commands = connect_to(l);
        s->reader = connect_to(l);
        redisAsyncCommand(s->commands, on_position, s, "HGET %shead seq", l->keys);
    }
    if (started < l->agents) {
        event_base_once(l->base, -1, EV_TIMEOUT, start_some, l, &soon);
    }
}

static int by_size(const void *a, const void *b)
{
    const float left = *(const float *)a;
    const float right = *(const float *)b;
    return left < right ? -1 : left > right;
}

static double at(const struct load *l, double share)
{
    return l->delay_count ? (double)l->delays_ms[(size_t)((double)(l->delay_count - 1) * share)]
                          : 0;
}

static void report(struct load *l)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    qsort(l->delays_ms, l->delay_count, sizeof *l->delays_ms, by_size);
    printf("{\"agents\":%u,\"connected\":%u,\"records\":%" PRIu64 ",\"record_bytes\":%" PRIu64
           ",\"reads\":%" PRIu64 ",\"failures\":%" PRIu64
           ",\"delay_ms\":{\"median\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"max\":%.2f},"
           "\"own_cpu_s\":%.2f}\n",
           l->agents, l->connected, l->records, l->bytes, l->reads, l->failures, at(l, 0.5),
           at(l, 0.9), at(l, 0.99), at(l, 1),
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

int main(int argc, char **argv)
{
    struct load l = {.agents = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1000};
    const struct timeval duration = {argc > 5 ? strtol(argv[5], NULL, 10) : 30, 0};
    struct rlimit files;
    if (argc < 4 || l.agents == 0 || l.agents > AGENTS_MOST) {
        fprintf(stderr, "usage: ffbench_fleet ADDRESS PORT KEYS [AGENTS [SECONDS]]\n");
        return 2;
    }
    l.address = argv[1];
    l.port = (int)strtol(argv[2], NULL, 10);
    l.keys = argv[3];
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    l.base = event_base_new();
    l.all = calloc(l.agents, sizeof *l.all);
    l.delays_ms = malloc(TIMES_MOST * sizeof *l.delays_ms);
    if (!l.base || !l.all || !l.delays_ms) {
        fprintf(stderr, "no memory\n");
        return 1;
    }
    start_some(-1, 0, &l);
    event_base_loopexit(l.base, &duration);
    event_base_dispatch(l.base);
    report(&l);
    return l.failures == 0 && l.connected == l.agents ? 0 : 1;
}
