/*
 * redis_wires.h - hiredis on libevent. Own, not hiredis's adapter: that one tells neither when
 * something was heard nor, in every version, when a connection is over.
 */
#ifndef FFSHM_AGENT_REDIS_WIRES_H
#define FFSHM_AGENT_REDIS_WIRES_H

#include <event2/event.h>
#include <hiredis/async.h>
#include <stdbool.h>

struct redis_wires_owner {
    void (*before)(void *arg, bool reading); /* hiredis reads or writes now */
    void (*after)(void *arg);
    /* The connection is over and hiredis is about to free it; why is in c->errstr. */
    void (*over)(void *arg, const redisAsyncContext *c);
    void *arg;
};

/* 0; -1: no memory, nothing is attached. */
int redis_wires_attach(redisAsyncContext *c, struct event_base *base,
                       const struct redis_wires_owner *owner);
/* Frees the context, and the owner hears nothing of it. From within a reply it lives until that
   returns, as hiredis has it. */
void redis_wires_cut(redisAsyncContext *c);

#endif
