/*
 * admin_answer.h - what a handler answers: once, and whole; or a stream (admin_stream.h).
 *
 * Headers and the ETag are said before the answer itself. Every answer has an X-Request-Id and
 * Cache-Control: no-store.
 */
#ifndef FFSHM_AGENT_ADMIN_ANSWER_H
#define FFSHM_AGENT_ADMIN_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "admin_error.h"
#include "admin_request.h"

struct admin_answer;

/* The entity tag of what is answered, without quotes: at most ADMIN_ETAG_MOST - 1 visible ASCII
   characters. A GET that has it already is answered 304. */
void admin_answer_etag(struct admin_answer *a, const char *etag);
/* The same, of `what` (copied), as fn says when the answer is sent: which may be later, where hosts
   agree on it first. fn leaves "" for none. */
typedef void admin_etag_fn(void *arg, const char *what, char etag[ADMIN_ETAG_MOST]);
void admin_answer_etag_of(struct admin_answer *a, admin_etag_fn *fn, void *arg, const char *what);
/* Another header; control characters in the value become '?'. What does not fit is left out. */
void admin_answer_header(struct admin_answer *a, const char *name, const char *value);

/* Takes the reference; NULL is answered as "out of memory". */
void admin_answer_json(struct admin_answer *a, unsigned status, json_t *body);
void admin_answer_bytes(struct admin_answer *a, unsigned status, const char *type,
                        const void *bytes, size_t length);
/* Without a body: 204, 304. */
void admin_answer_nothing(struct admin_answer *a, unsigned status);

/* May who asks touch this key with these tags (admin_actor_may)? If not, it is answered 403, and
   the refusal is told. Handlers of what has a key begin with it. */
bool admin_answer_allowed(struct admin_answer *a, const struct admin_request *request,
                          const char *key, const char *const *tags, size_t tag_count);
/* The same for what concerns everything: only without limits. */
bool admin_answer_unlimited(struct admin_answer *a, const struct admin_request *request);

/* {"code", "message", "details": {"member", "line", "column", "hint", "requestId"}}. */
void admin_answer_error(struct admin_answer *a, const struct admin_error *error);
/* The same of a fault of the request's body: its place is found first. */
void admin_answer_fault(struct admin_answer *a, const struct admin_request *request,
                        unsigned status, const char *code, const struct fault *fault);
/* The same, with a sentence. */
void admin_answer_refuse(struct admin_answer *a, unsigned status, const char *code,
                         const char *cause_format, ...) __attribute__((format(printf, 4, 5)));

#endif
