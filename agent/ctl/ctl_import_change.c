/* What an import would change: tried, shown and asked; and the change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_differences.h"
#include "ctl_import.h"
#include "ctl_output.h"

#define SHOWN 40 /* items that are shown */

/* ---- what the agent says -------------------------------------------------------------------- */

/* "12 created, 3 updated, 40 unchanged" */
static void print_counts(const json_t *body)
{
    static const char *const counts[] = {"created", "updated", "deleted", "unchanged"};
    const char *comma = "";
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const json_int_t count = json_integer_value(json_object_get(body, counts[i]));
        if (count > 0) {
            printf("%s%" JSON_INTEGER_FORMAT " %s", comma, count, counts[i]);
            comma = ", ";
        }
    }
}

/* "+ flag new", "~ flag search" with its differences, "- flag old" */
static void print_item(const struct ctl *ctl, const json_t *item)
{
    const char *change = json_string_value(json_object_get(item, "change"));
    const char *kind = json_string_value(json_object_get(item, "kind"));
    const char *key = json_string_value(json_object_get(item, "key"));
    const char *shadows = json_string_value(json_object_get(item, "shadows"));
    const char sign = !change ? '?' : *change == 'c' ? '+' : *change == 'd' ? '-' : '~';
    output_colour(ctl, sign == '+' ? "32" : sign == '-' ? "31" : "33");
    printf("%c %s ", sign, kind ? kind : "?");
    output_plain(key ? key : "?", key ? strlen(key) : 1);
    output_plainly(ctl);
    if (shadows) {
        output_text(", in place of the one from ");
        output_plain(shadows, strlen(shadows));
    }
    output_text("\n");
    differences_print(ctl, json_object_get(item, "diff"));
}

static void print_items(const struct ctl *ctl, const json_t *body)
{
    const json_t *items = json_object_get(body, "items");
    const json_int_t affected =
        json_integer_value(json_object_get(json_object_get(body, "affected"), "flags"));
    for (size_t i = 0; i < json_array_size(items) && i < SHOWN; i++) {
        print_item(ctl, json_array_get(items, i));
    }
    if (json_array_size(items) > SHOWN) {
        output_text("and others: --json has them all\n");
    }
    if (affected > 0) {
        printf("what %" JSON_INTEGER_FORMAT " flag%s serve may change\n", affected,
               output_plural((uint64_t)affected));
    }
}

static void tell(const struct ctl *ctl, const struct client_answer *answer, bool items)
{
    char text[OUTPUT_SHORT];
    const json_t *body = answer->json;
    const bool dry = json_is_true(json_object_get(body, "dryRun"));
    if (items) {
        print_items(ctl, body);
    }
    output_text(dry ? "would be imported: " : "imported: ");
    print_counts(body);
    if (dry) {
        output_text("; nothing is stored\n");
    } else {
        printf("; generation %s\n",
               output_generation((uint64_t)json_integer_value(json_object_get(body, "generation")),
                                 text));
    }
}

/* ---- what it refuses ------------------------------------------------------------------------ */

/* Is the member, "flags.KEY.variants", one of what the file has? */
static bool has_member(const struct text *text, const char *member)
{
    const char *key;
    json_t *item;
    const char *dot = strchr(member, '.');
    char section[16];
    if (!dot || dot - member >= (long)sizeof section) {
        return false;
    }
    snprintf(section, sizeof section, "%.*s", (int)(dot - member), member);
    json_object_foreach(json_object_get(text->json, section), key, item)
    {
        const size_t length = strlen(key);
        if (strncmp(dot + 1, key, length) == 0 &&
            (dot[1 + length] == '.' || dot[1 + length] == '[' || dot[1 + length] == '\0')) {
            return true;
        }
    }
    return false;
}

static int refused(const struct ctl *ctl, const struct import *m,
                   const struct client_answer *answer)
{
    const char *member =
        json_string_value(json_object_get(json_object_get(answer->json, "details"), "member"));
    for (size_t i = 0; i < m->read && member; i++) {
        if (has_member(&m->texts[i], member)) {
            return text_refused(ctl, &m->texts[i], "", answer);
        }
    }
    return answer->status != 0 ? client_refused(ctl, answer) : CTL_NEGATIVE;
}

/* ---- the change ----------------------------------------------------------------------------- */

static int ask_agent(const struct ctl *ctl, const struct import *m, bool dry_run,
                     const char *if_match, struct client_answer *answer)
{
    const struct client_request request = {
        .method = "POST",
        .path = "/import",
        .body = m->document,
        .if_match = if_match,
        .reason = m->change.reason,
        .dry_run = dry_run,
        .quiet = true,
    };
    const int code = client_ask(ctl, &request, answer);
    return code == CTL_OK ? code : refused(ctl, m, answer);
}

/* Tried, shown and asked. tag: of what was tried; "": it was not. */
static int confirm(const struct ctl *ctl, const struct import *m, char tag[CLIENT_ETAG])
{
    struct client_answer answer;
    tag[0] = '\0';
    if (!change_asks(&m->change)) {
        return CTL_OK;
    }
    int code = ask_agent(ctl, m, true, NULL, &answer);
    if (code == CTL_OK) {
        tell(ctl, &answer, true);
        code = change_confirm(ctl, &m->change, "Import it?");
        memcpy(tag, answer.etag, CLIENT_ETAG);
    }
    client_free(&answer);
    return code;
}

int import_document(const struct ctl *ctl, struct import *m)
{
    char tag[CLIENT_ETAG];
    struct client_answer answer;
    if (json_object_set_new(m->document, "mode", json_string(m->replaces ? "replace" : "merge")) !=
        0) {
        return ctl_fail(ctl, "out of memory");
    }
    int code = confirm(ctl, m, tag);
    if (code != CTL_OK) {
        return code;
    }
    code = ask_agent(ctl, m, m->change.dry_run, *tag ? tag : NULL, &answer);
    if (code == CTL_OK && ctl->json) {
        client_print(&answer);
    } else if (code == CTL_OK) {
        tell(ctl, &answer, !*tag);
    }
    client_free(&answer);
    return code;
}
