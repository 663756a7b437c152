#include "ctl_change.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ctl_differences.h"
#include "ctl_output.h"

#define QUESTION 1024 /* bytes; what is longer is cut */
#define NAMED 10      /* affected flags that are named */

/* ---- the command line ----------------------------------------------------------------------- */

/* Whether the option is one of CHANGE_OPTIONS; *code: CTL_OK, or reported. */
static bool take(const struct ctl *ctl, struct change *change, int option, int *code)
{
    *code = CTL_OK;
    switch (option) {
    case CHANGE_REASON:
        /* Only white space is no reason. */
        change->reason = optarg[strspn(optarg, " \t\r\n")] ? optarg : NULL;
        if (strpbrk(optarg, "\r\n")) {
            *code = ctl_usage(ctl, "--reason: one line, please");
        }
        return true;
    case CHANGE_DRY_RUN:
        change->dry_run = true;
        return true;
    case CHANGE_YES:
        change->yes = true;
        return true;
    default:
        return false;
    }
}

int change_next(struct ctl *ctl, struct change *change, int argc, char **argv,
                const struct ctl_option *table)
{
    int code;
    int option;
    while (take(ctl, change, option = options_next(ctl, argc, argv, table), &code)) {
        if (code != CTL_OK) {
            return OPTIONS_USAGE;
        }
    }
    return option;
}

int change_need_reason(const struct ctl *ctl, const struct change *change)
{
    return change->reason
               ? CTL_OK
               : ctl_usage(ctl,
                           "--reason TEXT is needed: it is recorded, and told to whoever asks");
}

bool change_asks(const struct change *change)
{
    return !change->yes && !change->dry_run && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int change_confirm(const struct ctl *ctl, const struct change *change, const char *question, ...)
{
    char text[QUESTION];
    char answer[16] = "";
    va_list arguments;
    if (!change_asks(change)) {
        return CTL_OK;
    }
    va_start(arguments, question);
    vsnprintf(text, sizeof text, question, arguments);
    va_end(arguments);
    output_plain(text, strlen(text));
    output_text(" [y/N] ");
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin)) {
        output_text("\n");
    }
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0
               ? CTL_OK
               : ctl_fail(ctl, "not confirmed; nothing is changed");
}

/* ---- asking --------------------------------------------------------------------------------- */

int change_perform(const struct ctl *ctl, const struct change *change,
                   const struct client_request *request, change_print_fn *print, const void *arg)
{
    struct client_request asked = *request;
    struct client_answer answer;
    asked.reason = change->reason;
    asked.dry_run = change->dry_run;
    const int code = client_ask(ctl, &asked, &answer);
    if (code == CTL_OK && ctl->json) {
        client_print(&answer);
    } else if (code == CTL_OK) {
        print(ctl, change, answer.json, arg);
    }
    client_free(&answer);
    return code;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static const char *key_of(const json_t *body)
{
    const char *key = json_string_value(json_object_get(body, "key"));
    return key ? key : json_string_value(json_object_get(body, "flag"));
}

static void tell_done(const struct ctl *ctl, const struct change *change, const char *key,
                      const struct change_words *words)
{
    if (key) {
        output_plain(key, strlen(key));
        output_text(": ");
    }
    if (change->dry_run) {
        output_text("would be ");
    }
    output_colour(ctl, words->colour ? words->colour : "32");
    output_plain(words->done, strlen(words->done));
    output_plainly(ctl);
}

/* "; version 8; generation 3.5" */
static void tell_outcome(const struct change *change, const json_t *body)
{
    const json_t *version = json_object_get(body, "version");
    const json_t *generation = json_object_get(body, "generation");
    char text[OUTPUT_SHORT];
    if (json_is_false(json_object_get(body, "changed")) &&
        json_array_size(json_object_get(body, "diff")) > 0) {
        output_text("; nothing changes for programs");
    } else if (json_is_false(json_object_get(body, "exists"))) {
        output_text("; there is no flag of this key yet: it waits for one");
    } else if (json_is_false(json_object_get(body, "changed"))) {
        output_text(change->dry_run ? "; no change: it is so already"
                                    : "; no change: it was so already");
    }
    if (change->dry_run) {
        output_text("; nothing is stored\n");
        return;
    }
    if (json_is_integer(version)) {
        printf("; version %" JSON_INTEGER_FORMAT, json_integer_value(version));
    }
    if (json_is_integer(generation)) {
        printf("; generation %s",
               output_generation((uint64_t)json_integer_value(generation), text));
    }
    output_text("\n");
}

/* "  affects 12 flags: a, b, ..."; not when it is the flag itself alone. */
static void tell_affected(const json_t *affected, const char *key)
{
    const json_t *keys = json_object_get(affected, "keys");
    const json_int_t count = json_integer_value(json_object_get(affected, "flags"));
    const char *first = json_string_value(json_array_get(keys, 0));
    if (count < 1 || (count == 1 && key && first && strcmp(key, first) == 0)) {
        return;
    }
    printf("  affects %" JSON_INTEGER_FORMAT " flag%s", count, output_plural((uint64_t)count));
    for (size_t i = 0; i < json_array_size(keys) && i < NAMED; i++) {
        const char *name = json_string_value(json_array_get(keys, i));
        output_text(i == 0 ? ": " : ", ");
        output_plain(name ? name : "?", name ? strlen(name) : 1);
    }
    output_text(json_array_size(keys) > 0 && count > NAMED ? ", ...\n" : "\n");
}

static void tell_warnings(const struct ctl *ctl, const json_t *warnings)
{
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *one = json_array_get(warnings, i);
        const char *member = json_string_value(json_object_get(one, "member"));
        const char *text = json_string_value(json_object_get(one, "text"));
        output_text("  ");
        output_colour(ctl, "33");
        output_text("warning");
        output_plainly(ctl);
        output_text(": ");
        if (member && *member) {
            output_plain(member, strlen(member));
            output_text(": ");
        }
        output_plain(text ? text : "?", text ? strlen(text) : 1);
        output_text("\n");
    }
}

void change_tell(const struct ctl *ctl, const struct change *change, const json_t *body,
                 const void *arg)
{
    const struct change_words *words = arg;
    const char *key = key_of(body);
    tell_done(ctl, change, key, words);
    tell_outcome(change, body);
    const char *fleet = json_string_value(json_object_get(body, "fleet"));
    if (fleet && strcmp(fleet, "away") == 0) {
        output_text(
            "  on this host only: Redis is away, and the fleet hears of it when it is back\n");
    }
    tell_affected(json_object_get(body, "affected"), key);
    if (!words->brief) {
        differences_print(ctl, json_object_get(body, "diff"));
    }
    tell_warnings(ctl, json_object_get(body, "warnings"));
}
