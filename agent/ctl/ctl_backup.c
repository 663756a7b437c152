/*
 * ctl_backup.c - ffctl backup: the agent copies its state file, and we look at the copy.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/audit_export.h"
#include "ctl_change.h"
#include "ctl_client.h"
#include "ctl_options.h"
#include "ctl_output.h"

#define PATIENCE_S 600 /* as the agent's */

static const struct ctl_option options[] = {OPTIONS_WORDS("FILE"), CHANGE_OPTIONS, OPTIONS_COMMON};

static int help(void)
{
    output_text(
        "usage: ffctl backup FILE [--reason TEXT] [--dry-run]\n"
        "\n"
        "Has the agent copy its state file, while it goes on, into a new file of its user's\n"
        "alone: what operators have made and done, LaunchDarkly's last known definitions,\n"
        "what is not delivered yet. The directory is made if need be, and must be its\n"
        "user's alone. Then every page, definition and audit entry of the copy is looked\n"
        "at, where this user may.\n"
        "\n"
        "To go back, stop the agent, put the copy in the place of its state file (which\n"
        "has a -wal beside it; both go), and start it.\n"
        "\n" CHANGE_HELP "  --dir DIR, --json, --text, -h, --help\n"
        "\n"
        "Exit codes\n"
        "  0  the copy is on the disk; and sound, where it could be looked at\n"
        "  1  not made, not sound, refused, or no agent\n"
        "  2  wrong usage\n"
        "\n"
        "Examples\n"
        "  ffctl backup /var/lib/ffshm/backup/today.db\n"
        "  ffctl backup today.db --reason 'before the launch'\n");
    return CTL_OK;
}

/* ---- what came of it ------------------------------------------------------------------------ */

struct copy {
    const char *file;
    int64_t bytes;
    struct audit_checkpoint head;
    enum { NOT_LOOKED_AT, SOUND, NOT_SOUND } look;
    struct storage_checked checked;
    struct audit_result audit;
    char why[1024]; /* it was not looked at, or is not sound */
};

/* Its head must be the agent's: it is a copy of now. */
static void look_at(const struct ctl *ctl, struct copy *c)
{
    struct fault fault = {0};
    if (client_is_remote(ctl)) {
        snprintf(c->why, sizeof c->why, "it is on the agent's host");
    } else if (access(c->file, R_OK | W_OK) != 0) {
        snprintf(c->why, sizeof c->why, "%s", strerror(errno));
    } else if (audit_check_storage(c->file, c->head.number > 0 ? &c->head : NULL, &c->checked,
                                   &c->audit, &fault) == 0) {
        c->look = SOUND;
    } else {
        c->look = NOT_SOUND;
        fault_text(&fault, c->why, sizeof c->why);
    }
}

static void read_answer(const json_t *body, struct copy *c)
{
    const json_t *head = json_object_get(body, "head");
    const char *hash = json_string_value(json_object_get(head, "hash"));
    c->bytes = json_integer_value(json_object_get(body, "bytes"));
    c->head.number = json_integer_value(json_object_get(head, "number"));
    if (!hash || audit_hash_parse(hash, c->head.hash) != 0) {
        c->head.number = 0;
    }
}

static void print_json(const struct copy *c, json_t *body)
{
    json_object_set_new(body, "sound",
                        c->look == NOT_LOOKED_AT ? json_null() : json_boolean(c->look == SOUND));
    if (c->why[0]) {
        json_object_set_new(body, "why", json_string(c->why));
    }
    char *text = json_dumps(body, JSON_COMPACT);
    output_text(text ? text : "{}");
    output_text("\n");
    free(text);
}

static void print_text(const struct ctl *ctl, const struct copy *c)
{
    char size[OUTPUT_SHORT];
    output_plain(c->file, strlen(c->file));
    printf(": %s; ", output_size((uint64_t)c->bytes, size));
    output_colour(ctl, c->look == SOUND ? "32" : c->look == NOT_SOUND ? "31" : "33");
    output_text(c->look == SOUND       ? "checked: sound"
                : c->look == NOT_SOUND ? "checked: DAMAGED"
                                       : "not checked");
    output_plainly(ctl);
    if (c->look == SOUND) {
        char hash[AUDIT_HASH_TEXT];
        audit_hash_text(c->audit.head.hash, hash);
        printf("; %" PRId64 " version%s of definitions, %" PRIu64 " audit entr%s, head %" PRId64
               ":%s",
               c->checked.definitions, output_plural((uint64_t)c->checked.definitions),
               c->audit.entries, c->audit.entries == 1 ? "y" : "ies", c->audit.head.number, hash);
    }
    output_text("\n");
}

static int tell(const struct ctl *ctl, const struct copy *c, json_t *body)
{
    if (ctl->json) {
        print_json(c, body);
    } else {
        print_text(ctl, c);
    }
    if (c->look == NOT_SOUND) {
        return ctl_fail(ctl, "%s", c->why);
    }
    if (c->look == NOT_LOOKED_AT && !ctl->json) {
        fflush(stdout);
        fprintf(stderr,
                "ffctl backup: not checked: %s; as the agent's user: ffagent "
                "--check-storage FILE\n",
                c->why);
    }
    return CTL_OK;
}

/* ---- asking --------------------------------------------------------------------------------- */

static int back_up(const struct ctl *ctl, const struct change *change, const char *file)
{
    json_t *body = json_pack("{s:s}", "file", file);
    const struct client_request request = {.method = "POST",
                                           .path = "/backup",
                                           .body = body,
                                           .reason = change->reason,
                                           .dry_run = change->dry_run,
                                           .timeout_s = PATIENCE_S};
    struct client_answer answer = {0};
    struct copy copy = {.file = file};
    int code =
        body ? client_ask(ctl, &request, &answer) : ctl_fail(ctl, "the file's name is not UTF-8");
    if (code == CTL_OK && change->dry_run) {
        if (ctl->json) {
            client_print(&answer);
        } else {
            output_plain(file, strlen(file));
            output_text(": would be made; nothing is written\n");
        }
    } else if (code == CTL_OK) {
        read_answer(answer.json, &copy);
        look_at(ctl, &copy);
        code = tell(ctl, &copy, answer.json);
    }
    client_free(&answer);
    json_decref(body);
    return code;
}

/* The agent has another working directory. */
static int make_absolute(const struct ctl *ctl, const char *file, char path[PATH_MAX])
{
    char here[PATH_MAX];
    if (file[0] != '/' && client_is_remote(ctl)) {
        return ctl_usage(ctl, "'%s': write an absolute path: it is on the agent's host", file);
    }
    if (file[0] != '/' && !getcwd(here, sizeof here)) {
        return ctl_fail(ctl, "where is '%s'? %s", file, strerror(errno));
    }
    const int length = file[0] == '/' ? snprintf(path, PATH_MAX, "%s", file)
                                      : snprintf(path, PATH_MAX, "%s/%s", here, file);
    return length < PATH_MAX ? CTL_OK : ctl_usage(ctl, "'%s' is too long", file);
}

int ctl_backup(struct ctl *ctl, int argc, char **argv)
{
    struct change change = {0};
    const char *file = NULL;
    char path[PATH_MAX];
    int option;
    while ((option = change_next(ctl, &change, argc, argv, options)) != OPTIONS_END) {
        if (option == OPTIONS_HELP) {
            return help();
        }
        if (option != OPTIONS_WORD) {
            return CTL_USAGE;
        }
        if (file) {
            return ctl_usage(ctl, "'%s' is one word too many", optarg);
        }
        file = optarg;
    }
    if (!file || !*file) {
        return ctl_usage(ctl, "into which file? its name is needed");
    }
    const int code = make_absolute(ctl, file, path);
    return code == CTL_OK ? back_up(ctl, &change, path) : code;
}
