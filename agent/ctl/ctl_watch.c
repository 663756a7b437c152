/*
 * ctl_watch.c - ffctl watch: a line for every publish, with what changed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_when.h"
#include "source/backoff.h"

#define FIRST_DELAY_MS 100
#define MOST_DELAY_MS 5000
#define ITEMS_SHOWN 20u /* in a line for people */
#define GENERATION 32

enum { OPTION_KEY = OPTIONS_OWN };

/* clang-format off */
static const struct ctl_option options[] = {
    {"key", required_argument, "FLAG", OPTION_KEY},
    OPTIONS_COMMON,
};
/* clang-format on */

struct watch {
    const struct ctl *ctl;
    const char *prefix;    /* NULL: every key */
    char seen[GENERATION]; /* the generation that was told last; "": none yet */
    bool lost;             /* it was connected, and is to be again */
    struct backoff backoff;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int help(void)
{
    output_text(
        "usage: ffctl watch [--key PREFIX]\n"
        "\n"
        "Tells of every publish, as it happens: what changed, from which version to which,\n"
        "and by whom. Ends with Ctrl-C; an agent that is restarted is followed again.\n"
        "\n"
        "  --key PREFIX  only flags and segments whose keys begin so\n"
        "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "JSON: a line for each event, \"event\" being snapshot (what is published, at the\n"
        "beginning), publish, or gap (something was published meanwhile).\n"
        "\n"
        "Exit codes\n"
        "  0  ended by SIGINT or SIGTERM\n"
        "  1  no agent, or it refuses\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl watch\n"
        "  ffctl watch --key checkout- --json | jq -r '.changed[].key'\n");
    return CTL_OK;
}

/* ---- text ----------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

static void plain(const char *text)
{
    output_plain(text, strlen(text));
}

static void print_item(const json_t *item)
{
    const char *change = text_of(item, "change");
    const json_int_t before = number_of(item, "before");
    const json_int_t after = number_of(item, "after");
    if (strcmp(text_of(item, "kind"), "segment") == 0) {
        output_text("segment ");
    }
    plain(text_of(item, "key"));
    if (strcmp(change, "removed") == 0) {
        output_text(" removed");
    } else if (strcmp(change, "added") == 0) {
        printf(" added, version %" JSON_INTEGER_FORMAT, after);
    } else if (before == after) {
        printf(" changed, version %" JSON_INTEGER_FORMAT, after);
    } else {
        printf(" %" JSON_INTEGER_FORMAT " -> %" JSON_INTEGER_FORMAT, before, after);
    }
    if (json_is_true(json_object_get(item, "overridden"))) {
        output_text(", overridden");
    }
}

static void print_items(const json_t *items, json_int_t more)
{
    const size_t count = json_array_size(items);
    const size_t shown = count < ITEMS_SHOWN ? count : ITEMS_SHOWN;
    more += (json_int_t)(count - shown);
    for (size_t i = 0; i < shown; i++) {
        output_text(i ? "; " : "");
        print_item(json_array_get(items, i));
    }
    if (more) {
        printf("%s%" JSON_INTEGER_FORMAT " more", shown ? "; and " : "", more);
    }
}

/* Who did it: the operator, else where the first item comes from. */
static void print_who(const json_t *data, const json_t *items)
{
    const json_t *by = json_object_get(data, "by");
    const char *source = text_of(json_array_get(items, 0), "source");
    if (json_is_object(by)) {
        plain(text_of(by, "actor"));
        output_text(" (");
        plain(text_of(by, "action"));
        if (*text_of(by, "reason")) {
            output_text(": ");
            plain(text_of(by, "reason"));
        }
        output_text(")");
    } else {
        plain(*source ? source : "ffagent");
    }
}

static void print_time(const struct ctl *ctl, const json_t *data)
{
    const json_t *published = json_object_get(data, "publishedMs");
    char when[WHEN_TEXT] = "-";
    if (json_is_integer(published)) {
        when_text(json_integer_value(published), when);
    }
    output_colour(ctl, "2");
    output_text(when);
    output_plainly(ctl);
    output_text("  ");
    plain(text_of(data, "generationText"));
    output_text("  ");
}

static void print_publish(const struct ctl *ctl, const json_t *data, const json_t *items)
{
    const json_int_t more = number_of(data, "more");
    print_time(ctl, data);
    if (json_is_true(json_object_get(data, "compaction"))) {
        output_text("the same, in fewer files\n");
        return;
    }
    print_who(data, items);
    output_text("  ");
    print_items(items, more);
    output_text(json_array_size(items) || more ? "\n" : "nothing changed\n");
}

static void print_state(const struct ctl *ctl, const char *name, const json_t *data)
{
    print_time(ctl, data);
    if (strcmp(name, "gap") == 0) {
        output_text("published meanwhile: what changed up to here was not followed\n");
        return;
    }
    printf("%" JSON_INTEGER_FORMAT " flag%s, %" JSON_INTEGER_FORMAT " segment%s\n",
           number_of(data, "flags"), output_plural((uint64_t)number_of(data, "flags")),
           number_of(data, "segments"), output_plural((uint64_t)number_of(data, "segments")));
}

/* ---- events --------------------------------------------------------------------------------- */

/* Those with the prefix; a new reference. NULL: no memory. */
static json_t *chosen(const struct watch *w, const json_t *items)
{
    json_t *some = json_array();
    for (size_t i = 0; i < json_array_size(items) && some; i++) {
        json_t *item = json_array_get(items, i);
        if (!w->prefix || strncmp(text_of(item, "key"), w->prefix, strlen(w->prefix)) == 0) {
            json_array_append(some, item);
        }
    }
    return some;
}

static void print_json(const char *name, json_t *data, json_t *items)
{
    json_t *line = json_pack("{s:s}", "event", name);
    if (line && json_object_update(line, data) == 0 &&
        (!items || json_object_set(line, "changed", items) == 0)) {
        client_print_json(line);
    }
    json_decref(line);
}

static void print(const struct watch *w, const char *name, json_t *data)
{
    const bool is_publish = strcmp(name, "publish") == 0;
    json_t *items = is_publish ? chosen(w, json_object_get(data, "changed")) : NULL;
    const bool wanted =
        !is_publish || !w->prefix || json_array_size(items) > 0 || number_of(data, "more") > 0;
    if (wanted && w->ctl->json) {
        print_json(name, data, items);
    } else if (wanted && is_publish) {
        print_publish(w->ctl, data, items);
    } else if (wanted) {
        print_state(w->ctl, name, data);
    }
    json_decref(items);
}

static bool on_event(void *arg, const char *name, json_t *data)
{
    struct watch *w = arg;
    const bool is_snapshot = strcmp(name, "snapshot") == 0;
    const bool repeated = is_snapshot && w->lost && !w->ctl->json;
    if (!json_is_object(data) ||
        (!is_snapshot && strcmp(name, "publish") != 0 && strcmp(name, "gap") != 0)) {
        return true; /* of a newer agent */
    }
    if (is_snapshot && w->lost) {
        ctl_fail(w->ctl, "the agent is back");
    }
    if (!repeated) {
        print(w, name, data);
    }
    snprintf(w->seen, sizeof w->seen, "%s", text_of(data, "generationText"));
    w->lost = false;
    backoff_reset(&w->backoff);
    return fflush(stdout) == 0;
}

/* ---- following ------------------------------------------------------------------------------ */

static void wait_ms(int64_t ms)
{
    const struct timespec wait = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
    (void)nanosleep(&wait, NULL); /* a signal ends it */
}

static int follow(struct watch *w)
{
    for (;;) {
        const struct client_request request = {.path = "/changes",
                                               .last_event = w->seen[0] ? w->seen : NULL};
        const struct client_follower follower = {on_event, w, &stop, w->seen[0] != '\0'};
        switch (client_follow(w->ctl, &request, &follower)) {
        case CLIENT_ENOUGH:
            return CTL_OK;
        case CLIENT_REFUSED:
            return CTL_NEGATIVE;
        case CLIENT_LOST:
            break;
        }
        if (!w->lost) {
            ctl_fail(w->ctl, "the agent is gone; waiting for it");
            w->lost = true;
        }
        wait_ms(backoff_failed(&w->backoff, false));
        if (stop) {
            return CTL_OK;
        }
    }
}

int ctl_watch(struct ctl *ctl, int argc, char **argv)
{
    const struct backoff_regime delays = {FIRST_DELAY_MS, MOST_DELAY_MS};
    const struct sigaction handler = {.sa_handler = on_signal};
    struct watch w = {.ctl = ctl};
    int option;
    while ((option = options_next(ctl, argc, argv, options)) != OPTIONS_END) {
        switch (option) {
        case OPTIONS_HELP:
            return help();
        case OPTION_KEY:
            w.prefix = optarg;
            break;
        case OPTIONS_WORD:
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        default:
            return CTL_USAGE;
        }
    }
    backoff_init(&w.backoff, delays, delays);
    sigaction(SIGINT, &handler, NULL);
    sigaction(SIGTERM, &handler, NULL);
    return follow(&w);
}
