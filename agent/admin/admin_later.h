/*
 * admin_later.h - an answer that comes later: its handler returns without one, works on in steps
 * (admin_work.h), and answers when it is done, unless its client is gone before.
 *
 * How many there may be at once is for the handler to bound; it refuses before it begins.
 */
#ifndef FFSHM_AGENT_ADMIN_LATER_H
#define FFSHM_AGENT_ADMIN_LATER_H

#include "admin_answer.h"

struct admin_later;

/* gone: nobody waits for the answer any more (the client is gone, it took too long, the server
   stops), and the admin_later is invalid from now on; once, never after admin_later_end, never from
   within the functions here. NULL: it is answered already. */
struct admin_later *admin_later_begin(struct admin_answer *a, void (*gone)(void *arg), void *arg);

/* What to answer with, once, as a handler does; no stream can begin by it. */
struct admin_answer *admin_later_answer(struct admin_later *l);
/* It is answered. Invalid from now on. The handler itself may call it. */
void admin_later_end(struct admin_later *l);

#endif
