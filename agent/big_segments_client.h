/*
 * big_segments_client.h - the agent as who knows of big segments' members: their store on the
 * network, asked for what programs of this host want to know.
 *
 * Only glue: config -> big_segments/ -> publish/, with what collect/ hears of programs.
 */
#ifndef FFSHM_AGENT_BIG_SEGMENTS_CLIENT_H
#define FFSHM_AGENT_BIG_SEGMENTS_CLIENT_H

#include <event2/event.h>
#include <jansson.h>

#include "collection.h"
#include "config.h"
#include "publish/publisher.h"

struct big_segments_client;

/* Readers are told whether there is a store, and which file has what is known; connects when the
   loop turns. Borrows everything. NULL: none is configured, or logged why it cannot be had; the
   agent goes on. */
struct big_segments_client *big_segments_client_new(struct event_base *base,
                                                    const struct config *config,
                                                    struct publisher *publisher,
                                                    struct collection *collection);
/* After the collection. */
void big_segments_client_free(struct big_segments_client *b);

/* For GET /api/v1/status. A new reference; NULL: no memory. */
json_t *big_segments_client_json(const struct big_segments_client *b);

#endif
