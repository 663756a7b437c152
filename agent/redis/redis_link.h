/*
 * redis_link.h - one connection to a Redis on the event loop, which comes back by itself.
 *
 * Commands are sent as they come (pipelined) and answered in that order. What no answer came for
 * is told as such: whether it took effect is unknown, and nothing is ever sent again by the link.
 * Names are looked up without blocking the loop, anew for each connection: a name that moves to
 * another address (a replica that took over) is followed.
 */
#ifndef FFSHM_AGENT_REDIS_LINK_H
#define FFSHM_AGENT_REDIS_LINK_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "catalog/fault.h"
#include "redis_url.h"

struct redis_link;
struct redisReply; /* <hiredis/hiredis.h> */

struct redis_link_options {
    const struct redis_url *url; /* copied */
    const char *name;            /* for CLIENT LIST: "ffshm:<what>:<host>"; copied; NULL: none */
    unsigned connect_ms;   /* 0: 1000; until commands can be sent, without the name's lookup */
    unsigned answer_ms;    /* 0: 1000; nothing heard for so long while an answer is due: dropped */
    unsigned waiting_most; /* 0: 1024; commands without an answer; more are refused */
    const char *ca_file;   /* of rediss://, PEM; copied; NULL: the system's */
};

struct redis_link_owner {
    void (*up)(void *arg); /* commands can be sent; may be NULL */
    /* It was up and is not any more, or it could not be brought up: once for each reason in a row.
       May be NULL. */
    void (*down)(void *arg, const struct fault *fault);
    void *arg;
};

/* Connects from the loop: the owner hears nothing before it turns. NULL: with *fault; TLS is not
   to be had, or no memory. */
struct redis_link *redis_link_new(struct event_base *base, const struct redis_link_options *options,
                                  const struct redis_link_owner *owner, struct fault *fault);
/* What waits is told now that there is no answer; nothing is called afterwards. May be called from
   within every callback of the link. NULL is harmless. */
void redis_link_free(struct redis_link *l);

bool redis_link_is_up(const struct redis_link *l);
/* Why it is down; NULL: it is up. Valid until the loop turns. */
const struct fault *redis_link_trouble(const struct redis_link *l);
size_t redis_link_waiting(const struct redis_link *l); /* commands without an answer */

/* reply NULL: no answer came, fault says why. A reply of type REDIS_REPLY_ERROR is a reply, and
   fault NULL. The reply is the link's, and valid during the call. */
typedef void redis_reply_fn(void *arg, const struct redisReply *reply, const struct fault *fault);

/* 0: fn (NULL: nobody) will be called exactly once, later, never from within. -1: not connected, or
   too many wait, or no memory; nothing was sent, fn is not called. */
int redis_link_send(struct redis_link *l, redis_reply_fn *fn, void *arg, int argc,
                    const char *const *argv, const size_t *lengths);
/* The same in hiredis's format: "HSET %s %b", key, bytes, (size_t)length. */
int redis_link_command(struct redis_link *l, redis_reply_fn *fn, void *arg, const char *format,
                       ...);

/* For blocking reads: how long nothing may be heard. From now on; 0: 1000. */
void redis_link_patience(struct redis_link *l, unsigned answer_ms);

/* What an error reply means and what to do about it. The place is the link's. */
void redis_link_refusal(const struct redis_link *l, const struct redisReply *reply,
                        struct fault *fault);

#endif
