#include "ctl_keys.h"

#include <string.h>

#include "ctl_text.h"

int keys_add(const struct ctl *ctl, json_t *keys, const char *key)
{
    if (!*key) {
        return ctl_usage(ctl, "a key must not be empty");
    }
    return json_object_set_new(keys, key, json_true()) == 0
               ? CTL_OK
               : ctl_fail(ctl, "out of memory, or '%s' is not UTF-8", key);
}

static int add_line(const struct ctl *ctl, json_t *keys, char *line)
{
    line += strspn(line, " \t\r");
    size_t length = strlen(line);
    while (length > 0 && strchr(" \t\r", line[length - 1])) {
        line[--length] = '\0';
    }
    return length > 0 ? keys_add(ctl, keys, line) : CTL_OK;
}

int keys_read(const struct ctl *ctl, json_t *keys, const char *file)
{
    struct text text;
    int code = text_read(ctl, file, &text);
    char *rest = text.bytes;
    if (code == CTL_OK && strlen(rest) < text.length) {
        code = ctl_fail(ctl, "%s: is no text: there is a NUL in it", text.name);
    }
    while (code == CTL_OK && rest) {
        char *line = strsep(&rest, "\n");
        code = add_line(ctl, keys, line);
    }
    text_free(&text);
    return code;
}

static json_t *no_memory(const struct ctl *ctl, json_t *list)
{
    ctl_fail(ctl, "out of memory");
    json_decref(list);
    return NULL;
}

json_t *keys_without(const struct ctl *ctl, const json_t *list, json_t *keys)
{
    json_t *rest = json_array();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *key = json_array_get(list, i);
        const char *text = json_string_value(key);
        if ((!text || !json_object_get(keys, text)) && json_array_append(rest, key) != 0) {
            return no_memory(ctl, rest);
        }
    }
    return rest ? rest : no_memory(ctl, NULL);
}

json_t *keys_with(const struct ctl *ctl, const json_t *list, json_t *keys)
{
    json_t *all = json_array();
    json_t *more = json_copy(keys);
    const char *key;
    json_t *value;
    bool good = all && more && (!list || json_array_extend(all, (json_t *)list) == 0);
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text) {
            json_object_del(more, text);
        }
    }
    json_object_foreach(more, key, value)
    {
        good = good && json_array_append_new(all, json_string(key)) == 0;
    }
    json_decref(more);
    return good ? all : no_memory(ctl, all);
}
