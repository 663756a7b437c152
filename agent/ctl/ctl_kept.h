/*
 * ctl_kept.h - flags and segments that the agent keeps: got, changed, and put back only as long as
 * nobody else has changed them meanwhile.
 */
#ifndef FFSHM_CTL_KEPT_H
#define FFSHM_CTL_KEPT_H

#include <jansson.h>

#include "ctl.h"
#include "ctl_change.h"
#include "ctl_client.h"

enum kept_kind { KEPT_FLAG, KEPT_SEGMENT };

/* "flag", "segment". */
const char *kept_noun(enum kept_kind kind);

/* "/flags/KEY" and what comes after it; malloc'ed, NULL: reported, no memory. */
char *kept_path(const struct ctl *ctl, enum kept_kind kind, const char *key, const char *after);

/* GET /flags/KEY. As client_ask. */
int kept_get(const struct ctl *ctl, enum kept_kind kind, const char *key,
             struct client_answer *answer);

/* The definition that kept_get's answer has: a copy to be changed. NULL: reported. It comes from
   elsewhere, or is archived. */
json_t *kept_definition(const struct ctl *ctl, enum kept_kind kind, const char *key,
                        const struct client_answer *answer);

/* The same members in the order in which docs/definitions.md has them, for people. A new reference;
   NULL: no memory. */
json_t *kept_in_order(enum kept_kind kind, json_t *definition);

/* Changes the definition. CTL_OK, or reported. */
typedef int kept_edit_fn(const struct ctl *ctl, json_t *definition, void *arg);

struct kept_edit {
    enum kept_kind kind;
    const char *key;
    kept_edit_fn *edit; /* called again, with the new definition, when somebody else was faster */
    void *arg;
    struct change_words words;
};

/* Gets, edits, shows the differences and asks (who sits at a terminal), puts, and tells. */
int kept_edit(const struct ctl *ctl, const struct change *change, const struct kept_edit *edit);

/* PUT /flags/KEY, without telling; etag NULL: only what is not there yet. As client_ask, and quiet
   as that. */
int kept_put(const struct ctl *ctl, const struct change *change, const struct kept_edit *edit,
             json_t *definition, const char *etag, struct client_answer *answer);

/* Tells what kept_put has answered: as it came, or in words, without the differences where they are
   known already. */
void kept_tell(const struct ctl *ctl, const struct change *change, const struct kept_edit *edit,
               const struct client_answer *answer, bool differences);

#endif
