/*
 * One version of a flag or segment: told, and put again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"
#include "ctl_client.h"
#include "ctl_differences.h"
#include "ctl_history.h"
#include "ctl_output.h"
#include "ctl_when.h"

static const char *text_of(const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));
    return text ? text : "";
}

/* The version as the history has it, with a definition; owned. NULL: reported. */
static json_t *get_version(const struct ctl *ctl, const struct history *h, int64_t number)
{
    char query[64];
    snprintf(query, sizeof query, "/history?limit=1&before=%" PRId64, number + 1);
    char *path = history_path(ctl, h, query);
    const struct client_request request = {.path = path};
    struct client_answer answer;
    json_t *item = NULL;
    if (!path) {
        return NULL;
    }
    if (client_ask(ctl, &request, &answer) == CTL_OK) {
        item = json_array_get(json_object_get(answer.json, "items"), 0);
        if (json_integer_value(json_object_get(item, "version")) != number) {
            item = NULL;
            ctl_fail(ctl, "no version %" PRId64 " of the %s '%s' is kept: ffctl history lists them",
                     number, history_noun(h), h->key);
        } else if (!json_is_object(json_object_get(item, "definition"))) {
            item = NULL;
            ctl_fail(ctl,
                     "with version %" PRId64 " the %s '%s' was deleted: there is no definition",
                     number, history_noun(h), h->key);
        }
    }
    json_incref(item);
    client_free(&answer);
    free(path);
    return item;
}

/* ---- told ------------------------------------------------------------------------------------ */

/* "# flag sale, version 3 (archived), 2026-11-26T17:00:00Z, ann: wrong prices" */
static void print_head(const struct history *h, const json_t *item)
{
    char when[WHEN_TEXT];
    printf("# %s ", history_noun(h));
    output_plain(h->key, strlen(h->key));
    printf(", version %" PRId64 "%s, %s, ", h->version,
           strcmp(text_of(item, "came"), "archived") == 0 ? " (archived)" : "",
           when_text(json_integer_value(json_object_get(item, "changedMs")), when));
    output_plain(text_of(item, "changedBy"), strlen(text_of(item, "changedBy")));
    output_text(*text_of(item, "reason") ? ": " : "");
    output_plain(text_of(item, "reason"), strlen(text_of(item, "reason")));
    output_text("\n");
}

int history_show(const struct ctl *ctl, const struct history *h)
{
    json_t *item = get_version(ctl, h, h->version);
    const json_t *definition = json_object_get(item, "definition");
    if (!item) {
        return CTL_NEGATIVE;
    }
    if (ctl->json) {
        client_print_json(definition);
    } else {
        char *yaml = document_dump_yaml(definition, NULL);
        print_head(h, item);
        output_text(yaml ? yaml : "");
        free(yaml);
    }
    json_decref(item);
    return CTL_OK;
}

/* ---- put again ------------------------------------------------------------------------------- */

struct restoring {
    const struct ctl *ctl;
    const struct history *h;
    char *path;             /* of the flag or segment */
    json_t *definition;     /* to be put */
    char etag[CLIENT_ETAG]; /* of what is there; "": nothing is */
};

/* Dated changes to come are no part of a version: they stay. */
static int keep_schedule(struct restoring *r, const json_t *now)
{
    json_t *schedule = json_object_get(json_object_get(now, "definition"), "schedule");
    return !schedule || json_object_set(r->definition, "schedule", schedule) == 0
               ? CTL_OK
               : ctl_fail(r->ctl, "out of memory");
}

static int get_now(struct restoring *r)
{
    const struct client_request request = {.path = r->path, .quiet = true};
    struct client_answer answer;
    int code = client_ask(r->ctl, &request, &answer);
    if (code == CTL_OK) {
        snprintf(r->etag, sizeof r->etag, "%s", answer.etag);
        code = keep_schedule(r, answer.json);
    } else if (answer.status == 404) {
        code = CTL_OK; /* it was deleted */
    } else if (answer.status != 0) {
        client_refused(r->ctl, &answer);
    }
    client_free(&answer);
    return code;
}

static struct client_request request_of(const struct restoring *r)
{
    return (struct client_request){
        .method = "PUT",
        .path = r->path,
        .body = r->definition,
        .if_match = r->etag[0] ? r->etag : NULL,
        .must_be_new = !r->etag[0],
        .reason = r->h->change.reason,
    };
}

/* Who is asked sees what would change. */
static int confirm(const struct restoring *r)
{
    struct client_request request = request_of(r);
    struct client_answer answer;
    if (!change_asks(&r->h->change)) {
        return CTL_OK;
    }
    request.dry_run = true;
    int code = client_ask(r->ctl, &request, &answer);
    if (code == CTL_OK) {
        differences_print(r->ctl, json_object_get(answer.json, "diff"));
        code = change_confirm(r->ctl, &r->h->change, "Restore version %" PRId64 " of the %s %s?",
                              r->h->restore, history_noun(r->h), r->h->key);
    }
    client_free(&answer);
    return code;
}

static int put(const struct restoring *r)
{
    const struct client_request request = request_of(r);
    char done[64];
    const struct change_words words = {.done = done};
    snprintf(done, sizeof done, "restored as of version %" PRId64, r->h->restore);
    return change_perform(r->ctl, &r->h->change, &request, change_tell, &words);
}

int history_restore(const struct ctl *ctl, const struct history *h)
{
    struct restoring r = {.ctl = ctl, .h = h, .path = history_path(ctl, h, "")};
    json_t *item = r.path ? get_version(ctl, h, h->restore) : NULL;
    int code = CTL_NEGATIVE;
    if (item) {
        r.definition = json_object_get(item, "definition");
        code = get_now(&r);
        code = code == CTL_OK ? confirm(&r) : code;
        code = code == CTL_OK ? put(&r) : code;
    }
    json_decref(item);
    free(r.path);
    return code;
}
