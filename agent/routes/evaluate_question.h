/*
 * evaluate_question.h - the body of /evaluate and /explain: who asks for which flags, when.
 *
 * Context and default are taken from the body as they are written there, not from its tree, so that
 * they are evaluated and told as ffctl does, to the byte.
 */
#ifndef FFSHM_AGENT_EVALUATE_QUESTION_H
#define FFSHM_AGENT_EVALUATE_QUESTION_H

#include "../admin/admin_request.h"
#include "../inspect/inspect_at.h"
#include "ffshm.h"

#define QUESTION_FLAGS 1000u           /* that are asked for at once */
#define QUESTION_KEY 1024u             /* bytes */
#define QUESTION_CONTEXT (64u << 10)   /* bytes of JSON */
#define QUESTION_BODY (1280u << 10)    /* of /evaluate */
#define QUESTION_BODY_ONE (160u << 10) /* of /explain */

struct question {
    const char *flag;     /* NULL: not one alone */
    json_t *flags;        /* borrowed: an array of keys; NULL: none are named */
    const char *fallback; /* JSON text, not terminated; NULL: null */
    size_t fallback_length;
    bool has_at;
    struct at at;
    struct ffshm_context who; /* valid; borrows from body and scratch */
    void *scratch;
};

/* Reads the body; `many`: "flags" in place of "flag", or neither, is understood as well. 0, or -1
   with *error; question_free in any case. */
int question_read(struct question *q, const struct admin_request *request, bool many,
                  struct admin_error *error);
void question_free(struct question *q);

#endif
