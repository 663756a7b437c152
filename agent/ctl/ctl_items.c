#include "ctl_items.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_differences.h"
#include "ctl_moment.h"
#include "ctl_output.h"
#include "ctl_when.h"

/* ---- points ---------------------------------------------------------------------------------- */

char *items_point(const struct ctl *ctl, const char *text)
{
    struct at at;
    const char *why;
    char time[MOMENT_TEXT];
    if (!moment_point(text, when_now(), &at, &why)) {
        ctl_usage(ctl, "'%s' is no generation (as 3.5) and %s", text, why);
        return NULL;
    }
    char *segment = client_segment(at.kind == AT_TIME ? moment_rfc3339(at.ms, time) : text);
    if (!segment) {
        ctl_fail(ctl, "out of memory");
    }
    return segment;
}

static const char *text_of(const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));
    return text ? text : "";
}

static void plain(const char *text)
{
    output_plain(text, strlen(text));
}

void items_print_point(const json_t *point)
{
    const json_t *published = json_object_get(point, "publishedMs");
    char when[WHEN_TEXT];
    plain(text_of(point, "generationText"));
    if (json_is_integer(published)) {
        printf(" (%s)", when_text(json_integer_value(published), when));
    }
}

/* ---- items ----------------------------------------------------------------------------------- */

/* "version 4 -> 6", "version 3 -> none" */
static void print_versions(const json_t *item)
{
    const json_t *before = json_object_get(item, "beforeVersion");
    const json_t *after = json_object_get(item, "afterVersion");
    if (json_is_integer(before) && json_is_integer(after)) {
        printf(", version %" JSON_INTEGER_FORMAT " -> %" JSON_INTEGER_FORMAT,
               json_integer_value(before), json_integer_value(after));
    } else if (json_is_integer(before)) {
        printf(", was version %" JSON_INTEGER_FORMAT, json_integer_value(before));
    } else if (json_is_integer(after)) {
        printf(", version %" JSON_INTEGER_FORMAT, json_integer_value(after));
    }
}

/* "flag sale changed, version 4 -> 6" */
static void print_item(const struct ctl *ctl, const json_t *item)
{
    const char *change = text_of(item, "change");
    const char *source = text_of(item, "source");
    plain(text_of(item, "kind"));
    output_text(" ");
    output_colour(ctl, "1");
    plain(text_of(item, "key"));
    output_plainly(ctl);
    output_text(" ");
    output_colour(ctl, strcmp(change, "added") == 0     ? "32"
                       : strcmp(change, "removed") == 0 ? "31"
                                                        : "33");
    plain(change);
    output_plainly(ctl);
    print_versions(item);
    if (*source && strcmp(source, "admin") != 0) {
        output_text(", from ");
        plain(source);
    }
    output_text("\n");
    differences_print(ctl, json_object_get(item, "diff"));
}

void items_print(const struct ctl *ctl, const json_t *items)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        print_item(ctl, json_array_get(items, i));
    }
}

json_t *items_choose(const json_t *items, bool kept)
{
    json_t *chosen = json_array();
    for (size_t i = 0; i < json_array_size(items) && chosen; i++) {
        json_t *item = json_array_get(items, i);
        const bool is_kept = strcmp(text_of(item, "source"), "admin") == 0 &&
                             strcmp(text_of(item, "kind"), "override") != 0;
        if (is_kept == kept && json_array_append(chosen, item) != 0) {
            json_decref(chosen);
            return NULL;
        }
    }
    return chosen;
}
