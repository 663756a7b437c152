/*
 * document_events.h - how the two syntaxes tell what they read: a stream of events, one grammar.
 *
 * document_json.c and document_yaml.c read; document.c builds the tree from what they tell,
 * document_place.c looks for the place of a member in it. An object is told as open, then key and
 * value in turn, then close.
 */
#ifndef FFSHM_AGENT_DOCUMENT_EVENTS_H
#define FFSHM_AGENT_DOCUMENT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"

#define DOCUMENT_MAX_DEPTH 512u
#define DOCUMENT_MAX_DIGITS 400u /* of one number: the longest double that is not rounded to 0 */

enum document_type {
    DOCUMENT_NULL,
    DOCUMENT_FALSE,
    DOCUMENT_TRUE,
    DOCUMENT_INTEGER,
    DOCUMENT_REAL,
    DOCUMENT_STRING
};

struct document_scalar {
    enum document_type type;
    int64_t integer;
    double real;
    const char *text; /* of a string; valid during the call */
    size_t length;
};

/* Every function gets the event's offset in the text (YAML: in characters, JSON: in bytes; see
   document_place) and returns false to stop. anchor is NULL where there is none. */
struct document_sink {
    void *arg;
    bool (*open)(void *arg, bool object, const char *anchor, size_t at);
    bool (*close)(void *arg, size_t at);
    bool (*key)(void *arg, const char *text, size_t length, size_t at);
    bool (*scalar)(void *arg, const struct document_scalar *value, const char *anchor, size_t at);
    bool (*alias)(void *arg, const char *anchor, size_t at);
    /* JSON, may be NULL: an object or list begins at `at`. Returns the bytes to pass over because
       the sink has taken the value as it is (without the events of it); 0: read it. */
    size_t (*known)(void *arg, size_t at);
};

enum document_syntax { DOCUMENT_JSON, DOCUMENT_YAML };

/* JSON when the first character that is not white space is '{'. */
enum document_syntax document_syntax(const char *text, size_t length);

/* Read a whole text (checked by document_check_utf8, byte order mark skipped). false: the sink
   stopped, or *fault says what is wrong (line and column filled in; cause "" when the sink
   stopped without writing one). */
bool document_read_json(const char *text, size_t length, const struct document_sink *sink,
                        struct fault *fault);
bool document_read_yaml(const char *text, size_t length, const struct document_sink *sink,
                        struct fault *fault);

/* The bytes of the object or list that begins at `at`, if it is well formed; 0: it does not end. */
size_t document_json_extent(const char *text, size_t length, size_t at);

/* false: *fault names the first byte that is not UTF-8, or NUL. */
bool document_check_utf8(const char *text, size_t length, struct fault *fault);

/* Line and column, 1-based, of an offset as events have it. */
void document_place(const char *text, size_t length, enum document_syntax syntax, size_t at,
                    unsigned *line, unsigned *column);

/* Skips a byte order mark. */
void document_skip_mark(const char **text, size_t *length);

/* A number in decimal notation (JSON's grammar, or YAML's), in any locale. false: too many digits,
   or too large for a double. */
bool document_read_real(const char *text, size_t length, double *value);

/* The fewest digits that read back as the same double, in any locale; returns the length. */
#define DOCUMENT_REAL_CAPACITY 32u
size_t document_write_real(double value, char buffer[DOCUMENT_REAL_CAPACITY]);

#endif
