/*
 * ctl_flags.c - ffctl flags: its commands, and those that say one thing about one flag.
 */
#include "ctl_flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_commands.h"
#include "ctl_options.h"
#include "ctl_output.h"

static const struct ctl_command commands[] = {
    {"list", flags_list, "the flags in force, from every source"},
    {"get", flags_get, "one flag: its definition, its state, who changed it last"},
    {"create", flags_create, "make one; a boolean one, unless it is said otherwise"},
    {"edit", flags_edit, "change its definition in an editor"},
    {"enable", flags_life, "turn it on"},
    {"disable", flags_life, "turn it off: everybody gets its fallback variant"},
    {"kill", ctl_kill, "the same at once, whatever defines it (as ffctl kill)"},
    {"revive", ctl_revive, "end that (as ffctl revive)"},
    {"archive", flags_life, "take it out of service, to be restored one day"},
    {"restore", flags_life, "put an archived one into service again"},
    {"copy", flags_copy, "make another one of its definition"},
    {"delete", flags_life, "delete it; its history stays"},
    {NULL, NULL, NULL},
};

static int help(void)
{
    output_text("usage: ffctl flags COMMAND [OPTION]...\n"
                "\n"
                "Looks at flags, and makes and changes those that the running agent keeps\n"
                "itself. What files and LaunchDarkly bring is changed there.\n"
                "\n");
    commands_print(commands);
    output_text("\n" FLAGS_HELP_END "  ffctl flags create new-checkout\n"
                "  ffctl rollout new-checkout 10%\n"
                "  ffctl flags list --tag web\n"
                "  ffctl flags disable new-checkout --reason 'wrong prices'\n");
    return CTL_OK;
}

int ctl_flags(struct ctl *ctl, int argc, char **argv)
{
    return commands_below(ctl, argc, argv, commands, help);
}

int flags_take_key(const struct ctl *ctl, const char **key)
{
    if (*key) {
        return ctl_usage(ctl, "'%s' is one word too many", optarg);
    }
    *key = optarg;
    return CTL_OK;
}

int flags_need_key(const struct ctl *ctl, enum kept_kind kind, const char *key)
{
    return key && *key ? CTL_OK : ctl_usage(ctl, "which %s? its key is needed", kept_noun(kind));
}

/* ---- enable, disable, archive, restore, delete ---------------------------------------------- */

static const struct ctl_option life_options[] = {OPTIONS_WORDS("FLAG"), CHANGE_OPTIONS,
                                                 OPTIONS_COMMON};

struct life {
    const char *name;
    const char *method;
    const char *after; /* of the path */
    const char *verb;  /* "Disable" */
    const char *means; /* what it means, after a colon; or "" */
    struct change_words words;
    const char *help;
};

static const struct life lives[] = {
    {"enable",
     "POST",
     "/enable",
     "Enable",
     "",
     {.done = "enabled"},
     "Turns a flag on: targets, rules and percentages decide again who gets what.\n"},
    {"disable",
     "POST",
     "/disable",
     "Disable",
     ": everybody gets its fallback variant",
     {.done = "disabled", .colour = "33"},
     "Turns a flag off: everybody gets its fallback variant. In a hurry, or for a flag\n"
     "that comes from elsewhere: ffctl kill.\n"},
    {"archive",
     "POST",
     "/archive",
     "Archive",
     ": programs get their own defaults",
     {.done = "archived", .colour = "33"},
     "Takes a flag out of service: to programs it is as if it were deleted, and they get\n"
     "their own defaults (or what a file or LaunchDarkly says of the key). Refused while\n"
     "other flags need it.\n"},
    {"restore",
     "POST",
     "/restore",
     "Restore",
     "",
     {.done = "restored"},
     "Puts an archived flag into service again, as it was.\n"},
    {"delete",
     "DELETE",
     "",
     "Delete",
     ": programs get their own defaults",
     {.done = "deleted", .colour = "33"},
     "Deletes a flag: programs get their own defaults (or what a file or LaunchDarkly\n"
     "says of the key). Its history stays. Refused while other flags need it.\n"},
};

static int life_help(const struct life *l)
{
    printf("usage: ffctl flags %s FLAG [--reason TEXT] [--dry-run] [--yes]\n\n%s\n" CHANGE_HELP
               FLAGS_HELP_END "  ffctl flags %s new-checkout\n"
           "  ffctl flags %s new-checkout --reason 'ticket 17' --dry-run\n",
           l->name, l->help, l->name, l->name);
    return CTL_OK;
}

static int live(const struct ctl *ctl, const struct change *change, const struct life *l,
                const char *key)
{
    int code = flags_need_key(ctl, KEPT_FLAG, key);
    code = code == CTL_OK ? change_confirm(ctl, change, "%s %s%s?", l->verb, key, l->means) : code;
    char *path = code == CTL_OK ? kept_path(ctl, KEPT_FLAG, key, l->after) : NULL;
    if (!path) {
        return code == CTL_OK ? CTL_NEGATIVE : code;
    }
    const struct client_request request = {.method = l->method, .path = path};
    code = change_perform(ctl, change, &request, change_tell, &l->words);
    free(path);
    return code;
}

int flags_life(struct ctl *ctl, int argc, char **argv)
{
    const struct life *l = lives;
    const char *key = NULL;
    struct change change = {0};
    int option;
    while (strcmp(l->name, argv[0]) != 0) {
        l++; /* only what is in both tables comes here */
    }
    while ((option = change_next(ctl, &change, argc, argv, life_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return life_help(l);
        }
        const int code = option == OPTIONS_WORD ? flags_take_key(ctl, &key) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    return live(ctl, &change, l, key);
}

/* ---- copy ----------------------------------------------------------------------------------- */

static const struct ctl_option copy_options[] = {OPTIONS_WORDS("FLAG KEY"), CHANGE_OPTIONS,
                                                 OPTIONS_COMMON};

static int copy_help(void)
{
    output_text("usage: ffctl flags copy FLAG KEY [--reason TEXT] [--dry-run] [--yes]\n"
                "\n"
                "Makes a flag of the key KEY, with the definition of FLAG. Percentages divide\n"
                "people anew, as the key is a part of that (unless there is a seed).\n"
                "\n" CHANGE_HELP FLAGS_HELP_END "  ffctl flags copy new-checkout new-checkout-2\n");
    return CTL_OK;
}

static int copy(const struct ctl *ctl, const struct change *change, const char *from,
                const char *to)
{
    static const struct change_words words = {.done = "created"};
    if (!from || !to) {
        return ctl_usage(ctl, "which flag, and what key shall the new one have?");
    }
    int code = change_confirm(ctl, change, "Copy %s to %s?", from, to);
    char *path = code == CTL_OK ? kept_path(ctl, KEPT_FLAG, from, "/copy") : NULL;
    if (!path) {
        return code == CTL_OK ? CTL_NEGATIVE : code;
    }
    json_t *body = json_pack("{s:s}", "to", to);
    const struct client_request request = {.method = "POST", .path = path, .body = body};
    code = body ? change_perform(ctl, change, &request, change_tell, &words)
                : ctl_fail(ctl, "out of memory, or the key is not UTF-8");
    json_decref(body);
    free(path);
    return code;
}

int flags_copy(struct ctl *ctl, int argc, char **argv)
{
    const char *from = NULL;
    const char *to = NULL;
    struct change change = {0};
    int option;
    while ((option = change_next(ctl, &change, argc, argv, copy_options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return copy_help();
        }
        const int code =
            option == OPTIONS_WORD ? flags_take_key(ctl, from ? &to : &from) : CTL_USAGE;
        if (code != CTL_OK) {
            return code;
        }
    }
    return copy(ctl, &change, from, to);
}
