/*
 * ctl_rollout.c - ffctl rollout: how many get which variant, of everybody or of those whom a rule
 * takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_definition.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"

enum {
    OPTION_RULE = OPTIONS_OWN,
    OPTION_BUCKET_BY,
    OPTION_KIND,
};

static const struct ctl_option options[] = {
    OPTIONS_WORDS("FLAG"),
    {"rule", required_argument, "RULE", OPTION_RULE},
    {"bucket-by", required_argument, "key|ATTRIBUTE", OPTION_BUCKET_BY},
    {"kind", required_argument, "user", OPTION_KIND},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct change change;
    const char *key;
    const char *rule; /* NULL: everybody whom no rule takes */
    const char *bucket_by;
    const char *kind;
    const char *single; /* a percentage alone */
    struct definition_shares shares;
    bool disabled; /* the flag is */
};

static int help(void)
{
    output_text(
        "usage: ffctl rollout FLAG PERCENT\n"
        "       ffctl rollout FLAG VARIANT=PERCENT...\n"
        "       ffctl rollout FLAG --rule RULE PERCENT|VARIANT=PERCENT...\n"
        "\n"
        "Sets how many get which variant, of those whom no target and no rule takes. Who is\n"
        "among them is a matter of their key and the flag's: the same ones everywhere and\n"
        "always, and whoever has a variant at 10 % has it at 20 %, too. What is left over\n"
        "goes to the default variant; of two, to the other one. PERCENT alone is for boolean\n"
        "flags: so many get true.\n"
        "\n"
        "  --rule RULE of those whom this rule takes (its name, or its place, from 0). PERCENT\n"
        "              alone: so many of the matching ones it takes, the others go on to the\n"
        "              next rule\n"
        "  --bucket-by ATTRIBUTE\n"
        "              what is divided: all with the same attribute get the same (default: key)\n"
        "  --kind KIND whose attribute that is (default: user)\n" CHANGE_HELP FLAGS_HELP_END
        "  ffctl rollout new-checkout 10%\n"
        "  ffctl rollout banner blue=50 green=25 red=25 --reason 'the test begins'\n"
        "  ffctl rollout new-checkout 100 --dry-run\n"
        "  ffctl rollout new-checkout --rule staff 50%\n"
        "  ffctl rollout new-checkout 20% --bucket-by company_id\n");
    return CTL_OK;
}

/* ---- the definition ------------------------------------------------------------------------- */

/* A percentage alone is a share of the variant that is true. */
static int take_single(const struct ctl *ctl, const json_t *definition, struct wish *w)
{
    const char *variant = definition_true_variant(definition);
    if (!variant) {
        return ctl_usage(ctl,
                         "'%s' alone is for flags that have the values true and false: which "
                         "variant is meant? Write VARIANT=PERCENT",
                         w->single);
    }
    w->shares.count = 1;
    w->shares.at[0].name = variant;
    w->shares.at[0].length = strlen(variant);
    w->shares.at[0].percent = definition_percent(w->single, strlen(w->single));
    return CTL_OK;
}

static int put_bucket(const struct ctl *ctl, json_t *object, const struct wish *w)
{
    int code = CTL_OK;
    if (w->bucket_by) {
        code = definition_put(ctl, object, "bucket_by", json_string(w->bucket_by));
    }
    if (code == CTL_OK && w->kind) {
        code = definition_put(ctl, object, "kind", json_string(w->kind));
    }
    return code;
}

static int divide_everybody(const struct ctl *ctl, json_t *definition, const struct wish *w)
{
    size_t i;
    json_t *variant;
    json_t *shares = definition_divide(ctl, definition, &w->shares, NULL);
    if (!shares) {
        return CTL_NEGATIVE;
    }
    json_array_foreach(json_object_get(definition, "variants"), i, variant)
    {
        const char *key = json_string_value(json_object_get(variant, "key"));
        json_t *share = key ? json_object_get(shares, key) : NULL;
        json_object_del(variant, "percentage");
        if (share) {
            json_object_set(variant, "percentage", share);
        }
    }
    json_decref(shares);
    return put_bucket(ctl, definition, w);
}

static int divide_rule(const struct ctl *ctl, json_t *definition, const struct wish *w)
{
    const json_t *rules = json_object_get(definition, "targeting_rules");
    const int at = definition_rule(ctl, rules, w->rule);
    json_t *rule = json_array_get(rules, (size_t)at);
    if (at < 0) {
        return CTL_NEGATIVE;
    }
    if (w->single) {
        json_t *percent = definition_percent(w->single, strlen(w->single));
        const int code = definition_put(ctl, rule, "percentage", percent);
        return code == CTL_OK ? put_bucket(ctl, rule, w) : code;
    }
    json_t *shares =
        definition_divide(ctl, definition, &w->shares, json_object_get(rule, "percentages"));
    if (!shares) {
        return CTL_NEGATIVE;
    }
    json_object_del(rule, "variant");
    const int code = definition_put(ctl, rule, "percentages", shares);
    return code == CTL_OK ? put_bucket(ctl, rule, w) : code;
}

static int edit(const struct ctl *ctl, json_t *definition, void *arg)
{
    struct wish *w = arg;
    w->disabled = json_is_false(json_object_get(definition, "enabled"));
    if (w->rule) {
        return divide_rule(ctl, definition, w);
    }
    if (!w->single) {
        return divide_everybody(ctl, definition, w);
    }
    int code = take_single(ctl, definition, w);
    code = code == CTL_OK ? divide_everybody(ctl, definition, w) : code;
    definition_shares_free(&w->shares); /* of this definition */
    return code;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int take_share(const struct ctl *ctl, struct wish *w)
{
    json_t *single = strchr(optarg, '=') ? NULL : definition_percent(optarg, strlen(optarg));
    if (w->single || (single && w->shares.count > 0)) {
        json_decref(single);
        return ctl_usage(ctl, "either a percentage alone, or VARIANT=PERCENT of each");
    }
    if (single) {
        w->single = optarg;
        json_decref(single);
        return CTL_OK;
    }
    return definition_shares_add(ctl, &w->shares, optarg, strlen(optarg));
}

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_RULE:
        w->rule = optarg;
        return CTL_OK;
    case OPTION_BUCKET_BY:
        w->bucket_by = optarg;
        return CTL_OK;
    case OPTION_KIND:
        w->kind = optarg;
        return CTL_OK;
    case OPTIONS_WORD:
        return w->key ? take_share(ctl, w) : flags_take_key(ctl, &w->key);
    default:
        return CTL_USAGE;
    }
}

static int roll_out(const struct ctl *ctl, struct wish *w)
{
    int code = flags_need_key(ctl, KEPT_FLAG, w->key);
    if (code == CTL_OK && !w->single && w->shares.count == 0) {
        code = ctl_usage(ctl, "how far? Write a percentage, or VARIANT=PERCENT of each");
    }
    if (code != CTL_OK) {
        return code;
    }
    const struct kept_edit change = {KEPT_FLAG, w->key, edit, w, {.done = "rolled out"}};
    code = kept_edit(ctl, &w->change, &change);
    if (code == CTL_OK && w->disabled && !w->change.dry_run) {
        ctl_fail(ctl, "the flag is disabled, and serves its fallback variant: ffctl flags enable");
    }
    return code;
}

int ctl_rollout(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {0};
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
        code = roll_out(ctl, &w);
    }
    definition_shares_free(&w.shares);
    return code;
}
