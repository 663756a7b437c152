/*
 * ctl_import.c - ffctl import native | ld: the command lines, and what files say.
 */
#include "ctl_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"
#include "catalog/native_raise.h"
#include "ctl_commands.h"
#include "ctl_options.h"
#include "ctl_output.h"

enum {
    OPTION_REPLACE = OPTIONS_OWN,
    OPTION_SKIP_REFUSED,
};

/* clang-format off */
static const struct ctl_option native_options[] = {
    OPTIONS_WORDS("FILE..."),
    {"replace", no_argument, NULL, OPTION_REPLACE},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
static const struct ctl_option ld_options[] = {
    OPTIONS_WORDS("FILE..."),
    {"replace", no_argument, NULL, OPTION_REPLACE},
    {"skip-refused", no_argument, NULL, OPTION_SKIP_REFUSED},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
/* clang-format on */

#define HELP_REPLACE                                                                               \
    "  --replace   what the agent keeps and is not in it is deleted (archived ones stay)\n"

#define HELP_END                                                                                   \
    "  --dir DIR, --json, --text, -h, --help\n"                                                    \
    "\n"                                                                                           \
    "Exit codes\n"                                                                                 \
    "  0  done, all of it\n"                                                                       \
    "  1  nothing is done: a fault in a file, refused, not confirmed, or no agent\n"               \
    "  2  wrong usage\n"                                                                           \
    "\n"                                                                                           \
    "Examples\n"

static int native_help(void)
{
    output_text("usage: ffctl import native FILE... [--replace]\n"
                "\n"
                "Makes the flags and segments of definition files (YAML or JSON, - is stdin) the\n"
                "agent's own, in one change: all of them, or none. At a terminal it is shown what\n"
                "changes, and asked. What the agent keeps besides stays.\n"
                "\n" HELP_REPLACE CHANGE_HELP HELP_END
                "  ffctl import native flags.yaml --dry-run\n"
                "  ffctl import native flags/*.yaml --reason 'the move from files'\n"
                "  ffctl import native backup.yaml --replace\n");
    return CTL_OK;
}

static int ld_help(void)
{
    output_text(
        "usage: ffctl import ld FILE... [--replace] [--skip-refused]\n"
        "\n"
        "The same of files in LaunchDarkly's format, which are what its SDKs get; they are\n"
        "made native definitions. Everybody gets the same as there, percentages included;\n"
        "a flag of which that cannot be said is refused, with the reason. So are big\n"
        "segments and experiments. What is told to LaunchDarkly of evaluations is not part\n"
        "of a definition, and is noted.\n"
        "\n" HELP_REPLACE "  --skip-refused\n"
        "              import the others\n" CHANGE_HELP HELP_END
        "  curl -H \"Authorization: $LAUNCHDARKLY_SDK_KEY\" \\\n"
        "      https://sdk.launchdarkly.com/sdk/latest-all >flags.json\n"
        "  ffctl import ld flags.json --dry-run\n");
    return CTL_OK;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Moves the items of a section into the document's. CTL_OK, or reported: it is there already. */
static int add_section(const struct ctl *ctl, const struct import *m, const char *name,
                       const char *section, json_t *items)
{
    const char *key;
    json_t *item;
    json_t *all = json_object_get(m->document, section);
    json_object_foreach(items, key, item)
    {
        if (json_object_get(all, key)) {
            return ctl_fail(ctl, "%s: %s.%s is in another of these files, too", name, section, key);
        }
        if (json_object_set(all, key, item) != 0) {
            return ctl_fail(ctl, "out of memory");
        }
    }
    return CTL_OK;
}

static int add_document(const struct ctl *ctl, const struct import *m, const char *name,
                        const json_t *document)
{
    static const char *const sections[] = {"flags", "segments"};
    int code = CTL_OK;
    for (size_t i = 0; i < 2 && code == CTL_OK; i++) {
        json_t *items = json_object_get(document, sections[i]);
        code = !items || json_is_object(items)
                   ? add_section(ctl, m, name, sections[i], items)
                   : ctl_fail(ctl, "%s: %s: must be an object: each key with its definition", name,
                              sections[i]);
    }
    return code;
}

static int check_native(const struct ctl *ctl, const struct text *text)
{
    static const char *const members[] = {"ffshm", "flags", "segments", NULL};
    const char *name;
    json_t *value;
    if (!json_object_get(text->json, "ffshm")) {
        return ctl_fail(ctl,
                        "%s: does not begin with ffshm: 1; ffctl import ld takes "
                        "LaunchDarkly's format",
                        text->name);
    }
    json_object_foreach(text->json, name, value)
    {
        size_t i = 0;
        while (members[i] && strcmp(members[i], name) != 0) {
            i++;
        }
        if (!members[i]) {
            return ctl_fail(ctl, "%s: there is no member \"%s\": they are ffshm, flags, segments",
                            text->name, name);
        }
    }
    return CTL_OK;
}

int import_read_native(const struct ctl *ctl, struct import *m)
{
    int code = CTL_OK;
    while (m->read < m->count && code == CTL_OK) {
        struct text *text = &m->texts[m->read];
        code = text_load(ctl, m->names[m->read++], text);
        code = code == CTL_OK ? check_native(ctl, text) : code;
        code = code == CTL_OK ? add_document(ctl, m, text->name, text->json) : code;
    }
    return code;
}

/* "flag x: an experiment", to stderr. */
static void tell_list(const struct ctl *ctl, const json_t *list, const char *member,
                      const char *before)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        ctl_fail(ctl, "%s %s: %s%s", json_string_value(json_object_get(item, "kind")),
                 json_string_value(json_object_get(item, "key")), before,
                 json_string_value(json_object_get(item, member)));
    }
}

static int add_raised(const struct ctl *ctl, struct import *m, const struct text *text)
{
    struct native_raised raised;
    struct fault fault = {0};
    char why[1500];
    int code = CTL_OK;
    if (native_raise(text->json, &raised, &fault) != 0) {
        document_locate(text->bytes, text->length, text->name, &fault);
        fault_text(&fault, why, sizeof why);
        code = ctl_fail(ctl, "%s", why);
    } else {
        tell_list(ctl, raised.refused, "reason", "refused: ");
        tell_list(ctl, raised.noted, "note", "not part of a definition: ");
        if (json_array_size(raised.refused) > 0 && !m->skips) {
            code = ctl_fail(ctl,
                            "%zu of it cannot be said in a definition; --skip-refused leaves "
                            "them out",
                            json_array_size(raised.refused));
        }
    }
    code = code == CTL_OK ? add_document(ctl, m, text->name, raised.document) : code;
    native_raised_free(&raised);
    return code;
}

int import_read_launchdarkly(const struct ctl *ctl, struct import *m)
{
    int code = CTL_OK;
    for (size_t i = 0; i < m->count && code == CTL_OK; i++) {
        struct text text;
        code = text_load(ctl, m->names[i], &text);
        code = code == CTL_OK ? add_raised(ctl, m, &text) : code;
        text_free(&text);
    }
    return code;
}

/* ---- the command line ----------------------------------------------------------------------- */

static int take(const struct ctl *ctl, struct import *m, int option)
{
    switch (option) {
    case OPTION_REPLACE:
        m->replaces = true;
        return CTL_OK;
    case OPTION_SKIP_REFUSED:
        m->skips = true;
        return CTL_OK;
    case OPTIONS_WORD:
        if (m->count == IMPORT_FILES) {
            return ctl_usage(ctl, "more than %d files", IMPORT_FILES);
        }
        m->names[m->count++] = optarg;
        return CTL_OK;
    default:
        return CTL_USAGE;
    }
}

typedef int read_fn(const struct ctl *ctl, struct import *m);

static int import(const struct ctl *ctl, struct import *m, read_fn *read)
{
    if (m->count == 0) {
        return ctl_usage(ctl, "which file? (- is stdin)");
    }
    m->document = json_pack("{s:{}, s:{}}", "flags", "segments");
    int code = m->document ? read(ctl, m) : ctl_fail(ctl, "out of memory");
    code = code == CTL_OK ? import_document(ctl, m) : code;
    for (size_t i = 0; i < m->read; i++) {
        text_free(&m->texts[i]);
    }
    json_decref(m->document);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table,
               read_fn *read, int (*help)(void))
{
    struct import *m = calloc(1, sizeof *m);
    bool asked_help = false;
    int code = CTL_OK;
    int option;
    if (!m) {
        return ctl_fail(ctl, "out of memory");
    }
    while (code == CTL_OK && !asked_help &&
           (option = change_next(ctl, &m->change, argc, argv, table)) != OPTIONS_END) {
        asked_help = option == OPTIONS_HELP;
        code = asked_help ? CTL_OK : take(ctl, m, option);
    }
    if (asked_help) {
        code = help();
    } else if (code == CTL_OK) {
        code = import(ctl, m, read);
    }
    free(m);
    return code;
}

static int native(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, native_options, import_read_native, native_help);
}

static int ld(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, ld_options, import_read_launchdarkly, ld_help);
}

static const struct ctl_command commands[] = {
    {"native", native, "definition files"},
    {"ld", ld, "files in LaunchDarkly's format"},
    {NULL, NULL, NULL},
};

static int import_help(void)
{
    output_text("usage: ffctl import native|ld FILE...\n"
                "\n"
                "Makes the flags and segments of files the agent's own, in one change.\n"
                "\n");
    commands_print(commands);
    output_text("\n" HELP_END "  ffctl import native flags.yaml\n"
                "  ffctl import ld flags.json\n");
    return CTL_OK;
}

int ctl_import(struct ctl *ctl, int argc, char **argv)
{
    return commands_below(ctl, argc, argv, commands, import_help);
}
