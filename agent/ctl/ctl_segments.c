/*
 * ctl_segments.c - ffctl segments: its commands, and who is in one by key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_commands.h"
#include "ctl_definition.h"
#include "ctl_flags.h"
#include "ctl_keys.h"
#include "ctl_options.h"
#include "ctl_output.h"

enum {
    OPTION_FILE = OPTIONS_OWN,
    OPTION_EXCLUDE,
};

/* clang-format off */
static const struct ctl_option keys_options[] = {
    OPTIONS_WORDS("SEGMENT KEY..."),
    {"exclude", no_argument, NULL, OPTION_EXCLUDE},
    {"file", required_argument, "FILE", OPTION_FILE},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
static const struct ctl_option remove_options[] = {
    OPTIONS_WORDS("SEGMENT KEY..."),
    {"file", required_argument, "FILE", OPTION_FILE},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
/* clang-format on */
static const struct ctl_option delete_options[] = {OPTIONS_WORDS("SEGMENT"), CHANGE_OPTIONS,
                                                   OPTIONS_COMMON};

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct change change;
    const char *key;
    bool exclude;
    json_t *keys; /* owned */
};

/* ---- add, remove ---------------------------------------------------------------------------- */

static int add_help(void)
{
    output_text(
        "usage: ffctl segments add SEGMENT KEY... [--exclude]\n"
        "\n"
        "Takes contexts into a segment, by key, whatever its rules say.\n"
        "\n"
        "  --exclude   or keeps them out, whatever its rules say\n"
        "  --file FILE keys out of a file, one a line (- is stdin)\n" CHANGE_HELP FLAGS_HELP_END
        "  ffctl segments add beta user-1 user-2\n"
        "  ffctl segments add beta --file testers.txt --reason 'second wave'\n"
        "  ffctl segments add beta user-3 --exclude\n");
    return CTL_OK;
}

static int remove_help(void)
{
    output_text(
        "usage: ffctl segments remove SEGMENT KEY...\n"
        "\n"
        "Takes keys out of a segment's lists, of those that are in and those that are kept\n"
        "out: its rules decide again.\n"
        "\n"
        "  --file FILE keys out of a file, one a line (- is stdin)\n" CHANGE_HELP FLAGS_HELP_END
        "  ffctl segments remove beta user-1\n");
    return CTL_OK;
}

/* Takes the keys out of a list, if there is one. */
static int take_out(const struct ctl *ctl, json_t *definition, const char *list, json_t *keys)
{
    const json_t *before = json_object_get(definition, list);
    if (!before) {
        return CTL_OK;
    }
    json_t *rest = keys_without(ctl, before, keys);
    return rest ? definition_put(ctl, definition, list, rest) : CTL_NEGATIVE;
}

static int add_edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    const struct wish *w = arg;
    const char *list = w->exclude ? "excluded" : "included";
    if (take_out(ctl, definition, w->exclude ? "included" : "excluded", w->keys) != CTL_OK) {
        return CTL_NEGATIVE;
    }
    json_t *all = keys_with(ctl, json_object_get(definition, list), w->keys);
    return all ? definition_put(ctl, definition, list, all) : CTL_NEGATIVE;
}

static int remove_edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    const struct wish *w = arg;
    const int code = take_out(ctl, definition, "included", w->keys);
    return code == CTL_OK ? take_out(ctl, definition, "excluded", w->keys) : code;
}

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_EXCLUDE:
        w->exclude = true;
        return CTL_OK;
    case OPTION_FILE:
        return keys_read(ctl, w->keys, optarg);
    case OPTIONS_WORD:
        return w->key ? keys_add(ctl, w->keys, optarg) : flags_take_key(ctl, &w->key);
    default:
        return CTL_USAGE;
    }
}

static int perform(const struct ctl *ctl, struct wish *w, bool adds)
{
    int code = flags_need_key(ctl, KEPT_SEGMENT, w->key);
    if (code == CTL_OK && json_object_size(w->keys) == 0) {
        code = ctl_usage(ctl, "who? Write SEGMENT KEY...");
    }
    const struct kept_edit change = {KEPT_SEGMENT,
                                     w->key,
                                     adds ? add_edit : remove_edit,
                                     w,
                                     {.done = !adds        ? "keys removed"
                                              : w->exclude ? "keys excluded"
                                                           : "keys added"}};
    return code == CTL_OK ? kept_edit(ctl, &w->change, &change) : code;
}

static int run(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table)
{
    const bool adds = table == keys_options;
    struct wish w = {.keys = json_object()};
    bool asked_help = false;
    int code = CTL_OK;
    int option;
    while (code == CTL_OK && !asked_help &&
           (option = change_next(ctl, &w.change, argc, argv, table)) != OPTIONS_END) {
        asked_help = option == OPTIONS_HELP;
        code = asked_help ? CTL_OK : take(ctl, &w, option);
    }
    if (asked_help) {
        code = adds ? add_help() : remove_help();
    } else if (code == CTL_OK) {
        code = perform(ctl, &w, adds);
    }
    json_decref(w.keys);
    return code;
}

static int add(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, keys_options);
}

static int remove_keys(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, remove_options);
}

/* ---- delete --------------------------------------------------------------------------------- */

static int delete_help(void)
{
    output_text("usage: ffctl segments delete SEGMENT [--reason TEXT] [--dry-run] [--yes]\n"
                "\n"
                "Deletes a segment. Its history stays. Refused while flags or segments need it.\n"
                "\n" CHANGE_HELP FLAGS_HELP_END "  ffctl segments delete beta\n");
    return CTL_OK;
}

static int delete_segment(struct ctl *ctl, int argc, char **argv)
{
    static const struct change_words words = {.done = "deleted", .colour = "33"};
    struct change change = {0};
    const char *key = NULL;
    int option;
    while ((option = change_next(ctl, &change, argc, argv, delete_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return delete_help();
        }
        const int code = option == OPTIONS_WORD ? flags_take_key(ctl, &key) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    int code = flags_need_key(ctl, KEPT_SEGMENT, key);
    code = code == CTL_OK ? change_confirm(ctl, &change, "Delete segment %s?", key) : code;
    char *path = code == CTL_OK ? kept_path(ctl, KEPT_SEGMENT, key, "") : NULL;
    if (!path) {
        return code == CTL_OK ? CTL_NEGATIVE : code;
    }
    const struct client_request request = {.method = "DELETE", .path = path};
    code = change_perform(ctl, &change, &request, change_tell, &words);
    free(path);
    return code;
}

/* ---- the commands --------------------------------------------------------------------------- */

static const struct ctl_command commands[] = {
    {"list", segments_list, "the segments in force, from every source"},
    {"get", segments_get, "one segment: its definition, who changed it last"},
    {"create", segments_create, "make one"},
    {"edit", segments_edit, "change its definition in an editor"},
    {"add", add, "take contexts in, by key; or keep them out"},
    {"remove", remove_keys, "take that back"},
    {"delete", delete_segment, "delete one that nothing needs"},
    {NULL, NULL, NULL},
};

static int help(void)
{
    output_text("usage: ffctl segments COMMAND [OPTION]...\n"
                "\n"
                "Looks at segments, which are sets of contexts that rules of flags can name, and\n"
                "makes and changes those that the running agent keeps itself.\n"
                "\n");
    commands_print(commands);
    output_text("\n" FLAGS_HELP_END "  ffctl segments list\n"
                "  ffctl segments create beta\n"
                "  ffctl segments add beta user-1 user-2\n");
    return CTL_OK;
}

int ctl_segments(struct ctl *ctl, int argc, char **argv)
{
    commands_turn(argc, argv, commands);
    return commands_below(ctl, argc, argv, commands, help);
}
