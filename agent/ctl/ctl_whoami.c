/*
 * ctl_whoami.c - ffctl whoami: who the agent takes the user for, and what that is allowed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"

static const struct ctl_option options[] = {OPTIONS_COMMON};

static int help(void)
{
    output_text(
        "usage: ffctl whoami [--dir DIR] [--json|--text]\n"
        "\n"
        "Asks the agent who it takes you for, and which role that is: viewer, editor or\n"
        "admin; none may nothing.\n"
        "\n"
        "The agent is asked on agent.sock in the store's directory, where the kernel tells\n"
        "it who you are; with FFSHM_URL over TCP, where FFSHM_TOKEN does.\n"
        "\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Environment\n"
        "  FFSHM_URL      https://HOST:PORT; http:// for this host alone\n"
        "  FFSHM_TOKEN    ffs_..., sent over the socket, too\n"
        "  FFSHM_CA_FILE  PEM certificates to trust instead of the system's\n"
        "\n"
        "Exit codes\n"
        "  0  answered\n"
        "  1  no agent, or the token is refused\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl whoami\n"
        "  FFSHM_URL=http://127.0.0.1:8080 FFSHM_TOKEN=ffs_... ffctl whoami\n");
    return CTL_OK;
}

static void print_line(const char *name, const char *text)
{
    printf("%-12s ", name);
    output_plain(text, strlen(text));
    output_text("\n");
}

static void print_text(const struct ctl *ctl, const json_t *body)
{
    (void)ctl; /* nothing is coloured */
    static const char *const names[] = {"actor", "role", "authenticated", "token"};
    static const char *const shown[] = {"you are", "role", "known by", "token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = json_string_value(json_object_get(body, names[i]));
        if (text) {
            print_line(shown[i], text);
        }
    }
    const json_t *limits = json_object_get(body, "limits");
    char *text = limits ? json_dumps(limits, JSON_COMPACT) : NULL;
    if (text) {
        print_line("limits", text);
    }
    free(text);
}

int ctl_whoami(struct ctl *ctl, int argc, char **argv)
{
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        return option == OPTIONS_WORD ? ctl_usage(ctl, "'%s' is one word too many", optarg)
                                      : CTL_USAGE;
    }
    return client_show(ctl, "/whoami", print_text);
}
