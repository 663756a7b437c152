#include "ctl_create.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_definition.h"
#include "ctl_text.h"

/* Nobody shall change what a file or LaunchDarkly serves by mistake: is the key in use there? */
static int check_elsewhere(const struct ctl *ctl, const struct creation *c)
{
    char *path = kept_path(ctl, c->kind, c->key, "");
    const struct client_request request = {.path = path, .quiet = true};
    struct client_answer answer = {0};
    int code = path ? client_ask(ctl, &request, &answer) : CTL_NEGATIVE;
    const char *source = json_string_value(json_object_get(answer.json, "source"));
    if (answer.status == 404) {
        code = CTL_OK;
    } else if (code != CTL_OK && answer.status != 0) {
        client_refused(ctl, &answer);
    } else if (code == CTL_OK && source && strcmp(source, "admin") != 0) {
        code =
            ctl_fail(ctl, "there is a %s '%s' from %s: with --take-over this one takes its place",
                     kept_noun(c->kind), c->key, source);
    }
    client_free(&answer);
    free(path);
    return code;
}

static int create(const struct ctl *ctl, const struct creation *c, json_t *definition,
                  const struct text *text, const char *prefix)
{
    const struct kept_edit edit = {.kind = c->kind, .key = c->key, .words = {.done = "created"}};
    struct client_answer answer = {0};
    int code = c->take_over ? CTL_OK : check_elsewhere(ctl, c);
    if (code == CTL_OK) {
        code = kept_put(ctl, &c->change, &edit, definition, NULL, &answer);
        if (code == CTL_OK) {
            kept_tell(ctl, &c->change, &edit, &answer, false);
        } else if (answer.status != 0 && text) {
            text_refused(ctl, text, prefix, &answer);
        } else if (answer.status != 0) {
            client_refused(ctl, &answer);
        }
    }
    client_free(&answer);
    return code;
}

int create_of_file(const struct ctl *ctl, const struct creation *c)
{
    struct text text;
    char prefix[TEXT_PREFIX];
    int code = text_load(ctl, c->file, &text);
    json_t *definition =
        code == CTL_OK ? text_definition(ctl, &text, c->kind, c->key, prefix) : NULL;
    code = definition ? create(ctl, c, definition, &text, prefix) : CTL_NEGATIVE;
    text_free(&text);
    return code;
}

int create_definition(const struct ctl *ctl, const struct creation *c, json_t *definition)
{
    return definition ? create(ctl, c, definition, NULL, "") : ctl_fail(ctl, "out of memory");
}

int create_put_text(const struct ctl *ctl, json_t *definition, const char *member)
{
    return definition_put(ctl, definition, member, json_string(optarg));
}

int create_add_text(const struct ctl *ctl, json_t *definition, const char *list)
{
    json_t *texts = definition_list(ctl, definition, list);
    if (!texts) {
        return CTL_NEGATIVE;
    }
    return json_array_append_new(texts, json_string(optarg)) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or an option is not UTF-8");
}
