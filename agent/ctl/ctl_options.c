#include "ctl_options.h"

#include <stdio.h>
#include <string.h>

#include "catalog/spelling.h"
#include "ctl_complete.h"

void options_plain(const struct ctl_option *table, struct option plain[OPTIONS_MOST + 1])
{
    size_t count = 0;
    for (const struct ctl_option *o = table; o->name && count < OPTIONS_MOST; o++) {
        if (*o->name) {
            plain[count++] = (struct option){o->name, o->has_arg, NULL, o->value};
        }
    }
    plain[count] = (struct option){0};
}

void options_restart(void)
{
    optind = 0; /* glibc: starts over, and reads the mode at the start of the short options */
    opterr = 0;
}

static int report_unknown(const struct ctl *ctl, const char *word, const struct ctl_option *table)
{
    if (strncmp(word, "--", 2) != 0) {
        ctl_usage(ctl, "unknown option '%s'", word);
        return OPTIONS_USAGE;
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    struct spelling spelling = {.word = name};
    for (const struct ctl_option *o = table; o->name; o++) {
        if (!*o->name) {
            continue; /* the words */
        }
        if (strcmp(name, o->name) == 0) {
            ctl_usage(ctl, "option '--%s' takes no value", name);
            return OPTIONS_USAGE;
        }
        spelling_offer(&spelling, o->name);
    }
    if (spelling.best) {
        ctl_usage(ctl, "unknown option '%s'; did you mean '--%s'?", word, spelling.best);
    } else {
        ctl_usage(ctl, "unknown option '%s'", word);
    }
    return OPTIONS_USAGE;
}

static int next(struct ctl *ctl, int argc, char **argv, const char *mode,
                const struct ctl_option *table)
{
    struct option plain[OPTIONS_MOST + 1];
    options_plain(table, plain);
    for (;;) {
        const int at = optind > 0 ? optind : 1;
        const int option = getopt_long(argc, argv, mode, plain, NULL);
        switch (option) {
        case OPTIONS_DIR:
            if (optarg[0] == '\0') {
                ctl_usage(ctl, "--dir needs a directory");
                return OPTIONS_USAGE;
            }
            ctl->dir = optarg;
            break;
        case OPTIONS_JSON:
            ctl->json = true;
            ctl->json_asked = true;
            break;
        case OPTIONS_TEXT:
            ctl->json = false;
            ctl->json_asked = false;
            break;
        case 'h':
            return OPTIONS_HELP;
        case ':':
            ctl_usage(ctl, "option '%s' needs a value", argv[optind - 1]);
            return OPTIONS_USAGE;
        case '?':
            return report_unknown(ctl, argv[at < argc ? at : argc - 1], table);
        default:
            return option;
        }
    }
}

int options_next(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table)
{
    if (ctl->completing) {
        complete_words(ctl, argc, argv, table);
        return OPTIONS_USAGE;
    }
    const int option = next(ctl, argc, argv, "-:h", table);
    if (option == OPTIONS_END && optind < argc) {
        optarg = argv[optind++];
        return OPTIONS_WORD;
    }
    return option;
}

int options_next_global(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table)
{
    if (ctl->completing) {
        return complete_before_command(ctl, argc, argv, table) ? OPTIONS_USAGE : OPTIONS_END;
    }
    return next(ctl, argc, argv, "+:hV", table);
}
