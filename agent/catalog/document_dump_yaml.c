/* A JSON tree as YAML for people: libyaml's emitter, with quotes wherever a reader of YAML 1.1
   or 1.2 could take a text for something else. */
#include "document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "document_events.h"

#define LINE 72 /* what is no longer is written in one line */
#define LINE_PARTS 16

struct writer {
    yaml_emitter_t emitter;
    bool failed;
};

static void emit(struct writer *w, yaml_event_t *event, int made)
{
    if (made && w->failed) {
        yaml_event_delete(event);
    } else if (!made || !yaml_emitter_emit(&w->emitter, event)) { /* which takes the event over */
        w->failed = true;
    }
}

/* ---- scalars ------------------------------------------------------------------------------ */

/* Does a text without quotes stay one, in YAML 1.1, too? What its characters forbid the emitter
   sees by itself. */
static bool is_plain(const char *text, size_t length)
{
    static const char *const words[] = {"",    "~",  "null", "true", "false", "y", "n",
                                        "yes", "no", "on",   "off",  "<<",    "="};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == length && strncasecmp(words[i], text, length) == 0) {
            return false;
        }
    }
    return strchr("+-.0123456789", text[0]) == NULL;
}

/* Lines of their own, where that reads better: not for what begins or ends in white space. */
static bool is_block(const char *text, size_t length)
{
    const char *newline = memchr(text, '\n', length);
    return newline != NULL && newline > text && (size_t)(newline - text) + 1 < length &&
           text[0] != ' ' && text[length - 1] != ' ' && strstr(text, "\n\n\n") == NULL;
}

static yaml_scalar_style_t style_of(const char *text, size_t length, bool key)
{
    if (!key && is_plain(text, length) && is_block(text, length)) {
        return YAML_LITERAL_SCALAR_STYLE;
    }
    return is_plain(text, length) && memchr(text, '\n', length) == NULL
               ? YAML_PLAIN_SCALAR_STYLE
               : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
}

static void put_text(struct writer *w, const char *text, size_t length, bool key)
{
    yaml_event_t event;
    const yaml_scalar_style_t style = style_of(text, length, key);
    emit(w, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)length,
                                      style == YAML_PLAIN_SCALAR_STYLE, 1, style));
}

/* A number, true, false or null, as in JSON; a real number stays one: 5.0. */
static void put_word(struct writer *w, const json_t *value)
{
    yaml_event_t event;
    char text[DOCUMENT_REAL_CAPACITY + 4];
    char *word = document_dump(value, NULL);
    const bool whole = json_is_real(value) && word != NULL && strpbrk(word, ".e") == NULL;
    const int length =
        snprintf(text, sizeof text, "%s%s", word != NULL ? word : "", whole ? ".0" : "");
    emit(w, &event,
         word != NULL && yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text,
                                                      length, 1, 0, YAML_PLAIN_SCALAR_STYLE));
    free(word);
}

/* ---- lists and objects -------------------------------------------------------------------- */

static bool is_container(const json_t *value)
{
    return json_is_object(value) || json_is_array(value);
}

/* A list of scalars; where lists count too, an object of scalars and such lists. */
static bool is_simple(const json_t *value, bool lists)
{
    size_t i;
    const char *key;
    json_t *part;
    json_t *whole = (json_t *)(uintptr_t)value; /* iterating does not change it */
    json_array_foreach(whole, i, part)
    {
        if (is_container(part)) {
            return false;
        }
    }
    json_object_foreach(whole, key, part)
    {
        if (is_container(part) && !(lists && json_is_array(part) && is_simple(part, false))) {
            return false;
        }
    }
    return true;
}

static bool fits_line(const json_t *value)
{
    size_t length = 0;
    if (json_array_size(value) + json_object_size(value) > LINE_PARTS || !is_simple(value, true)) {
        return false;
    }
    char *text = document_dump(value, &length);
    free(text);
    return text != NULL && length <= LINE;
}

static void put_value(struct writer *w, const json_t *value, unsigned depth);

static void put_list(struct writer *w, const json_t *list, bool one_line, unsigned depth)
{
    yaml_event_t event;
    emit(w, &event,
         yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                              one_line ? YAML_FLOW_SEQUENCE_STYLE
                                                       : YAML_BLOCK_SEQUENCE_STYLE));
    for (size_t i = 0; i < json_array_size(list) && !w->failed; i++) {
        put_value(w, json_array_get(list, i), depth + 1);
    }
    emit(w, &event, yaml_sequence_end_event_initialize(&event));
}

static void put_object(struct writer *w, const json_t *value, bool one_line, unsigned depth)
{
    yaml_event_t event;
    json_t *object = (json_t *)(uintptr_t)value; /* iterating does not change it */
    emit(w, &event,
         yaml_mapping_start_event_initialize(
             &event, NULL, NULL, 1, one_line ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE));
    for (void *i = json_object_iter(object); i != NULL && !w->failed;
         i = json_object_iter_next(object, i)) {
        put_text(w, json_object_iter_key(i), json_object_iter_key_len(i), true);
        put_value(w, json_object_iter_value(i), depth + 1);
    }
    emit(w, &event, yaml_mapping_end_event_initialize(&event));
}

/* Recursion: at most DOCUMENT_MAX_DEPTH. */
static void put_value(struct writer *w, const json_t *value, unsigned depth)
{
    if (value == NULL || depth > DOCUMENT_MAX_DEPTH) {
        w->failed = true;
    } else if (json_is_object(value)) {
        put_object(w, value, depth > 0 && fits_line(value), depth);
    } else if (json_is_array(value)) {
        put_list(w, value, depth > 0 && fits_line(value), depth);
    } else if (json_is_string(value)) {
        put_text(w, json_string_value(value), json_string_length(value), false);
    } else {
        put_word(w, value);
    }
}

/* ---- the whole ---------------------------------------------------------------------------- */

static bool write_document(FILE *out, const json_t *value)
{
    struct writer w = {.failed = false};
    yaml_event_t event;
    if (!yaml_emitter_initialize(&w.emitter)) {
        return false;
    }
    yaml_emitter_set_output_file(&w.emitter, out);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_width(&w.emitter, -1);
    emit(&w, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(&w, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
    put_value(&w, value, 0);
    emit(&w, &event, yaml_document_end_event_initialize(&event, 1));
    emit(&w, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_delete(&w.emitter);
    return !w.failed;
}

static bool reads_back(const char *text, size_t length, const json_t *value)
{
    struct fault fault;
    json_t *read = document_parse(text, length, "", &fault);
    const bool equal = json_equal(read, value) != 0;
    json_decref(read);
    return equal;
}

char *document_dump_yaml(const json_t *value, size_t *length)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool written = out != NULL && write_document(out, value);
    written = out != NULL && fclose(out) == 0 && written;
    if (!written || !reads_back(text, size, value)) {
        free(text);
        return document_dump(value, length); /* JSON is YAML */
    }
    if (length != NULL) {
        *length = size;
    }
    return text;
}
