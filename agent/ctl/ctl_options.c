#include "ctl_options.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 32 /* longer words have no near name */

void options_restart(void)
{
    optind = 0; /* glibc: starts over, and reads the mode at the start of the short options */
    opterr = 0;
}

/* Optimal string alignment: insertions, deletions, changes and swaps of neighbours. */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *const now = rows[i % 3];
        const unsigned *const above = rows[(i - 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned least = above[j - 1] + (a[i - 1] != b[j - 1]);
            least = above[j] + 1 < least ? above[j] + 1 : least;
            least = now[j - 1] + 1 < least ? now[j - 1] + 1 : least;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                const unsigned swapped = rows[(i - 2) % 3][j - 2] + 1;
                least = swapped < least ? swapped : least;
            }
            now[j] = least;
        }
    }
    return rows[a_length % 3][b_length];
}

void options_nearest(const char *word, const char *candidate, const char **best, unsigned *distance)
{
    const size_t word_length = strlen(word);
    const size_t length = strlen(candidate);
    if (word_length > WORD_MAX || length > WORD_MAX) {
        return;
    }
    /* A long beginning is as good as a small slip. */
    const bool begins = word_length >= 3 && strncmp(word, candidate, word_length) == 0;
    const unsigned d = begins ? 1 : edit_distance(word, word_length, candidate, length);
    if (d < *distance && d < length) {
        *best = candidate;
        *distance = d;
    }
}

static int report_unknown(const struct ctl *ctl, const char *word, const struct option *table)
{
    if (strncmp(word, "--", 2) != 0) {
        ctl_usage(ctl, "unknown option '%s'", word);
        return OPTIONS_USAGE;
    }
    char name[WORD_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *best = NULL;
    unsigned distance = OPTIONS_FAR;
    for (const struct option *o = table; o->name; o++) {
        if (strcmp(name, o->name) == 0) {
            ctl_usage(ctl, "option '--%s' takes no value", name);
            return OPTIONS_USAGE;
        }
        options_nearest(name, o->name, &best, &distance);
    }
    if (best) {
        ctl_usage(ctl, "unknown option '%s'; did you mean '--%s'?", word, best);
    } else {
        ctl_usage(ctl, "unknown option '%s'", word);
    }
    return OPTIONS_USAGE;
}

static int next(struct ctl *ctl, int argc, char **argv, const char *mode,
                const struct option *table)
{
    for (;;) {
        const int at = optind > 0 ? optind : 1;
        const int option = getopt_long(argc, argv, mode, table, NULL);
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

int options_next(struct ctl *ctl, int argc, char **argv, const struct option *table)
{
    const int option = next(ctl, argc, argv, "-:h", table);
    if (option == OPTIONS_END && optind < argc) {
        optarg = argv[optind++];
        return OPTIONS_WORD;
    }
    return option;
}

int options_next_global(struct ctl *ctl, int argc, char **argv, const struct option *table)
{
    return next(ctl, argc, argv, "+:h", table);
}
