/*
 * native_raising.h - the parts of native_raise: flags, rules, segments.
 *
 * Whatever finds that something cannot be said says why with raise_refuse, once; NULL and false
 * pass that on.
 */
#ifndef FFSHM_AGENT_NATIVE_RAISING_H
#define FFSHM_AGENT_NATIVE_RAISING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAISE_WHOLE 100000 /* the weight of everybody */

/* One item under way. */
struct raising {
    const json_t *names; /* of the document's flags: key -> the keys of its variants */
    const char *key;
    json_t *variants; /* the keys of this flag's; borrowed */
    bool divides;     /* something is divided by the salt */
    bool seeded;      /* something is divided by a seed */
    json_int_t seed;
    char why[200]; /* "": nothing is wrong */
};

/* Always false. The first one counts. */
bool raise_refuse(struct raising *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* value is taken over; NULL is "no memory". */
bool raise_put(struct raising *r, json_t *object, const char *member, json_t *value);
bool raise_append(struct raising *r, json_t *list, json_t *value);

/* A context kind, "user" where there is none. NULL: refused. */
const char *raise_kind(struct raising *r, const json_t *kind);

/* An attribute as a definition writes it: a new text; NULL: refused. literal: a slash at its start
   means nothing. */
json_t *raise_attribute(struct raising *r, const json_t *attribute, bool literal);

/* The key of this flag's variation. NULL: refused, there is none. */
json_t *raise_variant(struct raising *r, const json_t *variation);

/* What a rollout serves: the entries with a share, in their order. */
struct raise_share {
    json_int_t variation;
    json_int_t weight; /* they add up to RAISE_WHOLE */
};
/* Reads a rollout into shares (room for all of its entries), and puts "bucket_by" and "kind" into
   target. false: refused. */
bool raise_rollout(struct raising *r, const json_t *rollout, json_t *target,
                   struct raise_share *shares, size_t *count);
/* A share in percent. */
json_t *raise_percent(json_int_t weight);

/* "conditions" of clauses; default_kind: whose attribute a condition means where it names no kind.
   NULL: refused. */
json_t *raise_conditions(struct raising *r, const json_t *clauses, const char *default_kind);

/* Each a new object; NULL: refused. */
json_t *raise_rule(struct raising *r, const json_t *from);
json_t *raise_flag(struct raising *r, const json_t *flag);
json_t *raise_segment(struct raising *r, const json_t *segment);

/* The keys of a flag's variants: what the lowering has left, else their values where they can serve
   as such, else variation-0, variation-1... A new list; NULL: no memory. */
json_t *raise_names(const json_t *flag);

/* name, description, owner, tags and temporary, from what the lowering leaves beside the others. */
bool raise_texts(struct raising *r, const json_t *item, json_t *definition);

#endif
