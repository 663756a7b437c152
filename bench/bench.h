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

struct bench_command {
    const char *name;
    int (*run)(const struct bench_options *o);
    const char *what;
    /* What those options may be, with a space between; NULL: it has no such option. */
    const char *by;
    const char *context;
    const char *telemetry;
    bool has_cases;
    unsigned least_flags;
};

/* From argv[2] on. false: stderr says which one cannot be taken. */
bool bench_options_parse(struct bench_options *o, const struct bench_command *c, int argc,
                         char **argv);
/* Does an option admit the value? NULL admits all. */
bool bench_admits(const char *option, const char *value);
/* One measurement for each of --flags, or for 1,000, 10,000 and 100,000, until one does not return
   0, which is returned then. */
int bench_each_size(const struct bench_options *o,
                    int (*measure)(const struct bench_options *o, unsigned flags, bool first));

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
