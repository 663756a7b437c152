/*
 * Connecting, and finding out where Redis is in the fleet's history:
 *
 *     Redis has                          this host
 *     ---------------------------------  -------------------------------------------------------
 *     no fleet, and we have one          brings its state back (others may be quicker)
 *     no fleet, and we have none         waits a while for such hosts, then begins one
 *     a fleet, and we have none          reads it
 *     our fleet, further on              reads the log from where it is; or all, where that is cut
 *     our fleet, further back            appends the records that are missing
 *     our fleet, as we have it           follows
 *     our fleet, with other records      reads it; records of our own go there again
 *     another fleet                      changes nothing, and says so
 */
#include "fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../log.h"
#include "fleet_state.h"

#define CONNECT_MS 700
#define ANSWER_MS 1500 /* of commands; a slow Redis has its answers late, not never */
#define READ_MS 2500   /* the same of the log, which is asked to wait for 1000 */
#define LEAVE_MS 200   /* a server that cannot be written; doubles */
#define LEAVE_MOST_MS 5000
#define AGAIN_MOST_MS 1000 /* after several */
#define AGAIN_MS 200       /* until the next look after one that failed */
#define WAITING_MOST 65536 /* commands without an answer: a whole state is many */

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t fleet_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t fleet_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

static void arm(struct event *timer, int64_t ms)
{
    const struct timeval wait = {(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
    (void)event_add(timer, &wait);
}

/* ---- trouble -------------------------------------------------------------------------------- */

void fleet_set_trouble(struct fleet *f, const struct fault *fault)
{
    const bool same = f->troubled && strcmp(f->trouble.cause, fault->cause) == 0;
    f->trouble = *fault;
    f->troubled = true;
    if (!same) {
        log_fault(LOG_LEVEL_WARNING, "fleet-trouble", fault);
    }
}

void fleet_clear_trouble(struct fleet *f)
{
    f->troubled = false;
}

/* ---- answers -------------------------------------------------------------------------------- */

/* Not from within an answer of it; and not again and again. */
static void leave_server(struct fleet *f)
{
    if (!evtimer_pending(f->soon, NULL)) {
        f->leave_ms = f->leave_ms == 0 ? LEAVE_MS : f->leave_ms * 2;
        f->leave_ms = f->leave_ms > LEAVE_MOST_MS ? LEAVE_MOST_MS : f->leave_ms;
        arm(f->soon, f->leave_ms + f->patience_ms);
    }
}

bool fleet_refused(struct fleet *f, const redisReply *reply, const struct fault *lost,
                   struct fault *fault)
{
    if (!reply) {
        *fault = *lost;
        return true;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        return false;
    }
    redis_link_refusal(f->link, reply, fault);
    if (strstr(reply->str, "READONLY")) {
        leave_server(f); /* the address may be another one's by now */
    }
    return true;
}

static bool text_of(const redisReply *reply, char to[FLEET_CHAIN])
{
    if (reply->type != REDIS_REPLY_STRING || reply->len != FLEET_CHAIN - 1) {
        return false;
    }
    memcpy(to, reply->str, FLEET_CHAIN - 1);
    to[FLEET_CHAIN - 1] = '\0';
    return true;
}

/* epoch, seq, chain. 0, with epoch "" when there is no fleet; or -1: they are not of ours. */
static int read_head(const redisReply *reply, struct fleet_position *head)
{
    *head = (struct fleet_position){.sequence = 0};
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        return -1;
    }
    if (reply->element[0]->type == REDIS_REPLY_NIL) {
        return 0;
    }
    return text_of(reply->element[0], head->epoch) && text_of(reply->element[2], head->chain) &&
                   reply->element[1]->type == REDIS_REPLY_STRING &&
                   fleet_sequence(reply->element[1]->str, reply->element[1]->len,
                                  &head->sequence) == 0
               ? 0
               : -1;
}

/* ---- stages --------------------------------------------------------------------------------- */

void fleet_came(struct fleet *f)
{
    if (f->owner.applied) {
        f->owner.applied(f->owner.arg);
    }
}

void fleet_follow(struct fleet *f)
{
    f->stage = FLEET_FOLLOWING;
    if (f->failures == 0 && f->leave_ms == 0) {
        fleet_clear_trouble(f);
    }
    f->alarmed = false;
    f->empty_since = 0;
    if (!f->was_following) {
        LOG_EVENT(LOG_LEVEL_INFO, "fleet-joined", log_text("epoch", f->replica.at.epoch),
                  log_number("sequence", f->replica.at.sequence));
    } else if (f->away_since) {
        LOG_EVENT(LOG_LEVEL_INFO, "fleet-rejoined", log_number("sequence", f->replica.at.sequence),
                  log_number("away_ms", fleet_now_ms() - f->away_since));
    }
    if (f->was_following && f->away_since) {
        f->turns_from = fleet_now_ms() + FLEET_GRACE_MS;
    }
    f->was_following = true;
    f->away_since = 0;
    fleet_log_follow(f);
    fleet_turns_look(f);
    fleet_lease_tick(f);
    if (f->stage == FLEET_FOLLOWING && f->owner.following) {
        f->owner.following(f->owner.arg);
    }
    fleet_again(f);
}

void fleet_failed(struct fleet *f, const struct fault *fault)
{
    fleet_set_trouble(f, fault);
    fleet_read_stop(f);
    fleet_bring_stop(f);
    if (f->stage != FLEET_AWAY) {
        const int64_t wait = (int64_t)AGAIN_MS << (f->failures < 3 ? f->failures : 3);
        f->failures++;
        f->stage = FLEET_LOOKING;
        arm(f->tick, wait < AGAIN_MOST_MS ? wait : AGAIN_MOST_MS);
    }
}

static void begin_history(struct fleet *f)
{
    struct fleet_position at = {.sequence = 0};
    fleet_random(at.epoch);
    fleet_random(at.chain);
    f->stage = FLEET_BRINGING;
    fleet_bring_begin(f, NULL, &at);
}

/* Redis has no fleet. */
static void on_empty(struct fleet *f)
{
    if (f->replica.at.epoch[0] && !f->alarmed) {
        f->alarmed = true;
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet-emptied", log_number("sequence", f->replica.at.sequence),
                  log_text("cause", "Redis has nothing of this fleet any more"),
                  log_text("effect", "this host serves what it has, and brings it back"));
    }
    const int64_t now = fleet_now_ms();
    f->empty_since = f->empty_since ? f->empty_since : now;
    const bool ours = f->replica.at.epoch[0] != '\0';
    if (now - f->empty_since < (ours ? f->patience_ms : FLEET_FOUND_MS)) {
        f->stage = FLEET_LOOKING;
        arm(f->tick, AGAIN_MS);
    } else if (ours) {
        f->stage = FLEET_BRINGING;
        fleet_bring_begin(f, NULL, &f->replica.at);
    } else {
        begin_history(f);
    }
}

static void on_foreign(struct fleet *f, const struct fleet_position *theirs)
{
    struct fault fault = {0};
    fault_set(&fault, "storage",
              "give the agent the Redis, the prefix and the environment of its fleet; or, to join "
              "the other fleet, stop the agent and move its replica away",
              "Redis has another fleet (epoch %.8s...) than this host (epoch %.8s...)",
              theirs->epoch, f->replica.at.epoch);
    if (!f->alarmed) {
        f->alarmed = true;
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet-foreign", log_text("theirs", theirs->epoch),
                  log_text("ours", f->replica.at.epoch),
                  log_text("effect", "this host serves what it has, and takes no changes"));
    }
    fleet_set_trouble(f, &fault);
    f->stage = FLEET_FOREIGN;
}

static void read_all(struct fleet *f, const struct fleet_position *theirs)
{
    f->stage = FLEET_READING;
    fleet_read_begin(f, theirs);
}

/* Two fleets. One that was begun, and never anything more, gives way; of two such the lesser epoch
   stays. */
static void on_other_epoch(struct fleet *f, const struct fleet_position *theirs)
{
    const struct fleet_position *ours = &f->replica.at;
    if (ours->sequence == 0 && (theirs->sequence > 0 || strcmp(theirs->epoch, ours->epoch) < 0)) {
        read_all(f, theirs);
    } else if (theirs->sequence == 0) {
        f->stage = FLEET_BRINGING;
        fleet_bring_begin(f, theirs, ours);
    } else {
        on_foreign(f, theirs);
    }
}

/* Do we have nothing, or other records than they? Never of another fleet. */
static bool is_to_be_read(const struct fleet *f, const struct fleet_position *theirs)
{
    const struct fleet_position *ours = &f->replica.at;
    const bool other =
        theirs->sequence == ours->sequence && strcmp(theirs->chain, ours->chain) != 0;
    return !ours->epoch[0] || (strcmp(theirs->epoch, ours->epoch) == 0 && (f->rereads || other));
}

static void on_head(struct fleet *f, const struct fleet_position *theirs)
{
    f->known = theirs->sequence;
    if (!theirs->epoch[0]) {
        on_empty(f);
        return;
    }
    f->empty_since = 0;
    if (is_to_be_read(f, theirs)) {
        read_all(f, theirs);
    } else if (strcmp(theirs->epoch, f->replica.at.epoch) != 0) {
        on_other_epoch(f, theirs);
    } else if (theirs->sequence < f->looked_from) {
        f->stage = FLEET_PUSHING;
        fleet_push(f, theirs);
    } else if (f->stage == FLEET_FOLLOWING) {
        fleet_log_follow(f);
    } else {
        fleet_follow(f);
    }
}

static void on_looked(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fleet_position theirs;
    struct fault fault = {0};
    f->looking = false;
    if (f->stage != FLEET_LOOKING && f->stage != FLEET_FOLLOWING && f->stage != FLEET_FOREIGN) {
        return;
    }
    if (fleet_refused(f, reply, lost, &fault)) {
        fleet_failed(f, &fault);
    } else if (read_head(reply, &theirs) != 0) {
        fault_set(&fault, "", "give the fleet another prefix, or a newer ffagent",
                  "%s is not the head of a fleet", f->keys.head);
        fleet_failed(f, &fault);
    } else {
        on_head(f, &theirs);
    }
}

void fleet_look(struct fleet *f)
{
    const char *const words[] = {"HMGET", f->keys.head, "epoch", "seq", "chain"};
    if (!f->looking && f->stage != FLEET_AWAY &&
        redis_link_send(f->link, on_looked, f, 5, words, NULL) == 0) {
        f->looking = true;
        f->looked_from = f->replica.at.sequence;
    }
}

/* ---- the links ------------------------------------------------------------------------------ */

static void on_away(void *arg, const struct fault *fault)
{
    struct fleet *f = arg;
    if (f->stage != FLEET_AWAY) {
        f->away_since = fleet_now_ms();
    }
    f->stage = FLEET_AWAY;
    f->leads = false;
    fleet_set_trouble(f, fault);
    fleet_read_stop(f);
    fleet_bring_stop(f);
    fleet_turns_look(f);
}

static void on_up(void *arg)
{
    struct fleet *f = arg;
    if (f->stage == FLEET_AWAY && f->link && f->reader && redis_link_is_up(f->link) &&
        redis_link_is_up(f->reader)) {
        f->stage = FLEET_LOOKING;
        f->looking = false;
        fleet_look(f);
    }
}

static struct redis_link *connect_link(struct fleet *f, const char *what, unsigned answer_ms,
                                       struct fault *fault)
{
    char name[128];
    snprintf(name, sizeof name, "ffshm:%s:%.80s", what, f->host);
    const struct redis_link_options options = {
        .url = &f->url,
        .name = name,
        .connect_ms = CONNECT_MS,
        .answer_ms = answer_ms,
        .waiting_most = WAITING_MOST,
        .ca_file = f->ca_file,
    };
    const struct redis_link_owner owner = {on_up, on_away, f};
    return redis_link_new(f->base, &options, &owner, fault);
}

static int connect_links(struct fleet *f, struct fault *fault)
{
    f->link = connect_link(f, "fleet", ANSWER_MS, fault);
    f->reader = f->link ? connect_link(f, "log", READ_MS, fault) : NULL;
    if (!f->reader) {
        redis_link_free(f->link);
        f->link = NULL;
        return -1;
    }
    return 0;
}

static void free_links(struct fleet *f)
{
    redis_link_free(f->reader);
    redis_link_free(f->link);
    f->reader = NULL;
    f->link = NULL;
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    struct fleet *f = arg;
    (void)fd, (void)what;
    struct fault fault = {0};
    on_away(f, &f->trouble);
    free_links(f);
    if (connect_links(f, &fault) != 0) {
        fleet_set_trouble(f, &fault);
        arm(f->soon, FLEET_TICK_MS);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct fleet *f = arg;
    (void)fd, (void)what;
    arm(f->tick, FLEET_TICK_MS);
    if (f->stage == FLEET_FOLLOWING && f->replica.at.sequence >= f->known && !f->leave_ms) {
        f->failures = 0; /* it has gone well for a while */
        fleet_clear_trouble(f);
    }
    if (f->stage == FLEET_LOOKING || f->stage == FLEET_FOLLOWING || f->stage == FLEET_FOREIGN) {
        fleet_look(f);
    }
    fleet_lease_tick(f);
    fleet_turns_look(f);
}

/* ---- what others ask ------------------------------------------------------------------------ */

const struct turns *fleet_turns(const struct fleet *f)
{
    return &f->turns;
}

bool fleet_known(const struct fleet *f)
{
    return f->replica.at.epoch[0] != '\0';
}

bool fleet_may_change(const struct fleet *f)
{
    return f->stage == FLEET_FOLLOWING && f->replica.at.sequence >= f->known &&
           fleet_now_ms() >= f->turns_from;
}

bool fleet_follows(const struct fleet *f)
{
    return f->stage == FLEET_FOLLOWING;
}

const struct fault *fleet_trouble(const struct fleet *f)
{
    return f->stage == FLEET_FOLLOWING ? NULL : &f->trouble;
}

bool fleet_leads(const struct fleet *f)
{
    return f->leads && fleet_now_ms() < f->lease_ms && fleet_may_change(f);
}

struct redis_link *fleet_link(const struct fleet *f)
{
    return f->link;
}

json_t *fleet_json(const struct fleet *f)
{
    static const char *const stages[] = {
        [FLEET_AWAY] = "disconnected", [FLEET_LOOKING] = "connecting",
        [FLEET_READING] = "reading",   [FLEET_BRINGING] = "restoring",
        [FLEET_PUSHING] = "restoring", [FLEET_FOLLOWING] = "connected",
        [FLEET_FOREIGN] = "foreign",
    };
    char place[REDIS_PLACE];
    char text[600];
    const bool lags = f->stage == FLEET_FOLLOWING && f->replica.at.sequence < f->known;
    fault_text(&f->trouble, text, sizeof text);
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:b, s:I, s:I, s:I, s:I}", "state",
                  lags ? "catching-up" : stages[f->stage], "redis", redis_url_place(&f->url, place),
                  "epoch", f->replica.at.epoch, "sequence", (json_int_t)f->replica.at.sequence,
                  "chain", f->replica.at.chain, "leads", fleet_leads(f), "applied",
                  (json_int_t)f->applied, "overtaken", (json_int_t)f->overtaken, "restored",
                  (json_int_t)f->restored, "replaced", (json_int_t)f->replaced);
    if (body && f->known != FLEET_UNKNOWN) {
        json_object_set_new(body, "known", json_integer(f->known));
    }
    if (body && (f->stage != FLEET_FOLLOWING || f->troubled)) {
        json_object_set_new(body, "trouble", json_string(f->troubled ? text : ""));
        json_object_set_new(body, "awayMs",
                            json_integer(f->away_since ? fleet_now_ms() - f->away_since : 0));
    }
    return body;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int make(struct fleet *f, const struct fleet_options *o, struct fault *fault)
{
    fault_set(fault, "storage", "give the agent more memory", "out of memory");
    fleet_random(f->id);
    f->ca_file = o->ca_file ? strdup(o->ca_file) : NULL;
    f->tick = evtimer_new(f->base, on_tick, f);
    f->soon = evtimer_new(f->base, on_soon, f);
    if ((o->ca_file && !f->ca_file) || !f->tick || !f->soon ||
        redis_url_copy(o->url, &f->url) != 0 || fleet_turns_init(f) != 0 ||
        fleet_keys_make(&f->keys, o->prefix, o->environment, f->id) != 0 ||
        fleet_replica_load(&f->replica, o->replica, fault) != 0 ||
        storage_agree(o->replica, &f->agreement, fault) != 0) {
        return -1;
    }
    if (asprintf(&f->host, "%.200s/%.8s", o->host, f->replica.node) < 0) {
        f->host = NULL;
        return -1;
    }
    fleet_again_init(f);
    f->patience_ms = strtol((char[]){f->id[0], f->id[1], '\0'}, NULL, 16) * 2;
    fault_set(&f->trouble, "", "", "not connected to Redis yet");
    f->troubled = true;
    f->away_since = fleet_now_ms();
    return 0;
}

struct fleet *fleet_new(struct event_base *base, const struct fleet_options *options,
                        const struct fleet_owner *owner, struct fault *fault)
{
    struct fleet *f = calloc(1, sizeof *f);
    if (!f) {
        fault_set(fault, "storage", "give the agent more memory", "out of memory");
        return NULL;
    }
    f->base = base;
    f->owner = *owner;
    if (make(f, options, fault) != 0) {
        fleet_free(f);
        return NULL;
    }
    return f;
}

int fleet_start(struct fleet *f, struct fault *fault)
{
    if (connect_links(f, fault) != 0) {
        return -1;
    }
    arm(f->tick, FLEET_TICK_MS);
    return 0;
}

void fleet_free(struct fleet *f)
{
    if (!f) {
        return;
    }
    f->owner = (struct fleet_owner){.arg = NULL};
    free_links(f);
    fleet_read_stop(f);
    fleet_bring_stop(f);
    fleet_turns_free(f);
    fleet_keys_free(&f->keys);
    if (f->tick) {
        event_free(f->tick);
    }
    if (f->soon) {
        event_free(f->soon);
    }
    redis_url_free(&f->url);
    free(f->ca_file);
    free(f->host);
    free(f);
}
