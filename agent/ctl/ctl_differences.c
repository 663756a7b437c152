#include "ctl_differences.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_output.h"

#define LINES 50   /* differences that are printed */
#define VALUE 200u /* bytes of a value that are printed */

/* Cut at a character's start. */
static void print_value(const struct ctl *ctl, const json_t *value, const char *colour)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t length = text ? strlen(text) : 0;
    const bool cut = length > VALUE;
    for (length = cut ? VALUE : length; cut && ((unsigned char)text[length] & 0xc0) == 0x80;) {
        length--;
    }
    output_colour(ctl, colour);
    output_plain(text ? text : "?", text ? length : 1);
    output_text(cut ? "..." : "");
    output_plainly(ctl);
    free(text);
}

static void print_line(const struct ctl *ctl, const char *path, const json_t *before,
                       const json_t *after)
{
    output_text("  /");
    output_plain(path, strlen(path));
    output_text(!before ? ": + " : !after ? ": - " : ": ");
    if (before) {
        print_value(ctl, before, "31");
    }
    if (before && after) {
        output_text(" -> ");
    }
    if (after) {
        print_value(ctl, after, "32");
    }
    output_text("\n");
}

/* All of it has come or gone: a line for each member. */
static void print_members(const struct ctl *ctl, const json_t *whole, bool come)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)whole, name, value)
    {
        print_line(ctl, name, come ? NULL : value, come ? value : NULL);
    }
}

static void print_one(const struct ctl *ctl, const json_t *item)
{
    const char *path = json_string_value(json_object_get(item, "path"));
    const json_t *before = json_object_get(item, "before");
    const json_t *after = json_object_get(item, "after");
    const json_t *whole = before ? before : after;
    path = path && *path == '/' ? path + 1 : "";
    if (!*path && (!before || !after) && json_is_object(whole)) {
        print_members(ctl, whole, after != NULL);
    } else {
        print_line(ctl, path, before, after);
    }
}

void differences_print(const struct ctl *ctl, const json_t *diff)
{
    const size_t count = json_array_size(diff);
    for (size_t i = 0; i < count && i < LINES; i++) {
        print_one(ctl, json_array_get(diff, i));
    }
    if (count > LINES) {
        printf("  and %zu more: --json has them all\n", count - LINES);
    }
}
