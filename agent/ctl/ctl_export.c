/*
 * ctl_export.c - ffctl export: everything that the agent keeps, as one file of definitions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/document.h"
#include "catalog/native.h"
#include "ctl.h"
#include "ctl_client.h"
#include "ctl_kept.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_when.h"

enum {
    OPTION_FORMAT = OPTIONS_OWN,
    OPTION_OUTPUT,
};

static const struct ctl_option options[] = {
    {"format", required_argument, "native|ld", OPTION_FORMAT},
    {"output", required_argument, "FILE", OPTION_OUTPUT},
    OPTIONS_COMMON,
};

/* What is asked for; strings are borrowed from the command line. */
struct wish {
    const char *output; /* NULL: stdout */
    bool ld;
    bool yaml;
};

static int help(void)
{
    output_text(
        "usage: ffctl export [--format native|ld] [--output FILE]\n"
        "\n"
        "Writes all flags and segments that the running agent keeps itself, as they are now,\n"
        "as one file: for a backup, for version control, for another host (ffctl import), or\n"
        "for ffagent, which takes it as a file of flags. What is archived is not in it.\n"
        "\n"
        "  --format FORMAT\n"
        "              native, or ld: LaunchDarkly's, without dated changes\n"
        "  --output FILE\n"
        "              into this file instead of stdout: YAML, or JSON where its name ends\n"
        "              so; it is there whole, or as it was\n"
        "  --dir DIR, --json, --text (YAML), -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  written\n"
        "  1  no agent, it refuses, the file cannot be written, or what there is cannot be\n"
        "     said in the format\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl export --output flags.yaml\n"
        "  ffctl export | jq -r '.flags | keys[]'\n"
        "  ffctl export --format ld --output flags.json\n");
    return CTL_OK;
}

/* ---- the native format ---------------------------------------------------------------------- */

/* The definitions with their members in a readable order. NULL: no memory. */
static json_t *in_order(const json_t *document)
{
    static const char *const sections[] = {"flags", "segments"};
    json_t *ordered = json_pack("{s:i}", "ffshm", 1);
    for (int kind = KEPT_FLAG; kind <= KEPT_SEGMENT; kind++) {
        const char *key;
        json_t *definition;
        json_t *section = json_object();
        json_object_foreach(json_object_get(document, sections[kind]), key, definition)
        {
            json_object_set_new(section, key, kept_in_order((enum kept_kind)kind, definition));
        }
        json_object_set_new(ordered, sections[kind], section);
    }
    return ordered;
}

/* ---- LaunchDarkly's format ------------------------------------------------------------------ */

/* Flags of other sources that prerequisites name, asked for once each. */
struct others {
    const struct ctl *ctl;
    json_t *models; /* key -> model, or null: there is none */
};

static const json_t *find_other(void *arg, const char *key)
{
    struct others *o = arg;
    const json_t *known = json_object_get(o->models, key);
    struct client_answer answer = {0};
    char *path = known ? NULL : kept_path(o->ctl, KEPT_FLAG, key, "");
    if (path) {
        const struct client_request request = {.path = path, .quiet = true};
        const bool found = client_ask(o->ctl, &request, &answer) == CTL_OK;
        json_t *model = found ? json_object_get(answer.json, "model") : NULL;
        json_object_set(o->models, key, model ? model : json_null());
        known = json_object_get(o->models, key);
    }
    free(path);
    client_free(&answer);
    return json_is_object(known) ? known : NULL;
}

/* Prerequisites must be numbers: those that name a variant of a flag that is not exported. */
static int link_flags(const struct ctl *ctl, json_t *flags)
{
    struct others others = {ctl, json_object()};
    const char *key;
    json_t *flag;
    int code = CTL_OK;
    json_object_foreach(flags, key, flag)
    {
        struct fault fault = {0};
        size_t i;
        const json_t *prerequisite;
        if (!native_link(flag, find_other, &others, &fault)) {
            code = ctl_fail(ctl, "flag %s: %s: %s", key, fault.member, fault.cause);
        }
        json_array_foreach(json_object_get(flag, "prerequisites"), i, prerequisite)
        {
            if (json_integer_value(json_object_get(prerequisite, "variation")) < 0 &&
                !*fault.cause) {
                code = ctl_fail(ctl,
                                "flag %s: prerequisites[%zu]: there is no such flag, and the "
                                "format wants the number of its variation",
                                key, i);
            }
        }
    }
    json_decref(others.models);
    return code;
}

static bool has_own_operator(const json_t *item)
{
    size_t i;
    size_t k;
    const json_t *rule;
    const json_t *clause;
    json_array_foreach(json_object_get(item, "rules"), i, rule)
    {
        json_array_foreach(json_object_get(rule, "clauses"), k, clause)
        {
            const char *op = json_string_value(json_object_get(clause, "op"));
            if (op && (strcmp(op, "exists") == 0 || strcmp(op, "bucketBelow") == 0)) {
                return true;
            }
        }
    }
    return false;
}

/* What is not as it was for whoever reads the format. */
static void warn(const struct ctl *ctl, const json_t *document, const json_t *lowered)
{
    const char *key;
    json_t *item;
    size_t own = 0;
    size_t dated = 0;
    json_object_foreach(json_object_get(lowered, "flags"), key, item)
    {
        own += has_own_operator(item);
    }
    json_object_foreach(json_object_get(document, "flags"), key, item)
    {
        dated += json_array_size(json_object_get(item, "schedule")) > 0;
    }
    if (own > 0) {
        ctl_fail(ctl,
                 "%zu flag%s use%s the operators exists or bucketBelow, which only ffshm knows",
                 own, output_plural(own), own == 1 ? "s" : "");
    }
    if (dated > 0) {
        ctl_fail(ctl, "the dated changes of %zu flag%s are not in it", dated, output_plural(dated));
    }
}

/* NULL: reported. */
static json_t *to_launchdarkly(const struct ctl *ctl, json_t *document)
{
    struct fault fault = {0};
    int64_t next_ms;
    json_t *lowered = native_lower(document, when_now(), &next_ms, &fault);
    if (!lowered) {
        ctl_fail(ctl, "%s: %s", fault.member, fault.cause);
        return NULL;
    }
    if (link_flags(ctl, json_object_get(lowered, "flags")) != CTL_OK) {
        json_decref(lowered);
        return NULL;
    }
    warn(ctl, document, lowered);
    return lowered;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Beside it first, so that nobody reads half of it. end: behind the text. */
static int write_file(const struct ctl *ctl, const char *path, const char *text, size_t length,
                      const char *end)
{
    char *beside;
    if (asprintf(&beside, "%s.%ld.new", path, (long)getpid()) < 0) {
        return ctl_fail(ctl, "out of memory");
    }
    FILE *out = fopen(beside, "wxe");
    bool good = out && fwrite(text, 1, length, out) == length && fputs(end, out) >= 0 &&
                fflush(out) == 0 && fsync(fileno(out)) == 0;
    good = out && fclose(out) == 0 && good && rename(beside, path) == 0;
    const int code = good ? CTL_OK : ctl_fail(ctl, "%s: %s", path, strerror(errno));
    if (!good && out) {
        unlink(beside);
    }
    free(beside);
    return code;
}

static int write_document(const struct ctl *ctl, const struct wish *w, const json_t *document)
{
    size_t length;
    char *text = w->yaml ? document_dump_yaml(document, &length) : document_dump(document, &length);
    if (!text) {
        return ctl_fail(ctl, "out of memory");
    }
    const char *end = length > 0 && text[length - 1] == '\n' ? "" : "\n";
    int code = CTL_OK;
    if (w->output) {
        code = write_file(ctl, w->output, text, length, end);
    } else {
        output_bytes(text, length);
        output_text(end);
    }
    free(text);
    return code;
}

static int export(const struct ctl *ctl, const struct wish *w)
{
    const struct client_request request = {.path = "/export"};
    struct client_answer answer;
    int code = client_ask(ctl, &request, &answer);
    json_t *document = NULL;
    if (code == CTL_OK) {
        document = w->ld ? to_launchdarkly(ctl, answer.json) : in_order(answer.json);
        code = document ? write_document(ctl, w, document) : CTL_NEGATIVE;
    }
    if (code == CTL_OK && w->output) {
        fprintf(stderr, "%s: %zu flags, %zu segments\n", w->output,
                json_object_size(json_object_get(document, "flags")),
                json_object_size(json_object_get(document, "segments")));
    }
    json_decref(document);
    client_free(&answer);
    return code;
}

/* ---- the command line ----------------------------------------------------------------------- */

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text);
    return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static int take(const struct ctl *ctl, struct wish *w, int option)
{
    switch (option) {
    case OPTION_FORMAT:
        w->ld = strcmp(optarg, "ld") == 0;
        return w->ld || strcmp(optarg, "native") == 0
                   ? CTL_OK
                   : ctl_usage(ctl, "--format '%s': write native or ld", optarg);
    case OPTION_OUTPUT:
        w->output = optarg;
        return CTL_OK;
    case OPTIONS_WORD:
        return ctl_usage(ctl, "'%s' is one word too many; --output %s?", optarg, optarg);
    default:
        return CTL_USAGE;
    }
}

int ctl_export(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.output = NULL};
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        const int code = take(ctl, &w, option);
        if (code != CTL_OK) {
            return code;
        }
    }
    w.yaml = w.output ? !ends_in(w.output, ".json") && !ctl->json_asked : !ctl->json;
    return export(ctl, &w);
}
