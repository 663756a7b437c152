/*
 * ctl_rules_add.c - ffctl rules add: a rule out of conditions in a line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/condition_text.h"
#include "catalog/value_text.h"
#include "ctl_conditions.h"
#include "ctl_definition.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_rules.h"

enum {
    OPTION_IF = OPTIONS_OWN,
    OPTION_SERVE,
    OPTION_SPLIT,
    OPTION_PERCENTAGE,
    OPTION_NAME,
    OPTION_AT,
    OPTION_BUCKET_BY,
    OPTION_KIND,
};

static const struct ctl_option options[] = {
    OPTIONS_WORDS("FLAG"),
    {"if", required_argument, "CONDITION", OPTION_IF},
    {"serve", required_argument, "VARIANT", OPTION_SERVE},
    {"split", required_argument, "NAME=PERCENT", OPTION_SPLIT},
    {"percentage", required_argument, "PERCENT", OPTION_PERCENTAGE},
    {"name", required_argument, "TEXT", OPTION_NAME},
    {"at", required_argument, "0|PLACE", OPTION_AT},
    {"bucket-by", required_argument, "key|ATTRIBUTE", OPTION_BUCKET_BY},
    {"kind", required_argument, "user", OPTION_KIND},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct change change;
    const char *key;
    const char *serve;
    const char *at;
    const char *name;
    json_t *rule; /* what of it is known without the flag; owned */
    struct definition_shares shares;
};

static int help(void)
{
    output_text(
        "usage: ffctl rules add FLAG [--if CONDITION]... --serve VARIANT\n"
        "       ffctl rules add FLAG [--if CONDITION]... --split VARIANT=PERCENT,...\n"
        "\n"
        "Adds a targeting rule: whoever meets all conditions gets the variant, unless a target\n"
        "or a rule before it decides.\n"
        "\n" CONDITIONS_HELP "  --serve VARIANT\n"
        "              what they get\n"
        "  --split VARIANT=PERCENT,...\n"
        "              or: divides them\n"
        "  --percentage PERCENT\n"
        "              the share of the matching ones that the rule takes (default: 100); the\n"
        "              others go on to the next rule\n"
        "  --name TEXT what it is called, wherever it decides\n"
        "  --at PLACE  where, counted from 0 (default: behind the others)\n"
        "  --bucket-by ATTRIBUTE\n"
        "              what percentages divide (default: key)\n"
        "  --kind KIND whose attribute that is (default: user)\n" CHANGE_HELP FLAGS_HELP_END
        "  ffctl rules add new-checkout --if 'country in US, CA' --serve on\n"
        "  ffctl rules add new-checkout --if 'plan equals premium' --if 'age >= 18' \\\n"
        "      --serve on --percentage 25 --name grown-ups --at 0\n"
        "  ffctl rules add banner --if 'not in segment staff' --split blue=50,green=50\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int add_shares(const struct ctl *ctl, struct wish *w)
{
    const char *rest = optarg;
    const char *share;
    size_t length;
    int code = CTL_OK;
    while (code == CTL_OK && value_text_next(&rest, &share, &length)) {
        code = definition_shares_add(ctl, &w->shares, share, length);
    }
    return code;
}

static int put_percentage(const struct ctl *ctl, struct wish *w)
{
    json_t *percent = definition_percent(optarg, strlen(optarg));
    return percent ? definition_put(ctl, w->rule, "percentage", percent)
                   : ctl_usage(ctl, "--percentage '%s': a number from 0 to 100", optarg);
}

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_IF:
        return conditions_add(ctl, w->rule, optarg);
    case OPTION_SERVE:
        w->serve = optarg;
        return CTL_OK;
    case OPTION_SPLIT:
        return add_shares(ctl, w);
    case OPTION_PERCENTAGE:
        return put_percentage(ctl, w);
    case OPTION_NAME:
        w->name = optarg;
        return CTL_OK;
    case OPTION_AT:
        w->at = optarg;
        return CTL_OK;
    case OPTION_BUCKET_BY:
        return definition_put(ctl, w->rule, "bucket_by", json_string(optarg));
    case OPTION_KIND:
        return definition_put(ctl, w->rule, "kind", json_string(optarg));
    case OPTIONS_WORD:
        return flags_take_key(ctl, &w->key);
    default:
        return CTL_USAGE;
    }
}

/* ---- the definition ------------------------------------------------------------------------- */

static bool has_name(const json_t *rules, const char *name)
{
    char buffer[DEFINITION_RULE];
    for (size_t i = 0; i < json_array_size(rules); i++) {
        if (strcmp(definition_rule_name(rules, i, buffer), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Every rule that is added has a name, so that it can be moved and stays itself. */
static int put_name(const struct ctl *ctl, const json_t *rules, json_t *rule, const char *wanted)
{
    char name[DEFINITION_RULE];
    if (wanted && has_name(rules, wanted)) {
        return ctl_fail(ctl, "there is a rule '%s' already", wanted);
    }
    for (size_t i = json_array_size(rules); !wanted; i++) {
        snprintf(name, sizeof name, "rule-%zu", i);
        if (!has_name(rules, name)) {
            wanted = name;
        }
    }
    return definition_put(ctl, rule, "name", json_string(wanted));
}

static int put_served(const struct ctl *ctl, const json_t *definition, json_t *rule,
                      const struct wish *w)
{
    if (w->serve) {
        return definition_variant(ctl, definition, w->serve)
                   ? definition_put(ctl, rule, "variant", json_string(w->serve))
                   : CTL_NEGATIVE;
    }
    json_t *shares = definition_divide(ctl, definition, &w->shares, NULL);
    return shares ? definition_put(ctl, rule, "percentages", shares) : CTL_NEGATIVE;
}

static int edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    const struct wish *w = arg;
    json_t *rules = definition_list(ctl, definition, "targeting_rules");
    json_t *rule = json_object();
    int code = rules && rule ? put_name(ctl, rules, rule, w->name) : CTL_NEGATIVE;
    if (code == CTL_OK && json_object_update(rule, w->rule) != 0) {
        code = ctl_fail(ctl, "out of memory");
    }
    code = code == CTL_OK ? put_served(ctl, definition, rule, w) : code;
    if (code != CTL_OK) {
        json_decref(rule);
        return code;
    }
    return rules_insert(ctl, rules, w->at, rule);
}

static int add(const struct ctl *ctl, struct wish *w)
{
    int code = flags_need_key(ctl, KEPT_FLAG, w->key);
    if (code == CTL_OK && (w->serve != NULL) == (w->shares.count > 0)) {
        code = ctl_usage(ctl, "what do they get? Either --serve VARIANT, or --split "
                              "VARIANT=PERCENT,...");
    }
    const struct kept_edit change = {KEPT_FLAG, w->key, edit, w, {.done = "rule added"}};
    return code == CTL_OK ? kept_edit(ctl, &w->change, &change) : code;
}

int rules_add(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.rule = json_object()};
    bool asked_help = false;
    int code = CTL_OK;
    int option;
    while (code == CTL_OK && !asked_help &&
           (option = change_next(ctl, &w.change, argc, argv, options)) != OPTIONS_END) {
        asked_help = option == OPTIONS_HELP;
        code = asked_help ? CTL_OK : take(ctl, &w, option);
    }
    if (asked_help) {
        code = help();
    } else if (code == CTL_OK) {
        code = add(ctl, &w);
    }
    definition_shares_free(&w.shares);
    json_decref(w.rule);
    return code;
}
