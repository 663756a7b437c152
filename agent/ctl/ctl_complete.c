#include "ctl_complete.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_candidates.h"
#include "ctl_output.h"
#include "inspect/inspect_shown.h"

/* ---- candidates ----------------------------------------------------------------------------- */

/* "--type=" "bool" TAB "about" */
static char *line_of(const struct completion *c, const char *candidate, const char *about)
{
    char *line;
    const bool told = about && *about && shown_is_plain(about);
    if (asprintf(&line, "%.*s%s%s%s", (int)c->prefix, c->word, candidate, told ? "\t" : "",
                 told ? about : "") < 0) {
        return NULL;
    }
    return line;
}

void complete_offer(struct completion *c, const char *candidate, const char *about)
{
    const char *typed = c->word + c->prefix;
    if (strncmp(candidate, typed, strlen(typed)) != 0 || !*candidate ||
        !shown_is_plain(candidate)) {
        return;
    }
    if (c->count == c->room) {
        const size_t room = c->room ? 2 * c->room : 64;
        char **more = reallocarray(c->lines, room, sizeof *more);
        if (!more) {
            return;
        }
        c->lines = more;
        c->room = room;
    }
    char *line = line_of(c, candidate, about);
    if (line) {
        c->lines[c->count++] = line;
    }
}

void complete_print(struct completion *c)
{
    output_text(c->files ? "files" : c->directories ? "directories" : "words");
    if (c->prefix > 0) {
        output_text(" ");
        output_plain(c->word, c->prefix);
    }
    output_text("\n");
    for (size_t i = 0; i < c->count; i++) {
        output_text(c->lines[i]);
        output_text("\n");
        free(c->lines[i]);
    }
    free(c->lines);
    *c = (struct completion){.word = ""};
}

/* ---- what a table says ---------------------------------------------------------------------- */

static void offer_token(struct ctl *ctl, const char *token, size_t length)
{
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)length, token);
    if (length > 3 && strcmp(text + length - 3, "...") == 0) {
        text[length - 3] = '\0';
    }
    if (isupper((unsigned char)*text)) {
        candidates_offer(ctl, text);
    } else {
        complete_offer(ctl->completing, text, NULL);
    }
}

/* Offers what comes after so many of the words, if the alternative begins with those. */
static void offer_alternative(struct ctl *ctl, const char *at, const char *end, size_t words)
{
    const struct completion *c = ctl->completing;
    for (size_t i = 0;; i++) {
        const size_t length = strcspn(at, " |");
        const bool repeats = length > 3 && strncmp(at + length - 3, "...", 3) == 0;
        if (i == words) {
            offer_token(ctl, at, length);
            return;
        }
        if (!isupper((unsigned char)*at) &&
            (strlen(c->words[i]) != length || strncmp(at, c->words[i], length) != 0)) {
            return;
        }
        if (!repeats) {
            at += length;
            at += at < end && *at == ' ';
        }
        if (at == end) {
            return;
        }
    }
}

/* takes: see ctl_options.h; words: how many of the command's words are before the cursor. */
static void offer_takes(struct ctl *ctl, const char *takes, size_t words)
{
    while (takes && *takes) {
        const size_t length = strcspn(takes, "|");
        offer_alternative(ctl, takes, takes + length, words);
        takes += length + (takes[length] == '|');
    }
}

static void offer_options(struct ctl *ctl, const struct ctl_option *table)
{
    char text[64];
    for (const struct ctl_option *o = table; o->name; o++) {
        if (*o->name) {
            snprintf(text, sizeof text, "--%s", o->name);
            complete_offer(ctl->completing, text, NULL);
        }
    }
}

static const struct ctl_option *by_value(const struct ctl_option *table, int value)
{
    for (; table->name; table++) {
        if (*table->name && table->value == value) {
            return table;
        }
    }
    return NULL;
}

static const char *words_of(const struct ctl_option *table)
{
    for (; table->name; table++) {
        if (!*table->name) {
            return table->takes;
        }
    }
    return NULL;
}

/* ---- the line before the cursor ------------------------------------------------------------- */

struct line {
    const struct ctl_option *open; /* the cursor is on its value */
    const struct ctl_option *more; /* words are further values of it */
    const char *words;             /* what the words are */
    bool options_ended;            /* by "--" */
};

static void add_word(struct completion *c, const char *word)
{
    if (c->word_count < COMPLETE_WORDS) {
        c->words[c->word_count++] = word;
    }
}

static void see(struct ctl *ctl, struct line *line, const struct ctl_option *option)
{
    const char *takes = option ? option->takes : NULL;
    const size_t length = takes ? strlen(takes) : 0;
    line->more = NULL;
    if (!option) {
        return;
    }
    if (option->value == OPTIONS_DIR) {
        ctl->dir = optarg;
    } else if (option->has_arg == no_argument && takes) {
        line->words = takes;
    } else if (length > 3 && strcmp(takes + length - 3, "...") == 0) {
        line->more = option;
    }
}

/* Reads all words but the last. */
static void read_line(struct ctl *ctl, int argc, char **argv, const char *mode,
                      const struct ctl_option *table, struct line *line)
{
    struct option plain[OPTIONS_MOST + 1];
    int option;
    *line = (struct line){.words = words_of(table)};
    options_plain(table, plain);
    while ((option = getopt_long(argc - 1, argv, mode, plain, NULL)) != -1) {
        if (option == ':') {
            line->open = by_value(table, optopt);
        } else if (option != OPTIONS_WORD) {
            see(ctl, line, by_value(table, option));
        } else if (!line->more) {
            add_word(ctl->completing, optarg);
        }
    }
}

/* The word under the cursor is "--NAME=...". */
static void complete_joined(struct ctl *ctl, const struct ctl_option *table)
{
    struct completion *c = ctl->completing;
    const size_t length = strcspn(c->word + 2, "=");
    for (const struct ctl_option *o = table; o->name; o++) {
        if (strlen(o->name) == length && strncmp(o->name, c->word + 2, length) == 0 &&
            o->has_arg == required_argument) {
            c->prefix = length + 3;
            offer_takes(ctl, o->takes, 0);
        }
    }
}

static void complete_option(struct ctl *ctl, const struct ctl_option *table)
{
    if (strncmp(ctl->completing->word, "--", 2) == 0 && strchr(ctl->completing->word, '=')) {
        complete_joined(ctl, table);
    } else {
        offer_options(ctl, table);
    }
}

void complete_commands(struct ctl *ctl, const struct ctl_command *commands)
{
    for (; commands->name; commands++) {
        complete_offer(ctl->completing, commands->name, commands->summary);
    }
}

bool complete_before_command(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table)
{
    struct line line;
    read_line(ctl, argc, argv, "+:hV", table, &line);
    if (line.open) {
        offer_takes(ctl, line.open->takes, 0);
        return true;
    }
    if (optind >= argc - 1 && ctl->completing->word[0] == '-') {
        complete_option(ctl, table);
        return true;
    }
    return false;
}

void complete_words(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table)
{
    struct completion *c = ctl->completing;
    struct line line;
    read_line(ctl, argc, argv, "-:h", table, &line);
    line.options_ended = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
    for (; optind < argc - 1; optind++) {
        add_word(c, argv[optind]);
    }
    if (line.open) {
        offer_takes(ctl, line.open->takes, 0);
        return;
    }
    if (c->word[0] == '-' && !line.options_ended) {
        complete_option(ctl, table);
        return;
    }
    if (line.more) {
        offer_takes(ctl, line.more->takes, 0);
    }
    offer_takes(ctl, line.words, c->word_count);
    if (c->word[0] == '\0' && c->count == 0 && !c->files && !c->directories) {
        offer_options(ctl, table);
    }
}
