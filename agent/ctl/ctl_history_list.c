/*
 * The list of versions: each with what it made of the one before it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_differences.h"
#include "ctl_history.h"
#include "ctl_output.h"
#include "ctl_pages.h"
#include "ctl_table.h"
#include "ctl_when.h"
#include "operate/difference.h"

#define PAGE 100

/* ---- what a version changed ------------------------------------------------------------------ */

static const char *text_of(const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));
    return text ? text : "";
}

static bool came(const json_t *item, const char *how)
{
    return strcmp(text_of(item, "came"), how) == 0;
}

/* An object's members that are others in the second one. */
static void name_members(FILE *out, json_t *before, json_t *after)
{
    const char *name;
    json_t *value;
    json_object_foreach(after, name, value)
    {
        if (!json_equal(value, json_object_get(before, name))) {
            fprintf(out, "%s%s", ftell(out) > 0 ? ", " : "", name);
        }
    }
    json_object_foreach(before, name, value)
    {
        if (!json_object_get(after, name)) {
            fprintf(out, "%s%s", ftell(out) > 0 ? ", " : "", name);
        }
    }
}

/* "created", "archived", "enabled, variants"; older NULL: there was none. malloc'ed, NULL: no
   memory. */
static char *what_of(const json_t *item, const json_t *older)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        return NULL;
    }
    if (!came(item, "put")) {
        fputs(text_of(item, "came"), out);
    } else if (older ? came(older, "deleted")
                     : json_integer_value(json_object_get(item, "version")) == 1) {
        fputs("created", out);
    } else if (!older) {
        fputs("(the oldest that is kept)", out);
    } else {
        fputs(came(older, "archived") ? "restored" : "", out);
        name_members(out, json_object_get(older, "definition"),
                     json_object_get(item, "definition"));
        fputs(ftell(out) > 0 ? "" : "schedule", out); /* which is no part of a version */
    }
    fclose(out);
    return text;
}

static json_t *diff_of(const json_t *item, const json_t *older)
{
    json_t *before = json_object_get(older, "definition");
    json_t *after = json_object_get(item, "definition");
    return difference(json_is_object(before) ? before : NULL, json_is_object(after) ? after : NULL);
}

/* ---- collecting ------------------------------------------------------------------------------ */

struct listing {
    const struct ctl *ctl;
    const struct history *h;
    json_t *items;
    json_t *newer; /* the item before, whose change is not known yet; owned */
    json_int_t next;
    bool failed;
};

/* Of an item as much as is to be told, its change with it. */
static void add(struct listing *l, const json_t *older)
{
    json_t *item = l->newer;
    char *what = what_of(item, older);
    l->newer = NULL;
    l->failed = l->failed || !what || json_object_set_new(item, "what", json_string(what)) != 0;
    if (l->h->diff) {
        l->failed = l->failed || json_object_set_new(item, "diff", diff_of(item, older)) != 0;
    }
    if (l->h->diff || !l->ctl->json) {
        json_object_del(item, "definition"); /* there may be many, and large */
    }
    l->failed = json_array_append_new(l->items, item) != 0 || l->failed;
    free(what);
}

static bool on_item(void *arg, json_t *item)
{
    struct listing *l = arg;
    if (l->newer) {
        const json_t *version = json_object_get(l->newer, "version");
        const json_int_t number = json_integer_value(version);
        add(l, item);
        if ((int64_t)json_array_size(l->items) == l->h->limit) { /* this one is one too many */
            l->next = number;
            return false;
        }
    }
    l->newer = json_copy(item);
    return l->newer != NULL && !l->failed;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void row(const json_t *item, table_cells cells)
{
    const json_t *when = json_object_get(item, "changedMs");
    snprintf(cells[0], TABLE_CELL, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(item, "version")));
    when_text(json_integer_value(when), cells[1]);
    table_text(cells[2], item, "changedBy");
    table_text(cells[3], item, "what");
    table_text(cells[4], item, "reason");
}

/* "version 6, 2026-11-26T17:00:00Z, ann: wrong prices" */
static void print_difference(const struct ctl *ctl, const json_t *item)
{
    char when[WHEN_TEXT];
    const bool whole = came(item, "deleted") || came(item, "archived");
    output_colour(ctl, "1");
    printf("version %" JSON_INTEGER_FORMAT ", %s, ",
           json_integer_value(json_object_get(item, "version")),
           when_text(json_integer_value(json_object_get(item, "changedMs")), when));
    output_plain(text_of(item, "changedBy"), strlen(text_of(item, "changedBy")));
    output_text(*text_of(item, "reason") ? ": " : "");
    output_plain(text_of(item, "reason"), strlen(text_of(item, "reason")));
    output_plainly(ctl);
    output_text("\n");
    if (whole || json_array_size(json_object_get(item, "diff")) == 0) {
        output_text("  ");
        output_plain(text_of(item, "what"), strlen(text_of(item, "what")));
        output_text("\n");
    } else {
        differences_print(ctl, json_object_get(item, "diff"));
    }
}

static void print_text(const struct listing *l)
{
    static const char *const heads[] = {"VERSION", "WHEN", "WHO", "WHAT", "WHY"};
    for (size_t i = 0; l->h->diff && i < json_array_size(l->items); i++) {
        print_difference(l->ctl, json_array_get(l->items, i));
    }
    if (!l->h->diff) {
        table_print(l->ctl, heads, sizeof heads / sizeof *heads, l->items, row);
    }
    if (l->next) {
        output_text("there are older ones: --limit\n");
    }
}

static void print_json(const struct listing *l)
{
    json_t *list = json_pack("{s:O, s:o}", "items", l->items, "next",
                             l->next ? json_integer(l->next) : json_null());
    client_print_json(list);
    json_decref(list);
}

/* There is no version. Why not? */
static int tell_none(const struct ctl *ctl, const struct history *h)
{
    char *path = history_path(ctl, h, "");
    const struct client_request request = {.path = path};
    struct client_answer answer;
    int code = CTL_NEGATIVE;
    if (!path) {
        return code;
    }
    if (client_ask(ctl, &request, &answer) == CTL_OK) { /* else that has told it */
        ctl_fail(ctl, "the %s '%s' comes from %s: its versions are not kept here", history_noun(h),
                 h->key, text_of(answer.json, "source"));
    }
    client_free(&answer);
    free(path);
    return code;
}

static int tell(const struct listing *l)
{
    if (json_array_size(l->items) == 0) {
        return tell_none(l->ctl, l->h);
    }
    if (l->ctl->json) {
        print_json(l);
    } else {
        print_text(l);
    }
    return CTL_OK;
}

int history_list(const struct ctl *ctl, const struct history *h)
{
    struct listing l = {.ctl = ctl, .h = h, .items = json_array()};
    char *path = history_path(ctl, h, "/history");
    const struct pages pages = {
        .path = path, .cursor = "before", .size = PAGE, .most = (size_t)h->limit + 1};
    int code = path ? pages_each(ctl, &pages, on_item, &l) : CTL_NEGATIVE;
    if (l.newer) {
        add(&l, NULL);
    }
    if (code == CTL_OK) {
        code = l.failed ? ctl_fail(ctl, "out of memory") : tell(&l);
    }
    json_decref(l.items);
    free(path);
    return code;
}
