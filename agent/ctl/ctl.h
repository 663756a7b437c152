/*
 * ctl.h - what every command of ffctl shares: the common options, exit codes, the command table.
 */
#ifndef FFSHM_CTL_H
#define FFSHM_CTL_H

#include <stdbool.h>

enum ctl_exit {
    CTL_OK = 0,
    CTL_NEGATIVE = 1, /* a fault was found, not ready, flag not found, cannot read or write */
    CTL_USAGE = 2,
};

struct completion; /* ctl_complete.h */

/* The common options, as the command finds them. */
struct ctl {
    char command[64]; /* for messages: "eval", "tokens create"; "": none yet */
    const char *dir;  /* NULL: the default directory */
    bool json;        /* print JSON: --json, or stdout is no terminal */
    bool json_asked;  /* --json was given */
    bool opening;     /* a store is being opened: what libffshm says then is not printed */
    bool colour;      /* stdout is a terminal and NO_COLOR is not set */
    struct completion *completing; /* NULL; else nothing is run: what could come next is found */
};

/* argv[0] is the command's name. Returns an enum ctl_exit. */
typedef int ctl_run_fn(struct ctl *ctl, int argc, char **argv);

ctl_run_fn ctl_audit;
ctl_run_fn ctl_backup;
ctl_run_fn ctl_completion;
ctl_run_fn ctl_diff;
ctl_run_fn ctl_eval;
ctl_run_fn ctl_explain;
ctl_run_fn ctl_export;
ctl_run_fn ctl_flags;
ctl_run_fn ctl_flags_state;
ctl_run_fn ctl_history;
ctl_run_fn ctl_import;
ctl_run_fn ctl_kill;
ctl_run_fn ctl_lint;
ctl_run_fn ctl_overrides;
ctl_run_fn ctl_readers;
ctl_run_fn ctl_hosts;
ctl_run_fn ctl_revive;
ctl_run_fn ctl_rollback;
ctl_run_fn ctl_rollout;
ctl_run_fn ctl_rules;
ctl_run_fn ctl_schedule;
ctl_run_fn ctl_segments;
ctl_run_fn ctl_snapshot;
ctl_run_fn ctl_status;
ctl_run_fn ctl_targets;
ctl_run_fn ctl_tokens;
ctl_run_fn ctl_top;
ctl_run_fn ctl_watch;
ctl_run_fn ctl_whoami;

/* Prints "ffctl eval: MESSAGE" to stderr and returns CTL_NEGATIVE. */
int ctl_fail(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As ctl_fail, with a pointer to --help, and returns CTL_USAGE. */
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
