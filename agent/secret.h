/*
 * secret.h - a text that must not be seen: one place in memory, left out of core dumps, wiped when
 * it is let go.
 */
#ifndef FFSHM_AGENT_SECRET_H
#define FFSHM_AGENT_SECRET_H

#include <stddef.h>

struct secret;

/* A copy in memory of its own (locked where the limits allow it). NULL: no memory. From then on the
   process makes no core dump and cannot be traced by its own user: what libraries copy the secret
   to cannot be told apart from the rest of the heap. */
struct secret *secret_new(const char *text, size_t length);
void secret_free(struct secret *s);
/* The same of the process, for a secret that lies elsewhere. */
void secret_guard_process(void);

/* NUL-terminated. */
const char *secret_text(const struct secret *s);

/* Overwrites a copy that is not needed any more. */
void secret_wipe(void *bytes, size_t length);

/* Takes a variable out of the environment, also out of what /proc/PID/environ shows. */
void secret_take_variable(const char *name);

#endif
