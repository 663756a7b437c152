/* YAML as events: libyaml's parser, with the core schema of YAML 1.2.2 (section 10.3.2) on plain
   scalars, so that on, off, yes and no are texts. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "document_events.h"

struct level {
    bool object;
    bool value_next; /* in an object: the key is told */
    size_t at;
};

struct yaml_reader {
    const char *text;
    size_t length;
    const struct document_sink *sink;
    struct fault *fault;
    yaml_parser_t parser;
    bool document_seen;
    size_t depth;
    struct level open[DOCUMENT_MAX_DEPTH];
};

#define BAD(r, mark, hint, ...) (fault_set((r)->fault, "", hint, __VA_ARGS__), bad_at((r), (mark)))

static bool bad_at(struct yaml_reader *r, const yaml_mark_t *mark)
{
    document_place(r->text, r->length, DOCUMENT_YAML, mark->index, &r->fault->line,
                   &r->fault->column);
    return false;
}

/* ---- plain scalars ------------------------------------------------------------------------ */

static bool is_word(const char *text, size_t length, const char *const words[3])
{
    for (size_t i = 0; i < 3; i++) {
        if (strlen(words[i]) == length && memcmp(text, words[i], length) == 0) {
            return true;
        }
    }
    return false;
}

static size_t digits(const char *text, size_t length, size_t from)
{
    size_t at = from;
    while (at < length && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at - from;
}

/* An optional sign, digits and nothing else; or 0o and 0x. Beyond 64 bits: *real instead. */
static bool resolve_integer(const char *text, size_t length, struct document_scalar *out)
{
    unsigned base = 10;
    size_t at = text[0] == '-' || text[0] == '+';
    if (length > 2 && text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
        base = text[1] == 'o' ? 8 : 16;
        at = 2;
    }
    if (at == length) {
        return false;
    }
    const bool negative = text[0] == '-';
    uint64_t magnitude = 0;
    double real = 0;
    bool wide = false;
    for (; at < length; at++) {
        const char c = text[at];
        const char lower = (char)(c | 0x20);
        const unsigned digit = c >= '0' && c <= '9'           ? (unsigned)(c - '0')
                               : lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10
                                                              : 99;
        if (digit >= base) {
            return false;
        }
        real = real * base + digit;
        wide = wide || magnitude > (UINT64_MAX - digit) / base;
        magnitude = wide ? 0 : magnitude * base + digit;
    }
    if (wide || magnitude > (uint64_t)INT64_MAX + negative) {
        out->type = DOCUMENT_REAL;
        out->real = real; /* decimal ones are read again, rounded once */
        return base != 10 || document_read_real(text, length, &out->real);
    }
    out->type = DOCUMENT_INTEGER;
    out->integer = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(const char *text, size_t length)
{
    size_t at = text[0] == '-' || text[0] == '+';
    const size_t whole = digits(text, length, at);
    at += whole;
    if (at < length && text[at] == '.') {
        const size_t fraction = digits(text, length, at + 1);
        at += 1 + fraction;
        if (whole + fraction == 0) {
            return false;
        }
    } else if (whole == 0) {
        return false;
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < length && (text[at] == '-' || text[at] == '+');
        const size_t exponent = digits(text, length, at);
        at += exponent;
        if (exponent == 0) {
            return false;
        }
    }
    return at == length;
}

static bool is_special_float(const char *text, size_t length)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF"};
    static const char *const not_numbers[] = {".nan", ".NaN", ".NAN"};
    const size_t sign = length > 0 && (text[0] == '-' || text[0] == '+');
    return is_word(text + sign, length - sign, infinities) || is_word(text, length, not_numbers);
}

/* false: a number that JSON cannot hold. */
static bool resolve_plain(const char *text, size_t length, struct document_scalar *out)
{
    static const char *const nulls[] = {"null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    out->type = DOCUMENT_STRING;
    out->text = text;
    out->length = length;
    if (length == 0 || (length == 1 && text[0] == '~') || is_word(text, length, nulls)) {
        out->type = DOCUMENT_NULL;
    } else if (is_word(text, length, trues)) {
        out->type = DOCUMENT_TRUE;
    } else if (is_word(text, length, falses)) {
        out->type = DOCUMENT_FALSE;
    } else if (strchr("+-.0123456789", text[0]) == NULL || resolve_integer(text, length, out)) {
        return true;
    } else if (is_special_float(text, length)) {
        return false;
    } else if (is_float(text, length)) {
        out->type = DOCUMENT_REAL;
        return document_read_real(text, length, &out->real);
    }
    return true;
}

/* ---- nodes -------------------------------------------------------------------------------- */

/* A node of any kind is about to be told: is it a key? */
static bool at_key(const struct yaml_reader *r)
{
    return r->depth > 0 && r->open[r->depth - 1].object && !r->open[r->depth - 1].value_next;
}

static void node_told(struct yaml_reader *r)
{
    if (r->depth > 0) {
        r->open[r->depth - 1].value_next = false;
    }
}

static bool read_key(struct yaml_reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    if (memchr(text, '\0', length) != NULL) {
        return BAD(r, &event->start_mark, "", "a member's name contains a NUL character");
    }
    if (length == 2 && memcmp(text, "<<", 2) == 0 && event->data.scalar.plain_implicit) {
        return BAD(r, &event->start_mark, "write the members out, or alias a whole value",
                   "merge keys (<<) are no part of YAML 1.2");
    }
    r->open[r->depth - 1].value_next = true;
    return r->sink->key(r->sink->arg, text, length, event->start_mark.index);
}

#define TAG_PREFIX "tag:yaml.org,2002:"

/* Tags that say what a scalar is anyway are let pass; !!str makes a text of it. */
static bool resolve(struct yaml_reader *r, const yaml_event_t *event, struct document_scalar *out)
{
    const char *tag = (const char *)event->data.scalar.tag;
    out->type = DOCUMENT_STRING;
    out->text = (const char *)event->data.scalar.value;
    out->length = event->data.scalar.length;
    if (tag == NULL ? event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE
                    : strcmp(tag, TAG_PREFIX "str") == 0) {
        return true;
    }
    if (!resolve_plain(out->text, out->length, out)) {
        return BAD(r, &event->start_mark, "quote it if it is a text",
                   "the number %.40s is no number of JSON", out->text);
    }
    static const char *const names[] = {"null", "bool", "bool", "int", "float"};
    if (tag == NULL ||
        (out->type < DOCUMENT_STRING && strncmp(tag, TAG_PREFIX, sizeof TAG_PREFIX - 1) == 0 &&
         strcmp(tag + sizeof TAG_PREFIX - 1, names[out->type]) == 0)) {
        return true;
    }
    return BAD(r, &event->start_mark, "remove the tag", "the tag %.100s is not supported here",
               tag);
}

static bool read_scalar(struct yaml_reader *r, const yaml_event_t *event)
{
    if (at_key(r)) {
        return read_key(r, event);
    }
    struct document_scalar value = {0};
    if (!resolve(r, event, &value)) {
        return false;
    }
    node_told(r);
    return r->sink->scalar(r->sink->arg, &value, (const char *)event->data.scalar.anchor,
                           event->start_mark.index);
}

static bool open_container(struct yaml_reader *r, const yaml_event_t *event, bool object)
{
    const char *tag =
        (const char *)(object ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    const char *anchor = (const char *)(object ? event->data.mapping_start.anchor
                                               : event->data.sequence_start.anchor);
    if (at_key(r)) {
        return BAD(r, &event->start_mark, "quote it if it is a text",
                   "a member's name must be a text");
    }
    if (tag != NULL && strcmp(tag, object ? TAG_PREFIX "map" : TAG_PREFIX "seq") != 0) {
        return BAD(r, &event->start_mark, "remove the tag", "the tag %.100s is not supported here",
                   tag);
    }
    if (r->depth == DOCUMENT_MAX_DEPTH) {
        return BAD(r, &event->start_mark, "", "more than %u levels deep", DOCUMENT_MAX_DEPTH);
    }
    node_told(r);
    r->open[r->depth++] = (struct level){object, false, event->start_mark.index};
    return r->sink->open(r->sink->arg, object, anchor, event->start_mark.index);
}

static bool read_alias(struct yaml_reader *r, const yaml_event_t *event)
{
    if (at_key(r)) {
        return BAD(r, &event->start_mark, "write the name out", "an alias as a member's name");
    }
    node_told(r);
    return r->sink->alias(r->sink->arg, (const char *)event->data.alias.anchor,
                          event->start_mark.index);
}

static bool read_event(struct yaml_reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->document_seen) {
            return BAD(r, &event->start_mark, "one file holds one document",
                       "a second document begins here");
        }
        r->document_seen = true;
        return true;
    case YAML_STREAM_END_EVENT:
        return r->document_seen || BAD(r, &event->end_mark, "", "the document is empty");
    case YAML_ALIAS_EVENT:
        return read_alias(r, event);
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event);
    case YAML_MAPPING_START_EVENT:
        return open_container(r, event, true);
    case YAML_SEQUENCE_START_EVENT:
        return open_container(r, event, false);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        r->depth--;
        return r->sink->close(r->sink->arg, event->start_mark.index);
    default:
        return true;
    }
}

/* ---- libyaml's complaints ----------------------------------------------------------------- */

/* Is there nothing but white space from the character on? */
static bool at_end(const struct yaml_reader *r, size_t index)
{
    size_t end = r->length;
    while (end > 0 && isspace((unsigned char)r->text[end - 1])) {
        end--;
    }
    size_t characters = 0;
    for (size_t i = 0; i < end; i++) {
        characters += ((unsigned char)r->text[i] & 0xc0) != 0x80;
    }
    return index >= characters;
}

/* When the text breaks off in something that has an end mark: what it is, and where it begins. */
static const char *broken_off(const struct yaml_reader *r, size_t *began)
{
    const yaml_parser_t *p = &r->parser;
    if (p->context == NULL || !at_end(r, p->problem_mark.index)) {
        return NULL;
    }
    if (strstr(p->context, "quoted scalar") != NULL) {
        *began = p->context_mark.index;
        return "a quoted text";
    }
    if (strstr(p->context, "flow ") != NULL && r->depth > 0) {
        *began = r->open[r->depth - 1].at;
        return r->open[r->depth - 1].object ? "an object in braces" : "a list in brackets";
    }
    return NULL;
}

static const char *hint_for(const struct yaml_reader *r, const char *problem)
{
    if (strstr(problem, "cannot start any token") != NULL) {
        return r->parser.buffer.pointer < r->parser.buffer.last && *r->parser.buffer.pointer == '\t'
                   ? "indent with spaces, not tabs"
                   : "quote a text that begins with this character";
    }
    if (strstr(problem, "expected key") != NULL || strstr(problem, "mapping values") != NULL ||
        strstr(problem, "expected '-'") != NULL) {
        return "check the indentation; quote a text that contains a colon and a space";
    }
    if (strstr(problem, "expected ':'") != NULL) {
        return "a name is followed by a colon and a space";
    }
    return "";
}

static bool unreadable(struct yaml_reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem == NULL ? "unreadable" : p->problem;
    if (p->error == YAML_MEMORY_ERROR) {
        return BAD(r, &p->mark, "", "out of memory");
    }
    if (p->error == YAML_READER_ERROR) {
        fault_set(r->fault, "", "write it as an escape in double quotes",
                  "a control character (U+%04X)", (unsigned)p->problem_value);
        document_place(r->text, r->length, DOCUMENT_JSON, p->problem_offset, &r->fault->line,
                       &r->fault->column);
        return false;
    }
    size_t began = p->context_mark.index;
    const char *broken = broken_off(r, &began);
    unsigned line;
    unsigned column;
    document_place(r->text, r->length, DOCUMENT_YAML, began, &line, &column);
    if (broken != NULL) {
        return BAD(r, &p->problem_mark, "is it written to its end?",
                   "the text ends in the middle of %s that begins on line %u", broken, line);
    }
    if (p->context == NULL) {
        return BAD(r, &p->problem_mark, hint_for(r, problem), "%s", problem);
    }
    return BAD(r, &p->problem_mark, hint_for(r, problem), "%s, %s that begins on line %u", problem,
               p->context, line);
}

static bool read_events(struct yaml_reader *r)
{
    for (bool ended = false; !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event)) {
            return unreadable(r);
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        const bool good = read_event(r, &event);
        yaml_event_delete(&event);
        if (!good) {
            return false;
        }
    }
    return true;
}

bool document_read_yaml(const char *text, size_t length, const struct document_sink *sink,
                        struct fault *fault)
{
    struct yaml_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || !yaml_parser_initialize(&reader->parser)) {
        free(reader);
        fault_set(fault, "", "", "out of memory");
        return false;
    }
    reader->text = text;
    reader->length = length;
    reader->sink = sink;
    reader->fault = fault;
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, length);
    const bool good = read_events(reader);
    yaml_parser_delete(&reader->parser);
    free(reader);
    return good;
}
