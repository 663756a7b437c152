/*
 * ctl_flags_get.c - ffctl flags get and ffctl segments get: one of them, as the agent knows it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_when.h"

enum { OPTION_YAML = OPTIONS_OWN };

static const struct ctl_option flag_options[] = {
    OPTIONS_WORDS("FLAG"),
    {"yaml", no_argument, NULL, OPTION_YAML},
    OPTIONS_COMMON,
};
static const struct ctl_option segment_options[] = {
    OPTIONS_WORDS("SEGMENT"),
    {"yaml", no_argument, NULL, OPTION_YAML},
    OPTIONS_COMMON,
};

static int help(enum kept_kind kind)
{
    const char *noun = kept_noun(kind);
    printf("usage: ffctl %ss get %s [--yaml]\n"
           "\n"
           "Tells what the agent knows of a %s: where it comes from, its version, who changed\n"
           "it last and why, and its definition.\n"
           "\n"
           "  --yaml      the definition alone, as YAML: create takes such a file\n" FLAGS_HELP_END
           "  ffctl %ss get %s\n"
           "  ffctl %ss get %s --yaml >kept.yaml\n",
           noun, kind == KEPT_FLAG ? "FLAG" : "SEGMENT", noun, noun,
           kind == KEPT_FLAG ? "new-checkout" : "staff", noun,
           kind == KEPT_FLAG ? "new-checkout" : "staff");
    return CTL_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void print_line(const char *name, const char *text)
{
    printf("%-12s ", name);
    output_plain(text, strlen(text));
    output_text("\n");
}

/* "2026-03-01T09:30:00Z by ann: wrong prices" */
static void print_event(const char *name, const json_t *at, const char *by, const char *why)
{
    char when[WHEN_TEXT];
    printf("%-12s %s by ", name, when_text(json_integer_value(at), when));
    output_plain(by ? by : "?", by ? strlen(by) : 1);
    if (why) {
        output_text(": ");
        output_plain(why, strlen(why));
    }
    output_text("\n");
}

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static void print_override(const struct ctl *ctl, const json_t *override)
{
    const char *variant = text_of(override, "variant");
    if (!json_is_object(override)) {
        return;
    }
    output_colour(ctl, variant ? "33" : "31");
    print_event(variant ? "pinned" : "killed", json_object_get(override, "setMs"),
                text_of(override, "setBy"), text_of(override, "reason"));
    if (variant) {
        print_line("  to", variant);
    }
    output_plainly(ctl);
}

static void print_state(const struct ctl *ctl, enum kept_kind kind, const json_t *body)
{
    const json_t *on = json_object_get(json_object_get(body, "model"), "on");
    if (json_is_true(json_object_get(body, "archived"))) {
        print_line("state", "archived");
    } else if (kind == KEPT_FLAG) {
        printf("%-12s ", "state");
        output_colour(ctl, json_is_true(on) ? "32" : "33");
        output_text(json_is_true(on) ? "on" : "off");
        output_plainly(ctl);
        output_text("\n");
    }
    print_override(ctl, json_object_get(body, "override"));
}

static void print_yaml(const json_t *value)
{
    size_t length;
    char *yaml = document_dump_yaml(value, &length);
    if (yaml) {
        output_bytes(yaml, length);
    }
    free(yaml);
}

static void print_definition(enum kept_kind kind, json_t *definition)
{
    json_t *ordered = kept_in_order(kind, definition);
    print_yaml(ordered);
    json_decref(ordered);
}

static void print_text(const struct ctl *ctl, enum kept_kind kind, const json_t *body)
{
    json_t *definition = json_object_get(body, "definition");
    const json_t *model = json_object_get(body, "model");
    const char *key = text_of(body, "key");
    const char *source = text_of(body, "source");
    print_line(kept_noun(kind), key ? key : "?");
    print_line("source", source ? source : "?");
    printf("%-12s %" JSON_INTEGER_FORMAT "\n", "version",
           json_integer_value(json_object_get(body, "version")));
    print_state(ctl, kind, body);
    if (json_is_integer(json_object_get(body, "changedMs"))) {
        print_event("changed", json_object_get(body, "changedMs"), text_of(body, "changedBy"),
                    text_of(body, "reason"));
    }
    output_text("\n");
    if (json_is_object(definition)) {
        print_definition(kind, definition);
    } else if (json_is_object(model)) {
        output_text("# in LaunchDarkly's terms, for it is not kept here\n");
        print_yaml(model);
    }
}

static int show(const struct ctl *ctl, enum kept_kind kind, const char *key, bool yaml)
{
    struct client_answer answer;
    int code = kept_get(ctl, kind, key, &answer);
    json_t *definition = json_object_get(answer.json, "definition");
    if (code == CTL_OK && yaml && !json_is_object(definition)) {
        const char *source = text_of(answer.json, "source");
        code = ctl_fail(ctl, "the %s '%s' comes from %s, and has no definition here: --json has it",
                        kept_noun(kind), key, source ? source : "elsewhere");
    } else if (code == CTL_OK && yaml) {
        print_definition(kind, definition);
    } else if (code == CTL_OK && ctl->json) {
        client_print(&answer);
    } else if (code == CTL_OK) {
        print_text(ctl, kind, answer.json);
    }
    client_free(&answer);
    return code;
}

static int get(struct ctl *ctl, int argc, char **argv, enum kept_kind kind)
{
    const struct ctl_option *table = kind == KEPT_FLAG ? flag_options : segment_options;
    const char *key = NULL;
    bool yaml = false;
    int option;
    while ((option = options_next(ctl, argc, argv, table)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help(kind);
        }
        yaml = yaml || option == OPTION_YAML;
        const int code = option == OPTIONS_WORD  ? flags_take_key(ctl, &key)
                         : option == OPTION_YAML ? CTL_OK
                                                 : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    const int code = flags_need_key(ctl, kind, key);
    return code == CTL_OK ? show(ctl, kind, key, yaml) : code;
}

int flags_get(struct ctl *ctl, int argc, char **argv)
{
    return get(ctl, argc, argv, KEPT_FLAG);
}

int segments_get(struct ctl *ctl, int argc, char **argv)
{
    return get(ctl, argc, argv, KEPT_SEGMENT);
}
