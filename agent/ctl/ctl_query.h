/*
 * ctl_query.h - what `ffctl eval`, `explain` and `flags-state` are asked: flag, context, default,
 * and where the definitions come from.
 */
#ifndef FFSHM_CTL_QUERY_H
#define FFSHM_CTL_QUERY_H

#include <stdio.h>

#include "ctl.h"
#include "ctl_compile.h"
#include "ctl_type.h"
#include "ffshm.h"

struct query {
    const char *flag;
    const char *context;     /* --context */
    const char *key;         /* --key */
    const char *kind;        /* --kind */
    char *attributes;        /* --attr: ,"name":value,... as JSON text, owned; NULL: none */
    FILE *attributes_stream; /* writes it */
    size_t attributes_length;
    const char *fallback; /* --default: JSON text; NULL: null */
    const char **files;   /* --flags, owned array */
    size_t file_count;
    bool batch;
    enum type type; /* --type */
    bool raw;
    const char *at;     /* --at; NULL: now */
    unsigned all_flags; /* enum ffshm_all_flags, added up: the options of flags-state */
    const char *input;  /* --batch: file; NULL: stdin */
};

/* Parses the arguments of a command, opens the store that they mean, and answers; or lets `help`
 * answer. */
int query_run(struct ctl *ctl, int argc, char **argv, int (*help)(void),
              int (*answer)(struct ctl *ctl, const struct query *q, struct ffshm *store));

/* Pins the snapshot that is asked for: the current one, or that of --at. CTL_OK, or reported and an
   exit code; ffshm_unpin only after CTL_OK. */
int query_pin(const struct ctl *ctl, const struct query *q, struct ffshm *store,
              struct ffshm_view *view);

/* Says on stderr that there is no such flag, and which one may be meant. */
void query_report_unknown(const struct ctl *ctl, const struct ffshm_view *view, const char *flag);

/* The context and the memory that it borrows. */
struct query_context {
    struct ffshm_context context;
    char *json;
    char *scratch;
};

/* Builds the context. A context that is not valid is reported on stderr and left invalid, so that
   evaluations say so. CTL_OK, or an exit code: out of memory. */
int query_context(const struct ctl *ctl, const struct query *q, struct query_context *out);
void query_context_free(struct query_context *c);

/* Help for the options, the same for all commands that have them. */
extern const char query_help_context[];
extern const char query_help_default[];
extern const char query_help_flags[];
extern const char query_help_at[];

#endif
