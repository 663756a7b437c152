#include "fleet_sums.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fleet_ear.h"

#define NAME_MOST 1024 /* bytes: a variation and a flag's key are less */
#define ASKERS 64
#define SETTLED 2      /* minutes after which what a minute has is taken for all */
#define MINUTES_MOST 5 /* that are read at once: nobody asked for so long */

struct asker {
    fleet_sums_fn *fn;
    void *arg;
};

struct fleet_sums {
    struct fleet_totals_options of;
    char *prefix, *environment;
    struct fleet_cells settled; /* of the minutes before `next` */
    struct fleet_cells now;     /* of all; while an answer is made */
    int64_t since;              /* the first minute; 0: nobody asks */
    int64_t next;
    int64_t reading, last; /* the minute whose answer is due, and the last one */
    bool busy;
    struct fault fault; /* of one of them; cause "": none */
    struct asker askers[ASKERS];
    size_t count;
    struct event *idle;
    struct fleet_ear *ear;
};

static void forget_all(struct fleet_sums *s)
{
    fleet_cells_free(&s->settled);
    fleet_cells_free(&s->now);
    s->since = 0;
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    struct fleet_sums *s = arg;
    (void)fd, (void)what;
    if (!s->busy) {
        forget_all(s);
    }
}

struct fleet_sums *fleet_sums_new(struct event_base *base, const struct fleet_totals_options *of)
{
    struct fleet_sums *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->of = *of;
    s->prefix = strdup(of->prefix);
    s->environment = strdup(of->environment);
    s->idle = evtimer_new(base, on_idle, s);
    s->ear = fleet_ear_new(s);
    if (!s->prefix || !s->environment || !s->idle || !s->ear) {
        fleet_sums_free(s);
        return NULL;
    }
    return s;
}

/* ---- reading -------------------------------------------------------------------------------- */

static void tell(struct fleet_sums *s)
{
    struct asker askers[ASKERS];
    const size_t count = s->count;
    const bool good = !s->fault.cause[0];
    memcpy(askers, s->askers, sizeof askers);
    s->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (askers[i].fn) {
            askers[i].fn(askers[i].arg, good ? &s->now : NULL, s->since * 60000,
                         good ? NULL : &s->fault);
        }
    }
}

/* What others may have written there is passed over. */
static bool is_cell(const redisReply *name, const redisReply *count)
{
    return name->str && count->str && name->len <= NAME_MOST && !memchr(name->str, 0, name->len) &&
           count->len > 0 && count->len < 20 && strspn(count->str, "0123456789") == count->len;
}

static bool add_reply(struct fleet_cells *cells, const redisReply *reply)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *name = reply->element[i];
        const redisReply *count = reply->element[i + 1];
        if (is_cell(name, count) &&
            !fleet_cells_add(cells, name->str, name->len, strtoull(count->str, NULL, 10))) {
            return false;
        }
    }
    return true;
}

static void take(struct fleet_sums *s, const redisReply *reply)
{
    const bool settles = s->reading <= s->last - SETTLED;
    if (reply->type == REDIS_REPLY_ERROR) {
        struct redis_link *link = s->of.link(s->of.arg);
        fault_set(&s->fault, "", "", "%s", reply->str);
        if (link) {
            redis_link_refusal(link, reply, &s->fault);
        }
        return;
    }
    if (!add_reply(&s->now, reply) || (settles && !add_reply(&s->settled, reply))) {
        fault_set(&s->fault, "", "", "out of memory, or too many flags");
    } else if (settles) {
        s->next = s->reading + 1;
    }
}

static void on_minute(void *arg, const redisReply *reply, const struct fault *lost)
{
    struct fleet_sums *s = fleet_ear_heard(arg);
    if (!s) {
        return;
    }
    if (lost) {
        s->fault = *lost;
    } else if (!s->fault.cause[0]) {
        take(s, reply);
    }
    if (s->reading++ == s->last) {
        s->busy = false;
        if (s->fault.cause[0]) {
            forget_all(s); /* a minute may be in it in part */
        }
        tell(s);
        fleet_cells_free(&s->now);
    }
}

static bool copy_settled(struct fleet_sums *s)
{
    size_t at = 0;
    const struct fleet_cell *cell;
    fleet_cells_free(&s->now);
    while ((cell = fleet_cells_next(&s->settled, &at))) {
        if (!fleet_cells_add(&s->now, cell->name, strlen(cell->name), cell->count)) {
            return false;
        }
    }
    return true;
}

static int read_minutes(struct fleet_sums *s, struct redis_link *link)
{
    const int64_t minute = (int64_t)time(NULL) / 60;
    if (s->since == 0 || s->next > minute || minute - s->next >= MINUTES_MOST) {
        forget_all(s);
        s->since = minute;
        s->next = minute;
    }
    s->fault.cause[0] = '\0';
    s->reading = s->next;
    s->last = s->next - 1;
    for (int64_t m = s->next; m <= minute && copy_settled(s); m++) {
        char *key = fleet_totals_key(s->prefix, s->environment, m);
        const char *const argv[] = {"HGETALL", key};
        const int sent = key ? redis_link_send(link, on_minute, s->ear, 2, argv, NULL) : -1;
        free(key);
        if (sent != 0) {
            break;
        }
        s->ear->due++;
        s->last = m;
    }
    s->busy = s->last >= s->next;
    return s->busy ? 0 : -1;
}

int fleet_sums_ask(struct fleet_sums *s, fleet_sums_fn *fn, void *arg, struct fault *fault)
{
    const struct timeval idle = {FLEET_SUMS_IDLE_S, 0};
    struct redis_link *link = s->of.link(s->of.arg);
    if (!link || !redis_link_is_up(link)) {
        fault_set(fault, "", "ffctl status tells of the connection", "Redis cannot be asked");
        return -1;
    }
    event_add(s->idle, &idle);
    if (s->count == ASKERS) {
        fault_set(fault, "", "ask less often", "too many ask for the fleet's totals");
        return -1;
    }
    if (!s->busy && read_minutes(s, link) != 0) {
        fault_set(fault, "", "try again", "Redis has too much to answer already");
        return -1;
    }
    s->askers[s->count++] = (struct asker){fn, arg};
    return 0;
}

void fleet_sums_forget(struct fleet_sums *s, const void *arg)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->askers[i].arg == arg) {
            s->askers[i].fn = NULL;
        }
    }
}

void fleet_sums_free(struct fleet_sums *s)
{
    if (!s) {
        return;
    }
    fault_set(&s->fault, "", "", "the agent stops");
    tell(s);
    fleet_ear_close(s->ear);
    if (s->idle) {
        event_free(s->idle);
    }
    forget_all(s);
    free(s->prefix);
    free(s->environment);
    free(s);
}
