/* The tree of a document, built from a reader's events: duplicates, aliases and their bounds. */
#include "document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_events.h"
#include "document_memo.h"
#include "hash.h"

/* What aliases may stand for in all, in values. A few lines of YAML can name 10^9 of them. */
#define ALIAS_BUDGET 1000000u

/* A value's size: 1 and what is in it; a string counts its length, so that its copies are bounded
   too. */
#define BYTES_PER_UNIT 64u

/* Definitions repeat themselves ("in", "country", 0); a short value that was just made is used
   again. Measured: parsing and freeing 11 MB of LaunchDarkly JSON takes a fifth less. */
#define RECENT_COUNT 1024u
#define RECENT_LENGTH 24u

/* Values that are remembered are members of members of the root: one flag, one segment. */
#define MEMO_DEPTH 2u

struct frame {
    json_t *container; /* owned by its parent; the root by the builder */
    size_t at;
    size_t size;
    size_t height;
    char *anchor; /* owned, or NULL */
};

struct anchor {
    json_t *value; /* a reference */
    size_t size;
    size_t height;
};

struct builder {
    const char *text;
    size_t length;
    enum document_syntax syntax;
    struct fault *fault;
    json_t *root;
    size_t depth;
    struct frame stack[DOCUMENT_MAX_DEPTH];
    char *key;
    size_t key_length;
    size_t key_capacity;
    size_t key_at;
    json_t *anchor_names; /* name -> index */
    struct anchor *anchors;
    size_t anchor_count;
    size_t expanded;
    json_t *recent[RECENT_COUNT]; /* references */
    struct document_memo *memo;   /* NULL: none */
    struct hash128 memo_text;     /* of the value that is being built for it */
};

static bool bad_at(struct builder *b, size_t at)
{
    document_place(b->text, b->length, b->syntax, at, &b->fault->line, &b->fault->column);
    return false;
}

#define BAD(b, at, hint, ...) (fault_set((b)->fault, "", hint, __VA_ARGS__), bad_at((b), (at)))

static bool no_memory(struct builder *b, size_t at)
{
    return BAD(b, at, "", "out of memory");
}

/* Finds where a key of one object was first written: reads the text again. */
struct first_key {
    size_t object_at;
    size_t depth;
    size_t object_depth; /* 0: not in it */
    const char *key;
    size_t key_length;
    size_t found_at;
};

static bool first_open(void *arg, bool object, const char *anchor, size_t at)
{
    (void)object;
    (void)anchor;
    struct first_key *f = arg;
    f->depth++;
    if (at == f->object_at && f->object_depth == 0) {
        f->object_depth = f->depth;
    }
    return true;
}

static bool first_close(void *arg, size_t at)
{
    (void)at;
    struct first_key *f = arg;
    f->depth--;
    return true;
}

static bool first_at_key(void *arg, const char *text, size_t length, size_t at)
{
    struct first_key *f = arg;
    if (f->object_depth == 0 || f->depth != f->object_depth || length != f->key_length ||
        memcmp(text, f->key, length) != 0) {
        return true;
    }
    f->found_at = at;
    return false;
}

static bool first_scalar(void *arg, const struct document_scalar *value, const char *anchor,
                         size_t at)
{
    (void)arg;
    (void)value;
    (void)anchor;
    (void)at;
    return true;
}

static bool first_alias(void *arg, const char *anchor, size_t at)
{
    (void)arg;
    (void)anchor;
    (void)at;
    return true;
}

static bool duplicate(struct builder *b)
{
    struct first_key first = {.object_at = b->stack[b->depth - 1].at,
                              .key = b->key,
                              .key_length = b->key_length,
                              .found_at = b->key_at};
    const struct document_sink sink = {&first,       first_open,  first_close, first_at_key,
                                       first_scalar, first_alias, NULL};
    struct fault ignored = {0};
    (void)(b->syntax == DOCUMENT_JSON ? document_read_json(b->text, b->length, &sink, &ignored)
                                      : document_read_yaml(b->text, b->length, &sink, &ignored));
    unsigned line;
    unsigned column;
    document_place(b->text, b->length, b->syntax, first.found_at, &line, &column);
    return BAD(b, b->key_at, "remove or rename one of the two",
               "the member \"%.100s\" is already there on line %u", b->key, line);
}

/* Puts a value (taken over) where the events are: into the open container, or as the root. */
static bool attach(struct builder *b, json_t *value, size_t at)
{
    if (value == NULL) {
        return no_memory(b, at);
    }
    if (b->depth == 0) {
        b->root = value;
        return true;
    }
    json_t *parent = b->stack[b->depth - 1].container;
    if (json_is_array(parent)) {
        return json_array_append_new(parent, value) == 0 || no_memory(b, at);
    }
    const size_t members = json_object_size(parent);
    if (json_object_setn_new_nocheck(parent, b->key, b->key_length, value) != 0) {
        return no_memory(b, at);
    }
    return json_object_size(parent) > members || duplicate(b);
}

static void account(struct builder *b, size_t size, size_t height)
{
    if (b->depth > 0) {
        struct frame *parent = &b->stack[b->depth - 1];
        parent->size += size;
        if (height + 1 > parent->height) {
            parent->height = height + 1;
        }
    }
}

static bool remember(struct builder *b, const char *name, json_t *value, size_t size, size_t height,
                     size_t at)
{
    if ((b->anchor_count & (b->anchor_count - 1)) == 0) {
        const size_t capacity = b->anchor_count == 0 ? 1 : b->anchor_count * 2;
        struct anchor *grown = realloc(b->anchors, capacity * sizeof *grown);
        if (grown == NULL) {
            return no_memory(b, at);
        }
        b->anchors = grown;
    }
    if (b->anchor_names == NULL) {
        b->anchor_names = json_object();
    }
    json_t *index = json_integer((json_int_t)b->anchor_count);
    if (json_object_set_new_nocheck(b->anchor_names, name, index) != 0) {
        return no_memory(b, at);
    }
    b->anchors[b->anchor_count++] = (struct anchor){json_incref(value), size, height};
    return true;
}

static bool build_open(void *arg, bool object, const char *anchor, size_t at)
{
    struct builder *b = arg;
    json_t *container = object ? json_object() : json_array();
    if (!attach(b, container, at)) {
        return false;
    }
    struct frame *frame = &b->stack[b->depth++];
    *frame = (struct frame){container, at, 1, 0, NULL};
    if (anchor != NULL) {
        frame->anchor = strdup(anchor);
        if (frame->anchor == NULL) {
            return no_memory(b, at);
        }
    }
    return true;
}

static bool build_close(void *arg, size_t at)
{
    struct builder *b = arg;
    const struct frame frame = b->stack[--b->depth];
    account(b, frame.size, frame.height);
    if (b->memo != NULL && b->depth == MEMO_DEPTH) {
        document_memo_put(b->memo, b->memo_text, frame.container);
    }
    if (frame.anchor == NULL) {
        return true;
    }
    const bool good = remember(b, frame.anchor, frame.container, frame.size, frame.height, at);
    free(frame.anchor);
    return good;
}

static bool build_key(void *arg, const char *text, size_t length, size_t at)
{
    struct builder *b = arg;
    if (length + 1 > b->key_capacity) {
        char *grown = realloc(b->key, (length + 1) * 2);
        if (grown == NULL) {
            return no_memory(b, at);
        }
        b->key = grown;
        b->key_capacity = (length + 1) * 2;
    }
    memcpy(b->key, text, length);
    b->key[length] = '\0';
    b->key_length = length;
    b->key_at = at;
    return true;
}

static bool same_scalar(const json_t *made, const struct document_scalar *value)
{
    if (value->type == DOCUMENT_INTEGER) {
        return json_is_integer(made) && json_integer_value(made) == value->integer;
    }
    return json_is_string(made) && json_string_length(made) == value->length &&
           memcmp(json_string_value(made), value->text, value->length) == 0;
}

/* A string or an integer: the recent one that is equal, or a new one. */
static json_t *make_shared(struct builder *b, const struct document_scalar *value)
{
    const bool string = value->type == DOCUMENT_STRING;
    if (string && value->length > RECENT_LENGTH) {
        return json_stringn_nocheck(value->text, value->length);
    }
    const uint64_t hash = string ? hash_bytes(value->text, value->length)
                                 : hash_bytes(&value->integer, sizeof value->integer);
    json_t **recent = &b->recent[hash % RECENT_COUNT];
    if (*recent == NULL || !same_scalar(*recent, value)) {
        json_decref(*recent);
        *recent = string ? json_stringn_nocheck(value->text, value->length)
                         : json_integer(value->integer);
    }
    return json_incref(*recent);
}

static json_t *make_scalar(struct builder *b, const struct document_scalar *value)
{
    switch (value->type) {
    case DOCUMENT_NULL:
        return json_null();
    case DOCUMENT_FALSE:
        return json_false();
    case DOCUMENT_TRUE:
        return json_true();
    case DOCUMENT_REAL:
        return json_real(value->real);
    case DOCUMENT_INTEGER:
    case DOCUMENT_STRING:
        return make_shared(b, value);
    }
    return NULL;
}

static bool build_scalar(void *arg, const struct document_scalar *value, const char *anchor,
                         size_t at)
{
    struct builder *b = arg;
    json_t *made = make_scalar(b, value);
    if (!attach(b, made, at)) {
        return false;
    }
    const size_t size = 1 + (value->type == DOCUMENT_STRING ? value->length / BYTES_PER_UNIT : 0);
    account(b, size, 0);
    return anchor == NULL || remember(b, anchor, made, size, 0, at);
}

static bool build_alias(void *arg, const char *name, size_t at)
{
    struct builder *b = arg;
    const json_t *index = json_object_get(b->anchor_names, name);
    if (index == NULL) {
        return BAD(b, at, "an anchor is named with & before it is used, and not inside itself",
                   "there is no anchor &%.100s", name);
    }
    const struct anchor *anchor = &b->anchors[json_integer_value(index)];
    b->expanded += anchor->size;
    if (b->expanded > ALIAS_BUDGET) {
        return BAD(b, at, "", "aliases stand for more than %u values", ALIAS_BUDGET);
    }
    if (b->depth + anchor->height > DOCUMENT_MAX_DEPTH) {
        return BAD(b, at, "", "more than %u levels deep", DOCUMENT_MAX_DEPTH);
    }
    if (!attach(b, json_incref(anchor->value), at)) {
        return false;
    }
    account(b, anchor->size, anchor->height);
    return true;
}

static size_t build_known(void *arg, size_t at)
{
    struct builder *b = arg;
    if (b->memo == NULL || b->depth != MEMO_DEPTH) {
        return 0;
    }
    const size_t extent = document_json_extent(b->text, b->length, at);
    if (extent == 0) {
        return 0; /* reading it tells why */
    }
    const XXH128_hash_t hash = XXH3_128bits(b->text + at, extent);
    b->memo_text = (struct hash128){hash.low64, hash.high64};
    json_t *tree = document_memo_find(b->memo, b->memo_text);
    /* attach fails for a second member of one name: reading on finds the same fault again. */
    return tree != NULL && attach(b, tree, at) ? extent : 0;
}

static json_t *build(struct builder *b)
{
    const struct document_sink sink = {
        b, build_open, build_close, build_key, build_scalar, build_alias, build_known};
    const bool good = b->syntax == DOCUMENT_JSON
                          ? document_read_json(b->text, b->length, &sink, b->fault)
                          : document_read_yaml(b->text, b->length, &sink, b->fault);
    while (b->depth > 0) {
        free(b->stack[--b->depth].anchor);
    }
    for (size_t i = 0; i < b->anchor_count; i++) {
        json_decref(b->anchors[i].value);
    }
    for (size_t i = 0; i < RECENT_COUNT; i++) {
        json_decref(b->recent[i]);
    }
    free(b->anchors);
    json_decref(b->anchor_names);
    free(b->key);
    if (!good) {
        json_decref(b->root);
        return NULL;
    }
    return b->root;
}

json_t *document_parse(const char *text, size_t length, const char *file, struct fault *fault)
{
    return document_parse_memo(text, length, file, NULL, fault);
}

json_t *document_parse_memo(const char *text, size_t length, const char *file,
                            struct document_memo *memo, struct fault *fault)
{
    memset(fault, 0, sizeof *fault);
    (void)snprintf(fault->file, sizeof fault->file, "%s", file == NULL ? "" : file);
    document_skip_mark(&text, &length);
    if (!document_check_utf8(text, length, fault)) {
        return NULL;
    }
    struct builder *builder = calloc(1, sizeof *builder);
    if (builder == NULL) {
        fault_set(fault, "", "", "out of memory");
        return NULL;
    }
    builder->text = text;
    builder->length = length;
    builder->syntax = document_syntax(text, length);
    builder->fault = fault;
    builder->memo = memo;
    json_t *root = build(builder);
    free(builder);
    return root;
}

const char *document_type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}
