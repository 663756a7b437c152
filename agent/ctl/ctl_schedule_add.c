/*
 * ctl_schedule_add.c - ffctl schedule add and ffctl schedule cancel.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_change.h"
#include "ctl_client.h"
#include "ctl_moment.h"
#include "ctl_options.h"
#include "ctl_output.h"
#include "ctl_pages.h"
#include "ctl_schedule.h"
#include "ctl_when.h"

#define PAGE 1000

enum {
    OPTION_AT = OPTIONS_OWN,
    OPTION_SET,
    OPTION_ENABLE,
    OPTION_DISABLE,
};

/* clang-format off */
static const struct ctl_option add_options[] = {
    OPTIONS_WORDS("FLAG"),
    {"at", required_argument, "TIME", OPTION_AT},
    {"set", required_argument, "MEMBER=VALUE", OPTION_SET},
    {"enable", no_argument, NULL, OPTION_ENABLE},
    {"disable", no_argument, NULL, OPTION_DISABLE},
    CHANGE_OPTIONS,
    OPTIONS_COMMON,
};
/* clang-format on */

static const struct ctl_option cancel_options[] = {OPTIONS_WORDS("FLAG SCHEDULED"), CHANGE_OPTIONS,
                                                   OPTIONS_COMMON};

static int add_help(void)
{
    output_text(
        "usage: ffctl schedule add FLAG --at TIME [--enable|--disable]\n"
        "                          [--set MEMBER=VALUE]... [--reason TEXT] [--dry-run] [--yes]\n"
        "\n"
        "Changes members of a flag's definition at a time to come. It is checked now, with\n"
        "all that is to come before it.\n"
        "\n"
        "  --at TIME   2026-12-24T09:00:00+01:00; '2026-12-24 09:00', 'tomorrow 09:00' (by this\n"
        "              host's zone); 'in 2h', 'in 1d12h'\n"
        "  --enable, --disable\n"
        "              enabled is true, or false\n"
        "  --set MEMBER=VALUE\n"
        "              replaces a member of the definition; any number of them. What reads as\n"
        "              JSON is taken as JSON, everything else as text; null takes the member out\n"
        "  --set JSON  the same for several members: '{\"owner\": \"web\", \"tags\": "
        "[]}'\n" CHANGE_HELP SCHEDULE_HELP_END
        "  ffctl schedule add sale --at 'in 2h' --disable --reason 'sold out'\n"
        "  ffctl schedule add sale --at 2026-12-24T09:00:00Z --set default_variant=half\n");
    return CTL_OK;
}

static int cancel_help(void)
{
    output_text("usage: ffctl schedule cancel FLAG NUMBER [--reason TEXT] [--dry-run] [--yes]\n"
                "\n"
                "Cancels a dated change that has not come yet. NUMBER is as list tells it.\n"
                "\n" CHANGE_HELP SCHEDULE_HELP_END "  ffctl schedule list sale\n"
                "  ffctl schedule cancel sale 3 --reason 'the sale goes on'\n");
    return CTL_OK;
}

/* ---- the command line ----------------------------------------------------------------------- */

/* What the command line asks for. */
struct wish {
    const char *flag; /* borrowed; NULL: not given yet */
    const char *number;
    const char *time;
    int64_t at_ms;
    json_t *set; /* owned */
    struct change change;
};

/* value is taken over. */
static int set_member(const struct ctl *ctl, struct wish *w, const char *name, json_t *value)
{
    if (json_object_get(w->set, name)) {
        json_decref(value);
        return ctl_usage(ctl, "%s is set twice", name);
    }
    return value && json_object_set_new(w->set, name, value) == 0
               ? CTL_OK
               : ctl_usage(ctl, "--set: the text is not UTF-8");
}

/* Members that are texts, whatever else one may read as. */
static bool is_text(const char *name)
{
    static const char *const texts[] = {
        "default_variant", "fallback_variant", "bucket_by", "kind", "name", "description", "owner"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *value_of(const char *name, const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (value && (!is_text(name) || json_is_string(value) || json_is_null(value))) {
        return value;
    }
    json_decref(value);
    return json_string(text);
}

static int set_all(const struct ctl *ctl, struct wish *w, const char *text)
{
    json_error_t error;
    const char *name;
    json_t *value;
    int code = CTL_OK;
    json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!all) {
        return ctl_usage(ctl, "--set '%s': %s (at byte %d)", text, error.text, error.position);
    }
    json_object_foreach(all, name, value)
    {
        code = code == CTL_OK ? set_member(ctl, w, name, json_incref(value)) : code;
    }
    json_decref(all);
    return code;
}

static int take_set(const struct ctl *ctl, struct wish *w, const char *text)
{
    const char *equals = strchr(text, '=');
    if (*text == '{') {
        return set_all(ctl, w, text);
    }
    if (!equals || equals == text) {
        return ctl_usage(ctl, "--set '%s': write MEMBER=VALUE, or JSON", text);
    }
    char *name = strndup(text, (size_t)(equals - text));
    const int code = name ? set_member(ctl, w, name, value_of(name, equals + 1))
                          : ctl_fail(ctl, "out of memory");
    free(name);
    return code;
}

static int take_time(const struct ctl *ctl, struct wish *w)
{
    const char *why;
    w->time = optarg;
    if (!moment_parse(optarg, when_now(), &w->at_ms, &why)) {
        return ctl_usage(ctl, "--at '%s' %s", optarg, why);
    }
    w->at_ms = (w->at_ms + 999) / 1000 * 1000;
    return CTL_OK;
}

static int take_word(const struct ctl *ctl, struct wish *w, bool number)
{
    if (!w->flag) {
        w->flag = optarg;
    } else if (number && !w->number) {
        w->number = optarg;
        if (!*optarg || strlen(optarg) > 18 || strspn(optarg, "0123456789") != strlen(optarg)) {
            return ctl_usage(ctl, "'%s' is no number: ffctl schedule list tells them", optarg);
        }
    } else {
        return ctl_usage(ctl, "'%s' is one word too many", optarg);
    }
    return CTL_OK;
}

static int take(const struct ctl *ctl, struct wish *w, int option, bool number)
{
    switch (option) {
    case OPTION_AT:
        return take_time(ctl, w);
    case OPTION_SET:
        return take_set(ctl, w, optarg);
    case OPTION_ENABLE:
    case OPTION_DISABLE:
        return set_member(ctl, w, "enabled", json_boolean(option == OPTION_ENABLE));
    case OPTIONS_WORD:
        return take_word(ctl, w, number);
    default:
        return CTL_USAGE;
    }
}

static int read_options(struct ctl *ctl, int argc, char **argv, const struct ctl_option *table,
                        struct wish *w, bool *asked_help)
{
    int option;
    while ((option = change_next(ctl, &w->change, argc, argv, table)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            *asked_help = true;
            return CTL_OK;
        }
        const int code = take(ctl, w, option, table == cancel_options);
        if (code != CTL_OK) {
            return code;
        }
    }
    return w->flag ? CTL_OK : ctl_usage(ctl, "which flag? its key is needed");
}

/* ---- add ------------------------------------------------------------------------------------ */

static void tell_key(const json_t *body)
{
    const char *key = json_string_value(json_object_get(body, "key"));
    output_plain(key ? key : "?", key ? strlen(key) : 1);
}

static void tell_number(const json_t *body)
{
    printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(body, "number")));
}

/* "sale: change 3 is scheduled for 2026-12-24 09:00:00 CET (...), in 28.3 d: enabled = false" */
static void tell_added(const struct ctl *ctl, const struct change *change, const json_t *body,
                       const void *arg)
{
    const struct wish *w = arg;
    char moment[MOMENT_TEXT];
    char age[OUTPUT_SHORT];
    const int64_t left = w->at_ms - when_now();
    char *set = schedule_set_text(w->set);
    tell_key(body);
    if (change->dry_run) {
        output_text(": a change would be ");
    } else {
        output_text(": change ");
        tell_number(body);
        output_text(" is ");
    }
    output_colour(ctl, "32");
    output_text("scheduled");
    output_plainly(ctl);
    printf(" for %s, in %s: ", moment_text(w->at_ms, moment), output_age(left > 0 ? left : 0, age));
    output_plain(set ? set : "?", set ? strlen(set) : 1);
    output_text(change->dry_run ? "; nothing is stored\n" : "\n");
    free(set);
}

static int confirm_add(const struct ctl *ctl, const struct wish *w)
{
    char moment[MOMENT_TEXT];
    char *set = schedule_set_text(w->set);
    const int code = change_confirm(ctl, &w->change, "Change %s at %s: %s?", w->flag,
                                    moment_text(w->at_ms, moment), set ? set : "?");
    free(set);
    return code;
}

static int post(const struct ctl *ctl, const struct wish *w)
{
    char at[MOMENT_TEXT];
    char *path = client_path("/flags/", w->flag, "/schedule");
    json_t *body = json_pack("{s:s, s:O}", "at", moment_rfc3339(w->at_ms, at), "set", w->set);
    const struct client_request request = {.method = "POST", .path = path, .body = body};
    const int code = path && body ? change_perform(ctl, &w->change, &request, tell_added, w)
                                  : ctl_fail(ctl, "out of memory");
    json_decref(body);
    free(path);
    return code;
}

static int check_add(const struct ctl *ctl, const struct wish *w)
{
    if (!w->time) {
        return ctl_usage(ctl, "when? --at TIME is needed");
    }
    return json_object_size(w->set) > 0
               ? CTL_OK
               : ctl_usage(ctl, "what changes? --enable, --disable or --set is needed");
}

int schedule_add(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {.set = json_object()};
    bool asked_help = false;
    int code = read_options(ctl, argc, argv, add_options, &w, &asked_help);
    if (asked_help) {
        code = add_help();
    } else if (code == CTL_OK) {
        code = check_add(ctl, &w);
        code = code == CTL_OK ? confirm_add(ctl, &w) : code;
        code = code == CTL_OK ? post(ctl, &w) : code;
    }
    json_decref(w.set);
    return code;
}

/* ---- cancel --------------------------------------------------------------------------------- */

static void tell_cancelled(const struct ctl *ctl, const struct change *change, const json_t *body,
                           const void *arg)
{
    (void)arg;
    tell_key(body);
    output_text(": change ");
    tell_number(body);
    output_text(change->dry_run ? " would be " : " is ");
    output_colour(ctl, "33");
    output_text("cancelled");
    output_plainly(ctl);
    output_text(change->dry_run ? "; nothing is stored\n" : "\n");
}

struct finding {
    json_int_t number;
    json_t *item; /* owned; NULL: not found */
};

static bool find(void *arg, json_t *item)
{
    struct finding *f = arg;
    if (json_integer_value(json_object_get(item, "number")) == f->number) {
        f->item = json_incref(item);
    }
    return f->item == NULL;
}

/* Who is asked is told what it is. One that is not there the agent refuses. */
static int confirm_cancel(const struct ctl *ctl, const struct wish *w, const char *path)
{
    const struct pages pages = {.path = path, .cursor = "after", .size = PAGE};
    struct finding f = {.number = strtoll(w->number, NULL, 10)};
    char moment[MOMENT_TEXT];
    if (!change_asks(&w->change)) {
        return CTL_OK;
    }
    int code = pages_each(ctl, &pages, find, &f);
    char *set = schedule_set_text(json_object_get(f.item, "set"));
    if (code == CTL_OK && f.item) {
        code = change_confirm(
            ctl, &w->change, "Cancel change %s of %s, at %s: %s?", w->number, w->flag,
            moment_text(json_integer_value(json_object_get(f.item, "atMs")), moment),
            set ? set : "?");
    }
    free(set);
    json_decref(f.item);
    return code;
}

static int cancel(const struct ctl *ctl, const struct wish *w)
{
    char *list = client_path("/flags/", w->flag, "/schedule");
    char *path = NULL;
    if (!list || asprintf(&path, "%s/%s", list, w->number) < 0) {
        free(list);
        return ctl_fail(ctl, "out of memory");
    }
    int code = confirm_cancel(ctl, w, list);
    if (code == CTL_OK) {
        const struct client_request request = {.method = "DELETE", .path = path};
        code = change_perform(ctl, &w->change, &request, tell_cancelled, NULL);
    }
    free(path);
    free(list);
    return code;
}

int schedule_cancel(struct ctl *ctl, int argc, char **argv)
{
    struct wish w = {0};
    bool asked_help = false;
    const int code = read_options(ctl, argc, argv, cancel_options, &w, &asked_help);
    if (code != CTL_OK || asked_help) {
        return asked_help ? cancel_help() : code;
    }
    return w.number ? cancel(ctl, &w)
                    : ctl_usage(ctl, "which change? its number is needed: ffctl schedule list");
}
