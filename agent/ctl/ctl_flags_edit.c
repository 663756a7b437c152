/*
 * ctl_flags_edit.c - ffctl flags edit and ffctl segments edit: the whole definition in an editor.
 *
 *     get -> write -> editor -> parse -> try (dry run) -> show and ask -> put
 *                       ^---------+-------------+---------------+---------/
 *
 * Whatever goes wrong on the way, the text is shown again, or stays in its file, which is named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog/document.h"
#include "ctl_differences.h"
#include "ctl_editor.h"
#include "ctl_flags.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_text.h"
#include "inspect/inspect_shown.h"
#include "operate/difference.h"

#define VALUE 200u /* bytes of a value in a comment */

enum { OPTION_FILE = OPTIONS_OWN };

static const struct ctl_option flag_options[] = {
    OPTIONS_WORDS("FLAG"),
    {"file", required_argument, "FILE", OPTION_FILE},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
static const struct ctl_option segment_options[] = {
    OPTIONS_WORDS("SEGMENT"),
    {"file", required_argument, "FILE", OPTION_FILE},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};

/* One definition under way. */
struct editing {
    const struct ctl *ctl;
    const struct change *change;
    struct kept_edit what; /* which one, and what is told */
    const char *file;      /* NULL: an editor */
    char path[EDITOR_PATH];
    struct client_answer base; /* what the text is a change of */
    json_t *before;            /* its definition; owned */
    struct text text;
    char prefix[TEXT_PREFIX];
    bool keep; /* the file */
};

enum step { STEP_DONE, STEP_AGAIN, STEP_FAILED };

static int help(enum kept_kind kind)
{
    const char *noun = kept_noun(kind);
    const char *key = kind == KEPT_FLAG ? "new-checkout" : "staff";
    printf("usage: ffctl %ss edit %s [--file FILE] [--reason TEXT] [--dry-run] [--yes]\n"
           "\n"
           "Opens $VISUAL, $EDITOR or vi on the definition, as YAML. Then the differences are\n"
           "shown, and at a terminal it is asked whether to save them. A mistake is told with\n"
           "its place, and can be corrected; when somebody else has changed the %s\n"
           "meanwhile, that is shown, too. Nothing that was written gets lost.\n"
           "\n"
           "  --file FILE no editor: it is in this file, YAML or JSON (- is stdin)\n" CHANGE_HELP
               FLAGS_HELP_END "  ffctl %ss edit %s\n"
           "  EDITOR=nano ffctl %ss edit %s --reason 'ticket 17'\n"
           "  ffctl %ss edit %s --file %s.yaml --yes\n",
           noun, kind == KEPT_FLAG ? "FLAG" : "SEGMENT", noun, noun, key, noun, key, noun, key,
           key);
    return CTL_OK;
}

/* ---- the text ------------------------------------------------------------------------------- */

static const char help_flag[] =
    "# name, description, owner: text   tags: [text]   temporary, enabled: true or false\n"
    "# variants:          - {key: \"on\", value: any JSON, percentage: 0 to 100}\n"
    "# default_variant, fallback_variant: the key of a variant\n"
    "# prerequisites:     - {flag: key, variant: key}\n"
    "# targets:           - {variant: key, keys: [user-1, user-2], kind: user}\n"
    "# targeting_rules:   - name: text\n"
    "#                      conditions:\n"
    "#                      - {attribute: country, operator: in, value: [US, CA]}\n"
    "#                      - {operator: in_segment, value: key}\n"
    "#                      variant: key          or   percentages: {key: 50, key: 50}\n"
    "#                      percentage: 0 to 100  the share of the matching ones\n"
    "# bucket_by: attribute   kind: user   seed: whole number   salt: text\n"
    "# schedule:          - {at: \"2026-12-01T09:00:00Z\", set: {enabled: true}}\n";

static const char help_segment[] =
    "# name, description, owner: text   tags: [text]   kind: user\n"
    "# included, excluded: [key, key]\n"
    "# rules:             - conditions:\n"
    "#                      - {attribute: country, operator: in, value: [US, CA]}\n"
    "#                      percentage: 0 to 100\n"
    "#                      bucket_by: attribute\n";

static const char help_operators[] =
    "# operators: equals in contains starts_with ends_with matches exists in_segment before after\n"
    "#   greater_than less_than (and ..._or_equal) semver_equal semver_greater_than\n"
    "#   semver_less_than, and each with not_ before it\n";

static const char *text_member(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "?";
}

/* Text of others in a comment: whatever it is, YAML takes it there. */
static void write_comment(FILE *out, const char *text)
{
    shown_write(out, text, strlen(text));
}

/* NULL: nothing. */
static void write_value(FILE *out, const json_t *value)
{
    char *text = value ? document_dump(value, NULL) : NULL;
    const char *shown = text ? text : "nothing";
    shown_write(out, shown, strnlen(shown, VALUE));
    free(text);
}

static void write_meanwhile(FILE *out, const struct editing *e, const json_t *diff)
{
    fputs("#\n# CHANGED MEANWHILE by ", out);
    write_comment(out, text_member(e->base.json, "changedBy"));
    fputs("; what you save now is instead of that:\n", out);
    for (size_t i = 0; i < json_array_size(diff); i++) {
        const json_t *one = json_array_get(diff, i);
        fputs("#   ", out);
        write_comment(out, text_member(one, "path"));
        fputs(": ", out);
        write_value(out, json_object_get(one, "before"));
        fputs(" -> ", out);
        write_value(out, json_object_get(one, "after"));
        fputs("\n", out);
    }
}

static void write_head(FILE *out, const struct editing *e, const json_t *diff)
{
    const enum kept_kind kind = e->what.kind;
    fprintf(out, "# The %s ", kept_noun(kind));
    write_comment(out, e->what.key);
    fprintf(
        out,
        ", version %" JSON_INTEGER_FORMAT ". Save it and leave the editor: what has changed is\n"
        "# shown before it is in force. Left as it is, nothing changes. Comments are not kept.\n"
        "#\n%s%s",
        json_integer_value(json_object_get(e->base.json, "version")),
        kind == KEPT_FLAG ? help_flag : help_segment, help_operators);
    if (json_array_size(diff) > 0) {
        write_meanwhile(out, e, diff);
    }
    fputs("\n", out);
}

/* Behind the comments at the start of what was edited. */
static const char *without_head(const char *text)
{
    while (*text == '#' || *text == '\n') {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return text;
}

/* A head and this, into the file and into e->text. */
static int write_text(struct editing *e, const char *yaml, const json_t *diff)
{
    struct text text = {.name = e->path};
    FILE *out = open_memstream(&text.bytes, &text.length);
    bool good = out != NULL;
    if (out) {
        write_head(out, e, diff);
        fputs(yaml, out);
        good = fclose(out) == 0;
    }
    const int code = good ? editor_write(e->ctl, e->path, text.bytes, text.length)
                          : ctl_fail(e->ctl, "out of memory");
    text_free(&e->text);
    e->text = text;
    return code;
}

static int begin(struct editing *e)
{
    json_t *ordered = kept_in_order(e->what.kind, e->before);
    char *yaml = document_dump_yaml(ordered, NULL);
    int code = yaml ? editor_make(e->ctl, e->path) : ctl_fail(e->ctl, "out of memory");
    if (code == CTL_OK) {
        code = write_text(e, yaml, NULL);
    }
    free(yaml);
    json_decref(ordered);
    return code;
}

static enum step ask_again(struct editing *e, const char *question)
{
    const char answer = e->file ? '\0' : editor_ask(question, "yn");
    if (answer == 'y') {
        return STEP_AGAIN;
    }
    e->keep = true;
    return STEP_FAILED;
}

/* What came out of the editor, or of the file. NULL: *step says how to go on. */
static json_t *read_definition(struct editing *e, enum step *step)
{
    struct fault fault;
    char why[1500];
    *step = STEP_FAILED;
    if (text_read(e->ctl, e->file ? e->file : e->path, &e->text) != CTL_OK) {
        e->keep = true;
        return NULL;
    }
    if (text_parse(&e->text, &fault) != 0) {
        fault_text(&fault, why, sizeof why);
        ctl_fail(e->ctl, "%s", why);
        *step = ask_again(e, "Edit it again?");
        return NULL;
    }
    json_t *definition = text_definition(e->ctl, &e->text, e->what.kind, e->what.key, e->prefix);
    if (!definition) {
        *step = ask_again(e, "Edit it again?");
    }
    return definition;
}

/* ---- others --------------------------------------------------------------------------------- */

/* Somebody was faster: what they did is shown, and the text becomes a change of that. */
static enum step meet_others(struct editing *e)
{
    struct client_answer now;
    if (kept_get(e->ctl, e->what.kind, e->what.key, &now) != CTL_OK) {
        client_free(&now);
        e->keep = true;
        return STEP_FAILED;
    }
    json_t *after = json_object_get(now.json, "definition");
    json_t *diff = difference(e->before, after);
    ctl_fail(e->ctl, "it was changed meanwhile, by %s: version %" JSON_INTEGER_FORMAT " is",
             text_member(now.json, "changedBy"),
             json_integer_value(json_object_get(now.json, "version")));
    if (!e->ctl->json) {
        differences_print(e->ctl, diff);
    }
    client_free(&e->base);
    json_decref(e->before);
    e->base = now;
    e->before = json_incref(after);
    enum step step = ask_again(e, "Edit it again, as a change of that?");
    if (step == STEP_AGAIN) {
        char *yaml = strdup(without_head(e->text.bytes));
        if (!yaml || write_text(e, yaml, diff) != CTL_OK) {
            step = STEP_FAILED;
        }
        free(yaml);
    }
    json_decref(diff);
    return step;
}

/* What kept_put did not do. */
static enum step refused(struct editing *e, const struct client_answer *answer)
{
    if (strcmp(client_code(answer), "conflict") == 0) {
        return meet_others(e);
    }
    if (answer->status != 0) {
        text_refused(e->ctl, &e->text, e->prefix, answer);
    }
    return ask_again(e, "Edit it again?");
}

/* ---- saving --------------------------------------------------------------------------------- */

/* Tries it, shows what it would do, and asks. STEP_DONE: to be saved. */
static enum step try_it(struct editing *e, json_t *definition)
{
    struct client_answer answer;
    const struct change dry = {.reason = e->change->reason, .dry_run = true};
    enum step step = STEP_DONE;
    if (kept_put(e->ctl, &dry, &e->what, definition, e->base.etag, &answer) != CTL_OK) {
        step = refused(e, &answer);
    } else {
        const struct change_words words = {.done = "changed"};
        change_tell(e->ctl, &dry, answer.json, &words);
        const char choice = editor_ask("Save it?", e->file ? "yn" : "yen");
        step = choice == 'y' ? STEP_DONE : choice == 'e' ? STEP_AGAIN : STEP_FAILED;
        if (step == STEP_FAILED) {
            ctl_fail(e->ctl, "not confirmed; nothing is changed");
            e->keep = true;
        }
    }
    client_free(&answer);
    return step;
}

static enum step save(struct editing *e, json_t *definition)
{
    struct client_answer answer;
    const bool asks = change_asks(e->change);
    enum step step = asks ? try_it(e, definition) : STEP_DONE;
    if (step != STEP_DONE) {
        return step;
    }
    if (kept_put(e->ctl, e->change, &e->what, definition, e->base.etag, &answer) == CTL_OK) {
        kept_tell(e->ctl, e->change, &e->what, &answer, !asks);
        e->keep = e->change->dry_run && json_array_size(json_object_get(answer.json, "diff")) > 0;
    } else {
        step = refused(e, &answer);
    }
    client_free(&answer);
    return step;
}

/* An editor that fails may have saved something all the same. */
static enum step no_editor(struct editing *e, const char *before)
{
    struct text now = {0};
    e->keep =
        !before || text_read(e->ctl, e->path, &now) != CTL_OK || strcmp(now.bytes, before) != 0;
    text_free(&now);
    return STEP_FAILED;
}

/* Once through the editor. */
static enum step edit_once(struct editing *e)
{
    enum step step;
    char *before = e->file ? NULL : strdup(e->text.bytes);
    if (!e->file && (!before || editor_open(e->ctl, e->path) != CTL_OK)) {
        step = no_editor(e, before);
        free(before);
        return step;
    }
    text_free(&e->text);
    json_t *definition = read_definition(e, &step);
    const bool same = before && e->text.bytes && strcmp(before, e->text.bytes) == 0 &&
                      json_equal(definition, e->before);
    free(before);
    if (same) {
        ctl_fail(e->ctl, "left as it was; nothing is changed");
        return STEP_DONE;
    }
    return definition ? save(e, definition) : step;
}

static int edit(struct editing *e)
{
    const struct ctl *ctl = e->ctl;
    enum step step = STEP_AGAIN;
    int code = kept_get(ctl, e->what.kind, e->what.key, &e->base);
    e->before = code == CTL_OK ? kept_definition(ctl, e->what.kind, e->what.key, &e->base) : NULL;
    code = !e->before ? CTL_NEGATIVE : e->file ? CTL_OK : begin(e);
    while (code == CTL_OK && step == STEP_AGAIN) {
        step = edit_once(e);
    }
    if (*e->path && e->keep) {
        ctl_fail(ctl, "what you wrote is in %s (ffctl %ss edit %s --file %s)", e->path,
                 kept_noun(e->what.kind), e->what.key, e->path);
    } else if (*e->path) {
        unlink(e->path);
    }
    text_free(&e->text);
    json_decref(e->before);
    client_free(&e->base);
    return code == CTL_OK && step == STEP_DONE ? CTL_OK : CTL_NEGATIVE;
}

static int run(struct ctl *ctl, int argc, char **argv, enum kept_kind kind)
{
    const struct ctl_option *table = kind == KEPT_FLAG ? flag_options : segment_options;
    struct change change = {0};
    struct editing e = {.ctl = ctl, .change = &change, .what = {.kind = kind}};
    const char *key = NULL;
    int option;
    while ((option = change_next(ctl, &change, argc, argv, table)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help(kind);
        }
        e.file = option == OPTION_FILE ? optarg : e.file;
        const int code = option == OPTIONS_WORD  ? flags_take_key(ctl, &key)
                         : option == OPTION_FILE ? CTL_OK
                                                 : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    const int code = flags_need_key(ctl, kind, key);
    if (code != CTL_OK) {
        return code;
    }
    e.what.key = key;
    e.what.words.done = "changed";
    return edit(&e);
}

int flags_edit(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, KEPT_FLAG);
}

int segments_edit(struct ctl *ctl, int argc, char **argv)
{
    return run(ctl, argc, argv, KEPT_SEGMENT);
}
