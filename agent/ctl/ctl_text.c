#include "ctl_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"

#define BLOCK 65536u

/* ---- reading -------------------------------------------------------------------------------- */

/* 0, or an errno. */
static int read_all(FILE *in, struct text *text)
{
    size_t room = 0;
    for (;;) {
        if (text->length + BLOCK + 1 > room) {
            room = 2 * room + BLOCK + 1;
            char *more = realloc(text->bytes, room);
            if (!more) {
                return ENOMEM;
            }
            text->bytes = more;
        }
        const size_t count = fread(text->bytes + text->length, 1, BLOCK, in);
        text->length += count;
        text->bytes[text->length] = '\0';
        if (text->length > TEXT_MOST) {
            return EFBIG;
        }
        if (count < BLOCK) {
            return ferror(in) ? (errno ? errno : EIO) : 0;
        }
    }
}

int text_read(const struct ctl *ctl, const char *file, struct text *text)
{
    const bool is_stdin = strcmp(file, "-") == 0;
    *text = (struct text){.name = is_stdin ? "stdin" : file};
    FILE *in = is_stdin ? stdin : fopen(file, "re");
    if (!in) {
        return ctl_fail(ctl, "%s: %s", file, strerror(errno));
    }
    errno = 0;
    const int error = read_all(in, text);
    if (!is_stdin) {
        fclose(in);
    }
    return error == 0 ? CTL_OK : ctl_fail(ctl, "%s: %s", text->name, strerror(error));
}

int text_parse(struct text *text, struct fault *fault)
{
    *fault = (struct fault){0};
    text->json = document_parse(text->bytes, text->length, text->name, fault);
    if (text->json && !json_is_object(text->json)) {
        fault_set(fault, "", "", "is %s, and no definition", document_type_name(text->json));
        document_locate(text->bytes, text->length, text->name, fault);
        json_decref(text->json);
        text->json = NULL;
    }
    return text->json ? 0 : -1;
}

void text_free(struct text *text)
{
    json_decref(text->json);
    free(text->bytes);
    *text = (struct text){0};
}

int text_load(const struct ctl *ctl, const char *file, struct text *text)
{
    struct fault fault;
    char why[1500];
    const int code = text_read(ctl, file, text);
    if (code != CTL_OK || text_parse(text, &fault) == 0) {
        return code;
    }
    fault_text(&fault, why, sizeof why);
    return ctl_fail(ctl, "%s", why);
}

/* ---- what is in it -------------------------------------------------------------------------- */

json_t *text_definition(const struct ctl *ctl, const struct text *text, enum kept_kind kind,
                        const char *key, char prefix[TEXT_PREFIX])
{
    const char *section = kind == KEPT_FLAG ? "flags" : "segments";
    prefix[0] = '\0';
    if (!json_object_get(text->json, "ffshm")) {
        return text->json;
    }
    json_t *definition = json_object_get(json_object_get(text->json, section), key);
    snprintf(prefix, TEXT_PREFIX, "%s.%s", section, key);
    if (!definition) {
        ctl_fail(ctl, "%s: there is no %s '%s' in it", text->name, kept_noun(kind), key);
    }
    return definition;
}

int text_refused(const struct ctl *ctl, const struct text *text, const char *prefix,
                 const struct client_answer *answer)
{
    const json_t *details = json_object_get(answer->json, "details");
    const char *member = json_string_value(json_object_get(details, "member"));
    const char *message = json_string_value(json_object_get(answer->json, "message"));
    struct fault fault = {0};
    if (!member || !*member || answer->status != 422 || !message) {
        return client_refused(ctl, answer);
    }
    char whole[sizeof fault.member];
    snprintf(whole, sizeof whole, "%s%s%s", prefix, *prefix ? "." : "", member);
    fault_set(&fault, whole, "", "refused");
    document_locate(text->bytes, text->length, text->name, &fault);
    return fault.line ? ctl_fail(ctl, "%s:%u:%u: %s", text->name, fault.line, fault.column, message)
                      : ctl_fail(ctl, "%s: %s", text->name, message);
}
