/*
 * service.h - the contract-test service: LaunchDarkly's SDK test harness speaks to it over REST
 * (main.c), and it does with an agent and libffshm what it is asked to.
 *
 * One process, one thread: a request is answered before the next one is read. A client is a
 * directory, an ffagent that publishes there and a store that reads it.
 */
#ifndef FFSHM_CONTRACT_SERVICE_H
#define FFSHM_CONTRACT_SERVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ffshm.h"

#define CLIENT_PATH 64 /* bytes of a client's directory, with the NUL */

struct bridge;
struct hook;
struct store;

struct client {
    unsigned id;
    char dir[CLIENT_PATH]; /* holds all of it: store, configuration, state, log */
    pid_t agent;           /* 0: there is none */
    struct ffshm *ff;
    char *sdk_key;
    struct hook *hooks;    /* hooks.c */
    struct bridge *bridge; /* bridge.c; NULL: big segments have no store */
    struct store *store;   /* store.c; NULL: the configuration has no persistent store */
    struct client *next;
};

/* What a request came to. text is for error statuses, one line. */
struct outcome {
    int status;     /* of HTTP */
    json_t *answer; /* NULL: an empty body; taken over by the receiver */
    char text[512];
};

/* client.c */

/* Starts an agent as `configuration` says, and waits for flags as long as it says. NULL and
 *outcome. `agent` is the path of ffagent; loud: what agents log goes to stderr. */
struct client *client_new(unsigned id, const char *agent, bool loud, const json_t *configuration,
                          struct outcome *outcome);
/* Stops the agent with SIGTERM, waits for it, closes the store, removes the directory. false: the
   agent had ended before, did not end, or not with 0, or it logged the SDK key; its log is then on
   stderr. */
bool client_free(struct client *c);

/* agent_config.c: the configuration file of a client's agent, in its directory, which holds the SDK
   key and so is its owner's alone. -1 and *outcome. */
int agent_config_write(const struct client *c, const json_t *configuration, char *path,
                       size_t capacity, struct outcome *outcome);

/* commands.c: does what {"command": NAME, NAME: {...}} asks for. */
void command_run(struct client *c, const json_t *request, struct outcome *outcome);

/* A command. params is an empty object where the request has none. */
typedef void command_fn(struct client *c, const json_t *params, struct outcome *outcome);

command_fn command_evaluate, command_evaluate_all; /* evaluate.c */
command_fn command_big_segment_status;             /* big_segments.c */
command_fn command_identify, command_custom, command_flush, command_secure_hash; /* tell.c */
command_fn command_migration_variation, command_migration_operation;             /* migration.c */
/* contexts.c */
command_fn command_context_build, command_context_convert, command_context_comparison;

void outcome_fail(struct outcome *outcome, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* big_segments.c: the store of big segments that the configuration asks for, for the agent to ask:
   before the agent is configured. -1 and *outcome. */
int client_big_segments_add(struct client *c, const json_t *configuration, struct outcome *outcome);
/* Where it is to ask; "unix://...". */
void client_big_segments_url(const struct client *c, char url[CLIENT_PATH + 32]);
/* Until the agent has said how that store does. */
void client_big_segments_await(struct client *c);

/* bridge.c: a Redis at a unix socket that asks the harness at `callback`. NULL: it is not there. */
struct bridge *bridge_new(const char *path, const char *callback);
/* Was it asked how up to date the store is, and did it answer? */
bool bridge_polled(const struct bridge *b);
void bridge_free(struct bridge *b); /* NULL is harmless */

/* store.c: a persistent store, as an SDK would use it. Before the agent is configured; -1 and
 *outcome. */
int client_store_add(struct client *c, const json_t *configuration, struct outcome *outcome);
/* Is there nothing else to have flags from ("daemon mode")? */
bool store_is_all(const json_t *configuration);
/* A variable that the agent is to be started with; empty: none. */
void client_store_variable(const struct client *c, char variable[CLIENT_PATH + 32]);
/* When there are flags, or none to wait for. -1 and *outcome. */
int client_store_begin(struct client *c, const char *agent, bool loud, const json_t *configuration,
                       struct outcome *outcome);
/* Where to evaluate this flag now (NULL: all flags), which may mean to have the agent look first.
 */
struct ffshm *client_store_for(struct client *c, const char *flag);
/* false: as client_free. */
bool client_store_free(struct client *c);

/* hooks.c: adds the configured hooks to the client's store. -1 and *outcome. */
int client_hooks_add(struct client *c, const json_t *configuration, struct outcome *outcome);
/* After the store was closed. */
void client_hooks_free(struct client *c);

/* post.c: POSTs the text; type is the whole Content-Type header. The status, or -1: no answer.
 *answer (if wanted) is the body, malloc'ed. */
long post(const char *url, const char *type, const char *text, char **answer);

/* subject.c: the context of a command, from its "context" or its "user" (an old-style user). */
struct subject {
    struct ffshm_context context; /* invalid when what was given is no context */
    char *text;
    void *scratch;
};
/* 0, or -1 and *outcome when there is neither. subject_free in both cases. */
int subject_read(struct subject *s, const json_t *params, struct outcome *outcome);
/* From JSON text; what ffshm_context_parse returned. */
int subject_parse(struct subject *s, const char *text);
void subject_free(struct subject *s);

/* Members of JSON objects; null counts as absent. */
const json_t *member(const json_t *object, const char *name);
const char *member_text(const json_t *object, const char *name); /* NULL: none */
bool member_true(const json_t *object, const char *name);

#endif
