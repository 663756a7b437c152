#include "log.h"

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A longer line is cut; the longest fault with every byte escaped would be twice that, nothing that
   occurs comes near. */
#define LINE_BYTES 4096

struct line {
    char bytes[LINE_BYTES];
    size_t length; /* <= LINE_BYTES - 1: room for the newline */
};

/* How long a line waits for whoever reads a pipe or a terminal. After that, lines are counted
   instead until there is room again: a log that nobody reads must not stop the agent. */
#define PATIENCE_MS 100

static struct {
    enum log_level level;
    bool journal;
    int64_t lost; /* lines since somebody read the last one */
} settings = {LOG_LEVEL_INFO, false, 0};

static const struct {
    const char *name;
    enum log_level level;
} levels[] = {
    {"error", LOG_LEVEL_ERROR},
    {"warning", LOG_LEVEL_WARNING},
    {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},
};

/* systemd.exec(5): the variable holds "device:inode" of the journal's stream; children whose stderr
   was redirected inherit the variable, so it counts only when it names this very stderr. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || isatty(STDERR_FILENO) || fstat(STDERR_FILENO, &st) != 0) {
        return false;
    }
    char own[48];
    snprintf(own, sizeof own, "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(stream, own) == 0;
}

void log_setup(enum log_level level)
{
    settings.level = level;
    settings.journal = stderr_is_journal();
}

int log_level_parse(const char *text, enum log_level *out)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcasecmp(text, levels[i].name) == 0) {
            *out = levels[i].level;
            return 0;
        }
    }
    return -1;
}

const char *log_level_name(enum log_level level)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].level == level) {
            return levels[i].name;
        }
    }
    return "info";
}

static void append(struct line *line, const char *bytes, size_t length)
{
    const size_t room = LINE_BYTES - 1 - line->length;
    const size_t taken = length < room ? length : room;
    memcpy(line->bytes + line->length, bytes, taken);
    line->length += taken;
}

static void append_text(struct line *line, const char *text)
{
    append(line, text, strlen(text));
}

static bool needs_quotes(const char *value)
{
    if (*value == '\0') {
        return true;
    }
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        if (*c <= ' ' || *c == '"' || *c == '\\' || *c == '=' || *c == 0x7f) {
            return true;
        }
    }
    return false;
}

static void append_value(struct line *line, const char *value)
{
    if (!needs_quotes(value)) {
        append_text(line, value);
        return;
    }
    append_text(line, "\"");
    for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
        char escaped[8];
        if (*c == '"' || *c == '\\') {
            append(line, (const char[]){'\\', (char)*c}, 2);
        } else if (*c == '\n') {
            append_text(line, "\\n");
        } else if (*c < ' ' || *c == 0x7f) {
            snprintf(escaped, sizeof escaped, "\\u%04x", *c);
            append_text(line, escaped);
        } else {
            append(line, (const char *)c, 1);
        }
    }
    append_text(line, "\"");
}

static void append_start(struct line *line, enum log_level level)
{
    char text[64];
    if (settings.journal) {
        snprintf(text, sizeof text, "<%d>", (int)level);
        append_text(line, text);
        return;
    }
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    const size_t length = strftime(text, sizeof text, "time=%Y-%m-%dT%H:%M:%S", &utc);
    append(line, text, length);
    snprintf(text, sizeof text, ".%03dZ ", (int)(now.tv_nsec / 1000000));
    append_text(line, text);
}

static void append_field(struct line *line, const struct log_field *field)
{
    append_text(line, " ");
    append_text(line, field->key);
    append_text(line, "=");
    if (field->text) {
        append_value(line, field->text);
    } else {
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, field->number);
        append_text(line, number);
    }
}

static void write_line(enum log_level level, const char *event, const struct log_field *fields,
                       unsigned count)
{
    struct line line;
    line.length = 0;
    append_start(&line, level);
    append_text(&line, "level=");
    append_text(&line, log_level_name(level));
    append_text(&line, " event=");
    append_value(&line, event);
    for (unsigned i = 0; i < count; i++) {
        append_field(&line, &fields[i]);
    }
    line.bytes[line.length++] = '\n';
    /* One write, so that lines of several processes on one stream do not mix. A log that cannot be
       written must not stop the agent. */
    if (write(STDERR_FILENO, line.bytes, line.length) < 0) {
        return;
    }
}

/* A pipe that can be written has room for PIPE_BUF bytes, which is a line. */
static bool has_room(int patience_ms)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    const int ready = poll(&out, 1, patience_ms);
    return (ready < 0 ? poll(&out, 1, 0) : ready) > 0; /* less: a signal */
}

void log_event(enum log_level level, const char *event, const struct log_field *fields,
               unsigned count)
{
    if (level > settings.level) {
        return;
    }
    if (!has_room(settings.lost ? 0 : PATIENCE_MS)) {
        settings.lost++;
        return;
    }
    if (settings.lost) {
        const struct log_field lost = log_number("lines", settings.lost);
        settings.lost = 0;
        write_line(LOG_LEVEL_WARNING, "log-lost", &lost, 1);
        if (!has_room(0)) {
            settings.lost = 1;
            return;
        }
    }
    write_line(level, event, fields, count);
}

const char *log_generation(uint64_t generation, char text[LOG_GENERATION])
{
    if (generation == 0) {
        return "none";
    }
    snprintf(text, LOG_GENERATION, "%" PRIu64 ".%" PRIu64, generation >> 32,
             generation & UINT32_MAX);
    return text;
}

void log_fault(enum log_level level, const char *event, const struct fault *fault)
{
    struct log_field fields[6];
    unsigned count = 0;
    if (fault->file[0]) {
        fields[count++] = log_text("file", fault->file);
    }
    if (fault->line) {
        fields[count++] = log_number("line", fault->line);
        fields[count++] = log_number("column", fault->column);
    }
    if (fault->member[0]) {
        fields[count++] = log_text("member", fault->member);
    }
    fields[count++] = log_text("cause", fault->cause);
    if (fault->hint[0]) {
        fields[count++] = log_text("hint", fault->hint);
    }
    log_event(level, event, fields, count);
}
