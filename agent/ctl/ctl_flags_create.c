/*
 * ctl_flags_create.c - ffctl flags create: a flag out of a file, or out of options; without any, a
 * boolean one that is off for everybody until it is rolled out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/value_text.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_text.h"

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
    struct change change;
    const char *key;
    const char *file; /* NULL: made of options */
    bool boolean;
    bool take_over;
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

static int put(const struct ctl *ctl, json_t *object, const char *member, json_t *value)
{
    return json_object_set_new(object, member, value) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or an option is not UTF-8");
}

static int add_tag(const struct ctl *ctl, struct wish *w)
{
    json_t *tags = json_object_get(w->texts, "tags");
    if (!tags) {
        tags = json_array();
        json_object_set_new(w->texts, "tags", tags);
    }
    return json_array_append_new(tags, json_string(optarg)) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or --tag is not UTF-8");
}

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_FILE:
        w->file = optarg;
        return CTL_OK;
    case OPTION_BOOLEAN:
        w->boolean = true;
        return CTL_OK;
    case OPTION_VARIANTS:
        return add_variants(ctl, w, optarg);
    case OPTION_VARIANT:
        return add_variant(ctl, w, optarg, strlen(optarg));
    case OPTION_DEFAULT:
        return put(ctl, w->served, "default_variant", json_string(optarg));
    case OPTION_FALLBACK:
        return put(ctl, w->served, "fallback_variant", json_string(optarg));
    case OPTION_NAME:
        return put(ctl, w->texts, "name", json_string(optarg));
    case OPTION_DESCRIPTION:
        return put(ctl, w->texts, "description", json_string(optarg));
    case OPTION_OWNER:
        return put(ctl, w->texts, "owner", json_string(optarg));
    case OPTION_TAG:
        return add_tag(ctl, w);
    case OPTION_DISABLED:
        return put(ctl, w->texts, "enabled", json_false());
    case OPTION_PERMANENT:
        return put(ctl, w->texts, "temporary", json_false());
    case OPTION_TAKE_OVER:
        w->take_over = true;
        return CTL_OK;
    case OPTIONS_WORD:
        return flags_take_key(ctl, &w->key);
    default:
        return CTL_USAGE;
    }
}

/* ---- the definition ------------------------------------------------------------------------- */

static int check(const struct ctl *ctl, const struct wish *w)
{
    const bool variants = json_array_size(w->variants) > 0;
    const bool served = json_object_size(w->served) > 0;
    if (w->file && (w->boolean || variants || served || json_object_size(w->texts) > 0)) {
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

/* ---- asking --------------------------------------------------------------------------------- */

/* Nobody shall change what a file or LaunchDarkly serves by mistake: is the key in use there? */
static int check_elsewhere(const struct ctl *ctl, const struct wish *w)
{
    char *path = kept_path(ctl, KEPT_FLAG, w->key, "");
    const struct client_request request = {.path = path, .quiet = true};
    struct client_answer answer = {0};
    int code = path ? client_ask(ctl, &request, &answer) : CTL_NEGATIVE;
    const char *source = json_string_value(json_object_get(answer.json, "source"));
    if (answer.status == 404) {
        code = CTL_OK;
    } else if (code != CTL_OK && answer.status != 0) {
        client_refused(ctl, &answer);
    } else if (code == CTL_OK && source && strcmp(source, "admin") != 0) {
        code =
            ctl_fail(ctl, "there is a flag '%s' from %s: with --take-over this one takes its place",
                     w->key, source);
    }
    client_free(&answer);
    free(path);
    return code;
}

static int create(const struct ctl *ctl, const struct wish *w, json_t *definition,
                  const struct text *text, const char *prefix)
{
    const struct kept_edit edit = {.kind = KEPT_FLAG, .key = w->key, .words = {.done = "created"}};
    struct client_answer answer = {0};
    int code = w->take_over ? CTL_OK : check_elsewhere(ctl, w);
    if (code == CTL_OK) {
        code = kept_put(ctl, &w->change, &edit, definition, NULL, &answer);
        if (code == CTL_OK) {
            kept_tell(ctl, &w->change, &edit, &answer, false);
        } else if (answer.status != 0 && text) {
            text_refused(ctl, text, prefix, &answer);
        } else if (answer.status != 0) {
            client_refused(ctl, &answer);
        }
    }
    client_free(&answer);
    return code;
}

static int create_of_file(const struct ctl *ctl, const struct wish *w)
{
    struct text text;
    char prefix[TEXT_PREFIX];
    int code = text_load(ctl, w->file, &text);
    json_t *definition =
        code == CTL_OK ? text_definition(ctl, &text, KEPT_FLAG, w->key, prefix) : NULL;
    code = definition ? create(ctl, w, definition, &text, prefix) : CTL_NEGATIVE;
    text_free(&text);
    return code;
}

static int create_of_options(const struct ctl *ctl, const struct wish *w)
{
    json_t *definition = made_of_options(w);
    const int code =
        definition ? create(ctl, w, definition, NULL, "") : ctl_fail(ctl, "out of memory");
    json_decref(definition);
    return code;
}

static int run(struct ctl *ctl, int argc, char **argv, struct wish *w)
{
    int option;
    while ((option = change_next(ctl, &w->change, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        const int code = take(ctl, w, option);
        if (code != CTL_OK) {
            return code;
        }
    }
    int code = flags_need_key(ctl, KEPT_FLAG, w->key);
    code = code == CTL_OK ? check(ctl, w) : code;
    if (code != CTL_OK) {
        return code;
    }
    return w->file ? create_of_file(ctl, w) : create_of_options(ctl, w);
}

int flags_create(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.texts = json_object(), .variants = json_array(), .served = json_object()};
    const int code = w.texts && w.variants && w.served ? run(ctl, argc, argv, &w)
                                                       : ctl_fail(ctl, "out of memory");
    json_decref(w.texts);
    json_decref(w.variants);
    json_decref(w.served);
    return code;
}
