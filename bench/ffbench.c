/*
 * ffbench.c - the bench harness: what ffshm costs, and what the machine allows.
 *
 * The subcommands have a file each. They link the shared library, as programs do, and take a real
 * ffagent for everything that an agent does.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "bench_cases.h"
#include "bench_directory.h"
#include "bench_report.h"
#include "reader.h"

#define WAYS "key handle view"
#define TOLD "off counting events"
#define COUNTED "off counting"
#define LEAST BENCH_LEAST_FLAGS

static const struct bench_command commands[] = {
    {"eval", ffbench_eval, "single evaluations, of all kinds", WAYS, "prepared rebuilt crowd", TOLD,
     true, LEAST},
    {"scale", ffbench_scale, "threads and processes, from one core to all of them", "key handle",
     NULL, COUNTED, true, LEAST},
    {"tail", ffbench_tail, "the slowest evaluations, while flags are published", NULL, NULL,
     COUNTED, false, LEAST},
    {"serve", ffbench_serve, "the same on request, for comparisons with others (peers/README.md)",
     WAYS, "prepared rebuilt", TOLD, false, LEAST},
    {"publish", ffbench_publish, "one changed flag among many: compiled, published, seen elsewhere",
     NULL, NULL, NULL, false, 1},
    {"kill", ffbench_kill, "a kill switch asked for over HTTP, until it is seen elsewhere", NULL,
     NULL, NULL, false, 1},
    {"count", ffbench_count, "some of them under valgrind, for their instructions (gate.py)", WAYS,
     "prepared rebuilt", COUNTED, true, LEAST},
    {"limit", ffbench_limit, "what the machine allows, and the floor of each case", WAYS, NULL,
     COUNTED, true, LEAST},
    {"start", ffbench_start, "from nothing to the first answer: of a program, of an agent", NULL,
     NULL, COUNTED, false, 1},
    {"memory", ffbench_memory, "what a process and an agent have, for so many flags", NULL, NULL,
     COUNTED, false, 1},
    {"cases", ffbench_cases, "writes flags.json and cases.json to --directory, for others", NULL,
     NULL, TOLD, false, LEAST},
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
    "  --context HOW       prepared, rebuilt for each evaluation, or crowd: one of 4,096\n"
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

int main(int argc, char **argv)
{
    struct bench_options o = {.ffagent = FFAGENT_PATH};
    if (argc > 1 && strcmp(argv[1], "reader") == 0) { /* start and memory run it */
        return reader_main(argc, argv);
    }
    if (argc > 1 && strcmp(argv[1], "guard") == 0) { /* bench_directory.h starts it */
        return bench_guard_main();
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        return usage(stdout);
    }
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            if (!bench_options_parse(&o, &commands[i], argc, argv)) {
                return 2;
            }
            bench_report_json(o.json);
            return commands[i].run(&o);
        }
    }
    return usage(stderr);
}
