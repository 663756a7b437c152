/*
 * fault.h - what is wrong with something that a person wrote: the place, the cause, the next step.
 */
#ifndef FFSHM_AGENT_FAULT_H
#define FFSHM_AGENT_FAULT_H

#include <stddef.h>

struct fault {
    char file[512];   /* path, URL or "" */
    unsigned line;    /* 1-based; 0: unknown */
    unsigned column;  /* 1-based, in bytes; 0: unknown */
    char member[256]; /* "flags.new-checkout.rules[2].clauses[0].op", "" for the whole document */
    char cause[512];
    char hint[256]; /* the next step; may be "" */
};

/* Sets member, cause and hint; what is not UTF-8 in them becomes '?'. File, line and column are
 * filled in by whoever knows the text. */
void fault_set(struct fault *fault, const char *member, const char *hint, const char *cause_format,
               ...) __attribute__((format(printf, 4, 5)));

/* "flags.yaml:12:7: flags.new-checkout.variants: must be a list; hint". Returns the length as
 * snprintf does. */
size_t fault_text(const struct fault *fault, char *buffer, size_t capacity);

#endif
