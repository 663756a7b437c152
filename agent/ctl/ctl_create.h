/*
 * ctl_create.h - a flag or segment that is new: out of what options say, or out of a file.
 */
#ifndef FFSHM_CTL_CREATE_H
#define FFSHM_CTL_CREATE_H

#include <jansson.h>

#include "ctl_kept.h"

struct creation {
    struct change change;
    enum kept_kind kind;
    const char *key;
    const char *file; /* NULL: made of options */
    bool take_over;   /* also the place of what comes from elsewhere */
};

/* CTL_OK: made, and told. Else reported. */
int create_definition(const struct ctl *ctl, const struct creation *c, json_t *definition);
int create_of_file(const struct ctl *ctl, const struct creation *c);

/* Puts optarg into a member of the definition: a text; one more of a list. CTL_OK, or reported. */
int create_put_text(const struct ctl *ctl, json_t *definition, const char *member);
int create_add_text(const struct ctl *ctl, json_t *definition, const char *list);

#endif
