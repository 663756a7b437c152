/*
 * definition.h - one native definition as an operator writes it: its text as it is stored, its body
 * (what stands under its key), and the item that it is lowered to.
 */
#ifndef FFSHM_AGENT_DEFINITION_H
#define FFSHM_AGENT_DEFINITION_H

#include <jansson.h>

#include "../catalog/model.h"
#include "../storage/storage_admin.h"

#define DEFINITION_KEY_MOST 256u        /* bytes */
#define DEFINITION_TEXT_MOST (8u << 20) /* bytes of one as it is stored */

/* 0, or -1 with *fault (member "key"): empty, too long, or with control characters. */
int definition_check_key(const char *key, struct fault *fault);

/* The document of this one definition, as text: malloc'ed. NULL: no memory. */
char *definition_text(enum storage_kind kind, const char *key, json_t *body);
/* The body of a text; a new reference. NULL and *fault. */
json_t *definition_body(enum storage_kind kind, const char *key, const char *text,
                        struct fault *fault);

/* Of a body without "schedule". The item states `version`, and comes from "admin:AUTHOR". NULL and
 *fault, its member relative to the body. */
struct model_item *definition_lower(enum storage_kind kind, const char *key, json_t *body,
                                    int64_t version, const char *author, struct fault *fault);

/* Would each state of a flag be right, now and after each change of the schedule, a list as it is
   in files? 0, or -1 with *fault, its member relative to the body ("schedule[0].set.enabled"). */
int definition_check_schedule(const char *key, json_t *body, json_t *schedule, struct fault *fault);

/* The body with a scheduled change: the members of `set` replace its own, null takes them out. A
   new object; NULL: no memory. */
json_t *definition_with(json_t *body, json_t *set);

static inline enum image_blob_kind definition_item_kind(enum storage_kind kind)
{
    return kind == STORAGE_SEGMENT ? IMAGE_SEGMENT : IMAGE_FLAG;
}

#endif
