/*
 * bench_cases.h - the flags, contexts and cases of the bench, for ffshm and everybody else.
 *
 * The flags are in LaunchDarkly's format. Beside those that the cases name there are as many
 * fillers, "flag-000000" and on, as make the number that was asked for; they are like
 * bench-fallthrough, every second one with the other variation.
 */
#ifndef FFSHM_BENCH_CASES_H
#define FFSHM_BENCH_CASES_H

#include <stdbool.h>
#include <stdio.h>

#include "ffshm.h"

enum bench_context {
    BENCH_USER,     /* "user-key-123abc" with six attributes */
    BENCH_CUSTOMER, /* a target, and a member of the segment */
    BENCH_MULTI,    /* a user and an organization */
};
#define BENCH_CONTEXTS 3

enum bench_type { BENCH_BOOLEAN, BENCH_STRING, BENCH_JSON, BENCH_ALL_FLAGS };

struct bench_case {
    const char *name;
    const char *flag; /* NULL: all flags */
    enum bench_type type;
    enum bench_context context;
    const char *value; /* as JSON; NULL: whatever LaunchDarkly's bucketing gives, or all flags */
};

extern const struct bench_case bench_cases[];
extern const unsigned bench_case_count;

const struct bench_case *bench_case_find(const char *name); /* NULL: none */

struct bench_set {
    unsigned flags; /* in all; at least BENCH_LEAST_FLAGS */
    bool large;     /* with the list of 100,000 targets and the segment of 1,000,000 members; else
                       their flags are there, with the last ten of them */
    bool tracked;   /* every flag has trackEvents */
    bool fixed;     /* nothing in the store is random: the same steps in each run */
};
#define BENCH_LEAST_FLAGS 32u

/* The i-th filler's key; how many fillers there are. */
void bench_filler_key(char key[24], unsigned i);
unsigned bench_filler_count(const struct bench_set *set);

/* {"flags": {...}, "segments": {...}} */
void bench_cases_flags(FILE *f, const struct bench_set *set);
/* {"contexts": {name: context...}, "cases": [...]} */
void bench_cases_list(FILE *f);

/* The contexts, as a program builds them. They borrow static strings only. */
void bench_context_build(struct ffshm_context *c, enum bench_context which);

#endif
