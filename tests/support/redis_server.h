/*
 * redis_server.h - a real redis-server of the test's own: a unix socket and a free port of this
 * host, in a directory of its own. Never a server that runs on the system.
 *
 * What was answered survives a kill (an append-only file that is written, not synced).
 */
#ifndef FFSHM_TESTS_REDIS_SERVER_H
#define FFSHM_TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct redis_server;

/* Is redis-server installed? Says so if not; the test then exits with 77. */
bool redis_server_available(void);

/* options: redis-server's ("--requirepass", "x"), NULL-terminated; or NULL. Comes back when it
   answers; fails the test if it does not. */
struct redis_server *redis_server_start(const char *const *options);
/* Ends it and removes its directory. NULL is harmless. */
void redis_server_stop(struct redis_server *server);

const char *redis_server_socket(const struct redis_server *server);
unsigned redis_server_port(const struct redis_server *server);
const char *redis_server_url(const struct redis_server *server); /* "redis://127.0.0.1:PORT" */

void redis_server_kill(struct redis_server *server); /* -9 */
/* Again, on the same socket and port, after redis_server_kill. */
void redis_server_restart(struct redis_server *server, bool empty);
void redis_server_pause(struct redis_server *server); /* SIGSTOP */
void redis_server_resume(struct redis_server *server);

/* One command, blocking, over the unix socket; the words in hiredis's format. The answer as text in
   the server's buffer: of a list its elements, one a line; of an error "ERR ...". */
const char *redis_server_ask(struct redis_server *server, const char *format, ...);

#endif
