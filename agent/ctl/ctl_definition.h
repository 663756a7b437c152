/*
 * ctl_definition.h - what commands that change a part of a flag's definition look for in it.
 */
#ifndef FFSHM_CTL_DEFINITION_H
#define FFSHM_CTL_DEFINITION_H

#include <jansson.h>
#include <stddef.h>

#include "ctl.h"

/* "10", "10%", "0.125 %" as a number of percent. NULL: it is none, or not from 0 to 100. */
json_t *definition_percent(const char *text, size_t length);

/* The variant of this key; borrowed. NULL: reported, with what there is. */
json_t *definition_variant(const struct ctl *ctl, const json_t *definition, const char *key);

/* The key of the variant whose value is true, where there is one and one whose value is false; else
   NULL. */
const char *definition_true_variant(const json_t *definition);

/* The place of a rule in a list, by name ("rule-0" where it has none) or place. -1: reported. */
int definition_rule(const struct ctl *ctl, const json_t *rules, const char *name);

/* The name that a rule goes by; in buffer where it has none. */
#define DEFINITION_RULE 32
const char *definition_rule_name(const json_t *rules, size_t at, char buffer[DEFINITION_RULE]);

/* A member that is a list, made where it is not there. Borrowed; NULL: no memory, reported. */
json_t *definition_list(const struct ctl *ctl, json_t *object, const char *member);

/* Puts a member; value is taken over. CTL_OK, or reported. */
int definition_put(const struct ctl *ctl, json_t *object, const char *member, json_t *value);

/* "VARIANT=PERCENT" of a command line, in their order; names are borrowed from it. */
#define DEFINITION_SHARES 64
struct definition_shares {
    struct {
        const char *name;
        size_t length;
        json_t *percent; /* owned */
    } at[DEFINITION_SHARES];
    size_t count;
};
/* CTL_OK, or reported. */
int definition_shares_add(const struct ctl *ctl, struct definition_shares *s, const char *text,
                          size_t length);
void definition_shares_free(struct definition_shares *s);

/* {variant: percent} of what the shares say, and of what is left over: it goes to the default
   variant by itself, where that has no share, or else, of two variants, to the other one. Those
   that are in `before` (NULL: nothing) come first, in the order that they have there. NULL:
   reported. */
json_t *definition_divide(const struct ctl *ctl, const json_t *definition,
                          const struct definition_shares *s, const json_t *before);

#endif
