/*
 * event_context.h - contexts as events show them: what is private is left out, and named in
 * _meta.redactedAttributes.
 *
 * Contexts come as LaunchDarkly's context JSON, single or multi-kind; what an event shows has no
 * _meta.privateAttributes.
 */
#ifndef FFSHM_AGENT_EVENT_CONTEXT_H
#define FFSHM_AGENT_EVENT_CONTEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* An attribute reference, taken apart. */
struct event_reference {
    unsigned depth; /* components */
    char *path;     /* the components, unescaped, each ended by a NUL */
};

struct event_references {
    struct event_reference *list;
    size_t count;
};

struct event_privacy {
    bool all_private;
    struct event_references references; /* private in every context */
};

/* Adds a reference ("name", "/address/street"). One that is not well-formed names nothing, and is
   left out. 0; -1: no memory. */
int event_references_add(struct event_references *references, const char *text);
void event_references_free(struct event_references *references);

/* Has it the shape of a context: a kind and a key, or kinds with a key each? */
bool event_context_valid(const json_t *context);

enum event_context_rule {
    EVENT_CONTEXT_PLAIN = 0,
    EVENT_CONTEXT_REDACT_ANONYMOUS = 1, /* all attributes of what is anonymous are private */
    EVENT_CONTEXT_OMIT_ANONYMOUS = 2,   /* what is anonymous is left out */
};

/* A valid context for an event. *out: a new reference; NULL: nothing is left of it. 0; -1: no
   memory. */
int event_context_format(const struct event_privacy *privacy, const json_t *context,
                         enum event_context_rule rule, json_t **out);

/* The fully qualified key of a valid context, malloc'ed; two contexts are the same for
   deduplication when it is equal. NULL: no memory. */
char *event_context_key(const json_t *context, size_t *length);

#endif
