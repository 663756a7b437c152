/*
 * writers.h - clients that write over the API of a real agent, all at once and to the same few
 * keys, and a judge who compares what they were told with what became of it.
 *
 * Each request has a reason of its own, "ROUND.CLIENT.NUMBER", which its audit entry repeats: so
 * the trail is the order in which everything happened, and an entry says whose it is. The judge
 * does it all again in that order (write_model.c), and nothing may differ.
 */
#ifndef FFSHM_TORTURE_WRITERS_H
#define FFSHM_TORTURE_WRITERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ffshm.h"

#define CLIENTS_MOST 64
#define WHO "w" /* the context's key: in a segment, or not */

int64_t now_ns(void);
/* Counts it, and says the first twenty. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
int wrongs(void);

/* ---- asking (http_client.c) ----------------------------------------------------------------- */

/* One kept connection. */
struct http_client {
    int fd; /* -1: none */
    char *bytes;
    size_t length, room;
};
struct http_answer {
    int status; /* 0: none, the connection broke */
    char etag[64];
    json_t *body; /* owned; NULL: none */
};
struct http_request {
    const char *method;
    const char *path;    /* behind /api/v1 */
    const char *headers; /* whole lines; NULL: none */
    json_t *body;        /* borrowed; NULL: none */
};
int http_open(struct http_client *c, const char *socket_path);
void http_close(struct http_client *c);
void http_ask(struct http_client *c, const struct http_request *request,
              struct http_answer *answer);
/* GET of a path; a new reference, NULL unless it is answered 200. */
json_t *http_get(struct http_client *c, const char *path);

/* ---- the agent (writing_agent.c) ------------------------------------------------------------ */

struct writing_agent {
    const char *dir, *state, *log;
    char socket[128];
    pid_t pid;
};
void agent_start(struct writing_agent *a);
/* Until it is ready. */
void agent_await(const struct writing_agent *a);
void agent_kill(struct writing_agent *a);
/* And its exit code must be 0: a leak would make it another one. */
void agent_stop(struct writing_agent *a);
size_t agent_resident_kib(const struct writing_agent *a);
/* On a processor so far, waiting for the disk not included. */
int64_t agent_cpu_ns(const struct writing_agent *a);

/* ---- what is written (write_plan.c) --------------------------------------------------------- */

enum verb {
    V_PUT,
    V_PATCH,
    V_ENABLE,
    V_DISABLE,
    V_ARCHIVE,
    V_RESTORE,
    V_DELETE,
    V_COPY,
    V_KILL,
    V_PIN,
    V_REVIVE,
    VERBS
};

enum key_kind { K_COUNTER, K_MIXED, K_NEEDING, K_SEGMENT };
struct write_key {
    const char *name;
    enum key_kind kind;
};
extern const struct write_key write_keys[];
extern const size_t write_key_count;
#define COUNTERS 4 /* the first of them */

/* A request that may change something, and what became of it. */
struct op {
    enum verb verb;
    unsigned key;          /* in write_keys */
    unsigned to;           /* V_COPY */
    json_t *body;          /* owned; NULL: none */
    char match[64];        /* If-Match; "": none */
    char match_reason[32]; /* of an override: whose it is meant for */
    bool must_be_new;
    bool dry_run;
    bool increment; /* of a counter */
    int64_t sent_ns, done_ns;
    int status; /* 0: no answer came */
    /* of the answer */
    int64_t version;
    bool created, archived;
    char etag[64];
    char digest[40];
    uint64_t generation;
    int64_t audit; /* its entry; 0: none was found */
};

struct writer {
    unsigned number;
    unsigned round;
    uint64_t random;
    struct http_client http;
    struct ffshm *ff;
    bool shares; /* it, with others */
    struct op *ops;
    size_t count, room;
    size_t conflicts; /* 409 */
    size_t refusals;  /* 404, 422 */
    bool broken;      /* the agent is gone */
};
uint64_t writer_random(struct writer *w, uint64_t below);
/* Makes what all others work on. */
void writer_begin(struct writer *w);
/* One or a few requests. *changes grows with each that changed something. */
void writer_go_on(struct writer *w, _Atomic size_t *changes);
void writer_forget(struct writer *w);

/* ---- what must come of it (write_model.c) --------------------------------------------------- */

enum came { CAME_PUT, CAME_ARCHIVED, CAME_DELETED };
extern const char *const came_names[];

struct model_version {
    enum came came;
    json_t *body; /* NULL: deleted */
    int64_t audit;
};
struct model_key {
    struct model_version *versions; /* of 1, 2, 3 ... */
    size_t count, room;
    size_t judged;    /* of them, the history was compared */
    json_t *override; /* {"kind", "variant", "reason"}; NULL: none */
};
struct write_model {
    struct model_key keys[64];
};
/* NULL: there is nothing (or it was deleted). */
const struct model_version *model_now(const struct write_model *m, unsigned key);
/* What the op makes of `before` (NULL: nothing): the body (a new reference) and *came. false: it
   cannot be done to that. */
bool model_result(const struct write_model *m, const struct op *op,
                  const struct model_version *before, json_t **body, enum came *came);
/* The op has happened: a version more, or another override. */
void model_apply(struct write_model *m, const struct op *op, const char *reason, int64_t audit);
/* The value that a flag has for WHO; a new reference, NULL: the flag is not served. */
json_t *model_value(const struct write_model *m, unsigned key);
void model_free(struct write_model *m);

/* ---- judging (write_judge.c) ---------------------------------------------------------------- */

#define READERS 3

struct judge {
    struct write_model model;
    struct http_client *http;
    struct ffshm *readers[READERS]; /* NULL: none */
    int64_t audit;                  /* the newest that was judged */
    char digest[40];                /* of that */
    int64_t latest_sent_ns;         /* of what was judged */
    size_t entries;                 /* of requests */
    size_t own_entries;             /* of the agent itself */
    size_t stored_unanswered;       /* no answer came, and all of it is there */
    size_t lost_unanswered;         /* no answer came, and nothing of it is there */
    size_t nothing_to_do;           /* answered with success, and all was so already */
    int64_t slowest_ns;             /* until readers had it */
};
/* Of everything since the last time. */
void judge_all(struct judge *j, struct writer *writers, size_t count);

/* ---- who evaluates meanwhile (write_watch.c) ------------------------------------------------ */

struct watched {
    _Atomic bool stop;
    _Atomic size_t evaluations, generations, faults;
    char fault[256];
};
/* In a process of its own. */
struct watched *watch_begin(const char *dir, pid_t *pid);
void watch_end(struct watched *w, pid_t pid);

/* ---- how long it takes (write_times.c) ------------------------------------------------------ */

void write_times(struct writing_agent *agent, unsigned flags, unsigned writes);

#endif
