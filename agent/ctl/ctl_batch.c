#include "ctl_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_output.h"
#include "ctl_type.h"
#include "inspect/inspect_result.h"
#include "json.h"

#define READ_SIZE ((size_t)256 << 10)
#define SCRATCH_MORE 64 /* what ffshm_context_parse needs beyond the length */

/* Lines of a descriptor. The buffer holds one line and what was read beyond it. */
struct reader {
    int fd;
    char *bytes;
    size_t capacity;
    size_t from; /* start of what is not used yet */
    size_t to;
    bool ended;
};

enum line { LINE_END, LINE_OK, LINE_TOO_LONG, LINE_ERROR };

struct batch {
    struct ffshm *store;
    const struct ffshm_view *view; /* NULL: the current snapshot of each line's moment */
    struct reader reader;
    char *scratch; /* the context's decoded strings */
    size_t scratch_size;
    char *key; /* the decoded flag key */
    size_t key_size;
    uint64_t line;
    bool malformed;
};

/* Makes room for more: moves what is not used yet to the front, or grows. */
static bool make_room(struct reader *r)
{
    if (r->from > 0) {
        memmove(r->bytes, r->bytes + r->from, r->to - r->from);
        r->to -= r->from;
        r->from = 0;
    }
    if (r->capacity - r->to >= READ_SIZE) {
        return true;
    }
    const size_t capacity = r->capacity < READ_SIZE ? READ_SIZE * 2 : r->capacity * 2;
    char *const bytes = realloc(r->bytes, capacity);
    if (bytes) {
        r->bytes = bytes;
        r->capacity = capacity;
    }
    return bytes != NULL;
}

/* One read. false: an error (errno). */
static bool fill(struct reader *r)
{
    if (!make_room(r)) {
        errno = ENOMEM;
        return false;
    }
    fflush(stdout);
    ssize_t got;
    do {
        got = read(r->fd, r->bytes + r->to, r->capacity - r->to);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return false;
    }
    r->ended = got == 0;
    r->to += (size_t)got;
    return true;
}

/* Drops everything up to the end of a line that does not fit. */
static enum line skip_line(struct reader *r)
{
    for (;;) {
        const char *const end = memchr(r->bytes + r->from, '\n', r->to - r->from);
        if (end) {
            r->from = (size_t)(end - r->bytes) + 1;
            return LINE_TOO_LONG;
        }
        r->from = r->to = 0;
        if (r->ended) {
            return LINE_TOO_LONG;
        }
        if (!fill(r)) {
            return LINE_ERROR;
        }
    }
}

/* The next line without its end; valid until the next call. */
static enum line next_line(struct reader *r, const char **line, size_t *length)
{
    size_t searched = 0;
    for (;;) {
        const size_t there = r->to - r->from;
        const char *const start = r->bytes + r->from;
        const char *const end =
            there > searched ? memchr(start + searched, '\n', there - searched) : NULL;
        if (end || (r->ended && there > 0)) {
            *line = start;
            *length = end ? (size_t)(end - start) : there;
            r->from += *length + (end != NULL);
            return LINE_OK;
        }
        if (r->ended) {
            return LINE_END;
        }
        if (there > BATCH_MAX_LINE) {
            return skip_line(r);
        }
        searched = there;
        if (!fill(r)) {
            return LINE_ERROR;
        }
    }
}

static void refuse(struct batch *b, const char *error)
{
    b->malformed = true;
    output_text("{\"error\":");
    output_quoted(error);
    output_text(",\"line\":");
    output_unsigned(b->line);
    output_text("}\n");
}

/* The buffer with at least the needed size; NULL: no memory. */
static char *grow(char **buffer, size_t *size, size_t needed)
{
    if (*size >= needed) {
        return *buffer;
    }
    char *const bigger = realloc(*buffer, needed * 2);
    if (bigger) {
        *buffer = bigger;
        *size = needed * 2;
    }
    return bigger;
}

struct question {
    struct json_slice flag;
    struct json_slice context;
    struct json_slice fallback;
    struct json_slice type;
};

static bool named(const struct json_slice *name, const char *wanted, size_t length)
{
    return name->length == length + 2 && memcmp(name->text + 1, wanted, length) == 0;
}

/* Picks the members out in one pass; "context" wins over "user". */
static void read_members(const struct json_slice *object, struct question *q)
{
    size_t cursor = 0;
    struct json_slice name;
    struct json_slice value;
    bool has_context = false;
    while (json_next(object, &cursor, &name, &value)) {
        if (named(&name, "flag", 4)) {
            q->flag = value;
        } else if (named(&name, "context", 7)) {
            q->context = value;
            has_context = true;
        } else if (named(&name, "user", 4) && !has_context) {
            q->context = value;
        } else if (named(&name, "default", 7)) {
            q->fallback = value;
        } else if (named(&name, "type", 4)) {
            q->type = value;
        }
    }
}

static struct ffshm_result ask(const struct ffshm_view *view, const char *key, size_t length,
                               const struct ffshm_context *who)
{
    if (memchr(key, '\0', length) == NULL) {
        return ffshm_evaluate(view, key, who);
    }
    struct ffshm_result r = ffshm_evaluate(view, "", who); /* no flag has a NUL in its key */
    if (r.error != FFSHM_NOT_READY && r.error != FFSHM_INVALID_CONTEXT) {
        r = (struct ffshm_result){.error = FFSHM_FLAG_NOT_FOUND,
                                  .variation = -1,
                                  .rule_index = -1,
                                  .variant = "",
                                  .rule_id = "",
                                  .prerequisite_key = "",
                                  .generation = r.generation};
    }
    return r;
}

static void answer(struct batch *b, const struct question *q, enum type type, const char *key,
                   size_t length)
{
    struct ffshm_context who;
    /* On an error the context is invalid, and the result says so. */
    (void)ffshm_context_parse(&who, q->context.text, q->context.length, b->scratch,
                              b->scratch_size);
    struct ffshm_view now = {NULL, NULL};
    if (!b->view) {
        ffshm_pin(b->store, &now);
    }
    char number[TYPE_TEXT];
    struct ffshm_result r = ask(b->view ? b->view : &now, key, length, &who);
    type_apply(type, &r, number);
    output_text("{\"flag\":");
    output_json(q->flag.text, q->flag.length);
    output_text(",");
    result_members(stdout, &r, q->fallback.type == JSON_END ? NULL : q->fallback.text,
                   q->fallback.length);
    output_text("}\n");
    ffshm_unpin(&now);
}

static void take_line(struct batch *b, const char *line, size_t length)
{
    struct json_slice object;
    struct question q = {0};
    if (json_check(line, length, 0, &object, NULL) != FFSHM_OK) {
        refuse(b, "not valid JSON");
        return;
    }
    if (object.type != JSON_OBJECT) {
        refuse(b, "not a JSON object");
        return;
    }
    read_members(&object, &q);
    if (q.flag.type != JSON_STRING) {
        refuse(b, "\"flag\" must be a string");
        return;
    }
    if (q.context.type == JSON_END) {
        refuse(b, "neither \"context\" nor \"user\"");
        return;
    }
    enum type type = TYPE_ANY;
    if (q.type.type != JSON_END) {
        type = q.type.type == JSON_STRING ? type_parse(q.type.text + 1, q.type.length - 2)
                                          : TYPE_UNKNOWN;
    }
    if (type == TYPE_UNKNOWN) {
        refuse(b, "\"type\" must be bool, int, double, string, any or json");
        return;
    }
    const char *decoded;
    size_t key_length;
    char *const key = grow(&b->key, &b->key_size, q.flag.length + 1);
    if (!key || !grow(&b->scratch, &b->scratch_size, q.context.length + SCRATCH_MORE) ||
        !json_string(&q.flag, key, b->key_size, &decoded, &key_length)) {
        refuse(b, "out of memory");
        return;
    }
    if (decoded != key) { /* in place, not terminated */
        memcpy(key, decoded, key_length);
        key[key_length] = '\0';
    }
    answer(b, &q, type, key, key_length);
}

static bool blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r') {
            return false;
        }
    }
    return true;
}

static int run(const struct ctl *ctl, struct batch *b)
{
    for (;;) {
        const char *line = "";
        size_t length = 0;
        const enum line what = next_line(&b->reader, &line, &length);
        b->line++;
        switch (what) {
        case LINE_END:
            return b->malformed ? CTL_NEGATIVE : CTL_OK;
        case LINE_ERROR:
            return ctl_fail(ctl, "cannot read the input: %s", strerror(errno));
        case LINE_TOO_LONG:
            refuse(b, "longer than 64 MiB");
            break;
        case LINE_OK:
            if (blank(line, length)) {
                refuse(b, "an empty line");
            } else {
                take_line(b, line, length);
            }
            break;
        }
        if (ferror(stdout)) {
            return CTL_NEGATIVE; /* main reports it */
        }
    }
}

int batch_run(const struct ctl *ctl, struct ffshm *store, const struct ffshm_view *view,
              const char *input)
{
    struct batch b = {.store = store, .view = view, .reader = {.fd = STDIN_FILENO}};
    if (input) {
        b.reader.fd = open(input, O_RDONLY | O_CLOEXEC);
        if (b.reader.fd < 0) {
            return ctl_fail(ctl, "%s: %s", input, strerror(errno));
        }
    }
    setvbuf(stdout, NULL, _IOFBF, READ_SIZE);
    const int code = run(ctl, &b);
    if (input) {
        close(b.reader.fd);
    }
    free(b.reader.bytes);
    free(b.scratch);
    free(b.key);
    return code;
}
