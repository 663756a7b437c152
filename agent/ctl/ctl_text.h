/*
 * ctl_text.h - definitions that somebody has written: out of a file, a pipe, an editor; and where
 * in them what is wrong stands.
 */
#ifndef FFSHM_CTL_TEXT_H
#define FFSHM_CTL_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "catalog/fault.h"
#include "ctl.h"
#include "ctl_client.h"
#include "ctl_kept.h"

#define TEXT_MOST (64u << 20) /* bytes */

struct text {
    const char *name; /* for messages; borrowed */
    char *bytes;
    size_t length;
    json_t *json; /* an object */
};

/* Reads a file ("-": stdin). CTL_OK, or reported; text_free either way. */
int text_read(const struct ctl *ctl, const char *file, struct text *text);
/* Parses what was read. 0, or -1 with *fault, its place told. */
int text_parse(struct text *text, struct fault *fault);
void text_free(struct text *text);

/* Reads and parses. CTL_OK, or reported; text_free either way. */
int text_load(const struct ctl *ctl, const char *file, struct text *text);

/* The definition of `key` in it: all of it, or out of a whole native document (with "ffshm"), where
   prefix says where that is: "flags.KEY". Borrowed; NULL: reported. */
#define TEXT_PREFIX 300
json_t *text_definition(const struct ctl *ctl, const struct text *text, enum kept_kind kind,
                        const char *key, char prefix[TEXT_PREFIX]);

/* Reports what the agent refused, with its place in the text. prefix: what comes before the member
   that the agent names; "": nothing. Returns CTL_NEGATIVE. */
int text_refused(const struct ctl *ctl, const struct text *text, const char *prefix,
                 const struct client_answer *answer);

#endif
