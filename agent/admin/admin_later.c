#include "admin_later.h"

#include "admin_connection.h"

struct admin_later *admin_later_begin(struct admin_answer *a, void (*gone)(void *arg), void *arg)
{
    struct admin_connection *c = a->connection;
    if (a->begun) {
        return NULL;
    }
    c->later = (struct admin_later){c, gone, arg};
    c->state = CONNECTION_LATER;
    return &c->later;
}

struct admin_answer *admin_later_answer(struct admin_later *l)
{
    return &l->connection->answer;
}

void admin_later_end(struct admin_later *l)
{
    struct admin_connection *c = l->connection;
    if (!c->answer.begun) {
        admin_answer_refuse(&c->answer, 500, "no_answer", "nothing was answered");
    }
    c->later = (struct admin_later){0};
    if (c->turn) {
        admin_turn_answered(c);
    } else {
        admin_connection_flush(c);
    }
}
