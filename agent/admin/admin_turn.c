/*
 * A request that changes something, where hosts have to agree: it waits for its turn, its handler
 * answers, and the answer is held until the change is in force. When another host was first, the
 * handler is called again, with the state as that has made it: If-Match and versions are looked at
 * anew.
 */
#include <stdlib.h>

#include "admin_connection.h"
#include "admin_server_state.h"

#define TRIES_MOST 50

struct admin_turn {
    struct turn turn;
    struct admin_connection *connection;
    unsigned tries;
};

static struct admin_turn *of(struct turn *t)
{
    return (struct admin_turn *)t;
}

static const struct turns *turns_of(const struct admin_connection *c)
{
    return c->server->options.turns;
}

/* The client went away, or it took too long: the request is forgotten, and so is its turn. */
static void gone(void *arg)
{
    (void)arg;
}

static void wait(struct admin_connection *c)
{
    c->later = (struct admin_later){c, gone, NULL};
    c->state = CONNECTION_LATER;
}

/* Its token was good when it came; what came since may have ended it. */
static bool is_ended(const struct admin_connection *c)
{
    const struct admin_token *token =
        *c->actor.token_id ? admin_tokens_find(c->server->tokens, c->actor.token_id) : NULL;
    return *c->actor.token_id && (!token || token->revoked_ms);
}

static void go(struct turn *t)
{
    struct admin_connection *c = of(t)->connection;
    c->answer.held = true;
    if (is_ended(c)) {
        admin_answer_refuse(&c->answer, 401, "unauthorized",
                            "the token was revoked while this waited for its turn");
        admin_turn_answered(c);
        return;
    }
    c->later = (struct admin_later){0};
    c->state = CONNECTION_FLUSHING;
    admin_connection_dispatch(c);
    if (c->state != CONNECTION_LATER) { /* else the handler works on */
        if (!c->answer.begun) {
            admin_answer_refuse(&c->answer, 500, "no_answer", "nothing was answered");
        }
        admin_turn_answered(c);
    }
}

void admin_turn_answered(struct admin_connection *c)
{
    wait(c);
    turns_of(c)->end(turns_of(c)->arg, &c->turn->turn);
}

static void reload_tokens(const struct admin_connection *c)
{
    struct fault fault = {0};
    (void)admin_tokens_reload(c->server->tokens, &fault); /* those of a proposal are none */
}

static void answer_failed(struct admin_connection *c, enum turn_outcome outcome,
                          const struct fault *fault)
{
    struct admin_error error = {503, outcome == TURN_UNKNOWN ? "fleet_unknown" : "fleet_away",
                                *fault};
    admin_answer_error(&c->answer, &error);
}

/* What can be done without the fleet; the handler answers nothing when it is not that. */
static bool do_alone(struct admin_connection *c, enum turn_outcome outcome)
{
    if (outcome != TURN_FAILED || !c->request.route->alone) {
        return false;
    }
    c->request.alone = true;
    admin_connection_dispatch(c);
    return c->answer.begun;
}

static void on_over(struct turn *t, enum turn_outcome outcome, const struct fault *fault)
{
    struct admin_turn *turn = of(t);
    struct admin_connection *c = turn->connection;
    if (outcome == TURN_DONE) {
        admin_answer_release(&c->answer);
        c->later = (struct admin_later){0};
        admin_connection_flush(c);
        return;
    }
    admin_answer_retract(&c->answer);
    reload_tokens(c);
    if (outcome == TURN_OVERTAKEN && ++turn->tries < TRIES_MOST) {
        turns_of(c)->ask(turns_of(c)->arg, t);
        return;
    }
    if (outcome == TURN_OVERTAKEN) {
        admin_answer_refuse(&c->answer, 503, "too_busy", "other hosts were quicker %u times",
                            TRIES_MOST);
    } else if (!do_alone(c, outcome)) {
        answer_failed(c, outcome, fault);
    }
    c->later = (struct admin_later){0};
    admin_connection_flush(c);
}

bool admin_turn_begin(struct admin_connection *c)
{
    const struct admin_route *route = c->request.route;
    if (!turns_of(c) || !route || !route->changes || route->urgent || c->request.dry_run) {
        return false;
    }
    c->turn = calloc(1, sizeof *c->turn);
    if (!c->turn) {
        return false; /* its transaction will not begin, and it is told so */
    }
    c->turn->connection = c;
    c->turn->turn = (struct turn){.go = go, .over = on_over};
    wait(c);
    turns_of(c)->ask(turns_of(c)->arg, &c->turn->turn);
    return true;
}

void admin_turn_free(struct admin_connection *c)
{
    if (c->turn) {
        struct admin_turn *turn = c->turn;
        c->turn = NULL;
        const bool proposed = turn->turn.state == TURN_ENDED;
        turns_of(c)->leave(turns_of(c)->arg, &turn->turn);
        free(turn);
        if (proposed) {
            reload_tokens(c); /* it may come to nothing, and nobody is told */
        }
    }
}
