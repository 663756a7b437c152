/*
 * ctl_flags_create.c - ffctl flags create: a flag out of a file, or out of options; without any, a
 * boolean one that is off for everybody until it is rolled out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/value_text.h"
#include "ctl_create.h"
#include "ctl_definition.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"

enum {
    OPTION_FILE = OPTIONS_OWN,
    OPTION_BOOLEAN,
    OPTION_VARIANTS,
    OPTION_VARIANT,
    OPTION_DEFAULT,
    OPTION_FALLBACK,
    OPTION_NAME,
    OPTION_DESCRIPTION,
    OPTION_OWNER,
    OPTION_TAG,
    OPTION_DISABLED,
    OPTION_PERMANENT,
    OPTION_TAKE_OVER,
};

static const struct ctl_option options[] = {
    OPTIONS_WORDS("KEY"),
    {"file", required_argument, "FILE", OPTION_FILE},
    {"boolean", no_argument, NULL, OPTION_BOOLEAN},
    {"variants", required_argument, "on=true,off=false", OPTION_VARIANTS},
    {"variant", required_argument, "NAME=VALUE", OPTION_VARIANT},
    {"default", required_argument, "NAME", OPTION_DEFAULT},
    {"fallback", required_argument, "NAME", OPTION_FALLBACK},
    {"name", required_argument, "TEXT", OPTION_NAME},
    {"description", required_argument, "TEXT", OPTION_DESCRIPTION},
    {"owner", required_argument, "TEXT", OPTION_OWNER},
    {"tag", required_argument, "TAG", OPTION_TAG},
    {"disabled", no_argument, NULL, OPTION_DISABLED},
    {"permanent", no_argument, NULL, OPTION_PERMANENT},
    {"take-over", no_argument, NULL, OPTION_TAKE_OVER},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    struct creation creation;
    bool boolean;
    json_t *texts;    /* name, description, tags...; owned, as what follows */
    json_t *variants; /* a list, empty where none were given */
    json_t *served;   /* default_variant, fallback_variant */
};

static int help(void)
{
    output_text(
        "usage: ffctl flags create KEY [--boolean]\n"
        "       ffctl flags create KEY --variants NAME=VALUE,... --default NAME\n"
        "                              [--fallback NAME]\n"
        "       ffctl flags create KEY --file FILE\n"
        "\n"
        "Makes a flag. Without variants and file it is a boolean one, with the variants on\n"
        "and off, that serves off to everybody; ffctl rollout turns it on for some, or all.\n"
        "\n"
        "  --boolean   say so\n"
        "  --variants NAME=VALUE,...\n"
        "              what it can serve: values are JSON, or else texts\n"
        "  --variant NAME=VALUE\n"
        "              the same one by one, for values with commas\n"
        "  --default NAME\n"
        "              served when nothing else decides\n"
        "  --fallback NAME\n"
        "              served while it is disabled or killed (default: as --default)\n"
        "  --disabled  it starts disabled\n"
        "  --name TEXT, --description TEXT, --owner TEXT\n"
        "              for people\n"
        "  --tag TAG   any number of them\n"
        "  --permanent it is here to stay: not expected to be removed one day\n"
        "  --file FILE its definition, YAML or JSON (- is stdin): docs/definitions.md\n"
        "  --take-over also where a file or LaunchDarkly has a flag of this key, whose place\n"
        "              it takes\n" CHANGE_HELP FLAGS_HELP_END "  ffctl flags create new-checkout\n"
        "  ffctl flags create banner --variants blue,green=#0f0 --default blue --tag web\n"
        "  ffctl flags create limit --variant 'low={\"rps\": 5, \"burst\": 9}' --default low\n"
        "  ffctl flags create new-checkout --file checkout.yaml\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

/* "NAME=VALUE", or "NAME", whose value is its name. */
static int add_variant(const struct ctl *ctl, struct wish *w, const char *text, size_t length)
{
    const char *equals = memchr(text, '=', length);
    const size_t name = equals ? (size_t)(equals - text) : length;
    if (name == 0) {
        return ctl_usage(ctl, "'%.*s' is no variant: write NAME=VALUE", (int)length, text);
    }
    json_t *value =
        equals ? value_text_read(equals + 1, length - name - 1) : json_stringn(text, name);
    json_t *variant = json_pack("{s:s%, s:o}", "key", text, name, "value", value);
    return variant && json_array_append_new(w->variants, variant) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or a variant is not UTF-8");
}

static int add_variants(const struct ctl *ctl, struct wish *w, const char *list)
{
    const char *element;
    size_t length;
    int code = CTL_OK;
    while (code == CTL_OK && value_text_next(&list, &element, &length)) {
        code = add_variant(ctl, w, element, length);
    }
    return code;
}

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_FILE:
        w->creation.file = optarg;
        return CTL_OK;
    case OPTION_BOOLEAN:
        w->boolean = true;
        return CTL_OK;
    case OPTION_VARIANTS:
        return add_variants(ctl, w, optarg);
    case OPTION_VARIANT:
        return add_variant(ctl, w, optarg, strlen(optarg));
    case OPTION_DEFAULT:
        return create_put_text(ctl, w->served, "default_variant");
    case OPTION_FALLBACK:
        return create_put_text(ctl, w->served, "fallback_variant");
    case OPTION_NAME:
        return create_put_text(ctl, w->texts, "name");
    case OPTION_DESCRIPTION:
        return create_put_text(ctl, w->texts, "description");
    case OPTION_OWNER:
        return create_put_text(ctl, w->texts, "owner");
    case OPTION_TAG:
        return create_add_text(ctl, w->texts, "tags");
    case OPTION_DISABLED:
        return definition_put(ctl, w->texts, "enabled", json_false());
    case OPTION_PERMANENT:
        return definition_put(ctl, w->texts, "temporary", json_false());
    case OPTION_TAKE_OVER:
        w->creation.take_over = true;
        return CTL_OK;
    case OPTIONS_WORD:
        return flags_take_key(ctl, &w->creation.key);
    default:
        return CTL_USAGE;
    }
}

/* ---- the definition ------------------------------------------------------------------------- */

static int check(const struct ctl *ctl, const struct wish *w)
{
    const bool variants = json_array_size(w->variants) > 0;
    const bool served = json_object_size(w->served) > 0;
    if (w->creation.file && (w->boolean || variants || served || json_object_size(w->texts) > 0)) {
        return ctl_usage(ctl, "--file has the whole definition: nothing else goes with it");
    }
    if (w->boolean && variants) {
        return ctl_usage(ctl, "--boolean has the variants on and off: no others go with it");
    }
    if (variants && !json_object_get(w->served, "default_variant")) {
        return ctl_usage(ctl, "--default NAME is needed: which variant is served when nothing "
                              "else decides?");
    }
    return CTL_OK;
}

/* What options say; NULL: no memory. */
static json_t *made_of_options(const struct wish *w)
{
    json_t *definition = json_copy(w->texts);
    json_t *served = json_pack("{s:s, s:s}", "default_variant", "off", "fallback_variant", "off");
    json_t *variants = json_array_size(w->variants) > 0
                           ? json_incref(w->variants)
                           : json_pack("[{s:s, s:b}, {s:s, s:b}]", "key", "on", "value", 1, "key",
                                       "off", "value", 0);
    const bool own = json_array_size(w->variants) > 0;
    const bool made = definition && served && variants &&
                      json_object_set(definition, "variants", variants) == 0 &&
                      (own || json_object_update(definition, served) == 0) &&
                      json_object_update(definition, w->served) == 0;
    json_decref(variants);
    json_decref(served);
    if (!made) {
        json_decref(definition);
        return NULL;
    }
    return definition;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int create_of_options(const struct ctl *ctl, const struct wish *w)
{
    json_t *definition = made_of_options(w);
    const int code = create_definition(ctl, &w->creation, definition);
    json_decref(definition);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv, struct wish *w)
{
    int option;
    while ((option = change_next(ctl, &w->creation.change, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        const int code = take(ctl, w, option);
        if (code != CTL_OK) {
            return code;
        }
    }
    int code = flags_need_key(ctl, KEPT_FLAG, w->creation.key);
    code = code == CTL_OK ? check(ctl, w) : code;
    if (code != CTL_OK) {
        return code;
    }
    return w->creation.file ? create_of_file(ctl, &w->creation) : create_of_options(ctl, w);
}

int flags_create(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.creation = {.kind = KEPT_FLAG},
                     .texts = json_object(),
                     .variants = json_array(),
                     .served = json_object()};
    const int code = w.texts && w.variants && w.served ? run(ctl, argc, argv, &w)
                                                       : ctl_fail(ctl, "out of memory");
    json_decref(w.texts);
    json_decref(w.variants);
    json_decref(w.served);
    return code;
}
