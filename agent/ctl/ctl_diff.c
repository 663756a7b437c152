/*
 * ctl_diff.c - ffctl diff: what is different between two generations.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_items.h"
#include "ctl_options.h"
#include "ctl_output.h"

static const struct ctl_option options[] = {OPTIONS_WORDS("GENERATION GENERATION"), OPTIONS_COMMON};

static int help(void)
{
    output_text(
        "usage: ffctl diff GENERATION [GENERATION] [--dir DIR] [--json|--text]\n"
        "\n"
        "Tells what is different between two generations; of one: between it and now.\n"
        "Definitions that operators keep are compared member by member, of flags from\n"
        "LaunchDarkly and files the versions are told; also kill switches that have come or\n"
        "gone. A generation need not be retained: the audit trail knows it.\n"
        "\n"
        "GENERATION is as `ffctl snapshot list` tells it (3.5), or a time: what was in force\n"
        "then. 2026-12-24T09:00:00Z, '2026-12-24 09:00' (by this host's zone), '2h ago'.\n"
        "\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  told, also when there is no difference\n"
        "  1  no such generation, or no agent\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl diff 3.5\n"
        "  ffctl diff 3.5 3.9 --json | jq '.items[].key'\n"
        "  ffctl diff 'yesterday 18:00'\n");
    return CTL_OK;
}

static void print_text(const struct ctl *ctl, const json_t *body)
{
    const json_t *items = json_object_get(body, "items");
    const json_int_t more = json_integer_value(json_object_get(body, "more"));
    const bool same = json_is_true(json_object_get(body, "sameContent"));
    const size_t count = json_array_size(items) + (size_t)more;
    items_print_point(json_object_get(body, "from"));
    output_text(" -> ");
    items_print_point(json_object_get(body, "to"));
    if (count > 0) {
        printf(": %zu difference%s%s\n", count, output_plural(count),
               same ? ", but the content is the same" : "");
    } else {
        output_text(same ? ": no difference\n"
                         : ": no difference is recorded, but the content is another one\n");
    }
    items_print(ctl, items);
    if (more > 0) {
        printf("and %" JSON_INTEGER_FORMAT " more, which the agent does not list\n", more);
    }
}

/* The generation that is published now; malloc'ed, NULL: reported. */
static char *point_now(const struct ctl *ctl)
{
    const struct client_request request = {.path = "/status"};
    struct client_answer answer;
    char *point = NULL;
    if (client_ask(ctl, &request, &answer) == CTL_OK) {
        const json_t *snapshot = json_object_get(answer.json, "snapshot");
        const char *name = json_string_value(json_object_get(snapshot, "generationText"));
        point = name ? client_segment(name) : NULL;
        if (!point) {
            ctl_fail(ctl, "nothing is published");
        }
    }
    client_free(&answer);
    return point;
}

static int show(const struct ctl *ctl, const char *from, const char *to)
{
    char *first = items_point(ctl, from);
    char *second = first && to ? items_point(ctl, to) : NULL;
    char *path = NULL;
    int code = CTL_USAGE;
    if (first && (second || !to)) {
        second = second ? second : point_now(ctl);
        code = CTL_NEGATIVE;
    }
    if (second && asprintf(&path, "/snapshots/%s/diff/%s", first, second) < 0) {
        path = NULL;
        code = ctl_fail(ctl, "out of memory");
    }
    if (path) {
        code = client_show(ctl, path, print_text);
    }
    free(path);
    free(second);
    free(first);
    return code;
}

int ctl_diff(struct ctl *ctl, int argc, char **argv)
{
    const char *words[2] = {NULL, NULL};
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        if (option != OPTIONS_WORD) {
            return CTL_USAGE;
        }
        if (words[1]) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        words[words[0] != NULL] = optarg;
    }
    return words[0]
               ? show(ctl, words[0], words[1])
               : ctl_usage(ctl, "from which generation? `ffctl snapshot list --all` tells them");
}
