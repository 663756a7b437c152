/*
 * bench.h - what the subcommands of ffbench share: their options, and themselves.
 *
 * A subcommand measures, writes lines (bench_report.h) and returns the program's exit code: 0; 1
 * when something went wrong, which it has said on stderr; 2 for options that it cannot take.
 */
#ifndef FFSHM_BENCH_H
#define FFSHM_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#define BENCH_SIZES 8

/* Options that were not given are NULL or 0: then a subcommand takes its own default, or all. */
struct bench_options {
    bool json;
    const char *ffagent;         /* the program; never NULL */
    const char *only_case;       /* --case: of that name */
    const char *by;              /* --by: key, handle, view */
    const char *context;         /* --context: prepared, rebuilt */
    const char *telemetry;       /* --telemetry: off, counting, events */
    const char *directory;       /* --directory: on a disk, for state files */
    unsigned sizes[BENCH_SIZES]; /* --flags, repeatable */
    unsigned size_count;
    unsigned rounds;
    double seconds; /* --seconds: for each thing that is measured */
};

/* Does an option admit the value? NULL admits all. */
bool bench_admits(const char *option, const char *value);

int ffbench_eval(const struct bench_options *o);
int ffbench_scale(const struct bench_options *o);
int ffbench_tail(const struct bench_options *o);
int ffbench_serve(const struct bench_options *o);
int ffbench_count(const struct bench_options *o);
int ffbench_cases(const struct bench_options *o);
int ffbench_publish(const struct bench_options *o);
int ffbench_kill(const struct bench_options *o);
int ffbench_limit(const struct bench_options *o);
int ffbench_memory(const struct bench_options *o);
int ffbench_start(const struct bench_options *o);

#endif
