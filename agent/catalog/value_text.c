#include "value_text.h"

#include <stdlib.h>
#include <string.h>

#include "document.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && is_space((*text)[*length - 1])) {
        (*length)--;
    }
    while (*length > 0 && is_space(**text)) {
        (*text)++;
        (*length)--;
    }
}

json_t *value_text_read(const char *text, size_t length)
{
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
    trim(&text, &length);
    json_t *value = json_loadb(text, length, flags, NULL);
    if (value == NULL) { /* whole numbers of more than 64 bits */
        value = json_loadb(text, length, flags | JSON_DECODE_INT_AS_REAL, NULL);
    }
    return value != NULL ? value : json_stringn(text, length);
}

/* Would a text without quotes be read as that text? */
static bool is_bare(const char *text, size_t length, bool list)
{
    json_t *read = value_text_read(text, length);
    const bool same = json_is_string(read) && json_string_length(read) == length &&
                      memcmp(json_string_value(read), text, length) == 0;
    json_decref(read);
    return same && length > 0 && text[0] != '"' && !(list && strpbrk(text, ",[]{}\"") != NULL);
}

char *value_text_write(const json_t *value, bool list)
{
    const char *text = json_string_value(value);
    return text != NULL && is_bare(text, json_string_length(value), list)
               ? strdup(text)
               : document_dump(value, NULL);
}

/* To the comma that ends an element, or to the end. */
static const char *end_of_element(const char *at)
{
    int depth = 0;
    bool quoted = false;
    for (; *at != '\0' && (*at != ',' || depth > 0 || quoted); at++) {
        if (quoted && *at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '"') {
            quoted = !quoted;
        } else if (!quoted && (*at == '[' || *at == '{')) {
            depth++;
        } else if (!quoted && depth > 0 && (*at == ']' || *at == '}')) {
            depth--;
        }
    }
    return at;
}

bool value_text_next(const char **rest, const char **element, size_t *length)
{
    if (*rest == NULL) {
        return false;
    }
    const char *end = end_of_element(*rest);
    *element = *rest;
    *length = (size_t)(end - *rest);
    trim(element, length);
    *rest = *end == ',' ? end + 1 : NULL;
    return true;
}
