/*
 * redis_lookup.h - the addresses of a host, without blocking the event loop: hiredis itself would
 * wait for the name server.
 */
#ifndef FFSHM_AGENT_REDIS_LOOKUP_H
#define FFSHM_AGENT_REDIS_LOOKUP_H

#include <event2/event.h>
#include <stddef.h>

#define REDIS_ADDRESSES 8
#define REDIS_ADDRESS 64 /* bytes of one as text */

struct redis_addresses {
    char texts[REDIS_ADDRESSES][REDIS_ADDRESS];
    size_t count; /* 0: see error */
    const char *error;
};

struct redis_lookup;

/* done is called once, from the loop, never from within; the lookup may be freed there. NULL: no
   memory. /etc/hosts and /etc/resolv.conf are read anew each time. */
struct redis_lookup *redis_lookup_new(struct event_base *base, const char *host,
                                      void (*done)(void *arg, const struct redis_addresses *found),
                                      void *arg);
/* done is not called any more. NULL is harmless. */
void redis_lookup_free(struct redis_lookup *l);

#endif
