/*
 * ctl_audit_verify.c - ffctl audit verify: by the agent; of an export; or of a file of its.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/audit_export.h"
#include "ctl_audit.h"
#include "ctl_client.h"
#include "ctl_output.h"

#define PATIENCE_S 600 /* as the agent's */

/* ---- the verdict ---------------------------------------------------------------------------- */

void audit_print_count(uint64_t entries, const struct audit_checkpoint *head)
{
    char hash[AUDIT_HASH_TEXT];
    printf(" %" PRIu64 " entr%s", entries, entries == 1 ? "y" : "ies");
    if (head->number > 0) {
        audit_hash_text(head->hash, hash);
        printf("; head %" PRId64 ":%s", head->number, hash);
    }
}

/* part: an export that has not all entries; NULL: of another thing. */
static int tell(const struct ctl *ctl, const struct audit_result *r, const bool *part)
{
    char hash[AUDIT_HASH_TEXT];
    if (ctl->json) {
        audit_hash_text(r->head.hash, hash);
        printf("{\"entries\":%" PRIu64 ",\"bad\":", r->entries);
        printf(r->bad ? "%" PRId64 ",\"why\":" : "null", r->bad);
        if (r->bad) {
            output_quoted(r->why);
        }
        printf(",\"head\":{\"number\":%" PRId64 ",\"hash\":\"%s\"}", r->head.number, hash);
        printf(part ? ",\"whole\":%s}\n" : "}\n", part && *part ? "false" : "true");
    } else {
        output_colour(ctl, r->bad ? "31" : "32");
        output_text(r->bad ? "DAMAGED" : "OK");
        output_plainly(ctl);
        if (r->bad) {
            printf(" at entry %" PRId64 ": ", r->bad);
            output_plain(r->why, strlen(r->why));
        }
        output_text(r->bad ? ";" : ":");
        audit_print_count(r->entries, &r->head);
        output_text(part && *part ? " (a part of the trail)\n" : "\n");
    }
    return r->bad ? CTL_NEGATIVE : CTL_OK;
}

/* ---- by the agent --------------------------------------------------------------------------- */

/* An answer that does not say that all is right is no proof. */
static void read_answer(const json_t *body, struct audit_result *r)
{
    const json_t *bad = json_object_get(body, "bad");
    const json_t *head = json_object_get(body, "head");
    const char *why = json_string_value(json_object_get(body, "why"));
    const char *hash = json_string_value(json_object_get(head, "hash"));
    *r = (struct audit_result){.entries =
                                   (uint64_t)json_integer_value(json_object_get(body, "entries"))};
    r->head.number = json_integer_value(json_object_get(head, "number"));
    if (!hash || audit_hash_parse(hash, r->head.hash) != 0 || !json_is_null(bad)) {
        r->bad = json_is_integer(bad) ? json_integer_value(bad) : r->head.number + 1;
        snprintf(r->why, sizeof r->why, "%s", why ? why : "the agent's answer does not say");
    }
}

static int ask_agent(const struct ctl *ctl, const struct audit_checkpoint *known)
{
    char path[128] = "/audit/verify";
    char hash[AUDIT_HASH_TEXT];
    struct client_request request = {.path = path, .timeout_s = PATIENCE_S};
    struct client_answer answer;
    struct audit_result result;
    if (known->number) {
        audit_hash_text(known->hash, hash);
        snprintf(path, sizeof path, "/audit/verify?number=%" PRId64 "&hash=%s", known->number,
                 hash);
    }
    int code = client_ask(ctl, &request, &answer);
    if (code == CTL_OK) {
        read_answer(answer.json, &result);
        code = tell(ctl, &result, NULL);
    }
    client_free(&answer);
    return code;
}

/* ---- an export ------------------------------------------------------------------------------ */

static int verify_lines(const struct ctl *ctl, const char *path, FILE *file,
                        const struct audit_checkpoint *known)
{
    struct audit_export x;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int wrong = 0;
    audit_export_begin(&x, known->number ? known : NULL);
    while (wrong == 0 && (length = getline(&line, &room, file)) >= 0) {
        const size_t feed = length > 0 && line[length - 1] == '\n';
        wrong = audit_export_take(&x, line, (size_t)length - feed);
    }
    free(line);
    if (wrong == 0 && ferror(file)) {
        return ctl_fail(ctl, "cannot read %s: %s", path, strerror(errno));
    }
    if (wrong == 0) {
        audit_export_finish(&x);
    }
    const bool part = !x.whole;
    return tell(ctl, &x.result, &part);
}

static int verify_export(const struct ctl *ctl, const char *path,
                         const struct audit_checkpoint *known)
{
    if (strcmp(path, "-") == 0) {
        return verify_lines(ctl, "stdin", stdin, known);
    }
    FILE *file = fopen(path, "re");
    if (!file) {
        return ctl_fail(ctl, "cannot read %s: %s", path, strerror(errno));
    }
    const int code = verify_lines(ctl, path, file, known);
    fclose(file);
    return code;
}

/* ---- a state file --------------------------------------------------------------------------- */

static int verify_state(const struct ctl *ctl, const char *path,
                        const struct audit_checkpoint *known)
{
    struct storage_checked checked;
    struct audit_result result;
    struct fault fault = {0};
    if (audit_check_storage(path, known->number ? known : NULL, &checked, &result, &fault) != 0 &&
        result.bad == 0) {
        char text[1024];
        fault_text(&fault, text, sizeof text);
        return ctl_fail(ctl, "%s", text);
    }
    return tell(ctl, &result, NULL);
}

int audit_verify_it(const struct ctl *ctl, const struct audit_question *q)
{
    const char *export = q->options[AUDIT_FILE];
    const char *state = q->options[AUDIT_STATE];
    return export  ? verify_export(ctl, export, &q->known)
           : state ? verify_state(ctl, state, &q->known)
                   : ask_agent(ctl, &q->known);
}
