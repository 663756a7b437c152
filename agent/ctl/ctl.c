/*
 * ctl.c - ffctl: main, and its commands.
 */
#include "ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_commands.h"
#include "ctl_complete.h"
#include "ctl_options.h"
#include "ffshm.h"
#include "inspect/inspect_shown.h"

static const struct ctl_option options[] = {
    {"version", no_argument, NULL, 'V'},
    OPTIONS_COMMON,
};

static const struct ctl_command commands[] = {
    {"eval", ctl_eval, "evaluate a flag for a context, or many (--batch)"},
    {"explain", ctl_explain, "the same, telling every step"},
    {"flags-state", ctl_flags_state,
     "all flags for a context, as a browser's SDK begins with them"},
    {"lint", ctl_lint, "check definition files"},
    {"status", ctl_status, "is a snapshot there, is the agent alive"},
    {"snapshot", ctl_snapshot, "list, verify or dump published snapshots"},
    {"top", ctl_top, "how often each flag is evaluated, and what it gives, live"},
    {"readers", ctl_readers, "the processes that map the snapshots, and which ones"},
    {"hosts", ctl_hosts, "the hosts of the fleet, and whether they serve the same"},
    {"flags", ctl_flags, "look at flags, make them, change them"},
    {"rollout", ctl_rollout, "how many get which variant of a flag"},
    {"rules", ctl_rules, "who else gets what, by attributes"},
    {"targets", ctl_targets, "who else gets what, by key"},
    {"segments", ctl_segments, "sets of contexts that rules can name"},
    {"import", ctl_import, "make the definitions of files the agent's own"},
    {"export", ctl_export, "all that the agent keeps, as one file of definitions"},
    {"kill", ctl_kill, "turn a flag off for everybody, or serve one variant"},
    {"revive", ctl_revive, "end that: the flag is as it is defined"},
    {"overrides", ctl_overrides, "the flags that are killed or pinned, and why"},
    {"schedule", ctl_schedule, "dated changes of flags: list, add, cancel"},
    {"history", ctl_history, "the versions of a flag: what changed when, by whom; restore one"},
    {"diff", ctl_diff, "what is different between two generations, or since one"},
    {"rollback", ctl_rollback, "what operators had in force at a generation is in force again"},
    {"audit", ctl_audit, "who changed what, when and why; is the trail whole"},
    {"backup", ctl_backup, "copy what the agent keeps into a file, while it goes on"},
    {"tokens", ctl_tokens, "who may use the API by a secret; make, rotate and revoke those"},
    {"watch", ctl_watch, "every publish as it happens: what changed, and by whom"},
    {"whoami", ctl_whoami, "who the agent takes you for, and what you may"},
    {"completion", ctl_completion, "a script that makes bash, zsh or fish complete all of this"},
    {NULL, NULL, NULL},
};

/* What others wrote may be in it. */
static __attribute__((format(printf, 2, 0))) void report(const struct ctl *ctl, const char *format,
                                                         va_list arguments)
{
    char *text = NULL;
    fflush(stdout);
    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
    }
    fprintf(stderr, "ffctl%s%s: ", *ctl->command ? " " : "", ctl->command);
    shown_write(stderr, text ? text : "out of memory", text ? strlen(text) : 13);
    fputc('\n', stderr);
    free(text);
}

int ctl_fail(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(ctl, format, arguments);
    va_end(arguments);
    return CTL_NEGATIVE;
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report(ctl, format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'ffctl %s%s--help'.\n", ctl->command, *ctl->command ? " " : "");
    return CTL_USAGE;
}

static int help(void)
{
    fputs("usage: ffctl [--dir DIR] [--json|--text] COMMAND [OPTION]...\n"
          "\n"
          "Looks at feature flags in shared memory and in definition files, and overrides\n"
          "them through the agent.\n"
          "\n",
          stdout);
    commands_print(commands);
    fputs(
        "\n"
        "Options of every command\n"
        "  --dir DIR   the store's directory (default: $FFSHM_DIR, else /run/ffshm/default where\n"
        "              that exists, else /dev/shm/ffshm/default)\n"
        "  --json      print JSON (the default when stdout is no terminal)\n"
        "  --text      print plain text (the default on a terminal)\n"
        "  -h, --help  help, also of each command: ffctl eval --help\n"
        "  -V, --version\n"
        "              print the version\n"
        "\n"
        "Exit codes\n"
        "  0  ok\n"
        "  1  a negative answer: fault found, not ready, flag not found, cannot read or write\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl eval new-checkout --key user-123 --attr country=US\n"
        "  ffctl explain new-checkout --key user-123 --flags flags.yaml\n"
        "  ffctl lint flags/*.yaml\n"
        "  ffctl status\n"
        "  ffctl kill new-checkout --reason 'wrong prices'\n"
        "\n"
        "Colour is used on a terminal only, and never where NO_COLOR is set.\n",
        stdout);
    return CTL_OK;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
    switch (options_next_global(ctl, argc, argv, options)) {
    case OPTIONS_HELP:
        return help();
    case OPTIONS_USAGE:
        return CTL_USAGE;
    case 'V':
        puts("ffctl " FFSHM_VERSION);
        return CTL_OK;
    default:
        return commands_run(ctl, argc - optind, argv + optind, commands, help);
    }
}

/* ffctl __complete WORD...: what could the last word be? */
static int complete(struct ctl *ctl, int argc, char **argv)
{
    struct completion completion = {.word = argc > 1 ? argv[argc - 1] : ""};
    if (argc > 1) {
        ctl->completing = &completion;
        run(ctl, argc, argv); /* runs nothing: its code is that of wrong usage */
        ctl->completing = NULL;
    }
    complete_print(&completion);
    return CTL_OK;
}

int main(int argc, char **argv)
{
    const bool terminal = isatty(STDOUT_FILENO) != 0;
    const char *const no_colour = getenv("NO_COLOR");
    struct ctl ctl = {.json = !terminal,
                      .colour = terminal && (no_colour == NULL || no_colour[0] == '\0')};
    options_restart();
    int code = argc > 1 && strcmp(argv[1], COMPLETE_COMMAND) == 0
                   ? complete(&ctl, argc - 1, argv + 1)
                   : run(&ctl, argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        code = ctl_fail(&ctl, "cannot write the output: %s", strerror(errno));
    }
    return code;
}
