#include <stdlib.h>
#include <string.h>

#include "service.h"

const json_t *member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

const char *member_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

bool member_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

int subject_parse(struct subject *s, const char *text)
{
    const size_t length = strlen(text);
    const size_t scratch = length + 64;
    s->text = strdup(text);
    s->scratch = malloc(scratch);
    if (!s->text || !s->scratch) {
        ffshm_context_init(&s->context, "", "");
        return FFSHM_NO_MEMORY;
    }
    return ffshm_context_parse(&s->context, s->text, length, s->scratch, scratch);
}

int subject_read(struct subject *s, const json_t *params, struct outcome *outcome)
{
    *s = (struct subject){.text = NULL};
    const json_t *given = member(params, "context");
    given = given ? given : member(params, "user");
    if (!given) {
        outcome_fail(outcome, 400, "neither context nor user");
        return -1;
    }
    char *text = json_dumps(given, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!text) {
        outcome_fail(outcome, 500, "out of memory");
        return -1;
    }
    subject_parse(s, text); /* an invalid context is what the command is then done with */
    free(text);
    return 0;
}

void subject_free(struct subject *s)
{
    free(s->text);
    free(s->scratch);
}
