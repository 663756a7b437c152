/*
 * ctl_segments_create.c - ffctl segments create: a segment out of a file, or out of options.
 */
#include <stdio.h>
#include <string.h>

#include "catalog/value_text.h"
#include "ctl_conditions.h"
#include "ctl_create.h"
#include "ctl_definition.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"

enum {
    OPTION_FILE = OPTIONS_OWN,
    OPTION_IF,
    OPTION_PERCENTAGE,
    OPTION_INCLUDE,
    OPTION_EXCLUDE,
    OPTION_KIND,
    OPTION_NAME,
    OPTION_DESCRIPTION,
    OPTION_OWNER,
    OPTION_TAG,
    OPTION_TAKE_OVER,
};

static const struct ctl_option options[] = {
    OPTIONS_WORDS("KEY"),
    {"file", required_argument, "FILE", OPTION_FILE},
    {"if", required_argument, "CONDITION", OPTION_IF},
    {"percentage", required_argument, "PERCENT", OPTION_PERCENTAGE},
    {"include", required_argument, "KEY", OPTION_INCLUDE},
    {"exclude", required_argument, "KEY", OPTION_EXCLUDE},
    {"kind", required_argument, "user", OPTION_KIND},
    {"name", required_argument, "TEXT", OPTION_NAME},
    {"description", required_argument, "TEXT", OPTION_DESCRIPTION},
    {"owner", required_argument, "TEXT", OPTION_OWNER},
    {"tag", required_argument, "TAG", OPTION_TAG},
    {"take-over", no_argument, NULL, OPTION_TAKE_OVER},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct creation creation;
    json_t *definition; /* owned, as the rule */
    json_t *rule;       /* of conditions and percentage; empty: there is none */
};

static int help(void)
{
    output_text(
        "usage: ffctl segments create KEY [--if CONDITION]... [--percentage PERCENT]\n"
        "                                 [--include KEY,...] [--exclude KEY,...]\n"
        "       ffctl segments create KEY --file FILE\n"
        "\n"
        "Makes a segment: a set of contexts that rules of flags can name.\n"
        "\n" CONDITIONS_HELP "  --percentage PERCENT\n"
        "              only this share of those who meet the conditions\n"
        "  --include KEY,..., --exclude KEY,...\n"
        "              who is in, and who is not, whatever the conditions say\n"
        "  --kind KIND what kind of contexts are in it (default: user)\n"
        "  --name TEXT, --description TEXT, --owner TEXT\n"
        "              for people\n"
        "  --tag TAG   any number of them\n"
        "  --file FILE its definition, YAML or JSON (- is stdin): docs/definitions.md\n"
        "  --take-over also where a file or LaunchDarkly has a segment of this key, whose\n"
        "              place it takes\n" CHANGE_HELP FLAGS_HELP_END
        "  ffctl segments create staff --if 'email ends with @example.com'\n"
        "  ffctl segments create beta --include user-1,user-2 --name 'Beta testers'\n"
        "  ffctl segments create large --kind org --if 'org:seats > 100' --percentage 10\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int add_keys(const struct ctl *ctl, json_t *definition, const char *list)
{
    const char *rest = optarg;
    const char *key;
    size_t length;
    json_t *keys = definition_list(ctl, definition, list);
    if (!keys) {
        return CTL_NEGATIVE;
    }
    while (value_text_next(&rest, &key, &length)) {
        if (length == 0) {
            return ctl_usage(ctl, "'%s': a key is missing", optarg);
        }
        json_t *text = key[0] == '"' ? value_text_read(key, length) : json_stringn(key, length);
        if (json_array_append_new(keys, text) != 0) {
            return ctl_fail(ctl, "out of memory, or a key is not UTF-8");
        }
    }
    return CTL_OK;
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
    case OPTION_FILE:
        w->creation.file = optarg;
        return CTL_OK;
    case OPTION_IF:
        return conditions_add(ctl, w->rule, optarg);
    case OPTION_PERCENTAGE:
        return put_percentage(ctl, w);
    case OPTION_INCLUDE:
        return add_keys(ctl, w->definition, "included");
    case OPTION_EXCLUDE:
        return add_keys(ctl, w->definition, "excluded");
    case OPTION_KIND:
        return create_put_text(ctl, w->definition, "kind");
    case OPTION_NAME:
        return create_put_text(ctl, w->definition, "name");
    case OPTION_DESCRIPTION:
        return create_put_text(ctl, w->definition, "description");
    case OPTION_OWNER:
        return create_put_text(ctl, w->definition, "owner");
    case OPTION_TAG:
        return create_add_text(ctl, w->definition, "tags");
    case OPTION_TAKE_OVER:
        w->creation.take_over = true;
        return CTL_OK;
    case OPTIONS_WORD:
        return flags_take_key(ctl, &w->creation.key);
    default:
        return CTL_USAGE;
    }
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int create(const struct ctl *ctl, struct wish *w)
{
    const bool rule = json_object_size(w->rule) > 0;
    int code = flags_need_key(ctl, KEPT_SEGMENT, w->creation.key);
    if (code == CTL_OK && w->creation.file && (rule || json_object_size(w->definition) > 0)) {
        code = ctl_usage(ctl, "--file has the whole definition: nothing else goes with it");
    }
    if (code == CTL_OK && w->creation.file) {
        return create_of_file(ctl, &w->creation);
    }
    if (code == CTL_OK && rule) {
        json_t *rules = definition_list(ctl, w->definition, "rules");
        code = json_array_append(rules, w->rule) == 0 ? CTL_OK : ctl_fail(ctl, "out of memory");
    }
    return code == CTL_OK ? create_definition(ctl, &w->creation, w->definition) : code;
}

int segments_create(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {
        .creation = {.kind = KEPT_SEGMENT}, .definition = json_object(), .rule = json_object()};
    bool asked_help = false;
    int code = CTL_OK;
    int option;
    while (code == CTL_OK && !asked_help &&
           (option = change_next(ctl, &w.creation.change, argc, argv, options)) != OPTIONS_END) {
        asked_help = option == OPTIONS_HELP;
        code = asked_help ? CTL_OK : take(ctl, &w, option);
    }
    if (asked_help) {
        code = help();
    } else if (code == CTL_OK) {
        code = create(ctl, &w);
    }
    json_decref(w.definition);
    json_decref(w.rule);
    return code;
}
