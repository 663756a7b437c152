#include "ctl_kept.h"

#include <stdlib.h>
#include <string.h>

#include "catalog/native_lowering.h"
#include "ctl_differences.h"
#include "ctl_output.h"
#include "operate/difference.h"

#define ATTEMPTS 8 /* against others who change the same definition */

const char *kept_noun(enum kept_kind kind)
{
    return kind == KEPT_FLAG ? "flag" : "segment";
}

char *kept_path(const struct ctl *ctl, enum kept_kind kind, const char *key, const char *after)
{
    char *path = client_path(kind == KEPT_FLAG ? "/flags/" : "/segments/", key, after);
    if (!path) {
        ctl_fail(ctl, "out of memory");
    }
    return path;
}

int kept_get(const struct ctl *ctl, enum kept_kind kind, const char *key,
             struct client_answer *answer)
{
    char *path = kept_path(ctl, kind, key, "");
    *answer = (struct client_answer){0};
    if (!path) {
        return CTL_NEGATIVE;
    }
    const struct client_request request = {.path = path};
    const int code = client_ask(ctl, &request, answer);
    free(path);
    return code;
}

json_t *kept_definition(const struct ctl *ctl, enum kept_kind kind, const char *key,
                        const struct client_answer *answer)
{
    const char *noun = kept_noun(kind);
    const char *source = json_string_value(json_object_get(answer->json, "source"));
    const json_t *definition = json_object_get(answer->json, "definition");
    if (!json_is_object(definition)) {
        ctl_fail(ctl,
                 "the %s '%s' comes from %s: change it there, or make one here in its place: "
                 "ffctl %ss create --take-over",
                 noun, key, source ? source : "elsewhere", noun);
        return NULL;
    }
    if (json_is_true(json_object_get(answer->json, "archived"))) {
        ctl_fail(ctl, "the %s '%s' is archived: ffctl %ss restore", noun, key, noun);
        return NULL;
    }
    json_t *copy = json_deep_copy(definition);
    if (!copy) {
        ctl_fail(ctl, "out of memory");
    }
    return copy;
}

json_t *kept_in_order(enum kept_kind kind, json_t *definition)
{
    static const char *const of_segment[] = {"name",     "description", "tags",  "owner", "kind",
                                             "included", "excluded",    "rules", "salt",  NULL};
    json_t *ordered = json_object(); /* what is in neither list comes last: a schedule */
    for (const char *const *name = kind == KEPT_FLAG ? native_flag_members : of_segment; *name;
         name++) {
        json_t *value = json_object_get(definition, *name);
        if (value && json_object_set(ordered, *name, value) != 0) {
            json_decref(ordered);
            return NULL;
        }
    }
    if (json_object_update_missing(ordered, definition) != 0) {
        json_decref(ordered);
        return NULL;
    }
    return ordered;
}

/* ---- putting -------------------------------------------------------------------------------- */

int kept_put(const struct ctl *ctl, const struct change *change, const struct kept_edit *edit,
             json_t *definition, const char *etag, struct client_answer *answer)
{
    char *path = kept_path(ctl, edit->kind, edit->key, "");
    *answer = (struct client_answer){0};
    if (!path) {
        return CTL_NEGATIVE;
    }
    const struct client_request request = {
        .method = "PUT",
        .path = path,
        .body = definition,
        .if_match = etag,
        .must_be_new = etag == NULL,
        .reason = change->reason,
        .dry_run = change->dry_run,
        .quiet = true,
    };
    const int code = client_ask(ctl, &request, answer);
    free(path);
    return code;
}

void kept_tell(const struct ctl *ctl, const struct change *change, const struct kept_edit *edit,
               const struct client_answer *answer, bool differences)
{
    if (ctl->json) {
        client_print(answer);
        return;
    }
    struct change_words words = edit->words;
    words.brief = !differences;
    change_tell(ctl, change, answer->json, &words);
}

/* ---- the way there and back ----------------------------------------------------------------- */

static int ask(const struct ctl *ctl, const struct change *change, const struct kept_edit *edit,
               json_t *before, json_t *after)
{
    json_t *diff = difference(before, after);
    if (json_array_size(diff) == 0) {
        json_decref(diff);
        return CTL_OK; /* the agent says that it is so already */
    }
    printf("%s ", kept_noun(edit->kind));
    output_plain(edit->key, strlen(edit->key));
    output_text("\n");
    differences_print(ctl, diff);
    json_decref(diff);
    return change_confirm(ctl, change, "Change it so?");
}

/* CTL_OK: done, and told. *again: somebody else was faster. */
static int try_edit(const struct ctl *ctl, const struct change *change,
                    const struct kept_edit *edit, bool asks, bool *again)
{
    struct client_answer got;
    struct client_answer answer = {0};
    int code = kept_get(ctl, edit->kind, edit->key, &got);
    json_t *definition = code == CTL_OK ? kept_definition(ctl, edit->kind, edit->key, &got) : NULL;
    *again = false;
    code = definition ? edit->edit(ctl, definition, edit->arg) : CTL_NEGATIVE;
    if (code == CTL_OK && asks) {
        code = ask(ctl, change, edit, json_object_get(got.json, "definition"), definition);
    }
    if (code == CTL_OK) {
        code = kept_put(ctl, change, edit, definition, got.etag, &answer);
        if (code == CTL_OK) {
            kept_tell(ctl, change, edit, &answer, !asks);
        } else if (strcmp(client_code(&answer), "conflict") == 0) {
            *again = true;
        } else if (answer.status != 0) {
            client_refused(ctl, &answer);
        }
    }
    json_decref(definition);
    client_free(&answer);
    client_free(&got);
    return code;
}

int kept_edit(const struct ctl *ctl, const struct change *change, const struct kept_edit *edit)
{
    bool again = true;
    int code = CTL_NEGATIVE;
    for (int i = 0; i < ATTEMPTS && again; i++) {
        if (i > 0 && change_asks(change)) {
            ctl_fail(ctl, "somebody else has changed it meanwhile; it would now be");
        }
        code = try_edit(ctl, change, edit, change_asks(change), &again);
    }
    return again ? ctl_fail(ctl, "others change the %s '%s' all the time: try again",
                            kept_noun(edit->kind), edit->key)
                 : code;
}
