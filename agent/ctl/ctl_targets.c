/*
 * ctl_targets.c - ffctl targets list | add | remove: single contexts, by key, and what they get.
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
#include "ctl_table.h"

enum {
    OPTION_KIND = OPTIONS_OWN,
    OPTION_FILE,
};

#define KEYS_OPTIONS                                                                               \
    {"kind", required_argument, "user", OPTION_KIND},                                              \
    {                                                                                              \
        "file", required_argument, "FILE", OPTION_FILE                                             \
    }

/* clang-format off */
static const struct ctl_option list_options[] = {OPTIONS_WORDS("FLAG"), OPTIONS_COMMON};
static const struct ctl_option add_options[] = {
    OPTIONS_WORDS("FLAG VARIANT KEY..."),
    KEYS_OPTIONS,
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
static const struct ctl_option remove_options[] = {
    OPTIONS_WORDS("FLAG KEY..."),
    KEYS_OPTIONS,
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
/* clang-format on */

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct change change;
    const char *flag;
    const char *variant; /* of add */
    const char *kind;
    json_t *keys; /* owned */
};

#define HELP_KEYS                                                                                  \
    "  --kind KIND of contexts of this kind (default: user)\n"                                     \
    "  --file FILE keys out of a file, one a line (- is stdin)\n"

static int list_help(void)
{
    output_text("usage: ffctl targets list FLAG\n"
                "\n"
                "Lists the targets of a flag: which contexts get a variant by their key, whatever\n"
                "rules and percentages say.\n"
                "\n" FLAGS_HELP_END "  ffctl targets list new-checkout\n");
    return CTL_OK;
}

static int add_help(void)
{
    output_text("usage: ffctl targets add FLAG VARIANT KEY... [--kind KIND]\n"
                "\n"
                "Gives a variant to single contexts, by their key, whatever rules and percentages\n"
                "say. What was given to them before is taken back.\n"
                "\n" HELP_KEYS CHANGE_HELP FLAGS_HELP_END
                "  ffctl targets add new-checkout on user-1 user-2\n"
                "  ffctl targets add new-checkout on --file testers.txt\n"
                "  ffctl targets add new-checkout off acme --kind org\n");
    return CTL_OK;
}

static int remove_help(void)
{
    output_text(
        "usage: ffctl targets remove FLAG KEY... [--kind KIND]\n"
        "\n"
        "Takes back what was given to single contexts: rules and percentages decide again.\n"
        "\n" HELP_KEYS CHANGE_HELP FLAGS_HELP_END "  ffctl targets remove new-checkout user-1\n");
    return CTL_OK;
}

/* ---- list ----------------------------------------------------------------------------------- */

static void row(const json_t *item, table_cells cells)
{
    const json_t *keys = json_object_get(item, "keys");
    size_t used = 0;
    table_text(cells[0], item, "variant");
    table_text(cells[1], item, "kind");
    if (!*cells[1]) {
        snprintf(cells[1], TABLE_CELL, "user");
    }
    snprintf(cells[2], TABLE_CELL, "%zu", json_array_size(keys));
    for (size_t i = 0; i < json_array_size(keys) && used + 8 < TABLE_CELL; i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        if (i == 8) {
            snprintf(cells[3] + used, TABLE_CELL - used, ", ...");
            break;
        }
        used += (size_t)snprintf(cells[3] + used, TABLE_CELL - used, "%s%s", i > 0 ? ", " : "",
                                 key ? key : "?");
    }
}

static void print(const struct ctl *ctl, const char *flag, json_t *targets)
{
    static const char *const heads[] = {"VARIANT", "KIND", "COUNT", "KEYS"};
    if (ctl->json) {
        json_t *whole = targets ? json_pack("{s:s, s:O}", "flag", flag, "items", targets)
                                : json_pack("{s:s, s:[]}", "flag", flag, "items");
        client_print_json(whole);
        json_decref(whole);
    } else if (json_array_size(targets) == 0) {
        output_text("no target\n");
    } else {
        table_print(ctl, heads, sizeof heads / sizeof *heads, targets, row);
    }
}

static int show(const struct ctl *ctl, const char *flag)
{
    struct client_answer got;
    const int code = kept_get(ctl, KEPT_FLAG, flag, &got);
    json_t *definition = code == CTL_OK ? kept_definition(ctl, KEPT_FLAG, flag, &got) : NULL;
    if (definition) {
        print(ctl, flag, json_object_get(definition, "targets"));
    }
    client_free(&got);
    if (!definition) {
        return CTL_NEGATIVE;
    }
    json_decref(definition);
    return CTL_OK;
}

static int list(struct ctl *ctl, int argc, char **argv)
{
    const char *flag = NULL;
    int option;
    while ((option = options_next(ctl, argc, argv, list_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return list_help();
        }
        const int code = option == OPTIONS_WORD ? flags_take_key(ctl, &flag) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    const int code = flags_need_key(ctl, KEPT_FLAG, flag);
    return code == CTL_OK ? show(ctl, flag) : code;
}

/* ---- the definition ------------------------------------------------------------------------- */

static bool is_kind(const json_t *target, const char *kind)
{
    const char *its = json_string_value(json_object_get(target, "kind"));
    return strcmp(its ? its : "user", kind ? kind : "user") == 0;
}

static bool is_variant(const json_t *target, const char *variant)
{
    const char *its = json_string_value(json_object_get(target, "variant"));
    return its && variant && strcmp(its, variant) == 0;
}

/* Takes the keys out of all targets of the kind but those of the variant that they are to get;
   empty ones go. */
static int take_back(const struct ctl *ctl, json_t *targets, const struct wish *w)
{
    for (size_t i = json_array_size(targets); i > 0; i--) {
        json_t *target = json_array_get(targets, i - 1);
        if (!is_kind(target, w->kind) || is_variant(target, w->variant)) {
            continue;
        }
        json_t *rest = keys_without(ctl, json_object_get(target, "keys"), w->keys);
        if (!rest) {
            return CTL_NEGATIVE;
        }
        if (json_array_size(rest) == 0) {
            json_array_remove(targets, i - 1);
            json_decref(rest);
        } else if (definition_put(ctl, target, "keys", rest) != CTL_OK) {
            return CTL_NEGATIVE;
        }
    }
    return CTL_OK;
}

/* The variant's target of the kind; made where there is none. NULL: reported. */
static json_t *target_of(const struct ctl *ctl, json_t *targets, const struct wish *w)
{
    size_t i;
    json_t *target;
    json_array_foreach(targets, i, target)
    {
        if (is_kind(target, w->kind) && is_variant(target, w->variant)) {
            return target;
        }
    }
    target = json_pack("{s:s, s:[]}", "variant", w->variant, "keys");
    if (target && w->kind && strcmp(w->kind, "user") != 0) {
        json_object_set_new(target, "kind", json_string(w->kind));
    }
    if (json_array_append_new(targets, target) != 0) {
        ctl_fail(ctl, "out of memory, or a text is not UTF-8");
        return NULL;
    }
    return target;
}

static int add_edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    const struct wish *w = arg;
    json_t *targets = definition_list(ctl, definition, "targets");
    if (!targets || !definition_variant(ctl, definition, w->variant) ||
        take_back(ctl, targets, w) != CTL_OK) {
        return CTL_NEGATIVE;
    }
    json_t *target = target_of(ctl, targets, w);
    json_t *keys = target ? keys_with(ctl, json_object_get(target, "keys"), w->keys) : NULL;
    return keys ? definition_put(ctl, target, "keys", keys) : CTL_NEGATIVE;
}

static int remove_edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    const struct wish *w = arg;
    json_t *targets = json_object_get(definition, "targets");
    const int code = take_back(ctl, targets, w);
    if (code == CTL_OK && targets && json_array_size(targets) == 0) {
        json_object_del(definition, "targets");
    }
    return code;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int take(const struct ctl *ctl, struct wish *w, int option, bool adds)
{
    switch (option) {
    case OPTION_KIND:
        w->kind = optarg;
        return CTL_OK;
    case OPTION_FILE:
        return keys_read(ctl, w->keys, optarg);
    case OPTIONS_WORD:
        if (!w->flag) {
            return flags_take_key(ctl, &w->flag);
        }
        return adds && !w->variant ? flags_take_key(ctl, &w->variant)
                                   : keys_add(ctl, w->keys, optarg);
    default:
        return CTL_USAGE;
    }
}

static int perform(const struct ctl *ctl, struct wish *w, bool adds)
{
    int code = flags_need_key(ctl, KEPT_FLAG, w->flag);
    if (code == CTL_OK && ((adds && !w->variant) || json_object_size(w->keys) == 0)) {
        code = ctl_usage(ctl, adds ? "which variant, and who gets it? Write FLAG VARIANT KEY..."
                                   : "who? Write FLAG KEY...");
    }
    const struct kept_edit change = {KEPT_FLAG,
                                     w->flag,
                                     adds ? add_edit : remove_edit,
                                     w,
                                     {.done = adds ? "targets added" : "targets removed"}};
    return code == CTL_OK ? kept_edit(ctl, &w->change, &change) : code;
}

static int run(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table)
{
    const bool adds = table == add_options;
    struct wish w = {.keys = json_object()};
    bool asked_help = false;
    int code = CTL_OK;
    int option;
    while (code == CTL_OK && !asked_help &&
           (option = change_next(ctl, &w.change, argc, argv, table)) != OPTIONS_END) {
        asked_help = option == OPTIONS_HELP;
        code = asked_help ? CTL_OK : take(ctl, &w, option, adds);
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
    return run(ctl, argc, argv, add_options);
}

static int remove_keys(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, remove_options);
}

/* ---- the commands --------------------------------------------------------------------------- */

static const struct ctl_command commands[] = {
    {"list", list, "the targets of a flag"},
    {"add", add, "give a variant to single contexts"},
    {"remove", remove_keys, "take that back"},
    {NULL, NULL, NULL},
};

static int help(void)
{
    output_text("usage: ffctl targets COMMAND FLAG [OPTION]...\n"
                "\n"
                "Looks at and changes the targets of a flag that the agent keeps: which contexts\n"
                "get a variant by their key, whatever rules and percentages say.\n"
                "\n");
    commands_print(commands);
    output_text("\n" FLAGS_HELP_END "  ffctl targets list new-checkout\n"
                "  ffctl targets add new-checkout on user-1 user-2\n"
                "  ffctl targets remove new-checkout user-1\n");
    return CTL_OK;
}

int ctl_targets(struct ctl *ctl, int argc, char **argv)
{
    commands_turn(argc, argv, commands);
    return commands_below(ctl, argc, argv, commands, help);
}
