#include "config_settings.h"

#include <stdlib.h>
#include <string.h>

/* The options that are not settings. */
enum action_option {
    OPTION_CONFIG = CONFIG_SETTINGS,
    OPTION_CHECK,
    OPTION_CHECK_STORAGE,
    OPTION_ONCE,
    OPTION_HELP,
    OPTION_VERSION,
    OPTIONS
};

enum argument { NONE, NEEDED, POSSIBLE };

static const struct {
    const char *name;
    const char *letter;
    enum argument argument;
} actions[] = {
    {"--config", "-c", NEEDED}, {"--check-config", NULL, NONE}, {"--check-storage", NULL, POSSIBLE},
    {"--once", NULL, NONE},     {"--help", "-h", NONE},         {"--version", "-V", NONE},
};

static enum argument argument_of(unsigned option)
{
    return option < CONFIG_SETTINGS ? NEEDED : actions[option - CONFIG_SETTINGS].argument;
}

/* NULL: a setting that has none. */
static const char *option_name(unsigned option)
{
    return option < CONFIG_SETTINGS ? config_settings[option].option
                                    : actions[option - CONFIG_SETTINGS].name;
}

/* One option of the command line. */
struct given {
    unsigned option; /* enum config_setting or enum action_option; OPTIONS: unknown */
    const char *value;
    bool unwanted; /* "--once=yes" */
};

static unsigned find(const char *argument, size_t length)
{
    for (unsigned i = 0; i < OPTIONS; i++) {
        const char *name = option_name(i);
        if (!name) {
            continue;
        }
        const char *letter = i < CONFIG_SETTINGS ? NULL : actions[i - CONFIG_SETTINGS].letter;
        if ((strlen(name) == length && memcmp(name, argument, length) == 0) ||
            (letter && strlen(letter) == length && memcmp(letter, argument, length) == 0)) {
            return i;
        }
    }
    return OPTIONS;
}

/* Takes the option at argv[*i], with its value ("--dir DIR" or "--dir=DIR"), and moves *i on. */
static struct given take(int argc, char *const *argv, int *i)
{
    const char *argument = argv[(*i)++];
    const char *equals = argument[0] == '-' ? strchr(argument, '=') : NULL;
    struct given g = {find(argument, equals ? (size_t)(equals - argument) : strlen(argument)), NULL,
                      false};
    if (g.option == OPTIONS) {
        return g;
    }
    const enum argument wants = argument_of(g.option);
    if (equals) {
        g.value = equals + 1;
        g.unwanted = wants == NONE;
    } else if (*i < argc && (wants == NEEDED || (wants == POSSIBLE && argv[*i][0] != '-'))) {
        g.value = argv[(*i)++];
    }
    return g;
}

const char *config_read_actions(struct config *c, int argc, char *const *argv)
{
    const char *file = NULL;
    for (int i = 1; i < argc;) {
        const struct given g = take(argc, argv, &i);
        if (g.option == OPTION_CONFIG) {
            file = g.value;
        } else if (g.option == OPTION_ONCE) {
            c->once = true;
        } else if (g.option == OPTION_HELP) {
            c->action = CONFIG_HELP;
        } else if (g.option == OPTION_VERSION && c->action != CONFIG_HELP) {
            c->action = CONFIG_VERSION;
        } else if (g.option == OPTION_CHECK && c->action == CONFIG_RUN) {
            c->action = CONFIG_CHECK;
        } else if (g.option == OPTION_CHECK_STORAGE && c->action == CONFIG_RUN) {
            c->action = CONFIG_CHECK_STORAGE;
            c->checked = g.value ? strdup(g.value) : NULL;
            c->no_memory = g.value && !c->checked;
        }
    }
    return file;
}

static void problem(struct config *c, const char *argument, const char *hint, const char *cause)
{
    struct fault fault = {0};
    char name[128]; /* an option that went wrong may be a whole file name */
    snprintf(name, sizeof name, "%s", argument);
    fault_set(&fault, name, hint, "%s", cause);
    config_problem(c, &fault);
}

static void unknown(struct config *c, const char *argument)
{
    if (argument[0] != '-') {
        problem(c, argument, "a flag file is given with --flags FILE", "unexpected argument");
        return;
    }
    const char *names[OPTIONS];
    size_t count = 0;
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (option_name(i)) {
            names[count++] = option_name(i);
        }
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(argument, "="), argument);
    char hint[128];
    config_suggest(hint, sizeof hint, name, names, count, "ffagent --help lists the options");
    problem(c, name, hint, "unknown option");
}

void config_read_options(struct config *c, int argc, char *const *argv)
{
    for (int i = 1; i < argc;) {
        const char *argument = argv[i];
        const struct given g = take(argc, argv, &i);
        if (g.option == OPTIONS) {
            unknown(c, argument);
            /* What follows an option that is not known is probably its value. */
            i += argument[0] == '-' && !strchr(argument, '=') && i < argc && argv[i][0] != '-';
        } else if (g.unwanted) {
            problem(c, option_name(g.option), "leave the = and what follows out", "takes no value");
        } else if ((g.option < CONFIG_SETTINGS || g.option == OPTION_CONFIG) && !g.value) {
            problem(c, option_name(g.option), "see ffagent --help", "needs a value");
        } else if (g.option < CONFIG_SETTINGS) {
            char origin[64];
            struct fault fault = {0};
            snprintf(origin, sizeof origin, "option %s", option_name(g.option));
            if (config_set(c, (enum config_setting)g.option, CONFIG_BY_OPTION, g.value, origin,
                           option_name(g.option), &fault) != 0) {
                config_problem(c, &fault);
            }
        }
    }
}
