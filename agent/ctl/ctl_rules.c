/*
 * ctl_rules.c - ffctl rules list | add | remove | move: who else gets what, by attributes.
 */
#include "ctl_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/condition_text.h"
#include "ctl_commands.h"
#include "ctl_definition.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_table.h"

static const struct ctl_option list_options[] = {OPTIONS_WORDS("FLAG"), OPTIONS_COMMON};
static const struct ctl_option remove_options[] = {OPTIONS_WORDS("FLAG RULE"), CHANGE_OPTIONS,
                                                   OPTIONS_COMMON};
static const struct ctl_option move_options[] = {OPTIONS_WORDS("FLAG RULE PLACE"), CHANGE_OPTIONS,
                                                 OPTIONS_COMMON};

/* ---- list ----------------------------------------------------------------------------------- */

static int list_help(void)
{
    output_text("usage: ffctl rules list FLAG\n"
                "\n"
                "Lists the targeting rules of a flag, in their order: the first that matches\n"
                "decides. Places are counted from 0.\n"
                "\n" FLAGS_HELP_END "  ffctl rules list new-checkout\n"
                "  ffctl rules list new-checkout --json | jq -r '.items[].name'\n");
    return CTL_OK;
}

/* A rule's conditions, each in one line. NULL: no memory. */
static json_t *conditions_of(const json_t *rule)
{
    json_t *texts = json_array();
    const json_t *conditions = json_object_get(rule, "conditions");
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        char *text = condition_text_write(json_array_get(conditions, i));
        json_t *line = text ? json_string(text) : NULL;
        free(text);
        if (json_array_append_new(texts, line) != 0) {
            json_decref(texts);
            return NULL;
        }
    }
    return texts;
}

json_t *rules_describe(const json_t *rules)
{
    char name[DEFINITION_RULE];
    json_t *items = json_array();
    for (size_t i = 0; i < json_array_size(rules); i++) {
        json_t *rule = json_array_get(rules, i);
        json_t *item = json_pack("{s:i, s:s, s:o, s:O}", "place", (int)i, "name",
                                 definition_rule_name(rules, i, name), "if", conditions_of(rule),
                                 "rule", rule);
        if (json_array_append_new(items, item) != 0) {
            json_decref(items);
            return NULL;
        }
    }
    return items;
}

static void put_conditions(char cell[TABLE_CELL], const json_t *conditions)
{
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(conditions) && used < TABLE_CELL; i++) {
        used += (size_t)snprintf(cell + used, TABLE_CELL - used, "%s%s", i > 0 ? " and " : "",
                                 json_string_value(json_array_get(conditions, i)));
    }
    if (json_array_size(conditions) == 0) {
        snprintf(cell, TABLE_CELL, "everybody");
    }
}

/* "on", "50 %: on", "on 50 %, off 25 %" */
static void put_served(char cell[TABLE_CELL], const json_t *rule)
{
    const json_t *limit = json_object_get(rule, "percentage");
    const char *variant = json_string_value(json_object_get(rule, "variant"));
    const char *name;
    json_t *share;
    size_t used = 0;
    if (json_is_number(limit)) {
        used += (size_t)snprintf(cell, TABLE_CELL, "%g %%: ", json_number_value(limit));
    }
    if (variant) {
        snprintf(cell + used, TABLE_CELL - used, "%s", variant);
        return;
    }
    const char *comma = "";
    json_object_foreach(json_object_get(rule, "percentages"), name, share)
    {
        if (used < TABLE_CELL) {
            used += (size_t)snprintf(cell + used, TABLE_CELL - used, "%s%s %g %%", comma, name,
                                     json_number_value(share));
        }
        comma = ", ";
    }
}

static void row(const json_t *item, table_cells cells)
{
    snprintf(cells[0], TABLE_CELL, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(item, "place")));
    table_text(cells[1], item, "name");
    put_conditions(cells[2], json_object_get(item, "if"));
    put_served(cells[3], json_object_get(item, "rule"));
}

static int print(const struct ctl *ctl, const char *key, json_t *items)
{
    static const char *const heads[] = {"RULE", "NAME", "IF", "SERVES"};
    if (!items) {
        return ctl_fail(ctl, "out of memory");
    }
    if (ctl->json) {
        json_t *whole = json_pack("{s:s, s:O}", "flag", key, "items", items);
        client_print_json(whole);
        json_decref(whole);
    } else if (json_array_size(items) == 0) {
        output_text("no rule\n");
    } else {
        table_print(ctl, heads, sizeof heads / sizeof *heads, items, row);
    }
    json_decref(items);
    return CTL_OK;
}

static int list(struct ctl *ctl, int argc, char **argv)
{
    const char *key = NULL;
    int option;
    while ((option = options_next(ctl, argc, argv, list_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return list_help();
        }
        const int code = option == OPTIONS_WORD ? flags_take_key(ctl, &key) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    struct client_answer got;
    int code = flags_need_key(ctl, KEPT_FLAG, key);
    if (code != CTL_OK) {
        return code;
    }
    code = kept_get(ctl, KEPT_FLAG, key, &got);
    json_t *definition = code == CTL_OK ? kept_definition(ctl, KEPT_FLAG, key, &got) : NULL;
    code = definition
               ? print(ctl, key, rules_describe(json_object_get(definition, "targeting_rules")))
               : CTL_NEGATIVE;
    json_decref(definition);
    client_free(&got);
    return code;
}

/* ---- remove, move --------------------------------------------------------------------------- */

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct change change;
    const char *words[3]; /* the flag, the rule, the place */
    size_t count;
};

/* A rule without a name goes by its place, which is also a part of what its percentage draws lots
   with: as places change, it is given the name that it went by. */
static int keep_names(const struct ctl *ctl, json_t *rules, size_t from)
{
    char name[DEFINITION_RULE];
    int code = CTL_OK;
    for (size_t i = from; i < json_array_size(rules) && code == CTL_OK; i++) {
        json_t *rule = json_array_get(rules, i);
        if (!json_object_get(rule, "name")) {
            code = definition_put(ctl, rule, "name",
                                  json_string(definition_rule_name(rules, i, name)));
        }
    }
    return code;
}

int rules_insert(const struct ctl *ctl, json_t *rules, const char *place, json_t *rule)
{
    char *end;
    const size_t count = json_array_size(rules);
    const unsigned long at = place ? strtoul(place, &end, 10) : count;
    if (place && (place[0] < '0' || place[0] > '9' || *end || at > count)) {
        json_decref(rule);
        return ctl_fail(ctl, "there is no place '%s': write 0 to %zu, 0 being the first", place,
                        count);
    }
    const int code = keep_names(ctl, rules, at);
    if (code != CTL_OK) {
        json_decref(rule);
        return code;
    }
    return json_array_insert_new(rules, at, rule) == 0 ? CTL_OK : ctl_fail(ctl, "out of memory");
}

static int remove_edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    const struct wish *w = arg;
    json_t *rules = json_object_get(definition, "targeting_rules");
    const int at = definition_rule(ctl, rules, w->words[1]);
    const int code = at < 0 ? CTL_NEGATIVE : keep_names(ctl, rules, (size_t)at + 1);
    if (code == CTL_OK) {
        json_array_remove(rules, (size_t)at);
    }
    return code;
}

static int move_edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    const struct wish *w = arg;
    json_t *rules = json_object_get(definition, "targeting_rules");
    const int at = definition_rule(ctl, rules, w->words[1]);
    const int code = at < 0 ? CTL_NEGATIVE : keep_names(ctl, rules, 0);
    if (code != CTL_OK) {
        return code;
    }
    json_t *rule = json_incref(json_array_get(rules, (size_t)at));
    json_array_remove(rules, (size_t)at);
    return rules_insert(ctl, rules, w->words[2], rule);
}

static int remove_help(void)
{
    output_text("usage: ffctl rules remove FLAG RULE [--reason TEXT] [--dry-run] [--yes]\n"
                "\n"
                "Takes a rule out of a flag. RULE is its name, or its place, counted from 0.\n"
                "\n" CHANGE_HELP FLAGS_HELP_END "  ffctl rules remove new-checkout staff\n"
                "  ffctl rules remove new-checkout 0 --dry-run\n");
    return CTL_OK;
}

static int move_help(void)
{
    output_text("usage: ffctl rules move FLAG RULE PLACE [--reason TEXT] [--dry-run] [--yes]\n"
                "\n"
                "Puts a rule of a flag at another place. RULE is its name, or its place, counted\n"
                "from 0; 0 is asked first.\n"
                "\n" CHANGE_HELP FLAGS_HELP_END "  ffctl rules move new-checkout staff 0\n");
    return CTL_OK;
}

static int take_word(const struct ctl *ctl, struct wish *w, size_t most)
{
    if (w->count == most) {
        return ctl_usage(ctl, "'%s' is one word too many", optarg);
    }
    w->words[w->count++] = optarg;
    return CTL_OK;
}

static int edit(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table,
                const struct kept_edit *what)
{
    struct wish w = {.count = 0};
    const size_t most = table == move_options ? 3 : 2;
    int option;
    while ((option = change_next(ctl, &w.change, argc, argv, table)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return table == move_options ? move_help() : remove_help();
        }
        const int code = option == OPTIONS_WORD ? take_word(ctl, &w, most) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    if (w.count < most) {
        return ctl_usage(ctl, most == 3 ? "which flag, which rule, and what place shall it have?"
                                        : "which flag, and which rule?");
    }
    struct kept_edit change = *what;
    change.key = w.words[0];
    change.arg = &w;
    return kept_edit(ctl, &w.change, &change);
}

static int remove_rule(struct ctl *ctl, int argc, char **argv)
{
    const struct kept_edit what = {.edit = remove_edit, .words = {.done = "rule removed"}};
    return edit(ctl, argc, argv, remove_options, &what);
}

static int move_rule(struct ctl *ctl, int argc, char **argv)
{
    const struct kept_edit what = {.edit = move_edit, .words = {.done = "rule moved"}};
    return edit(ctl, argc, argv, move_options, &what);
}

/* ---- the commands --------------------------------------------------------------------------- */

static const struct ctl_command commands[] = {
    {"list", list, "the rules of a flag, in their order"},
    {"add", rules_add, "one more: conditions, and what is served"},
    {"remove", remove_rule, "one less"},
    {"move", move_rule, "another order"},
    {NULL, NULL, NULL},
};

static int help(void)
{
    output_text(
        "usage: ffctl rules COMMAND FLAG [OPTION]...\n"
        "\n"
        "Looks at and changes the targeting rules of a flag that the agent keeps: from top\n"
        "to bottom, the first that matches decides.\n"
        "\n");
    commands_print(commands);
    output_text("\n" FLAGS_HELP_END "  ffctl rules list new-checkout\n"
                "  ffctl rules remove new-checkout staff\n"
                "  ffctl rules move new-checkout staff 0\n");
    return CTL_OK;
}

int ctl_rules(struct ctl *ctl, int argc, char **argv)
{
    commands_turn(argc, argv, commands);
    return commands_below(ctl, argc, argv, commands, help);
}
