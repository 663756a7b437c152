/*
 * ctl_completion.c - ffctl completion: the scripts of scripts/completion/, for a shell to read.
 */
#include "ctl_completion.h"

#include <string.h>

#include "ctl.h"
#include "ctl_options.h"
#include "ctl_output.h"

static const struct ctl_option options[] = {OPTIONS_WORDS("bash|zsh|fish"), OPTIONS_COMMON};

static int help(void)
{
    output_text("usage: ffctl completion bash|zsh|fish\n"
                "\n"
                "Prints a script that makes the shell complete what follows ffctl: commands and\n"
                "options; keys of flags and variants from shared memory, without the agent;\n"
                "generations, tokens and files.\n"
                "\n"
                "  --dir DIR, --json, --text, -h, --help\n"
                "              as for every command; the script is the same\n"
                "\n"
                "Exit codes\n"
                "  0  printed\n"
                "  2  wrong usage\n"
                "\n"
                "Examples\n"
                "  source <(ffctl completion bash)         now; or put it into ~/.bashrc\n"
                "  source <(ffctl completion zsh)          the same in ~/.zshrc, after compinit\n"
                "  ffctl completion fish >~/.config/fish/completions/ffctl.fish\n");
    return CTL_OK;
}

static int print(const struct ctl *ctl, const char *shell)
{
    static const struct {
        const char *shell;
        const char *script;
    } scripts[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (strcmp(shell, scripts[i].shell) == 0) {
            output_text(scripts[i].script);
            return CTL_OK;
        }
    }
    return ctl_usage(ctl, "'%s': there are scripts for bash, zsh and fish", shell);
}

int ctl_completion(struct ctl *ctl, int argc, char **argv)
{
    const char *shell = NULL;
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        if (option != OPTIONS_WORD) {
            return CTL_USAGE;
        }
        if (shell) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        shell = optarg;
    }
    return shell ? print(ctl, shell) : ctl_usage(ctl, "for which shell: bash, zsh or fish?");
}
