/* One change at a time: who has a turn proposes a record, and hears what the fleet says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../log.h"
#include "fleet_state.h"

#define LOSSES_MOST 2 /* of answers to a proposal; then nobody knows */

/* ---- ending one ----------------------------------------------------------------------------- */

static void forget_proposal(struct fleet *f)
{
    fleet_record_free(&f->proposal.record);
    f->proposal = (struct fleet_proposal){.sent = false};
}

static void over(struct fleet *f, enum turn_outcome outcome, const struct fault *fault)
{
    struct turn *t = f->current;
    f->current = NULL;
    forget_proposal(f);
    if (event_add(f->grant, &(struct timeval){0, 0}) != 0) {
        LOG_EVENT(LOG_LEVEL_ERROR, "fleet-turn-failed", log_text("cause", "out of memory"));
    }
    if (t && t->state != TURN_NOWHERE) {
        t->state = TURN_NOWHERE;
        t->overtaken = outcome == TURN_OVERTAKEN;
        t->over(t, outcome, fault);
    }
}

static void over_unknown(struct fleet *f)
{
    struct fault fault = {0};
    fault_set(&fault, "", "look whether it is there before you repeat it",
              "Redis has not answered (%.200s): the change may come into force, or not",
              f->troubled ? f->trouble.cause : "it is slow");
    over(f, TURN_UNKNOWN, &fault);
}

static void overtaken(struct fleet *f)
{
    f->overtaken++;
    over(f, TURN_OVERTAKEN, NULL);
}

/* ---- the fleet's answer --------------------------------------------------------------------- */

/* Ours, before the log has brought it; with what follows it, it comes again and is passed over. */
static void accepted(struct fleet *f)
{
    struct fleet_proposal *p = &f->proposal;
    const struct fleet_entry entry = {p->base.sequence + 1, p->record.bytes, p->record.length,
                                      p->chain};
    struct fault fault = {0};
    if (f->replica.at.sequence >= entry.sequence) {
        return; /* the log was quicker, and fleet_turns_came ended the turn, or does */
    }
    switch (
        fleet_replica_apply(&f->replica, &entry, 1, true, f->owner.changed, f->owner.arg, &fault)) {
    case FLEET_APPLIED:
        f->applied++;
        fleet_came(f);
        over(f, TURN_DONE, NULL);
        break;
    default:
        log_fault(LOG_LEVEL_ERROR, "fleet-not-kept", &fault);
        over(f, TURN_UNKNOWN, &fault);
        fleet_failed(f, &fault);
    }
}

static bool is_word(const redisReply *reply, const char *word)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           strcmp(reply->element[0]->str, word) == 0;
}

static void on_committed(void *arg, const struct redisReply *reply, const struct fault *lost)
{
    struct fleet *f = arg;
    struct fault fault = {0};
    if (++f->answered != f->proposal.number || !f->proposal.sent) {
        return; /* that one is over already: the log was quicker */
    }
    if (!reply) {
        f->proposal.lost = true; /* the log will tell, once there is one again */
        f->proposal.losses++;
    } else if (fleet_refused(f, reply, lost, &fault)) {
        over(f, TURN_FAILED, &fault);
    } else if (is_word(reply, "ok")) {
        accepted(f);
    } else if (is_word(reply, "wait") && reply->elements == 2) {
        f->turns_from = fleet_now_ms() + strtol(reply->element[1]->str, NULL, 10) + 1;
        over(f, TURN_OVERTAKEN, NULL);
    } else if (is_word(reply, "behind") && reply->elements == 3 &&
               fleet_sequence(reply->element[1]->str, reply->element[1]->len,
                              &f->proposal.behind) == 0) {
        f->proposal.is_behind = true;
        if (f->proposal.behind <= f->proposal.base.sequence) { /* Redis went back */
            f->known = FLEET_UNKNOWN;
            fleet_look(f);
        }
        fleet_turns_look(f);
    } else { /* emptied, or another fleet's: that is found out next */
        fault_set(&fault, "", "try again", "the fleet's state in Redis is not there any more");
        over(f, TURN_FAILED, &fault);
        fleet_failed(f, &fault);
    }
}

static void send_proposal(struct fleet *f)
{
    struct fleet_proposal *p = &f->proposal;
    struct fault fault = {0};
    fleet_chain_next(p->base.chain, p->record.bytes, p->record.length, p->chain);
    p->sent_ms = p->sent ? p->sent_ms : fleet_now_ms();
    p->replaced = f->replaced;
    p->sent = true;
    p->number = f->sent + 1;
    if (fleet_commit_send(f, FLEET_CHANGE, &p->base, p->chain, p->record.bytes, p->record.length,
                          on_committed, f) == 0) {
        f->sent++;
    } else {
        fault_set(&fault, "", "try again", "Redis is away: %.200s",
                  f->troubled ? f->trouble.cause : "the connection is busy");
        over(f, TURN_FAILED, &fault);
    }
}

void fleet_turns_came(struct fleet *f, const struct fleet_record_head *head)
{
    if (f->proposal.sent && memcmp(head->id, f->proposal.record.id, FLEET_ID) == 0) {
        over(f, TURN_DONE, NULL);
    }
}

/* ---- proposing ------------------------------------------------------------------------------ */

static int begin(void *arg, struct fault *fault)
{
    const struct fleet *f = arg;
    if (f->current && f->current->state == TURN_GOES && !f->proposal.record.bytes) {
        return 0;
    }
    fault_set(fault, "", "try again", "another change of the fleet is under way");
    return -1;
}

static int propose(void *arg, struct storage *s, struct fault *fault)
{
    struct fleet *f = arg;
    struct fleet_proposal *p = &f->proposal;
    if (fleet_record_of(s, f->host, fleet_wall_ms(), &p->record, fault) != 0) {
        return -1;
    }
    if (p->record.length > FLEET_RECORD_MOST) {
        fault_set(fault, "", "make several changes of it",
                  "the change has %zu bytes; %u can be made at once in a fleet", p->record.length,
                  FLEET_RECORD_MOST);
        fleet_record_free(&p->record);
        return -1;
    }
    p->base = f->replica.at;
    return 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

static struct turn *take_first(struct fleet *f)
{
    struct turn *t = f->first;
    f->first = t->next;
    f->last = f->first ? f->last : NULL;
    t->next = NULL;
    return t;
}

/* Is there hope that its turn comes? */
static bool may_wait(const struct fleet *f, const struct turn *t)
{
    const int64_t now = fleet_now_ms();
    const bool away = f->stage == FLEET_FOREIGN || (f->stage != FLEET_FOLLOWING && f->away_since &&
                                                    now - f->away_since > FLEET_WAIT_MS);
    const int64_t most = f->stage == FLEET_FOLLOWING ? FLEET_QUEUE_MS : FLEET_WAIT_MS;
    return !away && now - t->asked_ms < most;
}

static void refuse(const struct fleet *f, struct turn *t)
{
    struct fault fault = {0};
    char place[REDIS_PLACE];
    char hint[sizeof fault.hint];
    snprintf(hint, sizeof hint, "%.200s%skill works all the same",
             f->troubled ? f->trouble.hint : "try again later",
             f->troubled && !*f->trouble.hint ? "" : "; ");
    if (f->stage == FLEET_FOLLOWING) {
        fault_set(&fault, "", "try again", "many changes of this host wait for their turn");
    } else {
        fault_set(&fault, "", hint, "this host is not with its fleet, %.120s: %.240s",
                  redis_url_place(&f->url, place), f->troubled ? f->trouble.cause : "connecting");
    }
    t->state = TURN_NOWHERE;
    t->over(t, TURN_FAILED, &fault);
}

static void grant(struct fleet *f)
{
    while (f->first && !f->current && fleet_may_change(f)) {
        struct turn *t = take_first(f);
        f->current = t;
        t->state = TURN_GOES;
        t->go(t);
    }
    /* Without its fleet a proposal may wait for its answer long: not so who waits behind it. */
    while (f->first && !may_wait(f, f->first)) {
        refuse(f, take_first(f));
    }
    if (f->first || f->current) { /* somebody's patience may end */
        (void)event_add(f->grant, &(struct timeval){0, 50000});
    }
}

/* We are up to date again, and no record that came was ours. Where the fleet has gone on it cannot
   come any more; where it has not, the same record can be sent again: only one of two is taken. */
static void after_loss(struct fleet *f)
{
    struct fleet_proposal *p = &f->proposal;
    if (p->replaced != f->replaced || p->losses > LOSSES_MOST) {
        over_unknown(f);
    } else if (p->base.sequence != f->replica.at.sequence ||
               strcmp(p->base.chain, f->replica.at.chain) != 0) {
        overtaken(f);
    } else {
        p->lost = false;
        send_proposal(f);
    }
}

static void look_at_current(struct fleet *f)
{
    const struct fleet_proposal *p = &f->proposal;
    if (!p->sent) {
        return;
    }
    if (p->is_behind && f->replica.at.sequence >= p->behind) {
        overtaken(f);
    } else if (p->lost && fleet_may_change(f)) {
        after_loss(f);
    } else if (fleet_now_ms() - p->sent_ms > FLEET_ANSWER_MS) {
        over_unknown(f);
    }
}

void fleet_turns_look(struct fleet *f)
{
    look_at_current(f);
    if (f->first || f->current) {
        (void)event_add(f->grant, &(struct timeval){0, 0}); /* never from within somebody's call */
    }
}

static void on_grant(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    look_at_current(arg);
    grant(arg);
}

static void append(struct fleet *f, struct turn *t)
{
    if (f->last) {
        f->last->next = t;
    } else {
        f->first = t;
    }
    f->last = t;
}

static void ask(void *arg, struct turn *t)
{
    struct fleet *f = arg;
    t->state = TURN_WAITS;
    t->asked_ms = fleet_now_ms();
    t->next = NULL;
    if (t->overtaken && f->first) { /* it was its turn */
        t->next = f->first;
        f->first = t;
    } else {
        append(f, t);
    }
    t->overtaken = false;
    if (!f->current && f->first == t) {
        grant(f);
    }
}

static void end(void *arg, struct turn *t)
{
    struct fleet *f = arg;
    if (f->current != t || t->state != TURN_GOES) {
        return;
    }
    t->state = TURN_ENDED;
    if (f->proposal.record.bytes) {
        send_proposal(f);
    } else {
        over(f, TURN_DONE, NULL);
    }
}

static void leave(void *arg, struct turn *t)
{
    struct fleet *f = arg;
    struct turn **at = &f->first;
    struct turn *before = NULL;
    while (*at && *at != t) {
        before = *at;
        at = &before->next;
    }
    if (*at) {
        *at = t->next;
        f->last = f->last == t ? before : f->last;
    }
    if (f->current == t && !f->proposal.sent) {
        f->current = NULL;
        forget_proposal(f);
        fleet_turns_look(f);
    } else if (f->current == t) {
        f->left = (struct turn){.state = TURN_NOWHERE}; /* its answer still comes */
        f->current = &f->left;
    }
    t->state = TURN_NOWHERE;
}

int fleet_turns_init(struct fleet *f)
{
    f->agreement = (struct storage_agreement){begin, propose, f};
    f->turns = (struct turns){f, ask, end, leave};
    f->grant = evtimer_new(f->base, on_grant, f);
    return f->grant ? 0 : -1;
}

void fleet_turns_free(struct fleet *f)
{
    forget_proposal(f);
    if (f->grant) {
        event_free(f->grant);
    }
}
