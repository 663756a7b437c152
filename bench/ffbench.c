/*
 * ffbench.c - the bench harness: what ffshm costs, and what the machine allows.
 *
 * The subcommands have a file each. They link the shared library, as programs do, and take a real
 * ffagent for everything that an agent does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_report.h"
#include "reader.h"

static const struct {
    const char *name;
    int (*run)(const struct bench_options *o);
    const char *what;
} commands[] = {
    {"eval", ffbench_eval, "single evaluations, of all kinds"},
    {"scale", ffbench_scale, "threads and processes, from one core to all of them"},
    {"tail", ffbench_tail, "the slowest evaluations, while flags are published"},
    {"serve", ffbench_serve, "the same on request, for comparisons with others (peers/README.md)"},
    {"publish", ffbench_publish,
     "one changed flag among many: compiled, published, seen elsewhere"},
    {"kill", ffbench_kill, "a kill switch asked for over HTTP, until it is seen elsewhere"},
    {"count", ffbench_count, "some of them under valgrind, for their instructions (gate.py)"},
    {"limit", ffbench_limit, "what the machine allows, and the floor of each case"},
    {"start", ffbench_start, "from nothing to the first answer: of a program, of an agent"},
    {"memory", ffbench_memory, "what a process and an agent have, for so many flags"},
    {"cases", ffbench_cases, "writes flags.json and cases.json to --directory, for others"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static const char usage_text[] = "usage: ffbench COMMAND [OPTION...]\n"
                                 "\n"
                                 "commands:\n";

static const char options_text[] =
    "\n"
    "options, where they apply; without them everything is measured:\n"
    "  --json              JSON lines, with CPU, kernel, compiler, commit\n"
    "  --flags N           flags in the snapshot; may be repeated\n"
    "  --case NAME         only that case\n"
    "  --by HOW            key, handle or view\n"
    "  --context HOW       prepared, or rebuilt for each evaluation\n"
    "  --telemetry WHAT    off, counting or events\n"
    "  --rounds N          how often each thing is measured\n"
    "  --seconds S         how long each thing is measured\n"
    "  --directory DIR     a directory on a disk, for state files; for cases, where they go\n"
    "  --ffagent PROGRAM   the agent\n";

static int usage(FILE *f)
{
    fputs(usage_text, f);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].what);
    }
    fputs(options_text, f);
    return f == stderr ? 2 : 0;
}

bool bench_admits(const char *option, const char *value)
{
    return !option || strcmp(option, value) == 0;
}

static bool parse_number(const char *text, unsigned *number)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    *number = (unsigned)value;
    return end != text && *end == '\0' && value > 0 && value <= 100000000;
}

static bool take_option(struct bench_options *o, const char *name, const char *value)
{
    static const char *const names[] = {"--case",      "--by",        "--context",
                                        "--telemetry", "--directory", "--ffagent"};
    const char **const places[] = {&o->only_case, &o->by,        &o->context,
                                   &o->telemetry, &o->directory, &o->ffagent};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *places[i] = value;
            return true;
        }
    }
    if (strcmp(name, "--flags") == 0 && o->size_count < BENCH_SIZES) {
        return parse_number(value, &o->sizes[o->size_count++]);
    }
    if (strcmp(name, "--rounds") == 0) {
        return parse_number(value, &o->rounds);
    }
    if (strcmp(name, "--seconds") == 0) {
        char *end;
        o->seconds = strtod(value, &end);
        return *end == '\0' && o->seconds > 0 && o->seconds <= 3600;
    }
    return false;
}

static bool parse_options(struct bench_options *o, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (i + 1 == argc || !take_option(o, argv[i], argv[i + 1])) {
            fprintf(stderr, "ffbench: %s: not an option, or without a good value\n\n", argv[i]);
            return false;
        } else {
            i++;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct bench_options o = {.ffagent = FFAGENT_PATH};
    if (argc > 1 && strcmp(argv[1], "reader") == 0) { /* start and memory run it */
        return reader_main(argc, argv);
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        return usage(stdout);
    }
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            if (!parse_options(&o, argc, argv)) {
                return usage(stderr);
            }
            bench_report_json(o.json);
            return commands[i].run(&o);
        }
    }
    return usage(stderr);
}
