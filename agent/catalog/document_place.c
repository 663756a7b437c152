/* Where in the text something is: offsets to lines and columns, and the place of a member that is
   named by its path. Cold: runs once for a message. */
#include "document.h"

#include <stdio.h>
#include <string.h>

#include "document_events.h"

void document_skip_mark(const char **text, size_t *length)
{
    if (*length >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0) {
        *text += 3;
        *length -= 3;
    }
}

enum document_syntax document_syntax(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length &&
           (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r')) {
        i++;
    }
    return i < length && text[i] == '{' ? DOCUMENT_JSON : DOCUMENT_YAML;
}

void document_place(const char *text, size_t length, enum document_syntax syntax, size_t at,
                    unsigned *line, unsigned *column)
{
    size_t line_start = 0;
    size_t i = 0;
    *line = 1;
    for (size_t counted = 0; i < length; i++) {
        const bool first_byte = ((unsigned char)text[i] & 0xc0) != 0x80;
        if (syntax == DOCUMENT_JSON ? i >= at : counted >= at && first_byte) {
            break;
        }
        counted += first_byte;
        if (text[i] == '\n') {
            (*line)++;
            line_start = i + 1;
        }
    }
    *column = (unsigned)(i - line_start) + 1;
}

/* The length of the UTF-8 sequence at text (Unicode 15, table 3-7), 0: there is none. */
static size_t utf8_sequence(const unsigned char *text, size_t length)
{
    static const struct {
        unsigned char lead_from, lead_to, second_from, second_to, size;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if (text[0] < forms[f].lead_from || text[0] > forms[f].lead_to) {
            continue;
        }
        const size_t size = forms[f].size;
        if (length < size || text[1] < forms[f].second_from || text[1] > forms[f].second_to) {
            return 0;
        }
        for (size_t i = 2; i < size; i++) {
            if ((text[i] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return size;
    }
    return 0;
}

/* true: eight bytes of ASCII without NUL. */
static bool plain_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    const uint64_t high = 0x8080808080808080u;
    return (word & high) == 0 && ((word - 0x0101010101010101u) & high) == 0;
}

bool document_check_utf8(const char *text, size_t length, struct fault *fault)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t i = 0;
    while (i < length) {
        if (length - i >= 8 && plain_word(text + i)) {
            i += 8;
            continue;
        }
        const size_t step = bytes[i] == 0     ? 0
                            : bytes[i] < 0x80 ? 1
                                              : utf8_sequence(bytes + i, length - i);
        if (step == 0) {
            break;
        }
        i += step;
    }
    if (i == length) {
        return true;
    }
    if (bytes[i] == 0) {
        fault_set(fault, "", "is it a text file, and was it written to its end?",
                  "a NUL byte (offset %zu)", i);
    } else {
        fault_set(fault, "", "save the file as UTF-8", "not UTF-8: byte 0x%02x (offset %zu)",
                  bytes[i], i);
    }
    document_place(text, length, DOCUMENT_JSON, i, &fault->line, &fault->column);
    return false;
}

/*
 * The locator. A path such as "flags.a.b.rules[2]" cannot be split at its dots, since keys may
 * contain them; so it is matched against the members that are there: every open container knows how
 * much of the path led to it, and the longest match wins.
 */
#define NO_MATCH SIZE_MAX

struct container {
    bool object;
    size_t matched; /* bytes of the path that led here, or NO_MATCH */
    size_t member;  /* object: bytes of the path including the last key, or NO_MATCH */
    size_t index;   /* array: of the next element */
};

struct locator {
    const char *path;
    size_t path_length;
    bool cut; /* the path was too long for its buffer: its last name may be a part of one */
    size_t best;
    size_t at;
    bool seen_root;
    size_t depth;
    struct container stack[DOCUMENT_MAX_DEPTH];
};

static size_t match_key(const struct locator *l, size_t from, const char *key, size_t length)
{
    const size_t name = from > 0 && l->path[from] == '.' ? from + 1 : from;
    const size_t rest = l->path_length - name;
    if (name == from && from > 0) {
        return NO_MATCH;
    }
    if (rest < length) {
        return l->cut && rest > 0 && memcmp(l->path + name, key, rest) == 0 ? l->path_length
                                                                            : NO_MATCH;
    }
    if (memcmp(l->path + name, key, length) != 0) {
        return NO_MATCH;
    }
    const char next = l->path[name + length];
    return next == '\0' || next == '.' || next == '[' ? name + length : NO_MATCH;
}

static size_t match_index(const struct locator *l, size_t from, size_t index)
{
    char text[32];
    const int length = snprintf(text, sizeof text, "[%zu]", index);
    return strncmp(l->path + from, text, (size_t)length) == 0 ? from + (size_t)length : NO_MATCH;
}

/* A value begins: how much of the path leads to it? */
static size_t value_begins(struct locator *l, size_t at)
{
    if (l->depth == 0) {
        if (!l->seen_root) {
            l->seen_root = true;
            l->at = at;
        }
        return 0;
    }
    struct container *c = &l->stack[l->depth - 1];
    if (c->object) {
        return c->member;
    }
    const size_t index = c->index++;
    const size_t matched = c->matched == NO_MATCH ? NO_MATCH : match_index(l, c->matched, index);
    if (matched != NO_MATCH && matched > l->best) {
        l->best = matched;
        l->at = at;
    }
    return matched;
}

static bool unfinished(const struct locator *l)
{
    return l->best < l->path_length;
}

static bool locate_open(void *arg, bool object, const char *anchor, size_t at)
{
    (void)anchor;
    struct locator *l = arg;
    const size_t matched = value_begins(l, at);
    l->stack[l->depth++] = (struct container){object, matched, NO_MATCH, 0};
    return unfinished(l);
}

static bool locate_close(void *arg, size_t at)
{
    (void)at;
    struct locator *l = arg;
    l->depth--;
    return true;
}

static bool locate_key(void *arg, const char *text, size_t length, size_t at)
{
    struct locator *l = arg;
    struct container *c = &l->stack[l->depth - 1];
    c->member = c->matched == NO_MATCH ? NO_MATCH : match_key(l, c->matched, text, length);
    if (c->member != NO_MATCH && c->member > l->best) {
        l->best = c->member;
        l->at = at;
    }
    return unfinished(l);
}

static bool locate_scalar(void *arg, const struct document_scalar *value, const char *anchor,
                          size_t at)
{
    (void)value;
    (void)anchor;
    struct locator *l = arg;
    (void)value_begins(l, at);
    return unfinished(l);
}

static bool locate_alias(void *arg, const char *anchor, size_t at)
{
    (void)anchor;
    struct locator *l = arg;
    (void)value_begins(l, at);
    return unfinished(l);
}

void document_locate(const char *text, size_t length, const char *file, struct fault *fault)
{
    (void)snprintf(fault->file, sizeof fault->file, "%s", file == NULL ? "" : file);
    document_skip_mark(&text, &length);
    struct locator locator;
    memset(&locator, 0, sizeof locator);
    locator.path = fault->member;
    locator.path_length = strlen(fault->member);
    locator.cut = locator.path_length >= sizeof fault->member - 4;
    const struct document_sink sink = {&locator,      locate_open,  locate_close, locate_key,
                                       locate_scalar, locate_alias, NULL};
    const enum document_syntax syntax = document_syntax(text, length);
    struct fault ignored = {0};
    (void)(syntax == DOCUMENT_JSON ? document_read_json(text, length, &sink, &ignored)
                                   : document_read_yaml(text, length, &sink, &ignored));
    document_place(text, length, syntax, locator.at, &fault->line, &fault->column);
}
