#include "ctl_commands.h"

#include <stdio.h>
#include <string.h>

#include "catalog/spelling.h"
#include "ctl_complete.h"
#include "ctl_options.h"

#define NAME_WIDTH 11 /* of the names in a help text, at least */

static int report_unknown(const struct ctl *ctl, const char *name,
                          const struct ctl_command *commands)
{
    struct spelling spelling = {.word = name};
    for (const struct ctl_command *c = commands; c->name; c++) {
        spelling_offer(&spelling, c->name);
    }
    if (spelling.best) {
        return ctl_usage(ctl, "unknown command '%s'; did you mean '%s'?", name, spelling.best);
    }
    return ctl_usage(ctl, "unknown command '%s'", name);
}

/* "help eval" is "eval --help". */
static void turn_around(int argc, char **argv)
{
    static char option[] = "--help";
    for (int i = 0; i + 1 < argc; i++) {
        argv[i] = argv[i + 1];
    }
    argv[argc - 1] = option;
}

static int run_one(struct ctl *ctl, int argc, char **argv, const struct ctl_command *command)
{
    const size_t length = strlen(ctl->command);
    snprintf(ctl->command + length, sizeof ctl->command - length, "%s%s", length ? " " : "",
             command->name);
    options_restart();
    return command->run(ctl, argc, argv);
}

int commands_run(struct ctl *ctl, int argc, char **argv, const struct ctl_command *commands,
                 int (*help)(void))
{
    if (ctl->completing && argc > 1 && strcmp(argv[0], "help") == 0) {
        argc--; /* the word to be completed stays the last one */
        argv++;
    }
    if (ctl->completing && argc == 1) {
        complete_commands(ctl, commands);
        return CTL_USAGE;
    }
    if (argc == 0) {
        return ctl_usage(ctl, "a command is needed");
    }
    if (strcmp(argv[0], "help") == 0) {
        if (argc == 1) {
            return help();
        }
        turn_around(argc, argv);
    }
    for (const struct ctl_command *c = commands; c->name; c++) {
        if (strcmp(argv[0], c->name) == 0) {
            return run_one(ctl, argc, argv, c);
        }
    }
    return report_unknown(ctl, argv[0], commands);
}

int commands_below(struct ctl *ctl, int argc, char **argv, const struct ctl_command *commands,
                   int (*help)(void))
{
    static const struct ctl_option options[] = {OPTIONS_COMMON};
    switch (options_next_global(ctl, argc, argv, options)) {
    case OPTIONS_HELP:
        return help();
    case OPTIONS_USAGE:
        return CTL_USAGE;
    default:
        return commands_run(ctl, argc - optind, argv + optind, commands, help);
    }
}

static bool is_command(const char *word, const struct ctl_command *commands)
{
    for (const struct ctl_command *c = commands; c->name; c++) {
        if (strcmp(word, c->name) == 0) {
            return true;
        }
    }
    return strcmp(word, "help") == 0;
}

void commands_turn(int argc, char **argv, const struct ctl_command *commands)
{
    if (argc > 2 && argv[1][0] != '-' && !is_command(argv[1], commands) &&
        is_command(argv[2], commands)) {
        char *flag = argv[1];
        argv[1] = argv[2];
        argv[2] = flag;
    }
}

void commands_print(const struct ctl_command *commands)
{
    int width = NAME_WIDTH;
    for (const struct ctl_command *c = commands; c->name; c++) {
        width = (int)strlen(c->name) > width ? (int)strlen(c->name) : width;
    }
    for (const struct ctl_command *c = commands; c->name; c++) {
        printf("  %-*s %s\n", width, c->name, c->summary);
    }
}
